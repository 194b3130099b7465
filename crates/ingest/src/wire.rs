//! Protocol buffers field by field, without allocation, however much a message claims to hold.

/// The bytes are no protocol buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("broken protocol buffer")]
pub(crate) struct Broken;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], Broken> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(Broken),
        }
    }

    pub(crate) fn number(self) -> Result<u64, Broken> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => Err(Broken),
        }
    }

    /// A signed number in its plain form.
    pub(crate) fn int(self) -> Result<i64, Broken> {
        self.number().map(u64::cast_signed)
    }
}

/// The fields of a message.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    fn read(&mut self) -> Result<(u64, Value<'a>), Broken> {
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.0)?),
            1 => Value::Bytes(self.split(8)?),
            2 => {
                let length = varint(&mut self.0)?;
                Value::Bytes(self.split(usize::try_from(length).map_err(|_invalid| Broken)?)?)
            }
            5 => Value::Bytes(self.split(4)?),
            _ => return Err(Broken),
        };
        Ok((key >> 3, value))
    }

    fn split(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Broken)?;
        self.0 = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Packed numbers.
#[derive(Debug, Default)]
pub(crate) struct Packed<'a>(pub(crate) &'a [u8]);

impl Iterator for Packed<'_> {
    type Item = Result<u64, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let number = varint(&mut self.0);
        if number.is_err() {
            self.0 = &[];
        }
        Some(number)
    }
}

impl Packed<'_> {
    /// The next number as the sum of all signed differences so far; 0 differs by nothing at the end.
    pub(crate) fn add_to(&mut self, sum: &mut i64) -> Result<bool, Broken> {
        let Some(number) = self.next() else {
            return Ok(false);
        };
        *sum = sum.wrapping_add(zigzag(number?));
        Ok(true)
    }
}

/// A number whose sign is its lowest bit.
pub(crate) fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(Broken)?;
        *bytes = rest;
        if shift < 64 {
            number |= u64::from(first & 0x7f) << shift;
        }
        if first & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_read() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i'];
        let fields: Result<Vec<_>, Broken> = Fields(&bytes).collect();
        assert_eq!(
            fields.unwrap(),
            [(1, Value::Number(150)), (2, Value::Bytes(b"hi"))]
        );
        assert_eq!([0, 1, 2, 3].map(zigzag), [0, -1, 1, -2]);
    }

    #[test]
    fn what_is_cut_off_or_endless_is_broken() {
        for bytes in [&[0x08][..], &[0x12, 0x05, 1], &[0x0f], &[0xff; 12]] {
            assert!(Fields(bytes).any(|field| field.is_err()), "{bytes:?}");
        }
    }
}
