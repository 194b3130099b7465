//! Writers at once.

use std::sync::Arc;

use base::{Seq, Tenant, Time};
use ngsi::Query;
use ports::{Expect, Store, StoreError};
use serde_json::{Value, json};
use testkit::{attribute, entity, name};
use tokio::task::JoinSet;

use crate::{Setup, batch, patch, put};

const WRITERS: u64 = 8;
const ROUNDS: u64 = 25;

/// Clause 1: every acknowledged write is there, and a counter that each writer raises by what it has read,
/// on the condition that nobody else did meanwhile, misses no step.
pub async fn writers_at_once_lose_nothing(setup: &dyn Setup) {
    let store = setup.open().await;
    let tenant = Tenant::default_tenant();
    let counter = entity("urn:counter").of("Counter").property("n", 0).build();
    store
        .commit(batch(&tenant, Time(0), vec![put(counter, Expect::Absent)]))
        .await
        .expect("put");
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        let tenant = tenant.clone();
        writers.spawn(async move {
            for round in 0..ROUNDS {
                raise(&*store, &tenant).await;
                let own = entity(&format!("urn:own:{writer}:{round}"))
                    .of("Own")
                    .build();
                let own = batch(&tenant, Time(1), vec![put(own, Expect::Absent)]);
                store.commit(own).await.expect("nobody else has this id");
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends well");
    }
    let counter = store
        .read(&tenant, "urn:counter")
        .await
        .expect("read")
        .expect("it is there");
    assert_eq!(number(&counter.entity), WRITERS * ROUNDS);
    let all = store
        .count(&tenant, &Query::default())
        .await
        .expect("count");
    assert_eq!(all, 1 + WRITERS * ROUNDS);
}

/// Raises the counter by one, however often somebody else is faster.
async fn raise(store: &dyn Store, tenant: &Tenant) {
    loop {
        let found = store
            .read(tenant, "urn:counter")
            .await
            .expect("read")
            .expect("it is there");
        let mut after = ngsi::Entity::clone(&found.entity);
        after.attributes.clear();
        let value = ngsi::AttributeValue::Property(json!(number(&found.entity) + 1));
        after.attributes.push(attribute("n", value).build());
        let act = patch(&found.entity, after, Expect::At(found.seq));
        match store.commit(batch(tenant, Time(1), vec![act])).await {
            Ok(_) => return,
            Err(StoreError::Conflict { id }) => assert_eq!(&*id, "urn:counter"),
            Err(other) => panic!("{other}"),
        }
    }
}

fn number(counter: &ngsi::Entity) -> u64 {
    match counter.attribute(&name("n"), None).map(|a| &a.value) {
        Some(ngsi::AttributeValue::Property(Value::Number(n))) => n.as_u64().expect("a count"),
        other => panic!("no number but {other:?}"),
    }
}

/// Clauses 2 and 3: a reader that follows the log while others write meets every change once, in order, and
/// never half of a batch at the head; what it has met it can read.
pub async fn a_tail_meets_every_change_once_and_in_order(setup: &dyn Setup) {
    let store = setup.open().await;
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let tenant = Tenant::new(["", "a"][writer % 2]).expect("a tenant");
            for round in 0..ROUNDS {
                let acts = (0..3).map(|n| {
                    let id = format!("urn:{writer}:{round}:{n}");
                    put(entity(&id).of("Room").build(), Expect::Absent)
                });
                let acts = batch(&tenant, Time(1), acts.collect());
                let done = store.commit(acts).await.expect("nobody else has these ids");
                assert_eq!(done.last.0, done.first.0 + 2);
            }
        });
    }
    let mut met = Seq::ZERO;
    let end = Seq(4 * ROUNDS * 3);
    while met < end {
        let head = store.beyond(met).await.expect("it wakes");
        assert_eq!(head.0 % 3, 0, "the head never stands within a batch");
        let changes = store.changes(met, usize::MAX).await.expect("changes");
        assert!(
            changes.len() as u64 >= head.0 - met.0,
            "all up to the head is there"
        );
        for change in changes {
            assert_eq!(
                change.seq,
                met.next(),
                "nothing is left out and nothing is late"
            );
            met = change.seq;
            let ports::Fact::Entity { id, .. } = &change.fact else {
                panic!("an entity")
            };
            let read = store.read(&change.tenant, id).await.expect("read");
            assert_eq!(read.map(|found| found.seq), Some(change.seq));
        }
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends well");
    }
    assert_eq!(store.head(), end);
}
