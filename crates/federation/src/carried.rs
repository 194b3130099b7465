//! Distributed subscriptions: what somebody subscribes to here is subscribed to, in their stead,
//! at every source that registered for that, and what the source then tells comes back through
//! this node [CIM-009 §5.8.1.4, §5.8.2.4, §5.8.5.4, §5.8.6].
//!
//! A task compares which sources a subscription concerns with those that carry a copy of it, and
//! makes, changes and deletes copies until they agree; what fails is tried again. While a
//! subscription is carried there is a subscription to registrations beside it.

mod copy;
mod inbound;
mod kept;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Tenant};
use parking_lot::Mutex;
use serde_json::Value;
use subscriptions::model::Spoken;
use subscriptions::{Subscription, SubscriptionError};
use tokio::sync::RwLock;
use trust::Call;

use crate::Gateway;
use crate::forward::Route;
use crate::registration::Registration;

pub use inbound::InboundError;
pub(crate) use worker::start;

/// Where sources tell this node what happened, beneath the address of the node.
pub const PATH: &str = "/ngsi-ld/ex/remote-notify";

/// A subscription as others carry it.
#[derive(Debug, Clone, Default)]
struct Carried {
    /// The nodes that it came by: none of them carries it [CIM-009 §6.3.18].
    via: Vec<Name>,
    /// The address at which sources reach this node.
    base: Option<String>,
    copies: Vec<Copy>,
}

/// A copy at one source.
#[derive(Debug, Clone)]
struct Copy {
    /// The registration of the source.
    registration: Name,
    /// The id of the copy. Nobody else knows it: who tells something in its name is believed.
    id: Name,
    /// What the source was told last; empty: nothing yet.
    said: String,
    /// The source as it was when it was asked.
    source: Option<Arc<Registration>>,
    /// The attributes that the source offers of those that are watched; empty: all.
    attrs: Vec<Name>,
}

type Place = (Tenant, Name);

/// What is carried, of all tenants.
#[derive(Debug, Default)]
struct State {
    carried: HashMap<Place, Carried>,
    /// Whose copy has that id.
    by_copy: HashMap<Name, Place>,
    /// The address by which the node was last reached.
    base: Option<String>,
}

/// Keeps the copies.
#[derive(Debug, Default)]
pub(crate) struct Carrier {
    state: Mutex<State>,
    /// Held by those who make a subscription until it is known where it came from.
    making: RwLock<()>,
}

impl Gateway {
    /// Makes a subscription, and lets the sources that it concerns carry it. `base` is the address
    /// by which the caller reached the node.
    pub async fn subscribe(
        &self,
        call: &Call,
        said: Value,
        spoken: &Spoken,
        base: &str,
        route: &Route,
    ) -> Result<Arc<Subscription>, SubscriptionError> {
        let _until_known = self.carrier.making.read().await;
        let keeper = self.parts.subscriptions.keeper();
        let made = keeper.create(&call.tenant, said, spoken, base).await?;
        let place = (call.tenant.clone(), made.id.clone());
        let carried = Carried {
            via: route.via.clone(),
            ..Carried::default()
        };
        self.carrier.state.lock().base = Some(base.to_owned());
        if !carried.via.is_empty() {
            self.keep(&place, Some(&carried)).await?;
            self.carrier.state.lock().carried.insert(place, carried);
        }
        Ok(made)
    }
}
