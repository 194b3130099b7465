//! The tables of one set of terms: by name, by IRI, and by prefix.

use base::Name;
use hashbrown::HashMap;

use crate::term::Term;

/// Terms with their lookups. Immutable once built.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    terms: HashMap<Name, Term>,
    /// The best term for each IRI or keyword: the shortest, then the least.
    names: HashMap<Name, Name>,
    /// The best prefix for each IRI that has one.
    prefixes: HashMap<Name, Name>,
    /// The distinct lengths of the keys of `prefixes`, so that finding the prefixes of an IRI is a few lookups
    /// however many prefixes there are.
    prefix_lengths: Vec<usize>,
}

impl Layer {
    pub(crate) fn new(terms: HashMap<Name, Term>) -> Self {
        let mut layer = Self {
            terms,
            ..Self::default()
        };
        for (name, term) in &layer.terms {
            let Some(iri) = term.target() else { continue };
            keep_better(&mut layer.names, iri, name);
            if term.prefix {
                keep_better(&mut layer.prefixes, iri, name);
            }
        }
        layer.prefix_lengths = layer.prefixes.keys().map(|iri| iri.len()).collect();
        layer.prefix_lengths.sort_unstable();
        layer.prefix_lengths.dedup();
        layer
    }

    pub(crate) fn term(&self, name: &str) -> Option<&Term> {
        self.terms.get(name)
    }

    pub(crate) fn terms(&self) -> impl Iterator<Item = (&Name, &Term)> {
        self.terms.iter()
    }

    /// The best term for an IRI or keyword.
    pub(crate) fn name_of(&self, iri: &str) -> Option<&Name> {
        self.names.get(iri)
    }

    /// The prefixes of an IRI, each with what remains of the IRI behind it; never an empty rest.
    pub(crate) fn prefixes_of<'a>(
        &'a self,
        iri: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a str)> {
        self.prefix_lengths
            .iter()
            .take_while(move |length| **length < iri.len())
            .filter_map(move |length| {
                let (start, rest) = iri.split_at_checked(*length)?;
                Some((self.prefixes.get(start)?, rest))
            })
    }
}

fn keep_better(best: &mut HashMap<Name, Name>, iri: &Name, name: &Name) {
    let known = best.entry_ref(iri.as_str()).or_insert_with(|| name.clone());
    if (name.len(), name) < (known.len(), known) {
        *known = name.clone();
    }
}
