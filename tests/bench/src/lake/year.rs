//! The simulated year: sensors that read the temperature every five minutes.

use std::fmt::Write as _;

use base::Time;

/// 2025-01-01, in seconds of Unix time.
const EPOCH: i64 = 1_735_689_600;
/// Seconds between two readings of a sensor.
pub(super) const STEP: u64 = 300;
/// Readings of a sensor in a day.
pub(super) const A_DAY: u64 = 86_400 / STEP;
/// Districts of the city.
const DISTRICTS: u64 = 12;

/// So many sensors and points, in the order of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Year {
    pub(super) sensors: u64,
    pub(super) points: u64,
}

/// The id of a sensor.
pub(super) fn id(sensor: u64) -> String {
    format!("urn:ngsi-ld:Sensor:{sensor:06}")
}

/// Where a sensor is.
fn district(sensor: u64) -> String {
    format!("district {:02}", sensor * 7 % DISTRICTS)
}

/// The moment of a step as text.
pub(super) fn moment(step: u64) -> String {
    let seconds = i64::try_from(step * STEP).unwrap_or(i64::MAX);
    Time::from_seconds(EPOCH + seconds).to_string()
}

/// Tenths of a degree: the season, the time of day, the place, and a little noise.
pub(super) fn tenths(sensor: u64, step: u64) -> i64 {
    let tri = |place: u64, period: u64, height: i64| {
        let (place, half) = (place % period, period / 2);
        let up = if place < half { place } else { period - place };
        height * i64::try_from(up).unwrap_or(0) / i64::try_from(half).unwrap_or(1)
    };
    let mixed = (sensor.wrapping_mul(0x9E37_79B9) ^ step).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let noise = i64::try_from((mixed >> 33) % 11).unwrap_or(0) - 5;
    let place = i64::try_from(sensor % 41).unwrap_or(0);
    tri(step, 365 * A_DAY, 250) + tri(step, A_DAY, 80) + place + noise - 60
}

/// Appends tenths as a number.
fn number(tenths: i64, out: &mut String) {
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    // Writing to a String cannot fail.
    let _infallible = write!(out, "{sign}{}.{}", tenths / 10, tenths % 10);
}

fn instance(sensor: u64, step: u64, at: &str, out: &mut String) {
    out.push_str(r#"{"type":"Property","value":"#);
    number(tenths(sensor, step), out);
    out.push_str(r#","observedAt":""#);
    out.push_str(at);
    out.push_str(r#""}"#);
}

impl Year {
    /// Steps of time, of which the last may be a part.
    pub(super) fn steps(&self) -> u64 {
        self.points.div_ceil(self.sensors)
    }

    /// The sensors that have a reading in a step.
    fn sensors_of(&self, step: u64) -> u64 {
        self.sensors
            .min(self.points - (step * self.sensors).min(self.points))
    }

    /// Sensors to create, as a JSON array.
    pub(super) fn sensors_json(from: u64, until: u64) -> String {
        let mut out = String::from("[");
        for sensor in from..until {
            let comma = if sensor > from { "," } else { "" };
            let _infallible = write!(
                out,
                r#"{comma}{{"id":"{}","type":"Sensor","district":{{"type":"Property","value":"{}"}}}}"#,
                id(sensor),
                district(sensor)
            );
        }
        out.push(']');
        out
    }

    /// Id and district of every sensor, as CSV with a head.
    pub(super) fn sensors_csv(&self) -> String {
        let rows = (0..self.sensors).map(|n| format!("{},{}\n", id(n), district(n)));
        ["id,district\n".to_owned()]
            .into_iter()
            .chain(rows)
            .collect()
    }

    /// The readings of one step of so many sensors from `first` on, as a batch of updates, and how
    /// many there are.
    pub(super) fn update(&self, step: u64, first: u64, many: u64) -> (String, u64) {
        let until = (first + many).min(self.sensors_of(step)).max(first);
        let at = moment(step);
        let mut out = String::from("[");
        for sensor in first..until {
            let comma = if sensor > first { "," } else { "" };
            let head = format!(
                r#"{comma}{{"id":"{}","type":"Sensor","temperature":"#,
                id(sensor)
            );
            out.push_str(&head);
            instance(sensor, step, &at, &mut out);
            out.push('}');
        }
        out.push(']');
        (out, until - first)
    }

    /// The readings of one sensor on a day as the temporal representation of the entity.
    pub(super) fn past(&self, day: u64, sensor: u64) -> (String, u64) {
        let mut out = format!(r#"{{"id":"{}","type":"Sensor","temperature":["#, id(sensor));
        let mut many = 0;
        for step in day * A_DAY..(day + 1) * A_DAY {
            if sensor >= self.sensors_of(step) {
                break;
            }
            if many > 0 {
                out.push(',');
            }
            instance(sensor, step, &moment(step), &mut out);
            many += 1;
        }
        out.push_str("]}");
        (out, many)
    }

    /// The sum of all readings, in tenths.
    pub(super) fn sum(&self) -> i64 {
        let steps = (0..self.steps()).map(|step| (step, self.sensors_of(step)));
        let all = steps.flat_map(|(step, sensors)| (0..sensors).map(move |n| tenths(n, step)));
        all.sum()
    }

    /// Bytes of all readings as rows of JSON, told from a few.
    pub(super) fn json_row_bytes(&self) -> f64 {
        let sensors = self.sensors.min(100);
        let mut out = String::new();
        for sensor in 0..sensors {
            let step = sensor * 7 % self.steps().max(1);
            let head = format!(
                r#"{{"entity":"{}","type":"Sensor","attribute":"temperature","observedAt":"{}","value":"#,
                id(sensor),
                moment(step)
            );
            out.push_str(&head);
            number(tenths(sensor, step), &mut out);
            out.push_str("}\n");
        }
        crate::load::to_float(out.len() as u64) / crate::load::to_float(sensors)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn both_ways_bring_the_same_points_and_no_more_than_asked_for() {
        let year = Year {
            sensors: 7,
            points: 7 * 300 + 3,
        };
        let mut updates = Vec::new();
        for step in 0..year.steps() {
            let (body, many) = year.update(step, 0, 1_000);
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body.as_array().unwrap().len() as u64, many);
            for entity in body.as_array().unwrap() {
                updates.push((entity["id"].clone(), entity["temperature"].clone()));
            }
        }
        let mut pasts = Vec::new();
        for (day, sensor) in (0..2).flat_map(|day| (0..7).map(move |n| (day, n))) {
            let (body, many) = year.past(day, sensor);
            let body: Value = serde_json::from_str(&body).unwrap();
            let points = body["temperature"].as_array().unwrap();
            assert_eq!(points.len() as u64, many);
            pasts.extend(
                points
                    .iter()
                    .map(|point| (body["id"].clone(), point.clone())),
            );
        }
        let order = |(id, point): &(Value, Value)| format!("{id} {point}");
        updates.sort_by_key(order);
        pasts.sort_by_key(order);
        assert_eq!(updates.len() as u64, year.points);
        assert_eq!(updates, pasts);
        let sum: f64 = pasts
            .iter()
            .filter_map(|(_, point)| point["value"].as_f64())
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let wanted = year.sum() as f64 / 10.0;
        assert!((sum - wanted).abs() < 1e-6, "{sum} {wanted}");
    }
}
