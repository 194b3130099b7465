//! Looking at a log without opening it: what is there, and what is wrong with it.

use std::path::{Path, PathBuf};

use base::Seq;

use super::scan::{self, End, Place, Source, Tail, Walk};
use super::{TornTail, segment};
use crate::error::Error;
use crate::files::Files;

/// What a log holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survey {
    /// The segments, in order.
    pub(crate) segments: Vec<SegmentSurvey>,
    /// Damage, at most one place per segment: what follows it there is not reached.
    pub(crate) faults: Vec<Fault>,
    /// Behind the last change that is whole anywhere, reached or not.
    pub(crate) last: Seq,
    /// A torn tail of the last segment: never acknowledged, cut at the next start.
    pub(crate) torn: Option<TornTail>,
}

/// What a segment holds.
#[derive(Debug, Clone)]
pub(crate) struct SegmentSurvey {
    pub(crate) file: PathBuf,
    pub(crate) first: Seq,
    /// The Seq behind its last good change that is reached.
    pub(crate) next: Seq,
}

/// Damage in a segment.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) file: PathBuf,
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
    pub(crate) what: String,
    /// Good changes behind the damage in the same segment.
    pub(crate) changes_behind: u64,
}

/// Judges the end of a segment; `following` is what the next one says of it, if there is one.
pub(super) fn sound(path: &Path, end: &End, following: Option<Place>) -> Result<(), Error> {
    let what = match (&end.tail, following) {
        (Tail::Damaged { good_at, good_seq }, _) => {
            format!("a bad frame, and change {good_seq} stands whole behind it at byte {good_at}")
        }
        (_, Some(place)) if place.seq != end.next || place.offset != end.offset => {
            let Place { offset, seq } = place;
            format!(
                "a bad frame; the next segment says that frames go on to byte {offset}, change {seq}"
            )
        }
        _ => return Ok(()),
    };
    Err(Error::corrupt(path, end.offset, what))
}

/// Reads every segment of a folder. Damage is told in the answer; an error is the file system's.
pub(crate) fn survey(files: &dyn Files, dir: &Path) -> Result<Survey, Error> {
    let names = files.list(dir).map_err(Error::io("list", dir))?;
    let mut survey = Survey::default();
    let mut before: Option<Known> = None;
    for (epoch, name) in names
        .iter()
        .filter_map(|name| Some((segment::epoch(name)?, name)))
    {
        let known = survey.read(files, &dir.join(name), epoch, before.as_ref())?;
        survey.last = survey.last.max(known.next);
        before = Some(known);
    }
    if let Some(Known {
        path,
        end: Some(end),
        ..
    }) = before
        && end.tail == Tail::Torn
    {
        survey.torn = Some(TornTail {
            file: path,
            offset: end.offset,
        });
    }
    Ok(survey)
}

/// What a survey knows of the segment before.
struct Known {
    path: PathBuf,
    epoch: u64,
    /// `None` when damage was noted already.
    end: Option<End>,
    next: Seq,
}

impl Survey {
    fn read(
        &mut self,
        files: &dyn Files,
        path: &Path,
        epoch: u64,
        before: Option<&Known>,
    ) -> Result<Known, Error> {
        let seq = before.map_or(Seq::ZERO, |before| before.next);
        let file = files.open_read(path).map_err(Error::io("open", path))?;
        let source = Source {
            file: &*file,
            path,
            epoch,
        };
        let found = self.walk(source, before);
        let (first, next, end) = match found {
            Ok((first, end)) => (first, end.next, Some(end)),
            Err((error, reached)) => {
                self.note(error, 0)?;
                (reached.unwrap_or(seq), reached.unwrap_or(seq), None)
            }
        };
        let mut known = Known {
            path: path.to_owned(),
            epoch,
            end,
            next,
        };
        if let Some(End {
            tail: Tail::Damaged { good_at, good_seq },
            ..
        }) = known.end
        {
            known.next = last_good(
                source,
                Place {
                    offset: good_at,
                    seq: good_seq,
                },
            )?;
            let error = known
                .end
                .take()
                .and_then(|end| sound(path, &end, None).err());
            let behind = known.next.0.saturating_sub(good_seq.0);
            error.map_or(Ok(()), |error| self.note(error, behind))?;
        }
        self.segments.push(SegmentSurvey {
            file: path.to_owned(),
            first,
            next,
        });
        Ok(known)
    }

    /// Reads a segment; what its head says of the one before is checked on the way.
    fn walk(
        &mut self,
        source: Source<'_>,
        before: Option<&Known>,
    ) -> Result<(Seq, End), (Error, Option<Seq>)> {
        let header = segment::Header::read(source.file, source.path, source.epoch);
        let header = header.map_err(|error| (error, None))?;
        if let Some(before) = before {
            let says = Place {
                offset: header.before_end,
                seq: header.base,
            };
            let follows = before.epoch + 1 == source.epoch;
            let found = match &before.end {
                Some(end) if follows => sound(&before.path, end, Some(says)),
                _ if follows => Ok(()),
                _ => Err(Error::corrupt(
                    source.path,
                    0,
                    "the segment before it is missing",
                )),
            };
            found
                .or_else(|error| self.note(error, 0))
                .map_err(|error| (error, None))?;
        }
        let mut reached = header.base;
        let walked = scan::walk(source, Place::first(&header), &mut |found| {
            found.records(&mut |_| Ok(()))?;
            reached = found.head.next();
            Ok(Walk::Go)
        });
        walked
            .map(|end| (header.base, end))
            .map_err(|error| (error, Some(reached)))
    }

    fn note(&mut self, error: Error, changes_behind: u64) -> Result<(), Error> {
        let Error::Corrupt { file, offset, what } = error else {
            return Err(error);
        };
        self.faults.push(Fault {
            file,
            offset,
            what,
            changes_behind,
        });
        Ok(())
    }
}

/// The Seq behind the last good frame, past any damage.
fn last_good(source: Source<'_>, from: Place) -> Result<Seq, Error> {
    let mut place = from;
    loop {
        let end = scan::walk(source, place, &mut |_| Ok(Walk::Go))?;
        match end.tail {
            Tail::Damaged { good_at, good_seq } if good_at > place.offset => {
                place = Place {
                    offset: good_at,
                    seq: good_seq,
                };
            }
            _ => return Ok(end.next),
        }
    }
}
