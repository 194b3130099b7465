//! Checking a store that is not open: every checksum, every record, and whether all fits together.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Kind, Seq};

use crate::checkpoint::{self, Checkpoint, CursorBlock, DocBlock, EntityBlock, Kind as BlockKind};
use crate::engine::Folder;
use crate::error::Error;
use crate::files::Files;
use crate::history::History;
use crate::log::{self, record};

/// What a store holds and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The last change that can be read.
    pub head: Seq,
    /// The last change that is whole anywhere in the log, damage before it or not.
    pub last_whole: Seq,
    /// The checkpoints, oldest first: file, the change from which the log is replayed, entities.
    pub checkpoints: Vec<(PathBuf, Seq, u64)>,
    /// The segments of the log, in order: file, its first change, the change behind its last.
    pub segments: Vec<(PathBuf, Seq, Seq)>,
    /// The change up to which history is sealed.
    pub history: Seq,
    /// The change up to which history was handed over to a lake, if any was.
    pub given: Option<Seq>,
    /// A frame that a power loss tore: never acknowledged, cut at the next start.
    pub torn: Option<String>,
    /// Damage. None: the store is sound.
    pub findings: Vec<Finding>,
}

/// A damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file or folder.
    pub file: PathBuf,
    /// What is wrong, and where.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Notes damage; other errors are the caller's.
    fn note(&mut self, file: &Path, error: Error) -> Result<(), Error> {
        if error.kind() != Kind::Corrupt {
            return Err(error);
        }
        self.findings.push(Finding {
            file: file.to_owned(),
            what: error.to_string(),
        });
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (file, from, entities) in &self.checkpoints {
            writeln!(
                f,
                "{}: {entities} entities, up to change {from}",
                file.display()
            )?;
        }
        for (file, first, next) in &self.segments {
            writeln!(
                f,
                "{}: changes {first} to {}",
                file.display(),
                next.0.saturating_sub(1)
            )?;
        }
        writeln!(f, "history is sealed up to change {}", self.history)?;
        if let Some(given) = self.given {
            writeln!(f, "history up to change {given} is in the lake")?;
        }
        if let Some(torn) = &self.torn {
            writeln!(f, "{torn}")?;
        }
        for finding in &self.findings {
            writeln!(f, "DAMAGED: {finding}")?;
        }
        let verdict = if self.is_sound() { "sound" } else { "damaged" };
        write!(f, "{verdict}; the last change is {}", self.head)
    }
}

/// Checks the store of a folder that no process has open. Damage is told in the report; an error
/// means that nothing could be told.
pub fn check(files: Arc<dyn Files>, dir: &Path) -> Result<Report, Error> {
    let folder = Folder::new(files, dir);
    folder.check_format()?;
    let _lock = folder.lock()?;
    check_folder(&folder)
}

pub(crate) fn check_folder(folder: &Folder) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut until = Seq::ZERO;
    for (from, path) in checkpoint::list(&*folder.files, &folder.checkpoints())? {
        match check_checkpoint(folder, &path) {
            Ok((entities, newest)) => {
                until = until.max(newest);
                report.checkpoints.push((path, from, entities));
            }
            Err(error) => report.note(&path, error)?,
        }
    }
    check_log(folder, &mut report)?;
    check_history(folder, until, &mut report)?;
    let from = report
        .checkpoints
        .last()
        .map_or(Seq::ZERO, |(_, from, _)| *from);
    let first = report
        .segments
        .first()
        .map_or(from.next(), |(_, first, _)| *first);
    if first > from.next() {
        let what = format!(
            "the log begins with change {first}, and change {} is needed",
            from.next()
        );
        report.note(&folder.log(), Error::corrupt(&folder.log(), 0, what))?;
    }
    if report.head < until && report.is_sound() {
        let what = format!(
            "the log ends with change {}, and a checkpoint goes to {until}",
            report.head
        );
        report.note(&folder.log(), Error::corrupt(&folder.log(), 0, what))?;
    }
    Ok(report)
}

/// Reads every block; how many entities there are, and the newest change within.
fn check_checkpoint(folder: &Folder, path: &Path) -> Result<(u64, Seq), Error> {
    let found = Checkpoint::open(&*folder.files, path)?;
    let mut entities = 0;
    for entry in &found.entries {
        let bytes = found.block(entry)?;
        let is_sound = match entry.kind {
            BlockKind::Dictionary => crate::state::Dictionary::decode(&bytes).is_ok(),
            BlockKind::Entities => {
                entities += u64::from(entry.items);
                EntityBlock(bytes).rows().all(|row| row.is_some())
            }
            BlockKind::Docs => DocBlock(bytes).docs().all(|doc| doc.is_some()),
            BlockKind::Cursors => CursorBlock(bytes).cursors().all(|cursor| cursor.is_some()),
        };
        if !is_sound {
            return Err(found.damaged(entry));
        }
    }
    Ok((entities, found.until))
}

fn check_log(folder: &Folder, report: &mut Report) -> Result<(), Error> {
    let dir = folder.log();
    let survey = log::survey(&*folder.files, &dir)?;
    for fault in survey.faults {
        let behind = match fault.changes_behind {
            0 => String::new(),
            more => format!("; {more} changes behind it in this file are whole"),
        };
        let (file, what) = (fault.file, format!("{}{behind}", fault.what));
        report.note(&file.clone(), Error::corrupt(&file, fault.offset, what))?;
    }
    report.torn = survey.torn.map(|torn| {
        let (file, offset) = (torn.file.display(), torn.offset);
        format!(
            "{file}: a torn frame at byte {offset}, never acknowledged, is cut at the next start"
        )
    });
    let first = survey
        .segments
        .first()
        .map_or(Seq(1), |segment| segment.first);
    report.head = survey
        .segments
        .last()
        .map_or(Seq::ZERO, |segment| Seq(segment.next.0 - 1));
    report.last_whole = Seq(survey.last.0.saturating_sub(1));
    let segments = survey
        .segments
        .into_iter()
        .map(|s| (s.file, s.first, s.next));
    report.segments = segments.collect();
    if !report
        .findings
        .iter()
        .any(|finding| finding.file.starts_with(&dir))
    {
        let read = log::read_only(&*folder.files, &dir, Seq(first.0 - 1), &mut |record| {
            let read = record::decode(record.bytes);
            read.map(drop).map_err(|what| {
                Error::corrupt(
                    &dir,
                    0,
                    format!("change {} cannot be read: {}", record.seq, what.0),
                )
            })
        });
        read.map(drop).or_else(|error| report.note(&dir, error))?;
    }
    Ok(())
}

fn check_history(folder: &Folder, until: Seq, report: &mut Report) -> Result<(), Error> {
    let dir = folder.history();
    match History::open(Arc::clone(&folder.files), &dir) {
        Ok(history) => (report.history, report.given) = (history.covered(), history.given_until()),
        Err(error) => return report.note(&dir, error),
    }
    if report.history < until {
        let what = format!(
            "history ends with change {}, and a checkpoint goes to {until}",
            report.history
        );
        report.note(&dir, Error::corrupt(&dir, 0, what))?;
    }
    Ok(())
}
