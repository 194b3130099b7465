//! GTFS Schedule: agencies, stops, routes, shapes, calendars, trips and frequencies of a feed as
//! entities of the Smart Data Model UrbanMobility.
//!
//! Ids are `urn:ngsi-ld:{type}:{feed}:{id in the feed}`. The stop times of a trip are one
//! JsonProperty `stopTimes` on the trip: arrays of stop ids, arrivals and departures in seconds of
//! the service day. A dirty row is named and left out, or taken without its bad part.

mod archive;
mod network;
mod service;
mod shapes;
mod texts;
mod trips;
mod values;

use std::collections::{BTreeMap, HashMap};

use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::rows::Row;
use crate::source::Source;
use crate::vocabulary::{Model, urn};

use archive::Archive;
use texts::Texts;

const MODEL: Model<'static> = Model::URBAN_MOBILITY;
/// Bytes of an id in a feed: escaped threefold it still fits into a URI.
const ID_BYTES_MAX: usize = 600;

/// What the parts of a feed must know of each other.
struct City {
    feed: String,
    texts: Texts,
    /// Ids as they are in the feed.
    agencies: Vec<String>,
    /// Position in `agencies` by route.
    routes: HashMap<String, Option<usize>>,
    stops: Stops,
    services: BTreeMap<String, Operator>,
    shapes: HashMap<String, u32>,
}

/// The stops of a feed, numbered.
#[derive(Default)]
struct Stops {
    numbers: HashMap<String, u32>,
    ids: Vec<String>,
    kinds: Vec<StopKind>,
}

/// `location_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopKind {
    Stop,
    Station,
    Entrance,
    Node,
    Boarding,
}

/// Which agencies run the trips of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Unknown,
    One(usize),
    Several,
}

impl City {
    fn urn(&self, kind: &str, id: &str) -> String {
        urn(kind, &self.feed, id)
    }

    fn agency(&self, number: usize) -> Option<String> {
        let id = self.agencies.get(number)?;
        Some(self.urn("GtfsAgency", if id.is_empty() { &self.feed } else { id }))
    }

    fn stop(&self, id: &str) -> Option<String> {
        let number = *self.stops.numbers.get(id)?;
        let kind = self.stops.kinds.get(usize::try_from(number).ok()?)?;
        Some(self.urn(kind.name(), id))
    }
}

impl StopKind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "0" => Self::Stop,
            "1" => Self::Station,
            "2" => Self::Entrance,
            "3" => Self::Node,
            "4" => Self::Boarding,
            _ => return None,
        })
    }

    /// The type: the first three are of the model, the others are plain terms.
    fn name(self) -> &'static str {
        match self {
            Self::Stop => "GtfsStop",
            Self::Station => "GtfsStation",
            Self::Entrance => "GtfsAccessPoint",
            Self::Node => "GtfsPathwayNode",
            Self::Boarding => "GtfsBoardingArea",
        }
    }
}

/// Imports a feed.
pub(crate) fn import(source: &Source, feed: &str, out: &mut Out<'_>) -> Result<(), ImportError> {
    let mut archive = Archive::open(source, out)?;
    let mut city = City {
        feed: feed.to_owned(),
        texts: Texts::default(),
        agencies: Vec::new(),
        routes: HashMap::new(),
        stops: Stops::default(),
        services: BTreeMap::new(),
        shapes: HashMap::new(),
    };
    network::feed(&mut archive, &mut city, out)?;
    network::agencies(&mut archive, &mut city, out)?;
    network::levels(&mut archive, &city, out)?;
    network::stops(&mut archive, &mut city, out)?;
    network::routes(&mut archive, &mut city, out)?;
    shapes::shapes(&mut archive, &mut city, out)?;
    let numbers = trips::numbers(&mut archive, &mut city, out)?;
    service::calendar(&mut archive, &mut city, out)?;
    service::calendar_dates(&mut archive, &mut city, out)?;
    service::services(&city, out)?;
    trips::trips(&mut archive, &city, &numbers, out)?;
    trips::frequencies(&mut archive, &city, &numbers, out)?;
    network::transfers(&mut archive, &city, out)
}

/// The id in this row, if it can be one and has not been met before.
fn id<'r>(
    row: &'r Row,
    column: Option<usize>,
    file: &str,
    known: impl Fn(&str) -> bool,
    out: &mut Out<'_>,
) -> Option<&'r str> {
    let id = row.at(column);
    let reason = if id.is_empty() {
        "no id; left out".to_owned()
    } else if id.len() > ID_BYTES_MAX {
        format!(
            "id {} is longer than {ID_BYTES_MAX} bytes; left out",
            shown(id)
        )
    } else if known(id) {
        format!("id {} comes a second time; left out", shown(id))
    } else {
        return Some(id);
    };
    out.complain(file, Some(row.line), reason);
    None
}

#[cfg(test)]
#[path = "gtfs/tests.rs"]
mod tests;
