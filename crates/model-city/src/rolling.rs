//! Vehicles on their lines, and who is aboard.
//!
//! The vehicles of a line go round with equal distances; out of the rush hours every second rests
//! at the first stop, at night all but one bus. Where each is, and how many sit in it, follows from
//! the moment alone.

use crate::chance::{Chance, count, real, reals};
use crate::ground::Spot;
use crate::lines::Line;
use crate::moment::{DAY_SECONDS, Moment};
use crate::people::{bump, traffic};

/// The service days, and whether they are weekend.
pub(crate) const DAYS: [(&str, bool); 2] = [("workday", false), ("weekend", true)];
const NIGHT_END: i64 = 5 * 3_600 + 1_800;

/// Hours of the day from which another service holds: every n-th vehicle is out; 0 is the night's.
const WORKDAY: [(i64, i64); 6] = [
    (0, 0),
    (NIGHT_END, 2),
    (7 * 3_600, 1),
    (10 * 3_600, 2),
    (16 * 3_600 + 1_800, 1),
    (19 * 3_600 + 1_800, 2),
];
const WEEKEND: [(i64, i64); 2] = [(0, 0), (NIGHT_END, 2)];

fn services(weekend: bool) -> &'static [(i64, i64)] {
    if weekend { &WEEKEND } else { &WORKDAY }
}

/// A stop on a trip, in seconds from its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) stop: usize,
    pub(crate) arrival: i64,
    pub(crate) departure: i64,
}

/// The calls of a trip, there or back.
pub(crate) fn calls(line: &Line, back: bool) -> Vec<Call> {
    let stops = line.stops.len();
    let mut now = 0;
    let mut calls = Vec::with_capacity(stops);
    for place in 0..stops {
        let stop = if back { stops - 1 - place } else { place };
        let ends = place == 0 || place == stops - 1;
        let departure = if ends { now } else { now + line.dwell };
        calls.push(Call {
            stop,
            arrival: now,
            departure,
        });
        if place + 1 < stops {
            now = departure + line.seconds(if back { stop - 1 } else { stop });
        }
    }
    calls
}

/// The trip of a line, there or back, on a service day.
pub(crate) fn trip_id(line: &Line, back: bool, day: &str) -> String {
    format!("{}-{}-{day}", line.id, u8::from(back))
}

/// A vehicle at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Vehicle {
    pub(crate) line: usize,
    pub(crate) id: String,
    pub(crate) spot: Spot,
    /// Metres a second.
    pub(crate) speed: f64,
    pub(crate) bearing: f64,
    /// The stop at which it is or to which it goes.
    pub(crate) stop: usize,
    pub(crate) stopped: bool,
    pub(crate) aboard: u32,
    /// The trip; nothing when it rests.
    pub(crate) trip: Option<Trip>,
}

/// A trip of a vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trip {
    pub(crate) back: bool,
    /// When it began, on the city's clocks.
    pub(crate) start: i64,
}

/// Passengers at one stop of a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) alight: u32,
    pub(crate) board: u32,
}

/// What does not change of all lines.
#[derive(Debug, Clone)]
pub(crate) struct Rolling {
    chance: Chance,
    lines: Vec<Round>,
}

#[derive(Debug, Clone)]
struct Round {
    fleet: i64,
    cycle: i64,
    run: i64,
    calls: [Vec<Call>; 2],
}

impl Rolling {
    pub(crate) fn new(chance: Chance, lines: &[Line]) -> Self {
        let round = |line: &Line| Round {
            fleet: line.fleet(),
            cycle: line.cycle(),
            run: line.run(),
            calls: [calls(line, false), calls(line, true)],
        };
        Self {
            chance: chance.of("rolling"),
            lines: lines.iter().map(round).collect(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.lines
            .iter()
            .map(|round| usize::try_from(round.fleet).unwrap_or(0))
            .sum()
    }

    /// All vehicles at a moment, those that rest too.
    pub(crate) fn vehicles(&self, lines: &[Line], moment: Moment) -> Vec<Vehicle> {
        let mut vehicles = Vec::with_capacity(self.count());
        for (number, line) in lines.iter().enumerate() {
            for vehicle in 0..self.lines[number].fleet {
                vehicles.push(self.vehicle(lines, number, vehicle, moment));
            }
            debug_assert!(line.stops.len() >= 2);
        }
        vehicles
    }

    fn vehicle(&self, lines: &[Line], number: usize, vehicle: i64, moment: Moment) -> Vehicle {
        let (line, round) = (&lines[number], &self.lines[number]);
        let id = format!("{}-{:02}", line.id.to_lowercase(), vehicle + 1);
        let gap = round.cycle / round.fleet;
        let phase = (moment.local - vehicle * gap).rem_euclid(round.cycle);
        let begun = moment.local - phase;
        let rest = (round.cycle - 2 * round.run) / 2;
        let out = is_out(line, vehicle, begun);
        let (back, since) = if phase < round.run {
            (false, phase)
        } else if phase < round.run + rest {
            return Self::resting(line, number, id, out);
        } else if phase < 2 * round.run + rest {
            (true, phase - round.run - rest)
        } else {
            return Self::resting(line, number, id, false);
        };
        if !out {
            return Self::resting(line, number, id, false);
        }
        let trip = Trip {
            back,
            start: moment.local - since,
        };
        let calls = &round.calls[usize::from(back)];
        let next = calls
            .partition_point(|call| call.departure <= since)
            .min(calls.len() - 1);
        let (before, call) = (calls[next.saturating_sub(1)], calls[next]);
        let along = |stop: usize| line.stops[stop].along;
        let span = reals((call.arrival - before.departure).max(1));
        let part = (reals(since - before.departure) / span).clamp(0.0, 1.0);
        let eased = part * part * (3.0 - 2.0 * part);
        let metres = along(before.stop) + (along(call.stop) - along(before.stop)) * eased;
        let speed =
            (along(call.stop) - along(before.stop)).abs() / span * 6.0 * part * (1.0 - part);
        let ahead = if back { -4.0 } else { 4.0 };
        let spot = line.spot(metres);
        let changes = self.passengers(line, number, vehicle, trip);
        let left = if since >= call.arrival {
            next + 1
        } else {
            next
        };
        let aboard = aboard(&changes, left);
        let bearing = line.spot(metres - ahead).bearing(line.spot(metres + ahead));
        let stopped = since >= call.arrival;
        Vehicle {
            line: number,
            id,
            spot,
            speed,
            bearing,
            stop: call.stop,
            stopped,
            aboard,
            trip: Some(trip),
        }
    }

    fn resting(line: &Line, number: usize, id: String, far: bool) -> Vehicle {
        let stop = if far { line.stops.len() - 1 } else { 0 };
        let (spot, next) = (
            line.stops[stop].spot,
            line.stops[if far { stop - 1 } else { 1 }].spot,
        );
        let bearing = spot.bearing(next);
        Vehicle {
            line: number,
            id,
            spot,
            speed: 0.0,
            bearing,
            stop,
            stopped: true,
            aboard: 0,
            trip: None,
        }
    }

    /// Who gets off and on at each stop of a trip: homes send people in the morning, jobs in the
    /// evening; each of them goes to some stop further on, by gravity.
    pub(crate) fn passengers(
        &self,
        line: &Line,
        number: usize,
        vehicle: i64,
        trip: Trip,
    ) -> Vec<Change> {
        let hour = reals(trip.start.rem_euclid(DAY_SECONDS)) / 3_600.0;
        let weekend = weekend(trip.start);
        let morning = bump(hour, 5.5, 11.5, 2.0) * (1.0 - weekend);
        let evening = bump(hour, 14.5, 20.5, 2.0) * (1.0 - weekend);
        let calls = &self.lines[number].calls[usize::from(trip.back)];
        let sends = |call: &Call| {
            let stop = &line.stops[call.stop];
            0.15 + stop.homes * (0.3 + morning) + stop.jobs * (0.3 + evening)
        };
        let takes = |call: &Call| {
            let stop = &line.stops[call.stop];
            0.15 + stop.jobs * (0.3 + morning) + stop.homes * (0.3 + evening)
        };
        let all: f64 = calls.iter().map(sends).sum();
        let mut ahead: f64 = calls.iter().map(takes).sum();
        let every = ahead;
        let wanted = f64::from(line.capacity) * 19.0 * traffic(hour, weekend).min(0.08);
        let own = self
            .chance
            .nth(number)
            .at(vehicle.unsigned_abs())
            .at(trip.start.unsigned_abs());
        let mut inside = 0_u32;
        let mut changes = Vec::with_capacity(calls.len());
        for (place, call) in calls.iter().enumerate() {
            let chance = own.nth(place);
            let last = place + 1 == calls.len();
            let share = takes(call) / ahead.max(1e-9);
            let alight = if last {
                inside
            } else {
                whole(f64::from(inside) * share, chance.at(1)).min(inside)
            };
            inside -= alight;
            ahead -= takes(call);
            let wish = wanted * sends(call) / all
                * (ahead / every).max(0.0)
                * chance.at(2).between(0.55, 1.45);
            let board = if last {
                0
            } else {
                whole(wish, chance.at(3)).min(line.capacity - inside)
            };
            inside += board;
            changes.push(Change { alight, board });
        }
        changes
    }
}

/// From when to when which headway holds on a service day, in seconds.
pub(crate) fn headways(line: &Line, day: &str) -> Vec<(i64, i64, i64)> {
    let weekend = DAYS.iter().any(|(name, weekend)| *name == day && *weekend);
    let services = services(weekend);
    let ends = services
        .iter()
        .skip(1)
        .map(|(from, _)| *from)
        .chain([DAY_SECONDS]);
    services
        .iter()
        .zip(ends)
        .filter_map(|((from, every), to)| {
            let headway = match every {
                0 if line.metro => return None,
                0 => line.cycle(),
                every => line.cycle() / line.fleet() * every,
            };
            Some((*from, to, headway))
        })
        .collect()
}

/// Rounds by chance, so that small numbers come out right on the average.
fn whole(number: f64, chance: Chance) -> u32 {
    u32::try_from(count((number + chance.unit() - 0.5).max(0.0))).unwrap_or(0)
}

/// Passengers in a vehicle that has left so many stops.
pub(crate) fn aboard(changes: &[Change], left: usize) -> u32 {
    changes
        .iter()
        .take(left)
        .fold(0, |inside, change| inside - change.alight + change.board)
}

fn weekend(local: i64) -> f64 {
    if (local.div_euclid(DAY_SECONDS) + 3).rem_euclid(7) >= 5 {
        1.0
    } else {
        0.0
    }
}

/// The service day of a moment on the city's clocks.
pub(crate) fn day(local: i64) -> &'static str {
    if weekend(local) > 0.5 {
        DAYS[1].0
    } else {
        DAYS[0].0
    }
}

/// Whether a vehicle that would begin its round at this moment does.
fn is_out(line: &Line, vehicle: i64, begun: i64) -> bool {
    let second = begun.rem_euclid(DAY_SECONDS);
    let services = services(weekend(begun) > 0.5);
    let held = services.partition_point(|(from, _)| *from <= second).max(1) - 1;
    match services[held].1 {
        0 => !line.metro && vehicle == 0,
        every => vehicle % every == 0,
    }
}

/// How full a vehicle is, from 0 to 1.
pub(crate) fn fullness(line: &Line, aboard: u32) -> f64 {
    f64::from(aboard) / real(usize::try_from(line.capacity).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::plan::Plan;

    fn model() -> Model {
        Model::build(&Plan {
            seed: 2,
            inhabitants: 60_000,
            sensors: Some(200),
        })
    }

    #[test]
    fn whoever_boards_gets_off_again_and_nobody_is_left_behind_inside() {
        let model = model();
        let mut carried = 0;
        for (number, line) in model.lines.iter().enumerate() {
            for start in (0..48).map(|half| 1_790_000_000 + half * 1_800) {
                for back in [false, true] {
                    let trip = Trip { back, start };
                    let changes = model.rolling.passengers(line, number, 1, trip);
                    let boarded: u32 = changes.iter().map(|change| change.board).sum();
                    let alighted: u32 = changes.iter().map(|change| change.alight).sum();
                    assert_eq!(boarded, alighted);
                    for left in 0..=changes.len() {
                        let (before, _) = changes.split_at(left);
                        let boarded: u32 = before.iter().map(|change| change.board).sum();
                        let alighted: u32 = before.iter().map(|change| change.alight).sum();
                        assert_eq!(boarded, alighted + aboard(&changes, left));
                        assert!(aboard(&changes, left) <= line.capacity);
                    }
                    carried += boarded;
                }
            }
        }
        assert!(carried > 1_000);
    }

    #[test]
    fn vehicles_go_steadily_from_stop_to_stop() {
        let model = model();
        let at = |second: i64| {
            let moment = Moment::at(1_790_040_000 + second * 5);
            model.rolling.vehicles(&model.lines, moment)
        };
        let mut last = at(0);
        let mut moved = 0;
        for second in 1..1_500 {
            let now = at(second);
            for (a, b) in last.iter().zip(&now) {
                let fastest = model.lines[a.line].pace / 3.6 * 1.6 * 5.0;
                assert!(a.spot.to(b.spot) <= fastest, "{a:?} {b:?}");
                moved += usize::from(a.spot.to(b.spot) > 1.0);
            }
            last = now;
        }
        assert!(moved > 10_000);
    }

    #[test]
    fn more_vehicles_are_out_when_people_go_to_work() {
        let model = model();
        let out = |text: &str| {
            let moment = Moment::of(base::Time::parse(text).unwrap());
            let vehicles = model.rolling.vehicles(&model.lines, moment);
            vehicles
                .iter()
                .filter(|vehicle| vehicle.trip.is_some())
                .count()
        };
        let (rush, noon, night) = (
            out("2026-11-23T03:20:00Z"),
            out("2026-11-23T08:00:00Z"),
            out("2026-11-22T22:00:00Z"),
        );
        assert!(
            rush > noon && noon > night && night > 0,
            "{rush} {noon} {night}"
        );
    }
}
