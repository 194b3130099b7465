//! The value of an attribute: a tag byte and what belongs to it.
//!
//! | tag | value |
//! |---|---|
//! | 0, 1, 2 | JSON null, false, true |
//! | 3 | whole number, signed varint |
//! | 4 | whole number above 2^63, varint |
//! | 5 | number, 8 bytes |
//! | 6 | text |
//! | 7 | array: count, values |
//! | 8 | object: count, then text and value each |
//! | 16–25 | number with so many (tag − 16) decimals: signed varint of its digits |
//! | 32, 33 | a relationship to one; to many: count, texts |
//! | 34 | geometry |
//! | 35 | language map, as an object |
//! | 36 | JSON of a JsonProperty |
//! | 37, 38 | a vocab of one; of many: dictionary numbers |
//! | 39 | list of values |
//! | 40 | list of relationships |
//! | 41 | the null that deletes |
//!
//! A Property is the tag of its JSON value.

use base::Name;
use ngsi::{AttributeValue, Uris};
use serde_json::{Map, Number, Value};
use spatial::Geometry;

use super::{Damaged, Reader, Writer};
use crate::state::bytes::{put_i64, put_text, put_u64};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const SIGNED: u8 = 3;
const UNSIGNED: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const ARRAY: u8 = 7;
const OBJECT: u8 = 8;
const DECIMAL: u8 = 16;
const DECIMALS_MAX: u8 = 9;
const RELATIONSHIP: u8 = 32;
const RELATIONSHIPS: u8 = 33;
const GEO: u8 = 34;
const LANGUAGE: u8 = 35;
const JSON: u8 = 36;
const VOCAB: u8 = 37;
const VOCABS: u8 = 38;
const LIST: u8 = 39;
const LIST_RELATIONSHIP: u8 = 40;
const NOTHING: u8 = 41;

/// Twice what the JSON parser lets in, so that nothing is written that cannot be read.
const DEPTH_MAX: usize = 256;

impl Writer<'_> {
    pub(super) fn value(&mut self, value: &AttributeValue) {
        match value {
            AttributeValue::Property(value) => self.json(value),
            AttributeValue::Relationship(Uris::One(uri)) => {
                self.out.push(RELATIONSHIP);
                put_text(self.out, uri);
            }
            AttributeValue::Relationship(Uris::Many(uris)) => self.texts(RELATIONSHIPS, uris),
            AttributeValue::Geo(geometry) => {
                self.out.push(GEO);
                geometry.encode(self.out);
            }
            AttributeValue::Language(map) => {
                self.out.push(LANGUAGE);
                self.members(map);
            }
            AttributeValue::Json(value) => {
                self.out.push(JSON);
                self.json(value);
            }
            AttributeValue::Vocab(Uris::One(name)) => {
                self.out.push(VOCAB);
                self.name(name);
            }
            AttributeValue::Vocab(Uris::Many(names)) => {
                self.out.push(VOCABS);
                self.names(names);
            }
            AttributeValue::List(values) => {
                self.out.push(LIST);
                self.elements(values);
            }
            AttributeValue::ListRelationship(uris) => self.texts(LIST_RELATIONSHIP, uris),
            AttributeValue::Null => self.out.push(NOTHING),
        }
    }

    fn texts(&mut self, tag: u8, texts: &[Name]) {
        self.out.push(tag);
        put_u64(self.out, texts.len() as u64);
        for text in texts {
            put_text(self.out, text);
        }
    }

    fn elements(&mut self, values: &[Value]) {
        put_u64(self.out, values.len() as u64);
        for value in values {
            self.json(value);
        }
    }

    fn members(&mut self, map: &Map<String, Value>) {
        put_u64(self.out, map.len() as u64);
        for (key, value) in map {
            put_text(self.out, key);
            self.json(value);
        }
    }

    fn json(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push(NULL),
            Value::Bool(false) => self.out.push(FALSE),
            Value::Bool(true) => self.out.push(TRUE),
            Value::Number(number) => self.number(number),
            Value::String(text) => {
                self.out.push(TEXT);
                put_text(self.out, text);
            }
            Value::Array(values) => {
                self.out.push(ARRAY);
                self.elements(values);
            }
            Value::Object(map) => {
                self.out.push(OBJECT);
                self.members(map);
            }
        }
    }

    fn number(&mut self, number: &Number) {
        if let Some(whole) = number.as_i64() {
            self.out.push(SIGNED);
            put_i64(self.out, whole);
        } else if let Some(whole) = number.as_u64() {
            self.out.push(UNSIGNED);
            put_u64(self.out, whole);
        } else {
            // Every number of serde_json is one of the three.
            let float = number.as_f64().unwrap_or_default();
            if let Some((digits, decimals)) = decimal(float) {
                self.out.push(DECIMAL + decimals);
                put_i64(self.out, digits);
            } else {
                self.out.push(FLOAT);
                self.out.extend_from_slice(&float.to_le_bytes());
            }
        }
    }
}

/// Digits and decimals that give back the very same number, if it has few.
fn decimal(number: f64) -> Option<(i64, u8)> {
    // Up to here every whole number and every power of ten used is exact in a double.
    const DIGITS_MAX: f64 = 1e15;
    let mut scale = 1.0;
    for decimals in 0..=DECIMALS_MAX {
        let digits = (number * scale).round();
        if digits.abs() > DIGITS_MAX {
            return None;
        }
        if (digits / scale).to_bits() == number.to_bits() && !(digits == 0.0 && decimals > 0) {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 1e15")]
            let digits = digits as i64;
            // The sign of -0.0 would be lost.
            return (number.to_bits() != (-0.0_f64).to_bits()).then_some((digits, decimals));
        }
        scale *= 10.0;
    }
    None
}

impl Reader<'_, '_> {
    pub(super) fn value(&mut self) -> Result<AttributeValue, Damaged> {
        let tag = self.input.u8()?;
        Ok(match tag {
            RELATIONSHIP => AttributeValue::Relationship(Uris::One(self.input.text()?.into())),
            RELATIONSHIPS => AttributeValue::Relationship(Uris::Many(self.texts()?)),
            GEO => {
                let geometry = Geometry::decode(&mut self.input.0);
                AttributeValue::Geo(geometry.map_err(|_what| Damaged)?)
            }
            LANGUAGE => AttributeValue::Language(self.members(0)?),
            JSON => {
                let tag = self.input.u8()?;
                AttributeValue::Json(self.json(tag, 0)?)
            }
            VOCAB => AttributeValue::Vocab(Uris::One(self.name()?)),
            VOCABS => AttributeValue::Vocab(Uris::Many(self.names()?)),
            LIST => AttributeValue::List(self.elements(0)?),
            LIST_RELATIONSHIP => AttributeValue::ListRelationship(self.texts()?),
            NOTHING => AttributeValue::Null,
            _ => AttributeValue::Property(self.json(tag, 0)?),
        })
    }

    fn texts(&mut self) -> Result<Vec<Name>, Damaged> {
        (0..self.input.count()?)
            .map(|_| Ok(self.input.text()?.into()))
            .collect()
    }

    fn elements(&mut self, depth: usize) -> Result<Vec<Value>, Damaged> {
        let count = self.input.count()?;
        let mut values = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            let tag = self.input.u8()?;
            values.push(self.json(tag, depth + 1)?);
        }
        Ok(values)
    }

    fn members(&mut self, depth: usize) -> Result<Map<String, Value>, Damaged> {
        let count = self.input.count()?;
        let mut map = Map::with_capacity(count.min(64));
        for _ in 0..count {
            let key = self.input.text()?.to_owned();
            let tag = self.input.u8()?;
            map.insert(key, self.json(tag, depth + 1)?);
        }
        Ok(map)
    }

    fn json(&mut self, tag: u8, depth: usize) -> Result<Value, Damaged> {
        if depth > DEPTH_MAX {
            return Err(Damaged);
        }
        Ok(match tag {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            SIGNED => Value::Number(self.input.i64()?.into()),
            UNSIGNED => Value::Number(self.input.u64()?.into()),
            FLOAT => float(self.input.f64()?)?,
            TEXT => Value::String(self.input.text()?.to_owned()),
            ARRAY => Value::Array(self.elements(depth)?),
            OBJECT => Value::Object(self.members(depth)?),
            DECIMAL..=25 => {
                let digits = self.input.i64()?;
                let scale = POWERS.get(usize::from(tag - DECIMAL)).ok_or(Damaged)?;
                #[expect(clippy::cast_precision_loss, reason = "what was written is below 2^53")]
                float(digits as f64 / scale)?
            }
            _ => return Err(Damaged),
        })
    }
}

const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

fn float(number: f64) -> Result<Value, Damaged> {
    Number::from_f64(number).map(Value::Number).ok_or(Damaged)
}
