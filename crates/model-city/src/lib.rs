//! A city that lives by itself: deterministic from a seed, its files and its readings.
//!
//! [`City::build`] lays out ground, streets, people, lines and devices; nothing changes afterwards.
//! Whatever anything measures is a function of the city and the moment, so the past, the present
//! and any speed agree, and memory does not grow with time. There is no clock and no chance here
//! but the seed; nothing is done but writing to what is given.

mod boats;
mod chance;
mod devices;
mod ground;
mod gtfs;
mod incidents;
mod kinds;
mod life;
mod lines;
mod model;
mod moment;
mod names;
mod osm;
mod past;
mod people;
mod places;
mod plan;
mod rolling;
mod streets;
mod things;
mod values;

use std::io::{self, Seek, Write};
use std::sync::Arc;

use base::Time;
use serde_json::{Map, Value};

pub use incidents::{Incident, Wrong};
pub use life::{Advance, Life, Reading};
pub use plan::{BUILDINGS_MAX, INHABITANTS_MAX, INHABITANTS_MIN, Plan, SENSORS_MAX};

use devices::Kind;
use model::Model;
use moment::Moment;
use values::Now;

/// The word that stands for the city in ids and file names.
const SLUG: &str = "navrud";

/// A city, built once and never changed; copies share it.
#[derive(Debug, Clone)]
pub struct City(Arc<Model>);

impl City {
    /// Builds the city of a plan: the same plan gives the same city.
    pub fn build(plan: &Plan) -> Self {
        Self(Arc::new(Model::build(plan)))
    }

    /// Its name in a language: `ru`, `zh`, or English.
    pub fn name(&self, language: &str) -> &str {
        match language {
            "ru" => &self.0.name.ru,
            "zh" => &self.0.name.zh,
            _ => &self.0.name.en,
        }
    }

    /// The word that stands for it in ids and file names; GTFS must be imported under it.
    pub fn slug(&self) -> &'static str {
        self.0.slug
    }

    /// Its time zone in the names of IANA.
    pub fn timezone(&self) -> &'static str {
        self.0.zone
    }

    /// West, south, east and north in degrees.
    pub fn bounds(&self) -> [f64; 4] {
        self.0.ground.bounds()
    }

    /// Devices that report, without buses and trains.
    pub fn sensors(&self) -> usize {
        self.0.devices.count()
    }

    /// Buses and trains.
    pub fn vehicles(&self) -> usize {
        self.0.rolling.count()
    }

    /// Writes its map as OSM XML.
    pub fn write_osm(&self, out: &mut dyn Write) -> io::Result<()> {
        osm::write(&self.0, out)
    }

    /// Writes its timetable as a GTFS archive.
    pub fn write_gtfs(&self, out: &mut (impl Write + Seek)) -> io::Result<()> {
        gtfs::write(&self.0, out)
    }

    /// The feeds by name, each with its definition in TOML.
    pub fn feeds(&self) -> Vec<(String, String)> {
        kinds::feeds(&self.0)
    }

    /// What no file carries, as normalized NGSI-LD with its context: the city, districts, devices.
    pub fn entities(&self) -> impl Iterator<Item = Value> + '_ {
        things::all(&self.0)
    }

    /// Its life after a moment.
    pub fn life(&self, start: Time) -> Life {
        Life::new(Arc::clone(&self.0), start)
    }

    /// What the devices that stand still would have said from one moment to before another, as
    /// temporal entities with their context, each in as many parts as it needs; the most telling
    /// kinds come first.
    pub fn past(
        &self,
        from: Time,
        to: Time,
        step_seconds: u32,
    ) -> impl Iterator<Item = Value> + '_ {
        past::all(&self.0, from, to, step_seconds)
    }

    /// What is wrong at a moment, whether or not a reading shows it.
    pub fn truth(&self, at: Time) -> Vec<Incident> {
        incidents::truth(&self.0, at)
    }

    /// What a working device would measure at a moment, by attribute; the id is that of its entity.
    pub fn measured(&self, entity: &str, at: Time) -> Option<Map<String, Value>> {
        let local = entity.rsplit(':').next()?;
        let (kind, device) = Kind::parse(local)?;
        if kind.urn(device) != entity {
            return None;
        }
        let now = Now::new(&self.0, Moment::of(at));
        let values = values::values(&self.0, kind, device, &now, true)?;
        Some(
            values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.json()))
                .collect(),
        )
    }
}
