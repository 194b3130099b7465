//! An embedded store and a lake over it whose manifest is kept elsewhere: so the store has no changes
//! but those of the test, and can be compared with the model change by change.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Name, Seq, Tasks, Tenant, Time};
use broker::Broker;
use lake::{Lake, Parts, Place};
use ngsi::Query;
use ngsi::temporal::{Evolution, Head, Span};
use ports::{Batch, Census, Change, Committed, Doc, Past, Store, StoreError, Versioned};
use store_embedded::EmbeddedStore;
use store_memory::MemoryStore;
use testkit::{SeededEntropy, StepClock};
use trust::Access;

/// The store of the manifest. Its head is far off, so that a seal takes over all there is.
#[derive(Debug, Default)]
pub(crate) struct Ledger(MemoryStore);

#[async_trait]
impl Store for Ledger {
    async fn read(&self, tenant: &Tenant, id: &str) -> Result<Option<Versioned>, StoreError> {
        self.0.read(tenant, id).await
    }

    async fn find(
        &self,
        tenant: &Tenant,
        query: &Query,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Versioned>, StoreError> {
        self.0.find(tenant, query, after, limit).await
    }

    async fn count(&self, tenant: &Tenant, query: &Query) -> Result<u64, StoreError> {
        self.0.count(tenant, query).await
    }

    async fn expired(
        &self,
        tenant: &Tenant,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Name>, StoreError> {
        self.0.expired(tenant, now, limit).await
    }

    async fn history(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Evolution>, StoreError> {
        self.0.history(tenant, id, span).await
    }

    async fn heads(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Head>, StoreError> {
        self.0.heads(tenant, types, after, limit).await
    }

    async fn doc(&self, tenant: &Tenant, kind: &str, id: &str) -> Result<Option<Doc>, StoreError> {
        self.0.doc(tenant, kind, id).await
    }

    async fn docs(
        &self,
        tenant: &Tenant,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Doc>, StoreError> {
        self.0.docs(tenant, kind, after, limit).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.0.tenants().await
    }

    async fn census(&self, tenant: &Tenant) -> Result<Census, StoreError> {
        self.0.census(tenant).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.0.commit(batch).await
    }

    async fn changes(&self, after: Seq, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.0.changes(after, limit).await
    }

    fn head(&self) -> Seq {
        Seq(u64::MAX)
    }

    async fn beyond(&self, seq: Seq) -> Result<Seq, StoreError> {
        self.0.beyond(seq).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<Seq>, StoreError> {
        self.0.cursor(name).await
    }
}

/// A lake over a store, in a life of its own.
pub(crate) struct Life {
    pub(crate) lake: Arc<Lake>,
    tasks: Tasks,
}

impl Life {
    pub(crate) async fn begin(
        ledger: Arc<Ledger>,
        past: &Arc<EmbeddedStore>,
        folder: &Path,
        number: u64,
    ) -> Self {
        let clock = Arc::new(StepClock::at(Time::from_seconds(86_400)));
        let tasks = Tasks::new();
        let broker = Broker::new(
            ledger,
            Arc::<StepClock>::clone(&clock),
            Access::Closed,
            tasks.clone(),
        );
        let lake = Lake::start(Parts {
            broker,
            past: Some(Arc::<EmbeddedStore>::clone(past) as Arc<dyn Past>),
            place: Place::Folder(folder.to_owned()),
            clock,
            entropy: Arc::new(SeededEntropy::new(number)),
            tasks: tasks.clone(),
        });
        let lake = lake.await.expect("a lake");
        Self { lake, tasks }
    }

    pub(crate) async fn end(self) {
        self.tasks.stop();
        self.tasks.ended().await;
    }
}
