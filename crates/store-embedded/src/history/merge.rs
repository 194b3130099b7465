//! Merging: neighbouring segments become one, so that a read meets few of them.
//!
//! Four neighbours of about the same size are merged into one about four times as large. A merge
//! that takes in the oldest segment also lets go of graves: nothing older is left to hide.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::bytes::Input;
use super::chunk;
use super::grave::{Grave, settle};
use super::row::{Row, SeriesKey};
use super::segment::{Builder, Segment, next_chunk};
use crate::Error;

/// How many neighbours of a size are merged.
const WIDTH: usize = 4;
/// The smallest size told apart, in bytes.
const SMALLEST: u64 = 4 * 1024 * 1024;
/// Larger segments stay as they are: a merge is bounded work.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;

fn tier(bytes: u64) -> u32 {
    (bytes / SMALLEST)
        .checked_ilog(WIDTH as u64)
        .map_or(0, |tier| tier + 1)
}

/// Which neighbours to merge next, if any, from the sizes of segments from old to new: the newest
/// that are together worth it.
pub(super) fn choose(sizes: &[u64]) -> Option<Range<usize>> {
    let mut end = sizes.len();
    while end >= WIDTH {
        let highest = tier(*sizes.get(end - 1)?);
        let same = sizes.iter().take(end).rev();
        let count = same
            .take_while(|size| tier(**size) <= highest && **size < LARGEST)
            .count();
        if count >= WIDTH {
            return Some(end - count..end);
        }
        end -= 1;
    }
    None
}

/// Owner, series and moment of a row.
type Place<'a> = (&'a Arc<[u8]>, SeriesKey, i64);

/// All rows of a segment in order.
#[derive(Debug)]
struct Scan {
    segment: Arc<Segment>,
    next: usize,
    owner: Vec<u8>,
    /// Rows of the block read last.
    ready: VecDeque<(Arc<[u8]>, SeriesKey, Row)>,
}

impl Scan {
    fn new(segment: &Arc<Segment>) -> Self {
        let segment = Arc::clone(segment);
        Self {
            segment,
            next: 0,
            owner: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    fn peek(&mut self) -> Result<Option<Place<'_>>, Error> {
        while self.ready.is_empty() && self.next < self.segment.len() {
            self.read()?;
        }
        Ok(self
            .ready
            .front()
            .map(|(owner, series, row)| (owner, *series, row.moment)))
    }

    fn read(&mut self) -> Result<(), Error> {
        let place = self.next;
        self.next += 1;
        let bytes = self.segment.read_block(place)?;
        let mut input = Input(&bytes);
        self.owner.clear();
        let mut owner: Arc<[u8]> = Arc::from(&[][..]);
        let mut reader = chunk::Reader::default();
        while !input.is_empty() {
            let chunk = next_chunk(&mut input, &mut self.owner);
            let chunk = chunk.ok_or_else(|| self.segment.damaged(place))?;
            if *owner != *self.owner {
                owner = self.owner.as_slice().into();
                reader = chunk::Reader::default();
            }
            reader.start(chunk.rows);
            while !reader.is_done() {
                let row = reader.row().ok_or_else(|| self.segment.damaged(place))?;
                self.ready
                    .push_back((Arc::clone(&owner), chunk.series, row));
            }
        }
        Ok(())
    }
}

/// Writes all rows of the segments that count.
pub(super) fn write(
    segments: &[Arc<Segment>],
    graves_of: impl Fn(&[u8]) -> Vec<Grave>,
    builder: &mut Builder<'_>,
) -> Result<(), Error> {
    let mut scans: Vec<Scan> = segments.iter().map(Scan::new).collect();
    let mut graves: (Arc<[u8]>, Vec<Grave>) = (Arc::from(&[][..]), Vec::new());
    let mut group = Vec::new();
    loop {
        let mut first: Option<(Arc<[u8]>, SeriesKey, i64)> = None;
        for scan in &mut scans {
            let Some((owner, series, moment)) = scan.peek()? else {
                continue;
            };
            let sooner = first
                .as_ref()
                .is_none_or(|(o, s, m)| (&**owner, series, moment) < (&**o, *s, *m));
            if sooner {
                first = Some((Arc::clone(owner), series, moment));
            }
        }
        let Some((owner, series, moment)) = first else {
            return Ok(());
        };
        for scan in &mut scans {
            while let Some((o, s, m)) = scan.peek()? {
                if s != series || m != moment || **o != *owner {
                    break;
                }
                group.extend(scan.ready.pop_front().map(|(_, _, row)| row));
            }
        }
        if *graves.0 != *owner {
            graves = (Arc::clone(&owner), graves_of(&owner));
        }
        settle(series, &mut group, &graves.1);
        for row in group.drain(..) {
            builder.push(&owner, series, &row)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1024 * 1024;

    #[test]
    fn four_neighbours_of_a_size_are_merged_the_newest_first() {
        assert_eq!(choose(&[]), None);
        assert_eq!(choose(&[MB, MB, MB]), None);
        assert_eq!(choose(&[MB, MB, MB, MB]), Some(0..4));
        assert_eq!(choose(&[100 * MB, MB, MB, MB]), None);
        assert_eq!(choose(&[100 * MB, MB, MB, MB, MB]), Some(1..5));
        assert_eq!(
            choose(&[20 * MB, 20 * MB, 20 * MB, 20 * MB, MB]),
            Some(0..4)
        );
        assert_eq!(choose(&[MB, 20 * MB, 20 * MB, MB, 20 * MB]), Some(0..5));
        assert_eq!(
            choose(&[4_000 * MB, 4_000 * MB, 4_000 * MB, 4_000 * MB]),
            None
        );
    }

    #[test]
    fn any_growth_leaves_few_segments() {
        let mut sizes: Vec<u64> = Vec::new();
        for _ in 0..500 {
            sizes.push(30 * MB);
            while let Some(range) = choose(&sizes) {
                let sum = sizes.drain(range.clone()).sum();
                sizes.insert(range.start, sum);
            }
        }
        assert!(sizes.len() < 20, "{sizes:?}");
    }
}
