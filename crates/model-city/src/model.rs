//! All parts of a city together.

use crate::SLUG;
use crate::boats::{Drone, Ship};
use crate::chance::Chance;
use crate::devices::{Devices, Site};
use crate::ground::{Ground, Spot};
use crate::lines::{self, Line};
use crate::moment::ZONE;
use crate::names::{self, Name};
use crate::people::People;
use crate::places::Places;
use crate::plan::{Counts, Plan};
use crate::rolling::Rolling;
use crate::streets::Streets;

/// A city, built once and never changed.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) chance: Chance,
    pub(crate) name: Name,
    pub(crate) slug: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) counts: Counts,
    pub(crate) ground: Ground,
    pub(crate) streets: Streets,
    pub(crate) people: People,
    pub(crate) places: Places,
    pub(crate) lines: Vec<Line>,
    pub(crate) railway: (Vec<Spot>, Spot),
    pub(crate) rolling: Rolling,
    pub(crate) devices: Devices,
    /// Freighters first, each with the berth of its number; then ferries.
    pub(crate) ships: Vec<Ship>,
    pub(crate) drones: Vec<Drone>,
}

impl Model {
    pub(crate) fn build(plan: &Plan) -> Self {
        let chance = Chance::new(plan.seed);
        let counts = plan.counts();
        let ground = Ground::new(chance, counts.radius);
        let streets = Streets::build(chance, &ground);
        let people = People::settle(chance, &ground, &streets, counts.inhabitants);
        let places = Places::build(chance, &counts, &ground, &streets);
        let lines = lines::lay(chance, &counts, &ground, &streets, &people);
        let site = Site {
            counts: &counts,
            ground: &ground,
            streets: &streets,
            people: &people,
            places: &places,
            lines: &lines,
        };
        let devices = Devices::place(chance, &site);
        let freighters = (0..counts.berths)
            .map(|number| Ship::freighter(chance, &ground, number, counts.berths));
        let ferries =
            (0..counts.ferries).map(|number| Ship::ferry(chance, &ground, number, counts.ferries));
        let ships = freighters.chain(ferries).collect();
        let drones = (0..counts.drones)
            .map(|number| drone(chance, &places, number))
            .collect();
        let rolling = Rolling::new(chance, &lines);
        let railway = lines::railway(&ground);
        Self {
            chance,
            name: names::city(),
            slug: SLUG,
            zone: ZONE,
            counts,
            ground,
            streets,
            people,
            places,
            lines,
            railway,
            rolling,
            devices,
            ships,
            drones,
        }
    }
}

/// Corridors lead from hospitals to schools and other hospitals.
fn drone(chance: Chance, places: &Places, number: usize) -> Drone {
    let own = chance.of("corridor").nth(number);
    let pads: Vec<Spot> = places
        .hospitals
        .iter()
        .chain(&places.schools)
        .chain(&places.others)
        .map(|place| place.spot)
        .collect();
    let from = places.hospitals[number % places.hospitals.len()].spot;
    let far = (0..5)
        .map(|round| pads[own.at(round).below(pads.len())])
        .max_by(|a, b| a.to(from).total_cmp(&b.to(from)));
    Drone::new(chance, number, from, far.unwrap_or(from))
}
