//! The registrations of one tenant, with an index by id and type of entities.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use base::{Name, Time};
use ngsi::query::TypeExpr;

use super::matching::{Match, Wanted, covering};
use crate::registration::Registration;

/// Under what a registration is filed, once for each of its entities.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// An entity of this id, of whatever type.
    Id(Name),
    /// An entity of some id and of this type.
    Named(Name),
    /// Entities of this type.
    Type(Name),
    /// An entity of some id, of any type.
    NamedAny,
    /// Any entities.
    Any,
}

/// The registrations of one tenant.
#[derive(Debug, Default)]
pub(super) struct World {
    by_id: BTreeMap<Name, Arc<Registration>>,
    filed: HashMap<Key, BTreeSet<Name>>,
}

impl World {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Registration>> {
        self.by_id.get(id).cloned()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Registration>> {
        self.by_id.values()
    }

    pub(super) fn put(&mut self, registration: Arc<Registration>) {
        self.remove(&registration.id);
        for key in keys(&registration) {
            let filed = self.filed.entry(key).or_default();
            filed.insert(registration.id.clone());
        }
        self.by_id.insert(registration.id.clone(), registration);
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some(registration) = self.by_id.remove(id) else {
            return;
        };
        for key in keys(&registration) {
            if let Some(filed) = self.filed.get_mut(&key) {
                filed.remove(id);
                if filed.is_empty() {
                    self.filed.remove(&key);
                }
            }
        }
    }

    /// What may be asked for the operation; by id.
    pub(super) fn matching(&self, wanted: &Wanted<'_>, now: Time) -> Vec<Match> {
        let mut found = self.covering(wanted, now);
        found.retain(|m| m.is_allowed);
        found
    }

    /// What has some of what is wanted; by id.
    pub(super) fn covering(&self, wanted: &Wanted<'_>, now: Time) -> Vec<Match> {
        let candidates = self.candidates(wanted);
        let candidates = candidates.iter().filter_map(|id| self.by_id.get(*id));
        candidates
            .flat_map(|registration| covering(registration, wanted, now))
            .collect()
    }

    /// The ids of all registrations that may have something: more than those that do, never fewer.
    fn candidates(&self, wanted: &Wanted<'_>) -> BTreeSet<&Name> {
        let mut found = BTreeSet::new();
        if wanted.selectors.is_empty() {
            self.collect(wanted.ids, wanted.types, &mut found);
        } else if wanted.ids.is_empty() && wanted.types.is_none() {
            for selector in wanted.selectors {
                self.collect(&selector.ids, selector.types.as_ref(), &mut found);
            }
        } else {
            self.collect(wanted.ids, wanted.types, &mut found);
        }
        found
    }

    fn collect<'s>(
        &'s self,
        ids: &[Name],
        types: Option<&TypeExpr>,
        found: &mut BTreeSet<&'s Name>,
    ) {
        let mut take = |key: &Key| found.extend(self.filed.get(key).into_iter().flatten());
        take(&Key::Any);
        for id in ids {
            take(&Key::Id(id.clone()));
        }
        if ids.is_empty() {
            take(&Key::NamedAny);
        }
        let Some(types) = types.filter(|types| !types.is_wildcard()) else {
            for (key, filed) in &self.filed {
                let of_some_type = match key {
                    Key::Type(_) => true,
                    Key::Named(_) => ids.is_empty(),
                    Key::Id(_) | Key::NamedAny | Key::Any => false,
                };
                if of_some_type {
                    found.extend(filed);
                }
            }
            return;
        };
        for name in types.any_of.iter().flatten() {
            take(&Key::Type(name.clone()));
            if ids.is_empty() {
                take(&Key::Named(name.clone()));
            }
        }
    }
}

fn keys(registration: &Registration) -> Vec<Key> {
    let mut keys = Vec::new();
    for part in &registration.information {
        if part.entities.is_empty() {
            keys.push(Key::Any);
        }
        for entity in &part.entities {
            match &entity.id {
                Some(id) => {
                    keys.push(Key::Id(id.clone()));
                    keys.extend(entity.types.iter().cloned().map(Key::Named));
                    if entity.types.is_empty() {
                        keys.push(Key::NamedAny);
                    }
                }
                None => keys.extend(entity.types.iter().cloned().map(Key::Type)),
            }
        }
    }
    keys
}
