//! The measurements: what is asked, and what must come of it.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::city;
use crate::client;
use crate::dice::Dice;
use crate::load::Ask;

/// One measurement.
#[derive(Clone)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) ask: Arc<dyn Ask>,
    /// Connections, when not as many as the options say.
    pub(crate) connections: Option<usize>,
    /// The unit of the figure, and how many of them one request is.
    pub(crate) unit: (&'static str, u64),
    pub(crate) goal: Goal,
}

/// What the figure should be at least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// None.
    None,
    /// A part of what the empty server does.
    Ratio(f64),
    /// So many units a second.
    PerSecond(f64),
}

/// The city under measurement.
#[derive(Debug, Clone, Copy)]
struct City(u64);

/// The empty server: GET of 1 KB, or PATCH.
pub(crate) struct Empty {
    pub(crate) patch: bool,
}

impl Ask for Empty {
    fn request(&self, _turn: u64, _dice: &mut Dice, out: &mut Vec<u8>) {
        if self.patch {
            client::send("PATCH", "/", br#"{"temperature":{"value":21.5}}"#, out);
        } else {
            client::get("/", out);
        }
    }
    fn status(&self, _request: &[u8]) -> u16 {
        if self.patch { 204 } else { 200 }
    }
}

struct Retrieve(City);

impl Ask for Retrieve {
    fn request(&self, _turn: u64, dice: &mut Dice, out: &mut Vec<u8>) {
        let id = city::id(dice.below(self.0.0));
        client::get(&format!("/ngsi-ld/v1/entities/{id}"), out);
    }
    fn status(&self, _request: &[u8]) -> u16 {
        200
    }
}

/// A query of 20 by type, and by what else.
#[derive(Debug, Clone, Copy)]
enum And {
    Nothing,
    Q,
    Place,
}

struct Query(And);

impl Ask for Query {
    fn request(&self, _turn: u64, dice: &mut Dice, out: &mut Vec<u8>) {
        let kind = dice.below(city::TYPES);
        let mut path = format!("/ngsi-ld/v1/entities?type=Sensor{kind}&limit=20");
        // Writing to a String cannot fail.
        let _infallible = match self.0 {
            And::Nothing => Ok(()),
            And::Q => {
                // A twentieth of all values.
                let low = city::tenths(dice).min(47.5);
                write!(
                    path,
                    "&q=temperature%3E={low:.1};temperature%3C{:.1}",
                    low + 2.5
                )
            }
            And::Place => {
                let (lon, lat) = city::place(dice);
                write!(
                    path,
                    "&georel=near;maxDistance==2000&geometry=Point&coordinates=%5B{lon:.5},{lat:.5}%5D"
                )
            }
        };
        client::get(&path, out);
    }
    fn status(&self, _request: &[u8]) -> u16 {
        200
    }
}

struct Patch(City);

impl Ask for Patch {
    fn request(&self, turn: u64, dice: &mut Dice, out: &mut Vec<u8>) {
        let id = city::id(dice.below(self.0.0));
        let (at, value) = (city::moment(86_400 + turn), city::tenths(dice));
        let body = format!(
            r#"{{"temperature":{{"type":"Property","value":{value:.1},"unitCode":"CEL","observedAt":"{at}"}}}}"#
        );
        let path = format!("/ngsi-ld/v1/entities/{id}/attrs");
        client::send("PATCH", &path, body.as_bytes(), out);
    }
    fn status(&self, _request: &[u8]) -> u16 {
        204
    }
}

struct LastN(City);

impl Ask for LastN {
    fn request(&self, _turn: u64, dice: &mut Dice, out: &mut Vec<u8>) {
        let id = city::id(dice.below(self.0.0));
        client::get(&format!("/ngsi-ld/v1/temporal/entities/{id}?lastN=10"), out);
    }
    fn status(&self, _request: &[u8]) -> u16 {
        200
    }
}

/// Batches made beforehand: only their moments are new each time, so that making them is no load.
struct Batch {
    bodies: Vec<(Vec<u8>, Vec<usize>)>,
}

impl Batch {
    fn new(city: u64, count: u64) -> Self {
        let mut dice = Dice(count);
        let bodies = (0..100_000 / count).map(|_| {
            let body = city::updates(count, city, &mut dice).into_bytes();
            let moment = city::moment(0);
            let places = memchr::memmem::find_iter(&body, moment.as_bytes()).collect();
            (body, places)
        });
        Self {
            bodies: bodies.collect(),
        }
    }
}

impl Ask for Batch {
    fn request(&self, turn: u64, dice: &mut Dice, out: &mut Vec<u8>) {
        let pick = usize::try_from(dice.below(self.bodies.len() as u64)).unwrap_or(0);
        let Some((body, places)) = self.bodies.get(pick) else {
            return;
        };
        client::send("POST", "/ngsi-ld/v1/entityOperations/update", body, out);
        let start = out.len() - body.len();
        let moment = city::moment(200_000 + turn);
        for place in places {
            let at = start + place;
            if let Some(bytes) = out.get_mut(at..at + moment.len()) {
                bytes.copy_from_slice(moment.as_bytes());
            }
        }
    }
    fn status(&self, _request: &[u8]) -> u16 {
        204
    }
}

/// All measurements of a city of this size, reads before writes.
pub(crate) fn all(entities: u64) -> Vec<Measure> {
    let city = City(entities);
    let requests = ("requests", 1);
    let of = |name, ask: Arc<dyn Ask>, goal| Measure {
        name,
        ask,
        connections: None,
        unit: requests,
        goal,
    };
    let batch = |name, size: u64, goal| Measure {
        name,
        ask: Arc::new(Batch::new(entities, size)),
        connections: Some(16),
        unit: ("attribute updates", size * city::READINGS),
        goal,
    };
    vec![
        of("retrieve", Arc::new(Retrieve(city)), Goal::Ratio(0.65)),
        of(
            "query of 20 by type",
            Arc::new(Query(And::Nothing)),
            Goal::Ratio(0.15),
        ),
        of(
            "query of 20 by type and q",
            Arc::new(Query(And::Q)),
            Goal::Ratio(0.10),
        ),
        of(
            "query of 20 by type and place",
            Arc::new(Query(And::Place)),
            Goal::Ratio(0.10),
        ),
        of(
            "PATCH of one attribute",
            Arc::new(Patch(city)),
            Goal::Ratio(0.30),
        ),
        batch("batch of 100 entities", 100, Goal::PerSecond(500_000.0)),
        batch("batch of 1,000 entities", 1_000, Goal::PerSecond(500_000.0)),
        of("last 10 of the history", Arc::new(LastN(city)), Goal::None),
    ]
}
