//! The door: what waits is done in order, together, once, or not at all.

use std::sync::Arc;

use base::{Kind, Name, Seq, Tenant};
use broker::{BrokerError, Command, Done};
use ngsi::parse::Purpose;
use ports::Store as _;
use serde_json::json;
use store_memory::Fault;
use trust::{Access, Call};

use super::city::{City, anybody, append, create, delete, full, read, tenant, upsert, within};

#[tokio::test]
async fn many_callers_at_once_are_all_served_and_lose_nothing() {
    let city = City::new();
    city.one(create(json!({"id": "urn:room:1", "type": "Room"})))
        .await
        .expect("created");
    let mut callers = Vec::new();
    for number in 0..200 {
        let broker = Arc::clone(&city.broker);
        callers.push(async move {
            let attribute = format!("a{number}");
            broker
                .apply_one(&anybody(), append("urn:room:1", json!({attribute: number})))
                .await
        });
    }
    let mut running = tokio::task::JoinSet::new();
    for caller in callers {
        running.spawn(caller);
    }
    while let Some(done) = running.join_next().await {
        let done = done.expect("no panic");
        assert!(matches!(done, Ok(Done::Changed(_))), "{done:?}");
    }
    let room = city.get("urn:room:1").await.expect("there");
    assert_eq!(room.attributes.len(), 200);
}

#[tokio::test]
async fn a_refused_command_keeps_no_other_from_being_done() {
    let city = City::new();
    let done = city
        .all(vec![
            create(json!({"id": "urn:a", "type": "T"})),
            create(json!({"id": "urn:a", "type": "T"})),
            delete("urn:missing"),
            create(json!({"id": "urn:b", "type": "T"})),
        ])
        .await;
    assert!(matches!(done[0], Ok(Done::Created)));
    assert!(matches!(done[1], Err(BrokerError::EntityExists { .. })));
    assert!(matches!(done[2], Err(BrokerError::EntityUnknown { .. })));
    assert!(matches!(done[3], Ok(Done::Created)));
    assert!(city.get("urn:b").await.is_some());
}

#[tokio::test]
async fn commands_on_one_entity_in_a_batch_see_each_other() {
    let city = City::new();
    let done = city
        .all(vec![
            create(json!({"id": "urn:a", "type": "T", "n": 1})),
            append("urn:a", json!({"n": 2, "m": 1})),
            delete("urn:a"),
            append("urn:a", json!({"n": 3})),
            create(json!({"id": "urn:a", "type": "U", "n": 4})),
            upsert(json!({"id": "urn:a", "type": "U", "n": 4})),
        ])
        .await;
    assert!(matches!(done[1], Ok(Done::Changed(_))));
    assert!(matches!(done[2], Ok(Done::Deleted)));
    assert!(matches!(done[3], Err(BrokerError::EntityUnknown { .. })));
    assert!(matches!(done[4], Ok(Done::Created)));
    assert!(matches!(done[5], Ok(Done::Unchanged)), "{:?}", done[5]);
    let entity = city.get("urn:a").await.expect("there");
    assert_eq!(entity.attributes.len(), 1);
    assert_eq!(&*entity.types[0], &*testkit::name("U"));
}

#[tokio::test]
async fn when_the_store_fails_nobody_is_told_that_it_was_done() {
    let city = City::new();
    city.store.inject(Fault::Commit(full()));
    let refused = city
        .broker
        .apply(
            &anybody(),
            vec![create(json!({"id": "urn:a", "type": "T"}))],
        )
        .await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Unavailable));
    assert!(city.get("urn:a").await.is_none());
    city.store.inject(Fault::Read(full()));
    let refused = city.one(create(json!({"id": "urn:a", "type": "T"}))).await;
    assert_eq!(refused.map_err(|e| e.kind()), Err(Kind::Unavailable));
    city.one(create(json!({"id": "urn:a", "type": "T"})))
        .await
        .expect("the door still stands");
}

#[tokio::test]
async fn what_waits_when_the_node_stops_is_still_done_and_nothing_after() {
    let city = City::new();
    city.one(create(json!({"id": "urn:a0", "type": "T"})))
        .await
        .expect("created");
    let mut running = tokio::task::JoinSet::new();
    for number in 1..=50 {
        let broker = Arc::clone(&city.broker);
        running.spawn(async move {
            let id = format!("urn:a{number}");
            broker
                .apply_one(&anybody(), create(json!({"id": id, "type": "T"})))
                .await
        });
    }
    // All callers stand at the door before its keeper has its next turn.
    tokio::task::yield_now().await;
    city.tasks.stop();
    let mut done = 0;
    while let Some(answer) = running.join_next().await {
        match answer.expect("no panic") {
            Ok(_) => done += 1,
            Err(error) => assert!(matches!(error, BrokerError::DoorClosed), "{error}"),
        }
    }
    city.tasks.ended().await;
    let call = anybody();
    let all = city.broker.ids(&call, &testkit::of_type("T")).await;
    assert_eq!(all.expect("read").len(), done + 1);
    let late = city.one(delete("urn:a0")).await;
    assert!(matches!(late, Err(BrokerError::DoorClosed)), "{late:?}");
}

#[tokio::test]
async fn who_does_not_wait_any_more_gets_nothing_done() {
    let city = City::new();
    let mut call = anybody();
    call.deadline = city.broker.now();
    let late = city
        .broker
        .apply_one(&call, create(json!({"id": "urn:a", "type": "T"})))
        .await;
    assert!(matches!(late, Err(BrokerError::Late)), "{late:?}");
    assert!(city.get("urn:a").await.is_none());
    // The same when the time runs out while it waits.
    call.deadline = city.broker.now().plus_micros(1_000_000);
    let command = create(json!({"id": "urn:b", "type": "T"}));
    let waiting = city.broker.apply_one(&call, command);
    let time_passes = async { city.clock.advance_seconds(2) };
    let (late, ()) = tokio::join!(waiting, time_passes);
    assert!(matches!(late, Err(BrokerError::Late)), "{late:?}");
    assert!(city.get("urn:b").await.is_none());
}

#[tokio::test]
async fn more_bytes_than_the_door_has_room_for_are_refused_until_there_is_room() {
    let city = City::new();
    let large = |id: &str| {
        let attributes = (0..17).map(|n| (format!("a{n}"), json!("x".repeat(2_000_000))));
        let mut body: serde_json::Map<_, _> = attributes.collect();
        body.insert("id".to_owned(), json!(id));
        body.insert("type".to_owned(), json!("T"));
        create(body.into())
    };
    let (call, one, two) = (anybody(), large("urn:a"), large("urn:b"));
    let first = city.broker.apply_one(&call, one);
    let second = city.broker.apply_one(&call, two);
    let (first, second) = tokio::join!(first, second);
    // Both are larger than an entity may be; but only one had to wait to hear it.
    assert!(
        matches!(first, Err(BrokerError::Limit { .. })),
        "the first had room"
    );
    assert!(
        matches!(second, Err(BrokerError::Busy)),
        "the second had none"
    );
    city.one(create(json!({"id": "urn:c", "type": "T"})))
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn many_small_changes_make_no_entity_beyond_the_limits() {
    let city = City::new();
    city.one(create(json!({"id": "urn:a", "type": "T"})))
        .await
        .expect("created");
    for start in [0, 1_500] {
        let attributes = (start..start + 1_500).map(|n| (format!("a{n}"), json!(n)));
        let body: serde_json::Map<_, _> = attributes.collect();
        let done = city.one(append("urn:a", body.into())).await;
        assert_eq!(done.is_ok(), start == 0, "{done:?}");
    }
    let entity = city.get("urn:a").await.expect("there");
    assert_eq!(entity.attributes.len(), 1_500);
}

#[tokio::test]
async fn what_expires_is_hidden_at_once_and_swept_soon() {
    let city = City::new();
    let end = city.broker.now().plus_micros(1_000_000).to_string();
    city.all(vec![
        create(json!({"id": "urn:a", "type": "T", "expiresAt": end})),
        create(json!({"id": "urn:b", "type": "T",
            "gone": {"type": "Property", "value": 1, "expiresAt": end}, "stays": 2})),
    ])
    .await;
    let before = city.store.head();
    city.clock.advance_micros(1_000_000);
    assert!(city.get("urn:a").await.is_none(), "hidden at once");
    city.clock.advance_seconds(2);
    let swept = city.store.beyond(before).await.expect("the sweep");
    assert!(swept > before);
    let default = Tenant::default_tenant();
    let gone = city.store.read(&default, "urn:a").await.expect("read");
    assert!(gone.is_none(), "swept");
    let kept = city.store.read(&default, "urn:b").await.expect("read");
    assert_eq!(kept.expect("there").entity.attributes.len(), 1);
}

#[tokio::test]
async fn a_closed_node_refuses_everything_to_strangers() {
    let city = City::with(Access::Closed);
    let call = anybody();
    let write = create(json!({"id": "urn:a", "type": "T"}));
    let denied = [
        city.broker.apply_one(&call, write).await.err(),
        city.broker.retrieve(&call, "urn:a").await.err(),
        city.broker.census(&call).await.err(),
        city.broker.ids(&call, &testkit::of_type("T")).await.err(),
        city.broker.linked(&call, &[], 1).await.err(),
        city.broker.scope_history(&call, "urn:a").await.err(),
    ];
    for error in denied {
        assert_eq!(error.map(|e| e.kind()), Some(Kind::Unauthenticated));
    }
    assert_eq!(city.store.head(), Seq::default());
    let node = Call::of_the_node(Tenant::default_tenant());
    let write = create(json!({"id": "urn:a", "type": "T"}));
    let own = city.broker.apply_one(&node, write).await;
    own.expect("the node itself may");
}

#[tokio::test]
async fn tenants_do_not_see_each_other_and_come_to_be_by_a_write() {
    let city = City::new();
    let north = tenant("north");
    let unknown = city.broker.known_tenant(&north).await;
    assert!(matches!(unknown, Err(BrokerError::TenantUnknown { .. })));
    let call = within(&north);
    let refused = city.broker.apply_one(&call, delete("urn:a")).await;
    assert!(matches!(refused, Err(BrokerError::EntityUnknown { .. })));
    let unknown = city.broker.known_tenant(&north).await;
    assert!(matches!(unknown, Err(BrokerError::TenantUnknown { .. })));
    let write = create(json!({"id": "urn:a", "type": "T"}));
    city.broker.apply_one(&call, write).await.expect("created");
    city.broker.known_tenant(&north).await.expect("known now");
    let entity = city.broker.retrieve(&call, "urn:a").await;
    entity.expect("it is there");
    assert!(city.get("urn:a").await.is_none());
}

#[tokio::test]
async fn history_that_is_added_twice_is_there_once() {
    let city = City::new();
    let add = || Command::AddHistory {
        fragment: read(
            Purpose::Temporal,
            json!({"id": "urn:a", "type": "T", "n": [
                {"type": "Property", "value": 1, "observedAt": "1970-01-02T00:00:00Z"},
                {"type": "Property", "value": 2, "observedAt": "1970-01-03T00:00:00Z"},
            ]}),
        ),
        must_exist: false,
    };
    assert_eq!(city.one(add()).await.expect("added"), Done::Created);
    let head = city.store.head();
    assert_eq!(city.one(add()).await.expect("known"), Done::Unchanged);
    assert_eq!(city.store.head(), head);
    let entity = city.get("urn:a").await.expect("its newest is current");
    let name = testkit::name("n");
    let newest = entity.attribute(&name, None).map(|a| a.value.clone());
    assert_eq!(newest, Some(ngsi::AttributeValue::Property(json!(2))));
}

#[tokio::test]
async fn a_command_for_a_type_leaves_others_alone() {
    let city = City::new();
    city.one(create(json!({"id": "urn:a", "type": "T"})))
        .await
        .expect("created");
    let delete_if = |word: &str| Command::IfType {
        types: testkit::of_type(word).types.expect("a type"),
        command: Box::new(Command::Delete {
            id: Name::from("urn:a"),
        }),
    };
    let other = city.one(delete_if("U")).await;
    assert!(matches!(other, Err(BrokerError::EntityUnknown { .. })));
    assert_eq!(city.one(delete_if("T")).await.ok(), Some(Done::Deleted));
}
