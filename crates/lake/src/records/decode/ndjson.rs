//! An object of JSON a line, whose members are the columns; a member that is missing or null is a missing
//! value.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};

use super::super::cells::{Filler, Json};
use super::super::check::unknown;
use super::super::error::RecordError;
use super::super::limits::ROW_BYTES_MAX;
use super::super::table::RecordTable;
use super::{Decoder, Take};

/// A decoder of lines of JSON.
#[derive(Debug)]
pub(super) struct Ndjson {
    row: Row,
    /// Bytes that are not a whole line yet.
    rest: Vec<u8>,
}

/// The row that is being filled.
#[derive(Debug)]
struct Row {
    table: Arc<RecordTable>,
    filler: Filler,
    /// Which columns have a value.
    said: Vec<bool>,
    /// Which column probably comes next: most writers keep an order.
    next: usize,
    /// Why the row is refused.
    refusal: Option<RecordError>,
}

impl Ndjson {
    pub(super) fn new(table: &Arc<RecordTable>) -> Self {
        Self {
            row: Row {
                table: Arc::clone(table),
                filler: Filler::new(table),
                said: vec![false; table.columns().len()],
                next: 0,
                refusal: None,
            },
            rest: Vec::new(),
        }
    }

    fn lines(&mut self, bytes: &[u8], take: Take<'_>) -> Result<usize, RecordError> {
        let mut at = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.row.line(bytes.get(at..end).unwrap_or_default())?;
            at = end + 1;
            if self.row.filler.is_full()
                && let Some(rows) = self.row.filler.finish()?
            {
                take(rows)?;
            }
        }
        if bytes.len() - at > ROW_BYTES_MAX {
            let reason = format!("it has more than {ROW_BYTES_MAX} bytes");
            return Err(RecordError::row(self.row.filler.row(), reason));
        }
        Ok(at)
    }
}

impl Decoder for Ndjson {
    fn push(&mut self, bytes: Bytes, take: Take<'_>) -> Result<(), RecordError> {
        if self.rest.is_empty() {
            let taken = self.lines(&bytes, take)?;
            let rest = bytes.get(taken..).unwrap_or_default();
            self.rest.extend_from_slice(rest);
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.rest);
        held.extend_from_slice(&bytes);
        let taken = self.lines(&held, take)?;
        held.drain(..taken);
        self.rest = held;
        Ok(())
    }

    fn finish(&mut self, take: Take<'_>) -> Result<(), RecordError> {
        let rest = std::mem::take(&mut self.rest);
        self.row.line(&rest)?;
        self.row.filler.finish()?.map_or(Ok(()), take)
    }
}

impl Row {
    /// Takes a line; a blank one is none.
    fn line(&mut self, line: &[u8]) -> Result<(), RecordError> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        if line.len() > ROW_BYTES_MAX {
            let reason = format!("it has more than {ROW_BYTES_MAX} bytes");
            return Err(RecordError::row(self.filler.row(), reason));
        }
        self.said.fill(false);
        self.next = 0;
        let mut json = serde_json::Deserializer::from_slice(line);
        let read = json.deserialize_map(Members(self));
        let read = read.and_then(|()| json.end());
        if let Err(error) = read {
            let refusal = self.refusal.take();
            let row = self.filler.row();
            return Err(refusal.unwrap_or_else(|| {
                RecordError::row(row, format!("it is no object of JSON: {error}"))
            }));
        }
        for place in 0..self.said.len() {
            if self.said.get(place) == Some(&false) {
                self.filler.null(place)?;
            }
        }
        self.filler.end_row();
        Ok(())
    }

    fn place(&mut self, name: &str) -> Result<usize, RecordError> {
        let columns = self.table.columns();
        let likely = columns.get(self.next).filter(|c| c.name == name);
        let place = likely.map(|_| self.next).or_else(|| self.table.place(name));
        let row = self.filler.row();
        let Some(place) = place else {
            let RecordError::Invalid(reason) = unknown(&self.table, name) else {
                return Err(RecordError::row(row, "an unknown column"));
            };
            return Err(RecordError::row(row, reason));
        };
        if let Some(said) = self.said.get_mut(place)
            && std::mem::replace(said, true)
        {
            return Err(RecordError::cell(row, name, "it comes twice"));
        }
        self.next = place + 1;
        Ok(place)
    }
}

/// Reads the members of a line.
struct Members<'a>(&'a mut Row);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose members are the columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let row = self.0;
        while let Some(place) = members.next_key_seed(Key(row))? {
            members.next_value_seed(Value { row, place })?;
        }
        Ok(())
    }
}

/// Reads the name of a member: a place among the columns.
struct Key<'a>(&'a mut Row);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: serde::Deserializer<'de>>(self, key: D) -> Result<usize, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        self.0.place(name).map_err(|refusal| {
            self.0.refusal = Some(refusal);
            E::custom("refused")
        })
    }
}

/// Reads the value of a member.
struct Value<'a> {
    row: &'a mut Row,
    place: usize,
}

impl Value<'_> {
    fn take<E: serde::de::Error>(self, value: Json<'_>) -> Result<(), E> {
        let taken = self.row.filler.json(self.place, value);
        taken.map_err(|refusal| {
            self.row.refusal = Some(refusal);
            E::custom("refused")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true, false or null")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.take(Json::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.take(Json::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.take(Json::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.take(i64::try_from(value).map_or(Json::Uint(value), Json::Int))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.take(Json::Float(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.take(Json::Text(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, _members: A) -> Result<(), A::Error> {
        let name = self.row.table.columns().get(self.place);
        let name = name.map_or("", |column| &column.name);
        let row = self.row.filler.row();
        self.row.refusal = Some(RecordError::cell(row, name, "an object is no value"));
        Err(A::Error::custom("refused"))
    }
}
