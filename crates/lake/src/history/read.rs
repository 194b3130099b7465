//! Sealed history, read back for the store: an entity's rows, day by day in the direction asked for.
//!
//! A read is of one manifest, so of one moment. Of each day only the files are opened whose bounds
//! hold the entity, of these the row groups and pages that may have its rows. An entity may have had
//! another first type once, so every class is looked into. The series of an entity lie together in a
//! file: what is decoded for one of them is kept for the others, up to a bound.
//!
//! Of what was rolled up the finest that is left of a day and series is given; raw rows that are
//! there as well arrived later and are not in it.

mod columns;
mod day;
mod file;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use base::Name;
use ports::{Archive, PastAsk, PastReader, PastRow, StoreError};
use tokio::runtime::Handle;

use super::cache::Footers;
use crate::limits::{FOOTERS_BYTES_MAX, READ_AHEAD_ROWS_MAX};
use crate::manifest::day_of;
use crate::{Entry, Lake, LakeError, Manifest, Objects, Partition, Table};
use day::{Day, Merge};
use file::{Shared, Wanted};

/// Where sealed history is read. It does not keep the lake alive: the lake has the store, and the
/// store has this.
#[derive(Debug)]
pub struct Shelf {
    lake: Weak<Lake>,
    shared: Arc<Shared>,
}

impl Shelf {
    /// Of a lake whose files are there. Files in an object store are awaited on `runtime`, so that
    /// reads block: they must not run on its own threads.
    pub fn new(lake: &Arc<Lake>, objects: Objects, runtime: Handle) -> Self {
        Self {
            lake: Arc::downgrade(lake),
            shared: Arc::new(Shared {
                objects,
                runtime,
                footers: Footers::new(FOOTERS_BYTES_MAX),
            }),
        }
    }
}

impl Archive for Shelf {
    fn read(&self, ask: PastAsk) -> Result<Box<dyn PastReader>, StoreError> {
        let lake = self.lake.upgrade().ok_or_else(|| StoreError::Unavailable {
            reason: "the lake is closed".to_owned(),
        })?;
        let days = days(&lake.manifest(), &ask);
        Ok(Box::new(Reading {
            shared: Arc::clone(&self.shared),
            ask,
            days,
            series: HashMap::new(),
            room: READ_AHEAD_ROWS_MAX,
        }))
    }
}

/// What the store is told.
fn told(error: LakeError) -> StoreError {
    let reason = error.to_string();
    match error {
        LakeError::Store(error) => error,
        LakeError::Corrupt(_) | LakeError::Parquet { .. } => StoreError::Corrupt { reason },
        _ => StoreError::Unavailable { reason },
    }
}

/// The files that may have something of what is asked for, by day in the direction of the read.
fn days(manifest: &Manifest, ask: &PastAsk) -> Vec<Day> {
    let span = (day_of(ask.moments.0), day_of(ask.moments.1));
    let mut days: BTreeMap<i32, Vec<Arc<Entry>>> = BTreeMap::new();
    let mut begin = Some(Partition {
        table: Table::History,
        tenant: ask.tenant.as_str().to_owned(),
        class: String::new(),
        day: span.0,
    });
    while let Some(at) = begin.take() {
        for (partition, files) in manifest.starting_at(at) {
            if matches!(partition.table, Table::Records(_)) {
                break;
            }
            begin = elsewhere(partition, ask, span);
            if begin.is_some() {
                break;
            }
            let held = files.iter().filter(|file| may_have(file, ask));
            days.entry(partition.day).or_default().extend(held.cloned());
        }
    }
    days.retain(|_, files| !files.is_empty());
    let days = days.into_values().map(Day::new);
    if ask.last {
        days.rev().collect()
    } else {
        days.collect()
    }
}

/// Where to look on when a partition is none of those asked for: nothing that is lies between.
fn elsewhere(found: &Partition, ask: &PastAsk, span: (i32, i32)) -> Option<Partition> {
    let begin = |table: Table, tenant: &str, class: String| Partition {
        table,
        tenant: tenant.to_owned(),
        class,
        day: span.0,
    };
    let tenant = ask.tenant.as_str();
    match found.tenant.as_str().cmp(tenant) {
        Ordering::Less => Some(begin(found.table.clone(), tenant, String::new())),
        Ordering::Greater => {
            let table = match found.table {
                Table::Rolled(period) => Table::Rolled(period.saturating_add(1)),
                _ => Table::Rolled(i64::MIN),
            };
            Some(begin(table, tenant, String::new()))
        }
        Ordering::Equal if found.day < span.0 => {
            Some(begin(found.table.clone(), tenant, found.class.clone()))
        }
        // The class right after it in order.
        Ordering::Equal if found.day > span.1 => {
            let class = format!("{}\0", found.class);
            Some(begin(found.table.clone(), tenant, class))
        }
        Ordering::Equal => None,
    }
}

fn may_have(file: &Entry, ask: &PastAsk) -> bool {
    (file.entities.0.as_str()..=file.entities.1.as_str()).contains(&&*ask.entity)
        && file.moments.0 <= ask.moments.1.0
        && ask.moments.0.0 <= file.moments.1
}

/// A series: expanded name and dataset.
type Series = (Name, Option<Name>);

/// A read of one entity.
#[derive(Debug)]
struct Reading {
    shared: Arc<Shared>,
    ask: PastAsk,
    /// In the direction of the read.
    days: Vec<Day>,
    /// How far each series was read.
    series: HashMap<Series, Place>,
    /// Rows that may still be decoded before they are asked for.
    room: usize,
}

/// How far a series was read.
#[derive(Debug, Default)]
struct Place {
    /// Days that were begun.
    days: usize,
    /// What is left of the last of them.
    rest: Option<Merge>,
}

impl Reading {
    fn wanted(ask: &PastAsk) -> Wanted<'_> {
        Wanted {
            entity: &ask.entity,
            attributes: ask.attributes.as_deref(),
            moments: (ask.moments.0.0, ask.moments.1.0),
        }
    }

    fn more(&mut self, series: &Series, rows: &mut Vec<PastRow>) -> Result<(), LakeError> {
        let mut place = self.series.remove(series).unwrap_or_default();
        let before = rows.len();
        while rows.len() == before {
            if let Some(rest) = &mut place.rest {
                rest.next(&self.shared, &self.ask, series, rows)?;
                if rows.len() > before {
                    break;
                }
                place.rest = None;
            }
            let Some(day) = self.days.get_mut(place.days) else {
                break;
            };
            let begun = |other: &Series| {
                let is_behind = |p: &Place| p.days > place.days;
                other != series && self.series.get(other).is_some_and(is_behind)
            };
            let wanted = Self::wanted(&self.ask);
            place.rest = Some(day.begin((&self.shared, wanted), series, begun, &mut self.room)?);
            place.days += 1;
        }
        self.series.insert(series.clone(), place);
        Ok(())
    }

    fn all_series(&mut self) -> Result<BTreeSet<Series>, LakeError> {
        let mut all = BTreeSet::new();
        let wanted = Self::wanted(&self.ask);
        for day in &mut self.days {
            day.series(&self.shared, wanted, &mut all)?;
        }
        Ok(all)
    }
}

impl PastReader for Reading {
    fn series(&mut self) -> Result<Vec<Series>, StoreError> {
        let all = self.all_series().map_err(told)?;
        Ok(all.into_iter().collect())
    }

    fn next(
        &mut self,
        name: &Name,
        dataset_id: Option<&Name>,
        rows: &mut Vec<PastRow>,
    ) -> Result<(), StoreError> {
        let series = (name.clone(), dataset_id.cloned());
        self.more(&series, rows).map_err(told)
    }
}
