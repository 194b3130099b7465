//! The files of one day, joined: each series once, in order.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use ngsi::temporal::InstanceId;
use ports::{PastAsk, PastRow};

use super::Series;
use super::columns::{Instances, RolledUp, damaged};
use super::file::{BATCH_ROWS, Found, Reader, Run, Shared, Wanted};
use crate::{Entry, LakeError, Table};

/// The files of a day, and what is known of them so far.
#[derive(Debug)]
pub(super) struct Day {
    files: Vec<Known>,
}

/// A file, and what is known of it.
#[derive(Debug)]
struct Known {
    entry: Arc<Entry>,
    /// Where the entity's rows are.
    found: Option<Vec<Found>>,
    /// Rows that were decoded before they were asked for.
    ready: HashMap<Series, Vec<PastRow>>,
}

impl Day {
    pub(super) fn new(files: Vec<Arc<Entry>>) -> Self {
        let known = files.into_iter().map(|entry| Known {
            entry,
            found: None,
            ready: HashMap::new(),
        });
        Self {
            files: known.collect(),
        }
    }

    /// Adds the series that may have rows.
    pub(super) fn series(
        &mut self,
        shared: &Shared,
        wanted: Wanted<'_>,
        all: &mut BTreeSet<Series>,
    ) -> Result<(), LakeError> {
        for file in &mut self.files {
            // Where names are asked for and there are no other datasets, bounds say enough.
            if let (Some(names), None) = (wanted.attributes, &file.found) {
                let groups = Reader::new(shared, &file.entry).groups(wanted)?;
                if groups.iter().all(|(_, is_default)| *is_default) {
                    if !groups.is_empty() {
                        all.extend(names.iter().map(|name| (name.clone(), None)));
                    }
                    continue;
                }
            }
            for run in file
                .find(shared, wanted)?
                .iter()
                .flat_map(|found| &found.runs)
            {
                let is_known =
                    |(name, dataset): &Series| *name == run.name && *dataset == run.dataset_id;
                if !all.iter().any(is_known) {
                    all.insert((run.name.clone(), run.dataset_id.clone()));
                }
            }
        }
        Ok(())
    }

    /// Begins with the rows of a series. `is_behind` says of which series the day was read already;
    /// what is decoded for the others takes of the `room`.
    pub(super) fn begin(
        &mut self,
        (shared, wanted): (&Shared, Wanted<'_>),
        series: &Series,
        is_behind: impl Fn(&Series) -> bool,
        room: &mut usize,
    ) -> Result<Merge, LakeError> {
        let mut parts = Vec::new();
        let mut finest = None;
        for file in &mut self.files {
            let runs = file.runs(shared, wanted, series)?;
            if runs.is_empty() {
                continue;
            }
            if let Table::Rolled(period) = file.entry.partition.table {
                finest = Some(finest.map_or(period, |finest: i64| finest.min(period)));
            }
            let ready = file.ready((shared, wanted), series, &is_behind, room)?;
            parts.extend(file.parts((shared, wanted), runs, ready)?);
        }
        parts.retain(|part: &Part| match part.entry.partition.table {
            Table::Rolled(period) => Some(period) == finest,
            _ => true,
        });
        Ok(Merge { parts })
    }
}

impl Known {
    fn find(&mut self, shared: &Shared, wanted: Wanted<'_>) -> Result<&[Found], LakeError> {
        if self.found.is_none() {
            self.found = Some(Reader::new(shared, &self.entry).find(wanted)?);
        }
        Ok(self.found.as_deref().unwrap_or_default())
    }

    /// Where the rows of a series are: row groups and rows of them.
    fn runs(
        &mut self,
        shared: &Shared,
        wanted: Wanted<'_>,
        (name, dataset_id): &Series,
    ) -> Result<Vec<(usize, Range<usize>)>, LakeError> {
        let is_it = |run: &&Run| run.name == *name && run.dataset_id == *dataset_id;
        let found = self.find(shared, wanted)?.iter();
        let runs = found.flat_map(|found| {
            let runs = found.runs.iter().filter(is_it);
            runs.map(|run| (found.group, run.rows.clone()))
        });
        Ok(runs.collect())
    }

    /// The rows of a series, if they are decoded; if there is room, those of all series that are
    /// still to be read are decoded with them.
    fn ready(
        &mut self,
        (shared, wanted): (&Shared, Wanted<'_>),
        series: &Series,
        is_behind: &impl Fn(&Series) -> bool,
        room: &mut usize,
    ) -> Result<Option<Vec<PastRow>>, LakeError> {
        if let Some(rows) = self.ready.remove(series) {
            *room += rows.len();
            return Ok(Some(rows));
        }
        let found = self.found.as_deref().unwrap_or_default();
        let key = |run: &Run| (run.name.clone(), run.dataset_id.clone());
        let open = |run: &&Run| !is_behind(&key(run));
        let rows = found.iter().flat_map(|found| &found.runs).filter(open);
        let rows: usize = rows.map(|run| run.rows.len()).sum();
        if rows > *room || rows > BATCH_ROWS {
            return Ok(None);
        }
        let mut ready: HashMap<Series, Vec<PastRow>> = HashMap::new();
        for found in found {
            let runs: Vec<&Run> = found.runs.iter().filter(open).collect();
            let mut of_runs: Vec<Vec<PastRow>> = runs.iter().map(|_| Vec::new()).collect();
            let place = (found.group, runs.as_slice());
            decode(shared, &self.entry, place, wanted.moments, |run, row| {
                if let Some(rows) = of_runs.get_mut(run) {
                    rows.push(row);
                }
            })?;
            for (run, rows) in runs.into_iter().zip(of_runs) {
                ready.entry(key(run)).or_default().extend(rows);
            }
        }
        let own = ready.remove(series).unwrap_or_default();
        *room -= ready.values().map(Vec::len).sum::<usize>();
        self.ready.extend(ready);
        Ok(Some(own))
    }

    fn parts(
        &self,
        (shared, wanted): (&Shared, Wanted<'_>),
        runs: Vec<(usize, Range<usize>)>,
        ready: Option<Vec<PastRow>>,
    ) -> Result<Vec<Part>, LakeError> {
        let part = |group, left, ready: Vec<PastRow>| Part {
            entry: Arc::clone(&self.entry),
            group,
            left,
            ready: ready.into(),
        };
        if let Some(ready) = ready {
            return Ok(vec![part(0, 0..0, ready)]);
        }
        let reader = Reader::new(shared, &self.entry);
        let parts = runs.into_iter().map(|(group, run)| {
            let left = reader.clip(group, &run, wanted.moments)?;
            Ok(part(group, left, Vec::new()))
        });
        parts.collect()
    }
}

/// Decodes runs of a row group, in their order: shows each row with the number of its run.
fn decode(
    shared: &Shared,
    entry: &Entry,
    (group, runs): (usize, &[&Run]),
    moments: (i64, i64),
    mut each: impl FnMut(usize, PastRow),
) -> Result<(), LakeError> {
    let ranges: Vec<Range<usize>> = runs.iter().map(|run| run.rows.clone()).collect();
    let lens = runs.iter().map(|run| run.rows.len());
    let ends: Vec<usize> = lens
        .scan(0, |end, len| {
            *end += len;
            Some(*end)
        })
        .collect();
    let mut at = 0;
    let run_of = |row: usize| ends.partition_point(|end| *end <= row);
    let reader = Reader::new(shared, entry);
    match entry.partition.table {
        Table::Rolled(period) => reader.rows(group, &RolledUp::COLUMNS, &ranges, |batch| {
            let rolled = RolledUp::of(batch).ok_or_else(|| damaged(entry))?;
            rolled.rows(period, moments, |row, past| {
                each(run_of(at + row), past);
            });
            at += batch.num_rows();
            Ok(())
        }),
        _ => reader.rows(group, &Instances::COLUMNS, &ranges, |batch| {
            let instances = Instances::of(batch).ok_or_else(|| damaged(entry))?;
            let names = |row| {
                let run = runs.get(run_of(at + row))?;
                Some((run.name.clone(), run.dataset_id.clone()))
            };
            instances.rows(moments, names, |row, past| {
                each(run_of(at + row), past);
            })?;
            at += batch.num_rows();
            Ok(())
        }),
    }
}

/// The rows of a series on one day, from the files that have some.
#[derive(Debug)]
pub(super) struct Merge {
    parts: Vec<Part>,
}

/// The rows of a series in one file, or in a row group of it.
#[derive(Debug)]
struct Part {
    entry: Arc<Entry>,
    group: usize,
    /// Those that are not decoded yet.
    left: Range<usize>,
    /// Those that are, in order.
    ready: VecDeque<PastRow>,
}

impl Merge {
    /// Appends the next rows in the direction of the read; none, if there are no more.
    pub(super) fn next(
        &mut self,
        shared: &Shared,
        ask: &PastAsk,
        series: &Series,
        rows: &mut Vec<PastRow>,
    ) -> Result<(), LakeError> {
        let before = rows.len();
        while rows.len() - before < BATCH_ROWS {
            let mut heads = Vec::with_capacity(self.parts.len());
            for part in &mut self.parts {
                part.fill(shared, ask, series)?;
                heads.push(part.key(ask.last));
            }
            let there = heads.iter().enumerate().filter(|(_, key)| key.is_some());
            let next = if ask.last {
                there.max_by_key(|(_, key)| **key)
            } else {
                there.min_by_key(|(_, key)| **key)
            };
            let Some((at, _)) = next else { break };
            let others = heads.iter().enumerate().filter(|(other, _)| *other != at);
            let others = others.filter_map(|(_, key)| *key);
            let bound = if ask.last { others.max() } else { others.min() };
            if let Some(part) = self.parts.get_mut(at) {
                part.take(bound, ask.last, rows);
            }
        }
        Ok(())
    }
}

/// By what rows of a series stand in order.
type RowKey = (i64, InstanceId);

fn key(row: &PastRow) -> RowKey {
    (row.moment.0, row.id)
}

impl Part {
    /// Decodes more rows if none is at hand.
    fn fill(&mut self, shared: &Shared, ask: &PastAsk, series: &Series) -> Result<(), LakeError> {
        while self.ready.is_empty() && !self.left.is_empty() {
            let (start, end) = (self.left.start, self.left.end);
            let rows = if ask.last {
                self.left.end = end.saturating_sub(BATCH_ROWS).max(start);
                self.left.end..end
            } else {
                self.left.start = (start + BATCH_ROWS).min(end);
                start..self.left.start
            };
            let run = Run {
                name: series.0.clone(),
                dataset_id: series.1.clone(),
                rows,
            };
            let moments = (ask.moments.0.0, ask.moments.1.0);
            let ready = &mut self.ready;
            decode(
                shared,
                &self.entry,
                (self.group, &[&run]),
                moments,
                |_, row| {
                    ready.push_back(row);
                },
            )?;
        }
        Ok(())
    }

    /// Where its next row stands.
    fn key(&self, last: bool) -> Option<RowKey> {
        let next = if last {
            self.ready.back()
        } else {
            self.ready.front()
        };
        next.map(key)
    }

    /// Gives the rows at hand that come before the next ones of the others.
    fn take(&mut self, bound: Option<RowKey>, last: bool, rows: &mut Vec<PastRow>) {
        loop {
            let Some(next) = self.key(last) else { return };
            let is_before = bound.is_none_or(|b| if last { next >= b } else { next <= b });
            if !is_before {
                return;
            }
            rows.extend(if last {
                self.ready.pop_back()
            } else {
                self.ready.pop_front()
            });
        }
    }
}
