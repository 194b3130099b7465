//! Changes of a world: some entities at a time, the indexes all at once at the end.

use base::{Name, Seq, Time};
use ngsi::{Attribute, Delta, Entity};
use ports::store::Versioned;

use super::codec::{Damaged, decode, encode};
use super::index::{Entry, entries};
use super::order::Slot;
use super::world::{Held, MANY, World, end, kind};

/// A world open for changes. The indexes follow when this is dropped: made together, their changes
/// wait for memory together instead of one after the other.
#[derive(Debug)]
pub struct Edit<'w> {
    pub(super) world: &'w mut World,
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        self.world.indexes.settle();
    }
}

impl Edit<'_> {
    /// The entity of this id, as the changes so far left it.
    ///
    /// # Errors
    /// [`Damaged`] if it cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<Versioned>, Damaged> {
        self.world.get(id)
    }

    /// The change at which the entity of this id stands.
    pub fn seq(&self, id: &str) -> Option<Seq> {
        self.world.seq(id)
    }

    /// Makes the entity this, whole, as of the change `seq`.
    ///
    /// # Errors
    /// [`Damaged`] if what stood there before cannot be read; the world is as it was.
    pub fn put(&mut self, entity: &Entity, seq: Seq) -> Result<(), Damaged> {
        let slot = self.world.arena.find(&entity.id, &self.world.hasher);
        let before =
            slot.map(|slot| decode(&self.world.arena.held(slot).bytes, &self.world.dictionary));
        self.replace(slot, before.transpose()?.as_ref(), entity, seq);
        Ok(())
    }

    /// Changes the entity by the difference; false if it is not there.
    ///
    /// # Errors
    /// [`Damaged`] if what stood there before cannot be read; the world is as it was.
    pub fn patch(&mut self, id: &str, delta: &Delta, seq: Seq) -> Result<bool, Damaged> {
        let Some(slot) = self.world.arena.find(id, &self.world.hasher) else {
            return Ok(false);
        };
        let before = decode(&self.world.arena.held(slot).bytes, &self.world.dictionary)?;
        if changes_values_only(delta, &before) {
            self.revalue(slot, before, delta, seq);
        } else {
            let mut after = before.clone();
            delta.apply(&mut after);
            self.replace(Some(slot), Some(&before), &after, seq);
        }
        Ok(true)
    }

    /// Takes the entity out; false if it is not there.
    ///
    /// # Errors
    /// [`Damaged`] if what stood there cannot be read; the world is as it was.
    pub fn remove(&mut self, id: &str) -> Result<bool, Damaged> {
        let Some(slot) = self.world.arena.find(id, &self.world.hasher) else {
            return Ok(false);
        };
        let before = decode(&self.world.arena.held(slot).bytes, &self.world.dictionary)?;
        self.world.order.remove(slot, &self.world.arena);
        for number in self.numbers(&before.types) {
            self.leave_type(number, slot);
        }
        let old = self.entries(&before, |_| true);
        self.world.indexes.change(slot, &old, &[]);
        self.world
            .counts
            .change(&self.world.dictionary, Some(&before), None);
        if let Some(end) = end(&before) {
            self.world.ends.remove(&(end, slot));
        }
        self.world.arena.free(slot, &self.world.hasher);
        Ok(true)
    }

    /// The frequent change, by the short way: no new name, type, scope or end.
    fn revalue(&mut self, slot: Slot, mut entity: Entity, delta: &Delta, seq: Seq) {
        let touched = |name: &Name| delta.set.iter().any(|attribute| attribute.name == *name);
        let old = self.entries(&entity, touched);
        let old_end = end(&entity);
        delta.apply(&mut entity);
        let bytes = self.encoded(&entity);
        self.world.arena.set(slot, bytes, seq);
        let new = self.entries(&entity, touched);
        self.world.indexes.change(slot, &old, &new);
        self.move_end(slot, old_end, end(&entity));
    }

    fn replace(&mut self, slot: Option<Slot>, before: Option<&Entity>, after: &Entity, seq: Seq) {
        let bytes = self.encoded(after);
        let slot = if let Some(slot) = slot {
            self.world.arena.set(slot, bytes, seq);
            slot
        } else {
            let held = Held {
                bytes,
                seq,
                block: 0,
                kind: MANY,
            };
            let slot = self.world.arena.add(held, &self.world.hasher);
            self.enter_order(slot);
            slot
        };
        let old_types = before.map_or(&[][..], |before| &before.types);
        if old_types != after.types {
            self.change_types(slot, old_types, &after.types);
        }
        let differs = |name: &Name| before.is_none_or(|b| !says_the_same(name, b, after));
        let old = before.map_or_else(Vec::new, |before| self.entries(before, differs));
        let new = self.entries(after, differs);
        self.world.indexes.change(slot, &old, &new);
        self.world
            .counts
            .change(&self.world.dictionary, before, Some(after));
        self.move_end(slot, before.and_then(end), end(after));
    }

    fn encoded(&mut self, entity: &Entity) -> Box<[u8]> {
        self.world.scratch.clear();
        encode(entity, &mut self.world.dictionary, &mut self.world.scratch);
        self.world.scratch.as_slice().into()
    }

    fn change_types(&mut self, slot: Slot, old: &[Name], new: &[Name]) {
        let (old, new) = (self.numbers(old), self.numbers(new));
        for number in old.iter().filter(|number| !new.contains(number)) {
            self.leave_type(*number, slot);
        }
        for number in new.iter().filter(|number| !old.contains(number)) {
            self.world
                .types
                .entry(*number)
                .or_default()
                .insert(slot, &self.world.arena);
        }
        self.world.arena.set_kind(slot, kind(&new));
    }

    fn move_end(&mut self, slot: Slot, old: Option<Time>, new: Option<Time>) {
        if old != new {
            if let Some(end) = old {
                self.world.ends.remove(&(end, slot));
            }
            self.world.ends.extend(new.map(|end| (end, slot)));
        }
    }

    fn enter_order(&mut self, slot: Slot) {
        let inserted = self.world.order.insert(slot, &self.world.arena);
        if let Some(split) = inserted.split {
            for moved in self.world.order.block(split) {
                self.world.arena.set_block(*moved, split);
            }
        }
        self.world.arena.set_block(slot, inserted.block);
    }

    fn leave_type(&mut self, number: u32, slot: Slot) {
        if let Some(order) = self.world.types.get_mut(&number) {
            order.remove(slot, &self.world.arena);
            if order.len() == 0 {
                self.world.types.remove(&number);
            }
        }
    }

    fn numbers(&self, names: &[Name]) -> Vec<u32> {
        names
            .iter()
            .filter_map(|name| self.world.dictionary.known(name))
            .collect()
    }

    /// The entries of the attributes that are wanted, and of the scopes.
    fn entries(&self, entity: &Entity, wanted: impl Fn(&Name) -> bool) -> Vec<Entry> {
        let mut out = Vec::with_capacity(16);
        entries(
            entity,
            wanted,
            &self.world.dictionary,
            &self.world.hasher,
            &mut out,
        );
        out
    }
}

/// Whether the difference does no more than give attributes that are there other values of the
/// same kind.
fn changes_values_only(delta: &Delta, before: &Entity) -> bool {
    let is_there = |new: &Attribute| {
        let old = before.attribute(&new.name, new.dataset_id.as_deref());
        old.is_some_and(|old| old.value.kind() == new.value.kind())
    };
    delta.types.is_none()
        && delta.scope.is_none()
        && delta.expires_at.is_none()
        && delta.remove.is_empty()
        && delta.set.iter().all(is_there)
}

/// Whether all instances of the attribute have the same values in both, so that its entries need
/// not be made to be compared.
fn says_the_same(name: &Name, one: &Entity, two: &Entity) -> bool {
    // The look-up is linear: beyond this, making the entries is cheaper.
    const ATTRIBUTES_MAX: usize = 32;
    one.attributes.len().max(two.attributes.len()) <= ATTRIBUTES_MAX
        && one
            .instances(name)
            .map(|a| &a.value)
            .eq(two.instances(name).map(|a| &a.value))
}
