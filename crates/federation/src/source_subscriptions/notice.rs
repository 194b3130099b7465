//! What is told of registrations: a `CsourceNotification` [CIM-009 §5.3.2].

use std::sync::Arc;

use base::{Tenant, Time};
use bytes::Bytes;
use ports::Entropy;
use serde_json::{Value, json};
use subscriptions::model::Accept;
use subscriptions::{Notification, Subscription};

use super::FROM_NO_CHANGE;
use crate::registration::Registration;
use crate::registry::Discovery;

/// Why something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The registrations match now.
    NewlyMatching,
    /// They match still.
    Updated,
    /// They match no longer.
    NoLongerMatching,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::NewlyMatching => "newlyMatching",
            Self::Updated => "updated",
            Self::NoLongerMatching => "noLongerMatching",
        }
    }
}

/// A notification about to be written.
#[derive(Debug)]
pub(super) struct Notice<'n> {
    pub(super) subscription: &'n Arc<Subscription>,
    pub(super) reason: Reason,
    pub(super) registrations: &'n [Arc<Registration>],
    pub(super) at: Time,
}

impl Notice<'_> {
    /// The notification, ready to go.
    pub(super) fn notification(&self, tenant: &Tenant, entropy: &dyn Entropy) -> Notification {
        let mut random = [0_u8; 16];
        entropy.fill(&mut random);
        let random = u128::from_be_bytes(random);
        let subscription = self.subscription;
        let is_json_ld = subscription.notification.endpoint.accept == Accept::LdJson;
        let mut body = json!({
            "id": format!("urn:ngsi-ld:CsourceNotification:{random:032x}"),
            "type": "ContextSourceNotification",
            "subscriptionId": subscription.id,
            "notifiedAt": self.at.to_string(),
            "triggerReason": self.reason.word(),
            "data": self.data(),
        });
        let url = &subscription.context_url;
        if is_json_ld && let Value::Object(members) = &mut body {
            members.insert("@context".to_owned(), json!(url));
        }
        let link = format!(
            "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
        );
        let media = if is_json_ld {
            Accept::LdJson
        } else {
            Accept::Json
        };
        Notification {
            tenant: tenant.clone(),
            subscription: Arc::clone(subscription),
            about: self.registrations.iter().map(|r| r.id.clone()).collect(),
            body: Bytes::from(body.to_string()),
            content_type: media.media_type().to_owned(),
            link: (!is_json_ld).then_some(link),
            seq: FROM_NO_CHANGE,
            at: self.at,
        }
    }

    /// The registrations, with the information alone that concerns the subscription
    /// [CIM-009 §5.11.7], and without the headers for the source: they may be secrets.
    fn data(&self) -> Vec<Value> {
        let wanted = Discovery::of(self.subscription);
        let show = |registration: &Arc<Registration>| {
            let params = &self.subscription.notification;
            let mut shown = registration.show(&self.subscription.context, params.sys_attrs);
            if let Value::Object(members) = &mut shown {
                members.remove("contextSourceInfo");
                let parts = members.get_mut("information").and_then(Value::as_array_mut);
                if let Some(parts) = parts {
                    let mut concerned = wanted.concerned(registration).into_iter();
                    parts.retain(|_| concerned.next().unwrap_or(true));
                    parts.iter_mut().for_each(list_types);
                }
            }
            shown
        };
        self.registrations.iter().map(show).collect()
    }
}

/// Whoever is told of sources reads types from an array, be it of one: the standard lets both in
/// [CIM-009 §5.2.8].
fn list_types(part: &mut Value) {
    let entities = part.get_mut("entities").and_then(Value::as_array_mut);
    for entity in entities.into_iter().flatten() {
        if let Some(one @ Value::String(_)) = entity.get_mut("type") {
            *one = Value::Array(vec![one.take()]);
        }
    }
}
