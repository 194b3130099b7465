//! Registrations in the store: docs of the kind `registration`.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use ports::{Act, Batch, Doc, Expect, Store, StoreError};
use serde_json::{Value, json};

use crate::registration::Registration;

/// The family of the docs.
const DOC_KIND: &str = "registration";
/// Docs read at once.
const CHUNK: usize = 100;

/// All registrations of a tenant. One that cannot be read is left where it is, and said in the log.
pub(super) async fn all(
    store: &dyn Store,
    tenant: &Tenant,
) -> Result<Vec<Registration>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None::<Name>);
    loop {
        let docs = store
            .docs(tenant, DOC_KIND, after.as_deref(), CHUNK)
            .await?;
        all.extend(docs.iter().filter_map(read));
        match docs.last() {
            Some(last) if docs.len() == CHUNK => after = Some(last.id.clone()),
            _ => return Ok(all),
        }
    }
}

fn read(doc: &Doc) -> Option<Registration> {
    let time = |member: &str| doc.body.get(member).and_then(Value::as_i64).map(Time);
    let times = (
        time("createdAt").unwrap_or_default(),
        time("modifiedAt").unwrap_or_default(),
    );
    let document = doc.body.get("registration").and_then(Value::as_object);
    let document = document.cloned().unwrap_or_default();
    match Registration::from_expanded(document, times, Arc::default()) {
        Ok(registration) => Some(registration),
        Err(error) => {
            tracing::error!(id = %doc.id, %error, "a registration cannot be read and is not used");
            None
        }
    }
}

/// Keeps a registration, or forgets it.
pub(super) async fn put(
    store: &dyn Store,
    tenant: &Tenant,
    id: &Name,
    registration: Option<&Registration>,
    now: Time,
) -> Result<(), StoreError> {
    let body = registration.map(|registration| {
        Arc::new(json!({
            "registration": registration.document(),
            "createdAt": registration.created_at.as_micros(),
            "modifiedAt": registration.modified_at.as_micros(),
        }))
    });
    let act = Act::Doc {
        kind: Name::from(DOC_KIND),
        id: id.clone(),
        expect: Expect::Any,
        body,
    };
    let batch = Batch {
        tenant: tenant.clone(),
        time: now,
        acts: vec![act],
        cursor: None,
    };
    store.commit(batch).await?;
    Ok(())
}
