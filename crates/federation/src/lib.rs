//! Federation: whose data is where, and how an operation is done together with other sources
//! [CIM-009 §4.3.6, §5.9 to §5.12].
//!
//! Read in this order: `registration` says what another source offers, `registry` which of them
//! concern an operation, `forward` how one is asked, and the `gateway` does an operation here and
//! there and makes one answer of it.

pub mod carried;
pub mod explain;
pub mod forward;
pub mod maps;
pub mod read;
pub mod registration;
pub mod registry;
pub mod snapshots;
mod source_subscriptions;
pub mod write;

use std::sync::Arc;

use base::Tasks;
use broker::{Broker, Contexts};
use ports::{Clock, Entropy, Outbound, StoreError};
use subscriptions::{Keeper, KeeperParts, Kind, Subscriptions};
use tokio::sync::mpsc;

use source_subscriptions::SourceParts;

pub use explain::Explain;
pub use forward::{Ask, Reply, Route, SourceError, Words};
pub use read::{Filters, List, Question};
pub use registration::{Registration, RegistrationError};
pub use registry::{Discovery, Match, Registry, Wanted};
pub use write::{Fault, Left, Part, Treated, Write};

/// What the gateway is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The door, the reads and the log.
    pub broker: Arc<Broker>,
    /// The @contexts.
    pub contexts: Arc<Contexts>,
    /// Who is told of changes, of registrations as well.
    pub subscriptions: Arc<Subscriptions>,
    /// The way out.
    pub outbound: Arc<dyn Outbound>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub entropy: Arc<dyn Entropy>,
    /// The name by which the node is known to others (`Via`).
    pub alias: Arc<str>,
    /// Whose tasks its tasks are.
    pub tasks: Tasks,
}

impl Parts {
    /// Reads who is told of registrations, and begins to tell them.
    async fn tell_of(
        &self,
        registry: &Arc<Registry>,
        changes: source_subscriptions::Changes,
    ) -> Result<Arc<Keeper>, StoreError> {
        let kept = KeeperParts {
            store: Arc::clone(self.broker.store()),
            contexts: Arc::clone(&self.contexts),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        };
        let keeper = Keeper::open(kept, Kind::Sources).await?;
        keeper.keep_counts(&self.tasks);
        let outbox = self.subscriptions.outbox();
        outbox.follow(&keeper);
        let parts = SourceParts {
            registry: Arc::clone(registry),
            keeper: Arc::clone(&keeper),
            outbox: Arc::clone(outbox),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        };
        source_subscriptions::start(parts, changes, &self.tasks);
        Ok(keeper)
    }
}

/// Does operations here and at the sources that registered for them.
#[derive(Debug)]
pub struct Gateway {
    /// What it is made of.
    parts: Parts,
    /// Which sources there are.
    registry: Arc<Registry>,
    /// Who is told of them.
    source_keeper: Arc<Keeper>,
    /// What they carry of subscriptions.
    carrier: carried::Carrier,
    /// Which of them fail.
    breaker: forward::Breaker,
    /// Which entities were pinned for questions to come.
    maps: maps::EntityMaps,
    /// What was frozen.
    snapshots: Arc<snapshots::Snapshots>,
}

impl Gateway {
    /// Reads the registrations that are kept.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let (told, changes) = mpsc::channel(source_subscriptions::CHANGES_MAX);
        let (broker, entropy) = (Arc::clone(&parts.broker), Arc::clone(&parts.entropy));
        let registry = Arc::new(Registry::load(broker, entropy, told).await?);
        let source_keeper = parts.tell_of(&registry, changes).await?;
        let maps = maps::EntityMaps::new(Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
        let snapshots = snapshots::Snapshots::load(parts.clone()).await?;
        let carrier = carried::Carrier::load(&**parts.broker.store()).await?;
        let tasks = parts.tasks.clone();
        let gateway = Arc::new(Self {
            carrier,
            parts,
            registry,
            source_keeper,
            maps,
            snapshots,
            breaker: forward::Breaker::default(),
        });
        carried::start(&gateway, &tasks);
        Ok(gateway)
    }

    /// The sources that are registered here.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Who is told of them [CIM-009 §5.11].
    pub fn source_keeper(&self) -> &Arc<Keeper> {
        &self.source_keeper
    }

    /// The entity maps that live.
    pub fn maps(&self) -> &maps::EntityMaps {
        &self.maps
    }

    /// What was frozen.
    pub fn snapshots(&self) -> &Arc<snapshots::Snapshots> {
        &self.snapshots
    }

    /// The door, the reads and the log of this node.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.parts.broker
    }
}
