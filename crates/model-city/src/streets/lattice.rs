//! How the streets are laid: line by line of the lattice, large streets first.

use std::collections::HashMap;

use super::{Class, Edge, Streets, ways};
use crate::chance::{Chance, count, reals};
use crate::ground::{Ground, Spot};
use crate::names::{self, Name, Way};

/// Lattice lines from the centre to the edge, at most: the larger the city, the larger its blocks.
const HALF_MAX: i64 = 80;

/// Streets under construction.
pub(super) struct Builder<'a> {
    pub(super) ground: &'a Ground,
    pub(super) chance: Chance,
    pub(super) half: i64,
    pub(super) spots: Vec<Spot>,
    pub(super) snapped: Vec<i8>,
    pub(super) edges: Vec<Edge>,
    pub(super) names: Vec<Name>,
    pub(super) known: HashMap<(u8, i64), usize>,
    pub(super) ways: HashMap<Way, usize>,
    pub(super) lattice: HashMap<(i64, i64), usize>,
}

pub(super) fn build(chance: Chance, ground: &Ground) -> Streets {
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

fn whole_even(number: f64) -> i64 {
    i64::try_from(count(number / 2.0) * 2).unwrap_or(8)
}

impl Builder<'_> {
    pub(super) fn part(&self, share: f64) -> i64 {
        whole_even(reals(self.half) * share)
    }

    fn nodes(&mut self) {
        let h = reals(self.half);
        let step = self.ground.radius / h;
        let bank = self.ground.width / 2.0 + 26.0;
        for i in -self.half..=self.half {
            for j in -self.half..=self.half {
                let mut spot = self.ground.laid_out(reals(i) / h, reals(j) / h);
                let beside = self.ground.off_river(spot);
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

    /// A bridge crosses the river and nothing else, is short, and keeps away from the others.
    fn may_bridge(&self, from: usize, to: usize) -> bool {
        let (a, b) = (self.spots[from], self.spots[to]);
        let crosses = self.ground.off_river(a) * self.ground.off_river(b) < 0.0;
        let in_basin = |part: f64| self.ground.in_basin(a.toward(b, part), 8.0);
        let basin = (0..=20).any(|step| in_basin(f64::from(step) / 20.0));
        let short = a.to(b) < self.ground.width * 2.2 + 260.0;
        let middle = a.toward(b, 0.5);
        crosses
            && short
            && !basin
            && self.edges.iter().filter(|edge| edge.bridge).all(|edge| {
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

    pub(super) fn street(&mut self, kind: u8, key: i64, way: Way) -> usize {
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
                self.piece(&Piece {
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

    fn piece(&mut self, piece: &Piece) {
        let Piece {
            from, to, class, ..
        } = *piece;
        let wet = piece.gap || self.is_bridge(from, to);
        let allowed = if wet {
            class <= Class::Secondary && self.may_bridge(from, to)
        } else {
            self.is_there(piece)
        };
        let bank = self.snapped[from];
        // Along the banks runs the embankment alone.
        if !allowed || (bank != 0 && bank == self.snapped[to]) {
            return;
        }
        let (kind, key, way) = self.called(piece.kind, piece.line, piece.place, class);
        let street = self.street(kind, key, way);
        self.edges.push(Edge {
            a: from,
            b: to,
            class,
            street,
            bridge: wet,
        });
    }

    /// Small streets are not everywhere.
    fn is_there(&self, piece: &Piece) -> bool {
        let Piece { line, place, .. } = *piece;
        let gap = || {
            let own = self.chance.of("gaps").at(u64::from(piece.kind));
            let own = own.at((line + 500).unsigned_abs());
            own.at((place + 500).div_euclid(2).unsigned_abs())
                .happens(0.13)
        };
        match piece.class {
            Class::Living => self.has_lane(line, place),
            Class::Residential => !gap(),
            _ => true,
        }
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
                    let wet = self.is_bridge(from, node);
                    if !wet || self.may_bridge(from, node) {
                        self.edges.push(Edge {
                            a: from,
                            b: node,
                            class: Class::Primary,
                            street,
                            bridge: wet,
                        });
                    }
                }
                last = Some(node);
            }
        }
    }

    pub(super) fn is_bridge(&self, a: usize, b: usize) -> bool {
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

pub(super) const ACROSS: u8 = 0;
pub(super) const ALONG: u8 = 1;
pub(super) const LANES: u8 = 2;
pub(super) const DIAGONAL: u8 = 4;
pub(super) const BANK: u8 = 5;
pub(super) const BELT: u8 = 6;
pub(super) const RING: u8 = 7;
pub(super) const OUT: u8 = 8;
