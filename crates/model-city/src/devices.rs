//! The devices: which kinds there are, how many of each, and where they stand.

use crate::chance::{Chance, count, real, whole};
use crate::ground::{Ground, Spot};
use crate::lines::Line;
use crate::people::People;
use crate::places::{Places, Use};
use crate::plan::Counts;
use crate::streets::{Class, Streets};

/// Kinds of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Traffic,
    Air,
    Weather,
    Parking,
    Power,
    Museum,
    Berth,
    Hospital,
    School,
    Ship,
    Drone,
    Meter,
    Water,
    Bench,
    Light,
}

/// All kinds, the most telling first.
pub(crate) const KINDS: [Kind; 15] = [
    Kind::Traffic,
    Kind::Air,
    Kind::Weather,
    Kind::Parking,
    Kind::Power,
    Kind::Museum,
    Kind::Berth,
    Kind::Hospital,
    Kind::School,
    Kind::Ship,
    Kind::Drone,
    Kind::Meter,
    Kind::Water,
    Kind::Bench,
    Kind::Light,
];

impl Kind {
    /// The feed, the prefix of local ids, and the seconds between readings.
    fn facts(self) -> (&'static str, &'static str, i64) {
        match self {
            Self::Traffic => ("traffic", "t", 60),
            Self::Air => ("air", "a", 120),
            Self::Weather => ("weather", "w", 60),
            Self::Parking => ("parking", "p", 60),
            Self::Power => ("power", "tr", 60),
            Self::Museum => ("museum", "r", 120),
            Self::Berth => ("berths", "q", 120),
            Self::Hospital => ("hospitals", "h", 300),
            Self::School => ("schools", "s", 300),
            Self::Ship => ("ships", "v", 30),
            Self::Drone => ("drones", "d", 10),
            Self::Meter => ("meters", "m", 300),
            Self::Water => ("water", "wm", 300),
            Self::Bench => ("benches", "b", 180),
            Self::Light => ("lights", "l", 300),
        }
    }

    pub(crate) fn feed(self) -> &'static str {
        self.facts().0
    }

    pub(crate) fn every(self) -> i64 {
        self.facts().2
    }

    /// The id of a device within the city.
    pub(crate) fn local(self, number: usize) -> String {
        format!("{}-{:04}", self.facts().1, number + 1)
    }

    /// The kind and number that a local id means.
    pub(crate) fn parse(local: &str) -> Option<(Self, usize)> {
        let (prefix, number) = local.split_once('-')?;
        let kind = KINDS.into_iter().find(|kind| kind.facts().1 == prefix)?;
        Some((kind, number.parse::<usize>().ok()?.checked_sub(1)?))
    }

    pub(crate) fn moves(self) -> bool {
        matches!(self, Self::Ship | Self::Drone)
    }

    fn index(self) -> usize {
        KINDS.iter().position(|kind| *kind == self).unwrap_or(0)
    }
}

/// A device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device {
    pub(crate) spot: Spot,
    /// How large what it watches is: places, beds, kilowatts.
    pub(crate) size: f64,
    /// Homes and jobs around it, as shares of the densest part.
    pub(crate) homes: f64,
    pub(crate) jobs: f64,
    /// What it belongs to: a way, a piece of land, a place; by its number.
    pub(crate) link: usize,
}

/// All devices by kind.
#[derive(Debug, Clone)]
pub(crate) struct Devices(Vec<Vec<Device>>);

/// What is already built when devices are placed.
pub(crate) struct Site<'a> {
    pub(crate) counts: &'a Counts,
    pub(crate) ground: &'a Ground,
    pub(crate) streets: &'a Streets,
    pub(crate) people: &'a People,
    pub(crate) places: &'a Places,
    pub(crate) lines: &'a [Line],
}

impl Devices {
    pub(crate) fn of(&self, kind: Kind) -> &[Device] {
        &self.0[kind.index()]
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    pub(crate) fn place(chance: Chance, site: &Site<'_>) -> Self {
        let chance = chance.of("devices");
        let mut devices = Self(vec![Vec::new(); KINDS.len()]);
        let counts = site.counts;
        let mut left = counts.sensors;
        for kind in KINDS {
            let share = |part: f64, least: usize| count(real(counts.sensors) * part).max(least);
            let wanted = match kind {
                Kind::Traffic => share(0.12, 10),
                Kind::Air => share(0.012, 4).min(200),
                Kind::Weather => share(0.004, 3).min(60),
                Kind::Parking => share(0.03, 5),
                Kind::Power => share(0.06, 6),
                Kind::Meter => share(0.16, 6),
                Kind::Water => share(0.14, 6),
                Kind::Bench => share(0.05, 4),
                Kind::Museum => counts.museum_rooms,
                Kind::Hospital => counts.hospitals,
                Kind::School => counts.schools,
                Kind::Berth => counts.berths,
                Kind::Ship => counts.berths + counts.ferries,
                Kind::Drone => counts.drones,
                Kind::Light => usize::MAX,
            };
            let own = chance.nth(kind.index());
            let placed = site.placed(kind, own, wanted.min(left));
            left -= placed.len();
            devices.0[kind.index()] = placed;
        }
        devices
    }
}

impl Site<'_> {
    fn placed(&self, kind: Kind, chance: Chance, wanted: usize) -> Vec<Device> {
        if kind == Kind::Traffic {
            return self.counters(chance, wanted);
        }
        (0..wanted)
            .map(|number| self.device(kind, chance.nth(number), number, wanted))
            .collect()
    }

    fn here(&self, spot: Spot, size: f64, link: usize) -> Device {
        let (homes, jobs) = self.people.around(spot);
        Device {
            spot,
            size,
            homes,
            jobs,
            link,
        }
    }

    /// Traffic counters stand on different ways, on large roads more often.
    fn counters(&self, chance: Chance, wanted: usize) -> Vec<Device> {
        let ways = &self.streets.ways;
        let mut order: Vec<(u64, usize)> = (0..ways.len())
            .map(|way| {
                let weight = match ways[way].class {
                    Class::Motorway | Class::Trunk | Class::Primary => 8.0,
                    Class::Secondary => 4.0,
                    Class::Tertiary => 1.2,
                    Class::Residential | Class::Living => 0.15,
                };
                (chance.nth(way).unit().ln() / weight, way)
            })
            .map(|(key, way)| (whole(-key * 1e9).unsigned_abs(), way))
            .collect();
        order.sort_unstable();
        let ways = order.into_iter().take(wanted).map(|(_, way)| {
            let drawn = &ways[way];
            let edge = &self.streets.edges[drawn.edges[drawn.edges.len() / 2]];
            let spot = self.streets.spots[edge.a].toward(self.streets.spots[edge.b], 0.5);
            self.here(spot, drawn.class.capacity(), way)
        });
        ways.collect()
    }

    fn device(&self, kind: Kind, own: Chance, number: usize, all: usize) -> Device {
        let (places, ground) = (self.places, self.ground);
        match kind {
            Kind::Air | Kind::Weather => {
                let angle = 2.399_963 * real(number) + 1.0;
                let reach = ((real(number) + 0.3) / real(all)).sqrt() * ground.radius * 0.93;
                let spot = Spot::new(reach * angle.cos(), reach * angle.sin());
                let node = self.streets.spots[self.streets.nearest(spot)];
                self.here(node.plus(9.0, -7.0), 1.0, 0)
            }
            Kind::Parking => {
                let reach = own.at(1).unit().powf(1.2) * 0.95 * ground.radius;
                let angle = own.at(2).between(0.0, std::f64::consts::TAU);
                let spot = Spot::new(reach * angle.cos(), reach * angle.sin());
                let node = self.streets.nearest(spot);
                let size = own.at(3).unit().powi(2) * 520.0 + 36.0;
                self.here(
                    self.streets.spots[node].plus(18.0, 14.0),
                    size.round(),
                    node,
                )
            }
            Kind::Power => {
                let node = own.at(1).below(self.streets.spots.len());
                let size = [250.0, 400.0, 630.0, 1_000.0][own.at(2).below(4)];
                self.here(self.streets.spots[node].plus(-12.0, 10.0), size, node)
            }
            Kind::Meter | Kind::Water => {
                let buildings = &places.buildings;
                let building = own.at(1).below(buildings.len());
                let spot = buildings.get(building).map_or(Spot::default(), |building| {
                    building.corners[0].toward(building.corners[2], 0.5)
                });
                let floors = buildings
                    .get(building)
                    .map_or(1, |building| building.floors);
                self.here(
                    spot,
                    f64::from(floors) * own.at(2).between(2.0, 7.0),
                    building,
                )
            }
            Kind::Museum => {
                let side = real(number % 4) * 9.0 - 13.5;
                self.here(
                    places.museum.spot.plus(side, real(number / 4) * 11.0),
                    120.0,
                    number,
                )
            }
            Kind::Hospital => self.here(
                places.hospitals[number].spot,
                own.at(1).between(120.0, 620.0).round(),
                number,
            ),
            Kind::School => self.here(
                places.schools[number].spot,
                own.at(1).between(380.0, 1_250.0).round(),
                number,
            ),
            Kind::Berth => self.here(ground.berth(number, self.counts.berths).0, 1.0, number),
            Kind::Ship => self.here(ground.river(0.0), 1.0, number),
            Kind::Drone => self.here(
                places.hospitals[number % places.hospitals.len()].spot,
                1.0,
                number,
            ),
            Kind::Bench => self.bench(own),
            Kind::Light | Kind::Traffic => self.light(own),
        }
    }

    fn bench(&self, own: Chance) -> Device {
        let parks: Vec<usize> = (0..self.places.land.len())
            .filter(|land| self.places.land[*land].kind == Use::Park)
            .collect();
        let Some(&park) = parks.get(own.at(1).below(parks.len())) else {
            return self.stop_bench(own);
        };
        let land = &self.places.land[park];
        let corner = land.outline[own.at(2).below(4)];
        self.here(
            land.centre.toward(corner, own.at(3).between(0.1, 0.85)),
            90.0,
            park,
        )
    }

    /// A city without parks has its benches at stops.
    fn stop_bench(&self, own: Chance) -> Device {
        let line = &self.lines[own.at(4).below(self.lines.len())];
        let stop = &line.stops[own.at(5).below(line.stops.len())];
        self.here(stop.spot.plus(3.0, 3.0), 90.0, usize::MAX)
    }

    fn light(&self, own: Chance) -> Device {
        let way = own.at(1).below(self.streets.ways.len());
        let edges = &self.streets.ways[way].edges;
        let edge = &self.streets.edges[edges[own.at(2).below(edges.len())]];
        let (a, b) = (self.streets.spots[edge.a], self.streets.spots[edge.b]);
        let side = if own.at(3).happens(0.5) { 7.0 } else { -7.0 };
        let length = a.to(b).max(1.0);
        let spot = a.toward(b, own.at(4).between(0.05, 0.95));
        let spot = spot.plus(-(b.y - a.y) / length * side, (b.x - a.x) / length * side);
        Device {
            spot,
            size: 1.0,
            homes: 0.5,
            jobs: 0.5,
            link: way,
        }
    }
}
