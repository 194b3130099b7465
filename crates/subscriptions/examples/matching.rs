//! What it costs to find whom a change concerns, with 100,000 subscriptions:
//! `cargo run --release -p subscriptions --example matching`.

#![expect(clippy::print_stdout, reason = "a measure is printed")]
#![expect(
    clippy::disallowed_methods,
    reason = "a measure takes the time of the machine itself"
)]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use base::{Name, Seq, Tenant, Time};
use jsonld::Context;
use ngsi::{Delta, Entity};
use ports::{Around, Change, EntityChange, Fact};
use serde_json::{Value, json};
use subscriptions::model::Spoken;
use subscriptions::{Concerned, Kind, Subscription};
use testkit::entity;

const SUBSCRIPTIONS: usize = 100_000;
const CHANGES: usize = 20_000;
const TYPES: usize = 500;
const ATTRIBUTES: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    println!("{SUBSCRIPTIONS} subscriptions, {CHANGES} changes");
    let of_type = |i: usize| format!("Type{}", i % TYPES);
    let watched = |i: usize| json!([format!("attribute{}", i / TYPES % ATTRIBUTES)]);
    measure(
        "each to an entity of its own",
        0,
        |i| json!({"entities": [{"id": format!("urn:e:{i}"), "type": of_type(i)}]}),
    )?;
    measure(
        "each to a type and an attribute of it",
        0,
        |i| json!({"entities": [{"type": of_type(i)}], "watchedAttributes": watched(i)}),
    )?;
    measure("each to an attribute of any entity", 0, |i| {
        json!({
            "entities": [{"type": "*"}],
            "watchedAttributes": [format!("attribute{}", i % 5_000)],
        })
    })?;
    measure("each to a type, with a query of its own", 0, |i| {
        let q = format!("attribute{}==\"value {i}\"", i % ATTRIBUTES);
        json!({"entities": [{"type": of_type(i)}], "q": q})
    })?;
    measure("each to a type, within 100 metres of a place", 0, |i| {
        let place = [grid(i), grid(i / 300)];
        json!({
            "entities": [{"type": of_type(i)}],
            "geoQ": {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": place},
        })
    })?;
    measure(
        "of all kinds, 20 concerned by each change",
        20,
        |i| match i {
            0..20 => json!({"entities": [{"type": "Unasked"}]}),
            _ if i % 2 == 0 => json!({"entities": [{"id": format!("urn:e:{i}"), "type": "T"}]}),
            _ => json!({"entities": [{"type": of_type(i)}], "watchedAttributes": watched(i)}),
        },
    )
}

/// One of 300 degrees, about 300 metres apart.
fn grid(i: usize) -> f64 {
    f64::from(u32::try_from(i % 300).unwrap_or(0)) * 0.003
}

/// Measures changes of entities that nobody asks for, of types and attributes that some ask for.
fn measure(
    name: &str,
    expected: usize,
    said: impl Fn(usize) -> Value,
) -> Result<(), Box<dyn Error>> {
    let mut concerned = Concerned::default();
    let start = Instant::now();
    for i in 0..SUBSCRIPTIONS {
        concerned.insert(Arc::new(subscription(i, said(i))?));
    }
    let made = start.elapsed();
    let changes: Vec<Change> = (0..CHANGES).map(change).collect();
    let mut costs = Vec::with_capacity(changes.len());
    let mut found = 0;
    for change in &changes {
        let start = Instant::now();
        found += concerned.by(change).len();
        costs.push(start.elapsed());
    }
    if found != expected * CHANGES {
        return Err(format!("{name}: {found} found, {expected} expected of each").into());
    }
    costs.sort();
    let mean = costs.iter().sum::<std::time::Duration>() / u32::try_from(costs.len())?;
    let p99 = costs
        .get(costs.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    println!("{name}: {mean:?} a change, p99 {p99:?} (read and put in in {made:?})");
    Ok(())
}

fn subscription(i: usize, mut said: Value) -> Result<Subscription, Box<dyn Error>> {
    let spoken = Spoken {
        context: Context::core(),
        member: json!(jsonld::CORE_URL),
    };
    if let Value::Object(members) = &mut said {
        members.insert("id".to_owned(), json!(format!("urn:s:{i}")));
        members.insert("type".to_owned(), json!("Subscription"));
        let endpoint = json!({"endpoint": {"uri": "http://there/notify"}});
        members.insert("notification".to_owned(), endpoint);
    }
    Ok(Subscription::parse(said, &spoken, Kind::Entities)?)
}

/// An update of three attributes of an entity with ten.
fn change(i: usize) -> Change {
    let state = |version: usize| -> Entity {
        let of_type = format!("Type{}", i % TYPES);
        let mut entity = entity(&format!("urn:other:{i}")).of("Unasked").of(&of_type);
        for at in 0..10 {
            let of = if at < 3 { version } else { 0 };
            entity = entity.property(&format!("other{at}"), format!("value {i} {of}"));
        }
        // Between the places that anybody asks for.
        let (lon, lat) = (grid(i) + 0.0015, grid(i / 300) + 0.0015);
        entity.point("location", lon, lat).build()
    };
    let (before, after) = (Arc::new(state(0)), Arc::new(state(1)));
    Change {
        seq: Seq(u64::try_from(i).unwrap_or(0) + 1),
        tenant: Tenant::default_tenant(),
        time: Time::from_seconds(1_767_225_600),
        fact: Fact::Entity {
            id: Name::from(after.id.as_str()),
            change: EntityChange::Patch {
                delta: Delta::between(&before, &after),
            },
            around: Around {
                before: Some(before),
                after: Some(after),
            },
        },
    }
}
