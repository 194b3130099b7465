//! The model passes its own suite, and the faults of the wrapper come as told.

use std::sync::Arc;

use async_trait::async_trait;
use ports::Store;
use store_memory::MemoryStore;
use store_suite::{Setup, store_suite};

struct Memory;

#[async_trait]
impl Setup for Memory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }
}

store_suite!(Memory);

#[cfg(test)]
mod tests {
    use base::{Seq, Tenant, Time};
    use ports::{Expect, Store as _, StoreError};
    use store_memory::{Fault, Faulty};
    use store_suite::{batch, put};
    use testkit::entity;

    use super::*;

    #[tokio::test]
    async fn faults_come_once_each_as_told() {
        let store = Faulty::new(Arc::new(MemoryStore::new()));
        let full = || StoreError::Unavailable {
            reason: "the disk is full".to_owned(),
        };
        let here = Tenant::default_tenant();
        let room = || {
            batch(
                &here,
                Time(0),
                vec![put(entity("urn:a").of("Room").build(), Expect::Any)],
            )
        };
        store.inject(Fault::Commit(full()));
        store.inject(Fault::Acknowledgement(full()));
        store.inject(Fault::Read(full()));
        store.commit(room()).await.expect_err("the first fault");
        assert_eq!(store.head(), Seq::ZERO, "nothing was written");
        store.commit(room()).await.expect_err("the second fault");
        assert_eq!(store.head(), Seq(1), "it was written, only nobody was told");
        store
            .read(&here, "urn:a")
            .await
            .expect_err("the third fault");
        assert!(
            store
                .read(&here, "urn:a")
                .await
                .is_ok_and(|found| found.is_some())
        );
        assert_eq!(
            store.commit(room()).await.map(|done| done.last).ok(),
            Some(Seq(2))
        );
    }
}
