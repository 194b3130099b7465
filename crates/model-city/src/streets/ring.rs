//! The motorway around the city, the ways onto it, and the roads out.

use super::lattice::{ACROSS, ALONG, BELT, Builder, DIAGONAL, OUT, RING};
use super::{Class, Edge};
use crate::chance::real;
use crate::ground::Spot;
use crate::names::Way;

/// Corners of the ring.
const STEPS: usize = 96;

impl Builder<'_> {
    pub(super) fn ring(&mut self) {
        let street = self.street(RING, 0, Way::Avenue);
        let first = self.spots.len();
        for step in 0..STEPS {
            let angle = real(step) / real(STEPS) * std::f64::consts::TAU;
            let reach = self.ground.radius * 1.2;
            let spot = Spot::new(reach * angle.cos(), reach * angle.sin());
            self.add(self.ground.bend(spot));
        }
        for step in 0..STEPS {
            self.join(
                first + step,
                first + (step + 1) % STEPS,
                Class::Motorway,
                street,
            );
        }
        self.ramps(first);
        for number in 0..4 {
            self.way_out(first, number);
        }
    }

    /// A node of its own, outside the lattice.
    fn add(&mut self, spot: Spot) -> usize {
        self.spots.push(spot);
        self.snapped.push(0);
        self.spots.len() - 1
    }

    fn join(&mut self, a: usize, b: usize, class: Class, street: usize) {
        let bridge = self.is_bridge(a, b);
        self.edges.push(Edge {
            a,
            b,
            class,
            street,
            bridge,
        });
    }

    /// The ends of large streets lead onto the ring, unless water is between.
    fn ramps(&mut self, first: usize) {
        let (half, outer) = (self.half, self.part(0.62));
        let mut ends = Vec::new();
        for place in [0, outer, -outer, half, -half] {
            ends.extend([(half, place), (-half, place), (place, half), (place, -half)]);
        }
        ends.sort_unstable();
        ends.dedup();
        for (i, j) in ends {
            let Some(&node) = self.lattice.get(&(i, j)) else {
                continue;
            };
            let end = self.spots[node];
            let nearest = (first..first + STEPS)
                .min_by(|a, b| self.spots[*a].to(end).total_cmp(&self.spots[*b].to(end)));
            let Some(to) = nearest.filter(|to| !self.is_bridge(node, *to)) else {
                continue;
            };
            let (kind, line) = match (i.abs() == half, j.abs() == half) {
                (true, true) => (DIAGONAL, quarter(i, j)),
                (true, false) if j.abs() == outer => (BELT, 1),
                (true, false) => (ALONG, j),
                _ if i.abs() == outer => (BELT, 1),
                _ => (ACROSS, i),
            };
            let street = self.street(kind, line, Way::Avenue);
            self.join(node, to, Class::Primary, street);
        }
    }

    /// A road from the ring into the land.
    fn way_out(&mut self, first: usize, number: usize) {
        let from = first + number * STEPS / 4;
        let street = self.street(OUT, i64::try_from(number).unwrap_or(0), Way::Avenue);
        let start = self.spots[from];
        let mut last = from;
        for step in 1..=6 {
            let factor = 1.0 + 0.1 * f64::from(step);
            let node = self.add(Spot::new(start.x * factor, start.y * factor));
            self.join(last, node, Class::Trunk, street);
            last = node;
        }
    }
}

/// The number of the diagonal that ends in a corner.
fn quarter(i: i64, j: i64) -> i64 {
    match (i > 0, j > 0) {
        (true, true) => 0,
        (false, true) => 1,
        (false, false) => 2,
        (true, false) => 3,
    }
}
