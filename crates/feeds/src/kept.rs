//! Definitions in the store: docs of the kind `feed` in the default tenant.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use ports::{Act, Batch, Doc, Expect, Store};
use serde_json::{Value, json};

use crate::definition::Definition;
use crate::error::FeedError;

/// The family of the docs.
pub(crate) const DOC_KIND: &str = "feed";
/// Docs read at once.
const CHUNK: usize = 500;

/// A definition as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) definition: Definition,
    pub(crate) created_at: Time,
    pub(crate) modified_at: Time,
}

impl Kept {
    fn from_doc(doc: &Doc) -> Result<Self, FeedError> {
        let damaged = |reason: String| FeedError::Damaged {
            name: doc.id.to_string(),
            reason,
        };
        let time = |member: &str| doc.body.get(member).and_then(Value::as_i64).map(Time);
        let definition = doc.body.get("definition").cloned().unwrap_or_default();
        let definition = Definition::from_json(definition);
        Ok(Self {
            definition: definition.map_err(|error| damaged(error.to_string()))?,
            created_at: time("createdAt").unwrap_or_default(),
            modified_at: time("modifiedAt").unwrap_or_default(),
        })
    }

    fn to_body(&self) -> Value {
        json!({
            "definition": self.definition.to_kept(),
            "createdAt": self.created_at.as_micros(),
            "modifiedAt": self.modified_at.as_micros(),
        })
    }
}

/// All definitions, by name; one that cannot be read is given as its error.
pub(crate) async fn all(
    store: &dyn Store,
) -> Result<Vec<(String, Result<Kept, FeedError>)>, FeedError> {
    let tenant = Tenant::default_tenant();
    let (mut kept, mut after) = (Vec::new(), None::<Name>);
    loop {
        let docs = store
            .docs(&tenant, DOC_KIND, after.as_deref(), CHUNK)
            .await?;
        kept.extend(
            docs.iter()
                .map(|doc| (doc.id.to_string(), Kept::from_doc(doc))),
        );
        match docs.last() {
            Some(last) if docs.len() == CHUNK => after = Some(last.id.clone()),
            _ => return Ok(kept),
        }
    }
}

/// Keeps a definition, or forgets it.
pub(crate) async fn put(
    store: &dyn Store,
    name: &str,
    kept: Option<&Kept>,
    now: Time,
) -> Result<(), FeedError> {
    let act = Act::Doc {
        kind: Name::from(DOC_KIND),
        id: Name::from(name),
        expect: Expect::Any,
        body: kept.map(|kept| Arc::new(kept.to_body())),
    };
    let batch = Batch {
        tenant: Tenant::default_tenant(),
        time: now,
        acts: vec![act],
        cursor: None,
    };
    store.commit(batch).await?;
    Ok(())
}
