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

/// Owner and series of rows.
pub(super) type Whose = (Arc<[u8]>, SeriesKey);

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

/// The rows of segments that count, in order.
#[derive(Debug)]
pub(super) struct Joined {
    scans: Vec<Scan>,
    /// All segments: what any of them took out counts no more.
    all: Vec<Arc<Segment>>,
    /// The graves of the owner that was met last.
    graves: (Arc<[u8]>, Vec<Grave>),
}

impl Joined {
    /// The rows of some of all segments.
    pub(super) fn new(segments: &[Arc<Segment>], all: Vec<Arc<Segment>>) -> Self {
        Self {
            scans: segments.iter().map(Scan::new).collect(),
            all,
            graves: (Arc::from(&[][..]), Vec::new()),
        }
    }

    /// Puts the next rows of one series and moment that count, of those wanted, into `group`; they
    /// may be none. `None`: there are no more.
    pub(super) fn next(
        &mut self,
        group: &mut Vec<Row>,
        wanted: impl Fn(&Row) -> bool,
    ) -> Result<Option<Whose>, Error> {
        group.clear();
        let mut first: Option<(Arc<[u8]>, SeriesKey, i64)> = None;
        for scan in &mut self.scans {
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
            return Ok(None);
        };
        for scan in &mut self.scans {
            while let Some((o, s, m)) = scan.peek()? {
                if s != series || m != moment || **o != *owner {
                    break;
                }
                let row = scan.ready.pop_front().map(|(_, _, row)| row);
                group.extend(row.filter(&wanted));
            }
        }
        if *self.graves.0 != *owner {
            let all = self.all.iter().flat_map(|segment| segment.graves(&owner));
            self.graves = (Arc::clone(&owner), all.copied().collect());
        }
        settle(series, group, &self.graves.1);
        Ok(Some((owner, series)))
    }
}

/// Writes all rows that count.
pub(super) fn write(joined: &mut Joined, builder: &mut Builder<'_>) -> Result<(), Error> {
    let mut group = Vec::new();
    while let Some((owner, series)) = joined.next(&mut group, |_| true)? {
        for row in group.drain(..) {
            builder.push(&owner, series, &row)?;
        }
    }
    Ok(())
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
