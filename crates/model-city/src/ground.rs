//! The ground: where the city lies, its river and the basin of its port.
//!
//! All is reckoned in metres east and north of the centre. The river is the graph of a function in
//! a turned frame, so that how far a place lies from it is a short sum.

use crate::chance::{Chance, real};

/// Longitude and latitude of the centre: an empty steppe.
pub(crate) const CENTRE: [f64; 2] = [66.1, 41.9];
const METRES_PER_DEGREE: f64 = 111_195.0;

/// Metres east and north of the centre.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spot {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Spot {
    pub(crate) const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    pub(crate) fn to(self, other: Self) -> f64 {
        (other.x - self.x).hypot(other.y - self.y)
    }

    /// The spot at this part of the way to another.
    pub(crate) fn toward(self, other: Self, part: f64) -> Self {
        Self::new(
            self.x + (other.x - self.x) * part,
            self.y + (other.y - self.y) * part,
        )
    }

    pub(crate) fn plus(self, x: f64, y: f64) -> Self {
        Self::new(self.x + x, self.y + y)
    }

    /// Degrees clockwise from north toward another spot.
    pub(crate) fn bearing(self, other: Self) -> f64 {
        (other.x - self.x)
            .atan2(other.y - self.y)
            .to_degrees()
            .rem_euclid(360.0)
    }

    /// Longitude and latitude, to the centimetre.
    pub(crate) fn degrees(self) -> [f64; 2] {
        let lat = CENTRE[1] + self.y / METRES_PER_DEGREE;
        let lon = CENTRE[0] + self.x / (METRES_PER_DEGREE * CENTRE[1].to_radians().cos());
        [(lon * 1e7).round() / 1e7, (lat * 1e7).round() / 1e7]
    }
}

/// The ground of the city.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// Metres from the centre to the edge of the streets.
    pub(crate) radius: f64,
    /// Metres from bank to bank.
    pub(crate) width: f64,
    chance: Chance,
    turn: (f64, f64),
    phases: [f64; 2],
    /// Where along the river the port lies, from and to.
    port: (f64, f64),
    /// How far the basin goes from the middle of the river.
    depth: f64,
}

impl Ground {
    pub(crate) fn new(chance: Chance, radius: f64) -> Self {
        let chance = chance.of("ground");
        let angle = chance.at(1).between(-0.45, 0.45);
        let width = (45.0 + radius * 0.035).min(420.0);
        let from = chance.at(2).between(0.52, 0.6) * radius;
        Self {
            radius,
            width,
            chance,
            turn: angle.sin_cos(),
            phases: [
                chance.at(3).between(0.0, 6.3),
                chance.at(4).between(0.0, 6.3),
            ],
            port: (from, from + 0.22 * radius),
            depth: width / 2.0 + (0.09 * radius).max(110.0),
        }
    }

    /// The frame of the river: along it, and to its left.
    fn along(&self, spot: Spot) -> (f64, f64) {
        let (sin, cos) = self.turn;
        (spot.x * cos + spot.y * sin, spot.y * cos - spot.x * sin)
    }

    fn back(&self, along: f64, left: f64) -> Spot {
        let (sin, cos) = self.turn;
        Spot::new(along * cos - left * sin, along * sin + left * cos)
    }

    fn middle(&self, along: f64) -> f64 {
        let r = self.radius;
        r * (-0.30
            + 0.13 * (2.1 * along / r + self.phases[0]).sin()
            + 0.045 * (5.3 * along / r + self.phases[1]).sin())
    }

    /// A spot of the middle of the river, by metres along its frame from the centre of the city.
    pub(crate) fn river(&self, along: f64) -> Spot {
        self.back(along, self.middle(along))
    }

    /// Metres from the middle of the river, negative on its right.
    pub(crate) fn off_river(&self, spot: Spot) -> f64 {
        let (along, left) = self.along(spot);
        let slope = (self.middle(along + 5.0) - self.middle(along - 5.0)) / 10.0;
        (left - self.middle(along)) / slope.hypot(1.0)
    }

    /// Metres along the frame of the river.
    pub(crate) fn along_river(&self, spot: Spot) -> f64 {
        self.along(spot).0
    }

    /// The spot is moved to lie so far from the middle of the river.
    pub(crate) fn beside_river(&self, spot: Spot, distance: f64) -> Spot {
        let now = self.off_river(spot);
        let (along, left) = self.along(spot);
        self.back(along, left + distance - now)
    }

    /// Whether a spot lies in the basin of the port, or within so many metres of it.
    pub(crate) fn in_basin(&self, spot: Spot, margin: f64) -> bool {
        let (along, left) = self.along(spot);
        along > self.port.0 - margin
            && along < self.port.1 + margin
            && left > self.middle(along) - margin
            && left < self.quay() + margin
    }

    /// How far to the left of the frame the quay of the basin lies.
    fn quay(&self) -> f64 {
        self.middle(self.port.0.midpoint(self.port.1)) + self.depth
    }

    /// Whether a spot is in water, or within so many metres of it.
    pub(crate) fn is_wet(&self, spot: Spot, margin: f64) -> bool {
        self.off_river(spot).abs() < self.width / 2.0 + margin || self.in_basin(spot, margin)
    }

    /// How far along the river its drawn part goes, to both sides.
    pub(crate) fn reach(&self) -> f64 {
        self.radius * 1.9
    }

    /// The outline of the river, closed.
    pub(crate) fn river_area(&self) -> Vec<Spot> {
        let steps = 160_usize;
        let at = |step: usize| self.reach() * (real(step) / real(steps) * 2.0 - 1.0);
        let bank = |step: usize, side: f64| {
            let (a, b) = (self.river(at(step) - 5.0), self.river(at(step) + 5.0));
            let length = a.to(b);
            let shift = side * self.width / 2.0;
            self.river(at(step))
                .plus(-(b.y - a.y) / length * shift, (b.x - a.x) / length * shift)
        };
        let mut ring: Vec<Spot> = (0..=steps).map(|step| bank(step, 1.0)).collect();
        ring.extend((0..=steps).rev().map(|step| bank(step, -1.0)));
        ring.push(ring[0]);
        ring
    }

    /// The middle line of the river, downstream.
    pub(crate) fn river_line(&self) -> Vec<Spot> {
        let steps = 160_usize;
        (0..=steps)
            .map(|step| self.river(self.reach() * (real(step) / real(steps) * 2.0 - 1.0)))
            .collect()
    }

    /// The outline of the basin, closed.
    pub(crate) fn basin_area(&self) -> Vec<Spot> {
        let (from, to) = self.port;
        let mut ring = vec![self.back(from, self.quay()), self.back(to, self.quay())];
        ring.extend((0..=8).rev().map(|step| {
            let along = from + (to - from) * f64::from(step) / 8.0;
            self.river(along)
        }));
        ring.push(ring[0]);
        ring
    }

    /// Where ships lie, and how far along the river that is.
    pub(crate) fn berth(&self, number: usize, berths: usize) -> (Spot, f64) {
        let (from, to) = self.port;
        let along = from + (to - from) * (real(number) + 0.5) / real(berths);
        (self.back(along, self.quay() - 14.0), along)
    }

    /// What bends the streets: no city is drawn with a ruler.
    pub(crate) fn bend(&self, spot: Spot) -> Spot {
        let wide = self.radius * 0.55;
        let near = self.radius * 0.21;
        let hill =
            |number: u64, scale: f64| self.chance.at(number).hills(spot.x / scale, spot.y / scale);
        spot.plus(
            self.radius * (0.055 * hill(11, wide) + 0.014 * hill(13, near)),
            self.radius * (0.055 * hill(12, wide) + 0.014 * hill(14, near)),
        )
    }

    /// The spot of a place of the unit square: circles around the centre, squares near it.
    pub(crate) fn laid_out(&self, u: f64, v: f64) -> Spot {
        let length = u.hypot(v).max(1e-9);
        let round = u.abs().max(v.abs()) / length;
        let factor = 0.25 * 0.886 + 0.75 * round;
        self.bend(Spot::new(
            u * factor * self.radius,
            v * factor * self.radius,
        ))
    }

    /// West, south, east, north in degrees.
    pub(crate) fn bounds(&self) -> [f64; 4] {
        let reach = self.radius * 1.35;
        let [west, south] = Spot::new(-reach, -reach).degrees();
        let [east, north] = Spot::new(reach, reach).degrees();
        [west, south, east, north]
    }
}
