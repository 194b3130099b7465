//! What every handler has at hand.

use std::sync::Arc;

use base::Time;
use broker::{Broker, Contexts};
use federation::Gateway;
use subscriptions::Subscriptions;

/// The broker and its contexts, as handlers see them.
#[derive(Debug, Clone)]
pub struct Api {
    /// The door and the reads.
    pub broker: Arc<Broker>,
    /// The @contexts.
    pub contexts: Arc<Contexts>,
    /// Operations done together with other sources.
    pub gateway: Arc<Gateway>,
    /// Who is told of what.
    pub subscriptions: Arc<Subscriptions>,
    /// The name by which the node is known to others; a URI-safe word.
    pub alias: Arc<str>,
    /// When the node started.
    pub started_at: Time,
    /// Instances of one attribute in one temporal answer, at least 1; what is beyond them is
    /// asked for with the range that the answer names.
    pub temporal_instances_max: usize,
}
