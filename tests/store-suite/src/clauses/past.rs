//! History: instances, deletions, edits, and what has expired.

use base::Name;
use ngsi::temporal::{HistoryEdit, Span};
use ngsi::{AttributeValue, Query};
use ports::{Expect, Store};
use serde_json::json;
use testkit::{attribute, entity, name, names, q};

use super::{at, commit, here, ids, room};
use crate::{Setup, act, delete, patch, put};

/// The sweep begins with what is longest overdue.
pub async fn what_has_expired_is_told_in_order(setup: &dyn Setup) {
    let store = setup.open().await;
    let mortal = |short, end| {
        attribute(short, AttributeValue::Property(json!(1)))
            .expires(at(end))
            .build()
    };
    let acts = vec![
        put(
            entity("urn:a").of("Room").expires(at(30)).build(),
            Expect::Any,
        ),
        put(
            entity("urn:b")
                .of("Room")
                .with(mortal("x", 20))
                .with(mortal("y", 40))
                .build(),
            Expect::Any,
        ),
        put(
            entity("urn:c")
                .of("Room")
                .expires(at(10))
                .with(mortal("x", 15))
                .build(),
            Expect::Any,
        ),
        put(room("urn:d", 1), Expect::Any),
    ];
    commit(&*store, at(1), acts).await;
    let expired = async |now, limit| -> Vec<String> {
        let found = store
            .expired(&here(), at(now), limit)
            .await
            .expect("expired");
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(expired(9, 9).await, [""; 0]);
    assert_eq!(expired(10, 9).await, ["urn:c"]);
    assert_eq!(expired(35, 9).await, ["urn:c", "urn:b", "urn:a"]);
    assert_eq!(expired(35, 2).await, ["urn:c", "urn:b"]);
    assert_eq!(
        ids(
            &*store,
            &Query {
                now: at(29),
                ..Query::default()
            }
        )
        .await,
        ["urn:a", "urn:b", "urn:d"]
    );
    assert_eq!(
        ids(
            &*store,
            &Query {
                now: at(20),
                ..q("x")
            }
        )
        .await,
        [""; 0]
    );
}

/// What an instance or its absence says, oldest first.
async fn values(store: &dyn Store, id: &str, short: &str, span: &Span) -> Vec<String> {
    let evolution = store.history(&here(), id, span).await.expect("history");
    let series = evolution
        .iter()
        .flat_map(|e| &e.series)
        .filter(|s| s.name == name(short));
    let instances = series.flat_map(|series| &series.instances);
    instances
        .map(|instance| match &instance.attribute.value {
            AttributeValue::Property(value) => value.to_string(),
            AttributeValue::Null => {
                format!("gone at {}", instance.attribute.modified_at.0 / 1_000_000)
            }
            other => format!("{other:?}"),
        })
        .collect()
}

fn seen(value: i64, second: i64) -> ngsi::Attribute {
    let attribute = attribute("temperature", AttributeValue::Property(json!(value)));
    attribute
        .observed(at(second))
        .at(at(second), at(second))
        .build()
}

/// History follows from the changes of entities.
pub async fn history_keeps_every_instance_and_deletion(setup: &dyn Setup) {
    let store = setup.open().await;
    let mut state = entity("urn:a").of("Room").at(at(1)).build();
    state.attributes = vec![seen(20, 1)];
    commit(&*store, at(1), vec![put(state.clone(), Expect::Any)]).await;
    for (second, value) in [(2, Some(21)), (3, None), (4, Some(22))] {
        let mut after = state.clone();
        after.modified_at = at(second);
        after.attributes = value.map(|value| seen(value, second)).into_iter().collect();
        commit(
            &*store,
            at(second),
            vec![patch(&state, after.clone(), Expect::Any)],
        )
        .await;
        state = after;
    }
    commit(&*store, at(5), vec![delete(&state, at(5), Expect::Any)]).await;
    let all = values(&*store, "urn:a", "temperature", &Span::all(99)).await;
    assert_eq!(all, ["20", "21", "gone at 3", "22", "gone at 5"]);
    let last = Span {
        last: true,
        ..Span::all(2)
    };
    assert_eq!(
        values(&*store, "urn:a", "temperature", &last).await,
        ["22", "gone at 5"]
    );
    assert_eq!(
        values(&*store, "urn:a", "temperature", &Span::all(2)).await,
        ["20", "21"]
    );
    let evolution = store
        .history(&here(), "urn:a", &last)
        .await
        .expect("history")
        .expect("it is");
    assert_eq!(
        evolution.series.first().map(|series| series.is_cut),
        Some(true)
    );
}

/// An observation that comes again replaces itself, one that comes late finds its place.
pub async fn of_instances_observed_at_once_the_last_stays(setup: &dyn Setup) {
    let store = setup.open().await;
    let mut state = entity("urn:a").of("Room").at(at(1)).build();
    commit(&*store, at(1), vec![put(state.clone(), Expect::Any)]).await;
    for (value, observed) in [(20, 10), (30, 30), (21, 10), (25, 20)] {
        let mut after = state.clone();
        after.attributes = vec![seen(value, observed)];
        commit(
            &*store,
            at(50),
            vec![patch(&state, after.clone(), Expect::Any)],
        )
        .await;
        state = after;
    }
    let all = values(&*store, "urn:a", "temperature", &Span::all(99)).await;
    assert_eq!(all, ["21", "25", "30"]);
}

/// The temporal API and imports write history without touching the present [CIM-009 §5.6.11].
pub async fn history_can_be_added_to_replaced_and_taken_out(setup: &dyn Setup) {
    let store = setup.open().await;
    let id = Name::from("urn:a");
    let add = HistoryEdit::Add {
        types: names(&["Room"]),
        scope: Vec::new(),
        instances: vec![seen(20, 10), seen(21, 20), seen(22, 30)],
    };
    commit(&*store, at(100), vec![act::edit(&id, add)]).await;
    assert_eq!(store.read(&here(), &id).await.expect("read"), None);
    let all = values(&*store, &id, "temperature", &Span::all(99)).await;
    assert_eq!(all, ["20", "21", "22"]);
    let evolution = store
        .history(&here(), &id, &Span::all(99))
        .await
        .expect("history");
    let instances = evolution.expect("it is there").series.remove(0).instances;
    let edits = vec![
        HistoryEdit::RemoveInstance {
            name: name("temperature"),
            instance: instances[0].id,
        },
        HistoryEdit::ReplaceInstance {
            instance: instances[1].id,
            attribute: seen(99, 40),
        },
    ];
    for edit in edits {
        commit(&*store, at(101), vec![act::edit(&id, edit)]).await;
    }
    assert_eq!(
        values(&*store, &id, "temperature", &Span::all(99)).await,
        ["22", "99"]
    );
    let evolution = store
        .history(&here(), &id, &Span::all(99))
        .await
        .expect("history");
    let kept = evolution
        .expect("it is there")
        .series
        .remove(0)
        .instances
        .remove(1)
        .id;
    assert_eq!(kept, instances[1].id);
    take_out_the_rest(&*store, &id).await;
}

async fn take_out_the_rest(store: &dyn Store, id: &Name) {
    let edit = HistoryEdit::RemoveAttribute {
        name: name("temperature"),
        dataset_id: Some(None),
    };
    commit(store, at(102), vec![act::edit(id, edit)]).await;
    let evolution = store
        .history(&here(), id, &Span::all(99))
        .await
        .expect("history");
    assert_eq!(evolution.map(|evolution| evolution.series.len()), Some(0));
    commit(
        store,
        at(103),
        vec![act::edit(id, HistoryEdit::RemoveEntity)],
    )
    .await;
    assert_eq!(
        store
            .history(&here(), id, &Span::all(99))
            .await
            .expect("history"),
        None
    );
    assert_eq!(store.heads(&here(), &[], None, 9).await.expect("heads"), []);
}
