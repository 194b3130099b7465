//! JSON values in records: a byte for the kind, then the content.
//!
//! ```text
//! 0 null   1 false   2 true   3 varint   4 zigzag (negative)   5 f64, little-endian
//! 6 text   7 count, values            8 count, (text, value) …, in the order given
//! ```

use serde_json::{Map, Number, Value};

use super::bytes::{Malformed, Read, Reader, Writer, deeper, read_deeper};
use crate::error::Error;

impl Writer {
    pub(super) fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        match value {
            Value::Null => self.byte(0),
            Value::Bool(false) => self.byte(1),
            Value::Bool(true) => self.byte(2),
            Value::Number(number) => self.number(number),
            Value::String(text) => {
                self.byte(6);
                self.text(text);
            }
            Value::Array(items) => {
                self.byte(7);
                self.values(items, deeper(depth)?)?;
            }
            Value::Object(members) => {
                self.byte(8);
                self.members(members, deeper(depth)?)?;
            }
        }
        Ok(())
    }

    fn number(&mut self, number: &Number) {
        if let Some(whole) = number.as_u64() {
            self.byte(3);
            self.varint(whole);
        } else if let Some(negative) = number.as_i64() {
            self.byte(4);
            self.zigzag(negative);
        } else {
            self.byte(5);
            let float = number.as_f64().unwrap_or_default();
            self.out.extend_from_slice(&float.to_le_bytes());
        }
    }

    pub(super) fn values(&mut self, items: &[Value], depth: usize) -> Result<(), Error> {
        self.varint(items.len() as u64);
        items.iter().try_for_each(|item| self.value(item, depth))
    }

    pub(super) fn members(
        &mut self,
        members: &Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        self.varint(members.len() as u64);
        members.iter().try_for_each(|(key, value)| {
            self.text(key);
            self.value(value, depth)
        })
    }
}

impl Reader<'_> {
    pub(super) fn value(&mut self, depth: usize) -> Read<Value> {
        Ok(match self.byte()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => self.varint()?.into(),
            4 => self.zigzag()?.into(),
            5 => self.float()?.into(),
            6 => self.text()?.into(),
            7 => Value::Array(self.values(read_deeper(depth)?)?),
            8 => Value::Object(self.members(read_deeper(depth)?)?),
            _ => return Err(Malformed("a value of unknown kind")),
        })
    }

    fn float(&mut self) -> Read<Number> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Malformed("it ends early"))?;
        self.rest = rest;
        Number::from_f64(f64::from_le_bytes(*bytes)).ok_or(Malformed("a number is not finite"))
    }

    pub(super) fn values(&mut self, depth: usize) -> Read<Vec<Value>> {
        (0..self.count()?).map(|_| self.value(depth)).collect()
    }

    pub(super) fn members(&mut self, depth: usize) -> Read<Map<String, Value>> {
        (0..self.count()?)
            .map(|_| Ok((self.text()?.to_owned(), self.value(depth)?)))
            .collect()
    }
}
