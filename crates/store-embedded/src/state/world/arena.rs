//! The boxes of bytes in numbered slots, and the way from an id to its slot.

use std::hash::BuildHasher as _;

use base::Seq;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::state::codec::id_of;
use crate::state::order::{Ids, Slot};

/// An entity as it is kept.
#[derive(Debug)]
pub(in crate::state) struct Held {
    /// The encoded entity; empty in a free slot.
    pub(in crate::state) bytes: Box<[u8]>,
    /// The change at which it stands.
    pub(in crate::state) seq: Seq,
    /// The block of the id order that it is in.
    pub(in crate::state) block: u32,
    /// The number of its type; [`MANY`] if it has several.
    pub(in crate::state) kind: u32,
}

/// Stands for several types.
pub(in crate::state) const MANY: u32 = u32::MAX;

/// In this many parts the table of ids grows, so that no single write waits for all of it.
const SHARDS: usize = 64;

/// All slots of a world.
#[derive(Debug)]
pub(in crate::state) struct Arena {
    slots: Vec<Held>,
    free: Vec<Slot>,
    /// Hash of the id and slot, by the upper bits of the hash.
    table: [HashTable<(u32, Slot)>; SHARDS],
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            table: [const { HashTable::new() }; SHARDS],
        }
    }
}

impl Ids for Arena {
    fn id(&self, slot: Slot) -> &[u8] {
        id_of(&self.held(slot).bytes)
    }
}

impl Arena {
    /// Of entities in id order, their slots the same order; `hashes` are those of their ids.
    pub(in crate::state) fn loaded(slots: Vec<Held>, hashes: &[u32]) -> Self {
        let mut arena = Self {
            slots,
            ..Self::default()
        };
        for table in &mut arena.table {
            table.reserve(hashes.len() / SHARDS, |(hash, _)| spread(*hash));
        }
        for (slot, hash) in (0..).zip(hashes) {
            arena.enter(*hash, slot);
        }
        arena
    }

    /// The entity in the slot, which must be one that this arena gave out.
    pub(in crate::state) fn held(&self, slot: Slot) -> &Held {
        &self.slots[slot as usize]
    }

    /// The slot of the entity of this id.
    pub(in crate::state) fn find(&self, id: &str, hasher: &RandomState) -> Option<Slot> {
        let hash = hash(id.as_bytes(), hasher);
        let is_it = |(other, slot): &(u32, Slot)| *other == hash && self.id(*slot) == id.as_bytes();
        self.table[shard(hash)]
            .find(spread(hash), is_it)
            .map(|(_, slot)| *slot)
    }

    /// Reads what the search for each of these ids will read. Searches one after the other wait for
    /// memory at every step; here the reads of a step go out together.
    pub(in crate::state) fn warm<'i>(
        &self,
        ids: impl Iterator<Item = &'i str>,
        hasher: &RandomState,
    ) {
        let wanted: Vec<u32> = ids.map(|id| hash(id.as_bytes(), hasher)).collect();
        let slots: Vec<Slot> = wanted
            .iter()
            .filter_map(|hash| {
                let same = |(other, _): &(u32, Slot)| other == hash;
                self.table[shard(*hash)]
                    .find(spread(*hash), same)
                    .map(|(_, slot)| *slot)
            })
            .collect();
        let lengths: usize = slots.iter().map(|slot| self.held(*slot).bytes.len()).sum();
        let bytes = |slot: &Slot| self.held(*slot).bytes.iter().step_by(64).copied().max();
        std::hint::black_box((lengths, slots.iter().filter_map(bytes).max()));
    }

    /// Puts an entity with a new id into a free slot.
    pub(in crate::state) fn add(&mut self, held: Held, hasher: &RandomState) -> Slot {
        let hash = hash(id_of(&held.bytes), hasher);
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = held;
            slot
        } else {
            self.slots.push(held);
            // Limit: 4,294,967,295 entities a tenant; memory ends long before.
            Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
        };
        self.enter(hash, slot);
        slot
    }

    /// Puts other bytes with the same id into the slot.
    pub(in crate::state) fn set(&mut self, slot: Slot, bytes: Box<[u8]>, seq: Seq) {
        let held = &mut self.slots[slot as usize];
        held.bytes = bytes;
        held.seq = seq;
    }

    pub(in crate::state) fn set_block(&mut self, slot: Slot, block: u32) {
        self.slots[slot as usize].block = block;
    }

    pub(in crate::state) fn set_kind(&mut self, slot: Slot, kind: u32) {
        self.slots[slot as usize].kind = kind;
    }

    /// Forgets the entity in the slot.
    pub(in crate::state) fn free(&mut self, slot: Slot, hasher: &RandomState) {
        let hash = hash(self.id(slot), hasher);
        let is_it = |(_, other): &(u32, Slot)| *other == slot;
        if let Ok(entry) = self.table[shard(hash)].find_entry(spread(hash), is_it) {
            entry.remove();
            self.slots[slot as usize].bytes = Box::default();
            self.free.push(slot);
        }
    }

    fn enter(&mut self, hash: u32, slot: Slot) {
        let rehash = |(hash, _): &(u32, Slot)| spread(*hash);
        self.table[shard(hash)].insert_unique(spread(hash), (hash, slot), rehash);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
pub(in crate::state) fn hash(id: &[u8], hasher: &RandomState) -> u32 {
    hasher.hash_one(id) as u32
}

fn shard(hash: u32) -> usize {
    hash as usize % SHARDS
}

/// The table wants 64 bits with random upper and lower ones.
fn spread(hash: u32) -> u64 {
    (u64::from(hash) | 1 << 32)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(32)
}
