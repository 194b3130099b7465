//! Opening: the last checkpoint that can be read, then the log behind it.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use base::Seq;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::core::{Applied, Core, Mode, Step};
use super::room::{Docs, Room, Rooms};
use super::{Folder, Opened, Progress, Settings};
use crate::checkpoint::{self, Checkpoint, CursorBlock, DocBlock, EntityBlock, Entry, Kind};
use crate::error::Error;
use crate::history::History;
use crate::log::record::Logged;
use crate::log::{Log, Record, record};
use crate::state::{Dictionary, Stored, World};

/// An opened store, its threads not yet running.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) core: Core,
    pub(super) log: Log,
    pub(super) head: Seq,
    /// Bytes of log behind the checkpoint.
    pub(super) tail_bytes: u64,
    pub(super) checkpoint_bytes: u64,
    pub(super) said: Opened,
}

/// Opens with the newest checkpoint, or with an older one if that cannot be read and the log still
/// reaches back to it.
pub(super) fn open(
    folder: &Folder,
    settings: &Settings,
    progress: &watch::Sender<Progress>,
) -> Result<Opening, Error> {
    let files = &*folder.files;
    let mut passed_over = Vec::new();
    let mut first_error = None;
    let found = checkpoint::list(files, &folder.checkpoints())?;
    for (_, path) in found.iter().rev() {
        let opened = Checkpoint::open(files, path)
            .and_then(|checkpoint| with(folder, settings, Some(&checkpoint), progress));
        match opened {
            Ok(mut opening) => {
                opening.said.passed_over = passed_over;
                return Ok(opening);
            }
            // Only if it is the checkpoint that cannot be read: damage elsewhere is not passed over.
            Err(Error::Corrupt { file, offset, what }) if file == *path => {
                let error = Error::Corrupt { file, offset, what };
                tracing::error!(%error, "a checkpoint could not be used");
                passed_over.push(error.to_string());
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(first_error.unwrap_or(error)),
        }
    }
    match with(folder, settings, None, progress) {
        Ok(mut opening) => {
            opening.said.passed_over = passed_over;
            Ok(opening)
        }
        Err(error) => Err(first_error.unwrap_or(error)),
    }
}

/// What a checkpoint and sealed history say, the log not yet replayed.
pub(crate) fn core_of(
    folder: &Folder,
    checkpoint: Option<&Checkpoint>,
    progress: &watch::Sender<Progress>,
) -> Result<Core, Error> {
    let rooms = Rooms::default();
    let mut cursors = BTreeMap::new();
    if let Some(checkpoint) = checkpoint {
        cursors = load(checkpoint, &rooms, progress)?;
    }
    let is_lent = cursors.contains_key(ports::ARCHIVE_CURSOR);
    let history = History::open(std::sync::Arc::clone(&folder.files), &folder.history())?;
    if is_lent {
        history.lend();
    }
    let until = checkpoint.map_or(Seq::ZERO, |c| c.until);
    for tenant in history.tenants() {
        drop(rooms.of(&tenant));
    }
    // Without any, history was lost and set aside: it begins anew.
    if history.covered() < until && history.covered() > Seq::ZERO {
        let what = format!(
            "sealed history ends with change {}, and the checkpoint goes to {until}",
            history.covered()
        );
        return Err(Error::corrupt(&folder.history(), 0, what));
    }
    let time = checkpoint.map_or_else(Default::default, |c| c.time);
    let applying = Mutex::new(Applied { head: until, time });
    let cursors = RwLock::new(cursors);
    Ok(Core {
        rooms,
        cursors,
        history,
        applying,
    })
}

fn with(
    folder: &Folder,
    settings: &Settings,
    checkpoint: Option<&Checkpoint>,
    progress: &watch::Sender<Progress>,
) -> Result<Opening, Error> {
    let core = core_of(folder, checkpoint, progress)?;
    let (from, until) = checkpoint.map_or((Seq::ZERO, Seq::ZERO), |c| (c.from, c.until));
    let replay = Replay {
        core: &core,
        folder,
        until,
        progress,
    };
    let (log, counted) = replay.run(settings, from)?;
    let head = Seq(log.next().0 - 1);
    if head < until {
        let what = format!("the log ends with change {head}, and the checkpoint goes to {until}");
        return Err(Error::corrupt(&folder.log(), 0, what));
    }
    core.applying.lock().head = head;
    let said = Opened {
        torn: log.torn().cloned(),
        replayed: counted.batches,
        ..Opened::default()
    };
    if let Some(torn) = &said.torn {
        let (file, offset) = (torn.file.display(), torn.offset);
        tracing::warn!(%file, offset, "a torn frame at the end of the log was cut off; it was never acknowledged");
    }
    let checkpoint_bytes = checkpoint.map_or(0, |c| c.bytes);
    Ok(Opening {
        core,
        log,
        head,
        tail_bytes: counted.bytes,
        checkpoint_bytes,
        said,
    })
}

/// What a replay counted.
#[derive(Debug, Default)]
struct Counted {
    batches: u64,
    bytes: u64,
}

struct Replay<'a> {
    core: &'a Core,
    folder: &'a Folder,
    until: Seq,
    progress: &'a watch::Sender<Progress>,
}

impl Replay<'_> {
    /// Replays the log: this thread reads and decodes, one applies to the state, one to history.
    fn run(&self, settings: &Settings, from: Seq) -> Result<(Log, Counted), Error> {
        const STEPS_WAITING: usize = 4;
        let core = self.core;
        let mode = Mode::Replay(self.until);
        let (decoded, to_state) = sync_channel::<Step>(STEPS_WAITING);
        let (stated, to_history) = sync_channel::<Step>(STEPS_WAITING);
        thread::scope(|scope| {
            let state = scope.spawn(move || -> Result<(), Error> {
                for mut step in to_state {
                    core.apply_to_state(&mut step, mode)?;
                    // Who takes no more steps has an error of its own to tell.
                    if stated.send(step).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let history = scope.spawn(move || -> Result<(), Error> {
                to_history
                    .into_iter()
                    .try_for_each(|step| core.apply_to_history(&step))
            });
            let read = self.read(settings, from, decoded);
            let ended = || Error::corrupt(&self.folder.log(), 0, "a replay ended by a panic");
            history.join().unwrap_or_else(|_panic| Err(ended()))?;
            state.join().unwrap_or_else(|_panic| Err(ended()))?;
            read
        })
    }

    fn read(
        &self,
        settings: &Settings,
        from: Seq,
        decoded: SyncSender<Step>,
    ) -> Result<(Log, Counted), Error> {
        let mut counted = Counted::default();
        let mut waiting: Option<Step> = None;
        let mut time = self.core.applying.lock().time;
        let dir = self.folder.log();
        let log = Log::open(
            &self.folder.files,
            &dir,
            settings.log,
            from,
            &mut |record| {
                let logged = logged(&dir, record)?;
                if record.seq > self.until {
                    time = logged.time;
                }
                counted.batches += 1;
                counted.bytes += record.bytes.len() as u64;
                let next = match &mut waiting {
                    None => Some(Step::new(record.seq, logged)),
                    Some(step) => step.extend(record.seq, logged),
                };
                if let Some(next) = next
                    && let Some(full) = waiting.replace(next)
                {
                    self.progress.send_replace(Progress::Log { at: record.seq });
                    decoded.send(full).map_err(|_ended| Error::Closed)?;
                }
                Ok(())
            },
        )?;
        if let Some(last) = waiting {
            decoded.send(last).map_err(|_ended| Error::Closed)?;
        }
        // The others end when nothing more can come.
        drop(decoded);
        self.core.applying.lock().time = time;
        Ok((log, counted))
    }
}

/// Reads a record of the log.
fn logged(dir: &Path, record: Record<'_>) -> Result<Logged, Error> {
    let malformed = |what: record::Malformed| malformed(dir, record.seq, what);
    let logged = record::decode(record.bytes).map_err(malformed)?;
    if logged.facts.len() != record.count as usize {
        return Err(malformed(record::Malformed(
            "it has other changes than the log says",
        )));
    }
    Ok(logged)
}

/// Applies a record of the log.
pub(crate) fn replay(core: &Core, dir: &Path, record: Record<'_>, mode: Mode) -> Result<(), Error> {
    let logged = logged(dir, record)?;
    let time = logged.time;
    core.apply([(record.seq, logged)], mode)?;
    core.applying.lock().time = time;
    Ok(())
}

fn malformed(dir: &Path, seq: Seq, what: record::Malformed) -> Error {
    Error::corrupt(
        dir,
        0,
        format!("the batch of change {seq} cannot be read: {}", what.0),
    )
}

/// Reads a checkpoint into rooms and gives its cursors.
fn load(
    checkpoint: &Checkpoint,
    rooms: &Rooms,
    progress: &watch::Sender<Progress>,
) -> Result<BTreeMap<base::Name, Seq>, Error> {
    let total = checkpoint.bytes;
    let done = AtomicU64::new(0);
    let said = |bytes: usize| {
        let done = done.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        progress.send_replace(Progress::Checkpoint { done, total });
    };
    let mut cursors = BTreeMap::new();
    for (number, tenant) in (0_u32..).zip(&checkpoint.tenants) {
        let own: Vec<&Entry> = checkpoint
            .entries
            .iter()
            .filter(|e| e.tenant == number)
            .collect();
        let world = load_world(checkpoint, &own, &said)?;
        let docs = load_docs(checkpoint, &own)?;
        rooms.put(
            tenant.clone(),
            Room {
                world: RwLock::new(world),
                docs: RwLock::new(docs),
            },
        );
    }
    for entry in checkpoint
        .entries
        .iter()
        .filter(|e| e.kind == Kind::Cursors)
    {
        let block = CursorBlock(checkpoint.block(entry)?);
        for cursor in block.cursors() {
            let (name, seq) = cursor.ok_or_else(|| checkpoint.damaged(entry))?;
            cursors.insert(name, seq);
        }
    }
    Ok(cursors)
}

fn load_world(
    checkpoint: &Checkpoint,
    own: &[&Entry],
    said: &(impl Fn(usize) + Sync),
) -> Result<World, Error> {
    let mut dictionary = Dictionary::default();
    for entry in own.iter().filter(|e| e.kind == Kind::Dictionary) {
        let bytes = checkpoint.block(entry)?;
        dictionary = Dictionary::decode(&bytes).map_err(|_damaged| checkpoint.damaged(entry))?;
    }
    let blocks: Vec<&Entry> = own
        .iter()
        .filter(|e| e.kind == Kind::Entities)
        .copied()
        .collect();
    let entities = read_entities(checkpoint, &blocks, said)?;
    let damaged = |_damaged| {
        Error::corrupt(
            checkpoint.path(),
            0,
            "entities of it cannot be read, or stand twice",
        )
    };
    World::load(dictionary, entities).map_err(damaged)
}

/// Reads blocks on all processors; the entities come out in the order of the blocks.
fn read_entities(
    checkpoint: &Checkpoint,
    blocks: &[&Entry],
    said: &(impl Fn(usize) + Sync),
) -> Result<Vec<Stored>, Error> {
    let next = AtomicUsize::new(0);
    let read: Mutex<BTreeMap<usize, Vec<Stored>>> = Mutex::default();
    let work = || -> Result<(), Error> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = blocks.get(at) else {
                return Ok(());
            };
            let block = EntityBlock(checkpoint.block(entry)?);
            let mut entities = Vec::with_capacity(entry.items as usize);
            for row in block.rows() {
                let (seq, bytes) = row.ok_or_else(|| checkpoint.damaged(entry))?;
                entities.push(Stored {
                    seq,
                    bytes: bytes.into(),
                });
            }
            said(block.0.len());
            read.lock().insert(at, entities);
        }
    };
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(blocks.len());
    thread::scope(|scope| {
        let running: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let ended = || Error::corrupt(checkpoint.path(), 0, "reading it ended by a panic");
        let here = work();
        let there = running
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|_panic| Err(ended())));
        there.fold(here, Result::and)
    })?;
    let read = read.into_inner();
    let mut entities = Vec::with_capacity(read.values().map(Vec::len).sum());
    for part in read.into_values() {
        entities.extend(part);
    }
    Ok(entities)
}

fn load_docs(checkpoint: &Checkpoint, own: &[&Entry]) -> Result<Docs, Error> {
    let mut docs = Docs::new();
    for entry in own.iter().filter(|e| e.kind == Kind::Docs) {
        let block = DocBlock(checkpoint.block(entry)?);
        for doc in block.docs() {
            let doc = doc.ok_or_else(|| checkpoint.damaged(entry))?;
            docs.entry(doc.kind.clone())
                .or_default()
                .insert(doc.id.clone(), doc);
        }
    }
    Ok(docs)
}
