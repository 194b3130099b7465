//! The world holds much in little room, and forgets what is gone.

use std::collections::BTreeMap;

use base::{Name, Time};
use jiff::tz::TimeZone;
use ngsi::{AttributeValue, Delta, Entity};
use ports::{Around, EntityChange};
use serde_json::json;
use testkit::{RandomWorld, attribute, entity, name};

use super::{Learned, World};
use crate::compact::Compact;

const NOON: i64 = 1_796_040_000;

fn noon() -> Time {
    Time::from_seconds(NOON)
}

fn station(number: u32, at: Time) -> Entity {
    let property = |short, value: f64| {
        let value = AttributeValue::Property(json!(value));
        attribute(short, value).observed(at)
    };
    entity(&format!(
        "urn:ngsi-ld:AirQualityObserved:navrud:a-{number:05}"
    ))
    .of("AirQualityObserved")
    .with(property("pm25", 12.0))
    .with(property("pm10", 20.0))
    .with(property("no2", 30.0))
    .point("location", 66.1, 41.9)
    .build()
}

fn learned(names: &[&str]) -> Learned {
    let hours = 28 * 24;
    let samples = (0..hours).map(|hour| insight::Sample {
        at: Time::from_seconds(NOON - hour * 3_600),
        value: f64::from(i32::try_from(hour * 37 % 101).expect("small")),
    });
    let table = insight::UsualTable::learn(samples, &TimeZone::UTC);
    let tables = names.iter().map(|short| (name(short), Compact::of(&table)));
    Learned {
        tables: tables.collect(),
        moments: (0..9)
            .map(|n| Time::from_seconds(NOON - 600 + n * 60))
            .collect(),
    }
}

#[test]
fn a_watched_series_takes_less_than_three_hundred_bytes() {
    let mut world = World::new(TimeZone::UTC, noon());
    let count = 10_000;
    let mut ids = 0;
    for number in 0..count {
        let station = station(number, noon());
        world.entity(&station, noon());
        ids += station.id.len() + 16;
    }
    let table = learned(&["pm25"]).tables.remove(0).1;
    while let Some((id, names)) = world.next_to_learn() {
        assert_eq!(names.len(), 3);
        let tables = names.into_iter().map(|name| (name, table.clone()));
        let learned = Learned {
            tables: tables.collect(),
            moments: Vec::new(),
        };
        world.learned(&id, learned, noon());
    }
    let (bytes, series) = world.bytes();
    assert_eq!((world.len(), series), (10_000, 30_000));
    let each = (bytes + ids) / series;
    assert!(each < 300, "{each} bytes a series");
}

#[test]
fn history_is_asked_for_once_a_day() {
    let mut world = World::new(TimeZone::UTC, noon());
    let mut ask = |after: i64| {
        let now = Time::from_seconds(NOON + after);
        world.entity(&station(1, now), now);
        let asked = world.next_to_learn();
        if let Some((id, _)) = &asked {
            world.learned(id, learned(&["pm25"]), now);
        }
        (asked.is_some(), world.to_learn())
    };
    assert_eq!(ask(0), (true, 0));
    assert_eq!(ask(60), (false, 0));
    assert_eq!(ask(23 * 3_600), (false, 0));
    assert_eq!(ask(26 * 3_600), (true, 0));
}

#[test]
fn an_import_makes_history_be_read_anew() {
    let mut world = World::new(TimeZone::UTC, noon());
    let mut ask = |after: i64| {
        let now = Time::from_seconds(NOON + after);
        world.entity(&station(1, now), now);
        let asked = world.next_to_learn();
        if let Some((id, _)) = &asked {
            world.learned(id, Learned::default(), now);
            world.rewritten(id);
        }
        asked.is_some()
    };
    assert!(ask(0) && !ask(300) && ask(700) && !ask(800));
}

#[test]
fn a_reading_that_comes_late_or_is_old_is_not_judged() {
    let mut world = World::new(TimeZone::UTC, noon());
    world.entity(&station(1, noon()), noon());
    let id = station(1, noon()).id;
    world.learned(&id, learned(&["pm25"]), noon());
    let mut say = |value: f64, observed: i64, now: i64| {
        let value = AttributeValue::Property(json!(value));
        let observed = Time::from_seconds(NOON + observed);
        let mut delta = Delta::default();
        delta
            .set
            .push(attribute("pm25", value).observed(observed).build());
        let change = EntityChange::Patch { delta };
        world.change(
            &id,
            &change,
            &Around::default(),
            Time::from_seconds(NOON + now),
        );
        world.out_of_range().count()
    };
    // Late: before what was said last.
    assert_eq!(say(900.0, -60, 60), 0);
    assert_eq!(say(900.0, -120, 120), 0);
    // Old: hours after it was so.
    assert_eq!(say(900.0, 60, 10_000), 0);
    assert_eq!(say(900.0, 120, 10_000), 0);
    assert_eq!(say(900.0, 10_000, 10_000), 0);
    assert_eq!(say(900.0, 10_060, 10_060), 1);
}

#[test]
fn whatever_happens_exactly_what_is_there_is_watched() {
    for seed in 0..20 {
        let mut random = RandomWorld::new(seed);
        let mut world = World::new(TimeZone::UTC, Time(0));
        let mut all: BTreeMap<Name, Entity> = BTreeMap::new();
        for step in 0..400 {
            let now = Time::from_seconds(1_767_225_600 + step * 30);
            let id = random.id();
            let change = match (all.remove(&id), random.random.below(5)) {
                (Some(gone), 0) => EntityChange::Delete {
                    at: now,
                    types: gone.types,
                },
                (Some(before), 1..=3) => {
                    let after = random.changed(&before, now);
                    let delta = Delta::between(&before, &after);
                    all.insert(id.clone(), after);
                    EntityChange::Patch { delta }
                }
                _ => {
                    let entity = random.entity(id.clone(), now);
                    all.insert(id.clone(), entity.clone());
                    EntityChange::Put(entity.into())
                }
            };
            world.change(&id, &change, &Around::default(), now);
            world.listen(now);
            let _measured = world.measure(now);
        }
        assert_eq!(world.len(), all.len(), "seed {seed}");
        for (id, entity) in &all {
            let device = world.find(id).expect("it is watched");
            let watched = |short: &str| {
                let number = world.attributes.find(&name(short));
                world
                    .series_of(device)
                    .any(|(_, s)| Some(s.attribute) == number)
            };
            let number = entity
                .attribute(&name("temperature"), None)
                .is_some_and(|a| {
                    let is_number =
                        matches!(&a.value, AttributeValue::Property(v) if v.is_number());
                    a.observed_at.is_some() && is_number
                });
            assert!(!number || watched("temperature"), "seed {seed}, {id}");
            let there = entity.attribute(&name("level"), None).is_some();
            assert!(there || !watched("level"), "seed {seed}, {id}");
        }
    }
}
