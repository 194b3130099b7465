//! Subscriptions: which change concerns whom, and its delivery [CIM-009 §5.8].
//!
//! Read in this order: `model` says what a subscription is, `keeper` where it is kept, `engine`
//! follows the log and decides what is to be told, `delivery` brings it there.

mod delivery;
mod engine;
mod error;
pub mod keeper;
pub mod model;

use std::sync::Arc;

use base::Tasks;
use broker::{Broker, Contexts};
use ports::{Clock, Entropy, Outbound, StoreError};

pub use delivery::{Heard, Listener, Means, Notification, Outbox, meters};
pub use engine::Concerned;
pub use error::SubscriptionError;
pub use keeper::{Keeper, KeeperParts};
pub use model::{Kind, Stats, Subscription};

/// What subscriptions are made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The door, the reads and the log.
    pub broker: Arc<Broker>,
    /// The @contexts.
    pub contexts: Arc<Contexts>,
    /// The way out.
    pub outbound: Arc<dyn Outbound>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub entropy: Arc<dyn Entropy>,
    /// Whose tasks its tasks are.
    pub tasks: Tasks,
}

/// The subscriptions of a node.
#[derive(Debug)]
pub struct Subscriptions {
    /// What they are made of.
    parts: Parts,
    /// Where they are kept.
    keeper: Arc<Keeper>,
    /// What is under way.
    outbox: Arc<Outbox>,
    /// What the engine is made of.
    engine: engine::EngineParts,
}

impl Subscriptions {
    /// Reads what is kept and begins to follow the log.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let kept = KeeperParts {
            store: Arc::clone(parts.broker.store()),
            contexts: Arc::clone(&parts.contexts),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
        };
        let keeper = Keeper::open(kept, Kind::Entities).await?;
        keeper.keep_counts(&parts.tasks);
        let means = Means {
            store: Arc::clone(parts.broker.store()),
            outbound: Arc::clone(&parts.outbound),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
            tasks: parts.tasks.clone(),
        };
        let outbox = Outbox::start(means).await?;
        outbox.follow(&keeper);
        let engine = engine::EngineParts {
            store: Arc::clone(parts.broker.store()),
            keeper: Arc::clone(&keeper),
            teller: Arc::new(Arc::clone(&outbox)),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
        };
        engine::start(engine.clone(), &parts.tasks).await?;
        Ok(Arc::new(Self {
            parts,
            keeper,
            outbox,
            engine,
        }))
    }

    /// Tells one subscription of entities of which a source told this node, and of those that are
    /// gone since a moment [CIM-009 §5.8.6].
    pub async fn relay(
        &self,
        tenant: &base::Tenant,
        subscription: &Arc<Subscription>,
        there: &[Arc<ngsi::Entity>],
        gone: &[(Arc<ngsi::Entity>, base::Time)],
    ) -> Result<(), StoreError> {
        engine::relay(&self.engine, tenant, subscription, there, gone).await
    }

    /// What is under way.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Where they are kept.
    pub fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// What time it is.
    pub fn now(&self) -> base::Time {
        self.parts.clock.now()
    }
}
