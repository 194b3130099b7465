//! GTFS-Realtime: where vehicles are, how late trips run, what passengers must know.
//!
//! Vehicle positions become `Vehicle` (Smart Data Model Transportation) with `observedAt`, trip
//! updates one `GtfsTripUpdate` a trip with its stops as one JsonProperty, alerts `Alert` with their
//! texts in languages. Relationships lead to the entities that the schedule of the same feed has.

pub mod proto;

use std::collections::BTreeSet;

use base::Time;
use prost::Message as _;
use serde_json::{Map, Value, json};

use crate::entity::{Entity, Text, decimal};
use crate::error::ImportError;
use crate::out::Out;
use crate::source::Source;
use crate::vocabulary::{Model, urn};
use crate::wire::{self, Broken, Fields};
use proto::{
    Alert, FeedEntity, FeedHeader, StopTimeUpdate, TranslatedString, TripDescriptor, TripUpdate,
    VehiclePosition,
};

const TRANSIT: Model<'static> = Model::URBAN_MOBILITY;
/// Bytes of a message: the largest cities send some ten megabytes.
const MESSAGE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of one entity: an alert with all its texts has some ten thousand.
const ENTITY_BYTES_MAX: usize = 1024 * 1024;
/// The fields of a message.
const HEADER: u64 = 1;
const ENTITY: u64 = 2;
/// The last second with a four-digit year.
const SECONDS_MAX: i64 = 253_402_207_200;
const KMH_PER_MS: f64 = 3.6;

/// What is known of all entities of one message.
struct Feed<'a> {
    name: &'a str,
    sent: Option<Time>,
}

/// Imports one message.
pub(crate) fn import(source: &Source, feed: &str, out: &mut Out<'_>) -> Result<(), ImportError> {
    let file = source.name();
    let bytes = source.whole(MESSAGE_BYTES_MAX)?;
    let total = bytes.len() as u64;
    let (header, count) = survey(&bytes).map_err(|reason| {
        ImportError::broken(&file, &format!("no GTFS-Realtime message: {reason}"))
    })?;
    let feed = Feed {
        name: feed,
        sent: moment(header.timestamp),
    };
    let mut seen = BTreeSet::new();
    let entities = Fields(&bytes).filter_map(|field| match field {
        Ok((ENTITY, value)) => value.bytes().ok(),
        _ => None,
    });
    for (number, bytes) in (1..).zip(entities) {
        out.row();
        if bytes.len() > ENTITY_BYTES_MAX {
            out.complain(&file, Some(number), "longer than 1 MiB; left out");
            continue;
        }
        match FeedEntity::decode(bytes) {
            Ok(entity) => {
                for mut made in feed.entities(entity, &file, number, out) {
                    if seen.insert(made.id().to_owned()) {
                        made.optional("dataProvider", feed.name);
                        out.entity(&file, made.into_value())?;
                    } else {
                        let reason = format!("{} comes a second time; left out", made.id());
                        out.complain(&file, Some(number), reason);
                    }
                }
            }
            Err(reason) => out.complain(&file, Some(number), format!("{reason}; left out")),
        }
        if number % 1_024 == 0 {
            out.at(&file, total * number / count.max(1), total);
        }
    }
    out.at(&file, total, total);
    Ok(())
}

/// The header of a message, and how many entities follow; meets every part, so that a broken
/// message is known before anything is handed on.
fn survey(bytes: &[u8]) -> Result<(FeedHeader, u64), String> {
    let mut header = None;
    let mut count = 0;
    for field in Fields(bytes) {
        match field.map_err(|reason| reason.to_string())? {
            (HEADER, wire::Value::Bytes(bytes)) => {
                header = Some(FeedHeader::decode(bytes).map_err(|reason| reason.to_string())?);
            }
            (ENTITY, wire::Value::Bytes(_)) => count += 1,
            (HEADER | ENTITY, wire::Value::Number(_)) => return Err(Broken.to_string()),
            _ => {}
        }
    }
    let header = header.filter(|header| header.gtfs_realtime_version.is_some());
    Ok((header.ok_or("it has no header")?, count))
}

/// Seconds since 1970, if they are a moment of our days; 0 is how many feeds say "unknown".
fn moment(seconds: Option<u64>) -> Option<Time> {
    let seconds = i64::try_from(seconds?).ok()?;
    (1..=SECONDS_MAX)
        .contains(&seconds)
        .then(|| Time::from_seconds(seconds))
}

/// The word for a number of an enumeration, if it is known.
fn word(words: &[&'static str], number: Option<i32>) -> Option<&'static str> {
    let word = words.get(usize::try_from(number?).ok()?)?;
    (!word.is_empty()).then_some(*word)
}

/// A text that is there and not empty, and short enough to be an id.
fn id(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim())
        .filter(|text| !text.is_empty() && text.len() <= 600)
}

impl Feed<'_> {
    fn entities(
        &self,
        entity: FeedEntity,
        file: &str,
        number: u64,
        out: &mut Out<'_>,
    ) -> Vec<Entity> {
        let mut complain = |reason: &str| out.complain(file, Some(number), reason);
        let mut made = Vec::new();
        if entity.is_deleted == Some(true) {
            complain("says that it is deleted; left out");
            return made;
        }
        let own = id(entity.id.as_ref());
        if let Some(position) = entity.vehicle {
            match self.vehicle(own, &position) {
                Ok(vehicle) => made.push(vehicle),
                Err(reason) => complain(reason),
            }
        }
        if let Some(update) = entity.trip_update {
            match self.trip_update(own, &update) {
                Ok(update) => made.push(update),
                Err(reason) => complain(reason),
            }
        }
        if let Some(alert) = entity.alert {
            match own {
                Some(own) => made.push(self.alert(own, &alert)),
                None => complain("an alert without id; left out"),
            }
        }
        made
    }

    fn vehicle(&self, own: Option<&str>, at: &VehiclePosition) -> Result<Entity, &'static str> {
        let described = at.vehicle.as_ref();
        let vehicle_id = described.and_then(|vehicle| id(vehicle.id.as_ref()));
        let local = vehicle_id.or(own).ok_or("a vehicle without id; left out")?;
        let model = Model::TRANSPORTATION;
        let mut entity = Entity::new(model, "Vehicle", urn("Vehicle", self.name, local));
        let observed = moment(at.timestamp).or(self.sent);
        entity.property("category", json!(["public", "tracked"]));
        if let Some(vehicle) = described {
            entity.optional("fleetVehicleId", vehicle.id.as_deref().unwrap_or_default());
            entity.optional("name", vehicle.label.as_deref().unwrap_or_default());
            let plate = vehicle.license_plate.as_deref().unwrap_or_default();
            entity.optional("vehiclePlateIdentifier", plate);
        }
        let position = at
            .position
            .as_ref()
            .ok_or("a vehicle without position; left out")?;
        let place = position
            .longitude
            .zip(position.latitude)
            .map(|(lon, lat)| (decimal(lon), decimal(lat)));
        let place = place.filter(|(lon, lat)| {
            lon.abs() <= 180.0 && lat.abs() <= 90.0 && (*lon != 0.0 || *lat != 0.0)
        });
        let (lon, lat) = place.ok_or("a vehicle at no place on Earth; left out")?;
        entity.place(lon, lat);
        if let Some(speed) = position.speed.filter(|speed| (0.0..200.0).contains(speed)) {
            let kmh = (decimal(speed) * KMH_PER_MS * 100.0).round() / 100.0;
            entity.measure("speed", kmh, "KMH");
        }
        if let Some(bearing) = position
            .bearing
            .filter(|bearing| (0.0..=360.0).contains(bearing))
        {
            entity.measure("heading", decimal(bearing) % 360.0, "DD");
        }
        if let Some(metres) = position.odometer.filter(|metres| metres.is_finite()) {
            entity.measure("mileageFromOdometer", metres / 1_000.0, "KMT");
        }
        if let Some(time) = observed {
            for term in ["location", "speed", "heading", "mileageFromOdometer"] {
                entity.observed(term, time);
            }
            entity.moment("observationDateTime", time);
        }
        self.position_in_network(&mut entity, at);
        Ok(entity)
    }

    fn position_in_network(&self, entity: &mut Entity, at: &VehiclePosition) {
        self.trip(entity, at.trip.as_ref());
        let mut link = |term: &str, kind: &str, id: Option<&str>| {
            if let Some(id) = id {
                let object = urn(kind, self.name, id);
                let link = json!({"type": "Relationship", "object": object});
                entity.set(TRANSIT.name(term), link);
            }
        };
        link("hasStop", "GtfsStop", id(at.stop_id.as_ref()));
        let stop_status = at.current_status.or_else(|| at.stop_id.as_ref().map(|_| 2));
        let words = [
            ("current_status", word(proto::STOP_STATUS, stop_status)),
            (
                "congestion_level",
                word(proto::CONGESTION, at.congestion_level),
            ),
            (
                "occupancy_status",
                word(proto::OCCUPANCY, at.occupancy_status),
            ),
        ];
        for (term, word) in words {
            if let Some(word) = word {
                entity.set(
                    TRANSIT.name(term),
                    json!({"type": "Property", "value": word}),
                );
            }
        }
        if let Some(number) = at.current_stop_sequence {
            let property = json!({"type": "Property", "value": number});
            entity.set(TRANSIT.name("current_stop_sequence"), property);
        }
        if let Some(percent) = at.occupancy_percentage {
            entity.extra("occupancyPercentage", percent);
        }
    }

    /// The trip and route that a vehicle or an update is about.
    fn trip(&self, entity: &mut Entity, trip: Option<&TripDescriptor>) {
        let Some(trip) = trip else { return };
        let mut link = |term: &str, kind: &str, id: Option<&str>| {
            if let Some(id) = id {
                let object = urn(kind, self.name, id);
                let link = json!({"type": "Relationship", "object": object});
                entity.set(TRANSIT.name(term), link);
            }
        };
        link("hasTrip", "GtfsTrip", id(trip.trip_id.as_ref()));
        link("hasRoute", "GtfsRoute", id(trip.route_id.as_ref()));
        let property = |value: Value| json!({"type": "Property", "value": value});
        if let Some(direction) = trip.direction_id {
            entity.set(TRANSIT.name("direction"), property(direction.into()));
        }
        let texts = [
            ("start_time", &trip.start_time),
            ("start_date", &trip.start_date),
        ];
        for (term, text) in texts {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
                entity.set(TRANSIT.name(term), property(text.into()));
            }
        }
        if let Some(word) = word(proto::TRIP_RELATION, trip.schedule_relationship) {
            entity.set(TRANSIT.name("schedule_relationship"), property(word.into()));
        }
    }

    fn trip_update(&self, own: Option<&str>, update: &TripUpdate) -> Result<Entity, &'static str> {
        let trip = update.trip.as_ref();
        let trip_id = trip.and_then(|trip| id(trip.trip_id.as_ref()));
        let mut local = trip_id
            .or(own)
            .ok_or("a trip update without id; left out")?
            .to_owned();
        if let Some(date) = trip.and_then(|trip| id(trip.start_date.as_ref())) {
            local.push(':');
            local.push_str(date);
        }
        let urn_of = urn("GtfsTripUpdate", self.name, &local);
        let mut entity = Entity::plain(TRANSIT, "GtfsTripUpdate", urn_of);
        self.trip(&mut entity, trip);
        let vehicle = update
            .vehicle
            .as_ref()
            .and_then(|vehicle| id(vehicle.id.as_ref()));
        if let Some(vehicle) = vehicle {
            entity.extra_relationship("hasVehicle", &urn("Vehicle", self.name, vehicle));
        }
        if let Some(delay) = update.delay {
            entity.measure("trip_delay", delay, "SEC");
        }
        if !update.stop_time_update.is_empty() {
            entity.extra_json("stopTimeUpdates", &stop_times(&update.stop_time_update));
        }
        if let Some(time) = moment(update.timestamp).or(self.sent) {
            entity.observed("trip_delay", time);
            entity.observed("stopTimeUpdates", time);
            entity.moment("timestamp", time);
        }
        Ok(entity)
    }

    fn alert(&self, own: &str, alert: &Alert) -> Entity {
        let mut entity = Entity::new(Model::ALERT, "Alert", urn("Alert", self.name, own));
        entity.property("category", "traffic");
        entity.text("name", text(alert.header_text.as_ref()));
        entity.text("description", text(alert.description_text.as_ref()));
        entity.text("url", text(alert.url.as_ref()));
        entity.optional(
            "severity",
            word(proto::SEVERITY, alert.severity_level).unwrap_or(""),
        );
        if let Some(effect) = word(proto::EFFECT, alert.effect) {
            entity.property("subCategory", effect);
        }
        if let Some(cause) = word(proto::CAUSE, alert.cause) {
            entity.extra("cause", cause);
        }
        if let Some(time) = self.sent {
            entity.moment("dateIssued", time);
        }
        let periods = &alert.active_period;
        if let Some(start) = periods
            .iter()
            .filter_map(|period| moment(period.start))
            .min()
        {
            entity.moment("validFrom", start);
        }
        let ends: Option<Vec<Time>> = periods.iter().map(|period| moment(period.end)).collect();
        if let Some(end) = ends.and_then(|ends| ends.into_iter().max()) {
            entity.moment("validTo", end);
        }
        if periods.len() > 1 {
            let text = |time: Option<u64>| moment(time).map(|time| time.to_string());
            let list = periods
                .iter()
                .map(|period| [text(period.start), text(period.end)]);
            entity.extra_json("activePeriods", &list.map(|period| json!(period)).collect());
        }
        self.informed(&mut entity, alert);
        entity
    }

    /// Whom the alert concerns.
    fn informed(&self, entity: &mut Entity, alert: &Alert) {
        let mut links: [BTreeSet<String>; 4] = Default::default();
        let kinds = ["GtfsAgency", "GtfsRoute", "GtfsTrip", "GtfsStop"];
        for selector in &alert.informed_entity {
            let trip = selector.trip.as_ref();
            let ids = [
                id(selector.agency_id.as_ref()),
                id(selector.route_id.as_ref())
                    .or_else(|| trip.and_then(|trip| id(trip.route_id.as_ref()))),
                trip.and_then(|trip| id(trip.trip_id.as_ref())),
                id(selector.stop_id.as_ref()),
            ];
            for ((links, kind), id) in links.iter_mut().zip(kinds).zip(ids) {
                links.extend(id.map(|id| urn(kind, self.name, id)));
            }
        }
        let terms = ["operatedBy", "hasRoute", "hasTrip", "hasStop"];
        for (term, links) in terms.into_iter().zip(links) {
            if !links.is_empty() {
                let list: Vec<Value> = links
                    .into_iter()
                    .map(|object| json!({"object": object}))
                    .collect();
                let attribute = json!({"type": "ListRelationship", "objectList": list});
                entity.set(TRANSIT.name(term), attribute);
            }
        }
    }
}

/// Columns of equal length, as for the stop times of a schedule.
fn stop_times(updates: &[StopTimeUpdate]) -> Value {
    let mut map = Map::new();
    let mut column = |name: &str, value: &dyn Fn(&StopTimeUpdate) -> Value| {
        let values: Vec<Value> = updates.iter().map(value).collect();
        if values.iter().any(|value| !value.is_null()) {
            map.insert(name.to_owned(), Value::Array(values));
        }
    };
    column("stops", &|update| json!(update.stop_id));
    column("sequences", &|update| json!(update.stop_sequence));
    column("arrivals", &|update| {
        json!(update.arrival.and_then(|event| event.time))
    });
    column("arrivalDelays", &|update| {
        json!(update.arrival.and_then(|event| event.delay))
    });
    column("departures", &|update| {
        json!(update.departure.and_then(|event| event.time))
    });
    column("departureDelays", &|update| {
        json!(update.departure.and_then(|event| event.delay))
    });
    column("relations", &|update| {
        json!(word(proto::STOP_RELATION, update.schedule_relationship))
    });
    Value::Object(map)
}

/// The text in all its languages.
fn text(translated: Option<&TranslatedString>) -> Option<Text> {
    let translations = &translated?.translation;
    let mut texts: Vec<(String, String)> = Vec::new();
    for translation in translations {
        let text = translation.text.as_deref().unwrap_or_default();
        let tag = translation.language.as_deref().unwrap_or_default();
        let tagged = (2..=35).contains(&tag.len())
            && tag
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let tag = if tagged { tag } else { "@none" };
        if !text.is_empty() && !texts.iter().any(|(known, _)| known == tag) {
            texts.push((tag.to_owned(), text.to_owned()));
        }
    }
    texts.sort();
    match texts.as_slice() {
        [] => None,
        [(tag, text)] if tag == "@none" => Some(Text::Plain(text.clone())),
        _ => Some(Text::Languages(texts)),
    }
}

#[cfg(test)]
#[path = "gtfs_rt/tests.rs"]
mod tests;
