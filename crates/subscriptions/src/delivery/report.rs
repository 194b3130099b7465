//! How it stands with the notifications of a subscription: what waits, what was tried, what is dead,
//! and why; dead letters are replayed and discarded.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use bytes::Bytes;
use ports::StoreError;
use serde_json::{Value, json};

use crate::model::{Status, Subscription, Transport};

use super::Outbox;
use super::aside::{doc_id, family, letter};
use super::host::Standing;
use super::lane::{Lane, LaneKey, State};

/// Entities that are named of one dead letter.
const ABOUT_MAX: usize = 20;

impl Outbox {
    /// How it stands with a subscription; of its dead letters `limit` from `offset` on.
    pub fn report(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        (offset, limit): (usize, usize),
    ) -> Value {
        let now = self.means.clock.now();
        let endpoint = &subscription.notification.endpoint;
        let standing = match endpoint.transport {
            Transport::Events => Standing::Closed,
            Transport::Http | Transport::Mqtt => self.hosts.of(&endpoint.uri).standing(now),
        };
        let lane = self.known(&LaneKey::of(tenant.clone(), subscription));
        let nothing = State::default();
        let guard = lane.as_ref().map(|lane| lane.state.lock());
        let state = guard.as_deref().unwrap_or(&nothing);
        let first = state.waiting.values().next();
        let dead = state.dead.iter().skip(offset).take(limit);
        let dead: Vec<Value> = dead
            .map(|(key, dead)| {
                let about = dead.about.iter().take(ABOUT_MAX);
                json!({
                    "id": key.to_string(),
                    "notifiedAt": dead.at.to_string(),
                    "diedAt": dead.died_at.to_string(),
                    "attempts": dead.attempts,
                    "reason": dead.reason,
                    "entities": about.map(Name::as_str).collect::<Vec<_>>(),
                    "bytes": dead.bytes,
                })
            })
            .collect();
        let attempts = state.attempts.iter().rev();
        let attempts: Vec<Value> = attempts
            .map(|attempt| {
                let millis = attempt.took_micros / 1_000;
                let mut shown = json!({ "at": attempt.at.to_string(), "tookMillis": millis });
                if let Some(status) = attempt.status {
                    shown["status"] = json!(status);
                }
                if let Some(reason) = &attempt.reason {
                    shown["reason"] = json!(reason);
                }
                shown
            })
            .collect();
        let mut report = json!({
            "subscriptionId": subscription.id.as_str(),
            "why": why(subscription, state, standing, now),
            "breaker": standing.as_str(),
            "queued": state.waiting.len(),
            "queuedBytes": state.bytes,
            "failuresInRow": state.failures,
            "delivered": state.told,
            "failedAttempts": state.failed,
            "dropped": state.dropped,
            "attempts": attempts,
            "deadLetterCount": state.dead.len(),
            "deadLetters": dead,
        });
        if let Some(first) = first {
            report["oldestQueuedAt"] = json!(first.letter.at.to_string());
        }
        if let Some(next_at) = state.next_at.filter(|_| first.is_some()) {
            report["nextAttemptAt"] = json!(next_at.to_string());
        }
        report
    }

    /// How many dead letters a subscription has.
    pub fn dead_count(&self, tenant: &Tenant, subscription: &Subscription) -> usize {
        let lane = self.known(&LaneKey::of(tenant.clone(), subscription));
        lane.map_or(0, |lane| lane.state.lock().dead.len())
    }

    /// The notification in a dead letter, and its content type.
    pub async fn dead_letter(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        key: u64,
    ) -> Result<Option<(Bytes, String)>, StoreError> {
        let Some(lane) = self.known(&LaneKey::of(tenant.clone(), subscription)) else {
            return Ok(None);
        };
        let found = self.dead_one(&lane, key).await?;
        Ok(found.map(|letter| (letter.body.clone(), letter.content_type.clone())))
    }

    /// Tries dead letters anew, one or all, before all that waits: how many.
    pub async fn replay(
        self: &Arc<Self>,
        tenant: &Tenant,
        subscription: &Arc<Subscription>,
        only: Option<u64>,
    ) -> Result<usize, StoreError> {
        self.introduce(tenant, subscription);
        let Some(lane) = self.known(&LaneKey::of(tenant.clone(), subscription)) else {
            return Ok(0);
        };
        let mut replayed = 0;
        for key in chosen(&lane, only) {
            let Some(letter) = self.dead_one(&lane, key).await? else {
                continue;
            };
            let now = self.means.clock.now();
            let mut is_revived = false;
            let became = lane.change(|state| is_revived = state.revive(key, letter, now));
            self.account(&lane, became);
            replayed += usize::from(is_revived);
        }
        Ok(replayed)
    }

    /// Throws dead letters away, one or all: how many.
    pub fn discard(
        self: &Arc<Self>,
        tenant: &Tenant,
        subscription: &Subscription,
        only: Option<u64>,
    ) -> usize {
        let Some(lane) = self.known(&LaneKey::of(tenant.clone(), subscription)) else {
            return 0;
        };
        let keys = chosen(&lane, only);
        let mut discarded = 0;
        let became = lane.change(|state| {
            discarded = keys.into_iter().filter(|key| state.discard(*key)).count();
        });
        self.account(&lane, became);
        discarded
    }

    /// A dead letter as it was.
    async fn dead_one(
        &self,
        lane: &Arc<Lane>,
        key: u64,
    ) -> Result<Option<Arc<super::letter::Letter>>, StoreError> {
        let in_memory = {
            let state = lane.state.lock();
            let Some(dead) = state.dead.get(&key) else {
                return Ok(None);
            };
            dead.letter.clone()
        };
        if in_memory.is_some() {
            return Ok(in_memory);
        }
        let (kind, id) = (family(lane.key.kind), doc_id(&lane.key.id, key));
        let store = &self.means.store;
        let doc = store.doc(&lane.key.tenant, &kind, &id).await?;
        Ok(doc.and_then(|doc| letter(key, &doc.body)).map(Arc::new))
    }
}

fn chosen(lane: &Lane, only: Option<u64>) -> Vec<u64> {
    let state = lane.state.lock();
    let keys = state.dead.keys().copied();
    keys.filter(|key| only.is_none_or(|only| *key == only))
        .collect()
}

/// One sentence that says why something was not delivered, or that all was.
fn why(subscription: &Subscription, state: &State, standing: Standing, now: Time) -> String {
    let mut said = Vec::new();
    match subscription.status(now) {
        Status::Active => {}
        Status::Paused => {
            said.push("the subscription is paused: no notifications are made".to_owned());
        }
        Status::Expired => said.push("the subscription has expired".to_owned()),
    }
    let last = state.attempts.back();
    let reason = last.and_then(|last| last.reason.as_deref());
    let waiting = state.waiting.len();
    match (standing, reason) {
        (Standing::Open(until), reason) if waiting > 0 => {
            let reason = reason.unwrap_or("it was asked for other subscriptions");
            said.push(format!(
                "{waiting} wait: the host does not answer ({reason}); it is tried again at {until}"
            ));
        }
        (_, Some(reason)) if waiting > 0 => {
            let next = state.next_at.filter(|next| *next > now);
            let next = next.map_or("now".to_owned(), |next| format!("at {next}"));
            said.push(format!("{waiting} wait: {reason}; tried again {next}"));
        }
        _ if waiting > 0 => said.push(format!("{waiting} are on their way")),
        _ => {}
    }
    if let Some(dead) = state.dead.values().next_back() {
        let count = state.dead.len();
        said.push(format!(
            "{count} were given up, the last one because {}",
            dead.reason
        ));
    }
    if state.dropped > 0 {
        let dropped = state.dropped;
        said.push(format!(
            "{dropped} dead letters had to make room for later ones"
        ));
    }
    if said.is_empty() {
        said.push(match last {
            Some(_) => "everything was delivered".to_owned(),
            None => "nothing had to be delivered since the node started".to_owned(),
        });
    }
    said.join("; ")
}
