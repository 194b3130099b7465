//! The view as a whole: slots, states that come late, many types, many names.

use ngsi::AttributeValue;
use serde_json::json;
use testkit::{attribute, entity};

use super::*;

fn place(id: &str, lon: f64) -> Entity {
    entity(id).of("Bench").point("location", lon, 41.9).build()
}

#[test]
fn a_slot_that_was_left_is_taken_again() {
    let mut view = View::default();
    for i in 0..10_u32 {
        let id = format!("urn:ngsi-ld:Bench:{i}");
        view.put(&place(&id, 66.0), u64::from(i) + 1, Time(0));
    }
    view.remove("urn:ngsi-ld:Bench:3", 11);
    view.put(&place("urn:ngsi-ld:Bench:x", 66.0), 12, Time(0));
    assert_eq!(view.len(), 10);
    assert_eq!(view.slot("urn:ngsi-ld:Bench:x"), Some(3));
    assert!(view.of("urn:ngsi-ld:Bench:3").is_none());
    assert_eq!(view.find("bench:x").len(), 1);
    assert!(view.find("bench:3").is_empty());
}

#[test]
fn an_older_state_does_not_replace_a_newer_one() {
    let mut view = View::default();
    view.put(&place("urn:a", 66.5), 9, Time(0));
    view.put(&place("urn:a", 66.0), 4, Time(0));
    let at = view.of("urn:a").expect("a place").at.middle();
    assert!((at.0 - 66.5).abs() < 1e-6);
}

#[test]
fn the_better_attribute_colours_the_place() {
    let mut view = View::default();
    let station = entity("urn:a")
        .of("AirQualityObserved")
        .point("location", 66.0, 41.9)
        .property("no2", 7)
        .property("pm25", 30)
        .property("pm10", 50)
        .build();
    view.put(&station, 1, Time(0));
    let value = |view: &View| view.of("urn:a").and_then(Place::value);
    assert_eq!(value(&view), Some(30.0));
    let delta = Delta {
        set: vec![
            attribute("pm10", AttributeValue::Property(json!(51))).build(),
            attribute("pm25", AttributeValue::Property(json!(31))).build(),
        ],
        ..Delta::default()
    };
    assert_eq!(view.patch("urn:a", &delta, 2, Time(1)), Taken::Done);
    assert_eq!(value(&view), Some(31.0));
}

#[test]
fn a_city_of_hundreds_of_types_keeps_them_apart_and_one_of_thousands_does_not_break() {
    let mut view = View::default();
    for i in 0..1_500_u32 {
        let thing = entity(&format!("urn:{i}"))
            .of(&format!("Kind{i}"))
            .point("location", 66.0, 41.9)
            .build();
        view.put(&thing, u64::from(i) + 1, Time(0));
    }
    assert_eq!(view.len(), 1_500);
    assert!(view.layers().len() <= KINDS_MAX + 1);
    let counted: usize = view.layers().iter().map(Layer::count).sum();
    assert_eq!(counted, 1_500);
}

#[test]
fn words_are_written_anew_when_most_are_garbage() {
    let mut view = View::default();
    for round in 0..20_000_u64 {
        let thing = entity("urn:a")
            .of("Bench")
            .point("location", 66.0, 41.9)
            .property("name", format!("bench number {round}"))
            .build();
        view.put(&thing, round + 1, Time(0));
    }
    assert_eq!(view.find("bench number 19999").len(), 1);
    assert!(view.find("bench number 5").is_empty());
}
