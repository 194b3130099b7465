//! What a source is told to carry: less than what was said here [CIM-009 §5.8.1.4].

use base::{Name, Time};
use serde_json::{Map, Value, json};
use subscriptions::Subscription;

use super::PATH;
use crate::forward::Words;

/// Members that say which changes count.
const SAME: [&str; 7] = [
    "entities",
    "watchedAttributes",
    "notificationTrigger",
    "timeInterval",
    "throttling",
    "expiresAt",
    "splitEntities",
];
/// Members that an entity must answer: what is only true of an entity put together from several
/// sources is asked here alone.
const FILTERS: [&str; 3] = ["q", "geoQ", "scopeQ"];
/// What of an entity is sent.
const SHOWN: [&str; 3] = ["attributes", "pick", "omit"];

/// The words in which a subscription is said to others.
pub(super) fn words(subscription: &Subscription) -> Words {
    Words {
        context: std::sync::Arc::clone(&subscription.context),
        member: Value::String(subscription.context_url.to_string()),
    }
}

/// The copy of a subscription that a source is told to carry: its notifications come to `base`. Of
/// a source that offers some attributes alone, these are what counts; empty: all that was said.
pub(super) fn copy(
    subscription: &Subscription,
    (id, attrs): (&Name, &[Name]),
    base: &str,
    now: Time,
) -> Value {
    let shown = subscription.show(&subscription.context, false, now);
    let mut copy = Map::new();
    copy.insert("id".to_owned(), json!(id));
    copy.insert("type".to_owned(), json!("Subscription"));
    let is_split = subscription.split_entities;
    let filters = FILTERS.iter().filter(|_| !is_split);
    for name in SAME.iter().chain(filters) {
        if let Some(value) = shown.get(*name) {
            copy.insert((*name).to_owned(), value.clone());
        }
    }
    let attrs: Vec<_> = attrs
        .iter()
        .map(|name| subscription.context.compact_term(name))
        .collect();
    if !attrs.is_empty() && subscription.time_interval.is_none() {
        copy.insert("watchedAttributes".to_owned(), json!(attrs));
    }
    let mut notification = Map::new();
    if let Some(said) = shown.get("notification")
        && !is_split
    {
        for name in SHOWN {
            if let Some(value) = said.get(name) {
                notification.insert(name.to_owned(), value.clone());
            }
        }
    }
    if !attrs.is_empty() && !is_split && notification.is_empty() {
        notification.insert("attributes".to_owned(), json!(attrs));
    }
    notification.insert("format".to_owned(), json!("normalized"));
    let endpoint = json!({ "uri": format!("{base}{PATH}"), "accept": "application/json" });
    notification.insert("endpoint".to_owned(), endpoint);
    copy.insert("notification".to_owned(), Value::Object(notification));
    Value::Object(copy)
}

/// The subscription to registrations that stands beside one that is carried.
pub(super) fn beside(subscription: &Subscription, id: &Name, now: Time) -> Value {
    let shown = subscription.show(&subscription.context, false, now);
    let mut beside = json!({
        "id": id,
        "type": "Subscription",
        "notification": { "endpoint": { "uri": "events:registrations" } },
    });
    for name in ["entities", "watchedAttributes"] {
        if let Some(value) = shown.get(name) {
            beside[name] = value.clone();
        }
    }
    beside
}
