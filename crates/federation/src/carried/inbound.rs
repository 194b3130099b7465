//! What a source tells of a copy that it carries [CIM-009 §5.8.6].

use std::collections::HashSet;
use std::sync::Arc;

use base::{Kind, Name, Tenant, Time};
use broker::BrokerError;
use jsonld::Context;
use ngsi::parse::{Parser, Purpose, lexical};
use ngsi::{Entity, Query};
use ports::StoreError;
use serde_json::Value;
use subscriptions::Subscription;
use trust::Call;

use crate::Gateway;
use crate::forward::{Route, Words};
use crate::read::about;

/// Entities of one notification.
const ENTITIES_MAX: usize = 1_000;

/// Why a notification was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// No copy has that id, or its subscription is gone.
    #[error("there is no subscription that this is about")]
    Unknown,
    /// It is none that can be read.
    #[error("this is no notification: {0}")]
    Invalid(&'static str),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The entity could not be read here.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl InboundError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unknown => Kind::NotFound,
            Self::Invalid(_) => Kind::Invalid,
            Self::Store(error) => error.kind(),
            Self::Broker(error) => error.kind(),
        }
    }
}

impl Gateway {
    /// The tenant whose subscription a source carries under that id.
    pub fn carries_for(&self, id: &str) -> Option<Tenant> {
        let state = self.carrier.state.lock();
        state.by_copy.get(id).map(|(tenant, _)| tenant.clone())
    }

    /// Takes a notification of a source and tells the subscriber. Where entities lie in parts, each
    /// is put together with what is here and at other sources, and must then answer the
    /// subscription.
    pub async fn notified(&self, body: &Value, context: &Context) -> Result<(), InboundError> {
        let id = body.get("subscriptionId").and_then(Value::as_str);
        let id = id.ok_or(InboundError::Invalid("it has no subscriptionId"))?;
        let place = self.carrier.state.lock().by_copy.get(id).cloned();
        let (tenant, id) = place.ok_or(InboundError::Unknown)?;
        let keeper = self.parts.subscriptions.keeper();
        let subscription = keeper
            .get(&tenant, &id)
            .map_err(|_gone| InboundError::Unknown)?;
        let data = body.get("data").and_then(Value::as_array);
        let data = data.ok_or(InboundError::Invalid("it has no data"))?;
        if data.len() > ENTITIES_MAX {
            return Err(InboundError::Invalid("it tells of too many entities"));
        }
        let now = self.parts.clock.now();
        let others = self.others(&tenant, &id, body);
        let call = Call::of_the_node(tenant);
        let (mut told, mut gone) = (Vec::new(), Vec::new());
        for value in data {
            let parser = Parser::new(context, Purpose::Whole);
            let fragment = parser
                .entity(value.clone())
                .map_err(|_reason| InboundError::Invalid("what it tells of is no entity"))?;
            let Some(entity) = fragment.into_entity(now) else {
                continue;
            };
            if let Some(deleted_at) = value.get("deletedAt") {
                let at = lexical::date_time(deleted_at).unwrap_or(now);
                gone.push((Arc::new(entity), at));
            } else if !subscription.split_entities {
                told.push(Arc::new(entity));
            } else {
                let entity = self.with_the_rest(&call, entity, &others).await?;
                if answers(&subscription, &entity, now) {
                    told.push(Arc::new(entity));
                }
            }
        }
        let subscriptions = &self.parts.subscriptions;
        subscriptions
            .relay(&call.tenant, &subscription, &told, &gone)
            .await?;
        Ok(())
    }

    /// The registrations but that of the source that tells.
    fn others(&self, tenant: &Tenant, id: &Name, body: &Value) -> Arc<HashSet<Name>> {
        let copy = body.get("subscriptionId").and_then(Value::as_str);
        let teller = {
            let state = self.carrier.state.lock();
            let carried = state.carried.get(&(tenant.clone(), id.clone()));
            let mut copies = carried.into_iter().flat_map(|carried| &carried.copies);
            let found = copies.find(|one| Some(&*one.id) == copy);
            found.map(|one| one.registration.clone())
        };
        let all = self.registry.all(tenant);
        let all = all.iter().map(|registration| registration.id.clone());
        Arc::new(all.filter(|id| Some(id) != teller.as_ref()).collect())
    }

    /// The entity with the attributes that it has here and at other sources; what the source tells
    /// counts before that.
    async fn with_the_rest(
        &self,
        call: &Call,
        mut entity: Entity,
        others: &Arc<HashSet<Name>>,
    ) -> Result<Entity, BrokerError> {
        let mut question = about(&entity.id, None, Vec::new(), Words::core());
        question.query.now = self.parts.clock.now();
        question.among = Some(Arc::clone(others));
        let route = Route::default();
        let rest = match self.retrieve(call, &route, &entity.id, &question).await {
            Ok(rest) => rest,
            Err(BrokerError::EntityUnknown { .. } | BrokerError::TenantUnknown { .. }) => {
                return Ok(entity);
            }
            Err(error) => return Err(error),
        };
        let add = |known: &mut Vec<Name>, more: &[Name]| {
            for name in more {
                if !known.contains(name) {
                    known.push(name.clone());
                }
            }
        };
        add(&mut entity.types, &rest.types);
        add(&mut entity.scope, &rest.scope);
        for attribute in &rest.attributes {
            let is_told = entity.attributes.iter().any(|a| a.key() == attribute.key());
            if !is_told {
                entity.attributes.push(attribute.clone());
            }
        }
        Ok(entity)
    }
}

/// Whether an entity answers what a subscription asks.
fn answers(subscription: &Subscription, entity: &Entity, now: Time) -> bool {
    let asked = Query {
        now,
        ..subscription.query.clone()
    };
    asked.matches_with(entity, &|_| None)
}
