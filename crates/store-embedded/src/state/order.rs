//! Slots in the order of their entities' ids: a row of blocks, each at most [`BLOCK_MAX`] slots.
//!
//! Four bytes an entity, and a search compares ids a score of times. A block keeps its number while
//! others come and go; its place in the row says which of two blocks comes first, so an entity that
//! knows its block can be put in order by one number.

use std::cmp::Ordering;

/// Slots in one block at most: a split then costs microseconds, and a million entities make some
/// thousand blocks.
const BLOCK_MAX: usize = 512;
/// Slots in one block after a bulk load: room to grow.
const BLOCK_LOADED: usize = 384;

/// A number of an entity in the arena of its world.
pub(super) type Slot = u32;

/// Compares the wanted id with that of a slot.
pub(super) trait Ids {
    /// The id of the entity in the slot.
    fn id(&self, slot: Slot) -> &[u8];
}

/// Slots in id order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Numbers of the blocks, first to last.
    row: Vec<u32>,
    /// By number.
    blocks: Vec<Vec<Slot>>,
    /// Where in the row a block stands, by number.
    places: Vec<u32>,
    /// Numbers of blocks that stand nowhere.
    spare: Vec<u32>,
    len: usize,
}

/// What an insertion did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inserted {
    /// The block that holds the slot now.
    pub(super) block: u32,
    /// A new block, to which slots of another moved.
    pub(super) split: Option<u32>,
}

impl Order {
    /// From slots that are in order already.
    pub(super) fn loaded(slots: &[Slot]) -> Self {
        let blocks: Vec<Vec<Slot>> = slots.chunks(BLOCK_LOADED).map(<[Slot]>::to_vec).collect();
        let mut order = Self {
            blocks,
            len: slots.len(),
            ..Self::default()
        };
        order.row = (0..).take(order.blocks.len()).collect();
        order.renumber();
        order
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Visits every block: its number and its slots.
    pub(super) fn each_block(&self, mut visit: impl FnMut(u32, &[Slot])) {
        self.row
            .iter()
            .for_each(|number| visit(*number, self.block(*number)));
    }

    /// The slots of a block.
    pub(super) fn block(&self, number: u32) -> &[Slot] {
        self.blocks.get(number as usize).map_or(&[], Vec::as_slice)
    }

    /// Where the block stands in the row.
    pub(super) fn place(&self, number: u32) -> u32 {
        self.places
            .get(number as usize)
            .copied()
            .unwrap_or(u32::MAX)
    }

    /// Where in the row the block stands that would hold the id: no greater id is in one before it.
    pub(super) fn place_of(&self, id: &[u8], ids: &impl Ids) -> u32 {
        u32::try_from(self.search(id, ids).0).unwrap_or(u32::MAX)
    }

    /// Puts the slot where its id belongs; it must not be there yet.
    pub(super) fn insert(&mut self, slot: Slot, ids: &impl Ids) -> Inserted {
        self.len += 1;
        if self.row.is_empty() {
            let number = self.new_block(Vec::new());
            self.row.push(number);
            self.renumber();
        }
        let (place, at) = self.search(ids.id(slot), ids);
        let number = self.row.get(place).copied().unwrap_or_default();
        let Some(block) = self.blocks.get_mut(number as usize) else {
            return Inserted {
                block: number,
                split: None,
            };
        };
        block.insert(at, slot);
        if block.len() <= BLOCK_MAX {
            return Inserted {
                block: number,
                split: None,
            };
        }
        // Ids that come in ascending order leave full blocks behind instead of half-full ones.
        let half = if at + 1 == block.len() {
            at
        } else {
            block.len() / 2
        };
        let upper = block.split_off(half);
        let split = self.new_block(upper);
        self.row.insert(place + 1, split);
        self.renumber();
        Inserted {
            block: if at >= half { split } else { number },
            split: Some(split),
        }
    }

    /// Takes the slot out; nothing happens if it is not there.
    pub(super) fn remove(&mut self, slot: Slot, ids: &impl Ids) {
        let (place, at) = self.search(ids.id(slot), ids);
        let Some(number) = self.row.get(place).copied() else {
            return;
        };
        let Some(block) = self.blocks.get_mut(number as usize) else {
            return;
        };
        if block.get(at) != Some(&slot) {
            return;
        }
        block.remove(at);
        self.len -= 1;
        if block.is_empty() {
            *block = Vec::new();
            self.spare.push(number);
            self.row.remove(place);
            self.renumber();
        }
    }

    /// The slots after this id, all without one.
    pub(super) fn after<'o>(
        &'o self,
        after: Option<&[u8]>,
        ids: &impl Ids,
    ) -> impl Iterator<Item = Slot> + 'o {
        let (place, at) = match after {
            None => (0, 0),
            Some(id) => match self.search(id, ids) {
                (place, at) if self.at(place, at).is_some_and(|s| ids.id(s) == id) => {
                    (place, at + 1)
                }
                found => found,
            },
        };
        let blocks = self.row.get(place..).unwrap_or_default().iter();
        blocks
            .flat_map(|number| self.block(*number))
            .skip(at)
            .copied()
    }

    fn at(&self, place: usize, at: usize) -> Option<Slot> {
        self.block(*self.row.get(place)?).get(at).copied()
    }

    /// The block, by its place, and the position in it of the first slot whose id is not less; in
    /// the last block that begins before the id, so that the position may be its end.
    fn search(&self, id: &[u8], ids: &impl Ids) -> (usize, usize) {
        let less = |slot: &Slot| ids.id(*slot).cmp(id) == Ordering::Less;
        let begins_less = |number: &u32| self.block(*number).first().is_some_and(less);
        let place = self.row.partition_point(begins_less).saturating_sub(1);
        let block = self
            .row
            .get(place)
            .map_or(&[][..], |number| self.block(*number));
        let at = block.partition_point(less);
        // An id that begins the next block stands there.
        if at == block.len()
            && let Some(next) = self.at(place + 1, 0)
            && ids.id(next) == id
        {
            return (place + 1, 0);
        }
        (place, at)
    }

    fn new_block(&mut self, slots: Vec<Slot>) -> u32 {
        if let Some(number) = self.spare.pop() {
            if let Some(block) = self.blocks.get_mut(number as usize) {
                *block = slots;
            }
            return number;
        }
        self.blocks.push(slots);
        u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX)
    }

    fn renumber(&mut self) {
        self.places.resize(self.blocks.len(), u32::MAX);
        for (place, number) in (0..).zip(&self.row) {
            if let Some(entry) = self.places.get_mut(*number as usize) {
                *entry = place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Slot n has the id n, in six digits.
    struct Digits(Vec<String>);

    impl Ids for Digits {
        fn id(&self, slot: Slot) -> &[u8] {
            self.0[slot as usize].as_bytes()
        }
    }

    fn digits() -> Digits {
        Digits((0..6000).map(|n| format!("{n:06}")).collect())
    }

    fn check(order: &Order, model: &BTreeSet<Slot>, ids: &Digits, after: Slot) {
        let all: Vec<Slot> = order.after(None, ids).collect();
        assert!(all.iter().eq(model.iter()));
        assert_eq!(order.len(), model.len());
        let rest: Vec<Slot> = order.after(Some(ids.id(after)), ids).collect();
        assert!(rest.iter().eq(model.range(after + 1..)));
        let places: Vec<u32> = order
            .row
            .iter()
            .map(|number| order.place(*number))
            .collect();
        assert!(
            places
                .iter()
                .copied()
                .eq(0..u32::try_from(order.row.len()).unwrap())
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn an_order_is_an_ordered_set(
            loaded in prop::collection::btree_set(0..6000_u32, 0..2000),
            edits in prop::collection::vec((0..6000_u32, any::<bool>()), 0..3000),
            after in 0..6000_u32,
        ) {
            let ids = digits();
            let mut model = loaded;
            let mut order = Order::loaded(&model.iter().copied().collect::<Vec<_>>());
            for (slot, insert) in edits {
                if !insert {
                    order.remove(slot, &ids);
                    model.remove(&slot);
                } else if model.insert(slot) {
                    let done = order.insert(slot, &ids);
                    prop_assert!(order.block(done.block).contains(&slot));
                }
            }
            check(&order, &model, &ids, after);
        }
    }

    #[test]
    fn blocks_of_ascending_ids_are_full_and_emptied_ones_are_used_again() {
        let ids = digits();
        let mut order = Order::default();
        for slot in 0..6000 {
            order.insert(slot, &ids);
        }
        assert_eq!(order.row.len(), 6000_usize.div_ceil(BLOCK_MAX));
        (0..6000).for_each(|slot| order.remove(slot, &ids));
        assert_eq!((order.len(), order.row.len()), (0, 0));
        for slot in 0..6000 {
            order.insert(slot, &ids);
        }
        assert_eq!(order.blocks.len(), 6000_usize.div_ceil(BLOCK_MAX));
    }
}
