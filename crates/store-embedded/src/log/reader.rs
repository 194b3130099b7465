//! Reading the durable log while it is written: by Seq, with a sparse index per segment.

use std::path::PathBuf;
use std::sync::Arc;

use base::Seq;
use parking_lot::Mutex;

use super::frame::Record;
use super::scan::{self, Place, Source, Walk};
use super::segment;
use crate::error::Error;
use crate::files::{File, Files};

/// Bytes of log between two entries of the index.
const MARK_BYTES: u64 = 64 << 10;

/// The segments that make up the log, and those that wait to be used again.
#[derive(Debug)]
pub(super) struct Segments {
    /// In order; the last is being written.
    pub(super) live: Vec<Segment>,
    pub(super) spares: Vec<PathBuf>,
    /// Whether the next append begins a new segment.
    pub(super) rolls: bool,
    /// Whether what is given up must be removed, as something in it is to be erased.
    pub(super) erases: bool,
}

impl Segments {
    /// The last segment has a new durable frame.
    pub(super) fn grew(&mut self, at: Place, end: Place) {
        if let Some(last) = self.live.last_mut() {
            last.mark(at);
            last.end = Some(end);
        }
    }
}

/// A segment as readers know it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) epoch: u64,
    /// The Seq of its first change.
    pub(super) base: Seq,
    /// Where the frames of the segment before it end, in bytes.
    pub(super) before_end: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// Behind its last durable frame; unknown for older segments that opening did not read.
    pub(super) end: Option<Place>,
    marks: Vec<Place>,
}

impl Segment {
    pub(super) fn new(header: segment::Header, path: PathBuf, file: Arc<dyn File>) -> Self {
        let segment::Header {
            epoch,
            base,
            before_end,
        } = header;
        Self {
            epoch,
            base,
            before_end,
            path,
            file,
            end: None,
            marks: Vec::new(),
        }
    }

    /// Where its first frame begins.
    pub(super) fn first(&self) -> Place {
        Place {
            offset: segment::HEADER_BYTES as u64,
            seq: self.base,
        }
    }

    /// Notes where a frame begins, if the last note is far enough behind.
    pub(super) fn mark(&mut self, place: Place) {
        if self
            .marks
            .last()
            .is_none_or(|last| place.offset >= last.offset + MARK_BYTES)
        {
            self.marks.push(place);
        }
    }

    /// The last known frame that begins at or before `seq`.
    fn place(&self, seq: Seq) -> Place {
        // Frames that take no Seq stand before the frame of the same Seq: begin at the first.
        let after = self.marks.partition_point(|mark| mark.seq < seq);
        after
            .checked_sub(1)
            .and_then(|at| self.marks.get(at))
            .copied()
            .unwrap_or(self.first())
    }
}

/// A reading end of the log.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    files: Arc<dyn Files>,
    dir: PathBuf,
    segments: Arc<Mutex<Segments>>,
    spares_max: usize,
}

impl Reader {
    pub(super) fn new(
        files: Arc<dyn Files>,
        dir: PathBuf,
        segments: Arc<Mutex<Segments>>,
        spares_max: usize,
    ) -> Self {
        Self {
            files,
            dir,
            segments,
            spares_max,
        }
    }

    /// The Seq of the first change that is kept.
    pub(crate) fn first(&self) -> Seq {
        self.segments
            .lock()
            .live
            .first()
            .map_or(Seq(1), |first| first.base)
    }

    /// Shows durable records from the one that holds change `seq` on until `visit` stops.
    pub(crate) fn read_from(
        &self,
        seq: Seq,
        visit: &mut dyn FnMut(Record<'_>) -> Result<Walk, Error>,
    ) -> Result<(), Error> {
        let mut epoch = {
            let segments = self.segments.lock();
            let after = segments.live.partition_point(|s| s.base <= seq);
            segments
                .live
                .get(after.saturating_sub(1))
                .map_or(0, |s| s.epoch)
        };
        while let Some(segment) = self.segment(epoch, seq)? {
            if self.read_segment(&segment, seq, visit)? == Walk::Stop {
                break;
            }
            epoch += 1;
        }
        Ok(())
    }

    /// The segment of an epoch; `None` behind the last.
    fn segment(&self, epoch: u64, seq: Seq) -> Result<Option<Segment>, Error> {
        let segments = self.segments.lock();
        let Some(first) = segments.live.first() else {
            return Ok(None);
        };
        if epoch < first.epoch || seq < first.base {
            return Err(Error::Trimmed(Seq(first.base.0 - 1)));
        }
        Ok(segments.live.iter().find(|s| s.epoch == epoch).cloned())
    }

    fn read_segment(
        &self,
        segment: &Segment,
        seq: Seq,
        visit: &mut dyn FnMut(Record<'_>) -> Result<Walk, Error>,
    ) -> Result<Walk, Error> {
        let from = segment.place(seq);
        let durable = segment.end.map(|end| end.offset);
        if durable == Some(from.offset) {
            return Ok(Walk::Go);
        }
        let source = Source {
            file: &*segment.file,
            path: &segment.path,
            epoch: segment.epoch,
        };
        let mut wish = Walk::Go;
        let mut marks = Vec::new();
        let walked = scan::walk(source, from, &mut |found| {
            marks.push(Place {
                offset: found.offset,
                seq: found.head.seq,
            });
            found.records(&mut |record| {
                if wish == Walk::Go && (record.next() > seq || record.seq >= seq) {
                    wish = visit(record)?;
                }
                Ok(())
            })?;
            let behind = found.offset + found.head.frame_bytes() as u64;
            let at_end = durable.is_some_and(|durable| behind >= durable);
            Ok(if wish == Walk::Stop || at_end {
                Walk::Stop
            } else {
                Walk::Go
            })
        });
        self.still_there(segment.epoch)?;
        walked?;
        if segment.marks.is_empty() {
            self.remember(segment.epoch, marks);
        }
        Ok(wish)
    }

    /// A segment that was recycled while it was read shows other bytes: its changes are gone.
    fn still_there(&self, epoch: u64) -> Result<(), Error> {
        match self.segments.lock().live.first() {
            Some(first) if epoch < first.epoch => Err(Error::Trimmed(Seq(first.base.0 - 1))),
            _ => Ok(()),
        }
    }

    /// A Seq such that about so many bytes of log, or all there are, follow it.
    pub(crate) fn seq_before_last(&self, bytes: u64) -> Seq {
        let segments = self.segments.lock();
        let mut left = bytes;
        for segment in segments.live.iter().rev() {
            let length = segment.file.len().unwrap_or(0);
            if length > left {
                return segment.base;
            }
            left -= length;
        }
        Seq::ZERO
    }

    /// Keeps what a first reading of an older segment found.
    fn remember(&self, epoch: u64, marks: Vec<Place>) {
        let mut segments = self.segments.lock();
        if let Some(segment) = segments.live.iter_mut().find(|s| s.epoch == epoch)
            && segment.marks.is_empty()
        {
            for mark in marks {
                segment.mark(mark);
            }
        }
    }

    /// The files that hold the durable log at this moment, and how many bytes of each.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Option<u64>)> {
        let segments = self.segments.lock();
        segments
            .live
            .iter()
            .map(|s| (s.path.clone(), s.end.map(|end| end.offset)))
            .collect()
    }

    /// Has the next append begin a segment of its own, in a file that never held anything else; no
    /// file is used again until [`Reader::purge`].
    pub(crate) fn begin_erasing(&self) -> Result<(), Error> {
        let mut segments = self.segments.lock();
        segments.rolls = true;
        segments.erases = true;
        self.remove_spares(&mut segments).map(drop)
    }

    /// Removes segments all of whose changes are before `seq`, and those kept to be used again;
    /// how many files.
    pub(crate) fn purge(&self, seq: Seq) -> Result<u64, Error> {
        let removed = self.release(seq)?;
        let mut segments = self.segments.lock();
        let spares = self.remove_spares(&mut segments)?;
        segments.erases = false;
        Ok(removed as u64 + spares)
    }

    fn remove_spares(&self, segments: &mut Segments) -> Result<u64, Error> {
        let mut removed = 0;
        for path in segments.spares.drain(..) {
            self.files
                .remove(&path)
                .map_err(Error::io("remove", &path))?;
            removed += 1;
        }
        let synced = self.files.sync_dir(&self.dir);
        synced.map_err(Error::io("sync", &self.dir))?;
        Ok(removed)
    }

    /// The Seq of the first change of the segment that is being written.
    pub(crate) fn last_base(&self) -> Seq {
        let segments = self.segments.lock();
        segments.live.last().map_or(Seq(1), |last| last.base)
    }

    /// Gives up segments all of whose changes are before `seq`; the one being written stays.
    pub(crate) fn release(&self, seq: Seq) -> Result<usize, Error> {
        let mut segments = self.segments.lock();
        let bases = segments.live.iter().skip(1).map(|s| s.base);
        let count = bases.take_while(|base| *base <= seq).count();
        let released: Vec<Segment> = segments.live.drain(..count).collect();
        for segment in released {
            let path = segment.path;
            if segments.spares.len() < self.spares_max && !segments.erases {
                let spare = path.with_extension("spare");
                self.files
                    .rename(&path, &spare)
                    .map_err(Error::io("rename", &path))?;
                segments.spares.push(spare);
            } else {
                self.files
                    .remove(&path)
                    .map_err(Error::io("remove", &path))?;
            }
        }
        self.files
            .sync_dir(&self.dir)
            .map_err(Error::io("sync", &self.dir))?;
        Ok(count)
    }
}
