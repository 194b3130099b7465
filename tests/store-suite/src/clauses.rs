//! Each clause of the contract by a small example.

mod log;
mod past;

pub use log::*;
pub use past::*;

use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::{HistoryEdit, Span};
use ngsi::{AttributeKind, AttributeValue, Entity, Query};
use ports::{Act, Committed, Expect, Store, StoreError};
use serde_json::json;
use testkit::{attribute, entity, name, names, q};

use crate::same::{find_all, ordered};
use crate::{Setup, act, batch, delete, doc, patch, put};

fn at(seconds: i64) -> Time {
    Time::from_seconds(seconds)
}

fn here() -> Tenant {
    Tenant::default_tenant()
}

fn room(id: &str, temperature: i64) -> Entity {
    entity(id)
        .of("Room")
        .property("temperature", temperature)
        .build()
}

/// Commits to the default tenant.
async fn commit(store: &dyn Store, time: Time, acts: Vec<Act>) -> Committed {
    store
        .commit(batch(&here(), time, acts))
        .await
        .expect("the batch is taken")
}

async fn ids(store: &dyn Store, query: &Query) -> Vec<String> {
    let found = find_all(store, &here(), query).await;
    found
        .iter()
        .map(|found| found.entity.id.to_string())
        .collect()
}

/// Nothing is there before the first batch.
pub async fn a_new_store_is_empty(setup: &dyn Setup) {
    let store = setup.open().await;
    assert_eq!(store.head(), Seq::ZERO);
    assert_eq!(store.read(&here(), "urn:a").await.expect("read"), None);
    assert_eq!(
        store
            .count(&here(), &Query::default())
            .await
            .expect("count"),
        0
    );
    assert_eq!(store.changes(Seq::ZERO, 10).await.expect("changes"), []);
    assert_eq!(store.tenants().await.expect("tenants"), [here()]);
    assert_eq!(store.cursor("rules").await.expect("cursor"), None);
    let history = store
        .history(&here(), "urn:a", &Span::all(9))
        .await
        .expect("history");
    assert_eq!(history, None);
}

/// Clause 1: reads that start after a commit see it.
pub async fn what_is_put_is_read_and_found(setup: &dyn Setup) {
    let store = setup.open().await;
    let rooms = [room("urn:b", 21), room("urn:a", 19)];
    let acts = rooms
        .iter()
        .map(|room| put(room.clone(), Expect::Absent))
        .collect();
    let done = commit(&*store, at(1), acts).await;
    assert_eq!(
        done,
        Committed {
            first: Seq(1),
            last: Seq(2)
        }
    );
    let read = store
        .read(&here(), "urn:b")
        .await
        .expect("read")
        .expect("it is there");
    assert_eq!((&*read.entity, read.seq), (&rooms[0], Seq(1)));
    assert_eq!(ids(&*store, &Query::default()).await, ["urn:a", "urn:b"]);
    assert_eq!(ids(&*store, &q("temperature>20")).await, ["urn:b"]);
}

/// The state after a patch is the delta applied to the state before.
pub async fn a_patch_leads_to_the_next_state(setup: &dyn Setup) {
    let store = setup.open().await;
    let before = room("urn:a", 19);
    commit(&*store, at(1), vec![put(before.clone(), Expect::Any)]).await;
    let mut after = entity("urn:a")
        .of("House")
        .scope("/A")
        .property("humidity", 0.5)
        .build();
    after.modified_at = at(2);
    let done = commit(
        &*store,
        at(2),
        vec![patch(&before, after.clone(), Expect::At(Seq(1)))],
    )
    .await;
    let read = store
        .read(&here(), "urn:a")
        .await
        .expect("read")
        .expect("it is there");
    assert_eq!(
        (&*ordered(read.clone()).entity, read.seq),
        (&after, done.last)
    );
    assert_eq!(ids(&*store, &q("temperature")).await, [""; 0]);
    assert_eq!(ids(&*store, &q("humidity==0.5")).await, ["urn:a"]);
    let unknown = patch(&room("urn:z", 1), room("urn:z", 2), Expect::Any);
    let refused = store.commit(batch(&here(), at(3), vec![unknown])).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
}

/// History outlives the entity.
pub async fn a_deleted_entity_is_gone_and_its_head_stays(setup: &dyn Setup) {
    let store = setup.open().await;
    let room = room("urn:a", 19);
    commit(&*store, at(1), vec![put(room.clone(), Expect::Any)]).await;
    commit(
        &*store,
        at(2),
        vec![delete(&room, at(2), Expect::At(Seq(1)))],
    )
    .await;
    assert_eq!(store.read(&here(), "urn:a").await.expect("read"), None);
    assert_eq!(ids(&*store, &Query::default()).await, [""; 0]);
    let heads = store
        .heads(&here(), &names(&["Room"]), None, 9)
        .await
        .expect("heads");
    assert_eq!(heads.first().and_then(|head| head.deleted_at), Some(at(2)));
    assert_eq!(
        store
            .heads(&here(), &names(&["House"]), None, 9)
            .await
            .expect("heads"),
        []
    );
    commit(&*store, at(3), vec![put(room.clone(), Expect::Absent)]).await;
    let heads = store.heads(&here(), &[], None, 9).await.expect("heads");
    assert_eq!(heads.first().map(|head| head.deleted_at), Some(None));
}

/// Clause 1: all or nothing.
pub async fn a_conflicting_batch_leaves_nothing_behind(setup: &dyn Setup) {
    let store = setup.open().await;
    commit(&*store, at(1), vec![put(room("urn:a", 19), Expect::Any)]).await;
    let mut refused = batch(
        &here(),
        at(2),
        vec![
            put(room("urn:new", 1), Expect::Absent),
            doc("context", "c", Expect::Any, Some(json!(1))),
            act::edit(&"urn:a".into(), HistoryEdit::RemoveEntity),
            put(room("urn:a", 20), Expect::Absent),
        ],
    );
    refused.cursor = Some(("rules".into(), Seq(1)));
    let error = store
        .commit(refused)
        .await
        .expect_err("it is there already");
    assert!(
        matches!(&error, StoreError::Conflict { id } if *id == "urn:a"),
        "{error}"
    );
    assert_eq!(store.head(), Seq(1));
    assert_eq!(ids(&*store, &q("temperature==19")).await, ["urn:a"]);
    assert_eq!(
        store
            .count(&here(), &Query::default())
            .await
            .expect("count"),
        1
    );
    assert_eq!(store.doc(&here(), "context", "c").await.expect("doc"), None);
    assert_eq!(store.cursor("rules").await.expect("cursor"), None);
    let history = store
        .history(&here(), "urn:a", &Span::all(9))
        .await
        .expect("history");
    assert_eq!(history.map(|evolution| evolution.series.len()), Some(1));
    for expect in [Expect::At(Seq(7)), Expect::At(Seq::ZERO)] {
        let refused = batch(&here(), at(2), vec![put(room("urn:a", 20), expect)]);
        store
            .commit(refused)
            .await
            .expect_err("it stands elsewhere");
        let refused = batch(&here(), at(2), vec![put(room("urn:none", 20), expect)]);
        store.commit(refused).await.expect_err("it is not there");
    }
}

/// An expectation is of what stands when its act's turn has come.
pub async fn expectations_see_what_came_before_in_their_batch(setup: &dyn Setup) {
    let store = setup.open().await;
    let (first, second) = (room("urn:a", 1), room("urn:a", 2));
    let acts = vec![
        put(first.clone(), Expect::Absent),
        patch(&first, second.clone(), Expect::At(Seq(99))),
        delete(&second, at(1), Expect::At(Seq(99))),
        put(first.clone(), Expect::Absent),
        doc("context", "c", Expect::Absent, Some(json!(1))),
        doc("context", "c", Expect::At(Seq(99)), Some(json!(2))),
    ];
    commit(&*store, at(1), acts).await;
    let twice = vec![put(first.clone(), Expect::Any), put(first, Expect::Absent)];
    store
        .commit(batch(&here(), at(1), twice))
        .await
        .expect_err("it is there by then");
    let read = store
        .read(&here(), "urn:a")
        .await
        .expect("read")
        .expect("it is there");
    assert_eq!(read.seq, Seq(4));
}

/// Clause 4: by key, so that a page begins where the last one ended whatever happened meanwhile.
pub async fn pages_go_by_key_and_survive_changes(setup: &dyn Setup) {
    let store = setup.open().await;
    let acts = (0..10)
        .map(|n| put(room(&format!("urn:{n}"), n), Expect::Any))
        .collect();
    commit(&*store, at(1), acts).await;
    let query = q("temperature>=2");
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let found = store
            .find(&here(), &query, after, limit)
            .await
            .expect("find");
        found
            .iter()
            .map(|found| found.entity.id.to_string())
            .collect()
    };
    assert_eq!(page(None, 3).await, ["urn:2", "urn:3", "urn:4"]);
    commit(
        &*store,
        at(2),
        vec![delete(&room("urn:3", 3), at(2), Expect::Any)],
    )
    .await;
    commit(
        &*store,
        at(2),
        vec![delete(&room("urn:4", 4), at(2), Expect::Any)],
    )
    .await;
    assert_eq!(page(Some("urn:4"), 3).await, ["urn:5", "urn:6", "urn:7"]);
    assert_eq!(page(Some("urn:41"), 1).await, ["urn:5"]);
    assert_eq!(page(Some("urn:7"), 9).await, ["urn:8", "urn:9"]);
    assert_eq!(page(Some("urn:9"), 9).await, [""; 0]);
    assert_eq!(page(None, 0).await, [""; 0]);
}

/// A type, its entities, its attributes.
type Counted = (Name, u64, Vec<(Name, AttributeKind, u64)>);

/// Discovery asks for it [CIM-009 §5.7.5].
pub async fn the_census_counts_types_and_attributes(setup: &dyn Setup) {
    let store = setup.open().await;
    let second = attribute("temperature", AttributeValue::Property(json!(5))).dataset("urn:d:1");
    let both = entity("urn:a")
        .of("Room")
        .of("Hall")
        .property("temperature", 1)
        .with(second);
    let both = both.relationship("inside", "urn:h").build();
    let acts = vec![
        put(both.clone(), Expect::Any),
        put(room("urn:b", 1), Expect::Any),
    ];
    commit(&*store, at(1), acts).await;
    let census = async || -> Vec<Counted> {
        let census = store.census(&here()).await.expect("census");
        census
            .types
            .into_iter()
            .map(|t| (t.name, t.entities, t.attributes))
            .collect()
    };
    let (property, relationship) = (AttributeKind::Property, AttributeKind::Relationship);
    let (temperature, inside) = (name("temperature"), name("inside"));
    let hall = (
        name("Hall"),
        1,
        vec![
            (inside.clone(), relationship, 1),
            (temperature.clone(), property, 2),
        ],
    );
    let room = (
        name("Room"),
        2,
        vec![
            (inside, relationship, 1),
            (temperature.clone(), property, 3),
        ],
    );
    assert_eq!(census().await, [hall, room]);
    commit(&*store, at(2), vec![delete(&both, at(2), Expect::Any)]).await;
    assert_eq!(
        census().await,
        [(name("Room"), 1, vec![(temperature, property, 1)])]
    );
}
