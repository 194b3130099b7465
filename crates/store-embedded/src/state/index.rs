//! The indexes: for each attribute name an ordered set of the values that entities have of it, and
//! one of the cells where they lie.
//!
//! An entry is 128 bits: 64 of key, 32 of hash, 32 of slot. The first three bits of a value's key
//! say what it is; the rest stands in the order of the values, so that a comparison is a range:
//!
//! | kind | key | hash |
//! |---|---|---|
//! | any | 0: may pass any test: an object, a geometry, a long array | 0 |
//! | number | the bits of the double, made to sort | 0 |
//! | boolean | 0 or 1 | 0 |
//! | text, URI | its first bytes | of the whole text |
//! | moment | microseconds since 1970 | 0 |
//!
//! A key may be coarser than the value, never in another order: an index yields candidates, and
//! never too few. Every instance of an attribute has at least one entry.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use base::{Name, Time};
use foldhash::fast::RandomState;
use ngsi::{AttributeValue, Entity};
use serde_json::Value;
use spatial::{Envelope, Geometry, GeometryType, cells};

use super::column::{Column, Columns};
use super::dictionary::Dictionary;
use super::order::Slot;
use super::set::Set;

/// Entries of one attribute instance at most; one with more is indexed as "any".
const ENTRIES_MAX: usize = 64;

/// Which index: of the values or the places of an attribute, by the number of its name; or of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum IndexId {
    Values(u32),
    Places(u32),
    Scopes,
}

/// What an entry says, without the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    major: u64,
    hash: u32,
}

/// Keys from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    low: Key,
    high: Key,
}

const KIND_BITS: u32 = 3;
const KIND_SHIFT: u32 = u64::BITS - KIND_BITS;
const ANY: u64 = 0;
const NUMBER: u64 = 1;
const BOOLEAN: u64 = 2;
const TEXT: u64 = 3;
const MOMENT: u64 = 4;

impl Key {
    /// The key of what may pass any test.
    pub(super) const ANY: Self = Self::of(ANY, 0);

    const fn of(kind: u64, order: u64) -> Self {
        Self {
            major: kind << KIND_SHIFT | order >> KIND_BITS,
            hash: 0,
        }
    }

    pub(super) fn number(number: f64) -> Self {
        // Adding zero makes -0.0 and 0.0 one; the bits of negative numbers sort backwards.
        let bits = (number + 0.0).to_bits();
        let order = if bits >> 63 == 0 {
            bits | 1 << 63
        } else {
            !bits
        };
        Self::of(NUMBER, order)
    }

    pub(super) fn boolean(boolean: bool) -> Self {
        Self::of(BOOLEAN, u64::from(boolean) << KIND_BITS)
    }

    pub(super) fn moment(time: Time) -> Self {
        Self::of(MOMENT, time.0.cast_unsigned() ^ 1 << 63)
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    pub(super) fn text(text: &str, hasher: &RandomState) -> Self {
        Self {
            hash: hasher.hash_one(text) as u32,
            ..Self::text_order(text)
        }
    }

    /// The key of a text without its hash: at or below those of all texts that are not less.
    pub(super) fn text_order(text: &str) -> Self {
        let mut first = [0; 8];
        first
            .iter_mut()
            .zip(text.bytes())
            .for_each(|(to, byte)| *to = byte);
        Self::of(TEXT, u64::from_be_bytes(first))
    }

    /// At or above the keys of all texts that begin so.
    pub(super) fn text_last(start: &str) -> Self {
        let mut first = [u8::MAX; 8];
        first
            .iter_mut()
            .zip(start.bytes())
            .for_each(|(to, byte)| *to = byte);
        Self::of(TEXT, u64::from_be_bytes(first))
    }

    fn cell(cell: cells::Cell) -> Self {
        Self {
            major: cell,
            hash: 0,
        }
    }

    fn entry(self, slot: Slot) -> u128 {
        u128::from(self.major) << 64 | u128::from(self.hash) << 32 | u128::from(slot)
    }
}

impl Range {
    pub(super) const ALL: Self = Self {
        low: Key { major: 0, hash: 0 },
        high: Key {
            major: u64::MAX,
            hash: u32::MAX,
        },
    };

    /// Just this key.
    pub(super) fn only(key: Key) -> Self {
        Self {
            low: key,
            high: key,
        }
    }

    /// The first and the last key, without their hashes.
    pub(super) fn majors(&self) -> (u64, u64) {
        (self.low.major, self.high.major)
    }

    /// Whether it holds a single key.
    pub(super) fn is_single(&self) -> bool {
        self.low == self.high
    }

    /// From one key to the other, whatever the hash; empty when they stand the wrong way round.
    pub(super) fn between(low: Key, high: Key) -> Self {
        Self {
            low: Key { hash: 0, ..low },
            high: Key {
                hash: u32::MAX,
                ..high
            },
        }
    }

    /// From the key to the end of its kind.
    pub(super) fn from(key: Key) -> Self {
        let end = key.major | (u64::MAX >> KIND_BITS);
        Self::between(
            key,
            Key {
                major: end,
                hash: 0,
            },
        )
    }

    /// From the beginning of the key's kind to it.
    pub(super) fn until(key: Key) -> Self {
        let begin = key.major >> KIND_SHIFT << KIND_SHIFT;
        Self::between(
            Key {
                major: begin,
                hash: 0,
            },
            key,
        )
    }
}

/// Ranges in which everything lies that meets the box.
pub(super) fn places(envelope: &Envelope) -> Vec<Range> {
    // Sixteen cells waste little around a circle, and each costs a search.
    const CELLS: usize = 16;
    let cover = cells::cover(envelope, CELLS);
    let mut above: Vec<cells::Cell> = cover
        .iter()
        .flat_map(|cell| cells::ancestors(*cell))
        .collect();
    above.sort_unstable();
    above.dedup();
    let within = cover.into_iter().map(|cell| {
        let (low, high) = cells::descendants(cell).into_inner();
        Range::between(Key::cell(low), Key::cell(high))
    });
    within
        .chain(above.into_iter().map(|cell| Range::only(Key::cell(cell))))
        .collect()
}

/// An entry of one entity, without its slot.
pub(super) type Entry = (IndexId, Key);

/// Appends the entries of an entity's scopes and of the attributes that are wanted, in order, none
/// twice.
pub(super) fn entries(
    entity: &Entity,
    wanted: impl Fn(&Name) -> bool,
    dictionary: &Dictionary,
    hasher: &RandomState,
    out: &mut Vec<Entry>,
) {
    let scopes = entity.scope.iter();
    out.extend(scopes.map(|scope| (IndexId::Scopes, scope_key(scope, hasher))));
    let mut keys = Keys {
        keys: Vec::new(),
        hasher,
    };
    for attribute in entity
        .attributes
        .iter()
        .filter(|attribute| wanted(&attribute.name))
    {
        // The entity was encoded, so its names have numbers.
        let Some(number) = dictionary.known(&attribute.name) else {
            continue;
        };
        if let AttributeValue::Geo(geometry) = &attribute.value {
            let cells = cells_of(geometry).into_iter();
            out.extend(cells.map(|cell| (IndexId::Places(number), Key::cell(cell))));
        }
        keys.of(&attribute.value);
        if keys.keys.is_empty() || keys.keys.len() > ENTRIES_MAX {
            keys.keys.clear();
            keys.keys.push(Key::ANY);
        }
        out.extend(
            keys.keys
                .drain(..)
                .map(|key| (IndexId::Values(number), key)),
        );
    }
    out.sort_unstable();
    out.dedup();
}

fn cells_of(geometry: &Geometry) -> Vec<cells::Cell> {
    match geometry.geometry_type() {
        GeometryType::Point => geometry.positions().map(cells::leaf).collect(),
        _ => cells::around(&geometry.envelope()),
    }
}

/// A scope with and without its leading slash is the same.
fn scope_key(scope: &str, hasher: &RandomState) -> Key {
    Key::text(scope.strip_prefix('/').unwrap_or(scope), hasher)
}

struct Keys<'h> {
    keys: Vec<Key>,
    hasher: &'h RandomState,
}

impl Keys<'_> {
    fn of(&mut self, value: &AttributeValue) {
        match value {
            AttributeValue::Property(value) | AttributeValue::Json(value) => self.json(value),
            AttributeValue::List(values) => self.elements(values),
            AttributeValue::Language(map) => map.values().for_each(|value| self.json(value)),
            AttributeValue::Relationship(uris) | AttributeValue::Vocab(uris) => {
                self.uris(uris.as_slice());
            }
            AttributeValue::ListRelationship(uris) => self.uris(uris),
            // A path may lead into the GeoJSON of a geometry.
            AttributeValue::Geo(_) | AttributeValue::Null => self.keys.push(Key::ANY),
        }
    }

    fn json(&mut self, value: &Value) {
        match value {
            Value::Array(values) => self.elements(values),
            // A path may lead into an object.
            Value::Object(_) => {
                self.keys.push(Key::ANY);
                self.single(value);
            }
            _ => self.single(value),
        }
    }

    fn elements(&mut self, values: &[Value]) {
        values
            .iter()
            .take(ENTRIES_MAX + 1)
            .for_each(|value| self.single(value));
    }

    fn uris(&mut self, uris: &[Name]) {
        let hasher = self.hasher;
        self.keys.extend(
            uris.iter()
                .take(ENTRIES_MAX + 1)
                .map(|uri| Key::text(uri, hasher)),
        );
    }

    fn single(&mut self, value: &Value) {
        match value {
            Value::Number(number) => self.keys.extend(number.as_f64().map(Key::number)),
            Value::Bool(boolean) => self.keys.push(Key::boolean(*boolean)),
            Value::String(text) => {
                self.keys.push(Key::text(text, self.hasher));
                self.keys.extend(moment(text).map(Key::moment));
            }
            Value::Object(members) => match members.get("@value") {
                Some(Value::Object(_) | Value::Array(_)) | None => {}
                Some(inner) => self.single(inner),
            },
            Value::Null | Value::Array(_) => {}
        }
    }
}

/// The moment that a text may be compared as: a DateTime or a Date [CIM-009 §4.6.3].
fn moment(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() || bytes.len() > 40 {
        return None;
    }
    if bytes.len() == 10 && bytes.get(4) == Some(&b'-') {
        return Time::parse(&format!("{text}T00:00:00Z")).ok();
    }
    if text.contains('T') {
        Time::parse(text).ok()
    } else {
        None
    }
}

/// All indexes of a world.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    sets: HashMap<IndexId, Set, RandomState>,
    columns: Columns,
    /// Changes that are not made yet: which index, which entry, whether it comes or goes.
    pending: Vec<(IndexId, u128, bool)>,
}

impl Indexes {
    /// Takes an index that was made in bulk.
    pub(super) fn put_all(&mut self, id: IndexId, set: Set, column: Option<Column>) {
        self.sets.insert(id, set);
        if let Some(column) = column {
            self.columns.put(id, column);
        }
    }

    /// Whether one more index can have a column.
    pub(super) fn has_room_for_column(&self) -> bool {
        self.columns.has_room()
    }

    /// The keys of the index by slot, if they are kept.
    pub(super) fn column(&self, id: IndexId) -> Option<&Column> {
        self.columns.get(id)
    }

    /// Makes the entries of the slot the new ones instead of the old, both in order, as soon as
    /// [`Self::settle`] is called; until then there is no looking up. Of an index, all entries that
    /// the slot has are given or none.
    pub(super) fn change(&mut self, slot: Slot, old: &[Entry], new: &[Entry]) {
        for of_index in old.chunk_by(|a, b| a.0 == b.0) {
            if let Some((id, _)) = of_index.first()
                && new.binary_search_by_key(id, |(id, _)| *id).is_err()
            {
                self.columns.set(*id, slot, std::iter::empty());
            }
        }
        for of_index in new.chunk_by(|a, b| a.0 == b.0) {
            if let Some((id, _)) = of_index.first() {
                let keys = of_index.iter().map(|(_, key)| key.major);
                self.columns.set(*id, slot, keys);
            }
        }
        let gone = old.iter().filter(|entry| new.binary_search(entry).is_err());
        self.pending
            .extend(gone.map(|(id, key)| (*id, key.entry(slot), false)));
        let come = new.iter().filter(|entry| old.binary_search(entry).is_err());
        self.pending
            .extend(come.map(|(id, key)| (*id, key.entry(slot), true)));
    }

    /// Makes the changes that were asked for, index by index and in the order of their entries.
    pub(super) fn settle(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        // Stable: of several changes of one entry the last must stay the last.
        pending.sort_by_key(|(id, entry, _)| (*id, *entry));
        for changes in pending.chunk_by(|a, b| a.0 == b.0) {
            let Some((id, ..)) = changes.first() else {
                continue;
            };
            let set = self.sets.entry(*id).or_default();
            if changes.len() > 1 {
                set.warm(changes.iter().map(|(_, entry, _)| *entry));
            }
            for (_, entry, comes) in changes {
                if *comes {
                    set.insert(*entry);
                } else {
                    set.remove(*entry);
                }
            }
            if set.is_empty() {
                self.sets.remove(id);
            }
        }
        pending.clear();
        self.pending = pending;
    }

    /// The slots of the entries in the range; a slot may come several times.
    pub(super) fn slots(&self, id: IndexId, range: Range) -> impl Iterator<Item = Slot> + '_ {
        let (low, high) = (range.low.entry(0), range.high.entry(Slot::MAX));
        let entries = self
            .sets
            .get(&id)
            .into_iter()
            .flat_map(move |set| set.range(low..=high));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the slot is the lower 32 bits"
        )]
        entries.map(|entry| entry as Slot)
    }
}

/// The slot and the key, without its hash, in the bits of an entry.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the slot is the lower 32 bits"
)]
pub(super) fn key_by_slot(entry: u128) -> (Slot, u64) {
    (entry as Slot, (entry >> 64) as u64)
}

/// The bits of an entry of an index.
pub(super) fn bits((id, key): Entry, slot: Slot) -> (IndexId, u128) {
    (id, key.entry(slot))
}

#[cfg(test)]
mod tests;
