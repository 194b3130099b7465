//! Whether a happening concerns a subscription: the one meaning of it [CIM-009 §5.8.6].

use base::Time;
use ngsi::Query;
use ngsi::query::Lookup;

use super::happening::{Happening, Turn, What};
use crate::model::{Status, Subscription, Triggers};

/// Whether the happening is to be told to the subscription, when linked entities are found by
/// `lookup`.
pub(crate) fn concerns(
    happening: &Happening,
    subscription: &Subscription,
    lookup: &Lookup<'_>,
) -> bool {
    may_concern(happening, subscription) && matches(happening, &subscription.query, lookup)
}

/// The same without a look at the entity.
pub(crate) fn may_concern(happening: &Happening, subscription: &Subscription) -> bool {
    subscription.time_interval.is_none()
        && happening.seq > subscription.since
        && subscription.status(happening.time) == Status::Active
        && is_triggered(happening, subscription)
}

/// Whether what happened is of a kind that triggers. Where attributes are watched, every trigger is
/// narrowed to what has to do with one of them.
fn is_triggered(happening: &Happening, subscription: &Subscription) -> bool {
    let Subscription {
        triggers, watched, ..
    } = subscription;
    let any_counts = match happening.what {
        What::Created => triggers.entity_created,
        What::Changed => false,
        What::Deleted(_) => triggers.entity_deleted,
    };
    if watched.is_empty() && any_counts {
        return true;
    }
    if happening.is_forgotten() {
        // Which attributes it had cannot be said: better told than missed.
        return any_counts || counts(*triggers, Turn::Deleted);
    }
    if watched.is_empty() && happening.is_beyond_attributes && triggers.entity_updated {
        return true;
    }
    happening.attributes.iter().any(|(key, turn)| {
        (any_counts || counts(*triggers, *turn))
            && (watched.is_empty() || watched.contains(&key.name))
    })
}

/// Whether what happened to an attribute triggers. That an entity was updated is that attributes of
/// it were created, updated or deleted [CIM-009 §5.2.12].
pub(crate) fn counts(triggers: Triggers, turn: Turn) -> bool {
    triggers.entity_updated
        || match turn {
            Turn::Created => triggers.attribute_created,
            Turn::Updated => triggers.attribute_updated,
            Turn::Deleted => triggers.attribute_deleted,
        }
}

/// Whether the entity is asked for: as it is then, or as it was when it was deleted.
pub(crate) fn matches(happening: &Happening, query: &Query, lookup: &Lookup<'_>) -> bool {
    if let Some(after) = &happening.after {
        return query.matches_at(after, happening.time, lookup);
    }
    // It may have been deleted because its time was over.
    let at = Time::MIN;
    if let Some(before) = &happening.before {
        return query.matches_at(before, at, lookup);
    }
    // Its id and types are all that is known: better told than missed.
    let weaker = Query {
        attrs: Vec::new(),
        q: None,
        scope: None,
        geo: None,
        ..query.clone()
    };
    weaker.matches_at(&happening.entity(), at, lookup)
}
