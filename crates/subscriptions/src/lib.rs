//! Subscriptions: which change concerns whom, and its delivery [CIM-009 §5.8].
//!
//! Read in this order: `model` says what a subscription is, `keeper` where it is kept, `engine`
//! follows the log and decides what is to be told, `delivery` brings it there.

mod delivery;
mod error;
pub mod keeper;
pub mod model;

use std::sync::Arc;

use base::Tasks;
use broker::{Broker, Contexts};
use ports::{Clock, Entropy, Outbound, StoreError};

pub use delivery::{Means, Notification, Outbox};
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
}

impl Subscriptions {
    /// Reads what is kept and begins to follow the log.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let _head = parts.broker.store().head();
        Ok(Arc::new(Self { parts }))
    }

    /// What time it is.
    pub fn now(&self) -> base::Time {
        self.parts.clock.now()
    }
}
