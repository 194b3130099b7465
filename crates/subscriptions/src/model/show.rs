//! From a subscription to JSON, in the words of whoever asks.

mod words;

use std::sync::Arc;

use base::Time;
use jsonld::Context;
use serde_json::{Map, Value, json};

use super::{Kind, Subscription};

pub(super) fn subscription(
    subscription: &Subscription,
    context: &Arc<Context>,
    sys_attrs: bool,
    now: Time,
) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(&*subscription.id));
    shown.insert("type".to_owned(), json!("Subscription"));
    let said = subscription.said.open();
    for (name, value, spoken) in said.iter() {
        let value = if Arc::ptr_eq(&spoken.context, context) {
            value.clone()
        } else {
            words::member(name, value, subscription, (&spoken.context, context))
        };
        shown.insert(name.clone(), value);
    }
    if subscription.kind == Kind::Entities {
        shown
            .entry("notificationTrigger")
            .or_insert_with(|| json!(["attributeCreated", "attributeUpdated"]));
        shown
            .entry("jsonldContext")
            .or_insert_with(|| json!(&*subscription.context_url));
    }
    shown.insert("status".to_owned(), json!(subscription.status(now).word()));
    if sys_attrs {
        shown.insert("createdAt".to_owned(), time(subscription.created_at));
        shown.insert("modifiedAt".to_owned(), time(subscription.modified_at));
    }
    if let Some(Value::Object(notification)) = shown.get_mut("notification") {
        fared(notification, subscription);
    }
    Value::Object(shown)
}

fn time(time: Time) -> Value {
    Value::from(time.to_string())
}

/// How notifications have fared, as soon as one was sent [CIM-009 §5.2.14].
fn fared(notification: &mut Map<String, Value>, subscription: &Subscription) {
    let counts = subscription.stats.counts();
    if counts.times_sent == 0 {
        return;
    }
    let status = if counts.is_failing { "failed" } else { "ok" };
    notification.insert("status".to_owned(), json!(status));
    notification.insert("timesSent".to_owned(), json!(counts.times_sent));
    if counts.times_failed > 0 {
        notification.insert("timesFailed".to_owned(), json!(counts.times_failed));
    }
    for (name, at) in [
        ("lastNotification", counts.last_notification),
        ("lastSuccess", counts.last_success),
        ("lastFailure", counts.last_failure),
    ] {
        if let Some(at) = at {
            notification.insert(name.to_owned(), time(at));
        }
    }
}
