//! The column `detail`: what the other columns do not say of an attribute, as bytes, exactly.
//!
//! Its name, dataset, `observedAt`, `createdAt`, `modifiedAt`, `unitCode` and `valueType` have
//! columns of their own, so that equal values are equal bytes whenever they came.
//!
//! Layout: a byte of format, then the attribute: a byte of flags, what the flags name in the order of
//! their bits, a byte of kind and the value. A sub-attribute is the same behind its name, its
//! `createdAt` and its `modifiedAt`, both counted from those of the attribute above it. Numbers are
//! LEB128, signed ones zigzag, texts have their length before them, JSON stays text: it is exact.

use base::{Name, Time};
use ngsi::{Attribute, AttributeValue, Uris};
use serde_json::Value;
use spatial::Geometry;

use crate::LakeError;

const FORMAT: u8 = 1;

const HAS_DATASET: u8 = 1;
const HAS_UNIT: u8 = 2;
const HAS_VALUE_TYPE: u8 = 4;
const HAS_OBSERVED: u8 = 8;
const HAS_EXPIRES: u8 = 16;
const HAS_OBJECT_TYPE: u8 = 32;
const HAS_SUB: u8 = 64;

const PROPERTY: u8 = 0;
const RELATIONSHIP: u8 = 1;
const RELATIONSHIPS: u8 = 2;
const GEO: u8 = 3;
const LANGUAGE: u8 = 4;
const JSON: u8 = 5;
const VOCAB: u8 = 6;
const VOCABS: u8 = 7;
const LIST: u8 = 8;
const LIST_RELATIONSHIP: u8 = 9;
const NULL: u8 = 10;
const TEXT: u8 = 11;

/// Deeper sub-attributes than any entity may have are damage.
const DEPTH_MAX: usize = base::limits::ATTRIBUTE_DEPTH_MAX * 2;

/// Appends what the columns do not say of an attribute.
pub fn encode(attribute: &Attribute, out: &mut Vec<u8>) {
    out.push(FORMAT);
    put_rest(attribute, 0, out);
}

/// Completes an attribute of which is set what has columns of its own.
pub fn decode(bytes: &[u8], into: Attribute) -> Result<Attribute, LakeError> {
    let mut input = Input(bytes);
    let is_known = input.byte() == Some(FORMAT);
    let whole = is_known.then(|| rest(&mut input, into, 0)).flatten();
    let whole = whole.filter(|_| input.0.is_empty());
    whole.ok_or_else(|| LakeError::Corrupt("an attribute of history cannot be read".to_owned()))
}

/// Flags of what a sub-attribute has and an attribute has in columns.
const OF_SUB: u8 = HAS_DATASET | HAS_OBSERVED | HAS_UNIT | HAS_VALUE_TYPE;

fn put_rest(attribute: &Attribute, of_sub: u8, out: &mut Vec<u8>) {
    let Attribute {
        dataset_id,
        observed_at,
        unit_code,
        value_type,
        object_type,
        expires_at,
        sub,
        ..
    } = attribute;
    let flags = [
        (HAS_DATASET & of_sub, dataset_id.is_some()),
        (HAS_OBSERVED & of_sub, observed_at.is_some()),
        (HAS_UNIT & of_sub, unit_code.is_some()),
        (HAS_VALUE_TYPE & of_sub, value_type.is_some()),
        (HAS_EXPIRES, expires_at.is_some()),
        (HAS_OBJECT_TYPE, !object_type.is_empty()),
        (HAS_SUB, !sub.is_empty()),
    ];
    let flags = flags.iter().filter(|(_, is_set)| *is_set);
    let flags: u8 = flags.map(|(bit, _)| bit).sum();
    out.push(flags);
    let words = [
        (HAS_DATASET, dataset_id),
        (HAS_UNIT, unit_code),
        (HAS_VALUE_TYPE, value_type),
    ];
    let words = words.into_iter().filter(|(bit, _)| flags & bit != 0);
    for word in words.filter_map(|(_, word)| word.as_ref()) {
        put_bytes(out, word.as_bytes());
    }
    let times = [(HAS_OBSERVED, observed_at), (HAS_EXPIRES, expires_at)];
    let times = times.into_iter().filter(|(bit, _)| flags & bit != 0);
    for time in times.filter_map(|(_, time)| time.as_ref()) {
        put_signed(out, time.0);
    }
    if !object_type.is_empty() {
        put_names(object_type, out);
    }
    if !sub.is_empty() {
        put(out, sub.len() as u64);
        for sub in sub {
            put_bytes(out, sub.name.as_bytes());
            put_signed(out, sub.created_at.0.wrapping_sub(attribute.created_at.0));
            put_signed(out, sub.modified_at.0.wrapping_sub(attribute.modified_at.0));
            put_rest(sub, OF_SUB, out);
        }
    }
    put_value(&attribute.value, out);
}

fn put_value(value: &AttributeValue, out: &mut Vec<u8>) {
    match value {
        AttributeValue::Property(Value::String(text)) => {
            out.push(TEXT);
            put_bytes(out, text.as_bytes());
        }
        AttributeValue::Property(value) => put_json(PROPERTY, serde_json::to_vec(value), out),
        AttributeValue::Relationship(uris) => put_uris((RELATIONSHIP, RELATIONSHIPS), uris, out),
        AttributeValue::Geo(geometry) => {
            out.push(GEO);
            geometry.encode(out);
        }
        AttributeValue::Language(map) => put_json(LANGUAGE, serde_json::to_vec(map), out),
        AttributeValue::Json(value) => put_json(JSON, serde_json::to_vec(value), out),
        AttributeValue::Vocab(uris) => put_uris((VOCAB, VOCABS), uris, out),
        AttributeValue::List(values) => put_json(LIST, serde_json::to_vec(values), out),
        AttributeValue::ListRelationship(uris) => {
            out.push(LIST_RELATIONSHIP);
            put_names(uris, out);
        }
        AttributeValue::Null => out.push(NULL),
    }
}

fn put_json(kind: u8, text: serde_json::Result<Vec<u8>>, out: &mut Vec<u8>) {
    out.push(kind);
    // A value that came from JSON always has a text.
    put_bytes(out, &text.unwrap_or_else(|_impossible| b"null".to_vec()));
}

fn put_uris((one, many): (u8, u8), uris: &Uris, out: &mut Vec<u8>) {
    match uris {
        Uris::One(uri) => {
            out.push(one);
            put_bytes(out, uri.as_bytes());
        }
        Uris::Many(uris) => {
            out.push(many);
            put_names(uris, out);
        }
    }
}

fn put_names(names: &[Name], out: &mut Vec<u8>) {
    put(out, names.len() as u64);
    for name in names {
        put_bytes(out, name.as_bytes());
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "seven bits at a time are meant"
)]
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8 & 0x7F);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn rest(input: &mut Input<'_>, mut into: Attribute, depth: usize) -> Option<Attribute> {
    if depth > DEPTH_MAX {
        return None;
    }
    let flags = input.byte()?;
    let has = |bit| flags & bit != 0;
    if has(HAS_DATASET) {
        into.dataset_id = Some(input.text()?.into());
    }
    if has(HAS_UNIT) {
        into.unit_code = Some(input.text()?.into());
    }
    if has(HAS_VALUE_TYPE) {
        into.value_type = Some(input.text()?.into());
    }
    if has(HAS_OBSERVED) {
        into.observed_at = Some(Time(input.signed()?));
    }
    if has(HAS_EXPIRES) {
        into.expires_at = Some(Time(input.signed()?));
    }
    if has(HAS_OBJECT_TYPE) {
        into.object_type = input.names()?;
    }
    if has(HAS_SUB) {
        for _ in 0..input.count()? {
            let mut sub = Attribute::new(input.text()?.into(), AttributeValue::Null);
            sub.created_at = Time(into.created_at.0.wrapping_add(input.signed()?));
            sub.modified_at = Time(into.modified_at.0.wrapping_add(input.signed()?));
            into.sub.push(rest(input, sub, depth + 1)?);
        }
    }
    into.value = input.value()?;
    Some(into)
}

/// What is still to be read. Every read gives `None` when the bytes do not hold what is asked for.
#[derive(Debug)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A count of things that take at least one byte each, so that a damaged count cannot make us
    /// reserve more than the input is long.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn names(&mut self) -> Option<Vec<Name>> {
        (0..self.count()?)
            .map(|_| self.text().map(Name::from))
            .collect()
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        serde_json::from_slice(self.bytes()?).ok()
    }

    fn value(&mut self) -> Option<AttributeValue> {
        Some(match self.byte()? {
            TEXT => AttributeValue::Property(Value::String(self.text()?.to_owned())),
            PROPERTY => AttributeValue::Property(self.json()?),
            RELATIONSHIP => AttributeValue::Relationship(Uris::One(self.text()?.into())),
            RELATIONSHIPS => AttributeValue::Relationship(Uris::Many(self.names()?)),
            GEO => AttributeValue::Geo(Geometry::decode(&mut self.0).ok()?),
            LANGUAGE => AttributeValue::Language(self.json()?),
            JSON => AttributeValue::Json(self.json()?),
            VOCAB => AttributeValue::Vocab(Uris::One(self.text()?.into())),
            VOCABS => AttributeValue::Vocab(Uris::Many(self.names()?)),
            LIST => AttributeValue::List(self.json()?),
            LIST_RELATIONSHIP => AttributeValue::ListRelationship(self.names()?),
            NULL => AttributeValue::Null,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
