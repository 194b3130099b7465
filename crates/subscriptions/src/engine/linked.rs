//! The entities that relationships lead to: for queries that look into them, and for notifications
//! that bring them along [CIM-009 §4.5.23, §4.9].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base::{Name, Tenant, Time};
use ngsi::query::Projection;
use ngsi::{AttributeValue, Entity};
use ports::{Store, StoreError};

/// Linked entities by id.
pub(crate) type Linked = HashMap<Name, Arc<Entity>>;

/// Linked entities of one notification or question.
/// Limit: further ones are as if they were not there.
const LINKED_MAX: usize = 1_000;
/// Bytes of them.
const LINKED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads the entities that relationships of `entities` lead to, `levels` deep.
pub(crate) async fn read(
    store: &dyn Store,
    tenant: &Tenant,
    entities: impl Iterator<Item = Arc<Entity>>,
    levels: usize,
    now: Time,
) -> Result<Linked, StoreError> {
    let mut linked = Linked::new();
    let mut bytes = 0;
    let mut edge: Vec<Arc<Entity>> = entities.collect();
    for _ in 0..levels {
        let mut next = Vec::new();
        for id in edge.iter().flat_map(|entity| all_targets(entity)) {
            if linked.len() >= LINKED_MAX || bytes > LINKED_BYTES_MAX {
                return Ok(linked);
            }
            if linked.contains_key(id) {
                continue;
            }
            if let Some(found) = store.read(tenant, id).await?
                && !found.entity.is_expired(now)
            {
                bytes += found.entity.bytes();
                linked.insert(id.clone(), Arc::clone(&found.entity));
                next.push(found.entity);
            }
        }
        if next.is_empty() {
            break;
        }
        edge = next;
    }
    Ok(linked)
}

/// A linked entity, and what is shown of it.
pub(crate) type Shown<'l> = (&'l Arc<Entity>, Option<Projection>);

/// For a flat join: the linked entities that shown relationships lead to, level by level, each once.
pub(crate) fn flat<'l>(
    linked: &'l Linked,
    entities: &[(&Entity, Option<&Projection>)],
    shows: &dyn Fn(&Name) -> bool,
    levels: usize,
) -> Vec<Shown<'l>> {
    let mut seen: HashSet<Name> = entities.iter().map(|(e, _)| e.id.clone()).collect();
    let mut edge: Vec<Shown<'l>> = Vec::new();
    for (entity, projection) in entities {
        follow(linked, entity, *projection, shows, &mut seen, &mut edge);
    }
    let mut found = Vec::new();
    for _ in 1..levels {
        let mut next = Vec::new();
        for (entity, projection) in &edge {
            let all = |_: &Name| true;
            follow(
                linked,
                entity,
                projection.as_ref(),
                &all,
                &mut seen,
                &mut next,
            );
        }
        found.append(&mut edge);
        edge = next;
    }
    found.append(&mut edge);
    found
}

fn follow<'l>(
    linked: &'l Linked,
    entity: &Entity,
    projection: Option<&Projection>,
    shows: &dyn Fn(&Name) -> bool,
    seen: &mut HashSet<Name>,
    into: &mut Vec<Shown<'l>>,
) {
    for attribute in &entity.attributes {
        if !shows(&attribute.name)
            || projection.is_some_and(|p| !p.shows_attribute(&attribute.name))
        {
            continue;
        }
        let found = targets(&attribute.value)
            .iter()
            .filter_map(|id| linked.get(id));
        for entity in found {
            if seen.insert(entity.id.clone()) {
                into.push((entity, projection.map(|p| p.linked(&attribute.name))));
            }
        }
    }
}

fn all_targets(entity: &Entity) -> impl Iterator<Item = &Name> {
    entity.attributes.iter().flat_map(|a| targets(&a.value))
}

fn targets(value: &AttributeValue) -> &[Name] {
    match value {
        AttributeValue::Relationship(uris) => uris.as_slice(),
        AttributeValue::ListRelationship(uris) => uris,
        _ => &[],
    }
}
