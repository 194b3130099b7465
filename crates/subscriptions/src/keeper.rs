//! Where subscriptions are kept: docs of the store, read into memory at the start.
//!
//! What is in memory is what is in the store as soon as a call returns. Those who follow learn of
//! every change of it, in an order that is right for each subscription.

mod docs;
mod lists;

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Seq, Tasks, Tenant, Time};
use broker::Contexts;
use broker::contexts::ContextKind;
use parking_lot::{Mutex, RwLock};
use ports::{Act, Batch, Clock, Entropy, Expect, Store, StoreError};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::error::SubscriptionError;
use crate::model::{Kind, Spoken, Subscription};
use docs::Unread;
use lists::Lists;

pub use lists::Update;

/// Subscriptions of one tenant: each stays in memory with its patterns.
/// Limit: nothing bounds what they take together; usual ones take 8 KB each, in all that knows them.
pub const SUBSCRIPTIONS_MAX: usize = 200_000;
/// @contexts remembered as hosted for subscriptions.
const IMPLICIT_MAX: usize = 10_000;
/// How often counts are written down, and what could not be read is tried again.
const TICK_MICROS: i64 = 10_000_000;
/// Counts written in one batch.
const COUNTS_CHUNK: usize = 1_000;

/// What a keeper is made of.
#[derive(Debug, Clone)]
pub struct KeeperParts {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// The @contexts that they are said in.
    pub contexts: Arc<Contexts>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub entropy: Arc<dyn Entropy>,
}

/// Subscriptions of one kind, of all tenants.
#[derive(Debug)]
pub struct Keeper {
    parts: KeeperParts,
    kind: Kind,
    lists: RwLock<Lists>,
    version: watch::Sender<u64>,
    /// What is kept but could not be read, for want of an @context.
    unread: Mutex<Vec<Unread>>,
    /// Where @contexts that were not given by one URL are hosted, by tenant and text.
    implicit: Mutex<HashMap<(Tenant, String), Name>>,
}

impl Keeper {
    /// Reads what is kept. One whose @context cannot be had now is tried again later.
    pub async fn open(parts: KeeperParts, kind: Kind) -> Result<Arc<Self>, StoreError> {
        let keeper = Arc::new(Self {
            parts,
            kind,
            lists: RwLock::default(),
            version: watch::Sender::new(0),
            unread: Mutex::default(),
            implicit: Mutex::default(),
        });
        keeper.load().await?;
        Ok(keeper)
    }

    /// Writes counts down now and then until the node stops, and then once more.
    pub fn keep_counts(self: &Arc<Self>, tasks: &Tasks) {
        let (keeper, node) = (Arc::clone(self), tasks.clone());
        tasks.spawn("subscriptions' counts", async move {
            loop {
                let clock = &keeper.parts.clock;
                let next = clock.now().plus_micros(TICK_MICROS);
                let is_last = tokio::select! {
                    biased;
                    () = node.stopped() => true,
                    () = clock.sleep_until(next) => false,
                };
                if let Err(error) = keeper.write_counts().await {
                    tracing::warn!(%error, "the counts of subscriptions are not written down");
                }
                if is_last {
                    return;
                }
                keeper.read_the_unread().await;
            }
        });
    }

    /// Makes a subscription [CIM-009 §5.8.1, §5.11.2]. `base` is the address by which the caller
    /// reached the node, such as `http://host:9090`: an @context that was not given by its URL is
    /// hosted there.
    pub async fn create(
        &self,
        tenant: &Tenant,
        mut said: Value,
        spoken: &Spoken,
        base: &str,
    ) -> Result<Arc<Subscription>, SubscriptionError> {
        if let Value::Object(members) = &mut said
            && ["id", "@id"]
                .iter()
                .all(|id| members.get(*id).is_none_or(Value::is_null))
        {
            members.insert("id".to_owned(), json!(self.new_id()));
        }
        let mut made = Subscription::parse(said, spoken, self.kind)?;
        let now = self.parts.clock.now();
        refuse_past(&made, now)?;
        {
            let lists = self.lists.read();
            if lists.get(tenant, &made.id).is_some() {
                return Err(SubscriptionError::Exists(made.id));
            }
            if lists.count(tenant) >= SUBSCRIPTIONS_MAX {
                let max = SUBSCRIPTIONS_MAX;
                return Err(SubscriptionError::TooMany { max });
            }
        }
        self.resolve_context(tenant, &mut made, Some((spoken, base)))
            .await?;
        (made.created_at, made.modified_at) = (now, now);
        let body = Some(docs::body(&made));
        let committed = self.commit(tenant, &made.id, Expect::Absent, body).await;
        let seq = committed.map_err(|error| match error {
            StoreError::Conflict { .. } => SubscriptionError::Exists(made.id.clone()),
            other => other.into(),
        })?;
        (made.since, made.revision) = (seq, seq);
        let made = Arc::new(made);
        self.tell(tenant, &made.id, Some(&made), seq);
        Ok(made)
    }

    /// Changes a subscription [CIM-009 §5.8.2, §5.11.3].
    pub async fn change(
        &self,
        tenant: &Tenant,
        id: &str,
        fragment: Value,
        spoken: &Spoken,
    ) -> Result<Arc<Subscription>, SubscriptionError> {
        let before = self.get(tenant, id)?;
        let says = |member: &str| fragment.get(member).is_some();
        let (says_end, says_context) = (says("expiresAt"), says("jsonldContext"));
        let mut changed = before.changed(fragment, spoken)?;
        let now = self.parts.clock.now();
        if says_end {
            refuse_past(&changed, now)?;
        }
        if says_context {
            self.resolve_context(tenant, &mut changed, None).await?;
        }
        changed.modified_at = now;
        let body = Some(docs::body(&changed));
        let expect = Expect::At(before.revision);
        let seq = self.commit(tenant, &before.id, expect, body).await?;
        changed.revision = seq;
        let changed = Arc::new(changed);
        self.tell(tenant, &changed.id, Some(&changed), seq);
        Ok(changed)
    }

    /// Deletes a subscription [CIM-009 §5.8.5, §5.11.6].
    pub async fn delete(&self, tenant: &Tenant, id: &str) -> Result<(), SubscriptionError> {
        let before = self.get(tenant, id)?;
        let committed = self.commit(tenant, &before.id, Expect::Any, None);
        let seq = committed.await?;
        self.tell(tenant, &before.id, None, seq);
        Ok(())
    }

    /// A subscription.
    pub fn get(&self, tenant: &Tenant, id: &str) -> Result<Arc<Subscription>, SubscriptionError> {
        let lists = self.lists.read();
        let unknown = || SubscriptionError::Unknown(id.chars().take(200).collect());
        lists.get(tenant, id).cloned().ok_or_else(unknown)
    }

    /// The subscriptions of a tenant from place `offset` on, by id, at most `limit` of them.
    pub fn page(&self, tenant: &Tenant, offset: usize, limit: usize) -> Vec<Arc<Subscription>> {
        let lists = self.lists.read();
        let list = lists.of(tenant).skip(offset).take(limit);
        list.cloned().collect()
    }

    /// How many subscriptions a tenant has.
    pub fn count(&self, tenant: &Tenant) -> usize {
        self.lists.read().count(tenant)
    }

    /// All subscriptions of a tenant, by id.
    pub fn all(&self, tenant: &Tenant) -> Vec<Arc<Subscription>> {
        self.lists.read().of(tenant).cloned().collect()
    }

    /// The subscriptions of every tenant, and the version at which they are these: follow it with
    /// [`Keeper::since`].
    pub fn everything(&self) -> (u64, Vec<(Tenant, Arc<Subscription>)>) {
        self.lists.read().everything()
    }

    /// The updates after a version, oldest first, and the version that they lead to. `None`: they
    /// are not remembered so far back; begin with [`Keeper::everything`].
    pub fn since(&self, version: u64) -> Option<(u64, Vec<Update>)> {
        self.lists.read().since(version)
    }

    /// Tells of every new version.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What the subscriptions are about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn new_id(&self) -> String {
        let mut random = [0_u8; 16];
        self.parts.entropy.fill(&mut random);
        let number = u128::from_be_bytes(random);
        match self.kind {
            Kind::Entities => format!("urn:ngsi-ld:Subscription:{number:032x}"),
            Kind::Sources => format!("urn:ngsi-ld:CsourceSubscription:{number:032x}"),
        }
    }

    /// Puts an update into memory and tells those who follow.
    fn tell(&self, tenant: &Tenant, id: &Name, now: Option<&Arc<Subscription>>, seq: Seq) {
        let told = Update {
            tenant: tenant.clone(),
            id: id.clone(),
            now: now.cloned(),
        };
        let version = self.lists.write().tell(told, seq);
        if let Some(version) = version {
            self.version.send_if_modified(|told| {
                let is_newer = *told < version;
                *told = version.max(*told);
                is_newer
            });
        }
    }

    /// Finds the @context of the notifications: the one that its owner names, else the one in use,
    /// which is hosted here unless it has a URL [CIM-009 §5.8.1.4].
    async fn resolve_context(
        &self,
        tenant: &Tenant,
        subscription: &mut Subscription,
        in_use: Option<(&Spoken, &str)>,
    ) -> Result<(), SubscriptionError> {
        if let Some(url) = subscription.said_context() {
            subscription.context = self.parts.contexts.link(tenant, &url).await?;
            subscription.context_url = Name::from(url);
            return Ok(());
        }
        let Some((spoken, base)) = in_use else {
            return Ok(());
        };
        subscription.context = Arc::clone(&spoken.context);
        subscription.context_url = match spoken.url() {
            Some(url) => Name::from(url),
            None => self.host(tenant, &spoken.member, base).await?,
        };
        Ok(())
    }

    /// The URL under which an @context is hosted for subscriptions.
    async fn host(
        &self,
        tenant: &Tenant,
        member: &Value,
        base: &str,
    ) -> Result<Name, SubscriptionError> {
        let key = (tenant.clone(), member.to_string());
        let known = self.implicit.lock().get(&key).cloned();
        if let Some(url) = known
            && self.parts.contexts.get(tenant, &url).await.is_ok()
        {
            return Ok(url);
        }
        let document = json!({ "@context": member });
        let kind = ContextKind::ImplicitlyCreated;
        let id = self.parts.contexts.host(tenant, document, kind).await?;
        let url = Name::from(format!("{base}/ngsi-ld/v1/jsonldContexts/{id}"));
        self.remember(key, &url);
        Ok(url)
    }

    fn remember(&self, key: (Tenant, String), url: &Name) {
        let mut implicit = self.implicit.lock();
        if implicit.len() >= IMPLICIT_MAX {
            implicit.clear();
        }
        implicit.insert(key, url.clone());
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        id: &Name,
        expect: Expect,
        body: Option<Value>,
    ) -> Result<Seq, StoreError> {
        let mut acts = vec![docs::act(docs::kind(self.kind), id, expect, body)];
        if matches!(&acts[..], [Act::Doc { body: None, .. }]) {
            acts.push(docs::act(
                docs::counts_kind(self.kind),
                id,
                Expect::Any,
                None,
            ));
        }
        let batch = self.batch(tenant, acts);
        let committed = self.parts.store.commit(batch).await?;
        Ok(committed.first)
    }

    fn batch(&self, tenant: &Tenant, acts: Vec<Act>) -> Batch {
        Batch {
            tenant: tenant.clone(),
            time: self.parts.clock.now(),
            acts,
            cursor: None,
        }
    }
}

/// What is over from the start is a mistake [CIM-009 §5.8.1.4].
fn refuse_past(subscription: &Subscription, now: Time) -> Result<(), SubscriptionError> {
    match subscription.expires_at {
        Some(end) if end <= now => Err(SubscriptionError::member(
            "expiresAt",
            "must be in the future",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
