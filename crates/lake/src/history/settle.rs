//! Which rows of a sealed file no longer count: those that a cut took out, and those of an
//! `observedAt` that came again. It says the same as the store says of rows that fall together.

use std::collections::BTreeMap;

use arrow::array::{BooleanArray, BooleanBuilder, RecordBatch};
use arrow::compute::filter_record_batch;
use base::{Name, Seq};
use bytes::Bytes;
use ports::{Cut, Reach};

use super::scan::{Key, Keys, Scan, Source};
use super::write::{FileWriter, Sealed};
use crate::manifest::day_of;
use crate::{Entry, LakeError, Table};

/// What a parcel takes out of files that are sealed.
#[derive(Debug, Default)]
pub struct Takes {
    /// Cuts of the file's tenant, by entity.
    cuts: BTreeMap<Name, Vec<Cut>>,
    /// Newer files whose rows may have come again, name and bytes.
    newer: Vec<(String, Bytes)>,
}

impl Takes {
    /// What of the cuts and of the new files may take rows out of a file.
    pub fn of(file: &Entry, cuts: &[Cut], newer: &[Sealed]) -> Self {
        let tenant = file.partition.tenant.as_str();
        let (first, last) = (file.entities.0.as_str(), file.entities.1.as_str());
        let mut reaching: BTreeMap<Name, Vec<Cut>> = BTreeMap::new();
        for cut in cuts {
            let is_in = (first..=last).contains(&&*cut.entity);
            if cut.tenant.as_str() == tenant && is_in && reaches_day(cut, file) {
                let of_entity = reaching.entry(cut.entity.clone()).or_default();
                of_entity.push(cut.clone());
            }
        }
        let overlaps = |new: &Entry| {
            file.partition.table == Table::History
                && new.partition.table == Table::History
                && new.partition.tenant == file.partition.tenant
                && new.partition.day == file.partition.day
                && new.moments.0 <= file.moments.1
                && file.moments.0 <= new.moments.1
                && new.entities.0.as_str() <= last
                && first <= new.entities.1.as_str()
        };
        let newer = newer.iter().filter(|new| overlaps(&new.entry));
        Self {
            cuts: reaching,
            newer: newer
                .map(|new| (new.entry.path.clone(), new.bytes.clone()))
                .collect(),
        }
    }

    /// Whether the file is surely left as it is.
    pub fn is_nothing(&self) -> bool {
        self.cuts.is_empty() && self.newer.is_empty()
    }

    /// Reads the file and says whether it has rows that no longer count.
    pub fn take_from(&self, path: &str, source: Source) -> Result<bool, LakeError> {
        let mut scan = Scan::open(path, source, Some(&Keys::COLUMNS))?;
        let mut taking = self.start()?;
        while let Some(batch) = scan.read()? {
            if taking.kept(path, &batch)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes what is left of the file; none is, if that is nothing.
    pub fn rewrite(
        &self,
        path: &str,
        source: Source,
        mut writer: FileWriter,
    ) -> Result<Option<Sealed>, LakeError> {
        let mut scan = Scan::open(path, source, None)?;
        let mut taking = self.start()?;
        while let Some(batch) = scan.read()? {
            match taking.kept(path, &batch)? {
                None => writer.write(&batch)?,
                Some(kept) => {
                    let left = filter_record_batch(&batch, &kept);
                    let left = left.map_err(|error| damaged(path, &error))?;
                    writer.write(&left)?;
                }
            }
        }
        writer.finish()
    }

    fn start(&self) -> Result<Taking<'_>, LakeError> {
        let newer = self.newer.iter();
        let newer: Result<_, LakeError> = newer
            .map(|(path, bytes)| Newer::open(path, bytes))
            .collect();
        Ok(Taking {
            takes: self,
            newer: newer?,
        })
    }
}

fn damaged(path: &str, error: &dyn std::fmt::Display) -> LakeError {
    LakeError::Corrupt(format!("the file {path}: {error}"))
}

/// Whether a cut can reach rows of the file's table and day.
fn reaches_day(cut: &Cut, file: &Entry) -> bool {
    match (&file.partition.table, &cut.reach) {
        (Table::Records(_), _)
        | (Table::Rolled(_), Reach::Observed { .. } | Reach::Instance { .. }) => false,
        (Table::History, Reach::Observed { time, .. }) => {
            day_of(*time) == file.partition.day
                && (file.moments.0..=file.moments.1).contains(&time.0)
        }
        _ => true,
    }
}

/// A pass over a file, in its order.
#[derive(Debug)]
struct Taking<'a> {
    takes: &'a Takes,
    newer: Vec<Newer>,
}

impl Taking<'_> {
    /// Which rows of the next batch count; `None`: all.
    fn kept(&mut self, path: &str, batch: &RecordBatch) -> Result<Option<BooleanArray>, LakeError> {
        let keys = Keys::of(batch).ok_or_else(|| damaged(path, &"columns are missing"))?;
        let mut kept = BooleanBuilder::with_capacity(keys.len());
        let mut all = true;
        let mut entity: Option<(&str, &[Cut])> = None;
        for row in 0..keys.len() {
            let name = keys.entity(row);
            let cuts = match entity {
                Some((before, cuts)) if before == name => cuts,
                _ => self.takes.cuts.get(name).map_or(&[][..], Vec::as_slice),
            };
            entity = Some((name, cuts));
            let mut is_kept = !cuts.iter().any(|cut| takes(cut, &keys, row));
            if is_kept && keys.is_observed(row) {
                let key = keys.key(row);
                for newer in &mut self.newer {
                    is_kept &= !newer.has(key)?;
                }
            }
            kept.append_value(is_kept);
            all &= is_kept;
        }
        Ok((!all).then(|| kept.finish()))
    }
}

/// Whether a cut takes a row of its entity.
fn takes(cut: &Cut, keys: &Keys, row: usize) -> bool {
    let key = keys.key(row);
    let arrived = keys.arrived(row);
    let is_series = |name: &Name, dataset: Option<&Name>| {
        key.attribute == &**name && key.dataset == dataset.map(|d| &**d)
    };
    let is_before = u64::try_from(arrived).is_ok_and(|arrived| Seq(arrived) < cut.at);
    is_before
        && match &cut.reach {
            Reach::Entity => true,
            Reach::Attribute { name, dataset_id } => {
                let of_dataset = dataset_id
                    .as_ref()
                    .is_none_or(|dataset| key.dataset == dataset.as_deref());
                key.attribute == &**name && of_dataset
            }
            Reach::Observed {
                name,
                dataset_id,
                time,
            } => {
                is_series(name, dataset_id.as_ref()) && keys.is_observed(row) && key.time == time.0
            }
            Reach::Instance {
                name,
                dataset_id,
                instance,
            } => {
                is_series(name, dataset_id.as_ref())
                    && u64::try_from(key.seq) == Ok(instance.seq.0)
                    && u32::try_from(key.place) == Ok(instance.index)
            }
        }
}

/// The observed rows of a new file, met in order.
#[derive(Debug)]
struct Newer {
    scan: Scan,
    keys: Option<Keys>,
    row: usize,
}

impl Newer {
    fn open(path: &str, bytes: &Bytes) -> Result<Self, LakeError> {
        let columns = ["entity", "attribute_uri", "dataset", "time", "observed"];
        Ok(Self {
            scan: Scan::open(path, Source::Bytes(bytes.clone()), Some(&columns))?,
            keys: None,
            row: 0,
        })
    }

    /// Whether it has a row observed at that time of that series. Keys are asked for in order.
    fn has(&mut self, key: Key<'_>) -> Result<bool, LakeError> {
        let asked = Key {
            seq: 0,
            place: 0,
            ..key
        };
        loop {
            while let Some(keys) = &self.keys
                && self.row < keys.len()
            {
                let next = keys.key(self.row);
                if next > asked {
                    return Ok(false);
                }
                if next == asked && keys.is_observed(self.row) {
                    return Ok(true);
                }
                self.row += 1;
            }
            let Some(batch) = self.scan.read()? else {
                self.keys = None;
                return Ok(false);
            };
            self.keys = Keys::of(&batch);
            self.row = 0;
        }
    }
}
