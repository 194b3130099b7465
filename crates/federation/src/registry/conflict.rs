//! Which registrations cannot stand beside each other, or beside what is here
//! [CIM-009 §4.3.6.3, §5.9.2.4].

use base::Time;
use ngsi::Query;
use ngsi::query::{Selector, TypeExpr};

use crate::registration::{EntityInfo, Information, Mode, Registration};

/// Whether the two cannot stand side by side: an exclusive one has its attributes of its entities
/// for itself among those that take the place of this node. Several of the mode redirect may
/// overlap, and what adds to this node's own data is not asked where an exclusive one is.
pub(super) fn between(one: &Registration, other: &Registration) -> bool {
    let exclusive = one.mode == Mode::Exclusive || other.mode == Mode::Exclusive;
    one.id != other.id
        && exclusive
        && one.mode.is_proxied()
        && other.mode.is_proxied()
        && one
            .information
            .iter()
            .any(|a| other.information.iter().any(|b| overlap(a, b)))
}

fn overlap(one: &Information, other: &Information) -> bool {
    let attributes = one.has_all_attributes()
        || other.has_all_attributes()
        || one.attributes().any(|a| other.attributes().any(|b| a == b));
    let entities = one.entities.is_empty()
        || other.entities.is_empty()
        || one
            .entities
            .iter()
            .any(|a| other.entities.iter().any(|b| share(a, b)));
    attributes && entities
}

/// Whether an entity can be one of both. One of the two always has an id.
fn share(one: &EntityInfo, other: &EntityInfo) -> bool {
    let types = one.types.is_empty()
        || other.types.is_empty()
        || one.types.iter().any(|name| other.types.contains(name));
    types
        && match (&one.id, &other.id) {
            (Some(id), _) => other.covers_id(id),
            (None, Some(id)) => one.covers_id(id),
            (None, None) => true,
        }
}

/// Questions of which none may find an entity here: what the registration says to be elsewhere
/// must not be here as well.
pub(super) fn local(made: &Registration, now: Time) -> Vec<Query> {
    if !made.mode.is_proxied() {
        return Vec::new();
    }
    let question = |part: &Information| Query {
        selectors: part.entities.iter().map(selector).collect(),
        attrs: part.attributes().cloned().collect(),
        now,
        ..Query::default()
    };
    made.information.iter().map(question).collect()
}

/// An exclusive registration has its entities by id, whatever their types.
fn selector(info: &EntityInfo) -> Selector {
    Selector {
        ids: info.id.iter().cloned().collect(),
        id_pattern: info.id_pattern.clone(),
        types: (info.id.is_none() && !info.types.is_empty())
            .then(|| TypeExpr::any(info.types.iter().cloned())),
    }
}
