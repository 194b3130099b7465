//! What a source tells of a copy that it carries [CIM-009 §5.8.6].

use std::sync::Arc;

use base::{Kind, Name, Tenant, Time};
use broker::BrokerError;
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::{Entity, Query};
use ports::StoreError;
use serde_json::Value;
use subscriptions::Subscription;
use trust::Call;

use crate::Gateway;

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
    /// is put together with what is here and must then answer the subscription.
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
        let call = Call::of_the_node(tenant);
        let mut told = Vec::new();
        for value in data {
            let parser = Parser::new(context, Purpose::Whole);
            let fragment = parser
                .entity(value.clone())
                .map_err(|_reason| InboundError::Invalid("what it tells of is no entity"))?;
            let Some(entity) = fragment.into_entity(now) else {
                continue;
            };
            let entity = if subscription.split_entities {
                self.with_what_is_here(&call, entity).await?
            } else {
                entity
            };
            if !subscription.split_entities || answers(&subscription, &entity, now) {
                told.push(Arc::new(entity));
            }
        }
        let subscriptions = &self.parts.subscriptions;
        subscriptions
            .relay(&call.tenant, &subscription, &told)
            .await?;
        Ok(())
    }

    /// The entity with the attributes that it has here alone.
    async fn with_what_is_here(
        &self,
        call: &Call,
        mut entity: Entity,
    ) -> Result<Entity, BrokerError> {
        let here = match self.parts.broker.retrieve(call, &entity.id).await {
            Ok(here) => here,
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
        add(&mut entity.types, &here.types);
        add(&mut entity.scope, &here.scope);
        for attribute in &here.attributes {
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
