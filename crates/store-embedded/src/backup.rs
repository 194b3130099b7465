//! Backups: a running store copied, and a copy made a store again, as it was at some moment.
//!
//! A backup is a store's folder: its checkpoints, its sealed history and the durable part of its
//! log. Its `format` file is written last, so half a backup is none. What was handed over to a lake is
//! not in it: whoever has a lake copies that with [`crate::EmbeddedStore::backup_with`].

use std::io;
use std::path::{Path, PathBuf};

use base::{Seq, Time};
use tokio::sync::watch;

use crate::checkpoint::{self, Checkpoint};
use crate::engine::{Folder, Progress, open};
use crate::error::Error;
use crate::files::{Files, Lock, has_extension};
use crate::log::{self, Reader, record};

/// Bytes copied at once.
const PIECE_BYTES: usize = 1 << 20;

/// Copies an open store; the caller keeps files from being removed meanwhile.
/// Before the copy becomes a store, `more` is put into it.
pub(crate) fn copy_open(
    from: &Folder,
    log: &Reader,
    to: &Path,
    more: &mut dyn FnMut(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let target = Folder::new(std::sync::Arc::clone(&from.files), to);
    target.check_is_no_store()?;
    copy_kind(from, &target, Folder::checkpoints, "checkpoint")?;
    copy_kind(from, &target, Folder::history, "history")?;
    target
        .files
        .create_dir(&target.log())
        .map_err(Error::io("make", &target.log()))?;
    for (path, bytes) in log.files() {
        copy_into(&*target.files, &path, &target.log(), bytes)?;
    }
    more(to)?;
    finish(&target)
}

/// Copies a store that is not open.
fn copy_closed(from: &Folder, to: &Folder) -> Result<(), Error> {
    copy_kind(from, to, Folder::checkpoints, "checkpoint")?;
    copy_kind(from, to, Folder::history, "history")?;
    copy_kind(from, to, Folder::log, "log")
}

fn copy_kind(
    from: &Folder,
    to: &Folder,
    part: impl Fn(&Folder) -> PathBuf,
    extension: &str,
) -> Result<(), Error> {
    let (source, target) = (part(from), part(to));
    to.files
        .create_dir(&target)
        .map_err(Error::io("make", &target))?;
    let names = from
        .files
        .list(&source)
        .map_err(Error::io("list", &source))?;
    for name in names.iter().filter(|name| has_extension(name, extension)) {
        copy_into(&*to.files, &source.join(name), &target, None)?;
    }
    Ok(())
}

/// Copies a file into a folder under its own name: so many bytes of it, or all.
fn copy_into(files: &dyn Files, from: &Path, dir: &Path, bytes: Option<u64>) -> Result<(), Error> {
    let name = from.file_name().unwrap_or_default();
    let to = dir.join(name);
    let source = files.open_read(from).map_err(Error::io("open", from))?;
    let total = match bytes {
        Some(bytes) => bytes,
        None => source.len().map_err(Error::io("measure", from))?,
    };
    let target = files.create(&to).map_err(Error::io("make", &to))?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    while at < total {
        let left = usize::try_from(total - at)
            .unwrap_or(usize::MAX)
            .min(PIECE_BYTES);
        piece.resize(left, 0);
        source
            .read_at(at, &mut piece)
            .map_err(Error::io("read", from))?;
        target
            .write_at(at, &piece)
            .map_err(Error::io("write", &to))?;
        at += left as u64;
    }
    target.sync().map_err(Error::io("sync", &to))
}

/// Makes the copied names durable, then the copy a store.
fn finish(target: &Folder) -> Result<(), Error> {
    for dir in [target.checkpoints(), target.history(), target.log()] {
        target
            .files
            .sync_dir(&dir)
            .map_err(Error::io("sync", &dir))?;
    }
    target.write_format()
}

/// Makes a store in the empty folder `to` from the backup (or closed store) `from`: with all that
/// is in it, or as it was at `until`, that moment included. Returns the last change of it.
///
/// Limit: `until` reaches back to the last checkpoint of the backup; for earlier moments take an
/// earlier backup. The error says which moment is the earliest.
pub fn restore(
    files: std::sync::Arc<dyn Files>,
    from: &Path,
    to: &Path,
    until: Option<Time>,
) -> Result<Seq, Error> {
    let source = Folder::new(std::sync::Arc::clone(&files), from);
    source.check_format()?;
    let _source_lock = lock_unless_read_only(&source)?;
    let target = Folder::new(files, to);
    target.check_is_no_store()?;
    let _target_lock = target.lock()?;
    let restored = copy_closed(&source, &target).and_then(|()| {
        until.map_or(Ok(()), |until| cut_to(&target, until))?;
        verify(&target)
    });
    match restored {
        Ok(last) => {
            finish(&target)?;
            Ok(last)
        }
        Err(error) => {
            remove_parts(&target)?;
            Err(error)
        }
    }
}

/// Keeps a store from being opened while it is copied; a medium that cannot be written needs none.
fn lock_unless_read_only(source: &Folder) -> Result<Option<Box<dyn Lock>>, Error> {
    match source.lock() {
        Ok(lock) => Ok(Some(lock)),
        Err(Error::Io { source: error, .. })
            if matches!(
                error.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Cuts the log behind the last batch of a moment, if no checkpoint and no sealed history is
/// beyond it.
fn cut_to(target: &Folder, until: Time) -> Result<(), Error> {
    let dir = target.log();
    let malformed = |seq: Seq, what: record::Malformed| {
        Error::corrupt(&dir, 0, format!("change {seq}: {}", what.0))
    };
    let mut end = None;
    let files = &*target.files;
    log::cut(files, &dir, &mut |record| {
        let time = record::time(record.bytes).map_err(|what| malformed(record.seq, what))?;
        if time > until && end.is_none() {
            end = Some(record.seq);
        }
        Ok(time > until)
    })?;
    let Some(end) = end else { return Ok(()) };
    for (_, path) in checkpoint::list(files, &target.checkpoints())? {
        let checkpoint = Checkpoint::open(files, &path)?;
        if checkpoint.until >= end {
            let earliest = checkpoint.time;
            let what = format!(
                "the backup reaches back to {earliest} only, where its checkpoint stands; take an earlier backup for {until}"
            );
            return Err(Error::Invalid(what));
        }
    }
    let core = open::core_of(target, None, &watch::Sender::new(Progress::Ready))?;
    if core.history.covered() >= end {
        let what = format!(
            "history is sealed up to change {}, and the last one by {until} is {}; take an earlier backup",
            core.history.covered(),
            end.0 - 1
        );
        return Err(Error::Invalid(what));
    }
    Ok(())
}

/// Reads the whole store once; the last change of it.
fn verify(target: &Folder) -> Result<Seq, Error> {
    let report = crate::check::check_folder(target)?;
    match report.findings.into_iter().next() {
        Some(finding) => Err(Error::Invalid(format!(
            "the backup cannot be used: {finding}"
        ))),
        None => Ok(report.head),
    }
}

fn remove_parts(target: &Folder) -> Result<(), Error> {
    for dir in [target.checkpoints(), target.history(), target.log()] {
        for name in target.files.list(&dir).map_err(Error::io("list", &dir))? {
            let path = dir.join(name);
            target
                .files
                .remove(&path)
                .map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}
