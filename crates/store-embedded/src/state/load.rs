//! Building a world from stored bytes at once: in parallel, by sorting instead of by inserting.

use std::collections::HashMap;
use std::num::NonZero;
use std::thread;

use base::{Seq, Time};
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::codec::{Damaged, decode, id_of};
use super::column::Column;
use super::dictionary::Dictionary;
use super::index::{IndexId, Indexes, bits, entries, key_by_slot};
use super::order::{Order, Slot};
use super::set::Set;
use super::world::{Arena, Counts, Held, World, end, hash, kind};

/// An entity as [`World::stored`] gave it out.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The change at which it stands.
    pub seq: Seq,
    /// Its bytes.
    pub bytes: Box<[u8]>,
}

/// What one thread gathers of its part of the entities.
#[derive(Debug, Default)]
struct Part {
    hashes: Vec<u32>,
    kinds: Vec<u32>,
    entries: HashMap<IndexId, Vec<u128>, RandomState>,
    types: HashMap<u32, Vec<Slot>, RandomState>,
    counts: Counts,
    ends: Vec<(Time, Slot)>,
}

impl World {
    /// Builds a world of these entities. Fastest when they come in id order, as a checkpoint has
    /// them; uses all processors.
    ///
    /// # Errors
    /// [`Damaged`] if the bytes do not belong to the dictionary, or an id comes twice.
    pub fn load(dictionary: Dictionary, mut entities: Vec<Stored>) -> Result<Self, Damaged> {
        if !entities.is_sorted_by(|a, b| id_of(&a.bytes) < id_of(&b.bytes)) {
            entities.sort_unstable_by(|a, b| id_of(&a.bytes).cmp(id_of(&b.bytes)));
            if entities.windows(2).any(same_id) {
                return Err(Damaged);
            }
        }
        let count = Slot::try_from(entities.len()).map_err(|_too_many| Damaged)?;
        let order = Order::loaded(&(0..count).collect::<Vec<_>>());
        let hasher = RandomState::default();
        let parts = gather(&entities, &dictionary, &hasher)?;

        let mut world = Self {
            dictionary,
            order,
            hasher,
            ..Self::default()
        };
        let mut of_ids = Vec::with_capacity(entities.len());
        let mut kinds = Vec::with_capacity(entities.len());
        let mut entries: HashMap<IndexId, Vec<Vec<u128>>> = HashMap::new();
        let mut types: HashMap<u32, Vec<Slot>> = HashMap::new();
        for part in parts {
            of_ids.extend(part.hashes);
            kinds.extend(part.kinds);
            part.entries
                .into_iter()
                .for_each(|(id, list)| entries.entry(id).or_default().push(list));
            part.types
                .into_iter()
                .for_each(|(n, slots)| types.entry(n).or_default().extend(slots));
            world.counts.add(part.counts);
            world.ends.extend(part.ends);
        }
        // Slots stand in id order, so what is ascending in slots is so in ids.
        world.types = types
            .into_iter()
            .map(|(n, slots)| (n, Order::loaded(&slots)))
            .collect();
        let held = entities.into_iter().zip(kinds).map(|(stored, kind)| Held {
            bytes: stored.bytes,
            seq: stored.seq,
            block: 0,
            kind,
        });
        world.arena = Arena::loaded(held.collect(), &of_ids);
        world.order.each_block(|block, slots| {
            for slot in slots {
                world.arena.set_block(*slot, block);
            }
        });
        world.indexes = build(entries);
        Ok(world)
    }
}

fn same_id(pair: &[Stored]) -> bool {
    matches!(pair, [a, b] if id_of(&a.bytes) == id_of(&b.bytes))
}

fn threads() -> usize {
    // Beyond this the memory is what waits.
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(16)
}

/// Reads all entities once, each thread a part of them.
fn gather(
    entities: &[Stored],
    dictionary: &Dictionary,
    hasher: &RandomState,
) -> Result<Vec<Part>, Damaged> {
    let size = entities.len().div_ceil(threads()).max(1);
    thread::scope(|scope| {
        let running: Vec<_> = entities
            .chunks(size)
            .zip((0..).step_by(size))
            .map(|(chunk, first)| {
                scope.spawn(move || {
                    let mut part = Part::default();
                    for (stored, slot) in chunk.iter().zip(first..) {
                        part.add(stored, slot, dictionary, hasher)?;
                    }
                    Ok(part)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().map_err(|_panic| Damaged)?)
            .collect()
    })
}

impl Part {
    fn add(
        &mut self,
        stored: &Stored,
        slot: Slot,
        dictionary: &Dictionary,
        hasher: &RandomState,
    ) -> Result<(), Damaged> {
        let entity = decode(&stored.bytes, dictionary)?;
        self.hashes.push(hash(entity.id.as_bytes(), hasher));
        let numbers = entity
            .types
            .iter()
            .map(|name| dictionary.known(name).ok_or(Damaged));
        let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
        for number in &numbers {
            self.types.entry(*number).or_default().push(slot);
        }
        self.kinds.push(kind(&numbers));
        let mut found = Vec::with_capacity(16);
        entries(&entity, |_| true, dictionary, hasher, &mut found);
        for entry in found {
            let (id, entry) = bits(entry, slot);
            self.entries.entry(id).or_default().push(entry);
        }
        self.counts.change(dictionary, None, Some(&entity));
        self.ends.extend(end(&entity).map(|end| (end, slot)));
        Ok(())
    }
}

/// Sorts the entries of each index and makes a set of them, and a column, each thread one index
/// after the other.
fn build(entries: HashMap<IndexId, Vec<Vec<u128>>>) -> Indexes {
    let mut waiting: Vec<_> = entries.into_iter().collect();
    // The largest first, so that no thread is left alone with it at the end.
    waiting.sort_unstable_by_key(|(_, lists)| lists.iter().map(Vec::len).sum::<usize>());
    let waiting = Mutex::new(waiting);
    let done = Mutex::new(Indexes::default());
    thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                loop {
                    let Some((id, lists)) = waiting.lock().pop() else {
                        break;
                    };
                    let mut all = lists.concat();
                    drop(lists);
                    let room = done.lock().has_room_for_column();
                    let column = room.then(|| Column::loaded(all.iter().copied().map(key_by_slot)));
                    all.sort_unstable();
                    let set = Set::loaded(&all);
                    done.lock().put_all(id, set, column);
                }
            });
        }
    });
    done.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::codec::encode;
    use crate::state::codec::tests::typical;

    fn stored(numbers: &[u32]) -> (Dictionary, Vec<Stored>) {
        let mut dictionary = Dictionary::default();
        let one = |number: &u32| {
            let mut bytes = Vec::new();
            encode(&typical(*number), &mut dictionary, &mut bytes);
            Stored {
                seq: Seq(u64::from(*number)),
                bytes: bytes.into_boxed_slice(),
            }
        };
        let stored = numbers.iter().map(one).collect();
        (dictionary, stored)
    }

    #[test]
    fn entities_may_come_in_any_order() {
        let (dictionary, entities) = stored(&[3, 1, 2]);
        let world = World::load(dictionary, entities).unwrap();
        assert!(
            world
                .stored(None)
                .map(|(seq, _)| seq)
                .eq([Seq(1), Seq(2), Seq(3)])
        );
        assert!(
            world
                .stored(Some(&typical(1).id))
                .map(|(seq, _)| seq)
                .eq([Seq(2), Seq(3)])
        );
    }

    #[test]
    fn an_id_that_comes_twice_and_a_dictionary_that_lacks_a_name_are_damage() {
        let (dictionary, entities) = stored(&[3, 1, 3]);
        assert_eq!(World::load(dictionary, entities).map(drop), Err(Damaged));
        let (_, entities) = stored(&[1]);
        assert_eq!(
            World::load(Dictionary::default(), entities).map(drop),
            Err(Damaged)
        );
    }
}
