//! What devices say, in the order of time.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use base::Time;
use ingest::gtfs_rt::proto::{
    FeedEntity, FeedHeader, Position, TripDescriptor, VehicleDescriptor, VehiclePosition,
};
use prost::Message;

use crate::devices::{KINDS, Kind};
use crate::incidents::{self, Incident};
use crate::model::Model;
use crate::moment::Moment;
use crate::rolling::{self, Vehicle};
use crate::values::{self, Now};

/// Seconds between positions of vehicles.
pub(crate) const VEHICLES_SECONDS: i64 = 10;
/// Vehicles of one message: some fifty kilobytes.
const VEHICLES_MAX: usize = 400;
/// Seconds between counts of passengers of one vehicle.
pub(crate) const PASSENGERS_SECONDS: i64 = 30;

/// What one device said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// When it said it.
    pub at: Time,
    /// The feed: one of those that [`crate::City::feeds`] defines.
    pub feed: &'static str,
    /// The topic under which it is published.
    pub topic: String,
    /// JSON, or a GTFS-Realtime message for the feed `vehicles`.
    pub payload: Vec<u8>,
}

/// The life of a city from some moment on: bounded memory, and for each second the same bytes in
/// whatever steps it is asked for.
#[derive(Debug, Clone)]
pub struct Life {
    model: Arc<Model>,
    /// Devices of each kind by the second of their period at which they report.
    phases: Arc<[(Kind, Vec<Vec<u32>>)]>,
    /// The second up to which all has been said.
    done: i64,
    ready: VecDeque<Reading>,
}

/// The readings up to a moment.
#[derive(Debug)]
pub struct Advance<'a> {
    life: &'a mut Life,
    until: i64,
}

impl Iterator for Advance<'_> {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        loop {
            if let Some(reading) = self.life.ready.pop_front() {
                return Some(reading);
            }
            if self.life.done >= self.until {
                return None;
            }
            self.life.second();
        }
    }
}

/// A whole message; the importer reads the same fields one by one.
#[derive(Clone, PartialEq, Message)]
struct FeedMessage {
    #[prost(message, optional, tag = "1")]
    header: Option<FeedHeader>,
    #[prost(message, repeated, tag = "2")]
    entity: Vec<FeedEntity>,
}

impl Life {
    pub(crate) fn new(model: Arc<Model>, start: Time) -> Self {
        let phases = KINDS
            .into_iter()
            .map(|kind| {
                let mut slots = vec![Vec::new(); usize::try_from(kind.every()).unwrap_or(1)];
                for (device, number) in (0..model.devices.of(kind).len()).zip(0_u32..) {
                    slots[values::phase(&model, kind, device)].push(number);
                }
                (kind, slots)
            })
            .collect();
        Self {
            model,
            phases,
            done: start.as_micros().div_euclid(1_000_000),
            ready: VecDeque::new(),
        }
    }

    /// All that is said after the last step and up to this moment, in the order of time.
    pub fn advance(&mut self, until: Time) -> Advance<'_> {
        let until = until.as_micros().div_euclid(1_000_000);
        Advance { life: self, until }
    }

    /// The moment up to which all has been said.
    pub fn now(&self) -> Time {
        Time::from_seconds(self.done)
    }

    /// What is wrong now, whether or not a reading shows it.
    pub fn truth(&self) -> Vec<Incident> {
        incidents::truth(&self.model, self.now())
    }

    fn second(&mut self) {
        self.done += 1;
        let now = Now::new(&self.model, Moment::at(self.done));
        let phases = Arc::clone(&self.phases);
        for (kind, slots) in phases.iter() {
            let slot = usize::try_from(self.done.rem_euclid(kind.every())).unwrap_or(0);
            for device in &slots[slot] {
                let device = usize::try_from(*device).unwrap_or(0);
                if let Some(reading) = reading(&self.model, *kind, device, &now) {
                    self.ready.push_back(reading);
                }
            }
        }
        if self.done.rem_euclid(VEHICLES_SECONDS) == 0 {
            let vehicles = self.model.rolling.vehicles(&self.model.lines, now.moment);
            for part in vehicles.chunks(VEHICLES_MAX) {
                self.ready
                    .push_back(positions(&self.model, part, now.moment));
            }
            // A third of the vehicles each time.
            let turn = self.done.div_euclid(VEHICLES_SECONDS);
            let turns = PASSENGERS_SECONDS / VEHICLES_SECONDS;
            let mine = vehicles
                .iter()
                .zip(0_i64..)
                .filter(|(_, number)| (turn + number) % turns == 0);
            for (vehicle, _) in mine {
                self.ready.push_back(passengers(vehicle, now.moment));
            }
        }
    }
}

fn reading(model: &Model, kind: Kind, device: usize, now: &Now) -> Option<Reading> {
    let values = values::values(model, kind, device, now, false)?;
    let local = kind.local(device);
    let at = now.moment.time();
    let mut payload = String::with_capacity(128);
    // Writing to a String cannot fail.
    let _infallible = write!(payload, "{{\"id\":\"{local}\",\"at\":\"{at}\"");
    for (name, value) in &values {
        let _infallible = write!(payload, ",\"{name}\":");
        value.write(&mut payload);
    }
    payload.push('}');
    if incidents::is_poisoned(model, kind, device, now.moment.utc) {
        // A device that lost power in the middle of a sentence.
        payload.truncate(payload.len() / 2);
    }
    Some(Reading {
        at,
        feed: kind.feed(),
        topic: format!("city/{}/{local}", kind.feed()),
        payload: payload.into_bytes(),
    })
}

fn passengers(vehicle: &Vehicle, moment: Moment) -> Reading {
    let at = moment.time();
    Reading {
        at,
        feed: "passengers",
        topic: format!("city/passengers/{}", vehicle.id),
        payload: format!(
            "{{\"id\":\"{}\",\"at\":\"{at}\",\"passengersAboard\":{}}}",
            vehicle.id, vehicle.aboard
        )
        .into_bytes(),
    }
}

/// Single precision is what the format has.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the format has single precision"
)]
fn single(number: f64) -> f32 {
    number as f32
}

fn positions(model: &Model, vehicles: &[Vehicle], moment: Moment) -> Reading {
    let timestamp = u64::try_from(moment.utc).ok();
    let entity = vehicles
        .iter()
        .map(|vehicle| FeedEntity {
            id: Some(vehicle.id.clone()),
            vehicle: Some(position(model, vehicle, timestamp)),
            ..FeedEntity::default()
        })
        .collect();
    let header = FeedHeader {
        gtfs_realtime_version: Some("2.0".to_owned()),
        timestamp,
    };
    Reading {
        at: moment.time(),
        feed: "vehicles",
        topic: "city/vehicles".to_owned(),
        payload: FeedMessage {
            header: Some(header),
            entity,
        }
        .encode_to_vec(),
    }
}

fn position(model: &Model, vehicle: &Vehicle, timestamp: Option<u64>) -> VehiclePosition {
    let line = &model.lines[vehicle.line];
    let [lon, lat] = vehicle.spot.degrees();
    let trip = vehicle.trip.map(|trip| {
        // The city's clocks read as if they were in UTC.
        let start = Time::from_seconds(trip.start).to_string();
        let (date, clock) = start.split_once('T').unwrap_or_default();
        TripDescriptor {
            trip_id: Some(rolling::trip_id(line, trip.back, rolling::day(trip.start))),
            start_time: Some(clock.trim_end_matches('Z').to_owned()),
            start_date: Some(date.replace('-', "")),
            schedule_relationship: None,
            route_id: Some(line.id.clone()),
            direction_id: Some(u32::from(trip.back)),
        }
    });
    let full = rolling::fullness(line, vehicle.aboard);
    // Words of the format: empty, many seats, few seats, standing, crushed.
    let level = [0.02, 0.35, 0.55, 0.85]
        .iter()
        .filter(|edge| full > **edge)
        .count();
    VehiclePosition {
        trip,
        position: Some(Position {
            latitude: Some(single(lat)),
            longitude: Some(single(lon)),
            bearing: Some(single(vehicle.bearing.round().rem_euclid(360.0))),
            odometer: None,
            speed: Some(single((vehicle.speed * 10.0).round() / 10.0)),
        }),
        current_stop_sequence: None,
        current_status: Some(if vehicle.stopped { 1 } else { 2 }),
        timestamp,
        congestion_level: None,
        stop_id: line.stops.get(vehicle.stop).map(|stop| stop.id.clone()),
        vehicle: Some(VehicleDescriptor {
            id: Some(vehicle.id.clone()),
            label: Some(vehicle.id.to_uppercase().replace('-', " · ")),
            license_plate: None,
        }),
        occupancy_status: i32::try_from(level).ok(),
        occupancy_percentage: u32::try_from(crate::chance::whole(full * 100.0)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    #[test]
    fn nothing_is_kept_of_what_has_been_said() {
        let model = Arc::new(Model::build(&Plan {
            seed: 1,
            inhabitants: 20_000,
            sensors: Some(1_000),
        }));
        let start = Time::from_seconds(1_790_000_000);
        let mut life = Life::new(model, start);
        let mut said = 0;
        for minute in 1..=30 {
            said += life.advance(start.plus_micros(minute * 60_000_000)).count();
            assert!(life.ready.is_empty() && life.ready.capacity() < 1_000);
        }
        assert!(said > 5_000);
        assert_eq!(life.now(), start.plus_micros(1_800_000_000));
    }
}
