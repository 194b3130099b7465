//! How contexts are kept as docs, and how many.

use std::sync::Arc;

use base::{Name, Tenant};
use ports::{Act, Batch, Doc, Expect, StoreError};
use serde_json::Value;

use super::{
    CHUNK, CONTEXTS_BYTES_MAX, CONTEXTS_MAX, ContextError, ContextRecord, Contexts, DOC_KIND,
};

/// How much a tenant keeps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kept {
    number: usize,
    bytes: usize,
}

/// The bytes of a document as JSON.
pub(super) fn bytes(document: &Value) -> usize {
    /// Counts what is written and keeps nothing of it.
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A JSON value has no keys but texts, and the counter takes everything.
    let _infallible = serde_json::to_writer(&mut count, document);
    count.0
}

impl Contexts {
    /// Lets a tenant of the node's own use the contexts that another hosts.
    pub fn lend(&self, to: &Tenant, of: &Tenant) {
        self.lent.write().insert(to.clone(), of.clone());
    }

    /// Whose contexts a tenant uses.
    pub(super) fn owner(&self, tenant: &Tenant) -> Tenant {
        if !tenant.is_hidden() {
            return tenant.clone();
        }
        let lent = self.lent.read();
        lent.get(tenant).unwrap_or(tenant).clone()
    }

    pub(super) async fn save(
        &self,
        tenant: &Tenant,
        record: &ContextRecord,
    ) -> Result<(), ContextError> {
        self.put(tenant, &record.id, Some(Arc::new(record.to_body())))
            .await
    }

    pub(super) async fn put(
        &self,
        tenant: &Tenant,
        id: &Name,
        body: Option<Arc<Value>>,
    ) -> Result<(), ContextError> {
        let act = Act::Doc {
            kind: Name::from(DOC_KIND),
            id: id.clone(),
            expect: Expect::Any,
            body,
        };
        let batch = Batch {
            tenant: tenant.clone(),
            time: self.clock.now(),
            acts: vec![act],
            cursor: None,
        };
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Saves a new context, unless the tenant keeps too many. They are counted
    /// anew after one was deleted, else the number is known.
    pub(super) async fn keep(
        &self,
        tenant: &Tenant,
        record: &ContextRecord,
    ) -> Result<bool, ContextError> {
        let mut kept = self.kept.lock().await;
        let before = match kept.get(tenant) {
            Some(known) => *known,
            None => self.count(tenant).await?,
        };
        let after = Kept {
            number: before.number + 1,
            bytes: before.bytes.saturating_add(bytes(&record.document)),
        };
        if after.number > CONTEXTS_MAX || after.bytes > CONTEXTS_BYTES_MAX {
            return Ok(false);
        }
        self.save(tenant, record).await?;
        kept.insert(tenant.clone(), after);
        Ok(true)
    }

    async fn count(&self, tenant: &Tenant) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        self.each(tenant, |doc| {
            let bytes = doc.body.get("bytes").and_then(Value::as_u64).unwrap_or(0);
            kept.number += 1;
            kept.bytes = kept
                .bytes
                .saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
        })
        .await?;
        Ok(kept)
    }

    /// What a tenant keeps, by id, without the documents.
    pub(super) async fn described(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<ContextRecord>, StoreError> {
        let mut records = Vec::new();
        self.each(tenant, |doc| records.extend(ContextRecord::described(doc)))
            .await?;
        Ok(records)
    }

    async fn each(
        &self,
        tenant: &Tenant,
        mut with: impl FnMut(&Doc) + Send,
    ) -> Result<(), StoreError> {
        let mut after = None::<Name>;
        loop {
            let docs = self.store.docs(tenant, DOC_KIND, after.as_deref(), CHUNK);
            let docs = docs.await?;
            docs.iter().for_each(&mut with);
            match docs.last() {
                Some(last) if docs.len() == CHUNK => after = Some(last.id.clone()),
                _ => return Ok(()),
            }
        }
    }
}
