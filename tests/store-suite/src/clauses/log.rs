//! The log, its cursors, the docs and tenants beside the entities.

use std::time::Duration;

use base::{Name, Seq, Tenant};
use ngsi::Query;
use ngsi::temporal::{HistoryEdit, Span};
use ports::{Committed, EntityChange, Expect, Fact, Store};
use serde_json::json;
use testkit::q;

use super::{at, commit, here, ids, room};
use crate::same::find_all;
use crate::{Setup, act, batch, delete, doc, patch, put};

/// Clause 3, and that each act is one change which says what was done.
pub async fn the_changes_of_a_batch_stand_together_in_the_log(setup: &dyn Setup) {
    let store = setup.open().await;
    let (before, after) = (room("urn:a", 1), room("urn:a", 2));
    let other = Tenant::new("b").expect("a tenant");
    let delta = ngsi::Delta::between(&before, &after);
    commit(
        &*store,
        at(1),
        vec![
            put(before.clone(), Expect::Any),
            patch(&before, after, Expect::Any),
        ],
    )
    .await;
    let context = doc("context", "c", Expect::Any, Some(json!({"a": 1})));
    store
        .commit(batch(&other, at(2), vec![context]))
        .await
        .expect("the batch is taken");
    let gone = delete(&before, at(3), Expect::Any);
    let edit = HistoryEdit::RemoveEntity;
    commit(
        &*store,
        at(3),
        vec![gone, act::edit(&"urn:a".into(), edit.clone())],
    )
    .await;
    let changes = store.changes(Seq::ZERO, usize::MAX).await.expect("changes");
    let told: Vec<_> = changes
        .iter()
        .map(|c| (c.seq.0, c.tenant.clone(), c.time))
        .collect();
    let expected = [
        (1, here(), at(1)),
        (2, here(), at(1)),
        (3, other, at(2)),
        (4, here(), at(3)),
        (5, here(), at(3)),
    ];
    assert_eq!(told, expected);
    let id = Name::from("urn:a");
    let entity = |change| Fact::Entity {
        id: id.clone(),
        change,
        around: ports::Around::default(),
    };
    let facts: Vec<Fact> = changes.into_iter().map(|change| change.fact).collect();
    let expected = [
        entity(EntityChange::Put(before.clone().into())),
        entity(EntityChange::Patch { delta }),
        Fact::Doc {
            kind: "context".into(),
            id: "c".into(),
            body: Some(json!({"a": 1}).into()),
        },
        entity(EntityChange::Delete {
            at: at(3),
            types: before.types,
        }),
        Fact::History {
            id: id.clone(),
            edit,
        },
    ];
    assert_eq!(facts, expected);
    pages_of_the_log(&*store).await;
}

async fn pages_of_the_log(store: &dyn Store) {
    let some = store.changes(Seq(1), 2).await.expect("changes");
    assert_eq!(
        some.iter().map(|change| change.seq.0).collect::<Vec<_>>(),
        [2, 3]
    );
    assert_eq!(store.changes(Seq(5), 2).await.expect("changes"), []);
}

/// A tail that has nothing to say still says how far it has come.
pub async fn a_batch_without_acts_moves_only_its_cursor(setup: &dyn Setup) {
    let store = setup.open().await;
    commit(&*store, at(1), vec![put(room("urn:a", 1), Expect::Any)]).await;
    let mut only = batch(&here(), at(2), Vec::new());
    only.cursor = Some(("rules".into(), Seq(1)));
    let done = store.commit(only).await.expect("the batch is taken");
    assert_eq!(
        done,
        Committed {
            first: Seq(2),
            last: Seq(1)
        }
    );
    assert_eq!(store.head(), Seq(1));
    assert_eq!(store.cursor("rules").await.expect("cursor"), Some(Seq(1)));
    assert_eq!(store.cursor("lake").await.expect("cursor"), None);
    let mut with = batch(&here(), at(2), vec![put(room("urn:b", 1), Expect::Any)]);
    with.cursor = Some(("rules".into(), Seq(2)));
    store.commit(with).await.expect("the batch is taken");
    assert_eq!(store.cursor("rules").await.expect("cursor"), Some(Seq(2)));
}

/// Nobody has to poll.
pub async fn whoever_waits_is_woken_by_the_next_change(setup: &dyn Setup) {
    let store = setup.open().await;
    commit(&*store, at(1), vec![put(room("urn:a", 1), Expect::Any)]).await;
    assert_eq!(store.beyond(Seq::ZERO).await.expect("at once"), Seq(1));
    let early = tokio::time::timeout(Duration::from_millis(20), store.beyond(Seq(1))).await;
    early.expect_err("nothing has happened yet");
    let (woken, _done) = tokio::join!(store.beyond(Seq(1)), async {
        commit(&*store, at(2), vec![put(room("urn:b", 1), Expect::Any)]).await
    });
    assert_eq!(woken.expect("woken"), Seq(2));
}

/// Clause 5.
pub async fn tenants_see_nothing_of_each_other(setup: &dyn Setup) {
    let store = setup.open().await;
    let other = Tenant::new("other").expect("a tenant");
    let nobody = Tenant::new("nobody").expect("a tenant");
    let context = doc("context", "c", Expect::Absent, Some(json!("other's")));
    let acts = vec![put(room("urn:a", 1), Expect::Absent), context];
    store
        .commit(batch(&other, at(1), acts))
        .await
        .expect("the batch is taken");
    for tenant in [here(), nobody] {
        assert_eq!(store.read(&tenant, "urn:a").await.expect("read"), None);
        assert_eq!(
            store
                .count(&tenant, &Query::default())
                .await
                .expect("count"),
            0
        );
        assert_eq!(store.heads(&tenant, &[], None, 9).await.expect("heads"), []);
        assert_eq!(
            store.docs(&tenant, "context", None, 9).await.expect("docs"),
            []
        );
        assert_eq!(store.census(&tenant).await.expect("census").types, []);
        let history = store
            .history(&tenant, "urn:a", &Span::all(9))
            .await
            .expect("history");
        assert_eq!(history, None);
    }
    commit(&*store, at(1), vec![put(room("urn:a", 2), Expect::Absent)]).await;
    assert_eq!(find_all(&*store, &other, &q("temperature==2")).await, []);
    assert_eq!(ids(&*store, &q("temperature==2")).await, ["urn:a"]);
    assert_eq!(store.tenants().await.expect("tenants"), [here(), other]);
}

/// Docs are found one by one and by family, in order, by pages.
pub async fn docs_are_kept_by_family_and_id(setup: &dyn Setup) {
    let store = setup.open().await;
    let acts = ["b", "a", "c"].map(|id| doc("grant", id, Expect::Absent, Some(json!({"id": id}))));
    commit(&*store, at(1), acts.to_vec()).await;
    commit(
        &*store,
        at(1),
        vec![doc("context", "a", Expect::Absent, Some(json!(null)))],
    )
    .await;
    let found = store
        .doc(&here(), "grant", "b")
        .await
        .expect("doc")
        .expect("it is there");
    assert_eq!((&*found.body, found.seq), (&json!({"id": "b"}), Seq(1)));
    let ids = async |after: Option<&str>, limit| -> Vec<String> {
        let docs = store
            .docs(&here(), "grant", after, limit)
            .await
            .expect("docs");
        docs.iter().map(|doc| doc.id.to_string()).collect()
    };
    assert_eq!(ids(None, 2).await, ["a", "b"]);
    assert_eq!(ids(Some("b"), 2).await, ["c"]);
    commit(
        &*store,
        at(2),
        vec![doc("grant", "a", Expect::At(Seq(2)), None)],
    )
    .await;
    assert_eq!(ids(None, 9).await, ["b", "c"]);
    assert_eq!(store.doc(&here(), "grant", "a").await.expect("doc"), None);
    let context = store
        .doc(&here(), "context", "a")
        .await
        .expect("doc")
        .expect("it is there");
    assert_eq!(*context.body, json!(null));
}

/// Clause 1, when the store outlives its closing.
pub async fn what_was_committed_is_there_after_closing(setup: &dyn Setup) {
    let store = setup.open().await;
    let mut first = batch(&here(), at(1), vec![put(room("urn:a", 1), Expect::Any)]);
    first.cursor = Some(("rules".into(), Seq(1)));
    store.commit(first).await.expect("the batch is taken");
    let Some(store) = setup.reopen(store).await else {
        return;
    };
    assert_eq!(store.head(), Seq(1));
    assert_eq!(store.cursor("rules").await.expect("cursor"), Some(Seq(1)));
    assert_eq!(ids(&*store, &q("temperature==1")).await, ["urn:a"]);
    let done = commit(&*store, at(2), vec![put(room("urn:b", 1), Expect::Absent)]).await;
    assert_eq!(done.first, Seq(2));
    let Some(store) = setup.crash(store).await else {
        return;
    };
    assert_eq!(ids(&*store, &Query::default()).await, ["urn:a", "urn:b"]);
    assert_eq!(store.changes(Seq::ZERO, 9).await.expect("changes").len(), 2);
}
