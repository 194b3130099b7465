//! What this node itself gives to an answer.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, limits};
use broker::BrokerError;
use broker::reads::Page;
use ngsi::Entity;
use ngsi::query::{QExpr, Query};
use trust::Call;

use super::claims::Claims;
use super::merge::{Level, Part, merge};
use super::{Question, World};
use crate::Gateway;
use crate::forward::Route;

/// Entities read from the store at once.
const CHUNK: usize = 1_000;

impl Gateway {
    /// The first `want` entities of this node that match, by id, without what other sources alone
    /// may say of them.
    pub(super) async fn local(
        &self,
        call: &Call,
        question: &Question,
        claims: &Claims,
        want: usize,
    ) -> Result<Vec<Arc<Entity>>, BrokerError> {
        let query = &question.query;
        // What is claimed by others must not decide whether an entity matches.
        let candidates = if claims.is_empty() {
            query.clone()
        } else {
            question.selection()
        };
        let mut found: Vec<Arc<Entity>> = Vec::new();
        let mut after: Option<Name> = None;
        loop {
            let chunk_max = if claims.is_empty() {
                CHUNK.min(want - found.len())
            } else {
                CHUNK
            };
            let store = self.broker().store();
            let chunk = store
                .find(&call.tenant, &candidates, after.as_deref(), chunk_max)
                .await?;
            let is_last = chunk.len() < chunk_max;
            after = chunk.last().map(|v| v.entity.id.clone());
            let own = chunk.into_iter().map(|v| v.entity);
            if claims.is_empty() {
                found.extend(own);
            } else {
                let rest = own.filter_map(|e| claims.strip(e, Level::Additive));
                found.extend(rest.filter(|e| query.matches(e)));
            }
            if is_last || found.len() >= want {
                found.truncate(want);
                return Ok(found);
            }
            if found.len() >= limits::SORTED_ENTITIES_MAX {
                let max = limits::SORTED_ENTITIES_MAX;
                let reason = format!("more than {max} entities match; ask for fewer");
                return Err(BrokerError::Limit { reason });
            }
        }
    }

    /// How many entities match here that no source gave.
    pub(super) async fn only_here(
        &self,
        call: &Call,
        question: &Question,
        world: &World,
    ) -> Result<Option<u64>, BrokerError> {
        let store = self.broker().store();
        let mut count = store.count(&call.tenant, &question.query).await?;
        let ids: Vec<Name> = world.parts.keys().cloned().collect();
        for ids in ids.chunks(CHUNK) {
            let both = Query {
                ids: ids.to_vec(),
                ..question.query.clone()
            };
            count -= store.count(&call.tenant, &both).await?;
        }
        Ok(Some(count))
    }

    /// Adds what is here to a world of entities that may be split: the filters are asked of the
    /// whole [CIM-009 §5.7.2.4].
    pub(super) async fn add_split(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
        claims: &Claims,
        (world, page): (&mut World, &Page),
    ) -> Result<(), BrokerError> {
        let unlinked = Question {
            query: question.query.unlinked(),
            ..question.clone()
        };
        let want = if page.count || question.query.needs_linked() {
            limits::SORTED_ENTITIES_MAX
        } else {
            let reach = page.offset.saturating_add(page.limit).saturating_add(1);
            reach.saturating_add(world.parts.len())
        };
        let mut here = self.local(call, &unlinked, claims, want).await?;
        here.retain(|entity| !world.parts.contains_key(&entity.id));
        let ids: Vec<Name> = world.parts.keys().cloned().collect();
        let now = question.query.now;
        for id in ids {
            let own = self.broker().store().read(&call.tenant, &id).await?;
            let own = own.filter(|own| !own.entity.is_expired(now));
            if let Some(own) = own.and_then(|v| claims.strip(v.entity, Level::Additive)) {
                here.push(own);
            }
        }
        self.note_own(route, &here);
        world.add_own(here);
        self.keep_matching(call, route, question, world).await
    }

    /// Leaves the entities that match as a whole.
    async fn keep_matching(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
        world: &mut World,
    ) -> Result<(), BrokerError> {
        let parts = std::mem::take(&mut world.parts).into_values();
        let whole: Vec<(Vec<Part>, Arc<Entity>)> = parts
            .filter_map(|parts| Some((parts.clone(), merge(parts, &route.explain)?)))
            .collect();
        let depth = question.query.q.as_ref().map_or(0, QExpr::depth);
        let linked = if depth > 0 {
            let entities: Vec<_> = whole.iter().map(|(_, entity)| Arc::clone(entity)).collect();
            self.linked(call, route, &entities, depth, &question.words)
                .await?
        } else {
            HashMap::default()
        };
        let lookup = |id: &str| linked.get(id).cloned();
        for (parts, entity) in whole {
            if question.query.matches_with(&entity, &lookup) {
                world.parts.insert(entity.id.clone(), parts);
            }
        }
        Ok(())
    }
}
