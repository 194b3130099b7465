//! The name by which the node is known to others: it stands in `Via` and in its identity, and no
//! two nodes that ask one another may have the same [CIM-009 §6.3.18, §5.15].

use std::sync::Arc;

use base::{Name, Tenant, Time};
use ports::{Act, Batch, Entropy, Expect, Store, StoreError};
use serde_json::{Value, json};

/// The family of the doc that keeps it.
const DOC_KIND: &str = "node";
/// Its id there.
const DOC_ID: &str = "alias";

/// Whether a text can be the name of a node: it must stand in `Via` as it is.
pub(crate) fn is_alias(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// The name that the settings give, else the one that this node once drew and keeps.
pub(crate) async fn alias(
    said: Option<&str>,
    store: &dyn Store,
    entropy: &dyn Entropy,
    now: Time,
) -> Result<Arc<str>, StoreError> {
    if let Some(said) = said {
        return Ok(Arc::from(said));
    }
    let tenant = Tenant::default_tenant();
    if let Some(doc) = store.doc(&tenant, DOC_KIND, DOC_ID).await?
        && let Some(kept) = doc.body.get("alias").and_then(Value::as_str)
    {
        return Ok(Arc::from(kept));
    }
    let mut random = [0_u8; 8];
    entropy.fill(&mut random);
    let drawn = format!("chorsu-{:016x}", u64::from_be_bytes(random));
    let act = Act::Doc {
        kind: Name::from(DOC_KIND),
        id: Name::from(DOC_ID),
        expect: Expect::Any,
        body: Some(Arc::new(json!({ "alias": drawn }))),
    };
    let batch = Batch {
        tenant,
        time: now,
        acts: vec![act],
        cursor: None,
    };
    store.commit(batch).await?;
    Ok(Arc::from(drawn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store_memory::MemoryStore;
    use testkit::SeededEntropy;

    #[tokio::test]
    async fn a_node_keeps_the_name_that_it_drew_unless_it_is_given_one() {
        let store = MemoryStore::new();
        let now = Time::from_seconds(0);
        let mut names = Vec::new();
        for (said, seed) in [(None, 1), (None, 2), (Some("madrid"), 3), (None, 4)] {
            let name = alias(said, &store, &SeededEntropy::new(seed), now).await;
            names.push(name.expect("the store answers"));
        }
        assert!(names[0].starts_with("chorsu-") && is_alias(&names[0]));
        assert_eq!(names[1], names[0]);
        assert_eq!(&*names[2], "madrid");
        assert_eq!(names[3], names[0]);
        assert!(!is_alias("a b") && !is_alias("") && !is_alias("a,b"));
    }
}
