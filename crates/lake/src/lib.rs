//! The lake: what is bulky and done with, as Parquet in a folder or an object store.
//!
//! - [`objects`]: where the files are; a file is durable before anybody speaks of it.
//! - [`manifest`]: which files count. It is docs of the store, so that every read is of one moment,
//!   and what a crash leaves behind is known as such.
//! - [`history`]: what sealed history looks like, written and read back.
//! - [`sealing`]: the tail that takes history over from the store.

pub mod compact;
pub mod copy;
pub mod erasure;
pub mod error;
pub mod history;
pub mod http;
pub mod limits;
pub mod manifest;
mod naming;
pub mod objects;
pub mod publish;
pub mod records;
pub mod retention;
pub mod rollup;
pub mod sealing;
pub mod status;

use std::sync::Arc;

use base::{Tasks, Time};
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

/// When the lake does what it does by itself.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whether history is taken over from the store at all.
    pub seals: bool,
    /// So long history waits in the store at most, in microseconds.
    pub seal_age_micros: i64,
    /// So many bytes of it wait at most.
    pub seal_bytes: u64,
    /// So long a file that counts no more stays for engines outside, in microseconds.
    pub grace_micros: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            seals: true,
            seal_age_micros: 10 * 60 * 1_000_000,
            seal_bytes: 32 * 1024 * 1024,
            grace_micros: 10 * 60 * 1_000_000,
        }
    }
}

/// The lake of a node.
#[derive(Debug)]
pub struct Lake {
    pub(crate) parts: Parts,
    pub(crate) rules: Rules,
    pub(crate) objects: Objects,
    pub(crate) keeper: Keeper,
    pub(crate) records: records::Records,
    pub(crate) retention: retention::State,
    pub(crate) erasure: erasure::State,
    pub(crate) started: Time,
    /// Held while history is taken over.
    pub(crate) sealing: tokio::sync::Mutex<()>,
    /// Held by whoever rewrites files, from reading the manifest to the commit.
    pub(crate) rewriting: tokio::sync::Mutex<()>,
    /// Held while files are merged.
    pub(crate) compacting: tokio::sync::Mutex<()>,
    pub(crate) state: sealing::State,
    pub(crate) publishing: publish::State,
}

impl Lake {
    /// Opens the lake with the usual rules; see [`Lake::start_with`].
    pub async fn start(parts: Parts) -> Result<Arc<Self>, LakeError> {
        Self::start_with(parts, Rules::default()).await
    }

    /// Opens the lake, removes what a crash left behind, and begins to take history over.
    pub async fn start_with(parts: Parts, rules: Rules) -> Result<Arc<Self>, LakeError> {
        let objects = Objects::open(&parts.place)?;
        Self::start_over(parts, rules, objects).await
    }

    async fn start_over(
        parts: Parts,
        rules: Rules,
        objects: Objects,
    ) -> Result<Arc<Self>, LakeError> {
        let store = Arc::clone(parts.broker.store());
        let records = records::Records::load(&*store).await?;
        let (clock, entropy) = (Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
        let keeper = Keeper::load(store, clock, entropy).await?;
        let started = parts.clock.now();
        let lake = Arc::new(Self {
            parts,
            rules,
            objects,
            keeper,
            records,
            retention: retention::State::default(),
            erasure: erasure::State::default(),
            started,
            sealing: tokio::sync::Mutex::default(),
            rewriting: tokio::sync::Mutex::default(),
            compacting: tokio::sync::Mutex::default(),
            state: sealing::State::default(),
            publishing: publish::State::default(),
        });
        lake.keep_past();
        lake.claim().await?;
        lake.publish().await?;
        lake.remove_orphans().await?;
        publish::start(&lake);
        sealing::start(&lake);
        compact::start(&lake);
        records::start(&lake);
        retention::start(&lake);
        Ok(lake)
    }

    /// Lets the store read what it gave away; also that of former times, where nothing more is.
    fn keep_past(self: &Arc<Self>) {
        if let Some(past) = &self.parts.past {
            let here = tokio::runtime::Handle::current();
            let archive = history::read::Shelf::new(self, self.objects.clone(), here);
            past.keep_in(Arc::new(archive));
        }
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

    /// How the taking over of history stands.
    pub fn sealing(&self) -> sealing::Sealing {
        self.state.sealing()
    }
}
