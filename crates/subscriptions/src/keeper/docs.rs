//! Subscriptions and their counts as docs of the store.

use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ports::{Act, Doc, Expect, StoreError};
use serde_json::{Value, json};

use super::{COUNTS_CHUNK, Keeper};
use crate::error::SubscriptionError;
use crate::model::{Counts, Kind, Said, Spoken, Stats, Subscription};

/// Docs read at once.
const CHUNK: usize = 500;

/// A doc that could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    tenant: Tenant,
    doc: Doc,
}

/// The family of the docs.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Entities => "subscription",
        Kind::Sources => "csourceSubscription",
    }
}

/// The family of the docs of counts.
pub(super) fn counts_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Entities => "subscriptionCounts",
        Kind::Sources => "csourceSubscriptionCounts",
    }
}

pub(super) fn act(kind: &str, id: &Name, expect: Expect, body: Option<Value>) -> Act {
    Act::Doc {
        kind: Name::from(kind),
        id: id.clone(),
        expect,
        body: body.map(Arc::new),
    }
}

pub(super) fn body(subscription: &Subscription) -> Value {
    // As a text it takes a fraction of the memory that the store would need for the tree.
    let parts = subscription.said.parts();
    let parts: Vec<Value> = parts
        .map(|(context, members)| json!({ "context": context, "members": members }))
        .collect();
    let since = subscription.since;
    json!({
        "said": parts,
        "contextUrl": &*subscription.context_url,
        "context": subscription.spoken.member,
        "createdAt": subscription.created_at.as_micros(),
        "modifiedAt": subscription.modified_at.as_micros(),
        // Of a new one it is the change that makes it.
        "since": (since != Seq::ZERO).then_some(since.0),
    })
}

fn counts_body(counts: &Counts) -> Value {
    let micros = |time: Option<Time>| time.map(Time::as_micros);
    json!({
        "timesSent": counts.times_sent,
        "timesFailed": counts.times_failed,
        "lastNotification": micros(counts.last_notification),
        "lastSuccess": micros(counts.last_success),
        "lastFailure": micros(counts.last_failure),
        "isFailing": counts.is_failing,
    })
}

fn counts_of(body: &Value) -> Counts {
    let number = |name| body.get(name).and_then(Value::as_u64).unwrap_or(0);
    let time = |name| body.get(name).and_then(Value::as_i64).map(Time);
    Counts {
        times_sent: number("timesSent"),
        times_failed: number("timesFailed"),
        last_notification: time("lastNotification"),
        last_success: time("lastSuccess"),
        last_failure: time("lastFailure"),
        is_failing: body.get("isFailing").and_then(Value::as_bool) == Some(true),
    }
}

impl Keeper {
    /// Reads everything that is kept.
    pub(super) async fn load(&self) -> Result<(), StoreError> {
        let store = &self.parts.store;
        for tenant in store.tenants().await? {
            let mut after = None::<Name>;
            loop {
                let docs = store.docs(&tenant, kind(self.kind), after.as_deref(), CHUNK);
                let docs = docs.await?;
                after = docs.last().map(|last| last.id.clone());
                let is_last = docs.len() < CHUNK;
                for doc in docs {
                    self.take(&tenant, doc).await?;
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Tries again what could not be read.
    pub(super) async fn read_the_unread(&self) {
        let unread = std::mem::take(&mut *self.unread.lock());
        for Unread { tenant, doc } in unread {
            // It may have been replaced since.
            let now = self.parts.store.doc(&tenant, &doc.kind, &doc.id).await;
            let tried = match now {
                Ok(Some(now)) => self.take(&tenant, now).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if tried.is_err() {
                self.unread.lock().push(Unread { tenant, doc });
            }
        }
        let version = self.lists.read().everything().0;
        self.version.send_if_modified(|told| {
            let is_newer = *told < version;
            *told = version;
            is_newer
        });
    }

    /// Puts a doc into memory.
    async fn take(&self, tenant: &Tenant, doc: Doc) -> Result<(), StoreError> {
        let counts = self
            .parts
            .store
            .doc(tenant, counts_kind(self.kind), &doc.id);
        let counts = counts.await?.map(|doc| counts_of(&doc.body));
        match self.subscription(tenant, &doc).await {
            Ok(mut read) => {
                read.stats = Arc::new(Stats::from_counts(counts.unwrap_or_default()));
                if read.spoken.url().is_none() && read.said_context().is_none() {
                    let key = (tenant.clone(), read.spoken.member.to_string());
                    self.remember(key, &read.context_url);
                }
                self.lists.write().load(tenant, Arc::new(read));
            }
            Err(error) => {
                tracing::error!(
                    id = &*doc.id, %tenant, %error,
                    "a subscription cannot be read now: nothing is sent for it until it can"
                );
                let tenant = tenant.clone();
                self.unread.lock().push(Unread { tenant, doc });
            }
        }
        Ok(())
    }

    async fn subscription(
        &self,
        tenant: &Tenant,
        doc: &Doc,
    ) -> Result<Subscription, SubscriptionError> {
        let damaged = || SubscriptionError::member("the doc", "is not what was written");
        let member = |name: &str| doc.body.get(name);
        let mut said = Said::new();
        let parts = member("said").and_then(Value::as_array);
        for part in parts.ok_or_else(damaged)? {
            let context = part.get("context").ok_or_else(damaged)?;
            let members = part.get("members").and_then(Value::as_str);
            let members = serde_json::from_str(members.ok_or_else(damaged)?);
            let spoken = self.spoken(tenant, context).await?;
            said.say(members.map_err(|_no_json| damaged())?, &spoken);
        }
        let spoken = member("context").ok_or_else(damaged)?;
        let spoken = self.spoken(tenant, spoken).await?;
        let time = |name| Time(member(name).and_then(Value::as_i64).unwrap_or_default());
        let mut read = Subscription::of_said(said, &spoken, self.kind)?;
        if let Some(url) = read.said_context() {
            read.context = self.parts.contexts.link(tenant, &url).await?;
        }
        let url = member("contextUrl").and_then(Value::as_str);
        read.context_url = Name::from(url.unwrap_or(jsonld::CORE_URL));
        (read.created_at, read.modified_at) = (time("createdAt"), time("modifiedAt"));
        let since = member("since").and_then(Value::as_u64);
        (read.since, read.revision) = (since.map_or(doc.seq, Seq), doc.seq);
        Ok(read)
    }

    async fn spoken(&self, tenant: &Tenant, member: &Value) -> Result<Spoken, SubscriptionError> {
        Ok(Spoken {
            context: self.parts.contexts.value(tenant, member).await?,
            member: member.clone(),
        })
    }

    /// Writes down the counts that changed.
    pub(super) async fn write_counts(&self) -> Result<(), StoreError> {
        let (_, all) = self.lists.read().everything();
        let changed = all.into_iter().filter_map(|(tenant, one)| {
            let counts = one.stats.take_changed()?;
            Some((tenant, one, counts))
        });
        let changed: Vec<_> = changed.collect();
        for some in changed.chunk_by(|a, b| a.0 == b.0) {
            for some in some.chunks(COUNTS_CHUNK) {
                let acts = some.iter().map(|(_, one, counts)| {
                    let body = Some(counts_body(counts));
                    act(counts_kind(self.kind), &one.id, Expect::Any, body)
                });
                let acts = acts.collect();
                let Some((tenant, ..)) = some.first() else {
                    continue;
                };
                let written = self.parts.store.commit(self.batch(tenant, acts)).await;
                if let Err(error) = written {
                    for (_, one, _) in some {
                        one.stats.mark_changed();
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
