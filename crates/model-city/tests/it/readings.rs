//! Entities and what devices say.

use std::collections::{BTreeMap, BTreeSet};

use ingest::Format;
use ingest::records::{Mapper, Mapping};
use model_city::{City, Plan, Reading, Wrong};
use ngsi::parse::Purpose;
use serde_json::Value;

use super::support::{city, gtfs, hash, import, osm, time, understood};

const MINUTE: i64 = 60_000_000;

fn lived(city: &City, start: &str, minutes: i64) -> Vec<Reading> {
    let start = time(start);
    let mut life = city.life(start);
    life.advance(start.plus_micros(minutes * MINUTE)).collect()
}

fn record(reading: &Reading) -> Option<Value> {
    serde_json::from_slice(&reading.payload).ok()
}

#[test]
fn every_entity_is_understood_and_says_that_it_is_simulated() {
    let city = city(1, 30_000);
    let mut ids = BTreeSet::new();
    for entity in city.entities() {
        understood(&entity, Purpose::Whole);
        assert_eq!(entity["simulated"]["value"], true);
        let names = &entity["https://smartdatamodels.org/name"]["languageMap"];
        assert!(names["en"].is_string() && names["ru"].is_string() && names["zh"].is_string());
        assert!(
            ids.insert(entity["id"].to_string()),
            "{} twice",
            entity["id"]
        );
    }
    assert!(ids.len() > city.sensors());
    assert_eq!(city.sensors(), 6_000);
}

#[test]
fn counters_stand_on_roads_of_the_map() {
    let city = city(3, 30_000);
    let (entities, _) = import(Format::Osm, "navrud.osm", osm(&city));
    let roads: BTreeSet<String> = entities
        .iter()
        .map(|entity| entity["id"].to_string())
        .collect();
    let key = "https://smartdatamodels.org/dataModel.Transportation/refRoadSegment";
    let counters = city
        .entities()
        .filter_map(|entity| Some(entity.get(key)?["object"].to_string()));
    let counters: Vec<String> = counters.collect();
    assert!(counters.len() > 100);
    assert!(counters.iter().all(|road| roads.contains(road)));
}

#[test]
fn life_is_the_same_in_whatever_steps_it_is_asked_for_and_from_wherever_it_begins() {
    let city = city(1, 30_000);
    let start = time("2026-11-22T03:00:00Z");
    let whole = lived(&city, "2026-11-22T03:00:00Z", 2);
    let (mut steps, mut life) = (Vec::new(), city.life(start));
    for second in 1..=120 {
        steps.extend(life.advance(start.plus_micros(second * 1_000_000)));
    }
    assert_eq!(whole, steps);
    assert!(whole.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let later = lived(&city, "2026-11-22T03:01:00Z", 1);
    assert!(whole.ends_with(&later));
}

#[test]
fn the_same_seed_says_the_same_bytes_and_another_seed_others() {
    let said = |seed| {
        let readings = lived(&city(seed, 20_000), "2026-11-22T03:00:00Z", 3);
        let bytes: Vec<u8> = readings
            .into_iter()
            .flat_map(|reading| reading.payload)
            .collect();
        hash(&bytes)
    };
    assert_eq!(said(5), said(5));
    assert_ne!(said(5), said(6));
}

#[test]
fn every_payload_but_the_poisoned_fits_the_definition_of_its_feed() {
    let city = city(9, 20_000);
    let mut mappers = BTreeMap::new();
    for (name, definition) in city.feeds() {
        let (_, mapping) = definition.split_once("[entity]").unwrap_or_default();
        if !mapping.is_empty() {
            let mapping = Mapping::parse(&name, &format!("[entity]{mapping}"), &|_| unreachable!());
            mappers.insert(name, Mapper::new(mapping.unwrap(), false).unwrap());
        }
    }
    let known: BTreeSet<String> = city
        .entities()
        .map(|entity| entity["id"].as_str().unwrap().to_owned())
        .collect();
    let mut poisoned = 0;
    for reading in lived(&city, "2026-11-23T05:00:00Z", 25) {
        if reading.feed == "vehicles" {
            continue;
        }
        let Some(record) = record(&reading) else {
            poisoned += 1;
            let truth = city.truth(reading.at);
            let poison = truth
                .iter()
                .find(|incident| incident.wrong == Wrong::Poison)
                .unwrap();
            assert!(
                reading
                    .topic
                    .ends_with(poison.entity.rsplit(':').next().unwrap())
            );
            continue;
        };
        let mapper = &mappers[reading.feed];
        let made = mapper.map(&record, &reading.topic, reading.at).unwrap();
        assert_eq!(made.without, Vec::<String>::new(), "{record}");
        assert_eq!(made.at, reading.at);
        let places = usize::from(record.get("lon").is_some());
        let values = record.as_object().unwrap().len() - 2;
        assert_eq!(made.fragment.attributes.len(), values - places, "{record}");
        let id = made.fragment.id.unwrap();
        assert!(
            reading.feed == "passengers" || known.contains(id.as_str()),
            "{id}"
        );
    }
    assert!((1..=3).contains(&poisoned), "{poisoned}");
}

/// Metres between a point and a line, near enough in a city.
fn apart(place: &Value, line: &Value) -> f64 {
    let metres = |value: &Value| {
        let (lon, lat) = (value[0].as_f64().unwrap(), value[1].as_f64().unwrap());
        (lon * 82_760.0, lat * 111_195.0)
    };
    let (x, y) = metres(place);
    let points: Vec<_> = line.as_array().unwrap().iter().map(metres).collect();
    let pieces = points.windows(2).map(|pair| {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        let square = (bx - ax).powi(2) + (by - ay).powi(2);
        let part =
            (((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square.max(1e-9)).clamp(0.0, 1.0);
        (ax + part * (bx - ax) - x).hypot(ay + part * (by - ay) - y)
    });
    pieces.fold(f64::MAX, f64::min)
}

#[test]
fn vehicles_are_on_the_lines_of_their_trips() {
    let city = city(2, 30_000);
    let (network, _) = import(Format::Gtfs, "navrud.zip", gtfs(&city));
    let model = "https://smartdatamodels.org/dataModel.UrbanMobility/";
    let by_id: BTreeMap<&str, &Value> = network
        .iter()
        .map(|entity| (entity["id"].as_str().unwrap(), entity))
        .collect();
    let linked = |entity: &Value, term: &str| {
        entity[format!("{model}{term}")]["object"]
            .as_str()
            .map(str::to_owned)
    };
    let mut on_trips = 0;
    for reading in lived(&city, "2026-11-23T03:00:00Z", 20) {
        if reading.feed != "vehicles" {
            continue;
        }
        let (vehicles, report) = import(Format::GtfsRealtime, "vehicles.pb", reading.payload);
        assert_eq!(report.complaints, Vec::new());
        assert_eq!(vehicles.len(), city.vehicles());
        for vehicle in &vehicles {
            let Some(trip) = linked(vehicle, "hasTrip") else {
                continue;
            };
            on_trips += 1;
            let shape = linked(by_id[trip.as_str()], "hasShape").unwrap();
            let line = &by_id[shape.as_str()]["location"]["value"]["coordinates"];
            let place = &vehicle["location"]["value"]["coordinates"];
            assert!(apart(place, line) < 2.0, "{vehicle}");
            assert!(by_id.contains_key(linked(vehicle, "hasRoute").unwrap().as_str()));
            assert!(by_id.contains_key(linked(vehicle, "hasStop").unwrap().as_str()));
        }
    }
    assert!(on_trips > 1_000, "{on_trips}");
}

#[test]
fn something_is_always_wrong_and_the_readings_show_it_or_hide_it() {
    let city = city(1, 30_000);
    let mut seen = BTreeSet::new();
    for hour in 0..48 {
        let at = time("2026-11-20T00:00:00Z").plus_micros(hour * 60 * MINUTE);
        let wrongs = city.truth(at);
        assert!((2..=8).contains(&wrongs.len()), "{wrongs:?}");
        for incident in wrongs {
            let age = (at.as_micros() - incident.from.as_micros())
                .min(incident.until.as_micros() - at.as_micros());
            // Slopes are over, and a device says something every five minutes at least.
            if age < 15 * MINUTE || !seen.insert(format!("{:?}", incident.wrong)) {
                continue;
            }
            let local = incident.entity.rsplit(':').next().unwrap();
            let readings: Vec<Value> = city
                .life(at.plus_micros(-6 * MINUTE))
                .advance(at)
                .filter(|reading| reading.topic.rsplit('/').next() == Some(local))
                .filter_map(|reading| record(&reading))
                .collect();
            let truth = city.measured(&incident.entity, at).unwrap();
            let last = |name: &str| readings.last().unwrap()[name].as_f64().unwrap();
            match incident.wrong {
                Wrong::Silent => assert!(readings.is_empty() && truth["pm25"].is_number()),
                Wrong::Jam => {
                    assert!(last("averageVehicleSpeed") < 20.0 && last("occupancy") > 0.5);
                }
                Wrong::Hot => assert!(last("oilTemperature") > 60.0),
                Wrong::Leak => assert!(last("flow") > 0.3),
                Wrong::Damp => assert!(last("relativeHumidity") > 0.65),
                Wrong::Full => assert!(last("availableSpotNumber") < 1.0),
                Wrong::Stuck => {
                    let first = &readings[0]["averageVehicleSpeed"];
                    assert!(
                        readings
                            .iter()
                            .all(|one| one["averageVehicleSpeed"] == *first)
                    );
                    assert_ne!(truth["averageVehicleSpeed"], *first);
                }
                Wrong::Poison => {}
            }
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

#[test]
fn the_past_leads_up_to_the_present() {
    let city = City::build(&Plan {
        seed: 1,
        inhabitants: 5_000,
        sensors: Some(300),
    });
    let start = time("2026-11-22T00:00:00Z");
    let said = lived(&city, "2026-11-22T00:00:00Z", 10);
    // At the moment of a reading, history has the same value.
    for reading in said
        .iter()
        .filter(|reading| reading.feed == "traffic")
        .take(40)
    {
        let Some(record) = record(reading) else {
            continue;
        };
        let until = reading.at.plus_micros(1_000_000);
        let id = format!(
            "urn:ngsi-ld:TrafficFlowObserved:navrud:{}",
            record["id"].as_str().unwrap()
        );
        let past = city
            .past(reading.at, until, 60)
            .find(|entity| entity["id"] == id.as_str());
        let past = past.unwrap();
        understood(&past, Purpose::Temporal);
        let speed =
            &past["https://smartdatamodels.org/dataModel.Transportation/averageVehicleSpeed"];
        assert_eq!(
            speed[0]["value"].as_f64(),
            record["averageVehicleSpeed"].as_f64()
        );
        assert_eq!(speed[0]["observedAt"], record["at"]);
    }
    let week = city.past(start.plus_micros(-7 * 24 * 60 * MINUTE), start, 1_800);
    let mut values = 0;
    for entity in week.take(60) {
        understood(&entity, Purpose::Temporal);
        values += entity
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_array)
            .map(Vec::len)
            .sum::<usize>();
    }
    assert!(values > 60 * 300, "{values}");
}

#[test]
fn days_are_as_days_are() {
    let city = city(1, 30_000);
    let mean = |at: &str, kind: &str, attribute: &str| {
        let found: Vec<f64> = city
            .entities()
            .filter_map(|entity| entity["id"].as_str().map(str::to_owned))
            .filter(|id| id.contains(kind))
            .filter_map(|id| city.measured(&id, time(at))?[attribute].as_f64())
            .collect();
        found.iter().sum::<f64>() / f64::from(u32::try_from(found.len()).unwrap())
    };
    let (rush, night) = ("2026-11-23T03:10:00Z", "2026-11-22T22:00:00Z");
    let traffic = |at| mean(at, ":TrafficFlowObserved:", "averageVehicleSpeed");
    assert!(
        traffic(rush) < traffic(night) * 0.9,
        "{} {}",
        traffic(rush),
        traffic(night)
    );
    let flow = |at| mean(at, ":TrafficFlowObserved:", "intensity");
    assert!(flow(rush) > 8.0 * flow(night));
    let load = |at| mean(at, ":TransformerObserved:", "load");
    assert!(load("2026-11-23T14:00:00Z") > 1.5 * load(night));
    let lit = |at| mean(at, ":Streetlight:", "illuminanceLevel");
    assert!(lit(night) > 0.4 && lit("2026-11-23T08:00:00Z") < 0.01);
    let pupils = |at| mean(at, ":School:", "pupilsPresent");
    assert!(pupils("2026-11-23T06:00:00Z") > 300.0 && pupils("2026-11-22T06:00:00Z") < 1.0);
    let dust = mean(rush, ":AirQualityObserved:", "pm25");
    assert!((3.0..90.0).contains(&dust), "{dust}");
}
