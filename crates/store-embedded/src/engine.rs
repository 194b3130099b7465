//! The engine: one committer that makes batches durable and then true, one checkpointer behind it.
//!
//! ```text
//! commit ─ encode ─▶ queue ─▶ committer: expectations ▶ one write, one sync ▶ state, history ▶ head
//!                                │ so many bytes later
//!                                ▼
//!                           checkpointer: state to a file ▶ seal history ▶ in place ▶ log recycled
//! ```
//!
//! All that a batch means is applied by the committer, after the sync and before anybody is
//! answered; nobody else writes to the state. Reads take short shared locks and see whole batches.

mod checkpointer;
mod committer;
pub(crate) mod core;
mod expect;
mod folder;
mod forget;
pub(crate) mod open;
mod past;
mod queue;
mod recent;
mod room;
mod store;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::JoinHandle;

use base::Seq;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::Error;
use crate::files::{Files, Lock, RealFiles};
use crate::log::{LogSettings, Reader, TornTail};
use checkpointer::Bell;
use core::Core;
use queue::Queue;
use recent::Recent;

pub(crate) use checkpointer::write_state;
pub(crate) use folder::Folder;

/// How the store uses memory and disk. The defaults fit a small machine and a busy city.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the log uses the disk.
    pub log: LogSettings,
    /// A checkpoint is due after so many bytes of log, or a quarter of the last checkpoint's size if
    /// that is more. 64 MiB: about a second of replay.
    pub checkpoint_log_bytes: u64,
    /// After so long, an eighth of that is enough. One hour: what a quiet city writes is small.
    pub checkpoint_age_micros: i64,
    /// Bytes of recent history at which it is sealed into a file; in memory it takes some four times
    /// as much.
    pub history_tail_bytes: usize,
    /// Bytes of encoded changes kept in memory for tails that keep up.
    pub recent_bytes: usize,
    /// Bytes of batches that may wait for the committer; more waits outside.
    pub queue_bytes: usize,
    /// Bytes of batches that share one sync.
    pub group_bytes: usize,
    /// Bytes of log kept at least, for tails that lag and readers that come late. 1 GiB: a tail may
    /// be away for hours in a city that writes 100 KB/s.
    pub lag_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log: LogSettings::default(),
            checkpoint_log_bytes: 64 << 20,
            checkpoint_age_micros: 3_600_000_000,
            history_tail_bytes: 16 << 20,
            recent_bytes: 4 << 20,
            queue_bytes: 64 << 20,
            group_bytes: 8 << 20,
            lag_bytes: 1 << 30,
        }
    }
}

/// How far opening has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Reading the checkpoint.
    Checkpoint {
        /// Bytes read.
        done: u64,
        /// Bytes there are.
        total: u64,
    },
    /// Replaying the log.
    Log {
        /// The change it has come to.
        at: Seq,
    },
    /// Open.
    Ready,
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It takes batches.
    Running,
    /// A write failed: nothing more is acknowledged, and the node must be restarted.
    Poisoned(String),
    /// It was closed.
    Closed,
}

/// What opening found worth saying.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// A frame that a power loss tore; it was never acknowledged.
    pub torn: Option<TornTail>,
    /// A newer checkpoint that could not be read, so an older one was used.
    pub passed_over: Vec<String>,
    /// Batches replayed from the log.
    pub replayed: u64,
}

/// The embedded store.
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    opened: Opened,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads and the callers share.
#[derive(Debug)]
struct Shared {
    folder: Folder,
    settings: Settings,
    core: Core,
    log: Reader,
    recent: Mutex<Recent>,
    head: watch::Sender<Seq>,
    health: watch::Sender<Health>,
    queue: Queue,
    bell: Bell,
    /// Bytes appended to the log since the store was opened, the replayed tail included.
    logged_bytes: AtomicU64,
    /// Bytes of log since the last checkpoint at which the next is due.
    due_bytes: AtomicU64,
    /// Held while files of checkpoints, history or old log come and go.
    maintenance: Mutex<()>,
    /// Set when a checkpoint under way must be given up.
    hurry: AtomicBool,
    /// Kept for as long as the store is open.
    _lock: Box<dyn Lock>,
}

impl EmbeddedStore {
    /// Opens the store in a folder of the file system, or begins one. Blocks until all is in
    /// memory and the tail of the log is replayed; `progress` says how far that is.
    pub fn open(
        dir: &Path,
        settings: Settings,
        progress: &watch::Sender<Progress>,
    ) -> Result<Self, Error> {
        Self::open_in(Arc::new(RealFiles), dir, settings, progress)
    }

    /// The same in any file system.
    pub fn open_in(
        files: Arc<dyn Files>,
        dir: &Path,
        settings: Settings,
        progress: &watch::Sender<Progress>,
    ) -> Result<Self, Error> {
        let folder = Folder::new(files, dir);
        let lock = folder.lock()?;
        folder.check_format_or_begin()?;
        let opened = open::open(&folder, &settings, progress)?;
        let shared = Arc::new(Shared {
            recent: Mutex::new(Recent::new(settings.recent_bytes)),
            head: watch::Sender::new(opened.head),
            health: watch::Sender::new(Health::Running),
            queue: Queue::new(settings.queue_bytes),
            bell: Bell::default(),
            logged_bytes: AtomicU64::new(opened.tail_bytes),
            due_bytes: AtomicU64::new(checkpointer::due(&settings, opened.checkpoint_bytes)),
            maintenance: Mutex::new(()),
            hurry: AtomicBool::new(false),
            log: opened.log.reader(),
            core: opened.core,
            folder,
            settings,
            _lock: lock,
        });
        let threads = threads::start(&shared, opened.log)?;
        progress.send_replace(Progress::Ready);
        Ok(Self {
            shared,
            opened: opened.said,
            threads: Mutex::new(threads),
        })
    }

    /// What opening found worth saying.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How the store is; changes once at most.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// Whether a write has failed, so that the node must be restarted.
    pub fn poisoned(&self) -> bool {
        matches!(&*self.shared.health.borrow(), Health::Poisoned(_))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.shared.folder.dir
    }

    /// Writes a checkpoint now. Blocks until it is in place.
    pub fn checkpoint(&self) -> Result<(), Error> {
        self.shared.checkpoint()
    }

    /// Copies the store to an empty folder while it runs: all that is acknowledged when this
    /// begins, and perhaps more. Blocks until the copy is durable.
    pub fn backup(&self, to: &Path) -> Result<Seq, Error> {
        self.backup_with(to, &mut |_| Ok(()))
    }

    /// The same with something more: `more` puts it into the copy, which is no store before that
    /// is done. What a lake has must be held in place from before this begins, and all of it be
    /// copied then: the copy speaks of the lake as it was at some moment in between.
    pub fn backup_with(
        &self,
        to: &Path,
        more: &mut dyn FnMut(&Path) -> Result<(), Error>,
    ) -> Result<Seq, Error> {
        let _one = self.shared.maintenance.lock();
        let head = *self.shared.head.borrow();
        crate::backup::copy_open(&self.shared.folder, &self.shared.log, to, more)?;
        Ok(head)
    }

    /// Takes no more batches, makes those that wait durable, writes a checkpoint when that spares
    /// the next start a replay, and ends. Blocks.
    pub fn close(&self) {
        self.shared.queue.close();
        self.shared.bell.ring_last(true);
        self.join();
        self.shared.health.send_if_modified(|health| {
            let was_running = *health == Health::Running;
            if was_running {
                *health = Health::Closed;
            }
            was_running
        });
    }

    fn join(&self) {
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store ended by a panic: please report it");
            }
        }
    }
}

impl Drop for EmbeddedStore {
    /// Ends the threads without a checkpoint; what was acknowledged is in the log.
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared
            .hurry
            .store(true, std::sync::atomic::Ordering::Relaxed);
        self.shared.bell.ring_last(false);
        self.join();
    }
}

/// Where the parts of a store are.
impl Folder {
    /// The checkpoints.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.dir.join("checkpoints")
    }

    /// The log.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Sealed history.
    pub(crate) fn history(&self) -> PathBuf {
        self.dir.join("history")
    }
}

#[cfg(test)]
mod tests;
