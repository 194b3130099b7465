//! All entities, or those of some types, in id order.

use std::iter::Peekable;

use crate::state::order::{Ids as _, Order, Slot};
use crate::state::world::World;

type Slots<'w> = Box<dyn Iterator<Item = Slot> + 'w>;

/// The slots after the id, of all entities or of those that have one of the types, and about how
/// many there would be without `after`.
pub(super) fn scan<'w>(
    world: &'w World,
    types: Option<&[u32]>,
    after: Option<&str>,
) -> (Slots<'w>, usize) {
    let after = after.map(str::as_bytes);
    let all = || {
        (
            Box::new(world.order.after(after, &world.arena)) as Slots<'w>,
            world.len(),
        )
    };
    let Some(types) = types else { return all() };
    let mut types = types.to_vec();
    types.sort_unstable();
    types.dedup();
    let orders: Vec<&Order> = types
        .iter()
        .filter_map(|number| world.types.get(number))
        .collect();
    let population = orders.iter().map(|order| order.len()).sum();
    match orders.as_slice() {
        [] => (Box::new(std::iter::empty()), 0),
        [one] => (Box::new(one.after(after, &world.arena)), population),
        // To pass over some is cheaper than to merge many.
        _ if population > world.len() / 4 => all(),
        _ => {
            let each = orders
                .iter()
                .map(|order| (Box::new(order.after(after, &world.arena)) as Slots<'w>).peekable());
            (
                Box::new(Merge {
                    world,
                    orders: each.collect(),
                }),
                population,
            )
        }
    }
}

/// Several orders as one; a slot that is in more than one comes once.
struct Merge<'w> {
    world: &'w World,
    orders: Vec<Peekable<Slots<'w>>>,
}

impl Iterator for Merge<'_> {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let world = self.world;
        let heads = self
            .orders
            .iter_mut()
            .filter_map(|order| order.peek().copied());
        let first = heads.min_by(|a, b| world.arena.id(*a).cmp(world.arena.id(*b)))?;
        for order in &mut self.orders {
            order.next_if_eq(&first);
        }
        Some(first)
    }
}
