//! Answering queries: candidates from an index or a scan, in id order, each shown to
//! [`Query::matches`] before it is given out.
//!
//! No statistics say whether an index or a scan in id order is quicker to a page. Both are given
//! allowances in turn, each some times the one before, until one of them is through: an index when
//! all its candidates are known, a scan when the page is full. So the cost is a small multiple of
//! the better of the two, whatever the data. Columns rule out most of what does not match before
//! its bytes are read ([`filter`]).

mod filter;
mod scan;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use base::Name;
use ngsi::Query;
use ports::store::Versioned;

use super::codec::{Damaged, id_of};
use super::order::{Ids as _, Order, Slot};
use super::plan::{Source, sources};
use super::world::{MANY, World};
use filter::{Filter, filters};
use scan::scan;

/// Entries of indexes that are read before the first entities are scanned. Few in tests, so that
/// small worlds go all the ways that large ones do.
const ALLOWANCE: usize = if cfg!(test) { 4 } else { 256 };
/// So many entries of an index, or entities ruled out by columns, cost about as much as one entity
/// that is read and shown to the query.
const ENTRIES_PER_ENTITY: usize = 16;
/// By how much the allowance of a scan exceeds that of the indexes before it, in the same unit.
const SCAN: usize = 8;
/// By how much each allowance exceeds the one before.
const GROWTH: usize = 8;

/// A page of entities, or the part of it that the budget reached.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The entities, in id order.
    pub entities: Vec<Versioned>,
    /// If the budget ended before the page was full: the id after which to go on.
    pub resume: Option<Name>,
}

/// A number of entities, or of a part of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many match.
    pub count: u64,
    /// If the budget ended before all were counted: the id after which to go on.
    pub resume: Option<Name>,
}

impl World {
    /// The first `limit` entities after `after` that match, in id order. Reads at most `budget`
    /// entities, or passes over some times as many, and then says where to go on, so that a writer
    /// need not wait for a long search.
    ///
    /// # Errors
    /// [`Damaged`] if an entity cannot be read.
    pub fn find(
        &self,
        query: &Query,
        after: Option<&str>,
        limit: usize,
        budget: usize,
    ) -> Result<Found, Damaged> {
        if limit == 0 {
            return Ok(Found::default());
        }
        let mut entities = Vec::with_capacity(limit.min(1_000));
        let resume = self.search(query, after, budget, &mut |found| {
            entities.push(found);
            entities.len() >= limit
        })?;
        Ok(Found { entities, resume })
    }

    /// How many entities after `after` match. Reads at most `budget` entities, as `find` does.
    ///
    /// # Errors
    /// [`Damaged`] if an entity cannot be read.
    pub fn count(
        &self,
        query: &Query,
        after: Option<&str>,
        budget: usize,
    ) -> Result<Counted, Damaged> {
        if let (None, Some(order)) = (after, self.all_of(query)) {
            let mut count = order.len() as u64;
            // What has ceased to be, but was not swept yet, is of the order and does not match.
            for (_, slot) in self.ends.range(..=(query.now, Slot::MAX)) {
                let entity = self.versioned(*slot)?.entity;
                let is_of_it = entity.is_expired(query.now)
                    && query
                        .types
                        .as_ref()
                        .is_none_or(|types| types.matches(&entity.types));
                count -= u64::from(is_of_it);
            }
            return Ok(Counted {
                count,
                resume: None,
            });
        }
        let mut count = 0;
        let resume = self.search(query, after, budget, &mut |_| {
            count += 1;
            false
        })?;
        Ok(Counted { count, resume })
    }

    /// The order whose entities all match, but for those that have expired, if there is one.
    fn all_of(&self, query: &Query) -> Option<&Order> {
        let types = query.types.clone();
        if !(Query {
            types: None,
            ..query.clone()
        })
        .is_unfiltered()
        {
            return None;
        }
        let Some(types) = types else {
            return Some(&self.order);
        };
        match types.any_of.as_slice() {
            [all_of] => match all_of.as_slice() {
                [] => Some(&self.order),
                [name] => self.types.get(&self.dictionary.known(name)?),
                _ => None,
            },
            _ => None,
        }
    }

    fn search(
        &self,
        query: &Query,
        after: Option<&str>,
        budget: usize,
        found: &mut dyn FnMut(Versioned) -> bool,
    ) -> Result<Option<Name>, Damaged> {
        let types = query.only_types().map(|names| {
            names
                .into_iter()
                .filter_map(|name| self.dictionary.known(name))
                .collect::<Vec<_>>()
        });
        let mut search = Search {
            world: self,
            query,
            types,
            filters: Vec::new(),
            budget: budget.saturating_mul(ENTRIES_PER_ENTITY),
            found,
            last: None,
        };
        let end = search.run(after)?;
        let resume = search
            .last
            .filter(|_| end == End::Budget)
            .map(|slot| self.arena.id(slot));
        Ok(resume.map(|id| String::from_utf8_lossy(id).into_owned().into()))
    }
}

/// Why a search, or a step of it, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There is nothing more.
    All,
    /// The page is full.
    Full,
    /// As many entities were read as the caller allowed.
    Budget,
}

struct Search<'s> {
    world: &'s World,
    query: &'s Query,
    /// Numbers of types of which every match has one.
    types: Option<Vec<u32>>,
    /// What every match passes.
    filters: Vec<Filter<'s>>,
    /// What may still be looked at: an entity ruled out by a column counts one, one that is read
    /// [`ENTRIES_PER_ENTITY`].
    budget: usize,
    found: &'s mut dyn FnMut(Versioned) -> bool,
    /// The last entity that was looked at.
    last: Option<Slot>,
}

impl Search<'_> {
    fn run(&mut self, after: Option<&str>) -> Result<End, Damaged> {
        let world = self.world;
        if let Some(ids) = self.query.only_ids() {
            let mut slots: Vec<Slot> = ids
                .into_iter()
                .filter_map(|id| world.arena.find(id, &world.hasher))
                .collect();
            slots.sort_unstable();
            slots.dedup();
            return self.among(slots, after.map(str::as_bytes));
        }
        let (mut scan, population) = scan(world, self.types.as_deref(), after);
        let mut probes = Vec::new();
        if population > ALLOWANCE / ENTRIES_PER_ENTITY {
            let sources = sources(self.query, world);
            self.filters = filters(self.query, &sources, world);
            probes.extend(sources.into_iter().map(|source| Probe::of(source, world)));
        }
        let mut allowance = ALLOWANCE;
        loop {
            if let Some(candidates) = race(&mut probes, allowance) {
                let last = self.last.map(|slot| world.arena.id(slot));
                return self.among(candidates, last.or(after.map(str::as_bytes)));
            }
            let cost = if probes.is_empty() {
                usize::MAX
            } else {
                allowance.saturating_mul(SCAN)
            };
            if let Some(end) = self.read(&mut scan, cost)? {
                return Ok(end);
            }
            allowance = allowance.saturating_mul(GROWTH);
        }
    }

    /// Looks at entities until they have cost so much; says whether the search ends with them.
    fn read(
        &mut self,
        scan: &mut dyn Iterator<Item = Slot>,
        cost: usize,
    ) -> Result<Option<End>, Damaged> {
        let until = self.budget.saturating_sub(cost);
        while until == 0 || self.budget > until {
            let Some(slot) = scan.next() else {
                return Ok(Some(End::All));
            };
            if let Some(end) = self.look_at(slot)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Looks at the candidates in id order, those not after `after` left out.
    fn among(&mut self, candidates: Vec<Slot>, after: Option<&[u8]>) -> Result<End, Damaged> {
        let world = self.world;
        let first = after.map_or(0, |id| world.order.place_of(id, &world.arena));
        let placed = candidates.into_iter().filter_map(|slot| {
            if !self.may_pass(slot) {
                return None;
            }
            let held = world.arena.held(slot);
            let place = world.order.place(held.block);
            (place >= first && self.may_be_of(held.kind)).then_some(Reverse((place, slot)))
        });
        let mut heap: BinaryHeap<_> = placed.collect();
        let mut block = Vec::new();
        while let Some(Reverse((place, slot))) = heap.pop() {
            // The same slot, if it comes again, comes next.
            if block.last() != Some(&slot) {
                block.push(slot);
            }
            if heap.peek().is_some_and(|Reverse((next, _))| *next == place) {
                continue;
            }
            block.sort_unstable_by(|a, b| world.arena.id(*a).cmp(world.arena.id(*b)));
            for slot in block.drain(..) {
                if after.is_some_and(|after| world.arena.id(slot) <= after) {
                    continue;
                }
                if let Some(end) = self.look_at(slot)? {
                    return Ok(end);
                }
            }
        }
        Ok(End::All)
    }

    /// Shows the entity to the query; says whether the search ends with it.
    fn look_at(&mut self, slot: Slot) -> Result<Option<End>, Damaged> {
        if self.budget == 0 {
            return Ok(Some(End::Budget));
        }
        self.last = Some(slot);
        if !self.may_pass(slot) {
            self.budget -= 1;
            return Ok(None);
        }
        self.budget = self.budget.saturating_sub(ENTRIES_PER_ENTITY);
        if !self.may_match(slot)? {
            return Ok(None);
        }
        let versioned = self.world.versioned(slot)?;
        let full = self.query.matches(&versioned.entity) && (self.found)(versioned);
        Ok(full.then_some(End::Full))
    }

    /// Whether the columns do not rule the entity out.
    fn may_pass(&self, slot: Slot) -> bool {
        self.filters.iter().all(|filter| filter.may_hold(slot))
    }

    /// Whether an entity of this kind can be of a wanted type.
    fn may_be_of(&self, kind: u32) -> bool {
        kind == MANY
            || self
                .types
                .as_ref()
                .is_none_or(|types| types.contains(&kind))
    }

    /// What id and types alone tell, before the entity is read.
    fn may_match(&self, slot: Slot) -> Result<bool, Damaged> {
        let held = self.world.arena.held(slot);
        if !self.may_be_of(held.kind) {
            return Ok(false);
        }
        let Some(pattern) = &self.query.id_pattern else {
            return Ok(true);
        };
        let id = str::from_utf8(id_of(&held.bytes)).map_err(|_not_text| Damaged)?;
        Ok(pattern.is_match(id))
    }
}

/// A source being read.
struct Probe<'w> {
    rest: Box<dyn Iterator<Item = Slot> + 'w>,
    taken: Vec<Slot>,
}

impl<'w> Probe<'w> {
    fn of(source: Source, world: &'w World) -> Self {
        let rest = source
            .into_iter()
            .flat_map(|(id, range)| world.indexes.slots(id, range));
        Self {
            rest: Box::new(rest),
            taken: Vec::new(),
        }
    }
}

/// Reads all sources side by side, up to so many entries each; gives the slots of the first that
/// ends, which is so the smallest or nearly so.
fn race(probes: &mut [Probe<'_>], allowance: usize) -> Option<Vec<Slot>> {
    let mut mark = 64;
    loop {
        for probe in &mut *probes {
            let wanted = mark.min(allowance).saturating_sub(probe.taken.len());
            probe.taken.extend(probe.rest.by_ref().take(wanted));
            if probe.taken.len() < mark.min(allowance) {
                return Some(std::mem::take(&mut probe.taken));
            }
        }
        if mark >= allowance {
            return None;
        }
        mark *= 2;
    }
}

#[cfg(test)]
mod tests;
