//! Entities, attributes and deltas in records.
//!
//! ```text
//! attribute  flags (varint: 1 dataset, 2 observed, 4 unit, 8 value type, 16 object types,
//!            32 expires, 64 sub-attributes, 128 created ≠ modified), name, value,
//!            then what the flags say in this order: dataset name, observed time, unit name,
//!            value type name, object type names, expires time, count and sub-attributes,
//!            created time; last the modified time
//! value      1 property: JSON · 2 relationship: name · 3 relationships: names
//!            4 geometry: spatial's compact form · 5 language map: members · 6 json: JSON
//!            7 vocab: name · 8 vocabs: names · 9 list: values · 10 list of relationships: names
//!            11 null
//! entity     type names, scope names, created time, modified time,
//!            0 | 1 expires time, count, attributes
//! delta      flags (byte: 1 types, 2 scope, 4 expires, 8 expires no more), modified time,
//!            what the flags say: type names, scope names, expires time;
//!            count, attributes set; count, (name, 0 | 1 dataset name) removed
//! ```

use base::Name;
use ngsi::{Attribute, AttributeKey, AttributeValue, Delta, Entity, Uris};
use spatial::Geometry;

use super::bytes::{Malformed, Read, Reader, Writer, deeper, read_deeper};
use crate::error::Error;

const DATASET: u64 = 1;
const OBSERVED: u64 = 2;
const UNIT: u64 = 4;
const VALUE_TYPE: u64 = 8;
const OBJECT_TYPE: u64 = 16;
const EXPIRES: u64 = 32;
const SUB: u64 = 64;
const CREATED: u64 = 128;

const DELTA_TYPES: u8 = 1;
const DELTA_SCOPE: u8 = 2;
const DELTA_EXPIRES: u8 = 4;
const DELTA_NO_END: u8 = 8;

impl Writer {
    pub(super) fn entity(&mut self, entity: &Entity) -> Result<(), Error> {
        self.names(&entity.types);
        self.names(&entity.scope);
        self.time(entity.created_at);
        self.time(entity.modified_at);
        self.byte(u8::from(entity.expires_at.is_some()));
        if let Some(end) = entity.expires_at {
            self.time(end);
        }
        self.attributes(&entity.attributes, 0)
    }

    pub(super) fn attributes(&mut self, all: &[Attribute], depth: usize) -> Result<(), Error> {
        self.varint(all.len() as u64);
        all.iter()
            .try_for_each(|attribute| self.attribute(attribute, depth))
    }

    pub(super) fn attribute(&mut self, a: &Attribute, depth: usize) -> Result<(), Error> {
        let flag = |is: bool, bit: u64| if is { bit } else { 0 };
        let flags = flag(a.dataset_id.is_some(), DATASET)
            | flag(a.observed_at.is_some(), OBSERVED)
            | flag(a.unit_code.is_some(), UNIT)
            | flag(a.value_type.is_some(), VALUE_TYPE)
            | flag(!a.object_type.is_empty(), OBJECT_TYPE)
            | flag(a.expires_at.is_some(), EXPIRES)
            | flag(!a.sub.is_empty(), SUB)
            | flag(a.created_at != a.modified_at, CREATED);
        self.varint(flags);
        self.name(&a.name);
        self.attribute_value(&a.value, depth)?;
        if let Some(name) = &a.dataset_id {
            self.name(name);
        }
        if let Some(time) = &a.observed_at {
            self.time(*time);
        }
        if let Some(name) = &a.unit_code {
            self.name(name);
        }
        if let Some(name) = &a.value_type {
            self.name(name);
        }
        if !a.object_type.is_empty() {
            self.names(&a.object_type);
        }
        if let Some(time) = &a.expires_at {
            self.time(*time);
        }
        if !a.sub.is_empty() {
            self.attributes(&a.sub, deeper(depth)?)?;
        }
        if a.created_at != a.modified_at {
            self.time(a.created_at);
        }
        self.time(a.modified_at);
        Ok(())
    }

    fn attribute_value(&mut self, value: &AttributeValue, depth: usize) -> Result<(), Error> {
        let depth = deeper(depth)?;
        match value {
            AttributeValue::Property(value) => {
                self.byte(1);
                self.value(value, depth)?;
            }
            AttributeValue::Relationship(uris) => self.uris(uris, 2),
            AttributeValue::Geo(geometry) => {
                self.byte(4);
                geometry.encode(&mut self.out);
            }
            AttributeValue::Language(map) => {
                self.byte(5);
                self.members(map, depth)?;
            }
            AttributeValue::Json(value) => {
                self.byte(6);
                self.value(value, depth)?;
            }
            AttributeValue::Vocab(uris) => self.uris(uris, 7),
            AttributeValue::List(items) => {
                self.byte(9);
                self.values(items, depth)?;
            }
            AttributeValue::ListRelationship(uris) => {
                self.byte(10);
                self.names(uris);
            }
            AttributeValue::Null => self.byte(11),
        }
        Ok(())
    }

    /// One: `kind`; many: the number after it.
    fn uris(&mut self, uris: &Uris, kind: u8) {
        match uris {
            Uris::One(uri) => {
                self.byte(kind);
                self.name(uri);
            }
            Uris::Many(uris) => {
                self.byte(kind + 1);
                self.names(uris);
            }
        }
    }

    pub(super) fn delta(&mut self, delta: &Delta) -> Result<(), Error> {
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        self.byte(
            flag(delta.types.is_some(), DELTA_TYPES)
                | flag(delta.scope.is_some(), DELTA_SCOPE)
                | flag(matches!(delta.expires_at, Some(Some(_))), DELTA_EXPIRES)
                | flag(matches!(delta.expires_at, Some(None)), DELTA_NO_END),
        );
        self.time(delta.modified_at);
        if let Some(types) = &delta.types {
            self.names(types);
        }
        if let Some(scope) = &delta.scope {
            self.names(scope);
        }
        if let Some(end) = delta.expires_at.flatten() {
            self.time(end);
        }
        self.attributes(&delta.set, 0)?;
        self.varint(delta.remove.len() as u64);
        for key in &delta.remove {
            self.name(&key.name);
            self.maybe_name(key.dataset_id.as_ref());
        }
        Ok(())
    }

    pub(super) fn maybe_name(&mut self, name: Option<&Name>) {
        self.byte(u8::from(name.is_some()));
        if let Some(name) = name {
            self.name(name);
        }
    }
}

impl Reader<'_> {
    pub(super) fn entity(&mut self, id: Name) -> Read<Entity> {
        Ok(Entity {
            id,
            types: self.names()?,
            scope: self.names()?,
            created_at: self.time()?,
            modified_at: self.time()?,
            expires_at: if self.flag()? {
                Some(self.time()?)
            } else {
                None
            },
            attributes: self.attributes(0)?,
        })
    }

    pub(super) fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("neither yes nor no")),
        }
    }

    pub(super) fn attributes(&mut self, depth: usize) -> Read<Vec<Attribute>> {
        (0..self.count()?).map(|_| self.attribute(depth)).collect()
    }

    pub(super) fn attribute(&mut self, depth: usize) -> Read<Attribute> {
        let flags = self.varint()?;
        let has = |bit| flags & bit != 0;
        if flags >= 2 * CREATED {
            return Err(Malformed("an attribute with unknown parts"));
        }
        let mut a = Attribute::new(self.name()?, AttributeValue::Null);
        a.value = self.attribute_value(depth)?;
        a.dataset_id = has(DATASET).then(|| self.name()).transpose()?;
        a.observed_at = has(OBSERVED).then(|| self.time()).transpose()?;
        a.unit_code = has(UNIT).then(|| self.name()).transpose()?;
        a.value_type = has(VALUE_TYPE).then(|| self.name()).transpose()?;
        if has(OBJECT_TYPE) {
            a.object_type = self.names()?;
        }
        a.expires_at = has(EXPIRES).then(|| self.time()).transpose()?;
        if has(SUB) {
            a.sub = self.attributes(read_deeper(depth)?)?;
        }
        let created = has(CREATED).then(|| self.time()).transpose()?;
        a.modified_at = self.time()?;
        a.created_at = created.unwrap_or(a.modified_at);
        Ok(a)
    }

    fn attribute_value(&mut self, depth: usize) -> Read<AttributeValue> {
        let depth = read_deeper(depth)?;
        Ok(match self.byte()? {
            1 => AttributeValue::Property(self.value(depth)?),
            2 => AttributeValue::Relationship(Uris::One(self.name()?)),
            3 => AttributeValue::Relationship(Uris::Many(self.names()?)),
            4 => AttributeValue::Geo(self.geometry()?),
            5 => AttributeValue::Language(self.members(depth)?),
            6 => AttributeValue::Json(self.value(depth)?),
            7 => AttributeValue::Vocab(Uris::One(self.name()?)),
            8 => AttributeValue::Vocab(Uris::Many(self.names()?)),
            9 => AttributeValue::List(self.values(depth)?),
            10 => AttributeValue::ListRelationship(self.names()?),
            11 => AttributeValue::Null,
            _ => return Err(Malformed("an attribute of unknown kind")),
        })
    }

    fn geometry(&mut self) -> Read<Geometry> {
        Geometry::decode(&mut self.rest).map_err(|_error| Malformed("a geometry is malformed"))
    }

    pub(super) fn delta(&mut self) -> Read<Delta> {
        let flags = self.byte()?;
        let has = |bit| flags & bit != 0;
        if flags >= 2 * DELTA_NO_END {
            return Err(Malformed("a delta with unknown parts"));
        }
        Ok(Delta {
            modified_at: self.time()?,
            types: has(DELTA_TYPES).then(|| self.names()).transpose()?,
            scope: has(DELTA_SCOPE).then(|| self.names()).transpose()?,
            expires_at: match (has(DELTA_EXPIRES), has(DELTA_NO_END)) {
                (true, _) => Some(Some(self.time()?)),
                (false, true) => Some(None),
                (false, false) => None,
            },
            set: self.attributes(0)?,
            remove: (0..self.count()?)
                .map(|_| self.attribute_key())
                .collect::<Read<_>>()?,
        })
    }

    fn attribute_key(&mut self) -> Read<AttributeKey> {
        Ok(AttributeKey {
            name: self.name()?,
            dataset_id: self.maybe_name()?,
        })
    }

    pub(super) fn maybe_name(&mut self) -> Read<Option<Name>> {
        if self.flag()? {
            Ok(Some(self.name()?))
        } else {
            Ok(None)
        }
    }
}
