//! What a million typical entities cost: run with `cargo test --release … -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use base::Seq;
use jsonld::Context;
use ngsi::query::{GeoQuery, QExpr, QOptions, TypeExpr};
use ngsi::{Attribute, AttributeValue, Delta};
use serde_json::json;

use super::*;
use crate::state::codec::tests::typical;
use crate::state::{Dictionary, Stored, encode};

const ENTITIES: u32 = 1_000_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is about the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

/// Bytes of memory that the process holds.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn per(elapsed: Duration, count: u32) -> String {
    format!("{:.2} µs", elapsed.as_secs_f64() * 1e6 / f64::from(count))
}

fn stored(dictionary: &mut Dictionary) -> Vec<Stored> {
    let mut bytes = Vec::new();
    let mut one = |number| {
        bytes.clear();
        let mut entity = typical(number);
        // One in a hundred is of a second type.
        if number % 100 == 0 {
            entity.types = vec![Context::core().expand_name("NoiseLevelObserved").unwrap()];
        }
        encode(&entity, dictionary, &mut bytes);
        Stored {
            seq: Seq(1),
            bytes: bytes.as_slice().into(),
        }
    };
    (0..ENTITIES).map(&mut one).collect()
}

fn query(kind: Option<&str>, q: Option<&str>, near: Option<(f64, f64)>) -> Query {
    let context = Context::core();
    Query {
        types: kind.map(|text| TypeExpr::parse(text, &context).unwrap()),
        q: q.map(|text| QExpr::parse(text, QOptions::default(), &context).unwrap()),
        geo: near.map(|(lon, lat)| {
            let at = json!([lon, lat]);
            let near = "near;maxDistance==100000";
            GeoQuery::parse(near, "Point", &at, Some("location"), &context).unwrap()
        }),
        ..Query::default()
    }
}

fn time_queries(world: &World) {
    for (what, query) in [
        (
            "type, common",
            query(Some("AirQualityObserved"), None, None),
        ),
        ("type, rare", query(Some("NoiseLevelObserved"), None, None)),
        (
            "q, one text",
            query(None, Some("address==\"Street 4711\""), None),
        ),
        (
            "type and q, one in 5,000",
            query(Some("AirQualityObserved"), Some("pm25==123.4"), None),
        ),
        (
            "type and q, half",
            query(Some("AirQualityObserved"), Some("temperature>20"), None),
        ),
        (
            "type and q, none",
            query(Some("AirQualityObserved"), Some("pm25>9000"), None),
        ),
        (
            "rare type and q",
            query(Some("NoiseLevelObserved"), Some("temperature>39"), None),
        ),
        (
            "relationship",
            query(None, Some("refDevice==\"urn:ngsi-ld:Device:004711\""), None),
        ),
        (
            "q with |",
            query(None, Some("pm25==123.4|temperature==1.7"), None),
        ),
        (
            "type and 100 km",
            query(Some("AirQualityObserved"), None, Some((23.9, 54.9))),
        ),
    ] {
        let found = world
            .find(&query, None, 20, usize::MAX)
            .unwrap()
            .entities
            .len();
        let rounds = 200;
        let start = now();
        for _ in 0..rounds {
            let again = world.find(&query, None, 20, usize::MAX).unwrap();
            assert_eq!(again.entities.len(), found);
        }
        println!(
            "find 20, {what}: {} found, {}",
            found,
            per(start.elapsed(), rounds)
        );
    }
}

fn time_updates(world: &mut World) {
    let rounds = 300_000_u32;
    let id = |n: u32| {
        format!(
            "urn:ngsi-ld:AirQualityObserved:city:{:07}",
            n * 7919 % ENTITIES
        )
    };
    let deltas = |from: u32, count: u32| -> Vec<(String, Delta)> {
        let attribute = |name: &str, n: u32| {
            let value = AttributeValue::Property(json!(f64::from(n % 977) / 10.0));
            Attribute::new(Context::core().expand_name(name).unwrap(), value)
        };
        let set = |n: u32| {
            vec![
                attribute("pm25", n + count),
                attribute("temperature", n * 3 + count),
            ]
        };
        (from..from + count)
            .map(|n| {
                (
                    id(n),
                    Delta {
                        set: set(n),
                        ..Delta::default()
                    },
                )
            })
            .collect()
    };
    for size in [1, 100, 1_000] {
        let mut elapsed = Duration::ZERO;
        for from in (0..rounds).step_by(size as usize) {
            let deltas = deltas(from, size);
            let start = now();
            let mut edit = world.edit(deltas.iter().map(|(id, _)| id.as_str()));
            for (id, delta) in &deltas {
                assert!(edit.patch(id, delta, Seq(2)).unwrap());
            }
            drop(edit);
            elapsed += start.elapsed();
        }
        println!(
            "patch of two values, {size} at a time: {}",
            per(elapsed, rounds)
        );
    }
    let start = now();
    for n in 0..rounds {
        assert!(world.get(&id(n)).unwrap().is_some());
    }
    println!("get: {}", per(start.elapsed(), rounds));
    let fresh: Vec<_> = (ENTITIES..ENTITIES + 100_000).map(typical).collect();
    let start = now();
    for entities in fresh.chunks(1_000) {
        let mut edit = world.edit(entities.iter().map(|entity| &*entity.id));
        for entity in entities {
            edit.put(entity, Seq(3)).unwrap();
        }
    }
    println!(
        "put of new ones, 1,000 at a time: {}",
        per(start.elapsed(), 100_000)
    );
}

#[test]
#[ignore = "a measurement, for a release build"]
fn a_million_typical_entities_take_a_kilobyte_each_or_less() {
    let before = resident();
    let mut dictionary = Dictionary::default();
    let stored = stored(&mut dictionary);
    let bytes: usize = stored.iter().map(|one| one.bytes.len()).sum();
    println!("stored bytes: {} an entity", bytes / stored.len());
    let start = now();
    let mut world = World::load(dictionary, stored).unwrap();
    println!("load: {:?}", start.elapsed());
    let each = (resident() - before) / ENTITIES as usize;
    println!("memory: {each} bytes an entity");
    time_queries(&world);
    time_updates(&mut world);
    let each = (resident() - before) / ENTITIES as usize;
    println!("memory after updates: {each} bytes an entity");
    assert!(each <= 1_000);
}
