//! How each kind of device is told to the world: its type, its attributes, its feed.

use std::fmt::Write as _;

use ingest::vocabulary::{Model as Words, urn};

use crate::SLUG;
use crate::devices::{KINDS, Kind};
use crate::life::{PASSENGERS_SECONDS, VEHICLES_SECONDS};
use crate::model::Model;

/// An attribute of a reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    /// UN/CEFACT code, if it has a unit.
    pub(crate) unit: Option<&'static str>,
    /// `number`, `text` or `bool`, as mappings say it.
    kind: &'static str,
    /// It is a term that the model lacks.
    plain: bool,
}

const fn measure(name: &'static str, unit: &'static str) -> Attribute {
    Attribute {
        name,
        unit: Some(unit),
        kind: "number",
        plain: false,
    }
}

const fn number(name: &'static str) -> Attribute {
    Attribute {
        name,
        unit: None,
        kind: "number",
        plain: false,
    }
}

const fn text(name: &'static str) -> Attribute {
    Attribute {
        name,
        unit: None,
        kind: "text",
        plain: false,
    }
}

const fn flag(name: &'static str) -> Attribute {
    Attribute {
        name,
        unit: None,
        kind: "bool",
        plain: false,
    }
}

const TRAFFIC: &[Attribute] = &[
    measure("averageVehicleSpeed", "KMH"),
    number("intensity"),
    number("occupancy"),
];
const AIR: &[Attribute] = &[
    measure("pm25", "GQ"),
    measure("pm10", "GQ"),
    measure("no2", "GQ"),
    measure("o3", "GQ"),
];
const WEATHER: &[Attribute] = &[
    measure("temperature", "CEL"),
    number("relativeHumidity"),
    measure("windSpeed", "MTS"),
    measure("windDirection", "DD"),
    measure("precipitation", "MMT"),
    measure("atmosphericPressure", "A97"),
];
const PARKING: &[Attribute] = &[number("availableSpotNumber")];
const POWER: &[Attribute] = &[measure("load", "KWT"), measure("oilTemperature", "CEL")];
const MUSEUM: &[Attribute] = &[
    number("peopleCount"),
    measure("temperature", "CEL"),
    number("relativeHumidity"),
];
const BERTH: &[Attribute] = &[flag("occupied")];
const HOSPITAL: &[Attribute] = &[number("availableBeds")];
const SCHOOL: &[Attribute] = &[number("pupilsPresent"), number("availablePlaces")];
const SHIP: &[Attribute] = &[
    measure("speedOverGround", "KNT"),
    measure("heading", "DD"),
    text("status"),
];
const DRONE: &[Attribute] = &[
    measure("speed", "KMH"),
    measure("altitude", "MTR"),
    measure("heading", "DD"),
    number("batteryLevel"),
    text("status"),
];
const METER: &[Attribute] = &[measure("totalActivePower", "KWT")];
const WATER: &[Attribute] = &[
    Attribute {
        name: "flow",
        unit: Some("MQH"),
        kind: "number",
        plain: true,
    },
    measure("waterConsumption", "MTQ"),
];
const BENCH: &[Attribute] = &[
    number("batteryLevel"),
    measure("solarPower", "WTT"),
    flag("occupied"),
];
const LIGHT: &[Attribute] = &[number("illuminanceLevel"), text("powerState")];

impl Kind {
    /// The type, and the Smart Data Model that has it.
    pub(crate) fn kind(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Traffic => ("TrafficFlowObserved", Some("Transportation")),
            Self::Air => ("AirQualityObserved", Some("Environment")),
            Self::Weather => ("WeatherObserved", Some("Weather")),
            Self::Parking => ("OffStreetParking", Some("Parking")),
            Self::Power => ("TransformerObserved", None),
            Self::Museum => ("IndoorEnvironmentObserved", Some("Environment")),
            Self::Berth => ("Berth", Some("MarineTransport")),
            Self::Hospital => ("Hospital", None),
            Self::School => ("School", None),
            Self::Ship => ("Vessel", Some("MarineTransport")),
            Self::Drone => ("Drone", None),
            Self::Meter => ("ACMeasurement", Some("Energy")),
            Self::Water => ("WaterConsumptionObserved", Some("WaterConsumption")),
            Self::Bench => ("Bench", None),
            Self::Light => ("Streetlight", Some("Streetlighting")),
        }
    }

    /// The URN of the entity of a device of this kind.
    pub(crate) fn urn(self, number: usize) -> String {
        urn(self.kind().0, SLUG, &self.local(number))
    }

    pub(crate) fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::Traffic => TRAFFIC,
            Self::Air => AIR,
            Self::Weather => WEATHER,
            Self::Parking => PARKING,
            Self::Power => POWER,
            Self::Museum => MUSEUM,
            Self::Berth => BERTH,
            Self::Hospital => HOSPITAL,
            Self::School => SCHOOL,
            Self::Ship => SHIP,
            Self::Drone => DRONE,
            Self::Meter => METER,
            Self::Water => WATER,
            Self::Bench => BENCH,
            Self::Light => LIGHT,
        }
    }

    /// The full name of an attribute, as the mapping of the feed makes it.
    pub(crate) fn full_name(self, attribute: &Attribute) -> String {
        match self.kind().1 {
            Some(model) if !attribute.plain => Words(model).name(attribute.name),
            _ => attribute.name.to_owned(),
        }
    }
}

/// The definitions of all feeds by name.
pub(crate) fn feeds(model: &Model) -> Vec<(String, String)> {
    let mut feeds: Vec<_> = KINDS
        .into_iter()
        .filter(|kind| !model.devices.of(*kind).is_empty())
        .map(|kind| (kind.feed().to_owned(), definition(kind)))
        .collect();
    feeds.push(("vehicles".to_owned(), vehicles()));
    feeds.push(("passengers".to_owned(), passengers()));
    feeds
}

fn source(feed: &str, every: i64) -> String {
    format!(
        "[source]\nkind = \"listener\"\ntopic = \"city/{feed}/+\"\nformat = \"json\"\n\
         expected_every_seconds = {every}\nsimulated = true\n"
    )
}

fn entity(kind: &str, model: Option<&str>) -> String {
    let model = model.map_or_else(String::new, |model| format!("model = \"{model}\"\n"));
    format!(
        "\n[entity]\nid = \"urn:ngsi-ld:{kind}:{SLUG}:{{id}}\"\ntype = \"{kind}\"\n{model}\n[time]\ncolumn = \"at\"\n"
    )
}

fn definition(kind: Kind) -> String {
    let (name, model) = kind.kind();
    let mut text = source(kind.feed(), kind.every()) + &entity(name, model);
    if kind.moves() {
        text.push_str("\n[location]\nlon = \"lon\"\nlat = \"lat\"\n");
    }
    for attribute in kind.attributes() {
        let name = attribute.name;
        // Writing to a String cannot fail.
        let _infallible = write!(
            text,
            "\n[[attribute]]\nname = \"{name}\"\ncolumn = \"{name}\"\n"
        );
        if attribute.kind != "number" {
            let _infallible = writeln!(text, "kind = \"{}\"", attribute.kind);
        }
        if let Some(unit) = attribute.unit {
            let _infallible = writeln!(text, "unit = \"{unit}\"");
        }
        if attribute.plain {
            text.push_str("model = \"\"\n");
        }
    }
    text
}

fn vehicles() -> String {
    format!(
        "[source]\nkind = \"listener\"\ntopic = \"city/vehicles\"\nformat = \"gtfs-rt\"\nschedule = \"{SLUG}\"\n\
         expected_every_seconds = {VEHICLES_SECONDS}\nsimulated = true\n"
    )
}

/// Counters in vehicles: another attribute of the same vehicles.
fn passengers() -> String {
    source("passengers", PASSENGERS_SECONDS)
        + &entity("Vehicle", Some("Transportation"))
        + "\n[[attribute]]\nname = \"passengersAboard\"\ncolumn = \"passengersAboard\"\nmodel = \"\"\n"
}
