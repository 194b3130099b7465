//! Snapshots in the store: docs of the kind `snapshot`.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use parking_lot::Mutex;
use ports::{Act, Batch, Doc, Expect, Store, StoreError};
use serde_json::{Map, Value, json};

use super::{Said, Snapshot, Status};

/// The family of the docs.
const DOC_KIND: &str = "snapshot";
/// Docs read at once.
const CHUNK: usize = 100;

/// All snapshots of a tenant. One whose filling was interrupted has failed.
pub(super) async fn all(store: &dyn Store, tenant: &Tenant) -> Result<Vec<Snapshot>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None::<Name>);
    loop {
        let docs = store.docs(tenant, DOC_KIND, after.as_deref(), CHUNK);
        let docs = docs.await?;
        all.extend(docs.iter().filter_map(|doc| read(tenant, doc)));
        match docs.last() {
            Some(last) if docs.len() == CHUNK => after = Some(last.id.clone()),
            _ => return Ok(all),
        }
    }
}

fn read(tenant: &Tenant, doc: &Doc) -> Option<Snapshot> {
    let member = |name: &str| doc.body.get(name).filter(|value| !value.is_null());
    let number = |name: &str| usize::try_from(member(name)?.as_u64()?).ok();
    let time = |name: &str| member(name).and_then(Value::as_i64).map(Time);
    let list = |name: &str| member(name).and_then(Value::as_array).cloned();
    let read = || {
        let mut said = Said::of_new(&Map::new(), time("createdAt")?).ok()?;
        said.priority = u8::try_from(number("priority")?).ok()?;
        said.lifetime = member("lifetime")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned);
        said.settle(time("modifiedAt")?);
        said.last_used_at = time("lastUsedAt")?;
        said.status = match Status::from_word(member("status")?.as_str()?)? {
            Status::Preparing => Status::Failure,
            status => status,
        };
        said.queries = list("queries")?;
        said.details = list("details")?;
        said.endpoint = member("endpoint").cloned();
        said.receiver_info = member("receiverInfo").cloned();
        (said.bytes, said.entities) = (number("bytes")?, number("entities")?);
        Some(Snapshot {
            id: doc.id.clone(),
            tenant: tenant.clone(),
            world: number("world")?,
            said: Mutex::new(said),
        })
    };
    let snapshot = read();
    if snapshot.is_none() {
        tracing::error!(id = %doc.id, "a snapshot cannot be read and is not used");
    }
    snapshot
}

/// Writes a snapshot down.
pub(super) async fn put(
    store: &dyn Store,
    snapshot: &Snapshot,
    now: Time,
) -> Result<(), StoreError> {
    let said = snapshot.said();
    let body = json!({
        "world": snapshot.world,
        "priority": said.priority,
        "lifetime": said.lifetime,
        "createdAt": said.created_at.as_micros(),
        "modifiedAt": said.modified_at.as_micros(),
        "lastUsedAt": said.last_used_at.as_micros(),
        "status": said.status.word(),
        "queries": said.queries,
        "details": said.details,
        "endpoint": said.endpoint,
        "receiverInfo": said.receiver_info,
        "bytes": said.bytes,
        "entities": said.entities,
    });
    commit(store, snapshot, now, Some(Arc::new(body))).await
}

/// Takes a snapshot off the books.
pub(super) async fn delete(
    store: &dyn Store,
    snapshot: &Snapshot,
    now: Time,
) -> Result<(), StoreError> {
    commit(store, snapshot, now, None).await
}

async fn commit(
    store: &dyn Store,
    snapshot: &Snapshot,
    time: Time,
    body: Option<Arc<Value>>,
) -> Result<(), StoreError> {
    let act = Act::Doc {
        kind: Name::from(DOC_KIND),
        id: snapshot.id.clone(),
        expect: Expect::Any,
        body,
    };
    let batch = Batch {
        tenant: snapshot.tenant.clone(),
        time,
        acts: vec![act],
        cursor: None,
    };
    store.commit(batch).await?;
    Ok(())
}
