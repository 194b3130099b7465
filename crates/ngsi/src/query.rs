//! What a query asks, and the one meaning of it: [`Query::matches`] [CIM-009 §4.9, §5.7.2].

use base::{Name, Time};

use crate::entity::Entity;

/// A query over entities, with all names expanded. An empty query asks for every entity.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only these ids; empty: any.
    pub ids: Vec<Name>,
    /// The moment of the question: what has expired by then is not there.
    pub now: Time,
}

impl Query {
    /// Whether the entity is asked for.
    pub fn matches(&self, entity: &Entity) -> bool {
        (self.ids.is_empty() || self.ids.contains(&entity.id)) && !entity.is_expired(self.now)
    }
}
