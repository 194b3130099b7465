//! What is asked for: seed, inhabitants, sensors; and how many things follow from that.

use crate::chance::{count, real};

/// Fewest inhabitants of a city.
pub const INHABITANTS_MIN: u32 = 1_000;
/// Most inhabitants of a city.
pub const INHABITANTS_MAX: u32 = 10_000_000;
/// Most sensors of a city: more would say nothing new, and memory is bounded by them.
pub const SENSORS_MAX: u32 = 200_000;
/// Most buildings that the map draws.
pub const BUILDINGS_MAX: usize = 60_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The same seed gives the same city, byte for byte.
    pub seed: u64,
    /// How many people live there; kept within 1,000 and 10,000,000.
    pub inhabitants: u32,
    /// How many sensors report, within 100 and 200,000; a fifth of the inhabitants, 20,000 at most,
    /// unless said.
    pub sensors: Option<u32>,
}

/// How many of each thing the plan means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) inhabitants: f64,
    pub(crate) sensors: usize,
    pub(crate) buildings: usize,
    pub(crate) districts: usize,
    pub(crate) metro_lines: usize,
    pub(crate) bus_lines: usize,
    pub(crate) hospitals: usize,
    pub(crate) schools: usize,
    pub(crate) museum_rooms: usize,
    pub(crate) berths: usize,
    pub(crate) ferries: usize,
    pub(crate) drones: usize,
    /// Metres from the centre to the edge of the streets.
    pub(crate) radius: f64,
}

impl Plan {
    pub(crate) fn counts(&self) -> Counts {
        let people = self.inhabitants.clamp(INHABITANTS_MIN, INHABITANTS_MAX);
        let sensors = self.sensors.unwrap_or((people / 5).min(20_000));
        let people = f64::from(people);
        let part = |each: f64, low: f64, high: f64| count((people / each).clamp(low, high));
        Counts {
            inhabitants: people,
            sensors: usize::try_from(sensors.clamp(100, SENSORS_MAX)).unwrap_or(100),
            buildings: part(13.0, 80.0, real(BUILDINGS_MAX)),
            districts: part(3_000.0, 6.0, 24.0),
            metro_lines: part(40_000.0, 2.0, 4.0),
            bus_lines: part(8_000.0, 8.0, 20.0),
            hospitals: part(25_000.0, 2.0, 40.0),
            schools: part(4_000.0, 2.0, 400.0),
            museum_rooms: 12,
            berths: part(12_000.0, 4.0, 16.0),
            ferries: part(30_000.0, 1.0, 6.0),
            drones: part(3_000.0, 8.0, 60.0),
            radius: (people / 3_500.0 / std::f64::consts::PI).sqrt().max(0.9) * 1_000.0,
        }
    }
}
