//! The entities of one tenant: found by id, in id order, by type, by value and by place.

mod arena;
mod census;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base::{Name, Seq, Time};
use foldhash::fast::RandomState;
use ngsi::{Delta, Entity};
use ports::store::{Census, Versioned};

use super::codec::{Damaged, decode, encode};
use super::dictionary::Dictionary;
use super::index::{Entry, Indexes, entries};
use super::order::{Ids as _, Order, Slot};
pub(super) use arena::{Arena, Held, hash};
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

    /// Makes the entity this, whole, as of the change `seq`.
    ///
    /// # Errors
    /// [`Damaged`] if what stood there before cannot be read; the world is as it was.
    pub fn put(&mut self, entity: &Entity, seq: Seq) -> Result<(), Damaged> {
        let slot = self.arena.find(&entity.id, &self.hasher);
        let before = slot.map(|slot| decode(&self.arena.held(slot).bytes, &self.dictionary));
        self.replace(slot, before.transpose()?.as_ref(), entity, seq);
        Ok(())
    }

    /// Changes the entity by the difference; false if it is not there.
    ///
    /// # Errors
    /// [`Damaged`] if what stood there before cannot be read; the world is as it was.
    pub fn patch(&mut self, id: &str, delta: &Delta, seq: Seq) -> Result<bool, Damaged> {
        let Some(slot) = self.arena.find(id, &self.hasher) else {
            return Ok(false);
        };
        let before = decode(&self.arena.held(slot).bytes, &self.dictionary)?;
        let mut after = before.clone();
        delta.apply(&mut after);
        self.replace(Some(slot), Some(&before), &after, seq);
        Ok(true)
    }

    /// Takes the entity out; false if it is not there.
    ///
    /// # Errors
    /// [`Damaged`] if what stood there cannot be read; the world is as it was.
    pub fn remove(&mut self, id: &str) -> Result<bool, Damaged> {
        let Some(slot) = self.arena.find(id, &self.hasher) else {
            return Ok(false);
        };
        let before = decode(&self.arena.held(slot).bytes, &self.dictionary)?;
        self.order.remove(slot, &self.arena);
        for number in self.numbers(&before.types) {
            self.leave_type(number, slot);
        }
        let old = self.entries(&before, None);
        self.indexes.change(slot, &old, &[]);
        self.counts.change(&self.dictionary, Some(&before), None);
        if let Some(end) = end(&before) {
            self.ends.remove(&(end, slot));
        }
        self.arena.free(slot, &self.hasher);
        Ok(true)
    }

    fn replace(&mut self, slot: Option<Slot>, before: Option<&Entity>, after: &Entity, seq: Seq) {
        let mut bytes = Vec::with_capacity(512);
        encode(after, &mut self.dictionary, &mut bytes);
        let bytes = bytes.into_boxed_slice();
        let slot = match slot {
            Some(slot) => {
                let block = self.arena.held(slot).block;
                self.arena.set(slot, Held { bytes, seq, block });
                slot
            }
            None => self.arena.add(
                Held {
                    bytes,
                    seq,
                    block: 0,
                },
                &self.hasher,
            ),
        };
        if before.is_none() {
            self.enter_order(slot);
        }
        let (old_types, new_types) = (
            self.numbers(before.map_or(&[], |b| &b.types)),
            self.numbers(&after.types),
        );
        if old_types != new_types {
            for number in old_types
                .iter()
                .filter(|number| !new_types.contains(number))
            {
                self.leave_type(*number, slot);
            }
            for number in new_types
                .iter()
                .filter(|number| !old_types.contains(number))
            {
                self.types
                    .entry(*number)
                    .or_default()
                    .insert(slot, &self.arena);
            }
        }
        let old = before.map_or_else(Vec::new, |before| self.entries(before, Some(after)));
        let new = self.entries(after, before);
        self.indexes.change(slot, &old, &new);
        self.counts.change(&self.dictionary, before, Some(after));
        let (old_end, new_end) = (before.and_then(end), end(after));
        if old_end != new_end {
            if let Some(end) = old_end {
                self.ends.remove(&(end, slot));
            }
            self.ends.extend(new_end.map(|end| (end, slot)));
        }
    }

    fn enter_order(&mut self, slot: Slot) {
        let inserted = self.order.insert(slot, &self.arena);
        if let Some(split) = inserted.split {
            for moved in self.order.block(split) {
                self.arena.set_block(*moved, split);
            }
        }
        self.arena.set_block(slot, inserted.block);
    }

    fn leave_type(&mut self, number: u32, slot: Slot) {
        if let Some(order) = self.types.get_mut(&number) {
            order.remove(slot, &self.arena);
            if order.len() == 0 {
                self.types.remove(&number);
            }
        }
    }

    fn numbers(&self, names: &[Name]) -> Vec<u32> {
        names
            .iter()
            .filter_map(|name| self.dictionary.known(name))
            .collect()
    }

    /// The entries of the entity, those left out that it has in common with the other.
    fn entries(&self, entity: &Entity, other: Option<&Entity>) -> Vec<Entry> {
        let mut out = Vec::with_capacity(16);
        entries(entity, other, &self.dictionary, &self.hasher, &mut out);
        out
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
