//! What moves without streets: ships between the sea side and their berths, ferries, drones.

use crate::chance::{Chance, real, reals, whole};
use crate::ground::{Ground, Spot};
use crate::moment::{Moment, Weather};

/// A path with its length.
#[derive(Debug, Clone)]
struct Path {
    spots: Vec<Spot>,
    along: Vec<f64>,
}

impl Path {
    fn new(spots: Vec<Spot>) -> Self {
        let mut total = 0.0;
        let mut along = vec![0.0];
        for pair in spots.windows(2) {
            total += pair[0].to(pair[1]);
            along.push(total);
        }
        Self { spots, along }
    }

    fn length(&self) -> f64 {
        self.along.last().copied().unwrap_or(0.0)
    }

    fn spot(&self, metres: f64) -> Spot {
        let next = self
            .along
            .partition_point(|along| *along <= metres)
            .clamp(1, self.along.len() - 1);
        let (from, to) = (self.along[next - 1], self.along[next]);
        let part = ((metres - from) / (to - from).max(0.01)).clamp(0.0, 1.0);
        self.spots[next - 1].toward(self.spots[next], part)
    }
}

/// Something on its way, or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Motion {
    pub(crate) spot: Spot,
    /// Metres a second.
    pub(crate) speed: f64,
    pub(crate) bearing: f64,
    /// At its berth, pier or pad.
    pub(crate) home: bool,
}

/// A ship with a berth of its own, or a ferry without.
#[derive(Debug, Clone)]
pub(crate) struct Ship {
    path: Path,
    /// Seconds of a whole round, and of the time at the berth; the way takes what its length does.
    round: i64,
    moored: i64,
    offset: i64,
    pace: f64,
}

impl Ship {
    /// A ship that comes up the river to a berth, lies there and leaves.
    pub(crate) fn freighter(chance: Chance, ground: &Ground, number: usize, berths: usize) -> Self {
        let own = chance.of("freighter").nth(number);
        let (berth, along) = ground.berth(number, berths);
        let anchor = ground.radius * (1.28 + 0.5 * (real(number) + 0.5) / real(berths));
        let steps = 60;
        let mut spots: Vec<Spot> = (0..=steps)
            .map(|step| {
                ground.river(anchor + (along - anchor) * f64::from(step) / f64::from(steps))
            })
            .collect();
        spots.push(berth);
        let path = Path::new(spots);
        let pace = 3.4;
        let way = whole(path.length() / pace);
        let moored = whole(own.at(1).between(3.0, 9.0) * 3_600.0);
        let away = whole(own.at(2).between(1.0, 4.0) * 3_600.0);
        let round = moored + away + 2 * way;
        Self {
            path,
            round,
            moored,
            offset: whole(own.at(3).unit() * reals(round)),
            pace,
        }
    }

    /// A ferry that goes up and down the river past the centre.
    pub(crate) fn ferry(chance: Chance, ground: &Ground, number: usize, ferries: usize) -> Self {
        let own = chance.of("ferry").nth(number);
        let steps = 70;
        let (from, to) = (-0.85 * ground.radius, 0.5 * ground.radius);
        let spots = (0..=steps)
            .map(|step| ground.river(from + (to - from) * f64::from(step) / f64::from(steps)))
            .collect();
        let path = Path::new(spots);
        let pace = own.between(3.6, 4.6);
        let moored = 420;
        let round = 2 * (whole(path.length() / pace) + moored);
        let offset = whole(reals(round) * real(number) / real(ferries));
        Self {
            path,
            round,
            moored,
            offset,
            pace,
        }
    }

    pub(crate) fn at(&self, moment: Moment) -> Motion {
        let phase = (moment.utc + self.offset).rem_euclid(self.round);
        let way = whole(self.path.length() / self.pace);
        // At anchor or the first pier, in, moored, out again.
        let waiting = self.round - self.moored - 2 * way;
        let (part, sense) = if phase < waiting {
            (0.0, 0.0)
        } else if phase < waiting + way {
            (reals(phase - waiting) / reals(way), 1.0)
        } else if phase < waiting + way + self.moored {
            (1.0, 0.0)
        } else {
            (
                1.0 - reals(phase - waiting - way - self.moored) / reals(way),
                -1.0,
            )
        };
        let eased = part * part * (3.0 - 2.0 * part);
        let metres = self.path.length() * eased;
        let spot = self.path.spot(metres);
        let ahead = if sense < 0.0 { -5.0 } else { 5.0 };
        let bearing = self
            .path
            .spot(metres - ahead)
            .bearing(self.path.spot(metres + ahead));
        let speed = self.pace * 6.0 * part * (1.0 - part) * f64::abs(sense);
        Motion {
            spot,
            speed,
            bearing,
            home: part >= 1.0,
        }
    }
}

/// A drone between two pads.
#[derive(Debug, Clone)]
pub(crate) struct Drone {
    pub(crate) from: Spot,
    pub(crate) to: Spot,
    round: i64,
    offset: i64,
    chance: Chance,
}

const DRONE_PACE: f64 = 14.0;
const DRONE_STOP_SECONDS: i64 = 90;

/// How high and how charged a drone is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) motion: Motion,
    pub(crate) altitude: f64,
    pub(crate) battery: f64,
}

impl Drone {
    pub(crate) fn new(chance: Chance, number: usize, from: Spot, to: Spot) -> Self {
        let own = chance.of("drone").nth(number);
        let way = whole(from.to(to) / DRONE_PACE).max(20);
        let round = 2 * way + DRONE_STOP_SECONDS + whole(own.at(1).between(420.0, 1_300.0));
        Self {
            from,
            to,
            round,
            offset: whole(own.at(2).unit() * reals(round)),
            chance: own.at(3),
        }
    }

    pub(crate) fn at(&self, city: Chance, moment: Moment) -> Flight {
        let phase = (moment.utc + self.offset).rem_euclid(self.round);
        let begun = Moment::at(moment.utc - phase);
        let wind = Weather::at(city, begun).wind;
        let day = (6.0..22.0).contains(&begun.hour)
            || self.chance.at(begun.utc.unsigned_abs()).happens(0.12);
        let way = whole(self.from.to(self.to) / DRONE_PACE).max(20);
        let flown = 2 * way + DRONE_STOP_SECONDS;
        let drain = reals(flown) / 2_600.0;
        if !day || wind > 11.0 || phase >= flown {
            let charging = reals((phase - flown).max(0)) / reals(self.round - flown).max(1.0);
            let battery = if !day || wind > 11.0 {
                1.0
            } else {
                (1.0 - drain).max(0.15).mul_add(1.0 - charging, charging)
            };
            let motion = Motion {
                spot: self.from,
                speed: 0.0,
                bearing: self.from.bearing(self.to),
                home: true,
            };
            return Flight {
                motion,
                altitude: 0.0,
                battery,
            };
        }
        let (part, back) = if phase < way {
            (reals(phase) / reals(way), false)
        } else if phase < way + DRONE_STOP_SECONDS {
            (1.0, false)
        } else {
            (
                1.0 - reals(phase - way - DRONE_STOP_SECONDS) / reals(way),
                true,
            )
        };
        let moving = part < 1.0;
        let altitude = 70.0 * (part * 12.0).min(1.0) * ((1.0 - part) * 12.0).clamp(0.25, 1.0);
        let bearing = if back {
            self.to.bearing(self.from)
        } else {
            self.from.bearing(self.to)
        };
        let speed = if moving { DRONE_PACE } else { 0.0 };
        let motion = Motion {
            spot: self.from.toward(self.to, part),
            speed,
            bearing,
            home: false,
        };
        let battery = (1.0 - drain * reals(phase) / reals(flown)).max(0.15);
        Flight {
            motion,
            altitude,
            battery,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Model;
    use crate::moment::Moment;
    use crate::plan::Plan;

    #[test]
    fn ships_stay_on_the_water_and_never_jump() {
        for (seed, inhabitants) in [(1, 5_000), (2, 60_000), (3, 300_000)] {
            let plan = Plan {
                seed,
                inhabitants,
                sensors: Some(200),
            };
            let model = Model::build(&plan);
            for ship in &model.ships {
                let mut last = ship.at(Moment::at(1_790_000_000)).spot;
                for step in 1..2_000 {
                    let motion = ship.at(Moment::at(1_790_000_000 + step * 30));
                    assert!(model.ground.is_wet(motion.spot, 0.5), "{seed} {motion:?}");
                    assert!(last.to(motion.spot) < 30.0 * 7.0);
                    last = motion.spot;
                }
            }
        }
    }

    #[test]
    fn a_berth_is_taken_while_its_ship_lies_there() {
        let model = Model::build(&Plan {
            seed: 4,
            inhabitants: 50_000,
            sensors: None,
        });
        let ship = &model.ships[0];
        let berth = model.ground.berth(0, model.counts.berths).0;
        let home = |hour: i64| ship.at(Moment::at(1_790_000_000 + hour * 1_800));
        let moored = (0..200).map(home).filter(|motion| motion.home);
        assert!(moored.clone().all(|motion| motion.spot.to(berth) < 0.1));
        assert!((20..180).contains(&moored.count()));
    }
}
