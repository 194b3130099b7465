//! Which registrations concern an operation, which conflict, and what is found again.

use std::sync::Arc;

use base::{Name, Tasks, Tenant, Time};
use broker::{Broker, Command};
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::query::{Pattern, Selector, TypeExpr};
use ports::{Clock, Store};
use proptest::prelude::*;
use serde_json::{Value, json};
use store_memory::MemoryStore;
use testkit::{SeededEntropy, StepClock};
use trust::{Access, Call};

use super::matching::covering;
use super::world::World;
use super::*;

struct Bed {
    clock: Arc<StepClock>,
    store: Arc<dyn Store>,
    broker: Arc<Broker>,
    registry: Registry,
}

async fn bed() -> Bed {
    let clock = Arc::new(StepClock::default());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let broker = Broker::new(
        Arc::clone(&store),
        Arc::clone(&clock) as Arc<dyn Clock>,
        Access::Open,
        Tasks::new(),
    );
    let registry = load(&broker).await;
    Bed {
        clock,
        store,
        broker,
        registry,
    }
}

async fn load(broker: &Arc<Broker>) -> Registry {
    let entropy = Arc::new(SeededEntropy::new(7));
    // Nobody is told of changes here.
    let (told, _changes) = mpsc::channel(1);
    let registry = Registry::load(Arc::clone(broker), entropy, told).await;
    registry.expect("the store reads")
}

fn home() -> Tenant {
    Tenant::default_tenant()
}

impl Bed {
    async fn create(&self, document: Value) -> Result<Name, RegistrationError> {
        let core = Context::core();
        let made = self.registry.create(&home(), &document, &core).await?;
        Ok(made.id.clone())
    }

    async fn change(
        &self,
        id: &str,
        fragment: &Value,
    ) -> Result<Arc<Registration>, RegistrationError> {
        let core = Context::core();
        self.registry.update(&home(), id, fragment, &core).await
    }

    fn ids(&self, wanted: &Wanted<'_>) -> Vec<Name> {
        let found = self.registry.matching(&home(), wanted);
        found
            .into_iter()
            .map(|m| m.registration.id.clone())
            .collect()
    }
}

fn document(id: &str, mode: &str, information: impl Into<Value>) -> Value {
    let information: Value = information.into();
    json!({
        "id": id, "type": "ContextSourceRegistration", "mode": mode, "information": information,
        "endpoint": "http://partner.example",
    })
}

fn vehicle(id: &str, attributes: &[&str]) -> Value {
    json!([{ "entities": [{ "id": id, "type": "Vehicle" }], "propertyNames": attributes }])
}

fn expanded(name: &str) -> Name {
    Context::core().expand_name(name).expect("a name")
}

#[tokio::test]
async fn a_source_is_asked_for_what_it_has_of_what_is_wanted() {
    let bed = bed().await;
    let information = json!([
        { "entities": [{ "id": "urn:x:1", "type": "Vehicle" }, { "id": "urn:x:2", "type": "Vehicle" }],
          "propertyNames": ["speed"], "relationshipNames": ["parkedAt"] },
        { "entities": [{ "idPattern": ".*parking", "type": "Parking" }] },
    ]);
    bed.create(document("urn:x:r", "inclusive", information))
        .await
        .expect("made");
    let (ids, attrs) = (
        [Name::from("urn:x:2"), "urn:x:3".into()],
        [expanded("speed"), expanded("color")],
    );
    let wanted = Wanted {
        operation: "queryEntity",
        ids: &ids,
        attrs: &attrs,
        ..Wanted::default()
    };
    let found = bed.registry.matching(&home(), &wanted);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].ids[..], &found[0].attrs[..]),
        (&ids[..1], &attrs[..1])
    );
    assert_eq!(found[0].types, [expanded("Vehicle")]);
    // A type alone: the ids and attributes that are registered.
    let types = TypeExpr::any([expanded("Vehicle")]);
    let all = Wanted {
        operation: "queryEntity",
        types: Some(&types),
        ..Wanted::default()
    };
    let found = bed.registry.matching(&home(), &all);
    assert_eq!((found[0].ids.len(), found[0].attrs.len()), (2, 2));
    // Everything: each group of entities is a match of its own.
    let everything = Wanted {
        operation: "queryEntity",
        ..Wanted::default()
    };
    let found = bed.registry.matching(&home(), &everything);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].id_patterns[0].as_str(), ".*parking");
    let other = Wanted {
        operation: "createEntity",
        ..everything
    };
    assert!(bed.ids(&other).is_empty(), "federationOps do not create");
    let elsewhere = Tenant::new("other").expect("a tenant");
    assert!(bed.registry.matching(&elsewhere, &everything).is_empty());
}

#[tokio::test]
async fn a_past_or_a_dataset_or_a_filter_narrows_the_sources() {
    let bed = bed().await;
    let all = json!([{ "entities": [{ "type": "Vehicle" }] }]);
    let mut past = document("urn:x:past", "inclusive", all.clone());
    past["observationInterval"] = json!({ "startAt": "2020-01-01T00:00:00Z" });
    past["operations"] = json!(["federationOps", "queryTemporal"]);
    bed.create(past).await.expect("made");
    let mut set = document("urn:x:set", "inclusive", all);
    set["datasetId"] = json!(["urn:x:d"]);
    set["rank"] = json!(3);
    bed.create(set).await.expect("made");
    let now = Wanted {
        operation: "queryEntity",
        ..Wanted::default()
    };
    assert_eq!(bed.ids(&now), ["urn:x:set"]);
    let then = Wanted {
        operation: "queryTemporal",
        ..now
    };
    assert_eq!(bed.ids(&then), ["urn:x:past"]);
    let other = [Name::from("@none")];
    assert!(
        bed.ids(&Wanted {
            datasets: &other,
            ..now
        })
        .is_empty()
    );
    let rank = testkit::q("rank>3").q;
    let filter = rank.as_ref();
    assert!(
        bed.ids(&Wanted {
            sources: filter,
            ..now
        })
        .is_empty()
    );
}

#[tokio::test]
async fn what_has_expired_is_asked_no_more_and_is_swept() {
    let bed = bed().await;
    let mut short = document("urn:x:r", "inclusive", vehicle("urn:x:v", &["speed"]));
    let end = bed.clock.now().plus_micros(1_000_000);
    short["expiresAt"] = json!(end.to_string());
    bed.create(short.clone()).await.expect("made");
    let wanted = Wanted {
        operation: "queryEntity",
        ..Wanted::default()
    };
    assert_eq!(bed.ids(&wanted).len(), 1);
    bed.clock.advance_seconds(1);
    assert!(bed.ids(&wanted).is_empty() && bed.registry.get(&home(), "urn:x:r").is_none());
    let swept = bed.registry.sweep().await.expect("swept");
    assert_eq!(swept.len(), 1);
    assert!(bed.registry.is_empty(&home()));
    short["expiresAt"] = json!(Time::MAX.to_string());
    bed.create(short).await.expect("its id is free again");
}

#[tokio::test]
async fn what_is_exclusive_is_so_once() {
    let bed = bed().await;
    let speed = || vehicle("urn:x:v", &["speed"]);
    bed.create(document("urn:x:a", "exclusive", speed()))
        .await
        .expect("made");
    for mode in ["exclusive", "redirect"] {
        let error = bed.create(document("urn:x:b", mode, speed())).await;
        let error = error.expect_err("it overlaps");
        assert!(
            matches!(error, RegistrationError::Overlaps { .. }),
            "{error}"
        );
    }
    let any = json!([{ "entities": [{ "type": "Vehicle", "idPattern": "v$" }] }]);
    bed.create(document("urn:x:b", "redirect", any))
        .await
        .expect_err("the pattern covers it");
    let other = vehicle("urn:x:v", &["color"]);
    bed.create(document("urn:x:b", "exclusive", other))
        .await
        .expect("another attribute");
    bed.create(document("urn:x:c", "inclusive", speed()))
        .await
        .expect("it adds, it takes nothing");
    let again = bed.create(document("urn:x:c", "inclusive", speed())).await;
    assert!(matches!(again, Err(RegistrationError::Exists { .. })));
    // A change must not lead there either, but what stands does not conflict with itself.
    let fragment = json!({ "information": speed() });
    let change = bed.change("urn:x:b", &fragment).await;
    change.expect_err("it overlaps");
    let fragment = json!({ "description": "same" });
    let change = bed.change("urn:x:a", &fragment).await;
    change.expect("nothing else changes");
}

#[tokio::test]
async fn redirects_may_overlap_each_other() {
    let bed = bed().await;
    for id in ["urn:x:a", "urn:x:b"] {
        let information = json!([{ "entities": [{ "type": "Vehicle" }] }]);
        bed.create(document(id, "redirect", information))
            .await
            .expect("made");
    }
}

#[tokio::test]
async fn what_is_kept_here_cannot_be_said_to_be_elsewhere() {
    let bed = bed().await;
    let entity = json!({ "id": "urn:x:v", "type": "Vehicle", "speed": 3 });
    let parsed = Parser::new(&Context::core(), Purpose::Whole).entity(entity);
    let command = Command::Create(parsed.expect("an entity"));
    bed.broker
        .apply_one(&Call::of_the_node(home()), command)
        .await
        .expect("created");
    for (mode, information) in [
        ("exclusive", vehicle("urn:x:v", &["speed"])),
        ("redirect", json!([{ "entities": [{ "type": "Vehicle" }] }])),
        ("redirect", json!([{ "propertyNames": ["speed"] }])),
    ] {
        let error = bed.create(document("urn:x:r", mode, information)).await;
        let error = error.expect_err("it is here");
        assert!(
            matches!(error, RegistrationError::KeptHere { .. }),
            "{error}"
        );
    }
    let color = vehicle("urn:x:v", &["color"]);
    bed.create(document("urn:x:r", "exclusive", color))
        .await
        .expect("another attribute");
}

#[tokio::test]
async fn registrations_outlive_the_node() {
    let bed = bed().await;
    let made = document("urn:x:r", "inclusive", vehicle("urn:x:v", &["speed"]));
    bed.create(made).await.expect("made");
    bed.create(document("urn:x:s", "inclusive", vehicle("urn:x:w", &[])))
        .await
        .expect_err("an empty list");
    let before = bed.registry.all(&home());
    let anew = load(&bed.broker).await;
    assert_eq!(anew.all(&home()), before);
    assert_eq!(anew.all(&home())[0].created_at, before[0].created_at);
    anew.delete(&home(), "urn:x:r").await.expect("deleted");
    let deleted = anew.delete(&home(), "urn:x:r").await;
    assert!(matches!(deleted, Err(RegistrationError::Unknown { .. })));
    assert!(load(&bed.broker).await.is_empty(&home()));
    assert!(
        bed.store
            .docs(&home(), "registration", None, 9)
            .await
            .is_ok_and(|d| d.is_empty())
    );
}

/// A registration of some of a few entities, types and attributes.
fn some_registration() -> impl Strategy<Value = Value> {
    let entity = (0_u8..3, 0_usize..3, 0_usize..3).prop_map(|(kind, id, name)| {
        let types = ["A", "B", "C"];
        match kind {
            0 => json!({ "type": types[name] }),
            1 => json!({ "id": format!("urn:x:{id}"), "type": types[name] }),
            _ => json!({ "idPattern": format!("{id}$"), "type": [types[name], types[id]] }),
        }
    });
    let part = (
        proptest::collection::vec(entity, 0..3),
        proptest::sample::subsequence(vec!["p", "q", "r"], 0..3),
    );
    let part = part.prop_map(|(entities, names)| {
        let mut part = json!({ "relationshipNames": ["z"] });
        if !entities.is_empty() {
            part["entities"] = Value::Array(entities);
            part.as_object_mut()
                .expect("an object")
                .remove("relationshipNames");
        }
        if !names.is_empty() {
            part["propertyNames"] = json!(names);
        }
        part
    });
    (proptest::collection::vec(part, 1..3), any::<bool>()).prop_map(|(parts, past)| {
        let mut all = document("urn:x:r", "inclusive", Value::Array(parts));
        if past {
            all["observationInterval"] = json!({ "startAt": "2020-01-01T00:00:00Z" });
            all["operations"] = json!(["queryEntity", "queryTemporal"]);
        }
        all
    })
}

/// Ids, pattern, types and selectors of a question.
type Question = (Vec<Name>, Option<Pattern>, Option<TypeExpr>, Vec<Name>);

fn some_question() -> impl Strategy<Value = Question> {
    let ids = proptest::sample::subsequence(vec!["urn:x:0", "urn:x:1", "urn:x:9"], 0..3);
    let types = proptest::option::of(proptest::sample::select(vec![
        "A", "A|B", "(B;C)", "*", "D",
    ]));
    let attrs = proptest::sample::subsequence(vec!["p", "z"], 0..2);
    (ids, any::<bool>(), types, attrs).prop_map(|(ids, pattern, types, attrs)| {
        let core = Context::core();
        (
            ids.into_iter().map(Name::from).collect(),
            pattern.then(|| Pattern::parse("idPattern", "[01]$").expect("a pattern")),
            types.map(|text| TypeExpr::parse(text, &core).expect("types")),
            attrs.into_iter().map(expanded).collect(),
        )
    })
}

proptest! {
    #[test]
    fn the_index_finds_what_a_plain_loop_does(
        documents in proptest::collection::vec(some_registration(), 0..12),
        gone in proptest::collection::vec(0_usize..12, 0..4),
        (ids, pattern, types, attrs) in some_question(),
        (other_ids, other_pattern, other_types, _) in some_question(),
        (by_selectors, temporal) in any::<(bool, bool)>(),
    ) {
        let (core, now) = (Context::core(), Time(1_767_225_600_000_000));
        let mut world = World::default();
        for (place, mut document) in documents.into_iter().enumerate() {
            document["id"] = json!(format!("urn:x:r{place}"));
            let read = Registration::read(&document, &core, &"urn:x:r".into(), now);
            world.put(Arc::new(read.expect("a registration")));
        }
        for place in gone {
            world.remove(&format!("urn:x:r{place}"));
        }
        let selectors = [
            Selector { ids: ids.clone(), id_pattern: pattern.clone(), types: types.clone() },
            Selector { ids: other_ids, id_pattern: other_pattern, types: other_types },
        ];
        let operation = if temporal { "queryTemporal" } else { "queryEntity" };
        let wanted = if by_selectors {
            Wanted { operation, selectors: &selectors, attrs: &attrs, ..Wanted::default() }
        } else {
            Wanted {
                operation,
                ids: &ids,
                id_pattern: pattern.as_ref(),
                types: types.as_ref(),
                attrs: &attrs,
                ..Wanted::default()
            }
        };
        let looped = world.all().flat_map(|r| covering(r, &wanted, now));
        let looped: Vec<Match> = looped.filter(|m| m.is_allowed).collect();
        prop_assert_eq!(world.matching(&wanted, now), looped);
    }
}
