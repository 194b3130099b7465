//! The store passes its suite while a lake takes its history over at any moment, merges its files,
//! and both are closed or killed in between: every read is answered as by the model.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use ports::Store;
use store_embedded::files::{MemoryFiles, Survival};
use store_embedded::{EmbeddedStore, LogSettings, Progress, Settings};
use store_suite::{Setup, store_suite};
use tempfile::TempDir;

use super::ledger::{Ledger, Life};

/// What belongs to an open store.
struct Open {
    files: MemoryFiles,
    embedded: Arc<EmbeddedStore>,
    folder: TempDir,
    ledger: Arc<Ledger>,
    life: Life,
}

#[derive(Default)]
struct Sealing {
    open: Mutex<HashMap<usize, Open>>,
    lives: AtomicU64,
}

fn address(store: &Arc<dyn Store>) -> usize {
    Arc::as_ptr(store).cast::<()>().addr()
}

/// Small buffers, so that a short history already meets segments, seals and merges of the store.
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

impl Sealing {
    async fn keep(
        &self,
        files: MemoryFiles,
        folder: TempDir,
        ledger: Arc<Ledger>,
    ) -> Arc<dyn Store> {
        let progress = tokio::sync::watch::Sender::new(Progress::Log {
            at: base::Seq::ZERO,
        });
        let opened = EmbeddedStore::open_in(
            Arc::new(files.clone()),
            Path::new("/data"),
            settings(),
            &progress,
        );
        let embedded = Arc::new(opened.expect("the store opens"));
        let number = self.lives.fetch_add(1, Ordering::Relaxed);
        let life = Life::begin(Arc::clone(&ledger), &embedded, folder.path(), number).await;
        let store: Arc<dyn Store> = Arc::<EmbeddedStore>::clone(&embedded);
        let open = Open {
            files,
            embedded,
            folder,
            ledger,
            life,
        };
        self.open.lock().insert(address(&store), open);
        store
    }

    fn take(&self, store: &Arc<dyn Store>) -> Open {
        let open = self.open.lock().remove(&address(store));
        open.expect("it was opened here")
    }
}

#[async_trait]
impl Setup for Sealing {
    async fn open(&self) -> Arc<dyn Store> {
        let folder = tempfile::tempdir().expect("a folder");
        self.keep(MemoryFiles::new(), folder, Arc::default()).await
    }

    async fn meanwhile(&self, store: &Arc<dyn Store>, chance: u64) {
        let lake = {
            let open = self.open.lock();
            Arc::clone(&open[&address(store)].life.lake)
        };
        if chance.is_multiple_of(5) {
            lake.seal_now().await.expect("it seals");
        }
        if chance.is_multiple_of(16) {
            lake.compact_now().await.expect("it merges");
        }
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let open = self.take(&store);
        open.life.end().await;
        open.embedded.close();
        drop((store, open.embedded));
        Some(self.keep(open.files, open.folder, open.ledger).await)
    }

    async fn crash(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let open = self.take(&store);
        let seed = self.lives.load(Ordering::Relaxed);
        let survival = match seed % 4 {
            0 => Survival::None,
            1 => Survival::All,
            _ => Survival::Some(seed),
        };
        let found = open.files.after_crash(survival);
        open.life.end().await;
        drop((store, open.embedded));
        Some(self.keep(found, open.folder, open.ledger).await)
    }
}

store_suite!(Sealing::default());
