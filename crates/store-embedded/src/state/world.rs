//! The entities of one tenant: found by id, in id order, by type, by value and by place.

mod arena;
mod census;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base::{Name, Seq, Time};
use foldhash::fast::RandomState;
use ngsi::{Delta, Entity};
use ports::store::{Census, Versioned};

use super::codec::{Damaged, decode};
use super::dictionary::Dictionary;
use super::edit::Edit;
use super::index::Indexes;
use super::order::{Ids as _, Order, Slot};
pub(super) use arena::{Arena, Held, MANY, hash};
pub(super) use census::Counts;

/// The entities of one tenant and the indexes over them.
#[derive(Debug, Default)]
pub struct World {
    pub(super) dictionary: Dictionary,
    pub(super) arena: Arena,
    pub(super) order: Order,
    /// By the number of the type's name.
    pub(super) types: HashMap<u32, Order, RandomState>,
    pub(super) indexes: Indexes,
    pub(super) counts: Counts,
    /// When entities, or attributes of theirs, cease to be: the first moment of each.
    pub(super) ends: BTreeSet<(Time, Slot)>,
    pub(super) hasher: RandomState,
    /// Where entities are encoded before they get boxes of their size.
    pub(super) scratch: Vec<u8>,
}

impl World {
    /// How many entities there are, expired ones included.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names that the stored bytes refer to.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// The entity of this id.
    pub fn get(&self, id: &str) -> Result<Option<Versioned>, Damaged> {
        self.arena
            .find(id, &self.hasher)
            .map(|slot| self.versioned(slot))
            .transpose()
    }

    /// The change at which the entity of this id stands.
    pub fn seq(&self, id: &str) -> Option<Seq> {
        Some(self.arena.held(self.arena.find(id, &self.hasher)?).seq)
    }

    /// The stored bytes after this id, in id order: what a checkpoint writes.
    pub fn stored(&self, after: Option<&str>) -> impl Iterator<Item = (Seq, &[u8])> {
        self.order
            .after(after.map(str::as_bytes), &self.arena)
            .map(|slot| {
                let held = self.arena.held(slot);
                (held.seq, &*held.bytes)
            })
    }

    /// At most `limit` entities that have ceased to be at `now`, or an attribute of which has.
    pub fn ended(&self, now: Time, limit: usize) -> Vec<Name> {
        let ended = self.ends.range(..=(now, Slot::MAX)).take(limit);
        let ids = ended.map(|(_, slot)| self.arena.id(*slot));
        ids.map(|id| String::from_utf8_lossy(id).into_owned().into())
            .collect()
    }

    /// The types and attributes there are.
    pub fn census(&self) -> Census {
        self.counts.census(
            &self.dictionary,
            self.types.iter().map(|(n, order)| (n, order.len())),
        )
    }

    /// Opens the world for changes, of the entities of these ids above all: what is needed to
    /// change them is read ahead.
    pub fn edit<'i>(&mut self, ids: impl Iterator<Item = &'i str>) -> Edit<'_> {
        self.arena.warm(ids, &self.hasher);
        Edit { world: self }
    }

    /// Makes the entity this, whole, as of the change `seq`.
    ///
    /// # Errors
    /// As [`Edit::put`].
    pub fn put(&mut self, entity: &Entity, seq: Seq) -> Result<(), Damaged> {
        Edit { world: self }.put(entity, seq)
    }

    /// Changes the entity by the difference; false if it is not there.
    ///
    /// # Errors
    /// As [`Edit::patch`].
    pub fn patch(&mut self, id: &str, delta: &Delta, seq: Seq) -> Result<bool, Damaged> {
        Edit { world: self }.patch(id, delta, seq)
    }

    /// Takes the entity out; false if it is not there.
    ///
    /// # Errors
    /// As [`Edit::remove`].
    pub fn remove(&mut self, id: &str) -> Result<bool, Damaged> {
        Edit { world: self }.remove(id)
    }

    /// The entity in the slot.
    pub(super) fn versioned(&self, slot: Slot) -> Result<Versioned, Damaged> {
        let held = self.arena.held(slot);
        let entity = decode(&held.bytes, &self.dictionary)?;
        Ok(Versioned {
            entity: Arc::new(entity),
            seq: held.seq,
        })
    }
}

/// When the entity, or the first of its attributes, ceases to be.
pub(super) fn end(entity: &Entity) -> Option<Time> {
    entity
        .attributes
        .iter()
        .filter_map(|a| a.expires_at)
        .chain(entity.expires_at)
        .min()
}

/// The number that stands for an entity's types where there is room for one only.
pub(super) fn kind(numbers: &[u32]) -> u32 {
    match numbers {
        [one] => *one,
        _ => MANY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::codec::tests::typical;

    #[test]
    fn what_ended_first_is_named_first_and_no_more_once_it_has_no_end() {
        let mut world = World::default();
        for (number, end) in [(1, 30), (2, 10), (3, 20)] {
            let mut entity = typical(number);
            entity.attributes[0].expires_at = Some(Time::from_seconds(end));
            entity.expires_at = Some(Time::from_seconds(end + 5));
            world.put(&entity, Seq(1)).unwrap();
        }
        let ended = |world: &World, now, limit| world.ended(Time::from_seconds(now), limit);
        assert_eq!(ended(&world, 9, 5), Vec::<Name>::new());
        assert_eq!(ended(&world, 20, 5), [typical(2).id, typical(3).id]);
        assert_eq!(ended(&world, 40, 1), [typical(2).id]);
        world.put(&typical(2), Seq(2)).unwrap();
        assert_eq!(ended(&world, 40, 5), [typical(3).id, typical(1).id]);
    }
}
