//! SQL over what the city is (entities), what it was (history) and what it counted (records).

use std::sync::Arc;

use base::Tasks;
use broker::Broker;
use lake::Lake;
use ports::Clock;

/// What the engine is made of.
#[derive(Debug)]
pub struct Parts {
    /// The door: rights, entities.
    pub broker: Arc<Broker>,
    /// History and records.
    pub lake: Arc<Lake>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The tasks of the node.
    pub tasks: Tasks,
}

/// The query engine of a node.
#[derive(Debug)]
pub struct Analytics {
    #[expect(dead_code, reason = "the engine is built on it")]
    parts: Parts,
}

impl Analytics {
    /// The engine.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self { parts })
    }
}
