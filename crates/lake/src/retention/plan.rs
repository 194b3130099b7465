//! What is due: of one tenant, type and day, which rows go, and which files that touches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::retention::policy::{PERIODS, Policies};
use crate::retention::report::{Heading, Line, Report};
use crate::rollup::{Target, attributes};
use crate::{Entry, Lake, LakeError, Manifest, Partition, Table};

/// Files whose attributes are remembered.
const FILES_MAX: usize = 20_000;

/// What of which attributes files have: they never change, so it is read once.
#[derive(Debug, Default)]
pub(crate) struct Census(parking_lot::Mutex<BTreeMap<String, Arc<BTreeMap<String, u64>>>>);

impl Census {
    async fn of(
        &self,
        lake: &Lake,
        entry: &Entry,
    ) -> Result<Arc<BTreeMap<String, u64>>, LakeError> {
        if let Some(known) = self.0.lock().get(&entry.path) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(attributes(lake, entry).await?);
        let mut known = self.0.lock();
        if known.len() >= FILES_MAX {
            known.clear();
        }
        known.insert(entry.path.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// Forgets files that count no more.
    pub(crate) fn forget(&self, manifest: &Manifest) {
        self.0.lock().retain(|path, _| manifest.names(path));
    }
}

/// Which files are looked at together: they are of one tenant, type and day, or of one table and day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unit {
    /// The table of records; `None`: history and its roll-ups.
    pub(crate) table: Option<String>,
    /// The expanded name of the type; empty for records.
    pub(crate) class: String,
    /// The day.
    pub(crate) day: i32,
}

/// The files of a unit, by period; 0: history itself, or records.
pub(crate) type Files = BTreeMap<i64, Vec<Arc<Entry>>>;

/// The units of a tenant for which some policy may hold.
pub(crate) fn units(
    manifest: &Manifest,
    tenant: &str,
    policies: &Policies,
) -> BTreeMap<Unit, Files> {
    let mut units: BTreeMap<Unit, Files> = BTreeMap::new();
    for (partition, files) in manifest.partitions() {
        if partition.tenant != tenant {
            continue;
        }
        let (table, period) = match &partition.table {
            Table::History => (None, 0),
            Table::Rolled(period) => (None, *period),
            Table::Records(name) => (Some(name.clone()), 0),
        };
        let is_meant = match &table {
            None => policies
                .possible(&partition.class)
                .iter()
                .any(Option::is_some),
            Some(name) => policies.of_table(name).is_some(),
        };
        if is_meant {
            let unit = Unit {
                table,
                class: partition.class.clone(),
                day: partition.day,
            };
            let levels = units.entry(unit).or_default();
            levels
                .entry(period)
                .or_default()
                .extend(files.iter().cloned());
        }
    }
    units
}

/// The files of one unit.
pub(crate) fn files(manifest: &Manifest, tenant: &str, unit: &Unit) -> Files {
    let tables = match &unit.table {
        Some(name) => vec![(0, Table::Records(name.clone()))],
        None => std::iter::once((0, Table::History))
            .chain(PERIODS.map(|period| (period, Table::Rolled(period))))
            .collect(),
    };
    let mut levels = Files::new();
    for (period, table) in tables {
        let files = manifest.files(&Partition {
            table,
            tenant: tenant.to_owned(),
            class: unit.class.clone(),
            day: unit.day,
        });
        if !files.is_empty() {
            levels.insert(period, files.to_vec());
        }
    }
    levels
}

/// What is to be done with a unit.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Files that go.
    pub(crate) remove: Vec<Arc<Entry>>,
    /// Those of them that are written anew with the rows that stay.
    pub(crate) trim: Vec<Arc<Entry>>,
    /// Those of them that are read to make roll-ups, with their periods.
    pub(crate) roll: Vec<(i64, Arc<Entry>)>,
    /// The same in figures.
    pub(crate) report: Report,
}

/// Looks at a unit as of a moment, in microseconds.
pub(crate) async fn plan(
    lake: &Lake,
    policies: &Policies,
    (unit, files): (&Unit, &Files),
    now: i64,
) -> Result<Work, LakeError> {
    let mut work = Work::default();
    let mut coming: BTreeSet<i64> = BTreeSet::new();
    for (period, files) in files {
        let mut shares = Vec::new();
        for entry in files {
            shares.push(share(lake, policies, (unit, *period), entry, now).await?);
        }
        let is_leaving = |share: &Share| share.keys().any(|target| *target != Target::Keep);
        let is_new = coming.contains(period) || (*period > 0 && shares.iter().any(is_leaving));
        let mut line = Line::default();
        for (entry, share) in files.iter().zip(&shares) {
            let is_touched = is_new || is_leaving(share);
            line.count(entry, share, is_touched);
            if !is_touched {
                continue;
            }
            work.remove.push(Arc::clone(entry));
            let goes_on = |target: &Target| match target {
                Target::Into(_) => true,
                Target::Keep => *period > 0,
                Target::Gone => false,
            };
            if share.keys().any(goes_on) {
                work.roll.push((*period, Arc::clone(entry)));
            }
            if *period == 0 && share.contains_key(&Target::Keep) {
                work.trim.push(Arc::clone(entry));
            }
            coming.extend(share.keys().filter_map(|target| match target {
                Target::Into(period) => Some(*period),
                Target::Keep | Target::Gone => None,
            }));
        }
        line.days = u64::from(line.rows > 0);
        work.report.lines.insert(Heading::of(unit, *period), line);
    }
    Ok(work)
}

/// How many rows of a file have which fate.
pub(crate) type Share = BTreeMap<Target, u64>;

async fn share(
    lake: &Lake,
    policies: &Policies,
    (unit, period): (&Unit, i64),
    entry: &Entry,
    now: i64,
) -> Result<Share, LakeError> {
    let target = |policy: Option<&crate::retention::Policy>| {
        policy.map_or(Target::Keep, |policy| policy.target(unit.day, period, now))
    };
    let possible: BTreeSet<Target> = match &unit.table {
        Some(name) => BTreeSet::from([target(policies.of_table(name))]),
        None => policies
            .possible(&unit.class)
            .into_iter()
            .map(target)
            .collect(),
    };
    if let (Some(only), 1) = (possible.first(), possible.len()) {
        return Ok(Share::from([(*only, entry.rows)]));
    }
    let mut share = Share::new();
    for (attribute, rows) in &*lake.retention.census.of(lake, entry).await? {
        let target = target(policies.of(&unit.class, attribute));
        *share.entry(target).or_default() += rows;
    }
    Ok(share)
}
