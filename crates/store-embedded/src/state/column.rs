//! What an index says of an entity, by its slot: whether the entity can match is told without
//! reading its bytes.
//!
//! A column holds one number for each slot: the key without its hash if the entity has one key in
//! the index, [`MANY`] if it has several, [`ABSENT`] if it has none. Columns come in chunks, so
//! that a growing world copies none of them, and are bounded: beyond that a column knows less, and
//! what it does not know is [`MANY`].

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::index::IndexId;
use super::order::Slot;

/// The entity has no entry in the index. No key is this: no kind of value has all bits of kind, and
/// no cell the highest bit.
pub(super) const ABSENT: u64 = u64::MAX;
/// The entity may have any entry in the index; the key of what may pass any test, and no cell.
pub(super) const MANY: u64 = 0;

/// Slots in a chunk: a page of memory. This and what follows are few in tests, so that small worlds
/// have several chunks and run out of room.
const SLOTS: usize = if cfg!(test) { 8 } else { 512 };
/// Numbers kept for an entity at most, on average: 192 bytes.
const PER_SLOT: usize = if cfg!(test) { 6 } else { 24 };
/// Indexes that have columns at most.
// Limit: an index that comes after so many others has none until the world is loaded anew.
const COLUMNS_MAX: usize = if cfg!(test) { 10 } else { 256 };

#[derive(Debug, Default)]
enum Chunk {
    /// No entity has an entry.
    #[default]
    Absent,
    /// There was no room.
    Unknown,
    Known(Box<[u64; SLOTS]>),
}

/// The keys of one index by slot.
#[derive(Debug, Default)]
pub(super) struct Column {
    chunks: Vec<Chunk>,
}

impl Column {
    /// From keys and their slots.
    pub(super) fn loaded(keys: impl Iterator<Item = (Slot, u64)>) -> Self {
        let mut column = Self::default();
        for (slot, key) in keys {
            let all = both(column.get(slot), key);
            column.set(slot, all, true);
        }
        column
    }

    /// What is known of the entity in the slot.
    #[inline]
    pub(super) fn get(&self, slot: Slot) -> u64 {
        let (place, at) = place(slot);
        match self.chunks.get(place) {
            Some(Chunk::Known(keys)) => keys[at],
            Some(Chunk::Unknown) => MANY,
            Some(Chunk::Absent) | None => ABSENT,
        }
    }

    /// Keeps the key of the slot; says whether that took a new chunk.
    fn set(&mut self, slot: Slot, key: u64, room: bool) -> bool {
        let (place, at) = place(slot);
        if place >= self.chunks.len() {
            if key == ABSENT {
                return false;
            }
            self.chunks.resize_with(place + 1, Chunk::default);
        }
        let chunk = &mut self.chunks[place];
        match chunk {
            Chunk::Known(keys) => keys[at] = key,
            Chunk::Absent if key != ABSENT => {
                if !room {
                    *chunk = Chunk::Unknown;
                    return false;
                }
                let mut keys = Box::new([ABSENT; SLOTS]);
                keys[at] = key;
                *chunk = Chunk::Known(keys);
                return true;
            }
            Chunk::Absent | Chunk::Unknown => {}
        }
        false
    }
}

/// The columns of a world.
#[derive(Debug, Default)]
pub(super) struct Columns {
    by_index: HashMap<IndexId, Column, RandomState>,
    /// Chunks of all columns that are known.
    known: usize,
    /// Chunks that the longest column has.
    length: usize,
}

impl Columns {
    /// The column of the index, if it has one.
    pub(super) fn get(&self, id: IndexId) -> Option<&Column> {
        self.by_index.get(&id)
    }

    /// Whether one more index can have a column.
    pub(super) fn has_room(&self) -> bool {
        self.by_index.len() < COLUMNS_MAX
    }

    /// Takes the column of an index that has none.
    pub(super) fn put(&mut self, id: IndexId, mut column: Column) {
        if !self.has_room() {
            return;
        }
        self.length = self.length.max(column.chunks.len());
        for chunk in &mut column.chunks {
            if matches!(chunk, Chunk::Known(_)) {
                if self.known >= most(self.length) {
                    *chunk = Chunk::Unknown;
                } else {
                    self.known += 1;
                }
            }
        }
        self.by_index.insert(id, column);
    }

    /// Keeps what the index says of the slot: these are its keys there, all of them.
    pub(super) fn set(&mut self, id: IndexId, slot: Slot, keys: impl Iterator<Item = u64>) {
        if !self.has_room() && !self.by_index.contains_key(&id) {
            return;
        }
        self.length = self.length.max(place(slot).0 + 1);
        let room = self.known < most(self.length);
        let key = keys.fold(ABSENT, both);
        let column = self.by_index.entry(id).or_default();
        self.known += usize::from(column.set(slot, key, room));
    }
}

/// Chunks that may be known when the longest column has so many.
fn most(length: usize) -> usize {
    length * PER_SLOT
}

fn place(slot: Slot) -> (usize, usize) {
    (slot as usize / SLOTS, slot as usize % SLOTS)
}

/// What stands for what was known and one more key.
fn both(known: u64, key: u64) -> u64 {
    if known == ABSENT || known == key {
        key
    } else {
        MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: IndexId = IndexId::Values(1);

    #[test]
    fn a_column_tells_one_key_from_none_and_from_several() {
        let mut columns = Columns::default();
        columns.put(
            ID,
            Column::loaded([(3, 30), (3, 30), (4, 40), (4, 41)].into_iter()),
        );
        let all =
            |columns: &Columns| [2, 3, 4, 5000].map(|slot| columns.get(ID).unwrap().get(slot));
        assert_eq!(all(&columns), [ABSENT, 30, MANY, ABSENT]);
        columns.set(ID, 4, [42].into_iter());
        columns.set(ID, 3, std::iter::empty());
        columns.set(ID, 5000, [50, 51].into_iter());
        assert_eq!(all(&columns), [ABSENT, ABSENT, 42, MANY]);
    }

    #[test]
    fn what_finds_no_room_may_be_anything() {
        let mut columns = Columns::default();
        for number in 0..20 {
            columns.set(IndexId::Values(number), 7, [1].into_iter());
        }
        let get =
            |columns: &Columns, number| columns.get(IndexId::Values(number)).map(|c| c.get(7));
        assert_eq!((get(&columns, 0), get(&columns, 5)), (Some(1), Some(1)));
        assert_eq!(
            (get(&columns, 6), get(&columns, 9)),
            (Some(MANY), Some(MANY))
        );
        assert_eq!(get(&columns, 10), None);
        // Another chunk of slots has room again, but only for the columns there are.
        columns.set(IndexId::Values(6), 8, [1].into_iter());
        columns.put(IndexId::Values(10), Column::loaded([(9, 1)].into_iter()));
        assert_eq!(columns.get(IndexId::Values(6)).unwrap().get(8), 1);
        assert_eq!(get(&columns, 10), None);
    }
}
