//! The log: records in, in order and durable; the same records out, after any crash.
//!
//! The log is a row of segments (`segment`), each a row of frames (`frame`). One [`Log`] appends;
//! any number of [`Reader`]s read what is durable. What was appended is durable when
//! [`Log::append`] returns. A write or sync that failed poisons the log: a file system may drop
//! what it could not write and report success the next time, so nothing is ever tried twice.
//!
//! Segments are filled with zeros ahead of the frames, in growing steps, because overwriting is
//! twice as fast to sync as appending; used ones are kept for the same reason (`*.spare`).

mod cut;
pub(crate) mod frame;
mod reader;
pub(crate) mod record;
pub(crate) mod scan;
mod segment;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Seq;
use parking_lot::Mutex;

pub(crate) use cut::cut;
pub(crate) use frame::{Group, Record};
pub(crate) use reader::Reader;
pub(crate) use survey::survey;

use crate::error::Error;
use crate::files::{File, Files, has_extension};
use reader::{Segment, Segments};
use scan::{Place, Source, Tail, Walk};

/// How the log uses the disk.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    /// Bytes after which a new segment begins. 64 MiB: few files, and little to scan for a tail.
    pub segment_bytes: u64,
    /// Used segments kept to be written again. 4: a quarter of a GiB of disk at most.
    pub spares_max: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            spares_max: 4,
        }
    }
}

/// Bytes of zeros that a new segment begins with.
const FIRST_STEP_BYTES: u64 = 64 << 10;
/// Bytes of zeros written ahead at once, at most.
const STEP_BYTES_MAX: u64 = 4 << 20;
const ZEROS: &[u8] = &[0; 64 << 10];

/// What opening found behind the last good frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The last segment.
    pub file: PathBuf,
    /// Where the torn frame began, in bytes.
    pub offset: u64,
}

/// The log's writing end.
#[derive(Debug)]
pub(crate) struct Log {
    files: Arc<dyn Files>,
    dir: PathBuf,
    settings: LogSettings,
    segments: Arc<Mutex<Segments>>,
    current: Current,
    next: Seq,
    poisoned: bool,
    torn: Option<TornTail>,
}

/// The segment that is written.
#[derive(Debug)]
struct Current {
    file: Arc<dyn File>,
    path: PathBuf,
    epoch: u64,
    /// Behind the last durable frame.
    offset: u64,
    /// Up to here zeros (or old bytes) were written ahead.
    written_ahead: u64,
}

impl Log {
    /// Opens the log of a folder, or begins one, showing every record whose changes come after
    /// `after` in order. Segments that hold nothing later are not read.
    pub(crate) fn open(
        files: &Arc<dyn Files>,
        dir: &Path,
        settings: LogSettings,
        after: Seq,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        files.create_dir(dir).map_err(Error::io("make", dir))?;
        let names = files.list(dir).map_err(Error::io("list", dir))?;
        for name in names.iter().filter(|name| has_extension(name, "new")) {
            let path = dir.join(name);
            files.remove(&path).map_err(Error::io("remove", &path))?;
        }
        let spares = names
            .iter()
            .filter(|name| has_extension(name, "spare"))
            .map(|name| dir.join(name));
        let mut segments = Segments {
            live: list(&**files, dir)?,
            spares: spares.collect(),
            rolls: false,
            erases: false,
        };
        let Some(last) = segments.live.last() else {
            let header = segment::Header {
                epoch: 1,
                base: after.next(),
                before_end: 0,
            };
            // Spares of a log that is gone may hold frames of the epochs that begin anew.
            for spare in segments.spares.drain(..) {
                files.remove(&spare).map_err(Error::io("remove", &spare))?;
            }
            let current = begin(&**files, dir, &mut segments, header, settings.segment_bytes)?;
            return Ok(Self::assembled(
                files,
                dir,
                settings,
                segments,
                (current, header.base, None),
            ));
        };
        let (epoch, path) = (last.epoch, last.path.clone());
        let (offset, next, torn) = replay(&mut segments, after, visit)?;
        let file: Arc<dyn File> = files.open(&path).map_err(Error::io("open", &path))?.into();
        if let Some(torn) = &torn {
            kill(&*file, torn)?;
        }
        let written_ahead = file.len().map_err(Error::io("measure", &path))?;
        let current = Current {
            file,
            path,
            epoch,
            offset,
            written_ahead,
        };
        Ok(Self::assembled(
            files,
            dir,
            settings,
            segments,
            (current, next, torn),
        ))
    }

    fn assembled(
        files: &Arc<dyn Files>,
        dir: &Path,
        settings: LogSettings,
        segments: Segments,
        (current, next, torn): (Current, Seq, Option<TornTail>),
    ) -> Self {
        let segments = Arc::new(Mutex::new(segments));
        let (files, dir) = (Arc::clone(files), dir.to_owned());
        Self {
            files,
            dir,
            settings,
            segments,
            current,
            next,
            poisoned: false,
            torn,
        }
    }

    /// The Seq that the next change will have.
    pub(crate) fn next(&self) -> Seq {
        self.next
    }

    /// What opening cut off, if anything.
    pub(crate) fn torn(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// A reading end.
    pub(crate) fn reader(&self) -> Reader {
        let (files, dir) = (Arc::clone(&self.files), self.dir.clone());
        Reader::new(
            files,
            dir,
            Arc::clone(&self.segments),
            self.settings.spares_max,
        )
    }

    /// Whether an earlier write failed.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Writes a group and makes it durable; its first change has the Seq that [`Log::next`] said.
    pub(crate) fn append(&mut self, group: &mut Group) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        let done = self.try_append(group);
        // A full disk leaves the log as it was: the failed step wrote zeros ahead, no frame.
        self.poisoned = matches!(&done, Err(error) if !matches!(error, Error::Full { .. }));
        done
    }

    fn try_append(&mut self, group: &mut Group) -> Result<(), Error> {
        let bytes =
            (frame::HEADER_BYTES + group.payload_bytes()).next_multiple_of(frame::ALIGN) as u64;
        let is_empty = self.current.offset == segment::HEADER_BYTES as u64;
        let is_full = self.current.offset + bytes > self.settings.segment_bytes && !is_empty;
        if is_full || self.segments.lock().rolls {
            self.roll()?;
        }
        let current = &mut self.current;
        current.write_ahead(current.offset + bytes, self.settings.segment_bytes)?;
        let frame = group.seal(current.epoch, self.next);
        let path = &current.path;
        current
            .file
            .write_at(current.offset, frame)
            .map_err(Error::io("write", path))?;
        current.file.sync().map_err(Error::io("sync", path))?;
        let at = Place {
            offset: current.offset,
            seq: self.next,
        };
        current.offset += frame.len() as u64;
        self.next = Seq(self.next.0 + u64::from(group.count()));
        let end = Place {
            offset: current.offset,
            seq: self.next,
        };
        self.segments.lock().grew(at, end);
        Ok(())
    }

    /// Begins a new segment.
    fn roll(&mut self) -> Result<(), Error> {
        let header = segment::Header {
            epoch: self.current.epoch + 1,
            base: self.next,
            before_end: self.current.offset,
        };
        let mut segments = self.segments.lock();
        segments.rolls = false;
        self.current = begin(
            &*self.files,
            &self.dir,
            &mut segments,
            header,
            self.settings.segment_bytes,
        )?;
        Ok(())
    }
}

impl Current {
    /// Has zeros stand up to `end` and somewhat beyond, so that frames overwrite.
    fn write_ahead(&mut self, end: u64, segment_bytes: u64) -> Result<(), Error> {
        if end <= self.written_ahead {
            return Ok(());
        }
        let step = self.written_ahead.clamp(FIRST_STEP_BYTES, STEP_BYTES_MAX);
        let target = (self.written_ahead + step).min(segment_bytes).max(end);
        zero(&*self.file, &self.path, self.written_ahead, target)?;
        self.written_ahead = target;
        Ok(())
    }
}

fn zero(file: &dyn File, path: &Path, from: u64, to: u64) -> Result<(), Error> {
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at)
            .unwrap_or(usize::MAX)
            .min(ZEROS.len());
        let zeros = ZEROS.get(..length).unwrap_or(ZEROS);
        file.write_at(at, zeros).map_err(full_or("extend", path))?;
        at += length as u64;
    }
    Ok(())
}

/// A full disk is told apart where nothing is lost by it.
fn full_or(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Error::Full {
            path: path.to_owned(),
        },
        _ => Error::io(doing, path)(source),
    }
}

/// Makes the segment of `header` under a temporary name, from a spare when there is one, and puts
/// it in place.
fn begin(
    files: &dyn Files,
    dir: &Path,
    segments: &mut Segments,
    header: segment::Header,
    segment_bytes: u64,
) -> Result<Current, Error> {
    let path = dir.join(segment::name(header.epoch));
    let temporary = segments
        .spares
        .pop()
        .unwrap_or_else(|| path.with_extension("new"));
    let is_spare = temporary
        .extension()
        .is_some_and(|extension| extension == "spare");
    let opened = if is_spare {
        files.open(&temporary)
    } else {
        files.create(&temporary)
    };
    let file = opened.map_err(full_or("make", &temporary))?;
    file.write_at(0, &header.bytes())
        .map_err(full_or("write", &temporary))?;
    let len = file.len().map_err(Error::io("measure", &temporary))?;
    let written_ahead = len.max(FIRST_STEP_BYTES.min(segment_bytes));
    zero(&*file, &temporary, len, written_ahead)?;
    file.sync().map_err(Error::io("sync", &temporary))?;
    files
        .rename(&temporary, &path)
        .map_err(Error::io("rename", &temporary))?;
    files.sync_dir(dir).map_err(Error::io("sync", dir))?;
    let file: Arc<dyn File> = file.into();
    let offset = segment::HEADER_BYTES as u64;
    let mut segment = Segment::new(header, path.clone(), Arc::clone(&file));
    segment.end = Some(Place::first(&header));
    segments.live.push(segment);
    Ok(Current {
        file,
        path,
        epoch: header.epoch,
        offset,
        written_ahead,
    })
}

/// Shows the records after `after` of a log that is not open and is left as it is; returns the Seq
/// to come.
pub(crate) fn read_only(
    files: &dyn Files,
    dir: &Path,
    after: Seq,
    visit: &mut dyn FnMut(Record<'_>) -> Result<(), Error>,
) -> Result<Seq, Error> {
    let mut segments = Segments {
        live: list(files, dir)?,
        spares: Vec::new(),
        rolls: false,
        erases: false,
    };
    if segments.live.is_empty() {
        return Ok(after.next());
    }
    replay(&mut segments, after, visit).map(|(_, next, _)| next)
}

/// The segments of a folder with their heads read, in order.
fn list(files: &dyn Files, dir: &Path) -> Result<Vec<Segment>, Error> {
    let names = files.list(dir).map_err(Error::io("list", dir))?;
    let mut live: Vec<Segment> = Vec::new();
    for (epoch, name) in names
        .iter()
        .filter_map(|name| Some((segment::epoch(name)?, name)))
    {
        let path = dir.join(name);
        let file: Arc<dyn File> = files
            .open_read(&path)
            .map_err(Error::io("open", &path))?
            .into();
        let header = segment::Header::read(&*file, &path, epoch)?;
        if let Some(before) = live.last()
            && (before.epoch + 1 != epoch || before.base > header.base)
        {
            let what = format!("it does not follow {}", before.path.display());
            return Err(Error::corrupt(&path, 0, what));
        }
        live.push(Segment::new(header, path, file));
    }
    Ok(live)
}

/// Shows the records after `after`; returns the end of the last segment.
fn replay(
    segments: &mut Segments,
    after: Seq,
    visit: &mut dyn FnMut(Record<'_>) -> Result<(), Error>,
) -> Result<(u64, Seq, Option<TornTail>), Error> {
    let first = segments.live.first().map_or(Seq(1), |first| first.base);
    if first > after.next() {
        return Err(Error::Trimmed(Seq(first.0 - 1)));
    }
    // Records that take no Seq may stand after the change `after` at the end of an earlier segment.
    let begin = segments
        .live
        .partition_point(|s| s.base <= after)
        .saturating_sub(1);
    let last = segments.live.len() - 1;
    for at in begin..=last {
        let following = segments.live.get(at + 1).map(|s| Place {
            offset: s.before_end,
            seq: s.base,
        });
        let Some(segment) = segments.live.get_mut(at) else {
            break;
        };
        let (file, path) = (Arc::clone(&segment.file), segment.path.clone());
        let source = Source {
            file: &*file,
            path: &path,
            epoch: segment.epoch,
        };
        let end = scan::walk(source, segment.first(), &mut |found| {
            segment.mark(Place {
                offset: found.offset,
                seq: found.head.seq,
            });
            found.records(&mut |record| {
                if record.seq > after {
                    visit(record)
                } else {
                    Ok(())
                }
            })?;
            Ok(Walk::Go)
        })?;
        segment.end = Some(Place {
            offset: end.offset,
            seq: end.next,
        });
        survey::sound(&path, &end, following)?;
        if following.is_none() {
            let torn = (end.tail == Tail::Torn).then_some(TornTail {
                file: path,
                offset: end.offset,
            });
            return Ok((end.offset, end.next, torn));
        }
    }
    Err(Error::Invalid(
        "a log without segments cannot be replayed".to_owned(),
    ))
}

/// Overwrites the head of a torn frame, so that no later crash can make it look like damage.
fn kill(file: &dyn File, torn: &TornTail) -> Result<(), Error> {
    let path = &torn.file;
    let left = file
        .len()
        .map_err(Error::io("measure", path))?
        .saturating_sub(torn.offset);
    let length = usize::try_from(left)
        .unwrap_or(usize::MAX)
        .min(frame::HEADER_BYTES);
    let zeros = ZEROS.get(..length).unwrap_or(ZEROS);
    file.write_at(torn.offset, zeros)
        .map_err(Error::io("write", path))?;
    file.sync().map_err(Error::io("sync", path))
}

#[cfg(test)]
mod tests;
