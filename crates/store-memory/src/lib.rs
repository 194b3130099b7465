//! The model store: everything in ordered maps, every answer by the plainest code. What another store
//! answers differently is wrong in one of the two; here it is easy to see which.

mod faulty;
mod history;
mod tenant;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::{Evolution, Head, Span};
use ngsi::{Entity, Query};
use parking_lot::RwLock;
use ports::{Act, Batch, Census, Change, Committed, Doc, Fact, Store, StoreError, Versioned};
use tokio::sync::watch;

pub use faulty::{Fault, Faulty};
use tenant::World;

/// A store in memory, gone when dropped.
#[derive(Debug)]
pub struct MemoryStore {
    inner: RwLock<Inner>,
    head: watch::Sender<Seq>,
}

#[derive(Debug, Default, Clone)]
struct Inner {
    worlds: BTreeMap<Tenant, World>,
    log: Vec<Change>,
    cursors: BTreeMap<Name, Seq>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            inner: RwLock::default(),
            head: watch::Sender::new(Seq::ZERO),
        }
    }

    fn with<T: Default>(&self, tenant: &Tenant, ask: impl FnOnce(&World) -> T) -> T {
        self.inner
            .read()
            .worlds
            .get(tenant)
            .map(ask)
            .unwrap_or_default()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn head(&self) -> Seq {
        self.log.last().map(|change| change.seq).unwrap_or_default()
    }

    /// Makes the batch true or gives the error, in which case this state is to be thrown away.
    fn apply(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        let before = self.head();
        for act in batch.acts {
            let seq = self.head().next();
            let world = self.worlds.entry(batch.tenant.clone()).or_default();
            world.check(&act, before)?;
            let change = Change {
                seq,
                tenant: batch.tenant.clone(),
                time: batch.time,
                fact: fact(act),
            };
            world.apply(&change)?;
            self.log.push(change);
        }
        if let Some((name, seq)) = batch.cursor {
            self.cursors.insert(name, seq);
        }
        Ok(Committed {
            first: before.next(),
            last: self.head(),
        })
    }
}

/// What the log says of an act.
fn fact(act: Act) -> Fact {
    match act {
        Act::Entity {
            id, change, around, ..
        } => Fact::Entity { id, change, around },
        Act::History { id, edit } => Fact::History { id, edit },
        Act::Doc { kind, id, body, .. } => Fact::Doc { kind, id, body },
    }
}

/// When the first of the entity and its attributes expired, if that was by `now`.
fn expiry(entity: &Entity, now: Time) -> Option<(Time, &Name)> {
    let attributes = entity.attributes.iter().filter_map(|a| a.expires_at);
    let first = attributes.chain(entity.expires_at).min()?;
    (first <= now).then_some((first, &entity.id))
}

/// The keys behind `after`.
fn behind(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (
        after.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, tenant: &Tenant, id: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.with(tenant, |world| world.entities.get(id).cloned()))
    }

    async fn find(
        &self,
        tenant: &Tenant,
        query: &Query,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Versioned>, StoreError> {
        Ok(self.with(tenant, |world| {
            let all = world
                .entities
                .range::<str, _>(behind(after))
                .map(|(_, found)| found);
            all.filter(|found| query.matches(&found.entity))
                .take(limit)
                .cloned()
                .collect()
        }))
    }

    async fn count(&self, tenant: &Tenant, query: &Query) -> Result<u64, StoreError> {
        let all = self.find(tenant, query, None, usize::MAX).await?;
        Ok(u64::try_from(all.len()).unwrap_or(u64::MAX))
    }

    async fn expired(
        &self,
        tenant: &Tenant,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Name>, StoreError> {
        Ok(self.with(tenant, |world| {
            let all = world
                .entities
                .values()
                .filter_map(|found| expiry(&found.entity, now));
            let all: BTreeSet<(Time, &Name)> = all.collect();
            all.into_iter()
                .take(limit)
                .map(|(_, id)| id.clone())
                .collect()
        }))
    }

    async fn history(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Evolution>, StoreError> {
        Ok(self.with(tenant, |world| world.histories.get(id)?.evolution(span)))
    }

    async fn heads(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Head>, StoreError> {
        Ok(self.with(tenant, |world| {
            let all = world.histories.range::<str, _>(behind(after));
            let heads = all.filter_map(|(_, history)| history.head.clone());
            let wanted =
                |head: &Head| types.is_empty() || head.types.iter().any(|t| types.contains(t));
            heads.filter(wanted).take(limit).collect()
        }))
    }

    async fn doc(&self, tenant: &Tenant, kind: &str, id: &str) -> Result<Option<Doc>, StoreError> {
        Ok(self.with(tenant, |world| world.docs.get(kind)?.get(id).cloned()))
    }

    async fn docs(
        &self,
        tenant: &Tenant,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Doc>, StoreError> {
        Ok(self.with(tenant, |world| {
            let Some(family) = world.docs.get(kind) else {
                return Vec::new();
            };
            let all = family.range::<str, _>(behind(after));
            all.map(|(_, doc)| doc).take(limit).cloned().collect()
        }))
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let mut tenants: Vec<Tenant> = self.inner.read().worlds.keys().cloned().collect();
        tenants.push(Tenant::default_tenant());
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    async fn census(&self, tenant: &Tenant) -> Result<Census, StoreError> {
        Ok(self.with(tenant, World::census))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let mut inner = self.inner.write();
        let mut next = inner.clone();
        let committed = next.apply(batch)?;
        *inner = next;
        self.head.send_replace(inner.head());
        Ok(committed)
    }

    async fn changes(&self, after: Seq, limit: usize) -> Result<Vec<Change>, StoreError> {
        let inner = self.inner.read();
        let behind = inner.log.iter().filter(|change| change.seq > after);
        Ok(behind.take(limit).cloned().collect())
    }

    fn head(&self) -> Seq {
        *self.head.borrow()
    }

    async fn beyond(&self, seq: Seq) -> Result<Seq, StoreError> {
        let mut head = self.head.subscribe();
        let head = head.wait_for(|head| *head > seq).await;
        head.map(|head| *head)
            .map_err(|_closed| StoreError::Unavailable {
                reason: "it is closed".to_owned(),
            })
    }

    async fn cursor(&self, name: &str) -> Result<Option<Seq>, StoreError> {
        Ok(self.inner.read().cursors.get(name).copied())
    }
}
