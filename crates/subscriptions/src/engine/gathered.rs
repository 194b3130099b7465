//! What is told of one moment, put in order.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::Name;

use super::happening::Happening;
use super::index::Slot;

/// What happened at one moment, and whom it concerns.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// What happened to entities, in order.
    pub(crate) happenings: Vec<Happening>,
    /// By the place of a subscription, the places of what concerns it.
    pub(crate) concerned: BTreeMap<Slot, Vec<usize>>,
    /// Pairs of a happening and whom it concerns.
    pub(crate) pairs: usize,
}

impl Gathered {
    pub(crate) fn add(&mut self, happening: Happening, concerned: Vec<Slot>) {
        if concerned.is_empty() {
            return;
        }
        self.pairs += concerned.len();
        for slot in concerned {
            let places = self.concerned.entry(slot).or_default();
            places.push(self.happenings.len());
        }
        self.happenings.push(happening);
    }
}

/// In each round every entity stands once: the first time that it changed in the first round, and
/// so on.
pub(crate) fn rounds(told: Vec<&Happening>) -> Vec<Vec<&Happening>> {
    let mut rounds: Vec<Vec<&Happening>> = Vec::new();
    let mut times: HashMap<&Name, usize> = HashMap::new();
    for happening in told {
        let round = times.entry(&happening.id).or_default();
        if rounds.len() <= *round {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(*round) {
            round.push(happening);
        }
        *round += 1;
    }
    rounds
}

/// The last that happened to each entity.
pub(crate) fn latest(rounds: Vec<Vec<&Happening>>) -> Vec<&Happening> {
    let mut seen = HashSet::new();
    let all = rounds.into_iter().rev().flatten();
    let mut latest: Vec<&Happening> = all.filter(|h| seen.insert(&h.id)).collect();
    latest.sort_by_key(|happening| happening.seq);
    latest
}
