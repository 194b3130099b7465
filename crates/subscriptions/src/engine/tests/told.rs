//! What is told, and when.

use base::Tasks;
use testkit::entity;

use super::*;

fn here() -> Tenant {
    Tenant::default_tenant()
}

/// The bodies that follow from these changes of one entity after another, a second apart.
async fn told(more: Value, states: Vec<Option<Entity>>) -> Vec<Value> {
    let bench = Bench::new().await;
    bench.subscribe(&here(), said(more)).await;
    let mut engine = bench.engine().await;
    let mut before: Option<Arc<Entity>> = None;
    for state in states {
        bench.clock.advance_seconds(1);
        let after = match (&before, state) {
            (_, Some(state)) if before.is_some() => After::Patched(Arc::new(state)),
            (_, Some(state)) => After::Put(Arc::new(state)),
            (Some(last), None) => After::Gone(last.id.clone()),
            (None, None) => continue,
        };
        let is = match &after {
            After::Put(is) | After::Patched(is) => Some(Arc::clone(is)),
            After::Gone(_) => None,
        };
        bench.write(&here(), vec![(before, after)]).await;
        before = is;
    }
    while engine.read_on().await.expect("the model store answers") {}
    bench.told.bodies()
}

fn room(temperature: i64) -> Entity {
    let room = entity("urn:r:1").of("Room");
    room.property("temperature", temperature).build()
}

#[tokio::test]
async fn a_notification_is_as_the_standard_says() {
    let bodies = told(json!({}), vec![Some(room(1))]).await;
    let [body] = bodies.as_slice() else {
        panic!("one notification: {bodies:?}");
    };
    assert_eq!(body["type"], "Notification");
    assert!(
        body["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("urn:ngsi-ld:Notification:"))
    );
    assert!(body["subscriptionId"].is_string() && body["notifiedAt"].is_string());
    assert_eq!(
        body["data"],
        json!([{"id": "urn:r:1", "type": "Room", "temperature": {"type": "Property", "value": 1}}])
    );
    assert!(body.get("@context").is_none());
}

#[tokio::test]
async fn what_changed_is_shown_with_what_it_was() {
    let more = json!({
        "notificationTrigger": ["attributeUpdated", "attributeDeleted"],
        "notification": {"showChanges": true, "endpoint": {"uri": "http://there/"}},
    });
    let bare = entity("urn:r:1").of("Room").build();
    let bodies = told(more, vec![Some(room(1)), Some(room(2)), Some(bare), None]).await;
    let of = |at: usize| &bodies[at]["data"][0]["temperature"];
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert_eq!(
        of(0),
        &json!({"type": "Property", "value": 2, "previousValue": 1})
    );
    assert_eq!(
        of(1),
        &json!({"type": "Property", "value": "urn:ngsi-ld:null", "previousValue": 2})
    );
}

#[tokio::test]
async fn a_deletion_says_when() {
    let more = json!({"notificationTrigger": ["entityDeleted"]});
    let bodies = told(more, vec![Some(room(1)), None]).await;
    let data = &bodies[0]["data"][0];
    assert!(data["deletedAt"].is_string(), "{data}");
    assert_eq!(
        data.as_object().map(serde_json::Map::len),
        Some(3),
        "{data}"
    );
}

#[tokio::test]
async fn geojson_tells_features_and_json_ld_names_its_context() {
    let accept = |media: &str| json!({"notification": {"endpoint": {"uri": "http://there/", "accept": media}}});
    let placed = entity("urn:r:1")
        .of("Room")
        .point("location", 1.5, 2.5)
        .build();
    let bodies = told(accept("application/geo+json"), vec![Some(placed)]).await;
    let data = &bodies[0]["data"];
    assert_eq!(data["type"], "FeatureCollection");
    assert_eq!(
        data["features"][0]["geometry"]["coordinates"],
        json!([1.5, 2.5])
    );
    let bodies = told(accept("application/ld+json"), vec![Some(room(1))]).await;
    assert!(bodies[0]["data"][0]["@context"].is_string(), "{bodies:?}");
}

#[tokio::test]
async fn throttling_lets_one_through_in_its_time() {
    let states = (0..10).map(|temperature| Some(room(temperature)));
    let bodies = told(json!({"throttling": 4}), states.collect()).await;
    // All is read at once, at the same moment of the clock.
    assert_eq!(bodies.len(), 1);
    let bench = Bench::new().await;
    bench
        .subscribe(&here(), said(json!({"throttling": 4})))
        .await;
    let mut engine = bench.engine().await;
    let mut before = None;
    for temperature in 0..10 {
        bench.clock.advance_seconds(1);
        let after = Arc::new(room(temperature));
        let change = After::Patched(Arc::clone(&after));
        bench
            .write(&here(), vec![(before.replace(after), change)])
            .await;
        while engine.read_on().await.expect("the model store answers") {}
    }
    let bodies = bench.told.bodies();
    let values: Vec<_> = bodies
        .iter()
        .map(|b| &b["data"][0]["temperature"]["value"])
        .collect();
    assert_eq!(values, [0, 4, 8]);
}

#[tokio::test]
async fn the_same_moment_is_told_in_one_notification() {
    let bench = Bench::new().await;
    bench.subscribe(&here(), said(json!({}))).await;
    let mut engine = bench.engine().await;
    let of = |id: &str| Arc::new(entity(id).of("Room").property("level", 1).build());
    let both = ["urn:r:1", "urn:r:2"].map(|id| (None, After::Put(of(id))));
    bench.write(&here(), both.to_vec()).await;
    let again = (Some(of("urn:r:1")), After::Put(Arc::new(room(3))));
    bench.write(&here(), vec![again]).await;
    while engine.read_on().await.expect("the model store answers") {}
    let bodies = bench.told.bodies();
    assert_eq!(bodies[0]["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(bodies[1]["data"][0]["temperature"]["value"], 3);
    assert_eq!(bodies.len(), 2);
}

#[tokio::test]
async fn a_query_looks_into_linked_entities() {
    let bench = Bench::new().await;
    let more = json!({"q": "inside{level}>5"});
    bench.subscribe(&here(), said(more)).await;
    let mut engine = bench.engine().await;
    let house = |id: &str, level: i64| entity(id).of("House").property("level", level).build();
    let inside = |id: &str, of: &str| entity(id).of("Room").relationship("inside", of).build();
    let states = [
        house("urn:h:1", 9),
        house("urn:h:2", 1),
        inside("urn:r:1", "urn:h:1"),
        inside("urn:r:2", "urn:h:2"),
    ];
    for state in states {
        bench.clock.advance_seconds(1);
        bench
            .write(&here(), vec![(None, After::Put(Arc::new(state)))])
            .await;
    }
    while engine.read_on().await.expect("the model store answers") {}
    let bodies = bench.told.bodies();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["data"][0]["id"], "urn:r:1");
}

#[tokio::test]
async fn linked_entities_come_along_unless_the_entity_is_gone() {
    for (join, beside) in [("flat", 2), ("inline", 1)] {
        let bench = Bench::new().await;
        let more = json!({
            "notificationTrigger": ["entityCreated", "entityDeleted"],
            "notification": {"join": join, "joinLevel": 2, "endpoint": {"uri": "http://there/"}},
        });
        bench.subscribe(&here(), said(more)).await;
        let mut engine = bench.engine().await;
        let house = Arc::new(entity("urn:h:1").of("House").property("level", 9).build());
        let room = entity("urn:r:1")
            .of("Room")
            .relationship("inside", "urn:h:1")
            .build();
        let room = Arc::new(room);
        let gone = (Some(Arc::clone(&room)), After::Gone(room.id.clone()));
        for change in [(None, After::Put(house)), (None, After::Put(room)), gone] {
            bench.clock.advance_seconds(1);
            bench.write(&here(), vec![change]).await;
            while engine.read_on().await.expect("the model store answers") {}
        }
        let bodies = bench.told.bodies();
        let data = |at: usize| bodies[at]["data"].as_array().expect("an array").clone();
        assert_eq!((data(0).len(), data(1).len()), (beside, 1), "{bodies:?}");
        let inline = &data(0)[0]["inside"]["entity"]["level"]["value"];
        assert_eq!(*inline == 9, join == "inline", "{bodies:?}");
    }
}

#[tokio::test]
async fn the_clock_tells_all_there_is_at_every_interval() {
    let bench = Bench::new().await;
    let tasks = Tasks::new();
    let both = ["urn:r:1", "urn:r:2"].map(|id| {
        let room = entity(id).of("Room").property("level", 1).build();
        (None, After::Put(Arc::new(room)))
    });
    bench.write(&here(), both.to_vec()).await;
    start(bench.parts.clone(), &tasks).await.expect("it starts");
    bench
        .subscribe(&here(), said(json!({"timeInterval": 10})))
        .await;
    for _ in 0..25 {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        bench.clock.advance_seconds(1);
    }
    tasks.stop();
    tasks.ended().await;
    let bodies = bench.told.bodies();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert_eq!(bodies[1]["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_paused_subscription_hears_nothing_until_it_goes_on() {
    let bench = Bench::new().await;
    let made = bench
        .subscribe(&here(), said(json!({"isActive": false})))
        .await;
    let mut engine = bench.engine().await;
    for (temperature, goes_on) in [(1, false), (2, true)] {
        bench.clock.advance_seconds(1);
        if goes_on {
            let fragment = json!({"isActive": true});
            let (tenant, spoken) = (here(), spoken());
            let keeper = &bench.parts.keeper;
            let changed = keeper.change(&tenant, &made.id, fragment, &spoken);
            changed.await.expect("a change");
        }
        let change = After::Put(Arc::new(room(temperature)));
        bench.write(&here(), vec![(None, change)]).await;
        while engine.read_on().await.expect("the model store answers") {}
    }
    let bodies = bench.told.bodies();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["data"][0]["temperature"]["value"], 2);
}
