//! An ordered set of integers: sorted leaves of some dozens, and a bound between each two in one row.
//!
//! The standard library's tree has eleven in a node, so that a search in a million waits for memory
//! at several levels. Here the row stays in the cache, and a leaf is read in one go.

use std::ops::RangeInclusive;

/// Integers in a leaf at most: a kilobyte, sixteen lines of the cache.
const LEAF_MAX: usize = 64;
/// Integers in a leaf after a bulk load: room to grow.
const LEAF_LOADED: usize = 48;

/// Integers in a line of the cache.
const LINE: usize = 4;

/// The set.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// For each leaf but the first, which begins anywhere, a bound between it and the one before:
    /// what is in the leaf is not less.
    bounds: Vec<u128>,
    leaves: Vec<Vec<u128>>,
}

impl Set {
    /// Of integers that ascend.
    pub(super) fn loaded(ascending: &[u128]) -> Self {
        let leaves: Vec<_> = ascending
            .chunks(LEAF_LOADED)
            .map(<[u128]>::to_vec)
            .collect();
        let bounds = leaves
            .iter()
            .skip(1)
            .filter_map(|leaf| leaf.first().copied())
            .collect();
        Self { bounds, leaves }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Reads what changes of these integers will read, all at once instead of one after the other.
    pub(super) fn warm(&self, integers: impl Iterator<Item = u128>) {
        let leaves: Vec<usize> = integers.map(|integer| self.leaf_of(integer)).collect();
        let leaves = leaves.iter().filter_map(|at| self.leaves.get(*at));
        let lengths: usize = leaves.clone().map(Vec::len).sum();
        let lines = leaves.flat_map(|leaf| leaf.iter().step_by(LINE));
        std::hint::black_box((lengths, lines.fold(0, |all, one| all ^ *one)));
    }

    /// Puts the integer in, if it is not there.
    pub(super) fn insert(&mut self, integer: u128) {
        if self.leaves.is_empty() {
            self.leaves.push(Vec::new());
        }
        let at = self.leaf_of(integer);
        let Some(leaf) = self.leaves.get_mut(at) else {
            return;
        };
        let Err(place) = search(leaf, integer) else {
            return;
        };
        leaf.insert(place, integer);
        if leaf.len() <= LEAF_MAX {
            return;
        }
        // Ascending integers leave full leaves behind instead of half-full ones.
        let half = if place + 1 == leaf.len() {
            place
        } else {
            leaf.len() / 2
        };
        let upper = leaf.split_off(half);
        self.bounds.extend(upper.first().copied());
        self.bounds
            .get_mut(at..)
            .unwrap_or_default()
            .rotate_right(1);
        self.leaves.insert(at + 1, upper);
    }

    /// Takes the integer out, if it is there.
    pub(super) fn remove(&mut self, integer: u128) {
        let at = self.leaf_of(integer);
        let Some(leaf) = self.leaves.get_mut(at) else {
            return;
        };
        let Ok(place) = search(leaf, integer) else {
            return;
        };
        leaf.remove(place);
        let len = leaf.len();
        if len == 0 {
            self.leaves.remove(at);
            if !self.bounds.is_empty() {
                // The first leaf has no bound: the one after it loses its own.
                self.bounds.remove(at.saturating_sub(1));
            }
        } else if len < LEAF_MAX / 4 {
            self.join(at);
        }
    }

    /// Makes one leaf of this and the next if both are small.
    fn join(&mut self, at: usize) {
        let Some([leaf, next]) = self.leaves.get_mut(at..at + 2) else {
            return;
        };
        if leaf.len() + next.len() <= LEAF_MAX / 2 {
            leaf.append(next);
            self.leaves.remove(at + 1);
            self.bounds.remove(at);
        }
    }

    /// The integers in the range, ascending.
    pub(super) fn range(&self, range: RangeInclusive<u128>) -> impl Iterator<Item = u128> + '_ {
        let (low, high) = range.into_inner();
        let leaves = self.leaves.get(self.leaf_of(low)..).unwrap_or_default();
        let skipped = leaves.first().map_or(0, |leaf| first_not_less(leaf, low));
        leaves
            .iter()
            .flatten()
            .skip(skipped)
            .copied()
            .take_while(move |one| *one <= high)
    }

    /// The leaf in which the integer is, if it is there.
    fn leaf_of(&self, integer: u128) -> usize {
        self.bounds.partition_point(|bound| *bound <= integer)
    }
}

fn search(leaf: &[u128], integer: u128) -> Result<usize, usize> {
    let place = first_not_less(leaf, integer);
    if leaf.get(place) == Some(&integer) {
        Ok(place)
    } else {
        Err(place)
    }
}

/// Looks at the first of every four, then at those four. Halving would wait for memory at every
/// step, as each depends on the one before; these reads go out together.
fn first_not_less(leaf: &[u128], integer: u128) -> usize {
    let less = leaf
        .iter()
        .step_by(LINE)
        .take_while(|one| **one < integer)
        .count();
    let from = less.saturating_sub(1) * LINE;
    let rest = leaf.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|one| **one < integer).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_holds_what_the_standard_set_holds(
            loaded in prop::collection::btree_set(0..2000_u128, 0..600),
            edits in prop::collection::vec((0..2000_u128, 0..3_u8), 0..3000),
            thin in any::<bool>(),
            (low, more) in (0..2000_u128, 0..2000_u128),
        ) {
            let mut set = Set::loaded(&loaded.iter().copied().collect::<Vec<_>>());
            let mut model = loaded;
            for (integer, what) in edits {
                if (what == 0) == thin {
                    set.insert(integer);
                    model.insert(integer);
                } else {
                    set.remove(integer);
                    model.remove(&integer);
                }
            }
            prop_assert!(set.range(0..=u128::MAX).eq(model.iter().copied()));
            let range = low..=low + more;
            prop_assert!(set.range(range.clone()).eq(model.range(range).copied()));
            prop_assert_eq!(set.is_empty(), model.is_empty());
            prop_assert_eq!(set.bounds.len(), set.leaves.len().saturating_sub(1));
        }
    }

    #[test]
    fn ascending_integers_fill_their_leaves_and_none_are_left_when_they_go() {
        let mut set = Set::default();
        (0..10_000).for_each(|integer| set.insert(integer));
        assert_eq!(set.leaves.len(), 10_000_usize.div_ceil(LEAF_MAX));
        (0..10_000).for_each(|integer| set.remove(integer));
        assert!(set.is_empty() && set.bounds.is_empty());
    }
}
