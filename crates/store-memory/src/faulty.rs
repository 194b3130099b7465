//! A store that fails when told to.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Name, Seq, Tenant, Time};
use ngsi::Query;
use ngsi::temporal::{Evolution, Head, Span};
use parking_lot::Mutex;
use ports::{Batch, Census, Change, Committed, Doc, Store, StoreError, Versioned};

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The next commit fails so and writes nothing.
    Commit(StoreError),
    /// The next commit is written, and yet its caller gets this error: as when a node dies between the two.
    Acknowledgement(StoreError),
    /// The next read of any kind fails so.
    Read(StoreError),
}

/// Passes everything on to another store, but for the faults it was told.
#[derive(Debug)]
pub struct Faulty {
    store: Arc<dyn Store>,
    faults: Mutex<VecDeque<Fault>>,
}

impl Faulty {
    /// A store without faults yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            faults: Mutex::default(),
        }
    }

    /// Adds a fault. Those of a kind come true in the order in which they were added, each once.
    pub fn inject(&self, fault: Fault) {
        self.faults.lock().push_back(fault);
    }

    fn next(&self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut faults = self.faults.lock();
        let place = faults.iter().position(wanted)?;
        faults.remove(place)
    }

    fn reading(&self) -> Result<&dyn Store, StoreError> {
        match self.next(|fault| matches!(fault, Fault::Read(_))) {
            Some(Fault::Read(error)) => Err(error),
            _ => Ok(&*self.store),
        }
    }
}

#[async_trait]
impl Store for Faulty {
    async fn read(&self, tenant: &Tenant, id: &str) -> Result<Option<Versioned>, StoreError> {
        self.reading()?.read(tenant, id).await
    }

    async fn find(
        &self,
        tenant: &Tenant,
        query: &Query,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Versioned>, StoreError> {
        self.reading()?.find(tenant, query, after, limit).await
    }

    async fn count(&self, tenant: &Tenant, query: &Query) -> Result<u64, StoreError> {
        self.reading()?.count(tenant, query).await
    }

    async fn expired(
        &self,
        tenant: &Tenant,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Name>, StoreError> {
        self.reading()?.expired(tenant, now, limit).await
    }

    async fn history(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Evolution>, StoreError> {
        self.reading()?.history(tenant, id, span).await
    }

    async fn heads(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Head>, StoreError> {
        self.reading()?.heads(tenant, types, after, limit).await
    }

    async fn doc(&self, tenant: &Tenant, kind: &str, id: &str) -> Result<Option<Doc>, StoreError> {
        self.reading()?.doc(tenant, kind, id).await
    }

    async fn docs(
        &self,
        tenant: &Tenant,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Doc>, StoreError> {
        self.reading()?.docs(tenant, kind, after, limit).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.reading()?.tenants().await
    }

    async fn census(&self, tenant: &Tenant) -> Result<Census, StoreError> {
        self.reading()?.census(tenant).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        match self.next(|fault| !matches!(fault, Fault::Read(_))) {
            Some(Fault::Commit(error)) => Err(error),
            Some(Fault::Acknowledgement(error)) => {
                self.store.commit(batch).await?;
                Err(error)
            }
            _ => self.store.commit(batch).await,
        }
    }

    async fn changes(&self, after: Seq, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.reading()?.changes(after, limit).await
    }

    fn has_other_writers(&self) -> bool {
        self.store.has_other_writers()
    }

    fn head(&self) -> Seq {
        self.store.head()
    }

    async fn beyond(&self, seq: Seq) -> Result<Seq, StoreError> {
        self.reading()?.beyond(seq).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<Seq>, StoreError> {
        self.reading()?.cursor(name).await
    }
}
