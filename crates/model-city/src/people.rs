//! People: where they live and work, and what that means for streets hour by hour.
//!
//! Nobody is kept one by one: zones exchange trips by a gravity model, the trips take the quickest
//! streets, and all that is kept is one number a street. Memory is bounded by zones and streets,
//! whatever the number of inhabitants.

// Limit: all cars take the quickest way of an empty city, and a day's trips are spread over its
// hours by one curve for workdays and one for weekends; there are no holidays.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::chance::{Chance, count, reals};
use crate::ground::{Ground, Spot};
use crate::streets::Streets;

/// Zones to each side of the city.
const SIDE: i64 = 8;
/// Trips by car a day for each inhabitant.
const CAR_TRIPS: f64 = 1.1;
/// Vehicles a day by the capacity of an hour on a street that is full in the rush hours.
const FULL_DAY: f64 = 13.0;

/// A part of the city.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zone {
    pub(crate) spot: Spot,
    pub(crate) node: usize,
    pub(crate) homes: f64,
    pub(crate) jobs: f64,
}

/// Who lives where, and the traffic that this makes.
#[derive(Debug, Clone)]
pub(crate) struct People {
    pub(crate) zones: Vec<Zone>,
    /// Vehicles a day, both ways, on each edge of the streets.
    pub(crate) daily: Vec<f64>,
    /// Trips by car a day.
    pub(crate) trips: f64,
}

impl People {
    pub(crate) fn settle(
        chance: Chance,
        ground: &Ground,
        streets: &Streets,
        inhabitants: f64,
    ) -> Self {
        let chance = chance.of("people");
        let mut zones = Vec::new();
        for i in 0..SIDE {
            for j in 0..SIDE {
                let unit = |n: i64| (reals(n) + 0.5) / reals(SIDE) * 2.0 - 1.0;
                let spot = ground.laid_out(unit(i), unit(j));
                let out = spot.x.hypot(spot.y) / ground.radius;
                let own = chance.at((i * SIDE + j).unsigned_abs());
                let homes = (0.5 + (1.0 - out).max(0.0)) * own.at(1).between(0.6, 1.4);
                let harbour = ground.berth(0, 1).0.to(spot) / ground.radius;
                let jobs = (-3.2 * out).exp() * 4.0
                    + (-9.0 * harbour).exp() * 2.0
                    + own.at(2).between(0.05, 0.4);
                zones.push(Zone {
                    spot,
                    node: streets.nearest(spot),
                    homes,
                    jobs,
                });
            }
        }
        let homes: f64 = zones.iter().map(|zone| zone.homes).sum();
        let jobs: f64 = zones.iter().map(|zone| zone.jobs).sum();
        for zone in &mut zones {
            zone.homes *= inhabitants / homes;
            zone.jobs *= inhabitants * 0.46 / jobs;
        }
        let mut people = Self {
            zones,
            daily: vec![0.0; streets.edges.len()],
            trips: 0.0,
        };
        people.drive(streets, ground);
        people
    }

    /// Trips from zone to zone by gravity, on the quickest streets.
    fn drive(&mut self, streets: &Streets, ground: &Ground) {
        let jobs: f64 = self.zones.iter().map(|zone| zone.jobs).sum();
        for from in 0..self.zones.len() {
            let origin = self.zones[from];
            let pull = |zone: &Zone| {
                zone.jobs / jobs / (1.0 + 3.0 * origin.spot.to(zone.spot) / ground.radius).powi(2)
            };
            let all: f64 = self.zones.iter().map(pull).sum();
            let made = origin.homes * CAR_TRIPS;
            let tree = Tree::from(streets, origin.node);
            let mut flow = vec![0.0; streets.spots.len()];
            for zone in &self.zones {
                flow[zone.node] += made * pull(zone) / all;
            }
            for &node in tree.order.iter().rev() {
                if let Some(edge) = tree.by[node] {
                    self.daily[edge] += flow[node];
                    let ends = &streets.edges[edge];
                    let before = if ends.a == node { ends.b } else { ends.a };
                    flow[before] += flow[node];
                }
            }
            self.trips += made;
        }
        self.fit(streets);
    }

    /// Short errands are on every street, and goods and guests come with the people: a city has as
    /// many lanes as its rush hours need, so that the busiest seventh of its streets is full then.
    fn fit(&mut self, streets: &Streets) {
        let mut shares: Vec<f64> = streets
            .edges
            .iter()
            .zip(&self.daily)
            .map(|(edge, daily)| daily / edge.class.capacity())
            .collect();
        shares.sort_by(f64::total_cmp);
        let busy = shares.get(shares.len() * 17 / 20).copied().unwrap_or(1.0);
        for (edge, daily) in streets.edges.iter().zip(&mut self.daily) {
            *daily = *daily * FULL_DAY / busy.max(1e-6) + edge.class.capacity() * 3.4;
        }
    }

    /// Homes and jobs around a spot, each as a share of the densest part.
    pub(crate) fn around(&self, spot: Spot) -> (f64, f64) {
        let near = self
            .zones
            .iter()
            .min_by(|a, b| a.spot.to(spot).total_cmp(&b.spot.to(spot)));
        let most = |value: fn(&Zone) -> f64| self.zones.iter().map(value).fold(1.0, f64::max);
        near.map_or((0.5, 0.5), |zone| {
            (
                zone.homes / most(|zone| zone.homes),
                zone.jobs / most(|zone| zone.jobs),
            )
        })
    }
}

/// The quickest ways from one node to all.
pub(crate) struct Tree {
    /// The edge by which each node is reached.
    pub(crate) by: Vec<Option<usize>>,
    /// Nodes, the nearest first.
    pub(crate) order: Vec<usize>,
}

impl Tree {
    pub(crate) fn from(streets: &Streets, start: usize) -> Self {
        let mut best = vec![u64::MAX; streets.spots.len()];
        let mut by = vec![None; streets.spots.len()];
        let mut order = Vec::with_capacity(streets.spots.len());
        let mut done = vec![false; streets.spots.len()];
        let mut open = BinaryHeap::from([(Reverse(0_u64), start)]);
        best[start] = 0;
        while let Some((Reverse(cost), node)) = open.pop() {
            if std::mem::replace(&mut done[node], true) {
                continue;
            }
            order.push(node);
            for &number in &streets.at[node] {
                let edge = &streets.edges[number];
                let next = if edge.a == node { edge.b } else { edge.a };
                // Milliseconds of driving, and a moment for each crossing.
                let pace = edge.class.speed() / 3.6 * 0.8;
                let millis = (streets.length(number) / pace + 4.0) * 1_000.0;
                let total = cost + count(millis) as u64;
                if total < best[next] {
                    best[next] = total;
                    by[next] = Some(number);
                    open.push((Reverse(total), next));
                }
            }
        }
        Self { by, order }
    }

    /// The nodes from the start of the tree to a node.
    pub(crate) fn path(&self, streets: &Streets, to: usize) -> Vec<usize> {
        let mut path = vec![to];
        let mut node = to;
        while let Some(edge) = self.by[node] {
            let ends = &streets.edges[edge];
            node = if ends.a == node { ends.b } else { ends.a };
            path.push(node);
        }
        path.reverse();
        path
    }
}

/// What of the day's traffic drives in an hour of the day: a line through the hours of a workday.
const WORKDAY: [f64; 24] = [
    0.008, 0.005, 0.004, 0.004, 0.008, 0.020, 0.045, 0.072, 0.080, 0.062, 0.050, 0.048, 0.050,
    0.051, 0.050, 0.054, 0.066, 0.080, 0.076, 0.056, 0.040, 0.030, 0.024, 0.017,
];
const WEEKEND: [f64; 24] = [
    0.014, 0.010, 0.007, 0.005, 0.005, 0.009, 0.017, 0.027, 0.040, 0.053, 0.063, 0.069, 0.071,
    0.069, 0.067, 0.066, 0.066, 0.066, 0.062, 0.055, 0.046, 0.038, 0.030, 0.021,
];

/// A value between those of whole hours.
pub(crate) fn through(hours: &[f64; 24], hour: f64) -> f64 {
    let base = hour.floor();
    let first = count(base) % 24;
    let part = hour - base;
    hours[first] + (hours[(first + 1) % 24] - hours[first]) * part
}

/// The share of the day's traffic in an hour around this moment.
pub(crate) fn traffic(hour: f64, weekend: f64) -> f64 {
    through(&WORKDAY, hour) * (1.0 - weekend) + through(&WEEKEND, hour) * weekend * 0.78
}

/// How much of those who live somewhere are at home, and of those who work are at work.
pub(crate) fn at_home(hour: f64, weekend: f64) -> f64 {
    let away = bump(hour, 8.0, 18.2, 1.3);
    1.0 - away * (0.68 - 0.38 * weekend)
}

/// 1 between two hours of the day, 0 outside, with slopes of so many hours.
pub(crate) fn bump(hour: f64, from: f64, to: f64, slope: f64) -> f64 {
    let rise = |edge: f64| 1.0 / (1.0 + (-(hour - edge) * 4.0 / slope).exp());
    (rise(from) - rise(to)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workday_has_all_its_traffic_and_two_rush_hours() {
        let day: f64 = WORKDAY.iter().sum();
        assert!((day - 1.0).abs() < 1e-9, "{day}");
        assert!(traffic(8.0, 0.0) > 1.5 * traffic(12.0, 0.0));
        assert!(traffic(17.0, 0.0) > 1.5 * traffic(12.0, 0.0));
        assert!(traffic(3.0, 0.0) < 0.01);
        assert!((traffic(23.999_999, 0.3) - traffic(0.0, 0.3)).abs() < 1e-6);
    }
}
