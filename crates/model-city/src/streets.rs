//! The streets: a lattice laid in circles around the centre, bent by the ground, cut by the river,
//! joined again by bridges.

mod lattice;
mod ring;

use std::collections::HashMap;

use crate::chance::Chance;
use crate::ground::{Ground, Spot};
use crate::names::Name;

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

impl Streets {
    pub(crate) fn build(chance: Chance, ground: &Ground) -> Self {
        lattice::build(chance, ground)
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
