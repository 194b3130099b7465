//! Reading a segment from front to back, and judging what stands where the frames end.

use std::path::Path;

use base::Seq;

use super::frame::{self, Header, Record};
use super::segment;
use crate::error::Error;
use crate::files::File;

/// Bytes read at once.
const WINDOW_BYTES: usize = 1 << 20;

/// A view of a file that moves forward with few reads.
#[derive(Debug)]
struct Window<'f> {
    file: &'f dyn File,
    path: &'f Path,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'f> Window<'f> {
    fn new(file: &'f dyn File, path: &'f Path) -> Result<Self, Error> {
        let len = file.len().map_err(Error::io("measure", path))?;
        Ok(Self {
            file,
            path,
            len,
            start: 0,
            bytes: Vec::new(),
        })
    }

    /// `length` bytes at `offset`; `None` when the file is shorter.
    fn get(&mut self, offset: u64, length: usize) -> Result<Option<&[u8]>, Error> {
        if self
            .len
            .checked_sub(offset)
            .is_none_or(|left| left < length as u64)
        {
            return Ok(None);
        }
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + length as u64 > end {
            let left = usize::try_from(self.len - offset).unwrap_or(usize::MAX);
            self.bytes.resize(left.min(length.max(WINDOW_BYTES)), 0);
            self.file
                .read_at(offset, &mut self.bytes)
                .map_err(Error::io("read", self.path))?;
            self.start = offset;
        }
        let at = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(at..).and_then(|bytes| bytes.get(..length)))
    }

    /// The frame at `offset` when it is whole and of this epoch.
    fn frame(&mut self, offset: u64, epoch: u64) -> Result<Option<(Header, &[u8])>, Error> {
        let head = self
            .get(offset, frame::HEADER_BYTES)?
            .and_then(Header::parse);
        let Some(head) = head.filter(|head| head.epoch == epoch) else {
            return Ok(None);
        };
        let frame = self.get(offset, frame::HEADER_BYTES + head.length as usize)?;
        Ok(frame
            .filter(|frame| head.holds(frame))
            .map(|frame| (head, frame)))
    }
}

/// What stands behind the last good frame of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing of this epoch.
    Clean,
    /// A frame that was being written when the power went.
    Torn,
    /// A bad frame, and behind it a good one: these bytes were good once.
    Damaged {
        /// Where the next good frame begins.
        good_at: u64,
        /// Its Seq.
        good_seq: Seq,
    },
}

/// The end of a segment's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// Behind the last good frame, in bytes.
    pub(crate) offset: u64,
    /// The Seq to come.
    pub(crate) next: Seq,
    /// What stands at `offset`.
    pub(crate) tail: Tail,
}

/// A frame found by [`walk`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) offset: u64,
    pub(crate) head: Header,
    pub(crate) payload: &'a [u8],
    path: &'a Path,
}

impl<'a> Found<'a> {
    /// Shows every record of the frame.
    pub(crate) fn records(
        &self,
        visit: &mut dyn FnMut(Record<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut next = self.head.seq;
        for record in frame::records(self.head.seq, self.payload) {
            let what = "a record is longer than its frame";
            let record = record.ok_or_else(|| Error::corrupt(self.path, self.offset, what))?;
            next = record.next();
            visit(record)?;
        }
        if next != self.head.next() {
            let what = "the records take other Seqs than the frame says";
            return Err(Error::corrupt(self.path, self.offset, what));
        }
        Ok(())
    }
}

/// Where to begin in a segment: an offset at which a frame begins, and its Seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) seq: Seq,
}

impl Place {
    /// The first frame of a segment.
    pub(crate) fn first(header: &segment::Header) -> Self {
        Self {
            offset: segment::HEADER_BYTES as u64,
            seq: header.base,
        }
    }
}

/// Whether to go on with the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    Go,
    Stop,
}

/// A segment, open for reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a dyn File,
    pub(crate) path: &'a Path,
    pub(crate) epoch: u64,
}

/// Shows the frames from `place` on, checked and in order, and judges what follows them. When
/// `visit` stops the walk, the end is behind the frame it saw last and `Clean`.
pub(crate) fn walk(
    source: Source<'_>,
    place: Place,
    visit: &mut dyn FnMut(Found<'_>) -> Result<Walk, Error>,
) -> Result<End, Error> {
    let mut window = Window::new(source.file, source.path)?;
    let Place {
        mut offset,
        seq: mut next,
    } = place;
    while let Some((head, frame)) = window.frame(offset, source.epoch)? {
        if head.seq != next {
            let what = format!("change {} stands where {next} should", head.seq);
            return Err(Error::corrupt(source.path, offset, what));
        }
        let payload = frame.get(frame::HEADER_BYTES..).unwrap_or_default();
        let found = Found {
            offset,
            head,
            payload,
            path: source.path,
        };
        let walk = visit(found)?;
        offset += head.frame_bytes() as u64;
        next = head.next();
        if walk == Walk::Stop {
            return Ok(End {
                offset,
                next,
                tail: Tail::Clean,
            });
        }
    }
    let tail = judge(&mut window, offset, source.epoch)?;
    Ok(End { offset, next, tail })
}

/// What stands at `offset`, where no good frame is.
fn judge(window: &mut Window<'_>, offset: u64, epoch: u64) -> Result<Tail, Error> {
    let head = window
        .get(offset, frame::HEADER_BYTES)?
        .and_then(Header::parse);
    let ours = head.is_some_and(|head| head.epoch == epoch);
    let mut at = offset + frame::ALIGN as u64;
    while let Some(bytes) = window.get(at, frame::HEADER_BYTES)? {
        if Header::parse(bytes).is_some_and(|head| head.epoch == epoch)
            && let Some((head, _)) = window.frame(at, epoch)?
        {
            return Ok(Tail::Damaged {
                good_at: at,
                good_seq: head.seq,
            });
        }
        at += frame::ALIGN as u64;
    }
    Ok(if ours { Tail::Torn } else { Tail::Clean })
}
