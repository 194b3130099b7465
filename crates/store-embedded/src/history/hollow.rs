//! Giving history away: parcels of what arrived, and segments that lose their rows.
//!
//! A segment whose rows are elsewhere becomes hollow: what it covers, its names and its notes stay,
//! since later segments and the heads need them. It is written beside the old one and takes its
//! place by a rename, as a merged segment does, so a crash leaves the one or the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::{Name, Seq, Tenant};
use ports::Cut;

use super::grave::{Grave, Reach};
use super::merge::{self, Joined, Whose};
use super::names::Names;
use super::row::Row;
use super::segment::Segment;
use super::{History, split_owner};
use crate::Error;

/// About how many bytes a row takes in a segment.
const ROW_BYTES: u64 = 12;
/// Bytes of the tail for one in a segment.
const TAIL_FOR_SEGMENT: usize = 4;

/// What arrived with the changes of a range.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The first change and the last.
    pub(crate) from: Seq,
    pub(crate) until: Seq,
    /// About how many rows.
    pub(crate) rows: u64,
    segments: Vec<Arc<Segment>>,
    joined: Joined,
}

impl Taken {
    /// The next rows of one series and moment that count; none left: `None`.
    pub(super) fn next(&mut self, group: &mut Vec<Row>) -> Result<Option<Whose>, Error> {
        let (from, until) = (self.from, self.until);
        loop {
            let next = self
                .joined
                .next(group, |row| (from..=until).contains(&row.arrived.seq))?;
            if next.is_none() || !group.is_empty() {
                return Ok(next);
            }
        }
    }

    /// The graves of the range, with their owners.
    fn graves(&self) -> impl Iterator<Item = (&[u8], &Grave)> {
        let all = self.segments.iter().flat_map(|s| s.all_graves());
        all.flat_map(|(owner, graves)| graves.iter().map(move |grave| (owner, grave)))
            .filter(|(_, grave)| (self.from..=self.until).contains(&grave.at))
    }
}

/// Of all changes that a segment covers, how much of so many bytes came after `after`.
fn part(segment: &Segment, after: Seq) -> u64 {
    let covers = u128::from(segment.to.0 - segment.from.0) + 1;
    let first = segment.from.0.max(after.0.saturating_add(1));
    let newer = u128::from((segment.to.0 + 1).saturating_sub(first));
    u64::try_from(u128::from(segment.bytes) * newer / covers).unwrap_or(segment.bytes)
}

impl History {
    /// From now on what merges leave out must be told to somebody else too.
    pub(crate) fn lend(&self) {
        self.lends.store(true, Ordering::Relaxed);
    }

    /// About how many bytes of history arrived after `after`, as segments have them.
    pub(crate) fn pending_bytes(&self, after: Seq) -> u64 {
        let inner = self.inner.read();
        let full = inner.segments.iter().filter(|s| !s.hollow && s.to > after);
        let sealed: u64 = full.map(|segment| part(segment, after)).sum();
        let frozen = inner.frozen.as_ref().map_or(0, |(tail, _)| tail.bytes());
        let unsealed = (inner.tail.bytes() + frozen) / TAIL_FOR_SEGMENT;
        sealed + unsealed as u64
    }

    /// Seals, and gives about so many rows of what arrived after `after`; `None`: nothing did.
    pub(crate) fn take(&self, after: Seq, rows_max: u64) -> Result<Option<Taken>, Error> {
        self.seal()?;
        let mut inner = self.inner.write();
        let full: Vec<_> = inner
            .segments
            .iter()
            .filter(|s| !s.hollow)
            .cloned()
            .collect();
        let given = inner.segments.iter().rfind(|s| s.hollow).map(|s| s.to);
        let after = after.max(given.unwrap_or_default());
        let (until, rows) = reach(&full, after, rows_max.max(1));
        if until <= after {
            return Ok(None);
        }
        inner.parcelled = inner.parcelled.max(until);
        drop(inner);
        let touched = full.iter().filter(|s| s.to > after && s.from <= until);
        let segments: Vec<_> = touched.cloned().collect();
        Ok(Some(Taken {
            from: after.next(),
            until,
            rows,
            joined: Joined::new(&segments, full),
            segments,
        }))
    }

    /// What the changes of a range took out.
    pub(crate) fn cuts(&self, taken: &Taken) -> Vec<Cut> {
        let names = self.names.read();
        let cuts = taken.graves().filter_map(|(owner, grave)| {
            let (tenant, entity) = split_owner(owner)?;
            Some(Cut {
                tenant,
                entity,
                at: grave.at,
                reach: reach_of(grave.reach, &names)?,
            })
        });
        cuts.collect()
    }

    /// The types of an entity whose head a note holds.
    pub(crate) fn noted_types(&self, tenant: &Tenant, id: &str) -> Vec<Name> {
        let head = self.inner.read().notes.head(tenant, id, None);
        head.map(|head| head.types).unwrap_or_default()
    }

    /// Lets go of the rows of all segments that end with this change or before.
    pub(crate) fn let_go(&self, until: Seq) -> Result<(), Error> {
        let _one_at_a_time = self.merging.lock();
        let all = {
            let mut inner = self.inner.write();
            inner.handed = inner.handed.max(until);
            inner.segments.clone()
        };
        let begin = all.partition_point(|segment| segment.hollow);
        let end = all.partition_point(|segment| segment.hollow || segment.to <= until);
        if begin < end {
            self.replace(&all, begin..end, true)?;
        }
        loop {
            let all = self.inner.read().segments.clone();
            let hollow = all.iter().take_while(|segment| segment.hollow);
            let sizes: Vec<u64> = hollow.map(|segment| segment.bytes).collect();
            let Some(range) = merge::choose(&sizes) else {
                return Ok(());
            };
            self.replace(&all, range, true)?;
        }
    }
}

/// Up to which change a parcel goes that begins after `after`, and about how many rows it has:
/// whole segments, but for one that is far too large.
fn reach(full: &[Arc<Segment>], after: Seq, rows_max: u64) -> (Seq, u64) {
    let (mut until, mut rows) = (after, 0);
    for segment in full.iter().filter(|segment| segment.to > after) {
        let own = (part(segment, after) / ROW_BYTES).max(1);
        if rows == 0 && own / 2 > rows_max {
            let first = segment.from.0.max(after.0 + 1);
            let changes = u128::from(segment.to.0 - first) + 1;
            let wanted = changes * u128::from(rows_max) / u128::from(own);
            let wanted = u64::try_from(wanted.max(1)).unwrap_or(u64::MAX);
            return (
                Seq(segment.to.0.min(first.saturating_add(wanted - 1))),
                rows_max,
            );
        }
        if rows > 0 && rows + own > rows_max {
            break;
        }
        rows += own;
        until = segment.to;
    }
    (until, rows)
}

/// A reach with the texts of its numbers; `None`: of names that nothing has.
fn reach_of(reach: Reach, names: &Names) -> Option<ports::Reach> {
    let text = |number: u32| names.text(number).cloned();
    Some(match reach {
        Reach::Entity => ports::Reach::Entity,
        Reach::Attribute(name, dataset) => ports::Reach::Attribute {
            name: text(name)?,
            dataset_id: dataset.map(text),
        },
        Reach::Observed(series, time) => ports::Reach::Observed {
            name: text(series.name)?,
            dataset_id: text(series.dataset),
            time: base::Time(time),
        },
        Reach::Instance(series, instance) => ports::Reach::Instance {
            name: text(series.name)?,
            dataset_id: text(series.dataset),
            instance,
        },
    })
}
