//! What is told when the log is read back: after a restart, or when it is no longer kept.

use store_memory::{Fault, Faulty};
use testkit::entity;

use super::*;

fn here() -> Tenant {
    Tenant::default_tenant()
}

async fn catch_up(engine: &mut Engine) {
    while engine.read_on().await.expect("the model store answers") {}
}

#[tokio::test]
async fn a_log_that_was_read_back_tells_as_much_as_it_knows() {
    let mut bench = Bench::new().await;
    bench.remembers = false;
    let triggers = [
        "entityCreated",
        "entityDeleted",
        "attributeCreated",
        "attributeUpdated",
        "attributeDeleted",
    ];
    for trigger in triggers {
        let more = json!({
            "id": format!("urn:s:{trigger}"),
            "notificationTrigger": [trigger],
            "q": "level",
        });
        bench.subscribe(&here(), said(more)).await;
    }
    let mut engine = bench.engine().await;
    let room = || entity("urn:r:1").of("Room");
    let start = bench.clock.now();
    let mut states = Vec::new();
    let first = Arc::new(room().property("level", 1).at(start.plus_micros(1)).build());
    states.push(After::Put(Arc::clone(&first)));
    let mut second = Entity::clone(&first);
    second.modified_at = start.plus_micros(2);
    second.attributes[0].value = ngsi::AttributeValue::Property(json!(2));
    second.attributes[0].modified_at = start.plus_micros(2);
    states.push(After::Patched(Arc::new(second.clone())));
    let note = room()
        .property("note", "x")
        .at(start.plus_micros(3))
        .build();
    second.attributes.extend(note.attributes);
    states.push(After::Patched(Arc::new(second.clone())));
    second.attributes.pop();
    states.push(After::Patched(Arc::new(second)));
    states.push(After::Gone("urn:r:1".into()));
    let mut told = Vec::new();
    let mut before: Option<Arc<Entity>> = None;
    for after in states {
        bench.clock.advance_micros(1);
        let is = match &after {
            After::Put(is) | After::Patched(is) => Some(Arc::clone(is)),
            After::Gone(_) => None,
        };
        bench.write(&here(), vec![(before, after)]).await;
        before = is;
        catch_up(&mut engine).await;
        let all = std::mem::take(&mut *bench.told.told.lock());
        let mut ids: Vec<String> = (all.iter())
            .map(|n| n.subscription.id.replace("urn:s:", ""))
            .collect();
        ids.sort();
        told.push(ids.join(" "));
    }
    assert_eq!(
        told,
        [
            "attributeCreated entityCreated",
            "attributeUpdated",
            "attributeCreated",
            "attributeDeleted",
            // Whether its attributes were asked for cannot be said any more: better told than missed.
            "attributeDeleted entityDeleted",
        ]
    );
}

#[tokio::test]
async fn a_log_that_is_no_longer_kept_is_passed_over() {
    let mut bench = Bench::new().await;
    let store = Arc::new(Faulty::new(Arc::clone(&bench.store) as _));
    bench.parts.store = Arc::clone(&store) as _;
    bench.subscribe(&here(), said(json!({}))).await;
    let mut engine = bench.engine().await;
    let room = |id: &str| {
        let room = entity(id).of("Room").property("level", 1).build();
        vec![(None, After::Put(Arc::new(room)))]
    };
    bench.write(&here(), room("urn:r:1")).await;
    let reason = "changes up to 2 are no longer kept".to_owned();
    store.inject(Fault::Read(StoreError::Limit { reason }));
    catch_up(&mut engine).await;
    bench.clock.advance_seconds(1);
    bench.write(&here(), room("urn:r:2")).await;
    catch_up(&mut engine).await;
    let bodies = bench.told.bodies();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["data"][0]["id"], "urn:r:2");
}
