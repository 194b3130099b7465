//! The letters that records are written in.
//!
//! - `varint`: seven bits a byte, low ones first, the high bit set on all but the last; at most
//!   ten bytes.
//! - `zigzag`: a signed number as the varint of `2n` or `-2n - 1`.
//! - `text`: its length in bytes as varint, then UTF-8.
//! - `name`: a text that the record may say again. The varint 0 and a text: a new one, and it gets
//!   the next number from 1 on; another varint: the one of that number.
//! - `time`: microseconds after the record's own time, as zigzag.

use base::{Name, Time};
use hashbrown::HashMap;

use crate::error::Error;
use crate::history::Sighting;

/// Writes a record.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(super) out: Vec<u8>,
    names: HashMap<Name, u64, foldhash::fast::RandomState>,
    time: Time,
}

impl Writer {
    /// An empty record of that time.
    pub(super) fn new(time: Time) -> Self {
        Self {
            out: Vec::with_capacity(256),
            names: HashMap::default(),
            time,
        }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.out.push((number & 0x7f) as u8);
    }

    pub(super) fn zigzag(&mut self, number: i64) {
        self.varint(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn name(&mut self, name: &Name) {
        if let Some(number) = self.names.get(name).copied() {
            return self.varint(number);
        }
        self.varint(0);
        self.text(name);
        self.names.insert(name.clone(), self.names.len() as u64 + 1);
    }

    pub(super) fn names(&mut self, names: &[Name]) {
        self.varint(names.len() as u64);
        for name in names {
            self.name(name);
        }
    }

    pub(super) fn time(&mut self, time: Time) {
        self.zigzag(time.0.wrapping_sub(self.time.0));
    }
}

/// Reads a record, never trusting it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(super) rest: &'a [u8],
    names: Vec<Name>,
    pub(super) time: Time,
    /// Where the instance is of the edit read last.
    pub(super) seen: Option<Sighting>,
}

/// What makes bytes no record; becomes [`Error::Corrupt`] where the file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

pub(super) type Read<T> = Result<T, Malformed>;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            names: Vec::new(),
            time: Time::default(),
            seen: None,
        }
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed("it ends early"))?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(super) fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed("it ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn varint(&mut self) -> Read<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("a number is too long"))
    }

    pub(super) fn zigzag(&mut self) -> Read<i64> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// How many items follow; each takes at least one byte, which bounds what is reserved.
    pub(super) fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > self.rest.len() {
            return Err(Malformed("a count is more than there are bytes"));
        }
        Ok(count)
    }

    pub(super) fn text(&mut self) -> Read<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).map_err(|_utf8| Malformed("a text is not UTF-8"))
    }

    pub(super) fn name(&mut self) -> Read<Name> {
        let number = self.varint()?;
        let Some(before) = number.checked_sub(1) else {
            let name = Name::from(self.text()?);
            self.names.push(name.clone());
            return Ok(name);
        };
        let known = usize::try_from(before)
            .ok()
            .and_then(|at| self.names.get(at));
        known.cloned().ok_or(Malformed("a name has no text"))
    }

    pub(super) fn names(&mut self) -> Read<Vec<Name>> {
        (0..self.count()?).map(|_| self.name()).collect()
    }

    pub(super) fn time(&mut self) -> Read<Time> {
        Ok(Time(self.time.0.wrapping_add(self.zigzag()?)))
    }
}

/// Depth to which values nest, attributes and JSON together; parsers allow far less.
pub(super) const DEPTH_MAX: usize = 100;

/// The depth below, if that is still allowed to be written.
pub(super) fn deeper(depth: usize) -> Result<usize, Error> {
    if depth >= DEPTH_MAX {
        return Err(Error::Limit {
            what: "the depth of a value",
            found: depth + 1,
            max: DEPTH_MAX,
        });
    }
    Ok(depth + 1)
}

/// The depth below, if a writer could have written it.
pub(super) fn read_deeper(depth: usize) -> Read<usize> {
    if depth >= DEPTH_MAX {
        Err(Malformed("a value is too deep"))
    } else {
        Ok(depth + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_back(a in any::<u64>(), b in any::<i64>(), t in any::<i64>(), at in any::<i64>()) {
            let mut writer = Writer::new(Time(at));
            writer.varint(a);
            writer.zigzag(b);
            writer.time(Time(t));
            let mut reader = Reader::new(&writer.out);
            reader.time = Time(at);
            prop_assert_eq!(reader.varint(), Ok(a));
            prop_assert_eq!(reader.zigzag(), Ok(b));
            prop_assert_eq!(reader.time(), Ok(Time(t)));
            prop_assert!(reader.rest.is_empty());
        }
    }

    #[test]
    fn a_name_said_twice_is_written_once() {
        let mut writer = Writer::new(Time::default());
        writer.name(&Name::from("temperature"));
        writer.name(&Name::from("a"));
        writer.name(&Name::from("temperature"));
        assert_eq!(writer.out, b"\0\x0btemperature\0\x01a\x01");
        let mut reader = Reader::new(&writer.out);
        let read = [(); 3].map(|()| reader.name().unwrap());
        assert_eq!(read, ["temperature", "a", "temperature"].map(Name::from));
        assert_eq!(
            Reader::new(&[1]).name(),
            Err(Malformed("a name has no text"))
        );
    }

    #[test]
    fn a_number_of_more_than_ten_bytes_is_refused() {
        assert_eq!(
            Reader::new(&[0xff; 12]).varint(),
            Err(Malformed("a number is too long"))
        );
    }
}
