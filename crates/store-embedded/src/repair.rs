//! Repairing a damaged store: first what would be lost is said, and only when told to is it done.
//!
//! Whatever is damaged, one way leads out: the newest checkpoint that can be read, and the log
//! behind it up to the first damage, are what is left. That becomes a new checkpoint; the old
//! files stay beside it, renamed to `*.lost`, for whoever can read more out of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base::{Kind, Seq};
use tokio::sync::watch;

use crate::check::{Finding, check_folder};
use crate::checkpoint::{self, Checkpoint};
use crate::engine::core::{Core, Mode};
use crate::engine::{Folder, Progress, open, write_state};
use crate::error::Error;
use crate::files::{Files, MemoryFiles, has_extension};
use crate::log;

/// What a repair does, or would do.
#[derive(Debug, Clone, Default)]
pub struct Repair {
    /// What is damaged.
    pub findings: Vec<Finding>,
    /// What is kept and what is lost, in sentences.
    pub says: Vec<String>,
    /// Whether it was done.
    pub is_done: bool,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "DAMAGED: {finding}")?;
        }
        for sentence in &self.says {
            writeln!(f, "{sentence}")?;
        }
        f.write_str(match (self.findings.is_empty(), self.is_done) {
            (true, _) => "nothing is damaged; nothing was done",
            (false, true) => "done",
            (false, false) => "nothing was done yet",
        })
    }
}

/// Says what a repair of a store that no process has open would lose, and does it if `apply`.
pub fn repair(files: Arc<dyn Files>, dir: &Path, apply: bool) -> Result<Repair, Error> {
    let folder = Folder::new(files, dir);
    folder.check_format()?;
    let _lock = folder.lock()?;
    let found = check_folder(&folder)?;
    let mut repair = Repair {
        findings: found.findings,
        ..Repair::default()
    };
    if repair.findings.is_empty() {
        return Ok(repair);
    }
    let is_history_lost = repair.findings.iter().any(|f| f.file == folder.history());
    if is_history_lost {
        let what = "sealed history is set aside: what attributes were before is lost, what they are is not";
        repair.says.push(what.to_owned());
    }
    let nowhere = Folder::new(Arc::new(MemoryFiles::new()), &folder.dir);
    let history_of = if is_history_lost { &nowhere } else { &folder };
    let (core, reached) = salvage(&folder, history_of, &mut repair)?;
    let is_log_lost = repair
        .findings
        .iter()
        .any(|f| f.file.starts_with(folder.log()));
    let last = found.last_whole;
    repair.says.push(match last.0.checked_sub(reached.0) {
        None | Some(0) => format!("all changes up to {reached} are kept"),
        Some(count) => format!(
            "changes {} to {last} are lost: {count} of them",
            reached.next()
        ),
    });
    if is_log_lost {
        let what = "the log is set aside: no reader can follow changes from before the repair";
        repair.says.push(what.to_owned());
    }
    if apply {
        settle(&folder, &core, reached, (is_log_lost, is_history_lost))?;
        repair.is_done = true;
    }
    Ok(repair)
}

/// The newest state that can be read, and the last change of it.
fn salvage(folder: &Folder, history: &Folder, repair: &mut Repair) -> Result<(Core, Seq), Error> {
    let files = &*folder.files;
    let progress = watch::Sender::new(Progress::Ready);
    let mut candidates: Vec<Option<PathBuf>> = vec![None];
    candidates.extend(
        checkpoint::list(files, &folder.checkpoints())?
            .into_iter()
            .map(|(_, p)| Some(p)),
    );
    while let Some(candidate) = candidates.pop() {
        let tried = candidate
            .as_ref()
            .map(|path| Checkpoint::open(files, path))
            .transpose();
        let tried =
            tried.and_then(|found| Ok((open::core_of(history, found.as_ref(), &progress)?, found)));
        let (core, found) = match tried {
            Ok(tried) => tried,
            Err(error) if error.kind() == Kind::Corrupt => continue,
            Err(error) => return Err(error),
        };
        let (from, until) = found
            .as_ref()
            .map_or((Seq::ZERO, Seq::ZERO), |c| (c.from, c.until));
        match replay(folder, &core, from, until) {
            Ok((reached, stopped)) => {
                let base =
                    candidate.map_or("the beginning".to_owned(), |p| p.display().to_string());
                repair.says.push(format!(
                    "kept: {base} and the log behind it up to change {reached}"
                ));
                repair
                    .says
                    .extend(stopped.map(|error| format!("the log is read up to here: {error}")));
                return Ok((core, reached));
            }
            Err(Error::Trimmed(_)) if !candidates.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    let what =
        "no checkpoint can be read and the log does not go back to the beginning: restore a backup";
    Err(Error::Invalid(what.to_owned()))
}

/// Replays as far as the log can be read; the last change, and what stopped it.
fn replay(
    folder: &Folder,
    core: &Core,
    from: Seq,
    until: Seq,
) -> Result<(Seq, Option<Error>), Error> {
    let dir = folder.log();
    let mut reached = until;
    let read = log::read_only(&*folder.files, &dir, from, &mut |record| {
        open::replay(core, &dir, record, Mode::Replay(until))?;
        reached = reached.max(Seq(record.next().0 - 1));
        Ok(())
    });
    match read {
        Ok(_) => Ok((reached, None)),
        Err(error) if error.kind() == Kind::Corrupt => Ok((reached, Some(error))),
        // The first segment that is left begins later: nothing of the log can be added.
        Err(Error::Trimmed(_)) if until > Seq::ZERO => Ok((reached, None)),
        Err(error) => Err(error),
    }
}

/// Writes what is left as a new checkpoint and sets the old files aside. Broken off anywhere, it
/// leaves a store that opens as repaired or one that still has to be.
fn settle(
    folder: &Folder,
    core: &Core,
    reached: Seq,
    (is_log_lost, is_history_lost): (bool, bool),
) -> Result<(), Error> {
    let files = &*folder.files;
    if is_history_lost {
        set_aside(folder, &folder.history(), &|_| true)?;
    } else {
        core.history.seal()?;
    }
    let sealed = if is_history_lost {
        Seq::ZERO
    } else {
        core.history.covered()
    };
    // The Seqs of what is lost are not given again: history may know them.
    let last = reached.max(sealed);
    core.applying.lock().head = last;
    let never = AtomicBool::new(false);
    let Some(finished) = write_state(folder, core, last, &never)? else {
        return Ok(());
    };
    let old = checkpoint::list(files, &folder.checkpoints())?;
    let is_unreadable = |path: &Path| Checkpoint::open(files, path).is_err();
    set_aside(folder, &folder.checkpoints(), &|path| {
        old.iter().any(|(_, old)| old == path) && is_unreadable(path)
    })?;
    let new = finished.install()?;
    if is_log_lost {
        let is_segment = |path: &Path| path.extension().is_some_and(|e| e == "log");
        set_aside(folder, &folder.log(), &is_segment)?;
    }
    set_aside(folder, &folder.checkpoints(), &|path| path != new)
}

/// Renames files to `*.lost`, the last first: so damage in the log stays in the way of a start
/// until all that lies behind it is gone.
fn set_aside(folder: &Folder, dir: &Path, which: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
    let names = folder.files.list(dir).map_err(Error::io("list", dir))?;
    for name in names
        .iter()
        .rev()
        .filter(|name| !has_extension(name, "lost"))
    {
        let (from, to) = (dir.join(name), dir.join(format!("{name}.lost")));
        if which(&from) {
            folder
                .files
                .rename(&from, &to)
                .map_err(Error::io("rename", &from))?;
        }
    }
    folder.files.sync_dir(dir).map_err(Error::io("sync", dir))
}
