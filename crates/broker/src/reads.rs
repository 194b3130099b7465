//! The reads: questions about what is and what was.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Tenant, Time, limits};
use ngsi::query::{OrderBy, Query};
use ngsi::{AttributeValue, Entity};
use ports::{Census, StoreError, Versioned};
use trust::{Call, Operation};

use crate::{Broker, BrokerError};

/// Entities read from the store at once while passing over an offset or collecting for a sort.
const CHUNK: usize = 1_000;

/// Which part of an answer is wanted.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Matches to pass over.
    pub offset: usize,
    /// Matches to return.
    pub limit: usize,
    /// Whether to say how many there are in all.
    pub count: bool,
}

/// A page of entities.
#[derive(Debug, Default)]
pub struct Found {
    /// The entities.
    pub entities: Vec<Arc<Entity>>,
    /// Whether there are more after them.
    pub more: bool,
    /// How many there are in all, if that was asked.
    pub count: Option<u64>,
}

impl Broker {
    /// One entity [CIM-009 §5.7.1].
    pub async fn retrieve(&self, call: &Call, id: &str) -> Result<Arc<Entity>, BrokerError> {
        self.authorize(call, Operation::Read)?;
        let found = self.store.read(&call.tenant, id).await?;
        match found {
            Some(Versioned { entity, .. }) if !entity.is_expired(self.now()) => Ok(entity),
            _ => Err(BrokerError::EntityUnknown { id: Name::from(id) }),
        }
    }

    /// A page of the entities that match, in id order or as `order` says [CIM-009 §5.7.2].
    pub async fn query(
        &self,
        call: &Call,
        query: &Query,
        order: Option<&OrderBy>,
        page: &Page,
    ) -> Result<Found, BrokerError> {
        self.authorize(call, Operation::Read)?;
        if query.needs_linked() {
            return self.query_linked(call, query, order, page).await;
        }
        let mut found = match order {
            Some(order) => sort(self.all(&call.tenant, query).await?, order, query.now, page),
            None => self.page(&call.tenant, query, page).await?,
        };
        if page.count && found.count.is_none() {
            found.count = Some(self.store.count(&call.tenant, query).await?);
        }
        Ok(found)
    }

    /// A page in id order; one match more is read to know whether there are more.
    async fn page(
        &self,
        tenant: &Tenant,
        query: &Query,
        page: &Page,
    ) -> Result<Found, BrokerError> {
        let mut skip = page.offset;
        let mut after: Option<Name> = None;
        let mut entities = Vec::new();
        if page.limit == 0 {
            return Ok(Found::default());
        }
        loop {
            let missing = page.limit.saturating_add(1) - entities.len();
            let chunk_max = CHUNK.max(page.limit.saturating_add(1));
            let want = skip.saturating_add(missing).min(chunk_max);
            let chunk = self
                .store
                .find(tenant, query, after.as_deref(), want)
                .await?;
            let ended = chunk.len() < want;
            after = chunk.last().map(|v| v.entity.id.clone());
            let passed = skip.min(chunk.len());
            skip -= passed;
            entities.extend(chunk.into_iter().skip(passed).map(|v| v.entity));
            if ended || entities.len() > page.limit {
                break;
            }
        }
        let more = entities.len() > page.limit;
        entities.truncate(page.limit);
        Ok(Found {
            entities,
            more,
            count: None,
        })
    }

    /// Every match; an answer that had to hold too many is refused.
    async fn all(&self, tenant: &Tenant, query: &Query) -> Result<Vec<Arc<Entity>>, BrokerError> {
        let mut entities: Vec<Arc<Entity>> = Vec::new();
        loop {
            let after = entities.last().map(|e| e.id.clone());
            let chunk = self
                .store
                .find(tenant, query, after.as_deref(), CHUNK)
                .await?;
            let ended = chunk.len() < CHUNK;
            entities.extend(chunk.into_iter().map(|v| v.entity));
            if ended {
                return Ok(entities);
            }
            if entities.len() > limits::SORTED_ENTITIES_MAX {
                let max = limits::SORTED_ENTITIES_MAX;
                let reason =
                    format!("more than {max} entities would have to be sorted; ask for fewer");
                return Err(BrokerError::Limit { reason });
            }
        }
    }

    /// A query that looks into linked entities: they are read, then it is decided.
    async fn query_linked(
        &self,
        call: &Call,
        query: &Query,
        order: Option<&OrderBy>,
        page: &Page,
    ) -> Result<Found, BrokerError> {
        let candidates = self.all(&call.tenant, &query.unlinked()).await?;
        let mut linked = HashMap::new();
        self.collect_linked(
            &call.tenant,
            &candidates,
            limits::JOIN_LEVEL_MAX,
            &mut linked,
        )
        .await?;
        let resolve = |id: &str| linked.get(id).cloned();
        let matching: Vec<_> = candidates
            .into_iter()
            .filter(|e| query.matches_with(e, &resolve))
            .collect();
        Ok(match order {
            Some(order) => sort(matching, order, query.now, page),
            None => cut(matching, page),
        })
    }

    /// The entities that relationships of `entities` point to, `levels` deep
    /// [CIM-009 §4.5.23]. Links that lead nowhere are passed over.
    pub async fn linked(
        &self,
        call: &Call,
        entities: &[Arc<Entity>],
        levels: usize,
    ) -> Result<HashMap<Name, Arc<Entity>>, BrokerError> {
        self.authorize(call, Operation::Read)?;
        let mut linked = HashMap::new();
        self.collect_linked(&call.tenant, entities, levels, &mut linked)
            .await?;
        Ok(linked)
    }

    async fn collect_linked(
        &self,
        tenant: &Tenant,
        entities: &[Arc<Entity>],
        levels: usize,
        into: &mut HashMap<Name, Arc<Entity>>,
    ) -> Result<(), BrokerError> {
        let now = self.now();
        let mut edge: Vec<Arc<Entity>> = entities.to_vec();
        for _ in 0..levels {
            let mut next = Vec::new();
            for id in edge.iter().flat_map(|e| targets(e)) {
                if into.contains_key(id) {
                    continue;
                }
                if into.len() >= limits::SORTED_ENTITIES_MAX {
                    let max = limits::SORTED_ENTITIES_MAX;
                    let reason = format!("more than {max} entities are linked; ask for fewer");
                    return Err(BrokerError::Limit { reason });
                }
                if let Some(found) = self.store.read(tenant, id).await?
                    && !found.entity.is_expired(now)
                {
                    into.insert(id.clone(), Arc::clone(&found.entity));
                    next.push(found.entity);
                }
            }
            if next.is_empty() {
                break;
            }
            edge = next;
        }
        Ok(())
    }

    /// Types and attributes that are there [CIM-009 §5.7.5 to §5.7.10].
    pub async fn census(&self, call: &Call) -> Result<Census, BrokerError> {
        self.authorize(call, Operation::Read)?;
        Ok(self.store.census(&call.tenant).await?)
    }

    /// The ids of all entities that match, for operations on each of them.
    pub async fn ids(&self, call: &Call, query: &Query) -> Result<Vec<Name>, BrokerError> {
        self.authorize(call, Operation::Read)?;
        let all = self.all(&call.tenant, query).await?;
        Ok(all.into_iter().map(|e| e.id.clone()).collect())
    }

    /// Whether the store answers at all.
    pub async fn is_well(&self) -> Result<(), StoreError> {
        self.store
            .read(&Tenant::default_tenant(), "urn:ngsi-ld:none")
            .await
            .map(|_| ())
    }
}

fn targets(entity: &Entity) -> impl Iterator<Item = &Name> {
    entity.attributes.iter().flat_map(|a| match &a.value {
        AttributeValue::Relationship(uris) => uris.as_slice(),
        AttributeValue::ListRelationship(uris) => uris.as_slice(),
        _ => &[],
    })
}

fn sort(entities: Vec<Arc<Entity>>, order: &OrderBy, now: Time, page: &Page) -> Found {
    let mut keyed: Vec<_> = entities
        .into_iter()
        .map(|e| (order.key(&e, now), e))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| order.compare(a, b));
    cut(keyed.into_iter().map(|(_, entity)| entity).collect(), page)
}

fn cut(entities: Vec<Arc<Entity>>, page: &Page) -> Found {
    let count = entities.len();
    Found {
        more: page.offset.saturating_add(page.limit) < count,
        entities: entities
            .into_iter()
            .skip(page.offset)
            .take(page.limit)
            .collect(),
        count: u64::try_from(count).ok(),
    }
}
