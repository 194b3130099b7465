//! The checkpointer: puts the state into a file now and then, and gives back the log before it.
//!
//! The order, so that a crash anywhere in between loses nothing: the state goes to a file under a
//! temporary name while changes go on, and is synced; history is sealed at least as far as the
//! newest change within that file; only then is the checkpoint put in place; only then are older
//! checkpoints and the log before the last two removed. So history never lags behind a checkpoint
//! that counts, and a replay finds each entity as it stood before any change that history needs.

use std::sync::atomic::{AtomicBool, Ordering};

use base::{Name, Seq, Time};
use parking_lot::{Condvar, Mutex};

use super::core::Core;
use super::room::Room;
use super::{Folder, Settings, Shared};
use crate::checkpoint::{self, Finished, Kind, Rows, Writer};
use crate::error::Error;

/// Checkpoints kept: if the last cannot be read, the one before it can.
const CHECKPOINTS_KEPT: usize = 2;
/// Bytes of log that are replayed too soon to be worth a checkpoint at the end.
const CLOSING_LOG_BYTES: u64 = 1 << 20;

/// What wakes the checkpointer.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<Rung>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Rung {
    /// Something is to be done: `true` for a checkpoint, `false` for history alone.
    due: Option<bool>,
    /// The last ring; whether a checkpoint is wanted with it.
    last: Option<bool>,
    /// When the checkpointer last began, in bytes of log and in time.
    bytes: u64,
    time: Option<Time>,
}

impl Bell {
    /// The log has grown to so many bytes, at that time: rings when something is due.
    pub(super) fn heard(&self, shared: &Shared, bytes: u64, time: Time) {
        let mut state = self.state.lock();
        let since = bytes.saturating_sub(state.bytes);
        let began = *state.time.get_or_insert(time);
        let is_old = time.0.saturating_sub(began.0) > shared.settings.checkpoint_age_micros;
        let due = shared.due_bytes.load(Ordering::Relaxed) / if is_old { 8 } else { 1 };
        let history = shared.core.history.tail_bytes();
        let is_due = since >= due;
        if is_due || history >= shared.settings.history_tail_bytes {
            state.due = Some(is_due || state.due == Some(true));
            self.rung.notify_one();
        }
    }

    /// Asks the checkpointer to end, with a last checkpoint or without.
    pub(super) fn ring_last(&self, with_checkpoint: bool) {
        let mut state = self.state.lock();
        state.last.get_or_insert(with_checkpoint);
        self.rung.notify_one();
    }

    /// Waits until something is due; whether that is a checkpoint, and whether it is the last time.
    fn wait(&self) -> (bool, Option<bool>) {
        let mut state = self.state.lock();
        while state.due.is_none() && state.last.is_none() {
            self.rung.wait(&mut state);
        }
        (state.due.take().unwrap_or(false), state.last)
    }

    fn begins(&self, bytes: u64, time: Time) {
        let mut state = self.state.lock();
        state.bytes = bytes;
        state.time = Some(time);
    }

    /// Bytes of log since the last checkpoint began.
    fn since(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.state.lock().bytes)
    }
}

/// Bytes of log at which a checkpoint is due after one of so many bytes.
pub(super) fn due(settings: &Settings, checkpoint_bytes: u64) -> u64 {
    settings.checkpoint_log_bytes.max(checkpoint_bytes / 4)
}

impl Shared {
    /// Writes checkpoints and tends history until the store ends.
    pub(super) fn run_checkpoints(&self) {
        loop {
            let (is_due, last) = self.bell.wait();
            let since = self.bell.since(self.logged_bytes.load(Ordering::Relaxed));
            let is_due = match last {
                None => is_due,
                Some(with_checkpoint) => with_checkpoint && since >= CLOSING_LOG_BYTES,
            };
            let done = if is_due { self.checkpoint() } else { Ok(()) };
            if let Err(error) = done.and_then(|()| self.tend_history(last.is_none())) {
                tracing::error!(%error, "a checkpoint failed; the log is kept and grows until one succeeds");
            }
            if last.is_some() {
                return;
            }
        }
    }

    /// Seals a tail that has grown large, and merges segments while there is time.
    fn tend_history(&self, has_time: bool) -> Result<(), Error> {
        let _one = self.maintenance.lock();
        let history = &self.core.history;
        if history.tail_bytes() >= self.settings.history_tail_bytes {
            history.seal()?;
        }
        let mut goes_on = has_time;
        while goes_on && !self.hurry.load(Ordering::Relaxed) {
            goes_on = history.merge()?;
        }
        Ok(())
    }

    /// Writes a checkpoint, seals history, and gives back what neither needs any more.
    pub(super) fn checkpoint(&self) -> Result<(), Error> {
        let _one = self.maintenance.lock();
        if self.is_poisoned() {
            return Err(Error::Poisoned);
        }
        let applied = *self.core.applying.lock();
        self.bell
            .begins(self.logged_bytes.load(Ordering::Relaxed), applied.time);
        let finished = write_state(&self.folder, &self.core, applied.head, &self.hurry)?;
        let Some(finished) = finished else {
            return Ok(());
        };
        let bytes = finished.bytes;
        self.core.history.seal()?;
        let path = finished.install()?;
        self.due_bytes
            .store(due(&self.settings, bytes), Ordering::Relaxed);
        tracing::info!(file = %path.display(), bytes, "a checkpoint was written");
        self.release()
    }

    /// Removes checkpoints and log that no start needs.
    fn release(&self) -> Result<(), Error> {
        let folder = &self.folder;
        let found = checkpoint::list(&*folder.files, &folder.checkpoints())?;
        let old = found.len().saturating_sub(CHECKPOINTS_KEPT);
        for (_, path) in found.iter().take(old) {
            folder
                .files
                .remove(path)
                .map_err(Error::io("remove", path))?;
        }
        let kept = found.get(old).map_or(Seq::ZERO, |(from, _)| *from);
        // A lone checkpoint is not yet backed by another: the log stays, should it fail.
        let kept = if found.len() < CHECKPOINTS_KEPT {
            Seq::ZERO
        } else {
            kept
        };
        let followed = self.log.seq_before_last(self.settings.lag_bytes);
        self.log.release(kept.min(followed)).map(drop)
    }
}

/// Writes the state to a file that is not yet in place; `None` when it was told to hurry.
pub(crate) fn write_state(
    folder: &Folder,
    core: &Core,
    from: Seq,
    hurry: &AtomicBool,
) -> Result<Option<Finished>, Error> {
    let mut writer = Writer::create(&folder.files, &folder.checkpoints(), from)?;
    for (tenant, room) in core.rooms.all() {
        writer.tenant(&tenant);
        let mut after = None;
        while let Some((rows, last)) = entities_after(&room, after.as_ref())? {
            if hurry.load(Ordering::Relaxed) {
                return Ok(None);
            }
            writer.block(Kind::Entities, rows.items, &rows.bytes)?;
            after = Some(last);
        }
        write_docs(&room, &mut writer)?;
        // Last, so that it knows every name that an entity above uses.
        let mut dictionary = Vec::new();
        room.world.read().dictionary().encode(&mut dictionary);
        writer.block(Kind::Dictionary, 0, &dictionary)?;
    }
    // While this is held no batch is half applied: `until` covers whatever was written above.
    let applying = core.applying.lock();
    let until = *applying;
    let mut rows = Rows::default();
    for (name, seq) in core.cursors.read().iter() {
        rows.push(*seq, name.as_bytes());
    }
    drop(applying);
    writer.block(Kind::Cursors, rows.items, &rows.bytes)?;
    writer.finish(until.head, until.time).map(Some)
}

/// A block of the entities after an id, and the last id of it; `None` behind the last.
fn entities_after(room: &Room, after: Option<&Name>) -> Result<Option<(Rows, Name)>, Error> {
    let world = room.world.read();
    let mut rows = Rows::default();
    let mut last = None;
    for (seq, bytes) in world.stored(after.map(|name| &**name)) {
        rows.push(seq, bytes);
        last = Some(bytes);
        if rows.is_full() {
            break;
        }
    }
    let Some(last) = last else { return Ok(None) };
    let damaged = |_damaged| Error::Damaged(after.cloned().unwrap_or_else(|| Name::from("first")));
    let last = crate::state::decode(last, world.dictionary()).map_err(damaged)?;
    Ok(Some((rows, last.id)))
}

fn write_docs(room: &Room, writer: &mut Writer) -> Result<(), Error> {
    let docs = room.docs.read().clone();
    let mut rows = Rows::default();
    for doc in docs.values().flat_map(|family| family.values()) {
        rows.push_doc(doc);
        if rows.is_full() {
            writer.block(Kind::Docs, rows.items, &rows.bytes)?;
            rows = Rows::default();
        }
    }
    writer.block(Kind::Docs, rows.items, &rows.bytes)
}
