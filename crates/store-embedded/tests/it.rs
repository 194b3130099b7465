//! The embedded store passes the suite that every store runs: on the disk, and on a disk in memory that loses
//! at a crash what was not synced.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use ports::{Past as _, Store};
use store_embedded::files::{Files, MemoryFiles, RealFiles, Survival};
use store_embedded::{EmbeddedStore, LogSettings, Progress, Settings};
use store_suite::{PlainArchive, Setup, store_suite};
use tokio::sync::watch;

fn opened(files: Arc<dyn Files>, dir: &Path, settings: Settings) -> Arc<EmbeddedStore> {
    let progress = watch::Sender::new(Progress::Log {
        at: base::Seq::ZERO,
    });
    let store = EmbeddedStore::open_in(files, dir, settings, &progress);
    Arc::new(store.expect("the store opens"))
}

/// Which of the open stores it is.
fn address(store: &Arc<dyn Store>) -> usize {
    Arc::as_ptr(store).cast::<()>().addr()
}

/// Small buffers, so that a short history already meets segments, checkpoints, seals and merges; what is
/// acknowledged must survive a power loss at any moment.
#[derive(Default)]
struct Crashing {
    open: Mutex<HashMap<usize, (MemoryFiles, Arc<EmbeddedStore>)>>,
    seed: AtomicU64,
}

impl Crashing {
    fn settings() -> Settings {
        Settings {
            log: LogSettings {
                segment_bytes: 32 << 10,
                spares_max: 2,
            },
            checkpoint_log_bytes: 16 << 10,
            history_tail_bytes: 8 << 10,
            recent_bytes: 4 << 10,
            // The suite asks for the log from its beginning.
            lag_bytes: u64::MAX / 2,
            ..Settings::default()
        }
    }

    fn keep(&self, files: MemoryFiles) -> Arc<dyn Store> {
        let store = opened(
            Arc::new(files.clone()),
            Path::new("/data"),
            Self::settings(),
        );
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        self.open.lock().insert(address(&shared), (files, store));
        shared
    }

    fn take(&self, store: &Arc<dyn Store>) -> (MemoryFiles, Arc<EmbeddedStore>) {
        self.open
            .lock()
            .remove(&address(store))
            .expect("it was opened here")
    }
}

#[async_trait]
impl Setup for Crashing {
    async fn open(&self) -> Arc<dyn Store> {
        self.keep(MemoryFiles::new())
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let (files, embedded) = self.take(&store);
        embedded.close();
        drop((store, embedded));
        Some(self.keep(files))
    }

    async fn crash(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let (files, embedded) = self.take(&store);
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let survival = match seed % 4 {
            0 => Survival::None,
            1 => Survival::All,
            _ => Survival::Some(seed),
        };
        let found = files.after_crash(survival);
        drop((store, embedded));
        Some(self.keep(found))
    }
}

/// The settings and the disk of every day.
#[derive(Default)]
struct OnDisk {
    open: Mutex<HashMap<usize, (tempfile::TempDir, Arc<EmbeddedStore>)>>,
}

impl OnDisk {
    fn keep(&self, dir: tempfile::TempDir) -> Arc<dyn Store> {
        let path: PathBuf = dir.path().join("data");
        let store = opened(Arc::new(RealFiles), &path, Settings::default());
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        self.open.lock().insert(address(&shared), (dir, store));
        shared
    }
}

#[async_trait]
impl Setup for OnDisk {
    async fn open(&self) -> Arc<dyn Store> {
        self.keep(tempfile::tempdir().expect("a temporary folder"))
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let (dir, embedded) = self.open.lock().remove(&address(&store))?;
        embedded.close();
        drop((store, embedded));
        Some(self.keep(dir))
    }
}

/// A store whose history goes to an archive at any moment, in parcels large and small; sometimes it
/// is not let go of, as after a crash in between.
#[derive(Default)]
struct Giving {
    crashing: Crashing,
    archives: Mutex<HashMap<usize, PlainArchive>>,
}

impl Giving {
    fn keep(&self, store: Arc<dyn Store>, archive: PlainArchive) -> Arc<dyn Store> {
        self.embedded(&store).keep_in(Arc::new(archive.clone()));
        self.archives.lock().insert(address(&store), archive);
        store
    }

    fn embedded(&self, store: &Arc<dyn Store>) -> Arc<EmbeddedStore> {
        let open = self.crashing.open.lock();
        let (_, embedded) = open.get(&address(store)).expect("it was opened here");
        Arc::clone(embedded)
    }
}

#[async_trait]
impl Setup for Giving {
    async fn open(&self) -> Arc<dyn Store> {
        self.keep(self.crashing.open().await, PlainArchive::default())
    }

    async fn meanwhile(&self, store: &Arc<dyn Store>, chance: u64) {
        let embedded = self.embedded(store);
        let archive = self.archives.lock()[&address(store)].clone();
        let rows_max = [1, 20, 1_000_000][usize::try_from(chance % 3).unwrap_or(0)];
        if chance.is_multiple_of(4) {
            archive.take_over(&*embedded, rows_max).expect("a parcel");
        }
        if chance.is_multiple_of(5) {
            embedded.let_go(archive.until()).expect("it lets go");
        }
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let archive = self.archives.lock().remove(&address(&store))?;
        Some(self.keep(self.crashing.reopen(store).await?, archive))
    }

    async fn crash(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let archive = self.archives.lock().remove(&address(&store))?;
        Some(self.keep(self.crashing.crash(store).await?, archive))
    }
}

mod giving {
    use super::*;
    store_suite!(Giving::default());
}

mod crashing {
    use super::*;
    store_suite!(Crashing::default());
}

mod on_disk {
    use super::*;
    store_suite!(OnDisk::default());
}
