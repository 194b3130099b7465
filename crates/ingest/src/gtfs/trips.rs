//! What moves: trips with their stop times, and the frequencies at which some repeat.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::archive::Archive;
use super::network::look;
use super::{City, MODEL, Operator, id, values};
use crate::entity::{Entity, decimal};
use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::rows::Row;
use crate::table::Table;

/// Stop times held at once, since a feed may give them in any order: 2 GB at most.
const CALLS_MAX: usize = 64_000_000;
/// No time given.
const NO_TIME: i32 = -1;

/// Position of a trip in `trips.txt` by its id.
pub(super) type Numbers = HashMap<String, u32>;

/// One stop time: 32 bytes, as there are many.
struct Call {
    trip: u32,
    sequence: u32,
    stop: u32,
    arrival: i32,
    departure: i32,
    headsign: u32,
    distance: f32,
    pickup: u8,
    drop_off: u8,
    timepoint: u8,
}

/// The stop times of a feed, by trip and order.
struct Calls {
    calls: Vec<Call>,
    headsigns: Vec<String>,
}

/// Numbers the trips; also learns which agency runs which service.
pub(super) fn numbers(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<Numbers, ImportError> {
    const FILE: &str = "trips.txt";
    let mut numbers = Numbers::new();
    let City {
        services, routes, ..
    } = city;
    look(archive, FILE, |table, row| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        numbers
            .entry(row.at(table.column("trip_id")).to_owned())
            .or_insert(next);
        let service = row.at(table.column("service_id"));
        let agency = routes
            .get(row.at(table.column("route_id")))
            .copied()
            .flatten();
        if !service.is_empty() && service.len() <= super::ID_BYTES_MAX {
            let operator = services
                .entry(service.to_owned())
                .or_insert(Operator::Unknown);
            *operator = match (*operator, agency) {
                (known, None) => known,
                (Operator::Unknown, Some(agency)) => Operator::One(agency),
                (Operator::One(known), Some(agency)) if known == agency => Operator::One(known),
                _ => Operator::Several,
            };
        }
    })?;
    if !archive.has(FILE) {
        out.left_out(format!("{FILE}: not in this feed"));
    }
    Ok(numbers)
}

/// Trips with their stop times.
pub(super) fn trips(
    archive: &mut Archive,
    city: &City,
    numbers: &Numbers,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "trips.txt";
    let calls = stop_times(archive, city, numbers, out)?;
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let key = table.column("trip_id");
    let mut row = Row::default();
    let mut seen = HashSet::new();
    while table.next(&mut row, out)? {
        let Some(id) = id(&row, key, FILE, |id| seen.contains(id), out) else {
            continue;
        };
        seen.insert(id.to_owned());
        let mut entity = trip(id, &row, &table, city, out);
        if let Some(number) = numbers.get(id) {
            let own = calls.of(*number);
            if !own.is_empty() {
                entity.extra_json("stopTimes", &calls.json(own, city));
            }
        }
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}

fn trip(id: &str, row: &Row, table: &Table<'_>, city: &City, out: &mut Out<'_>) -> Entity {
    const FILE: &str = "trips.txt";
    let at = |name| row.at(table.column(name));
    let mut entity = Entity::new(MODEL, "GtfsTrip", city.urn("GtfsTrip", id));
    let text = |field| city.texts.text("trips", field, id, at(field));
    entity.text("headSign", text("trip_headsign"));
    entity.text("shortName", text("trip_short_name"));
    entity.optional("block", at("block_id"));
    let mut complain = |reason: String| out.complain(FILE, Some(row.line), reason);
    for (term, name) in [
        ("direction", "direction_id"),
        ("wheelChairAccessible", "wheelchair_accessible"),
        ("bikesAllowed", "bikes_allowed"),
    ] {
        match at(name).parse::<u8>() {
            Ok(number) => entity.property(term, number),
            Err(_) if at(name).is_empty() => {}
            Err(_) => complain(format!(
                "{name} {} is no number; taken without",
                shown(at(name))
            )),
        }
    }
    let (route, service, shape) = (at("route_id"), at("service_id"), at("shape_id"));
    if city.routes.contains_key(route) {
        entity.relationship("hasRoute", &city.urn("GtfsRoute", route));
    } else {
        complain(format!(
            "route_id {} is in no row; taken without",
            shown(route)
        ));
    }
    if city.services.contains_key(service) {
        entity.relationship("hasService", &city.urn("GtfsService", service));
    } else {
        complain(format!(
            "service_id {} is none; taken without",
            shown(service)
        ));
    }
    if city.shapes.contains_key(shape) {
        entity.relationship("hasShape", &city.urn("GtfsShape", shape));
    } else if !shape.is_empty() {
        complain(format!(
            "shape_id {} is in no row; taken without",
            shown(shape)
        ));
    }
    entity
}

fn stop_times(
    archive: &mut Archive,
    city: &City,
    numbers: &Numbers,
    out: &mut Out<'_>,
) -> Result<Calls, ImportError> {
    const FILE: &str = "stop_times.txt";
    let mut calls = Calls {
        calls: Vec::new(),
        headsigns: vec![String::new()],
    };
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(calls);
    };
    let columns = Columns::of(&table);
    let mut signs: HashMap<String, u32> = HashMap::from([(String::new(), 0)]);
    let mut row = Row::default();
    while table.next(&mut row, out)? {
        match columns.call(&row, city, numbers) {
            Ok(mut call) => {
                let sign = row.at(columns.headsign);
                let next = u32::try_from(signs.len()).unwrap_or(u32::MAX);
                call.headsign = signs.get(sign).copied().unwrap_or(next);
                if call.headsign == next {
                    signs.insert(sign.to_owned(), next);
                    calls.headsigns.push(sign.to_owned());
                }
                calls.calls.push(call);
            }
            Err(reason) => out.complain(FILE, Some(row.line), reason),
        }
        if calls.calls.len() > CALLS_MAX {
            return Err(ImportError::too_large(
                FILE,
                "more than 64 million stop times",
            ));
        }
    }
    calls.calls.sort_by_key(|call| (call.trip, call.sequence));
    let before = calls.calls.len();
    calls.calls.dedup_by_key(|call| (call.trip, call.sequence));
    if calls.calls.len() < before {
        let twice = before - calls.calls.len();
        let reason = format!("{twice} stop times repeat a trip's stop_sequence; left out");
        out.complain(FILE, None, reason);
    }
    Ok(calls)
}

/// Where the columns of `stop_times.txt` stand.
struct Columns {
    trip: Option<usize>,
    sequence: Option<usize>,
    stop: Option<usize>,
    arrival: Option<usize>,
    departure: Option<usize>,
    headsign: Option<usize>,
    distance: Option<usize>,
    pickup: Option<usize>,
    drop_off: Option<usize>,
    timepoint: Option<usize>,
}

impl Columns {
    fn of(table: &Table<'_>) -> Self {
        Self {
            trip: table.column("trip_id"),
            sequence: table.column("stop_sequence"),
            stop: table.column("stop_id"),
            arrival: table.column("arrival_time"),
            departure: table.column("departure_time"),
            headsign: table.column("stop_headsign"),
            distance: table.column("shape_dist_traveled"),
            pickup: table.column("pickup_type"),
            drop_off: table.column("drop_off_type"),
            timepoint: table.column("timepoint"),
        }
    }

    fn call(&self, row: &Row, city: &City, numbers: &Numbers) -> Result<Call, String> {
        let (trip, stop) = (row.at(self.trip), row.at(self.stop));
        let number = numbers.get(trip).filter(|_| !trip.is_empty());
        let Some(&number) = number else {
            return Err(format!("trip_id {} is in no row; left out", shown(trip)));
        };
        let Some(&stop_number) = city.stops.numbers.get(stop).filter(|_| !stop.is_empty()) else {
            return Err(format!("stop_id {} is in no row; left out", shown(stop)));
        };
        let sequence = row.at(self.sequence);
        let sequence = sequence.parse::<u32>().map_err(|_invalid| {
            format!("stop_sequence {} is no number; left out", shown(sequence))
        })?;
        let time = |column| match row.at(column) {
            "" => Ok(NO_TIME),
            text => values::seconds(text)
                .ok_or_else(|| format!("{} is no time of day; left out", shown(text))),
        };
        let code = |column, absent| row.at(column).parse::<u8>().unwrap_or(absent);
        let distance = row
            .at(self.distance)
            .parse::<f32>()
            .ok()
            .filter(|n| n.is_finite());
        Ok(Call {
            trip: number,
            sequence,
            stop: stop_number,
            arrival: time(self.arrival)?,
            departure: time(self.departure)?,
            headsign: 0,
            distance: distance.unwrap_or(f32::NAN),
            pickup: code(self.pickup, 0),
            drop_off: code(self.drop_off, 0),
            timepoint: code(self.timepoint, 1),
        })
    }
}

impl Calls {
    /// The calls of one trip, in order.
    fn of(&self, trip: u32) -> &[Call] {
        let start = self.calls.partition_point(|call| call.trip < trip);
        let rest = self.calls.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|call| call.trip == trip))
            .unwrap_or_default()
    }

    /// Columns of equal length; those that say nothing are left out.
    fn json(&self, calls: &[Call], city: &City) -> Value {
        let time = |time: i32| {
            if time == NO_TIME {
                Value::Null
            } else {
                Value::from(time)
            }
        };
        let stop = |call: &Call| {
            let id = city.stops.ids.get(call.stop as usize);
            Value::from(id.map_or("", String::as_str))
        };
        let mut map = Map::new();
        let mut column = |name: &str, wanted: bool, value: &dyn Fn(&Call) -> Value| {
            if wanted {
                map.insert(name.to_owned(), calls.iter().map(value).collect());
            }
        };
        column("stops", true, &stop);
        column("arrivals", true, &|call| time(call.arrival));
        column("departures", true, &|call| time(call.departure));
        let gaps = calls
            .iter()
            .zip(1..)
            .any(|(call, place)| call.sequence != place);
        column("sequences", gaps, &|call| json!(call.sequence));
        let some = calls.iter().any(|call| call.headsign != 0);
        column("headsigns", some, &|call| {
            json!(self.headsigns.get(call.headsign as usize))
        });
        column(
            "pickupTypes",
            calls.iter().any(|c| c.pickup != 0),
            &|call| json!(call.pickup),
        );
        let some = calls.iter().any(|call| call.drop_off != 0);
        column("dropOffTypes", some, &|call| json!(call.drop_off));
        let some = calls.iter().any(|call| call.timepoint != 1);
        column("timepoints", some, &|call| json!(call.timepoint));
        let all = calls.iter().all(|call| !call.distance.is_nan());
        column("distances", all, &|call| json!(decimal(call.distance)));
        Value::Object(map)
    }
}

/// Trips that repeat at a headway.
pub(super) fn frequencies(
    archive: &mut Archive,
    city: &City,
    numbers: &Numbers,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "frequencies.txt";
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let mut row = Row::default();
    let mut known = HashSet::new();
    while table.next(&mut row, out)? {
        let at = |name| row.at(table.column(name));
        let trip = at("trip_id");
        let times = (
            values::seconds(at("start_time")),
            values::seconds(at("end_time")),
        );
        let headway = at("headway_secs")
            .parse::<u32>()
            .ok()
            .filter(|seconds| *seconds > 0);
        let reason = match (times, headway) {
            _ if trip.is_empty() || !numbers.contains_key(trip) => {
                format!("trip_id {} is in no row; left out", shown(trip))
            }
            ((Some(_), Some(_)), Some(headway)) => {
                let local = format!("{trip}:{}", at("start_time"));
                if known.insert(local.clone()) {
                    let urn = city.urn("GtfsFrequency", &local);
                    let mut entity = Entity::new(MODEL, "GtfsFrequency", urn);
                    entity.relationship("hasTrip", &city.urn("GtfsTrip", trip));
                    entity.property("startTime", at("start_time"));
                    entity.property("endTime", at("end_time"));
                    entity.property("headwaySeconds", headway);
                    entity.property("exactTimes", at("exact_times") == "1");
                    out.entity(FILE, entity.into_value())?;
                    continue;
                }
                "the same trip and start a second time; left out".to_owned()
            }
            _ => "no times of day or no headway; left out".to_owned(),
        };
        out.complain(FILE, Some(row.line), reason);
    }
    Ok(())
}
