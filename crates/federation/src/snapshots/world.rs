//! The worlds of snapshots: tenants that no request can name.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use ngsi::temporal::HistoryEdit;
use ngsi::{Entity, Query};
use ports::{Act, Around, Batch, EntityChange, Expect, Store, StoreError};
use serde_json::json;

/// Entities written or deleted in one batch.
const CHUNK: usize = 500;
/// The doc by which the tenant comes to be, even of a snapshot of nothing.
const MARK_KIND: &str = "snapshot-world";

/// The tenant of a world.
pub(super) fn tenant(world: usize) -> Tenant {
    Tenant::hidden(&world.to_string())
}

/// Lets the tenant of a world come to be.
pub(super) async fn mark(store: &dyn Store, world: usize, now: Time) -> Result<(), StoreError> {
    let act = Act::Doc {
        kind: Name::from(MARK_KIND),
        id: Name::from(MARK_KIND),
        expect: Expect::Any,
        body: Some(Arc::new(json!({}))),
    };
    commit(store, world, now, vec![act]).await
}

/// Puts entities into a world, as they are.
pub(super) async fn put(
    store: &dyn Store,
    world: usize,
    now: Time,
    entities: impl Iterator<Item = Arc<Entity>> + Send,
) -> Result<(), StoreError> {
    let mut acts = Vec::new();
    for entity in entities {
        acts.push(Act::Entity {
            id: entity.id.clone(),
            expect: Expect::Any,
            change: EntityChange::Put(entity),
            around: Around::default(),
        });
        if acts.len() == CHUNK {
            commit(store, world, now, std::mem::take(&mut acts)).await?;
        }
    }
    commit(store, world, now, acts).await
}

/// Everything in a world, after `after`, in id order.
pub(super) async fn some(
    store: &dyn Store,
    world: usize,
    after: Option<&str>,
) -> Result<Vec<Arc<Entity>>, StoreError> {
    // At the beginning of time nothing has expired.
    let all = Query::default();
    let found = store.find(&tenant(world), &all, after, CHUNK).await?;
    Ok(found
        .into_iter()
        .map(|versioned| versioned.entity)
        .collect())
}

/// Takes everything out of a world, its history included.
pub(super) async fn clear(store: &dyn Store, world: usize, now: Time) -> Result<(), StoreError> {
    loop {
        let entities = some(store, world, None).await?;
        if entities.is_empty() {
            break;
        }
        let deletion = |entity: Arc<Entity>| Act::Entity {
            id: entity.id.clone(),
            expect: Expect::Any,
            change: EntityChange::Delete {
                at: now,
                types: entity.types.clone(),
            },
            around: Around::default(),
        };
        let acts = entities.into_iter().map(deletion).collect();
        commit(store, world, now, acts).await?;
    }
    loop {
        let heads = store.heads(&tenant(world), &[], None, CHUNK).await?;
        if heads.is_empty() {
            return Ok(());
        }
        let removal = |id| Act::History {
            id,
            edit: HistoryEdit::RemoveEntity,
        };
        let acts = heads.into_iter().map(|head| removal(head.id)).collect();
        commit(store, world, now, acts).await?;
    }
}

async fn commit(
    store: &dyn Store,
    world: usize,
    time: Time,
    acts: Vec<Act>,
) -> Result<(), StoreError> {
    if acts.is_empty() {
        return Ok(());
    }
    let batch = Batch {
        tenant: tenant(world),
        time,
        acts,
        cursor: None,
    };
    store.commit(batch).await?;
    Ok(())
}
