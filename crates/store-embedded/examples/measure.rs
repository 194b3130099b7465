//! What a million entities of a city cost in memory: `cargo run --release -p store-embedded --example measure`.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::error::Error;
use std::time::{Duration, Instant};

use base::{Seq, Time};
use jsonld::Context;
use ngsi::query::{GeoQuery, QExpr, QOptions, TypeExpr};
use ngsi::{Attribute, AttributeValue, Delta, Entity, Query};
use serde_json::{Value, json};
use spatial::{Geometry, Position};
use store_embedded::state::{Dictionary, Stored, World, encode};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ENTITIES: u32 = 1_000_000;
const TYPES: u32 = 10;

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is about the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

/// Time that this thread has had a processor: what others do on the machine does not count.
fn cpu() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().ok_or("schedstat has another form")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// Bytes of memory that the process holds.
fn resident() -> Outcome<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages = pages.split(' ').nth(1).ok_or("statm has another form")?;
    Ok(pages.parse::<usize>()? * 4096)
}

fn per(elapsed: Duration, count: u32) -> String {
    format!("{:.2} µs", elapsed.as_secs_f64() * 1e6 / f64::from(count))
}

/// A number below `range` that is the same for the same n, and looks random.
fn dice(n: u32, salt: u32, range: u32) -> f64 {
    let mixed = (n ^ salt.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
    f64::from((mixed ^ mixed >> 16) % range)
}

fn id(n: u32) -> String {
    format!("urn:ngsi-ld:Sensor{}:tashkent-{n:08}", n % TYPES)
}

fn property(name: &str, value: Value) -> Outcome<Attribute> {
    let name = Context::core().expand_name(name)?;
    Ok(Attribute::new(name, AttributeValue::Property(value)))
}

/// A sensor somewhere on a square of 20 km.
fn sensor(n: u32) -> Outcome<Entity> {
    let at = Time::from_seconds(1_700_000_000 + i64::from(n % 1000));
    let place = Position::new(
        69.10 + dice(n, 1, 240_000) / 1e6,
        41.20 + dice(n, 2, 180_000) / 1e6,
    );
    let mut attributes = vec![
        property("temperature", json!(dice(n, 3, 500) / 10.0))?,
        property("humidity", json!(dice(n, 4, 500) / 10.0))?,
        property("no2", json!(dice(n, 5, 500) / 10.0))?,
        property(
            "status",
            json!(if n.is_multiple_of(50) {
                "faulty"
            } else {
                "working"
            }),
        )?,
        Attribute::new(
            Context::core().expand_name("location")?,
            AttributeValue::Geo(Geometry::point(place)?),
        ),
    ];
    for attribute in &mut attributes {
        attribute.stamp(at, at);
        attribute.observed_at = Some(at);
    }
    let kind = format!("Sensor{}", n % TYPES);
    Ok(Entity {
        id: id(n).into(),
        types: vec![Context::core().expand_name(&kind)?],
        scope: Vec::new(),
        created_at: at,
        modified_at: at,
        expires_at: None,
        attributes,
    })
}

fn query(kind: Option<&str>, q: Option<&str>, near: Option<(f64, f64)>) -> Outcome<Query> {
    let context = Context::core();
    let near = near.map(|(lon, lat)| {
        let relation = "near;maxDistance==2000";
        GeoQuery::parse(relation, "Point", &json!([lon, lat]), None, &context)
    });
    Ok(Query {
        types: kind
            .map(|text| TypeExpr::parse(text, &context))
            .transpose()?,
        q: q.map(|text| QExpr::parse(text, QOptions::default(), &context))
            .transpose()?,
        geo: near.transpose()?,
        ..Query::default()
    })
}

fn time_queries(world: &World) -> Outcome<()> {
    let kind = Some("Sensor3");
    let middle = Some((69.20, 41.30));
    let range = Some("temperature>=20;temperature<22.5");
    for (what, query) in [
        ("type", query(kind, None, None)?),
        ("type and a range of a 20th", query(kind, range, None)?),
        (
            "type and one text in 50",
            query(kind, Some("status==\"faulty\""), None)?,
        ),
        (
            "type and one value in 500",
            query(kind, Some("no2==12.3"), None)?,
        ),
        ("type and none", query(kind, Some("no2>9000"), None)?),
        (
            "type and two rare ones",
            query(kind, Some("no2>49;humidity>49"), None)?,
        ),
        (
            "q with |",
            query(None, Some("no2==12.3|humidity==1.7"), None)?,
        ),
        ("type and 2 km", query(kind, None, middle)?),
        (
            "type, 2 km and a range of a 20th",
            query(kind, range, middle)?,
        ),
        ("2 km", query(None, None, middle)?),
    ] {
        let rounds = 1_000;
        let mut found = 0;
        let start = cpu()?;
        for _ in 0..rounds {
            found = world.find(&query, None, 20, usize::MAX)?.entities.len();
        }
        println!(
            "find 20, {what}: {found} found, {}",
            per(cpu()?.saturating_sub(start), rounds)
        );
    }
    Ok(())
}

fn time_updates(world: &mut World) -> Outcome<()> {
    let rounds = 300_000_u32;
    for size in [1, 100, 1_000] {
        let mut elapsed = Duration::ZERO;
        for from in (0..rounds).step_by(size as usize) {
            let one = |n: u32| -> Outcome<(String, Delta)> {
                let set = vec![
                    property("temperature", json!(dice(n, size, 500) / 10.0))?,
                    property("no2", json!(dice(n, size + 1, 500) / 10.0))?,
                ];
                let delta = Delta {
                    set,
                    ..Delta::default()
                };
                Ok((id(n.wrapping_mul(7919) % ENTITIES), delta))
            };
            let deltas = (from..from + size).map(one).collect::<Outcome<Vec<_>>>()?;
            let start = cpu()?;
            let mut edit = world.edit(deltas.iter().map(|(id, _)| id.as_str()));
            for (id, delta) in &deltas {
                edit.patch(id, delta, Seq(2))?;
            }
            drop(edit);
            elapsed += cpu()?.saturating_sub(start);
        }
        println!(
            "patch of two values, {size} at a time: {}",
            per(elapsed, rounds)
        );
    }
    let start = cpu()?;
    for n in 0..rounds {
        world.get(&id(n.wrapping_mul(7919) % ENTITIES))?;
    }
    println!("get: {}", per(cpu()?.saturating_sub(start), rounds));
    Ok(())
}

fn main() -> Outcome<()> {
    let before = resident()?;
    let each = |before: usize| -> Outcome<usize> {
        Ok(resident()?.saturating_sub(before) / ENTITIES as usize)
    };
    let mut world = World::default();
    let start = cpu()?;
    for from in (0..ENTITIES).step_by(1_000) {
        let entities = (from..from + 1_000)
            .map(sensor)
            .collect::<Outcome<Vec<_>>>()?;
        let mut edit = world.edit(entities.iter().map(|entity| &*entity.id));
        for entity in &entities {
            edit.put(entity, Seq(1))?;
        }
    }
    println!("put: {} each", per(cpu()?.saturating_sub(start), ENTITIES));
    println!("memory: {} bytes an entity", each(before)?);
    println!("put one after the other:");
    time_queries(&world)?;
    drop(world);

    let before = resident()?;
    let mut dictionary = Dictionary::default();
    let mut stored = Vec::new();
    let mut bytes = Vec::new();
    for kind in 0..TYPES {
        for n in (kind..ENTITIES).step_by(TYPES as usize) {
            bytes.clear();
            encode(&sensor(n)?, &mut dictionary, &mut bytes);
            let bytes = bytes.as_slice().into();
            stored.push(Stored { seq: Seq(1), bytes });
        }
    }
    let start = now();
    let mut world = World::load(dictionary, stored)?;
    println!("load: {:?}", start.elapsed());
    println!(
        "memory, some of it used before: {} bytes an entity",
        each(before)?
    );
    println!("loaded at once:");
    time_queries(&world)?;
    time_updates(&mut world)?;
    Ok(())
}
