//! Reading: rows of one series from segments and tails, joined in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::archived::Archived;
use super::chunk;
use super::grave::{Grave, settle};
use super::row::{Row, SeriesKey};
use super::segment::Segment;
use super::window::Window;
use crate::Error;

/// Up to so many blocks of one entity are read whole rather than series by series.
const FEW_BLOCKS: usize = 2;

/// Rows of one series from one place, in the direction of the read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    ready: VecDeque<Row>,
    more: More<'a>,
}

/// Where the rows after those at hand come from.
#[derive(Debug)]
enum More<'a> {
    None,
    Blocks(Blocks<'a>),
    Archived(&'a mut Archived, SeriesKey),
}

/// Blocks of a segment still to be read.
#[derive(Debug)]
struct Blocks<'a> {
    segment: &'a Arc<Segment>,
    owner: &'a [u8],
    series: SeriesKey,
    from: i64,
    until: i64,
    left: std::ops::Range<usize>,
}

impl<'a> Source<'a> {
    /// Rows at hand, by moment.
    pub(super) fn rows(rows: Vec<Row>) -> Self {
        Self {
            ready: rows.into(),
            more: More::None,
        }
    }

    /// Those of the archive.
    pub(super) fn archived(archived: &'a mut Archived, series: SeriesKey) -> Self {
        Self {
            ready: VecDeque::new(),
            more: More::Archived(archived, series),
        }
    }

    /// Those of a segment.
    pub(super) fn segment(
        segment: &'a Arc<Segment>,
        owner: &'a [u8],
        series: SeriesKey,
        window: &Window<'_>,
    ) -> Self {
        let (from, until) = (window.from, window.until);
        let left = segment.range(owner, series, from, until);
        let blocks = Blocks {
            segment,
            owner,
            series,
            from,
            until,
            left,
        };
        Self {
            ready: VecDeque::new(),
            more: More::Blocks(blocks),
        }
    }

    /// The next row, left where it is.
    fn peek(&mut self, last: bool) -> Result<Option<&Row>, Error> {
        while self.ready.is_empty() && self.read(last)? {}
        Ok(if last {
            self.ready.back()
        } else {
            self.ready.front()
        })
    }

    /// Reads more rows; whether there was something to read.
    fn read(&mut self, last: bool) -> Result<bool, Error> {
        match &mut self.more {
            More::None => Ok(false),
            More::Blocks(blocks) => {
                let next = if last {
                    blocks.left.next_back()
                } else {
                    blocks.left.next()
                };
                let Some(place) = next else { return Ok(false) };
                blocks.read(place, &mut self.ready)?;
                Ok(true)
            }
            More::Archived(archived, series) => {
                archived.next(*series, last, &mut self.ready)?;
                let has_more = !self.ready.is_empty();
                if !has_more {
                    self.more = More::None;
                }
                Ok(has_more)
            }
        }
    }

    /// The next row when none of the rows at hand has the same moment, as is nearly always so.
    fn take_lone(&mut self, last: bool) -> Result<Option<Row>, Error> {
        let Some(moment) = self.peek(last)?.map(|row| row.moment) else {
            return Ok(None);
        };
        let len = self.ready.len();
        let after = len
            .checked_sub(2)
            .and_then(|before_end| self.ready.get(if last { before_end } else { 1 }));
        // Rows of the next block may have the moment of the last one of this.
        let is_lone = after.is_some_and(|after| after.moment != moment);
        Ok(if is_lone { self.take(last) } else { None })
    }

    fn take(&mut self, last: bool) -> Option<Row> {
        if last {
            self.ready.pop_back()
        } else {
            self.ready.pop_front()
        }
    }
}

impl Blocks<'_> {
    fn read(&self, place: usize, rows: &mut VecDeque<Row>) -> Result<(), Error> {
        let bytes = self.segment.block(place)?;
        let mut reader = chunk::Reader::default();
        self.segment.chunks(place, &bytes, |owner, chunk| {
            if (owner, chunk.series) > (self.owner, self.series) {
                return Ok(false);
            }
            if owner != self.owner {
                return Ok(true);
            }
            reader.start(chunk.rows);
            while !reader.is_done() {
                let row = reader.row().ok_or_else(|| self.segment.damaged(place))?;
                let is_in = (self.from..=self.until).contains(&row.moment);
                if is_in && chunk.series == self.series {
                    rows.push_back(row);
                }
            }
            Ok(true)
        })
    }
}

/// The rows of an entity in a segment where they lie in a block or two; `None`: they are many.
pub(super) fn few(
    segment: &Segment,
    owner: &[u8],
    window: &Window<'_>,
) -> Result<Option<BTreeMap<SeriesKey, Vec<Row>>>, Error> {
    let mut few: BTreeMap<SeriesKey, Vec<Row>> = BTreeMap::new();
    let blocks = segment.of_owner(owner);
    if blocks.len() > FEW_BLOCKS {
        return Ok(None);
    }
    for place in blocks {
        let bytes = segment.read_block(place)?;
        let mut reader = chunk::Reader::default();
        segment.chunks(place, &bytes, |chunk_owner, chunk| {
            if chunk_owner != owner {
                return Ok(chunk_owner < owner);
            }
            reader.start(chunk.rows);
            let rows = few.entry(chunk.series).or_default();
            while !reader.is_done() {
                let row = reader.row().ok_or_else(|| segment.damaged(place))?;
                if window.has(row.moment) {
                    rows.push(row);
                }
            }
            Ok(true)
        })?;
    }
    Ok(Some(few))
}

/// Joins the sources of a series: shows the rows that count one by one in the direction of the
/// read, until `each` says that it has enough.
pub(super) fn join(
    mut sources: Vec<Source<'_>>,
    series: SeriesKey,
    last: bool,
    graves: &[Grave],
    mut each: impl FnMut(Row) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut group = Vec::new();
    loop {
        if let ([source], []) = (sources.as_mut_slice(), graves)
            && let Some(row) = source.take_lone(last)?
        {
            if !each(row)? {
                return Ok(());
            }
            continue;
        }
        let mut next: Option<i64> = None;
        for source in &mut sources {
            if let Some(row) = source.peek(last)? {
                let sooner =
                    next.is_none_or(|m| if last { row.moment > m } else { row.moment < m });
                if sooner {
                    next = Some(row.moment);
                }
            }
        }
        let Some(moment) = next else { return Ok(()) };
        for source in &mut sources {
            while source.peek(last)?.is_some_and(|row| row.moment == moment) {
                group.extend(source.take(last));
            }
        }
        settle(series, &mut group, graves);
        if last {
            group.reverse();
        }
        for row in group.drain(..) {
            if !each(row)? {
                return Ok(());
            }
        }
    }
}
