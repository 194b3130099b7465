//! The plainest archive: every row in a list, cuts done at once. It also checks what a store that
//! gives its history away has promised.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{Name, Seq, Tenant, Time};
use ports::{
    Archive, Cut, Parcel, Past, PastAsk, PastReader, PastRow, PastSeries, Reach, StoreError,
};

/// Rows that a reader gives at once: few, so that reads meet the edges.
const ROWS_AT_ONCE: usize = 3;

/// Tenant, entity, attribute, dataset.
type Key = (Tenant, Name, Name, Option<Name>);

/// An archive in memory; its clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct PlainArchive(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    until: Seq,
    rows: BTreeMap<Key, Vec<PastRow>>,
}

impl PlainArchive {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The change up to which it has all.
    pub fn until(&self) -> Seq {
        self.shelf().until
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.shelf().rows.values().map(Vec::len).sum()
    }

    /// Takes one parcel over, if there is anything new.
    ///
    /// # Panics
    /// If the store breaks what it has promised.
    pub fn take_over(&self, past: &dyn Past, rows_max: u64) -> Result<bool, StoreError> {
        let Some(parcel) = past.parcel(self.until(), rows_max)? else {
            return Ok(false);
        };
        self.put(parcel)?;
        Ok(true)
    }

    /// Takes a parcel over: all of it, or nothing if it cannot be read to its end.
    ///
    /// # Panics
    /// If the store breaks what it has promised.
    pub fn put(&self, mut parcel: Box<dyn Parcel>) -> Result<(), StoreError> {
        let (from, until) = parcel.range();
        assert_eq!(from, self.until().next(), "a parcel follows the one before");
        assert!(until >= from, "a parcel goes on: {from} to {until}");
        let mut series: Vec<(PastSeries, Vec<PastRow>)> = Vec::new();
        let mut rows = Vec::new();
        while let Some(next) = parcel.next(&mut rows)? {
            assert!(!rows.is_empty(), "a part has rows");
            let rows = std::mem::take(&mut rows);
            match series.last_mut() {
                Some((last, all)) if *last == next => all.extend(rows),
                _ => series.push((next, rows)),
            }
        }
        let owner = |(series, _): &(PastSeries, _)| (series.tenant.clone(), series.entity.clone());
        assert!(series.is_sorted_by_key(owner), "by tenant and entity");
        let cuts = parcel.cuts();
        let mut kept = self.shelf();
        for cut in &cuts {
            assert!((from..=until).contains(&cut.at), "{cut:?} is of the range");
            kept.cut(cut);
        }
        for (of, rows) in series {
            assert!(
                rows.is_sorted_by_key(|row| (row.moment, row.id)),
                "rows of a series are in order: {rows:#?}"
            );
            let key = (of.tenant, of.entity, of.name, of.dataset_id);
            for row in &rows {
                assert!(
                    (from..=until).contains(&row.arrived.seq),
                    "{row:?} is of the range"
                );
                for cut in &cuts {
                    assert!(!hides(cut, &key, row), "{cut:?} took {row:?}");
                }
            }
            kept.add(key, rows);
        }
        kept.until = until;
        Ok(())
    }
}

impl Shelf {
    fn cut(&mut self, cut: &Cut) {
        for (key, rows) in &mut self.rows {
            rows.retain(|row| !hides(cut, key, row));
        }
    }

    fn add(&mut self, key: Key, rows: Vec<PastRow>) {
        let all = self.rows.entry(key).or_default();
        for row in rows {
            assert!(
                all.iter().all(|old| old.arrived != row.arrived),
                "no row comes twice: {row:?}"
            );
            let same_time =
                |old: &PastRow| row.observed && old.observed && old.moment == row.moment;
            all.retain(|old| !same_time(old));
            all.push(row);
        }
        all.sort_by_key(|row| (row.moment, row.id));
    }
}

fn hides(cut: &Cut, (tenant, entity, attribute, dataset): &Key, row: &PastRow) -> bool {
    let is_series = |name: &Name, of: &Option<Name>| name == attribute && of == dataset;
    (&cut.tenant, &cut.entity) == (tenant, entity)
        && row.arrived.seq < cut.at
        && match &cut.reach {
            Reach::Entity => true,
            Reach::Attribute { name, dataset_id } => {
                name == attribute && dataset_id.as_ref().is_none_or(|of| of == dataset)
            }
            Reach::Observed {
                name,
                dataset_id,
                time,
            } => is_series(name, dataset_id) && row.observed && row.moment == *time,
            Reach::Instance {
                name,
                dataset_id,
                instance,
            } => is_series(name, dataset_id) && row.id == *instance,
        }
}

impl Archive for PlainArchive {
    fn read(&self, ask: PastAsk) -> Result<Box<dyn PastReader>, StoreError> {
        let PastAsk {
            tenant,
            entity,
            attributes,
            moments: (from, until),
            last,
        } = ask;
        let kept = self.shelf();
        let all = kept.rows.iter().filter(|((t, e, name, _), _)| {
            let is_asked = attributes.as_ref().is_none_or(|asked| asked.contains(name));
            is_asked && (t, e) == (&tenant, &entity)
        });
        let within = |moment: Time| (from..=until).contains(&moment);
        let series = all.map(|((_, _, name, dataset), rows)| {
            let rows = rows.iter().filter(|row| within(row.moment)).cloned();
            let mut rows: Vec<PastRow> = rows.collect();
            // The next ones are taken from the end.
            if !last {
                rows.reverse();
            }
            ((name.clone(), dataset.clone()), rows)
        });
        Ok(Box::new(Reading(series.collect())))
    }
}

/// A read: for each series what is left, the next row last.
#[derive(Debug)]
struct Reading(BTreeMap<(Name, Option<Name>), Vec<PastRow>>);

impl PastReader for Reading {
    fn series(&mut self) -> Result<Vec<(Name, Option<Name>)>, StoreError> {
        Ok(self.0.keys().cloned().collect())
    }

    fn next(
        &mut self,
        name: &Name,
        dataset_id: Option<&Name>,
        rows: &mut Vec<PastRow>,
    ) -> Result<(), StoreError> {
        let key = (name.clone(), dataset_id.cloned());
        let left = self.0.get_mut(&key);
        let taken = left.map(|left| left.split_off(left.len().saturating_sub(ROWS_AT_ONCE)));
        rows.extend(taken.into_iter().flatten().rev());
        Ok(())
    }
}
