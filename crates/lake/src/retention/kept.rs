//! Policies in the store, as docs of their tenant, and beside them what the last run said.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use ports::{Act, Batch, Doc, Expect, Store};
use serde_json::Value;

use crate::LakeError;
use crate::retention::policy::{Policies, Policy};

/// The family of the policies.
const POLICY: &str = "retention-policy";
/// The family of what was done.
const RUN: &str = "retention-run";
/// The one of it: the last.
const LAST: &str = "last";
/// Policies of a tenant; one page of the store.
pub(crate) const POLICIES_MAX: usize = 500;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 64;

/// Refuses a name that is no part of a path.
pub(crate) fn check_name(name: &str) -> Result<(), LakeError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_plain);
    if fits {
        return Ok(());
    }
    let what =
        format!("a policy's name has 1 to {NAME_CHARS_MAX} letters, digits, '-', '_' or '.'");
    Err(LakeError::Invalid(what))
}

/// The policies of a tenant.
pub(crate) async fn policies(store: &dyn Store, tenant: &Tenant) -> Result<Policies, LakeError> {
    let docs = store.docs(tenant, POLICY, None, POLICIES_MAX).await?;
    let policies = docs.iter().map(|doc| Ok((doc.id.to_string(), read(doc)?)));
    policies
        .collect::<Result<Vec<_>, LakeError>>()
        .map(Policies)
}

fn read(doc: &Doc) -> Result<Policy, LakeError> {
    let body = doc.body.to_string();
    Policy::from_json(body.as_bytes())
        .map_err(|error| LakeError::Corrupt(format!("the policy {}: {error}", doc.id)))
}

/// Keeps a policy, or takes it away.
pub(crate) async fn put(
    store: &dyn Store,
    tenant: &Tenant,
    (name, policy): (&str, Option<&Policy>),
    now: Time,
) -> Result<(), LakeError> {
    let body = policy.map(Policy::to_json);
    write(store, tenant, (POLICY, name), body, now).await
}

/// What the last run of a tenant said.
pub(crate) async fn last_run(
    store: &dyn Store,
    tenant: &Tenant,
) -> Result<Option<Arc<Value>>, LakeError> {
    Ok(store.doc(tenant, RUN, LAST).await?.map(|doc| doc.body))
}

/// Keeps what a run said.
pub(crate) async fn put_run(
    store: &dyn Store,
    tenant: &Tenant,
    said: Value,
    now: Time,
) -> Result<(), LakeError> {
    write(store, tenant, (RUN, LAST), Some(said), now).await
}

async fn write(
    store: &dyn Store,
    tenant: &Tenant,
    (kind, id): (&str, &str),
    body: Option<Value>,
    now: Time,
) -> Result<(), LakeError> {
    let act = Act::Doc {
        kind: Name::from(kind),
        id: Name::from(id),
        expect: Expect::Any,
        body: body.map(Arc::new),
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
