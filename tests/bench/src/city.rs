//! The city that is loaded: sensors of ten types on a square of 20 km, five attributes each.

use std::fmt::Write as _;

use crate::dice::Dice;

/// Types of the city.
pub(crate) const TYPES: u64 = 10;
/// The corner of the square, and its side in degrees (20 km at this latitude).
const SOUTH: f64 = 41.20;
const WEST: f64 = 69.10;
const NORTH_SOUTH: f64 = 0.18;
const EAST_WEST: f64 = 0.24;

/// The id of the n-th entity.
pub(crate) fn id(n: u64) -> String {
    format!("urn:ngsi-ld:Sensor{}:tashkent-{n:08}", n % TYPES)
}

/// A place in the city.
pub(crate) fn place(dice: &mut Dice) -> (f64, f64) {
    (
        WEST + part(dice) * EAST_WEST,
        SOUTH + part(dice) * NORTH_SOUTH,
    )
}

/// Six places after the point.
fn part(dice: &mut Dice) -> f64 {
    f64::from(u32::try_from(dice.below(1_000_000)).unwrap_or(0)) / 1e6
}

/// Tenths of a degree between 0.0 and 49.9.
pub(crate) fn tenths(dice: &mut Dice) -> f64 {
    f64::from(u32::try_from(dice.below(500)).unwrap_or(0)) / 10.0
}

/// The moment in the n-th second of 2026, 24 bytes in UTC.
pub(crate) fn moment(n: u64) -> String {
    let (day, second) = (n / 86_400 % 28, n % 86_400);
    let month = n / 86_400 / 28 % 12 + 1;
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    format!("2026-{month:02}-{:02}T{h:02}:{m:02}:{s:02}.000Z", day + 1)
}

/// Appends the n-th entity as JSON.
pub(crate) fn entity(n: u64, dice: &mut Dice, out: &mut String) {
    let at = moment(n % 86_400);
    let (lon, lat) = place(dice);
    let (temperature, humidity, no2) = (tenths(dice), tenths(dice), tenths(dice));
    // Writing to a String cannot fail.
    let _infallible = write!(
        out,
        r#"{{"id":"{}","type":"Sensor{}","temperature":{{"type":"Property","value":{temperature:.1},"unitCode":"CEL","observedAt":"{at}"}},"humidity":{{"type":"Property","value":{humidity:.1},"unitCode":"P1","observedAt":"{at}"}},"no2":{{"type":"Property","value":{no2:.1},"unitCode":"GQ","observedAt":"{at}"}},"status":{{"type":"Property","value":"{}"}},"location":{{"type":"GeoProperty","value":{{"type":"Point","coordinates":[{lon:.6},{lat:.6}]}}}}}}"#,
        id(n),
        n % TYPES,
        if n.is_multiple_of(50) {
            "faulty"
        } else {
            "working"
        },
    );
}

/// A batch of entities from `from` on as a JSON array.
pub(crate) fn entities(from: u64, until: u64) -> String {
    let mut out = String::from("[");
    for n in from..until {
        if n > from {
            out.push(',');
        }
        entity(n, &mut Dice(n), &mut out);
    }
    out.push(']');
    out
}

/// Three readings of one entity as fragments of attributes, without braces.
pub(crate) fn readings(at: &str, dice: &mut Dice, out: &mut String) {
    for (place, (name, unit)) in [("temperature", "CEL"), ("humidity", "P1"), ("no2", "GQ")]
        .into_iter()
        .enumerate()
    {
        let comma = if place > 0 { "," } else { "" };
        let value = tenths(dice);
        let _infallible = write!(
            out,
            r#"{comma}"{name}":{{"type":"Property","value":{value:.1},"unitCode":"{unit}","observedAt":"{at}"}}"#
        );
    }
}

/// Readings of each entity of [`updates`].
pub(crate) const READINGS: u64 = 3;

/// A batch of readings of so many random entities of the city, no entity twice.
pub(crate) fn updates(count: u64, city: u64, dice: &mut Dice) -> String {
    let at = moment(0);
    let start = dice.below(city);
    // A step that has no divisor in common with a city of round size meets each entity once.
    let step = 7_919;
    let mut out = String::from("[");
    for place in 0..count.min(city) {
        if place > 0 {
            out.push(',');
        }
        let n = (start + place * step) % city;
        let _infallible = write!(out, r#"{{"id":"{}","type":"Sensor{}","#, id(n), n % TYPES);
        readings(&at, dice, &mut out);
        out.push('}');
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn entities_and_updates_are_json_and_no_entity_comes_twice() {
        let entities: Value = serde_json::from_str(&entities(3, 8)).unwrap();
        assert_eq!(entities[0]["id"], id(3));
        assert_eq!(entities.as_array().unwrap().len(), 5);
        let updates: Value = serde_json::from_str(&updates(1_000, 10_000, &mut Dice(1))).unwrap();
        let ids: BTreeSet<&str> = updates
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|u| u["id"].as_str())
            .collect();
        assert_eq!(ids.len(), 1_000);
        assert_eq!(updates[0]["no2"]["observedAt"], moment(0));
    }

    #[test]
    fn a_moment_has_24_bytes_and_a_date() {
        assert_eq!(moment(0), "2026-01-01T00:00:00.000Z");
        assert_eq!(moment(86_400 * 28 + 3_661), "2026-02-01T01:01:01.000Z");
    }
}
