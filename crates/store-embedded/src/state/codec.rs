//! An entity as compact bytes, its names as numbers of the tenant's dictionary.
//!
//! | part | form |
//! |---|---|
//! | format | the byte 1 |
//! | id | text: length varint, UTF-8 |
//! | types | count, numbers |
//! | scope | count, numbers |
//! | `createdAt`, `modifiedAt` | signed varints in microseconds; the second as difference from the first |
//! | `expiresAt` | 0, or 1 and a difference from `modifiedAt` |
//! | attributes | count, then each: name, flags, what the flags say, value |
//!
//! An attribute's flags: 1 dataset, 2 `observedAt`, 4 unit, 8 value type, 16 object types,
//! 32 `expiresAt`, 64 sub-attributes, 128 `createdAt` and `modifiedAt` differ from the entity's;
//! the parts follow in that order, times as differences from the entity's. A value is a tag and
//! what belongs to it (`value`). Changing any of this takes a new format byte.

mod value;

use base::limits::ATTRIBUTE_DEPTH_MAX;
use base::{Kind, Name, Time};
use ngsi::{Attribute, Entity};

use super::bytes::{Input, put_i64, put_text, put_u64};
use super::dictionary::Dictionary;

const FORMAT: u8 = 1;

const DATASET: u8 = 1;
const OBSERVED: u8 = 1 << 1;
const UNIT: u8 = 1 << 2;
const VALUE_TYPE: u8 = 1 << 3;
const OBJECT_TYPE: u8 = 1 << 4;
const EXPIRES: u8 = 1 << 5;
const SUB: u8 = 1 << 6;
const TIMES: u8 = 1 << 7;

/// Bytes in memory or on disk that are not what was written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored bytes of the state are damaged")]
pub struct Damaged;

impl Damaged {
    /// What the caller can do about it.
    #[expect(clippy::unused_self, reason = "every error says its kind so")]
    pub fn kind(self) -> Kind {
        Kind::Corrupt
    }
}

/// Appends the bytes of the entity; names new to the dictionary get their numbers.
pub fn encode(entity: &Entity, dictionary: &mut Dictionary, out: &mut Vec<u8>) {
    out.push(FORMAT);
    put_text(out, &entity.id);
    let mut writer = Writer { out, dictionary };
    writer.names(&entity.types);
    writer.names(&entity.scope);
    writer.time(entity.created_at, Time(0));
    writer.time(entity.modified_at, entity.created_at);
    match entity.expires_at {
        None => writer.out.push(0),
        Some(at) => {
            writer.out.push(1);
            writer.time(at, entity.modified_at);
        }
    }
    writer.attributes(&entity.attributes, (entity.created_at, entity.modified_at));
}

/// Reads an entity.
///
/// # Errors
/// [`Damaged`] for anything that [`encode`] does not write with this dictionary.
pub fn decode(bytes: &[u8], dictionary: &Dictionary) -> Result<Entity, Damaged> {
    let mut input = Input(bytes);
    if input.u8()? != FORMAT {
        return Err(Damaged);
    }
    let id = Name::from(input.text()?);
    let mut reader = Reader { input, dictionary };
    let types = reader.names()?;
    let scope = reader.names()?;
    let created_at = reader.time(Time(0))?;
    let modified_at = reader.time(created_at)?;
    let expires_at = match reader.input.u8()? {
        0 => None,
        1 => Some(reader.time(modified_at)?),
        _ => return Err(Damaged),
    };
    let attributes = reader.attributes((created_at, modified_at), 0)?;
    if !reader.input.0.is_empty() {
        return Err(Damaged);
    }
    Ok(Entity {
        id,
        types,
        scope,
        created_at,
        modified_at,
        expires_at,
        attributes,
    })
}

/// The id at the front of bytes that [`encode`] wrote; empty for others.
pub(super) fn id_of(bytes: &[u8]) -> &[u8] {
    let mut input = Input(bytes.get(1..).unwrap_or_default());
    let len = input.count().unwrap_or_default();
    input.0.get(..len).unwrap_or_default()
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    dictionary: &'o mut Dictionary,
}

impl Writer<'_> {
    fn name(&mut self, name: &Name) {
        let number = self.dictionary.number(name);
        put_u64(self.out, number.into());
    }

    fn names(&mut self, names: &[Name]) {
        put_u64(self.out, names.len() as u64);
        for name in names {
            self.name(name);
        }
    }

    /// As a difference; it wraps, so that any two moments have one.
    fn time(&mut self, time: Time, from: Time) {
        put_i64(self.out, time.0.wrapping_sub(from.0));
    }

    fn attributes(&mut self, attributes: &[Attribute], times: (Time, Time)) {
        put_u64(self.out, attributes.len() as u64);
        for attribute in attributes {
            self.attribute(attribute, times);
        }
    }

    fn attribute(&mut self, a: &Attribute, (created_at, modified_at): (Time, Time)) {
        self.name(&a.name);
        let times = (a.created_at, a.modified_at) != (created_at, modified_at);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        self.out.push(
            flag(a.dataset_id.is_some(), DATASET)
                | flag(a.observed_at.is_some(), OBSERVED)
                | flag(a.unit_code.is_some(), UNIT)
                | flag(a.value_type.is_some(), VALUE_TYPE)
                | flag(!a.object_type.is_empty(), OBJECT_TYPE)
                | flag(a.expires_at.is_some(), EXPIRES)
                | flag(!a.sub.is_empty(), SUB)
                | flag(times, TIMES),
        );
        a.dataset_id.iter().for_each(|name| self.name(name));
        a.observed_at
            .iter()
            .for_each(|at| self.time(*at, modified_at));
        a.unit_code
            .iter()
            .chain(&a.value_type)
            .for_each(|name| self.name(name));
        if !a.object_type.is_empty() {
            self.names(&a.object_type);
        }
        a.expires_at
            .iter()
            .for_each(|at| self.time(*at, modified_at));
        if !a.sub.is_empty() {
            self.attributes(&a.sub, (created_at, modified_at));
        }
        if times {
            self.time(a.created_at, created_at);
            self.time(a.modified_at, modified_at);
        }
        self.value(&a.value);
    }
}

struct Reader<'b, 'd> {
    input: Input<'b>,
    dictionary: &'d Dictionary,
}

impl Reader<'_, '_> {
    fn name(&mut self) -> Result<Name, Damaged> {
        self.dictionary
            .name(self.input.u32()?)
            .cloned()
            .ok_or(Damaged)
    }

    fn names(&mut self) -> Result<Vec<Name>, Damaged> {
        (0..self.input.count()?).map(|_| self.name()).collect()
    }

    fn time(&mut self, from: Time) -> Result<Time, Damaged> {
        Ok(Time(from.0.wrapping_add(self.input.i64()?)))
    }

    fn attributes(&mut self, times: (Time, Time), depth: usize) -> Result<Vec<Attribute>, Damaged> {
        // Twice the depth that parsing allows, so that no entity is written that cannot be read.
        if depth > 2 * ATTRIBUTE_DEPTH_MAX {
            return Err(Damaged);
        }
        let count = self.input.count()?;
        // An attribute is hundreds of bytes in memory: a false count must not reserve them all.
        let mut attributes = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            attributes.push(self.attribute(times, depth)?);
        }
        Ok(attributes)
    }

    fn attribute(
        &mut self,
        (created_at, modified_at): (Time, Time),
        depth: usize,
    ) -> Result<Attribute, Damaged> {
        let name = self.name()?;
        let flags = self.input.u8()?;
        let has = |flag: u8| flags & flag != 0;
        let dataset_id = has(DATASET).then(|| self.name()).transpose()?;
        let observed_at = has(OBSERVED).then(|| self.time(modified_at)).transpose()?;
        let unit_code = has(UNIT).then(|| self.name()).transpose()?;
        let value_type = has(VALUE_TYPE).then(|| self.name()).transpose()?;
        let object_type = if has(OBJECT_TYPE) {
            self.names()?
        } else {
            Vec::new()
        };
        let expires_at = has(EXPIRES).then(|| self.time(modified_at)).transpose()?;
        let sub = if has(SUB) {
            self.attributes((created_at, modified_at), depth + 1)?
        } else {
            Vec::new()
        };
        let (created_at, modified_at) = if has(TIMES) {
            (self.time(created_at)?, self.time(modified_at)?)
        } else {
            (created_at, modified_at)
        };
        Ok(Attribute {
            name,
            dataset_id,
            value: self.value()?,
            observed_at,
            unit_code,
            value_type,
            object_type,
            created_at,
            modified_at,
            expires_at,
            sub,
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
