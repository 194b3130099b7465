//! How many attributes of which kind the entities of a type have, counted as they come and go.

use std::collections::HashMap;

use base::Name;
use foldhash::fast::RandomState;
use ngsi::{AttributeKind, Entity};
use ports::store::{Census, TypeCensus};

use crate::state::dictionary::Dictionary;

type OfType = HashMap<(u32, AttributeKind), u64, RandomState>;

/// Instances by type, then by attribute name and kind; names as numbers.
#[derive(Debug, Default)]
pub(in crate::state) struct Counts {
    types: HashMap<u32, OfType, RandomState>,
}

impl Counts {
    /// Counts the entity as it is now instead of as it was.
    pub(in crate::state) fn change(
        &mut self,
        dictionary: &Dictionary,
        before: Option<&Entity>,
        after: Option<&Entity>,
    ) {
        if let (Some(before), Some(after)) = (before, after)
            && before.types == after.types
            && shape(before).eq(shape(after))
        {
            return;
        }
        if let Some(before) = before {
            self.count(dictionary, before, false);
        }
        if let Some(after) = after {
            self.count(dictionary, after, true);
        }
    }

    fn count(&mut self, dictionary: &Dictionary, entity: &Entity, more: bool) {
        for number in entity
            .types
            .iter()
            .filter_map(|name| dictionary.known(name))
        {
            let of_type = self.types.entry(number).or_default();
            for (name, kind) in shape(entity) {
                let (Some(name), Some(kind)) = (dictionary.known(name), kind) else {
                    continue;
                };
                let count = of_type.entry((name, kind)).or_default();
                *count = if more {
                    *count + 1
                } else {
                    count.saturating_sub(1)
                };
                if *count == 0 {
                    of_type.remove(&(name, kind));
                }
            }
            if of_type.is_empty() {
                self.types.remove(&number);
            }
        }
    }

    /// Adds what was counted elsewhere.
    pub(in crate::state) fn add(&mut self, other: Self) {
        for (number, counts) in other.types {
            let of_type = self.types.entry(number).or_default();
            for (key, count) in counts {
                *of_type.entry(key).or_default() += count;
            }
        }
    }

    /// The counts by name; `entities` says how many entities of a type there are.
    pub(in crate::state) fn census<'t>(
        &self,
        dictionary: &Dictionary,
        types: impl Iterator<Item = (&'t u32, usize)>,
    ) -> Census {
        let name = |number: u32| dictionary.name(number).cloned();
        let mut types: Vec<TypeCensus> = types
            .filter_map(|(number, entities)| {
                let counts = self.types.get(number).into_iter().flatten();
                let mut attributes: Vec<(Name, AttributeKind, u64)> = counts
                    .filter_map(|((number, kind), count)| Some((name(*number)?, *kind, *count)))
                    .collect();
                attributes.sort_unstable();
                Some(TypeCensus {
                    name: name(*number)?,
                    entities: entities as u64,
                    attributes,
                })
            })
            .collect();
        types.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Census { types }
    }
}

fn shape(entity: &Entity) -> impl Iterator<Item = (&Name, Option<AttributeKind>)> {
    entity
        .attributes
        .iter()
        .map(|attribute| (&attribute.name, attribute.value.kind()))
}
