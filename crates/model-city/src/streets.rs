//! The streets: a lattice laid in circles around the centre, bent by the ground, cut by the river,
//! joined again by bridges.

use std::collections::HashMap;

use crate::chance::{Chance, count, real, reals};
use crate::ground::{Ground, Spot};
use crate::names::{self, Name, Way};

/// Lattice lines from the centre to the edge, at most: the larger the city, the larger its blocks.
const HALF_MAX: i64 = 80;
/// Edges of one drawn way.
const WAY_EDGES_MAX: usize = 6;

/// What a road is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Motorway,
    Trunk,
    Primary,
    Secondary,
    Tertiary,
    Residential,
    Living,
}

impl Class {
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Motorway => "motorway",
            Self::Trunk => "trunk",
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Tertiary => "tertiary",
            Self::Residential => "residential",
            Self::Living => "living_street",
        }
    }

    /// Kilometres an hour when nobody is in the way.
    pub(crate) fn speed(self) -> f64 {
        match self {
            Self::Motorway => 100.0,
            Self::Trunk => 90.0,
            Self::Primary => 60.0,
            Self::Secondary => 50.0,
            Self::Tertiary => 45.0,
            Self::Residential => 30.0,
            Self::Living => 20.0,
        }
    }

    pub(crate) fn lanes(self) -> u32 {
        match self {
            Self::Motorway | Self::Primary => 6,
            Self::Trunk | Self::Secondary => 4,
            _ => 2,
        }
    }

    /// Vehicles an hour that it bears, both ways.
    pub(crate) fn capacity(self) -> f64 {
        f64::from(self.lanes())
            * match self {
                Self::Motorway => 1_900.0,
                Self::Trunk => 1_600.0,
                Self::Primary | Self::Secondary => 900.0,
                _ => 500.0,
            }
    }
}

/// A piece of road between two nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) class: Class,
    pub(crate) street: usize,
    pub(crate) bridge: bool,
}

/// A drawn way: nodes of one street in order.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    pub(crate) nodes: Vec<usize>,
    pub(crate) edges: Vec<usize>,
    pub(crate) class: Class,
    pub(crate) street: usize,
    pub(crate) bridge: bool,
}

/// All streets of a city.
#[derive(Debug, Clone)]
pub(crate) struct Streets {
    /// Lattice lines from the centre to the edge; lines of even number are streets throughout.
    pub(crate) half: i64,
    pub(crate) spots: Vec<Spot>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) names: Vec<Name>,
    pub(crate) ways: Vec<Drawn>,
    /// Edges at each node.
    pub(crate) at: Vec<Vec<usize>>,
    /// Dry places of the lattice, whether or not a street reaches them.
    dry: HashMap<(i64, i64), Spot>,
}

/// Streets under construction.
struct Builder<'a> {
    ground: &'a Ground,
    chance: Chance,
    half: i64,
    spots: Vec<Spot>,
    snapped: Vec<i8>,
    edges: Vec<Edge>,
    names: Vec<Name>,
    known: HashMap<(u8, i64), usize>,
    ways: HashMap<Way, usize>,
    lattice: HashMap<(i64, i64), usize>,
}

impl Streets {
    pub(crate) fn build(chance: Chance, ground: &Ground) -> Self {
        let half = whole_even(ground.radius / 82.0).clamp(8, HALF_MAX);
        let mut builder = Builder {
            ground,
            chance: chance.of("streets"),
            half,
            spots: Vec::new(),
            snapped: Vec::new(),
            edges: Vec::new(),
            names: Vec::new(),
            known: HashMap::new(),
            ways: HashMap::new(),
            lattice: HashMap::new(),
        };
        builder.nodes();
        builder.lines();
        builder.ring();
        builder.finish()
    }

    /// Where a place of the lattice lies, unless that is in water.
    pub(crate) fn place(&self, i: i64, j: i64) -> Option<Spot> {
        self.dry.get(&(i, j)).copied()
    }

    /// Metres of an edge.
    pub(crate) fn length(&self, edge: usize) -> f64 {
        let edge = &self.edges[edge];
        self.spots[edge.a].to(self.spots[edge.b])
    }

    /// The node nearest to a spot.
    pub(crate) fn nearest(&self, spot: Spot) -> usize {
        let found = (0..self.spots.len()).min_by(|a, b| {
            let (a, b) = (self.spots[*a].to(spot), self.spots[*b].to(spot));
            a.total_cmp(&b)
        });
        found.unwrap_or(0)
    }
}

fn whole_even(number: f64) -> i64 {
    i64::try_from(count(number / 2.0) * 2).unwrap_or(8)
}

impl Builder<'_> {
    fn part(&self, share: f64) -> i64 {
        whole_even(reals(self.half) * share)
    }

    fn nodes(&mut self) {
        let h = reals(self.half);
        let step = self.ground.radius / h;
        let bank = self.ground.width / 2.0 + 26.0;
        for i in -self.half..=self.half {
            for j in -self.half..=self.half {
                let mut spot = self.ground.laid_out(reals(i) / h, reals(j) / h);
                let beside = self.ground.from_river(spot);
                let mut snapped = 0;
                if (beside.abs() - bank).abs() < step * 0.55 {
                    spot = self.ground.beside_river(spot, bank.copysign(beside));
                    snapped = if beside > 0.0 { 1 } else { -1 };
                }
                if self.ground.is_wet(spot, 14.0) {
                    continue;
                }
                self.lattice.insert((i, j), self.spots.len());
                self.spots.push(spot);
                self.snapped.push(snapped);
            }
        }
    }

    /// Large streets come first: bridges are theirs.
    fn lines(&mut self) {
        let mut lines: Vec<i64> = (-self.half..=self.half).collect();
        lines.sort_by_key(|line| self.class(*line, 0));
        let large = lines.partition_point(|line| self.class(*line, 0) <= Class::Primary);
        let (first, rest) = lines.split_at(large);
        for line in first {
            self.line(*line, true);
            self.line(*line, false);
        }
        self.diagonals();
        for line in rest {
            self.line(*line, true);
            self.line(*line, false);
        }
        self.embankments();
    }

    /// A new bridge keeps away from those that are there.
    fn may_bridge(&self, a: Spot, b: Spot) -> bool {
        let middle = a.toward(b, 0.5);
        self.edges.iter().filter(|edge| edge.bridge).all(|edge| {
            let other = self.spots[edge.a].toward(self.spots[edge.b], 0.5);
            other.to(middle) > self.ground.radius * 0.13
        })
    }

    /// Roads along both banks, through all nodes that lie there.
    fn embankments(&mut self) {
        for bank in [1, -1] {
            let mut nodes: Vec<usize> = (0..self.snapped.len())
                .filter(|node| self.snapped[*node] == bank)
                .collect();
            nodes.sort_by(|a, b| {
                let along = |node: usize| self.ground.along_river(self.spots[node]);
                along(*a).total_cmp(&along(*b))
            });
            let street = self.street(BANK, i64::from(bank), Way::Embankment);
            for pair in nodes.windows(2) {
                let (from, to) = (self.spots[pair[0]], self.spots[pair[1]]);
                let far = from.to(to) > 4.0 * self.ground.radius / reals(self.half);
                if !far && !self.is_bridge(pair[0], pair[1]) {
                    self.edges.push(Edge {
                        a: pair[0],
                        b: pair[1],
                        class: Class::Secondary,
                        street,
                        bridge: false,
                    });
                }
            }
        }
    }

    fn street(&mut self, kind: u8, key: i64, way: Way) -> usize {
        if let Some(known) = self.known.get(&(kind, key)) {
            return *known;
        }
        let same = self.ways.entry(way).or_insert(0);
        // 29 and 72 words have no common part: every word comes once before one comes again.
        let word = *same / 72 * 72 + (*same * 29 + self.chance.below(72)) % 72;
        let name = match kind {
            RING => names::ring(),
            OUT => names::highway(usize::try_from(key).unwrap_or(0)),
            _ => {
                *same += 1;
                names::street(way, word)
            }
        };
        self.names.push(name);
        self.known.insert((kind, key), self.names.len() - 1);
        self.names.len() - 1
    }

    /// What kind of road a lattice line is between two of its places.
    fn class(&self, line: i64, place: i64) -> Class {
        let (belt, outer) = (self.part(0.3), self.part(0.62));
        let line = line.abs();
        if line == 0 || line == outer || (line == belt && place.abs() < belt) {
            Class::Primary
        } else if line == belt || line == self.half || line % 6 == 0 {
            Class::Secondary
        } else if line % 4 == 0 {
            Class::Tertiary
        } else if line % 2 == 0 {
            Class::Residential
        } else {
            Class::Living
        }
    }

    /// Small lanes run only through some blocks, most of them old.
    fn has_lane(&self, line: i64, place: i64) -> bool {
        let block = (line.div_euclid(2), place.div_euclid(2));
        let h = reals(self.half);
        let out = reals(block.0 * 2).hypot(reals(block.1 * 2)) / h;
        let chance = self.chance.of("lanes");
        let old = chance.hills(reals(block.0) / 5.0, reals(block.1) / 5.0);
        let own = chance
            .at(1)
            .at((block.0 + 1_000).unsigned_abs())
            .at((block.1 + 1_000).unsigned_abs());
        own.happens((0.55 - 0.5 * out + 0.35 * old).clamp(0.0, 0.9))
    }

    fn line(&mut self, line: i64, across: bool) {
        let key = |place: i64| if across { (line, place) } else { (place, line) };
        let kind = if across { ACROSS } else { ALONG };
        let mut last: Option<(i64, usize)> = None;
        let mut gap = false;
        for place in -self.half..=self.half {
            let Some(&node) = self.lattice.get(&key(place)) else {
                gap = last.is_some();
                continue;
            };
            if let Some((before, from)) = last {
                let class = self.class(line, before.midpoint(place));
                self.piece(Piece {
                    kind,
                    line,
                    place: before,
                    class,
                    from,
                    to: node,
                    gap,
                });
            }
            last = Some((place, node));
            gap = false;
        }
    }

    fn piece(&mut self, piece: Piece) {
        let Piece {
            kind,
            line,
            place,
            class,
            from,
            to,
            gap,
        } = piece;
        let (a, b) = (self.spots[from], self.spots[to]);
        let crosses = self.ground.from_river(a) * self.ground.from_river(b) < 0.0;
        let wet =
            gap || (1..8).any(|step| self.ground.is_wet(a.toward(b, f64::from(step) / 8.0), 4.0));
        let bridge = wet && crosses && class <= Class::Secondary;
        if wet {
            let basin = (0..=20).any(|step| {
                self.ground
                    .in_basin(a.toward(b, f64::from(step) / 20.0), 8.0)
            });
            if !bridge
                || basin
                || !self.may_bridge(a, b)
                || a.to(b) > self.ground.width * 2.2 + 160.0
            {
                return;
            }
        } else if class == Class::Living && !self.has_lane(line, place) {
            return;
        } else if class == Class::Residential
            && self
                .chance
                .of("gaps")
                .at(u64::from(kind))
                .at((line + 500).unsigned_abs())
                .at((place + 500).div_euclid(2).unsigned_abs())
                .happens(0.13)
        {
            return;
        }
        let bank = self.snapped[from];
        if bank != 0 && bank == self.snapped[to] {
            return;
        }
        let (kind, key, way) = self.called(kind, line, place, class);
        let street = self.street(kind, key, way);
        self.edges.push(Edge {
            a: from,
            b: to,
            class,
            street,
            bridge,
        });
    }

    fn called(&self, kind: u8, line: i64, place: i64, class: Class) -> (u8, i64, Way) {
        match class {
            Class::Primary if line.abs() == self.part(0.3) => (BELT, 0, Way::Boulevard),
            Class::Primary if line.abs() == self.part(0.62) => (BELT, 1, Way::Boulevard),
            Class::Primary => (kind, line, Way::Avenue),
            // A lane has a name of its own in each part of the city.
            Class::Living => (kind + LANES, line * 8 + place.div_euclid(16), Way::Lane),
            _ => (kind, line, Way::Street),
        }
    }

    fn diagonals(&mut self) {
        for (number, (i, j)) in (0..).zip([(1, 1), (-1, 1), (-1, -1), (1, -1)]) {
            let street = self.street(DIAGONAL, number, Way::Avenue);
            let mut last: Option<usize> = self.lattice.get(&(0, 0)).copied();
            for step in 1..=self.half / 2 {
                let Some(&node) = self.lattice.get(&(i * step * 2, j * step * 2)) else {
                    continue;
                };
                if let Some(from) = last {
                    let (a, b) = (self.spots[from], self.spots[node]);
                    let wet = (1..16)
                        .any(|part| self.ground.is_wet(a.toward(b, f64::from(part) / 16.0), 4.0));
                    let basin = (0..=20).any(|part| {
                        self.ground
                            .in_basin(a.toward(b, f64::from(part) / 20.0), 8.0)
                    });
                    if !basin
                        && (!wet || self.may_bridge(a, b))
                        && a.to(b) < self.ground.width * 2.6 + 400.0
                    {
                        let class = Class::Primary;
                        self.edges.push(Edge {
                            a: from,
                            b: node,
                            class,
                            street,
                            bridge: wet,
                        });
                    }
                }
                last = Some(node);
            }
        }
    }

    /// The motorway around the city, the ways onto it, and the roads out.
    fn ring(&mut self) {
        let street = self.street(RING, 0, Way::Avenue);
        let first = self.spots.len();
        let steps = 96_usize;
        for step in 0..steps {
            let angle = real(step) / real(steps) * std::f64::consts::TAU;
            let reach = self.ground.radius * 1.2;
            let spot = self
                .ground
                .bend(Spot::new(reach * angle.cos(), reach * angle.sin()));
            self.spots.push(spot);
            self.snapped.push(0);
        }
        for step in 0..steps {
            let (a, b) = (first + step, first + (step + 1) % steps);
            let bridge = self.is_bridge(a, b);
            self.edges.push(Edge {
                a,
                b,
                class: Class::Motorway,
                street,
                bridge,
            });
        }
        let (h, outer) = (self.half, self.part(0.62));
        let mut ends = Vec::new();
        for place in [0, outer, -outer, h, -h] {
            ends.extend([(h, place), (-h, place), (place, h), (place, -h)]);
        }
        ends.sort_unstable();
        ends.dedup();
        for (i, j) in ends {
            let Some(&node) = self.lattice.get(&(i, j)) else {
                continue;
            };
            let nearest = (first..first + steps).min_by(|a, b| {
                self.spots[*a]
                    .to(self.spots[node])
                    .total_cmp(&self.spots[*b].to(self.spots[node]))
            });
            let Some(to) = nearest.filter(|to| !self.is_bridge(node, *to)) else {
                continue;
            };
            let (kind, line, diagonal) = if i.abs() == j.abs() {
                (
                    DIAGONAL,
                    match (i > 0, j > 0) {
                        (true, true) => 0,
                        (false, true) => 1,
                        (false, false) => 2,
                        _ => 3,
                    },
                    true,
                )
            } else if i.abs() == h {
                (ALONG, j, false)
            } else {
                (ACROSS, i, false)
            };
            let (kind, line) = if !diagonal && line.abs() == outer {
                (BELT, 1)
            } else {
                (kind, line)
            };
            let street = self.street(kind, line, Way::Avenue);
            self.edges.push(Edge {
                a: node,
                b: to,
                class: Class::Primary,
                street,
                bridge: false,
            });
        }
        for (number, quarter) in [0_usize, 1, 2, 3].into_iter().enumerate() {
            let from = first + quarter * steps / 4;
            let street = self.street(OUT, i64::try_from(number).unwrap_or(0), Way::Avenue);
            let mut last = from;
            for step in 1..=6 {
                let start = self.spots[from];
                let factor = 1.0 + 0.1 * f64::from(step);
                let spot = self
                    .ground
                    .bend(Spot::new(start.x * factor, start.y * factor));
                let node = self.spots.len();
                self.spots.push(spot);
                self.snapped.push(0);
                let bridge = self.is_bridge(last, node);
                self.edges.push(Edge {
                    a: last,
                    b: node,
                    class: Class::Trunk,
                    street,
                    bridge,
                });
                last = node;
            }
        }
    }

    fn is_bridge(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.spots[a], self.spots[b]);
        (0..=16).any(|part| self.ground.is_wet(a.toward(b, f64::from(part) / 16.0), 2.0))
    }

    /// Keeps what can be reached from the centre, and draws ways along it.
    fn finish(self) -> Streets {
        let mut at = vec![Vec::new(); self.spots.len()];
        for (number, edge) in self.edges.iter().enumerate() {
            at[edge.a].push(number);
            at[edge.b].push(number);
        }
        let start = self.lattice.get(&(0, 0)).copied().unwrap_or(0);
        let mut reached = vec![false; self.spots.len()];
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut reached[node], true) {
                continue;
            }
            open.extend(at[node].iter().map(|edge| {
                let edge = &self.edges[*edge];
                if edge.a == node { edge.b } else { edge.a }
            }));
        }
        let mut numbers = vec![usize::MAX; self.spots.len()];
        let mut spots = Vec::new();
        for (node, spot) in self
            .spots
            .iter()
            .enumerate()
            .filter(|(node, _)| reached[*node])
        {
            numbers[node] = spots.len();
            spots.push(*spot);
        }
        let edges: Vec<Edge> = self
            .edges
            .iter()
            .filter(|edge| reached[edge.a])
            .map(|edge| Edge {
                a: numbers[edge.a],
                b: numbers[edge.b],
                ..*edge
            })
            .collect();
        let mut at = vec![Vec::new(); spots.len()];
        for (number, edge) in edges.iter().enumerate() {
            at[edge.a].push(number);
            at[edge.b].push(number);
        }
        let dry = self
            .lattice
            .iter()
            .map(|(key, node)| (*key, self.spots[*node]))
            .collect();
        let ways = ways(&edges);
        Streets {
            half: self.half,
            spots,
            edges,
            names: self.names,
            ways,
            at,
            dry,
        }
    }
}

/// One piece of a lattice line.
struct Piece {
    kind: u8,
    line: i64,
    place: i64,
    class: Class,
    from: usize,
    to: usize,
    gap: bool,
}

const ACROSS: u8 = 0;
const ALONG: u8 = 1;
const LANES: u8 = 2;
const DIAGONAL: u8 = 4;
const BANK: u8 = 5;
const BELT: u8 = 6;
const RING: u8 = 7;
const OUT: u8 = 8;

/// Edges that follow each other become ways.
fn ways(edges: &[Edge]) -> Vec<Drawn> {
    let mut order: Vec<usize> = (0..edges.len()).collect();
    order.sort_by_key(|edge| edges[*edge].street);
    let mut ways: Vec<Drawn> = Vec::new();
    for number in order {
        let edge = &edges[number];
        if let Some(way) = ways.last_mut()
            && way.street == edge.street
            && way.class == edge.class
            && way.bridge == edge.bridge
            && way.edges.len() < WAY_EDGES_MAX
            && way.nodes.last() == Some(&edge.a)
        {
            way.nodes.push(edge.b);
            way.edges.push(number);
            continue;
        }
        ways.push(Drawn {
            nodes: vec![edge.a, edge.b],
            edges: vec![number],
            class: edge.class,
            street: edge.street,
            bridge: edge.bridge,
        });
    }
    ways
}
