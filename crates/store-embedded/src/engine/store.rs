//! The store as everybody else sees it: [`ports::Store`].

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Kind, Name, Seq, Tenant, Time, limits};
use ngsi::query::TypeExpr;
use ngsi::temporal::{Evolution, Head, HistoryEdit, Samples, Span};
use ngsi::{Entity, Query};
use ports::{Act, Batch, Census, Change, Committed, Doc, Store, StoreError, Versioned};

use super::core::Core;
use super::room::Room;
use super::{EmbeddedStore, Shared};
use crate::error::Error;
use crate::log::record::{self, Seen};
use crate::log::scan::Walk;
use crate::state::Damaged;

/// Entities that a search reads before it lets writers in: about two milliseconds.
const BUDGET: usize = 1_000;

impl From<&Error> for StoreError {
    fn from(error: &Error) -> Self {
        if let Error::Archive(error) = error {
            return error.clone();
        }
        let reason = error.to_string();
        match error.kind() {
            Kind::Corrupt => Self::Corrupt { reason },
            Kind::Limit | Kind::NotFound | Kind::Invalid => Self::Limit { reason },
            _ => Self::Unavailable { reason },
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<Damaged> for StoreError {
    fn from(error: Damaged) -> Self {
        Self::Corrupt {
            reason: error.to_string(),
        }
    }
}

impl EmbeddedStore {
    /// Where the instances are that a batch takes out or replaces and the archive may have.
    async fn sightings(&self, batch: &Batch) -> Result<Seen, StoreError> {
        let history = &self.shared.core.history;
        let edits = batch
            .acts
            .iter()
            .enumerate()
            .filter_map(|(place, act)| match act {
                Act::History { id, edit } if history.may_be_elsewhere(edit) => {
                    Some((place, id.clone(), edit.clone()))
                }
                _ => None,
            });
        let edits: Vec<(usize, Name, HistoryEdit)> = edits.collect();
        if edits.is_empty() {
            return Ok(Seen::new());
        }
        let (shared, tenant) = (Arc::clone(&self.shared), batch.tenant.clone());
        blocking(move || {
            let mut seen = Seen::new();
            for (place, id, edit) in edits {
                let sighting = shared.core.history.sight(&tenant, &id, &edit)?;
                seen.extend(sighting.map(|sighting| (place, sighting)));
            }
            Ok(seen)
        })
        .await
    }

    fn room(&self, tenant: &Tenant) -> Option<Arc<Room>> {
        self.shared.core.rooms.get(tenant)
    }
}

/// Runs what reads files where that holds up nobody.
pub(super) async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, StoreError> {
    let asked = tokio::task::spawn_blocking(ask).await;
    let reason = "a read of the store was given up".to_owned();
    Ok(asked.map_err(|_ended| StoreError::Unavailable { reason })??)
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn read(&self, tenant: &Tenant, id: &str) -> Result<Option<Versioned>, StoreError> {
        let Some(room) = self.room(tenant) else {
            return Ok(None);
        };
        Ok(room.world.read().get(id)?)
    }

    async fn find(
        &self,
        tenant: &Tenant,
        query: &Query,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Versioned>, StoreError> {
        let Some(room) = self.room(tenant) else {
            return Ok(Vec::new());
        };
        let mut entities = Vec::new();
        let mut after = after.map(Name::from);
        loop {
            let wanted = limit - entities.len();
            let found = room
                .world
                .read()
                .find(query, after.as_deref(), wanted, BUDGET)?;
            entities.extend(found.entities);
            let Some(resume) = found.resume.filter(|_| entities.len() < limit) else {
                return Ok(entities);
            };
            after = Some(resume);
            tokio::task::yield_now().await;
        }
    }

    async fn count(&self, tenant: &Tenant, query: &Query) -> Result<u64, StoreError> {
        let Some(room) = self.room(tenant) else {
            return Ok(0);
        };
        let mut count = 0;
        let mut after: Option<Name> = None;
        loop {
            let counted = room.world.read().count(query, after.as_deref(), BUDGET)?;
            count += counted.count;
            let Some(resume) = counted.resume else {
                return Ok(count);
            };
            after = Some(resume);
            tokio::task::yield_now().await;
        }
    }

    async fn expired(
        &self,
        tenant: &Tenant,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Name>, StoreError> {
        Ok(self
            .room(tenant)
            .map_or_else(Vec::new, |room| room.world.read().ended(now, limit)))
    }

    async fn history(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Evolution>, StoreError> {
        let (shared, tenant) = (Arc::clone(&self.shared), tenant.clone());
        let (id, span) = (id.to_owned(), span.clone());
        blocking(move || shared.core.evolution(&tenant, &id, &span)).await
    }

    async fn samples(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Vec<Samples>>, StoreError> {
        let (shared, tenant) = (Arc::clone(&self.shared), tenant.clone());
        let (id, span) = (id.to_owned(), span.clone());
        blocking(move || shared.core.samples(&tenant, &id, &span)).await
    }

    async fn heads(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Head>, StoreError> {
        let (shared, tenant) = (Arc::clone(&self.shared), tenant.clone());
        let (types, after) = (types.to_vec(), after.map(str::to_owned));
        blocking(move || shared.core.heads(&tenant, &types, after.as_deref(), limit)).await
    }

    async fn doc(&self, tenant: &Tenant, kind: &str, id: &str) -> Result<Option<Doc>, StoreError> {
        let Some(room) = self.room(tenant) else {
            return Ok(None);
        };
        let docs = room.docs.read();
        Ok(docs.get(kind).and_then(|family| family.get(id)).cloned())
    }

    async fn docs(
        &self,
        tenant: &Tenant,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Doc>, StoreError> {
        let Some(room) = self.room(tenant) else {
            return Ok(Vec::new());
        };
        let docs = room.docs.read();
        let Some(family) = docs.get(kind) else {
            return Ok(Vec::new());
        };
        let behind = (
            after.map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded,
        );
        Ok(family
            .range::<str, _>(behind)
            .map(|(_, doc)| doc)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let mut tenants: Vec<Tenant> = self
            .shared
            .core
            .rooms
            .all()
            .into_iter()
            .map(|(tenant, _)| tenant)
            .collect();
        tenants.push(Tenant::default_tenant());
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    async fn census(&self, tenant: &Tenant) -> Result<Census, StoreError> {
        Ok(self
            .room(tenant)
            .map_or_else(Census::default, |room| room.world.read().census()))
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        if self.poisoned() {
            return Err(Error::Poisoned.into());
        }
        let seen = self.sightings(&batch).await?;
        let bytes = record::encode(&batch, &seen)?;
        let ticket = self.shared.queue.push(batch, seen, bytes).await?;
        ticket.await.map_err(|_closed| self.shared.ended())?
    }

    async fn changes(&self, after: Seq, limit: usize) -> Result<Vec<Change>, StoreError> {
        let head = self.head();
        if after >= head || limit == 0 {
            return Ok(Vec::new());
        }
        let recent = self.shared.recent.lock().after(after, limit);
        let Some(batches) = recent else {
            let shared = Arc::clone(&self.shared);
            return blocking(move || shared.changes_from_log(after, head, limit)).await;
        };
        let changes = batches.iter().flat_map(|changes| changes.iter());
        let wanted = changes.filter(|change| change.seq > after && change.seq <= head);
        Ok(wanted.take(limit).cloned().collect())
    }

    fn head(&self) -> Seq {
        *self.shared.head.borrow()
    }

    async fn beyond(&self, seq: Seq) -> Result<Seq, StoreError> {
        let mut head = self.shared.head.subscribe();
        let mut health = self.shared.health.subscribe();
        tokio::select! {
            biased;
            found = head.wait_for(|head| *head > seq) => {
                found.map(|head| *head).map_err(|_closed| self.shared.ended())
            }
            _ended = health.wait_for(|health| *health != super::Health::Running) => {
                Err(self.shared.ended())
            }
        }
    }

    async fn cursor(&self, name: &str) -> Result<Option<Seq>, StoreError> {
        Ok(self.shared.core.cursors.read().get(name).copied())
    }
}

impl Shared {
    /// Why nothing more comes.
    fn ended(&self) -> StoreError {
        if self.is_poisoned() {
            Error::Poisoned.into()
        } else {
            Error::Closed.into()
        }
    }

    /// Changes after `after` and up to `head`, read from the log.
    fn changes_from_log(&self, after: Seq, head: Seq, limit: usize) -> Result<Vec<Change>, Error> {
        let first = self.log.first();
        if after.next() < first {
            return Err(Error::Trimmed(Seq(first.0 - 1)));
        }
        let mut changes = Vec::new();
        self.log.read_from(after.next(), &mut |record| {
            let damaged = |what: record::Malformed| {
                Error::corrupt(
                    &self.folder.log(),
                    0,
                    format!("change {}: {}", record.seq, what.0),
                )
            };
            let logged = record::decode(record.bytes).map_err(damaged)?;
            let wanted = logged
                .changes(record.seq)
                .filter(|c| c.seq > after && c.seq <= head);
            changes.extend(wanted.take(limit - changes.len()));
            let is_enough = changes.len() >= limit || record.next() > head;
            Ok(if is_enough { Walk::Stop } else { Walk::Go })
        })?;
        Ok(changes)
    }
}

impl Core {
    fn evolution(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Evolution>, Error> {
        let live = self.live(tenant, id)?;
        let live = live.as_ref().map(|found| (&*found.entity, found.seq));
        self.history.read(tenant, id, live, span)
    }

    fn samples(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Vec<Samples>>, Error> {
        let live = self.live(tenant, id)?;
        let live = live.as_ref().map(|found| (&*found.entity, found.seq));
        self.history.samples(tenant, id, live, span)
    }

    fn live(&self, tenant: &Tenant, id: &str) -> Result<Option<Versioned>, Error> {
        let Some(room) = self.rooms.get(tenant) else {
            return Ok(None);
        };
        let found = room.world.read().get(id);
        found.map_err(|_damaged| Error::Damaged(id.into()))
    }

    fn heads(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Head>, Error> {
        // Expired entities have a head like others: the moment of the question is before all ends.
        let any_of: Vec<Vec<Name>> = types.iter().map(|name| vec![name.clone()]).collect();
        let types_query = (!types.is_empty()).then_some(TypeExpr { any_of });
        let query = Query {
            types: types_query,
            now: Time::MIN,
            ..Query::default()
        };
        let room = self.rooms.get(tenant);
        let limit = limit.min(limits::SORTED_ENTITIES_MAX);
        let page = |after: Option<&str>, wanted: usize| match &room {
            Some(room) => live(room, &query, after, wanted),
            None => Ok(Vec::new()),
        };
        let seq = |id: &str| room.as_ref().and_then(|room| room.world.read().seq(id));
        self.history.heads(tenant, types, after, limit, (page, seq))
    }
}

/// A page of entities, letting writers in between.
fn live(
    room: &Room,
    query: &Query,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(Arc<Entity>, Seq)>, Error> {
    let mut page = Vec::new();
    let mut after = after.map(Name::from);
    loop {
        let wanted = limit - page.len();
        let found = room
            .world
            .read()
            .find(query, after.as_deref(), wanted, BUDGET);
        let found = found.map_err(|_damaged| Error::Damaged(Name::from("a page of entities")))?;
        page.extend(
            found
                .entities
                .into_iter()
                .map(|found| (found.entity, found.seq)),
        );
        match found.resume {
            Some(resume) if page.len() < limit => after = Some(resume),
            _ => return Ok(page),
        }
    }
}
