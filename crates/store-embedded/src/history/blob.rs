//! The bytes of what is no bare number: values of any kind, and sub-attributes.
//!
//! A blob holds all of an attribute but its name, dataset, observed, modified and created times,
//! unit code and value type, which stand in the row. Layout: one byte of kind, one byte of flags
//! (1 object types, 2 expires, 4 sub-attributes), the parts that the flags name, the value.
//! A sub-attribute is: name, dataset, flags of times, times, unit, value type, blob.

use base::{Name, Time};
use ngsi::{Attribute, AttributeValue, Uris};
use serde_json::{Map, Value};
use spatial::Geometry;

use super::bytes::{Input, put, put_bytes, put_signed};
use super::names::Names;

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
/// The kind, and first byte, of the blob of a deletion.
pub(super) const NULL: u8 = 10;
const TEXT: u8 = 11;

const HAS_OBJECT_TYPE: u8 = 1;
const HAS_EXPIRES: u8 = 2;
const HAS_SUB: u8 = 4;

const SUB_OBSERVED: u8 = 1;
const SUB_CREATED: u8 = 2;
const SUB_MODIFIED: u8 = 4;

/// Deeper sub-attributes than any entity may have are damage.
const DEPTH_MAX: usize = base::limits::ATTRIBUTE_DEPTH_MAX * 2;

/// Appends the blob of an attribute.
pub(super) fn encode(attribute: &Attribute, names: &mut Names, out: &mut Vec<u8>) {
    out.push(kind(&attribute.value));
    let has_expires = if attribute.expires_at.is_some() {
        HAS_EXPIRES
    } else {
        0
    };
    let has_type = if attribute.object_type.is_empty() {
        0
    } else {
        HAS_OBJECT_TYPE
    };
    let has_sub = if attribute.sub.is_empty() { 0 } else { HAS_SUB };
    out.push(has_expires | has_type | has_sub);
    if has_type != 0 {
        put(out, attribute.object_type.len() as u64);
        for name in &attribute.object_type {
            put(out, names.number(name).into());
        }
    }
    if let Some(at) = attribute.expires_at {
        put_signed(out, at.0);
    }
    if has_sub != 0 {
        put(out, attribute.sub.len() as u64);
        for sub in &attribute.sub {
            encode_sub(sub, attribute, names, out);
        }
    }
    encode_value(&attribute.value, out);
}

fn encode_sub(sub: &Attribute, above: &Attribute, names: &mut Names, out: &mut Vec<u8>) {
    put(out, names.number(&sub.name).into());
    put(out, names.number_of(sub.dataset_id.as_ref()).into());
    let created = (sub.created_at != above.created_at).then_some(sub.created_at);
    let modified = (sub.modified_at != above.modified_at).then_some(sub.modified_at);
    let times = [
        (SUB_OBSERVED, sub.observed_at),
        (SUB_CREATED, created),
        (SUB_MODIFIED, modified),
    ];
    out.push(
        times
            .iter()
            .filter(|(_, time)| time.is_some())
            .map(|(flag, _)| flag)
            .sum(),
    );
    for (_, time) in times {
        if let Some(time) = time {
            put_signed(out, time.0);
        }
    }
    put(out, names.number_of(sub.unit_code.as_ref()).into());
    put(out, names.number_of(sub.value_type.as_ref()).into());
    encode(sub, names, out);
}

fn kind(value: &AttributeValue) -> u8 {
    match value {
        AttributeValue::Property(Value::String(_)) => TEXT,
        AttributeValue::Property(_) => PROPERTY,
        AttributeValue::Relationship(Uris::One(_)) => RELATIONSHIP,
        AttributeValue::Relationship(Uris::Many(_)) => RELATIONSHIPS,
        AttributeValue::Geo(_) => GEO,
        AttributeValue::Language(_) => LANGUAGE,
        AttributeValue::Json(_) => JSON,
        AttributeValue::Vocab(Uris::One(_)) => VOCAB,
        AttributeValue::Vocab(Uris::Many(_)) => VOCABS,
        AttributeValue::List(_) => LIST,
        AttributeValue::ListRelationship(_) => LIST_RELATIONSHIP,
        AttributeValue::Null => NULL,
    }
}

fn encode_value(value: &AttributeValue, out: &mut Vec<u8>) {
    match value {
        AttributeValue::Property(Value::String(text)) => put_bytes(out, text.as_bytes()),
        AttributeValue::Property(value) | AttributeValue::Json(value) => {
            put_json(serde_json::to_vec(value), out);
        }
        AttributeValue::Relationship(uris) | AttributeValue::Vocab(uris) => match uris {
            Uris::One(uri) => put_bytes(out, uri.as_bytes()),
            Uris::Many(uris) => encode_uris(uris, out),
        },
        AttributeValue::Geo(geometry) => geometry.encode(out),
        AttributeValue::Language(map) => put_json(serde_json::to_vec(map), out),
        AttributeValue::List(values) => put_json(serde_json::to_vec(values), out),
        AttributeValue::ListRelationship(uris) => encode_uris(uris, out),
        AttributeValue::Null => {}
    }
}

fn encode_uris(uris: &[Name], out: &mut Vec<u8>) {
    put(out, uris.len() as u64);
    for uri in uris {
        put_bytes(out, uri.as_bytes());
    }
}

/// JSON stays text: it is exact, and numbers alone, which are most of history, are not here.
fn put_json(text: serde_json::Result<Vec<u8>>, out: &mut Vec<u8>) {
    // A value that came from JSON always has a text.
    put_bytes(out, &text.unwrap_or_else(|_impossible| b"null".to_vec()));
}

/// Fills `attribute`, whose times, unit and value type are set, with what the blob says.
pub(super) fn decode(
    input: &mut Input<'_>,
    names: &Names,
    attribute: &mut Attribute,
    depth: usize,
) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    let kind = input.byte()?;
    let flags = input.byte()?;
    if flags & HAS_OBJECT_TYPE != 0 {
        for _ in 0..input.count()? {
            attribute
                .object_type
                .push(names.text(input.small()?)?.clone());
        }
    }
    if flags & HAS_EXPIRES != 0 {
        attribute.expires_at = Some(Time(input.signed()?));
    }
    if flags & HAS_SUB != 0 {
        for _ in 0..input.count()? {
            let sub = decode_sub(input, names, attribute, depth)?;
            attribute.sub.push(sub);
        }
    }
    attribute.value = decode_value(kind, input)?;
    Some(())
}

fn decode_sub(
    input: &mut Input<'_>,
    names: &Names,
    above: &Attribute,
    depth: usize,
) -> Option<Attribute> {
    let name = names.text(input.small()?)?.clone();
    let mut sub = Attribute::new(name, AttributeValue::Null);
    sub.dataset_id = names.text(input.small()?).cloned();
    let flags = input.byte()?;
    if flags & SUB_OBSERVED != 0 {
        sub.observed_at = Some(Time(input.signed()?));
    }
    sub.created_at = if flags & SUB_CREATED != 0 {
        Time(input.signed()?)
    } else {
        above.created_at
    };
    sub.modified_at = if flags & SUB_MODIFIED != 0 {
        Time(input.signed()?)
    } else {
        above.modified_at
    };
    sub.unit_code = names.text(input.small()?).cloned();
    sub.value_type = names.text(input.small()?).cloned();
    decode(input, names, &mut sub, depth + 1)?;
    Some(sub)
}

fn decode_value(kind: u8, input: &mut Input<'_>) -> Option<AttributeValue> {
    Some(match kind {
        TEXT => AttributeValue::Property(Value::String(input.text()?.to_owned())),
        PROPERTY => AttributeValue::Property(decode_json(input)?),
        RELATIONSHIP => AttributeValue::Relationship(Uris::One(input.text()?.into())),
        RELATIONSHIPS => AttributeValue::Relationship(Uris::Many(decode_uris(input)?)),
        GEO => AttributeValue::Geo(Geometry::decode(&mut input.0).ok()?),
        LANGUAGE => {
            let map: Map<String, Value> = serde_json::from_slice(input.bytes()?).ok()?;
            AttributeValue::Language(map)
        }
        JSON => AttributeValue::Json(decode_json(input)?),
        VOCAB => AttributeValue::Vocab(Uris::One(input.text()?.into())),
        VOCABS => AttributeValue::Vocab(Uris::Many(decode_uris(input)?)),
        LIST => AttributeValue::List(serde_json::from_slice(input.bytes()?).ok()?),
        LIST_RELATIONSHIP => AttributeValue::ListRelationship(decode_uris(input)?),
        NULL => AttributeValue::Null,
        _ => return None,
    })
}

fn decode_json(input: &mut Input<'_>) -> Option<Value> {
    serde_json::from_slice(input.bytes()?).ok()
}

fn decode_uris(input: &mut Input<'_>) -> Option<Vec<Name>> {
    let count = input.count()?;
    (0..count).map(|_| input.text().map(Name::from)).collect()
}
