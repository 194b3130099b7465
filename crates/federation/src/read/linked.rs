//! The entities that relationships lead to, here or elsewhere [CIM-009 §4.5.23].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base::{Name, limits};
use broker::BrokerError;
use ngsi::{AttributeValue, Entity};
use trust::{Call, Operation};

use super::claims::Claims;
use super::merge::{Level, Part, merge};
use super::{Question, about, plan};
use crate::Gateway;
use crate::forward::{Route, Words};

/// Linked entities in one answer that other sources are asked for.
const LINKED_MAX: usize = 10_000;

impl Gateway {
    /// The entities that relationships of `entities` point to, `levels` deep; those of other
    /// sources are asked for level by level. Links that lead nowhere are passed over.
    pub async fn linked(
        &self,
        call: &Call,
        route: &Route,
        entities: &[Arc<Entity>],
        levels: usize,
        words: &Words,
    ) -> Result<HashMap<Name, Arc<Entity>>, BrokerError> {
        self.broker().authorize(call, Operation::Read)?;
        let mut linked: HashMap<Name, Arc<Entity>> = HashMap::new();
        let mut edge: Vec<Arc<Entity>> = entities.to_vec();
        for _ in 0..levels {
            let mut ids: Vec<Name> = Vec::new();
            for id in edge.iter().flat_map(|entity| targets(entity)) {
                if !linked.contains_key(id) && !ids.contains(id) {
                    ids.push(id.clone());
                }
            }
            let max = limits::SORTED_ENTITIES_MAX.min(LINKED_MAX);
            if linked.len() + ids.len() > max {
                let reason = format!("more than {max} entities are linked; ask for fewer");
                return Err(BrokerError::Limit { reason });
            }
            if ids.is_empty() {
                break;
            }
            edge = self.all_of(call, route, ids, words).await?;
            linked.extend(edge.iter().map(|e| (e.id.clone(), Arc::clone(e))));
        }
        Ok(linked)
    }

    /// The entities of these ids, each made of all its parts.
    async fn all_of(
        &self,
        call: &Call,
        route: &Route,
        ids: Vec<Name>,
        words: &Words,
    ) -> Result<Vec<Arc<Entity>>, BrokerError> {
        let asked = Question {
            query: ngsi::Query {
                ids: ids.clone(),
                now: self.broker().now(),
                ..ngsi::Query::default()
            },
            ..about(&Name::from(""), None, Vec::new(), words.clone())
        };
        let sources = self.sources(&call.tenant, &asked, &plan::RETRIEVE);
        let claims = Claims::of(sources.iter().map(|(m, _)| m));
        let mut parts: BTreeMap<Name, Vec<Part>> = BTreeMap::new();
        for id in ids {
            let own = self.broker().store().read(&call.tenant, &id).await?;
            let own = own.filter(|own| !own.entity.is_expired(asked.query.now));
            if let Some(own) = own.and_then(|v| claims.strip(v.entity, Level::Additive)) {
                parts.entry(id).or_default().push(Part::own(own));
            }
        }
        for given in self.gather(call, route, &asked, &sources, None).await {
            let id = given.entity.id.clone();
            if let Some(part) = claims.part(given) {
                parts.entry(id).or_default().push(part);
            }
        }
        let wholes = parts.into_values();
        Ok(wholes
            .filter_map(|parts| merge(parts, &route.explain))
            .collect())
    }
}

fn targets(entity: &Entity) -> impl Iterator<Item = &Name> {
    entity.attributes.iter().flat_map(|a| match &a.value {
        AttributeValue::Relationship(uris) => uris.as_slice(),
        AttributeValue::ListRelationship(uris) => uris.as_slice(),
        _ => &[],
    })
}
