//! Sealing the tail into a segment, and merging segments.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::Seq;

use super::footer::Footer;
use super::grave::settle;
use super::merge::Joined;
use super::row::{Row, SeriesKey};
use super::segment::{self, Builder, Segment};
use super::tail::Tail;
use super::{History, merge};
use crate::Error;

/// Segments that may wait to be given away before it is worth merging them.
const SEGMENTS_WAITING: usize = if cfg!(test) { 6 } else { 24 };

impl History {
    /// Writes what is in the tail to a segment, durable, and gives the change up to which all is
    /// covered now. Blocks on the disk; changes may be applied and read meanwhile. When it fails,
    /// nothing is lost and the next seal tries again.
    pub(crate) fn seal(&self) -> Result<Seq, Error> {
        let _one_at_a_time = self.sealing.lock();
        let goal = self.inner.read().applied;
        while self.covered() < goal {
            let (tail, footer) = self.freeze();
            let sealed_names = footer.names_before + u32::try_from(footer.names.len()).unwrap_or(0);
            let segment = self.write_tail(&tail, footer)?;
            let mut inner = self.inner.write();
            inner.covered = segment.to;
            inner.sealed_names = sealed_names;
            inner.segments.push(Arc::new(segment));
            inner.frozen = None;
        }
        Ok(self.covered())
    }

    /// Sets the tail aside, unless one is still aside after a failure.
    fn freeze(&self) -> (Arc<Tail>, Footer) {
        let _no_batch_is_half_applied = self.whole.write();
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        let (tail, to) = inner
            .frozen
            .get_or_insert_with(|| (Arc::new(std::mem::take(&mut inner.tail)), inner.applied));
        let footer = Footer {
            from: inner.covered.next(),
            to: *to,
            names_before: inner.sealed_names,
            names: self.names.read().after(inner.sealed_names).to_vec(),
            blocks: Vec::new(),
            graves: tail.graves.clone(),
            notes: tail.notes.clone(),
            hollow: false,
        };
        (Arc::clone(tail), footer)
    }

    fn write_tail(&self, tail: &Tail, footer: Footer) -> Result<Segment, Error> {
        let mut builder = Builder::new(&*self.files, &self.dir, footer)?;
        let mut room = Vec::new();
        // Rows of one moment.
        let mut group: Vec<Row> = Vec::new();
        let mut series = SeriesKey::MIN;
        let mut key = Vec::new();
        let owners = tail.owners();
        for (place, owner) in owners.iter().copied().enumerate() {
            tail.near(&owners, place);
            tail.key(owner, &mut key);
            let graves = tail.graves.get(&key).map_or(&[][..], Vec::as_slice);
            let mut write = |series: SeriesKey, group: &mut Vec<Row>| {
                settle(series, group, graves);
                group
                    .drain(..)
                    .try_for_each(|row| builder.push(&key, series, &row))
            };
            tail.each(owner, &mut room, |next, row| {
                if next != series
                    || group
                        .first()
                        .is_some_and(|first| first.moment != row.moment)
                {
                    write(series, &mut group)?;
                }
                series = next;
                group.push(row);
                Ok(())
            })?;
            write(series, &mut group)?;
        }
        builder.finish(&self.names.read())
    }

    /// Merges a few neighbouring segments if it is time to, and says whether it did: then there may
    /// be more to merge. Blocks on the disk for as long as it takes to rewrite them; everything
    /// else goes on meanwhile.
    pub(crate) fn merge(&self) -> Result<bool, Error> {
        let _one_at_a_time = self.merging.lock();
        let (all, parcelled) = {
            let inner = self.inner.read();
            (inner.segments.clone(), inner.parcelled)
        };
        // What is about to be given away is left alone.
        let begin = all.partition_point(|s| s.hollow || s.from <= parcelled);
        let sizes = all.iter().skip(begin).map(|segment| segment.bytes);
        let sizes: Vec<u64> = sizes.collect();
        if self.archive.get().is_some() && sizes.len() < SEGMENTS_WAITING {
            return Ok(false);
        }
        let Some(range) = merge::choose(&sizes) else {
            return Ok(false);
        };
        self.replace(&all, begin + range.start..begin + range.end, false)?;
        Ok(true)
    }

    /// Puts one segment in the place of neighbours: with the rows of theirs that count, or hollow.
    pub(super) fn replace(
        &self,
        all: &[Arc<Segment>],
        range: Range<usize>,
        hollow: bool,
    ) -> Result<(), Error> {
        let old = all.get(range.clone()).unwrap_or_default();
        // Nothing older is left to hide, neither here nor where history went.
        let is_oldest = range.start == 0 && !self.lends.load(Ordering::Relaxed);
        let footer = self.merged_footer(old, is_oldest, hollow)?;
        let name = segment::file_name(footer.from, footer.to);
        let path = self.dir.join(name);
        let mut builder = Builder::new(&*self.files, &self.dir, footer)?;
        if !hollow {
            merge::write(&mut Joined::new(old, all.to_vec()), &mut builder)?;
        }
        let is_new = old.iter().all(|segment| segment.path != path);
        let merged = builder.finish(&self.names.read()).inspect_err(|_| {
            // It may be in place already, where a later merge of other neighbours must not meet it.
            if is_new {
                let _it_is_also_dropped_at_the_next_start = self.files.remove(&path);
            }
        })?;
        {
            let mut inner = self.inner.write();
            inner.given += u64::from(hollow);
            inner.segments.splice(range, [Arc::new(merged)]);
        }
        for segment in old.iter().filter(|segment| segment.path != path) {
            self.files
                .remove(&segment.path)
                .map_err(Error::io("remove", &segment.path))?;
        }
        self.files
            .sync_dir(&self.dir)
            .map_err(Error::io("sync", &self.dir))
    }

    fn merged_footer(
        &self,
        old: &[Arc<Segment>],
        is_oldest: bool,
        hollow: bool,
    ) -> Result<Footer, Error> {
        let mut merged = Footer {
            hollow,
            ..Footer::default()
        };
        for segment in old {
            let footer = {
                let names = self.names.read();
                segment.footer(&names)?
            };
            if merged.from == Seq::ZERO {
                (merged.from, merged.names_before) = (footer.from, footer.names_before);
            }
            merged.to = footer.to;
            merged.names.extend(footer.names);
            merged.notes.extend(footer.notes);
            if !is_oldest && !hollow {
                for (owner, graves) in footer.graves {
                    merged.graves.entry(owner).or_default().extend(graves);
                }
            }
        }
        Ok(merged)
    }
}
