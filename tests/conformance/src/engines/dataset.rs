//! A history that is known to the last point: written through the API, with gaps, late points,
//! corrections and parts taken out again, beside a model of what must be left of it.
//!
//! Numbers are whole eighths, so that their sums are exact in whatever order an engine adds.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use base::Time;
use serde_json::{Map, Value, json};

use super::door::Door;

/// 2026-01-05, in seconds of Unix time.
const FIRST_DAY: i64 = 1_767_571_200;
const DAY: i64 = 86_400;
/// Seconds between two points of a series.
const STEP: i64 = 900;
/// Days with points; the others are gaps.
const DAYS: [i64; 6] = [0, 1, 2, 5, 6, 9];
/// The day that is written after the first sealing.
const LAST: i64 = 9;
const ENTITIES: i64 = 6;

/// The series of each type: attribute, dataset, and what its values are.
const SERIES: [(&str, &str, Option<&str>, Kind); 9] = [
    ("TrafficFlowObserved", "intensity", None, Kind::Whole),
    (
        "TrafficFlowObserved",
        "averageVehicleSpeed",
        None,
        Kind::Eighths,
    ),
    ("AirQualityObserved", "pm25", None, Kind::Eighths),
    ("AirQualityObserved", "no2", None, Kind::Eighths),
    (
        "AirQualityObserved",
        "no2",
        Some("urn:ngsi-ld:Dataset:reference"),
        Kind::Eighths,
    ),
    ("WasteContainer", "fillingLevel", None, Kind::Whole),
    ("WasteContainer", "temperature", None, Kind::Eighths),
    ("WasteContainer", "status", None, Kind::Text),
    ("WasteContainer", "open", None, Kind::Flag),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Whole,
    Eighths,
    Text,
    Flag,
}

/// Which point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The type of its entity.
    pub class: &'static str,
    /// The number of its entity.
    pub entity: i64,
    /// Its attribute.
    pub attribute: &'static str,
    /// Its dataset.
    pub dataset: Option<&'static str>,
    /// `observedAt`, in seconds.
    pub at: i64,
}

/// What a point says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Says {
    /// A number, in eighths.
    Eighths(i64),
    /// A text.
    Text(&'static str),
    /// A boolean.
    Flag(bool),
}

impl Says {
    fn json(self) -> Value {
        match self {
            Self::Eighths(eighths) if eighths % 8 == 0 => json!(eighths / 8),
            Self::Eighths(eighths) => json!(to_float(eighths) / 8.0),
            Self::Text(text) => json!(text),
            Self::Flag(flag) => json!(flag),
        }
    }
}

/// Numbers here are far below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "numbers here are far below 2^53"
)]
pub(super) fn to_float(number: i64) -> f64 {
    number as f64
}

/// A trip of the table of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trip {
    /// Which line.
    pub line: &'static str,
    /// When it began, in seconds.
    pub started: i64,
    /// How many were on board; nobody knows: none.
    pub passengers: Option<i64>,
    /// What they paid, in hundredths.
    pub cents: i64,
}

/// What must be there of one tenant.
#[derive(Debug, Default)]
pub struct Model {
    /// The trips.
    pub trips: Vec<Trip>,
    /// The points that count.
    pub points: BTreeMap<Key, Says>,
    /// How often an attribute was deleted.
    pub deletions: i64,
}

impl Trip {
    /// As a line of JSON.
    fn line(&self) -> String {
        let fare = format!("{}.{:02}", self.cents / 100, self.cents % 100);
        let started = Time::from_seconds(self.started).to_string();
        let line = json!({
            "started": started, "line": self.line, "passengers": self.passengers, "fare": fare,
        });
        format!("{line}\n")
    }
}

/// The id of an entity.
pub fn id(class: &str, entity: i64) -> String {
    format!("urn:ngsi-ld:{class}:{entity}")
}

impl Model {
    /// The part that comes before the first sealing.
    ///
    /// # Errors
    /// The node refuses something.
    pub fn write_first(&mut self, door: &Door) -> Result<()> {
        for day in DAYS.iter().filter(|day| **day != LAST) {
            self.write_day(door, *day, 0, 0)?;
        }
        // Corrected while it is still in the store: one time of observation, another value.
        self.write(door, self.again(1, 0))?;
        self.take_attribute(door, "TrafficFlowObserved", 1, "averageVehicleSpeed")?;
        self.take_entity(door, "AirQualityObserved", 2)
    }

    /// The part that comes when the first is sealed, and reaches into it.
    ///
    /// # Errors
    /// The node refuses something.
    pub fn write_second(&mut self, door: &Door) -> Result<()> {
        self.write_day(door, LAST, 0, 3)?;
        // Late: between the points of a day that is sealed.
        self.write_day(door, 2, STEP / 2, 5)?;
        self.write(door, self.again(5, 3))?;
        self.take_attribute(door, "WasteContainer", 4, "fillingLevel")?;
        self.take_entity(door, "TrafficFlowObserved", 5)?;
        // It begins anew after it was taken out.
        self.write(door, made("TrafficFlowObserved", 5, 6, 60, 11))?;
        self.take_instance(door, "AirQualityObserved", 0, "pm25")?;
        self.live(door)
    }

    /// Declares a table of records and brings two batches, one of them twice.
    ///
    /// # Errors
    /// The node refuses something.
    pub fn write_records(&mut self, door: &Door, seed: i64) -> Result<()> {
        let column = |name: &str, of: &str| json!({ "name": name, "type": of });
        let passengers = json!({ "name": "passengers", "type": "int32", "nullable": true });
        let table = json!({
            "columns": [
                column("started", "timestamp"), column("line", "text"), passengers,
                column("fare", "decimal(8,2)"),
            ],
            "time": "started",
        });
        door.must("PUT", "/records/trips", Some(&table))?;
        for batch in 0..2 {
            let trips: Vec<Trip> = (batch * 500..(batch + 1) * 500)
                .map(|n| Trip {
                    line: ["A1", "M-A", "T3"][usize_of((n + seed) % 3)],
                    started: FIRST_DAY + (n * 617 + seed) % (4 * DAY),
                    passengers: (n % 11 != 0).then_some((n * 31 + seed) % 90),
                    cents: (n * 37 + seed) % 2_000,
                })
                .collect();
            let lines: String = trips.iter().map(Trip::line).collect();
            for _ in 0..=batch {
                let path = format!("/records/trips/batches/b{batch}");
                let body = ("application/x-ndjson", Some(lines.clone()));
                let (status, answer) = door.send("POST", &path, body)?;
                ensure!([200, 201].contains(&status), "{path}: {status} {answer}");
            }
            self.trips.extend(trips);
        }
        Ok(())
    }

    fn write_day(&mut self, door: &Door, day: i64, offset: i64, seed: i64) -> Result<()> {
        let mut classes: Vec<&str> = SERIES.iter().map(|(class, ..)| *class).collect();
        classes.dedup();
        for class in classes {
            for entity in 0..ENTITIES {
                let points = made(class, entity, day, offset, seed);
                self.write(door, points)?;
            }
        }
        Ok(())
    }

    /// Other values for each seventh point that an entity of each type has on a day.
    fn again(&self, day: i64, entity: i64) -> Vec<(Key, Says)> {
        let day = FIRST_DAY + day * DAY;
        let of = self.points.keys().filter(|key| key.entity == entity);
        let of = of
            .filter(|key| (day..day + DAY).contains(&key.at))
            .step_by(7);
        of.map(|key| (key.clone(), Says::Eighths(key.at % 1_009)))
            .collect()
    }

    /// Writes points as the temporal representation of their entities.
    fn write(&mut self, door: &Door, points: Vec<(Key, Says)>) -> Result<()> {
        let mut entities: BTreeMap<(&str, i64), Map<String, Value>> = BTreeMap::new();
        for (key, says) in points {
            let mut instance = json!({
                "type": "Property",
                "value": says.json(),
                "observedAt": Time::from_seconds(key.at).to_string(),
            });
            if let Some(dataset) = key.dataset {
                instance["datasetId"] = json!(dataset);
            }
            let entity = entities.entry((key.class, key.entity)).or_default();
            let instances = entity.entry(key.attribute).or_insert_with(|| json!([]));
            instances.as_array_mut().context("a list")?.push(instance);
            self.points.insert(key, says);
        }
        for ((class, entity), mut body) in entities {
            body.insert("id".to_owned(), json!(id(class, entity)));
            body.insert("type".to_owned(), json!(class));
            let path = "/ngsi-ld/v1/temporal/entities";
            door.must("POST", path, Some(&Value::Object(body)))?;
        }
        Ok(())
    }

    fn take_attribute(
        &mut self,
        door: &Door,
        class: &str,
        entity: i64,
        attribute: &str,
    ) -> Result<()> {
        let id = id(class, entity);
        let path = format!("/ngsi-ld/v1/temporal/entities/{id}/attrs/{attribute}");
        door.must("DELETE", &path, None)?;
        let is_taken =
            |key: &Key| key.class == class && key.entity == entity && key.attribute == attribute;
        let before = self.points.len();
        self.points.retain(|key, _| !is_taken(key));
        ensure!(self.points.len() < before, "{path}: nothing to take");
        Ok(())
    }

    fn take_entity(&mut self, door: &Door, class: &str, entity: i64) -> Result<()> {
        let path = format!("/ngsi-ld/v1/temporal/entities/{}", id(class, entity));
        door.must("DELETE", &path, None)?;
        self.points
            .retain(|key, _| key.class != class || key.entity != entity);
        Ok(())
    }

    /// Takes the last instance of an attribute by its id.
    fn take_instance(
        &mut self,
        door: &Door,
        class: &'static str,
        entity: i64,
        attribute: &'static str,
    ) -> Result<()> {
        let id = id(class, entity);
        let path = format!("/ngsi-ld/v1/temporal/entities/{id}");
        let answer = door.must("GET", &format!("{path}?attrs={attribute}&lastN=1"), None)?;
        let instance = &answer[attribute];
        let instance = instance.get(0).unwrap_or(instance);
        let name = instance["instanceId"]
            .as_str()
            .with_context(|| answer.to_string())?;
        door.must("DELETE", &format!("{path}/attrs/{attribute}/{name}"), None)?;
        let of =
            |key: &Key| key.class == class && key.entity == entity && key.attribute == attribute;
        let last = self
            .points
            .keys()
            .filter(|key| of(key))
            .max_by_key(|key| key.at);
        let last = last.context("a point")?.clone();
        let said = instance["observedAt"].as_str().unwrap_or_default();
        let wanted = Time::from_seconds(last.at).to_string();
        ensure!(
            said == wanted,
            "the last instance is of {said}, not {wanted}"
        );
        self.points.remove(&last);
        Ok(())
    }

    /// An entity that lives: created, changed, an attribute of it deleted.
    fn live(&mut self, door: &Door) -> Result<()> {
        let class = "WasteContainer";
        let id = id(class, ENTITIES);
        let at = |second: i64| FIRST_DAY + LAST * DAY + second;
        let level = |second: i64, value: i64| json!({ "type": "Property", "value": value, "observedAt": Time::from_seconds(at(second)).to_string() });
        let mut keep = |second: i64, value: i64| {
            let (entity, attribute, dataset) = (ENTITIES, "fillingLevel", None);
            let key = Key {
                class,
                entity,
                attribute,
                dataset,
                at: at(second),
            };
            self.points.insert(key, Says::Eighths(value * 8));
        };
        let entity = json!({ "id": id, "type": class, "fillingLevel": level(1, 40) });
        door.must("POST", "/ngsi-ld/v1/entities", Some(&entity))?;
        keep(1, 40);
        let path = format!("/ngsi-ld/v1/entities/{id}/attrs");
        for (second, value) in [(2, 41), (3, 43), (4, 47)] {
            let body = json!({ "fillingLevel": level(second, value) });
            door.must("PATCH", &path, Some(&body))?;
            keep(second, value);
        }
        door.must("DELETE", &format!("{path}/fillingLevel"), None)?;
        self.deletions += 1;
        Ok(())
    }
}

/// The points of an entity and day; texts and booleans come every sixth time.
fn made(class: &str, entity: i64, day: i64, offset: i64, seed: i64) -> Vec<(Key, Says)> {
    let mut made = Vec::new();
    for (place, (of, attribute, dataset, kind)) in (0..).zip(SERIES) {
        if of != class {
            continue;
        }
        for step in 0..DAY / STEP {
            let spread = (place * 131 + entity * 17 + day * 7 + step * 29 + seed * 53) % 800;
            let rare = step % 6 == 0;
            let says = match kind {
                Kind::Whole => Says::Eighths((spread - 100) * 8),
                Kind::Eighths => Says::Eighths(spread - 100),
                Kind::Text if rare => Says::Text(["ok", "full", "故障"][usize_of(spread % 3)]),
                Kind::Flag if rare => Says::Flag(spread % 2 == 0),
                Kind::Text | Kind::Flag => continue,
            };
            let at = FIRST_DAY + day * DAY + step * STEP + offset;
            let key = Key {
                class: of,
                entity,
                attribute,
                dataset,
                at,
            };
            made.push((key, says));
        }
    }
    made
}

fn usize_of(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
