//! The lake: what is bulky and done with, as Parquet in a folder or an object store.
//!
//! - [`objects`]: where the files are; a file is durable before anybody speaks of it.
//! - [`manifest`]: which files count. It is docs of the store, so that every read is of one moment,
//!   and what a crash leaves behind is known as such.
//! - [`history`]: what sealed history looks like, written and read back.
//! - [`sealing`]: the tail that takes history over from the store.

pub mod compact;
pub mod error;
pub mod history;
pub mod http;
pub mod limits;
pub mod manifest;
mod naming;
pub mod objects;
pub mod records;
pub mod retention;
pub mod rollup;
pub mod sealing;

use std::sync::Arc;

use base::Tasks;
use broker::Broker;
use ports::{Clock, Entropy, Past};

pub use error::LakeError;
pub use manifest::{Edit, Entry, Manifest, Partition, Table};
pub use objects::{Objects, Place};

use manifest::Keeper;

/// What a lake is made of.
#[derive(Debug)]
pub struct Parts {
    /// The door; its store keeps the manifest.
    pub broker: Arc<Broker>,
    /// The store's side that gives history away; `None`: all history stays in the store.
    pub past: Option<Arc<dyn Past>>,
    /// Where the files go.
    pub place: Place,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the names of files.
    pub entropy: Arc<dyn Entropy>,
    /// The tasks of the node.
    pub tasks: Tasks,
}

/// The lake of a node.
#[derive(Debug)]
pub struct Lake {
    pub(crate) parts: Parts,
    pub(crate) objects: Objects,
    pub(crate) keeper: Keeper,
    pub(crate) records: records::Records,
}

impl Lake {
    /// Opens the lake, removes what a crash left behind, and begins to take history over.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, LakeError> {
        let objects = Objects::open(&parts.place)?;
        let store = Arc::clone(parts.broker.store());
        let records = records::Records::load(&*store).await?;
        let keeper = Keeper::load(store, Arc::clone(&parts.clock)).await?;
        let lake = Arc::new(Self {
            parts,
            objects,
            keeper,
            records,
        });
        lake.remove_orphans().await?;
        sealing::start(&lake);
        records::start(&lake);
        Ok(lake)
    }

    /// Which files count now.
    pub fn manifest(&self) -> Arc<Manifest> {
        self.keeper.now()
    }

    /// A name for a new file of a partition: nobody was ever given it before.
    pub fn new_path(&self, partition: &Partition) -> String {
        naming::new_path(partition, self.parts.clock.now(), &*self.parts.entropy)
    }

    /// Where the files are.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Removes files that the manifest does not name. Only before anything is written.
    async fn remove_orphans(&self) -> Result<(), LakeError> {
        let manifest = self.manifest();
        for path in self.objects.list().await? {
            if !manifest.names(&path) {
                tracing::info!(file = path, "a file that a crash left behind is removed");
                self.objects.remove(&path).await?;
            }
        }
        Ok(())
    }
}
