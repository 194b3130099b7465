//! Numbers and texts as bytes: little-endian, LEB128 and zigzag.

/// Appends an unsigned number, seven bits a byte.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "seven bits at a time are meant"
)]
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8 & 0x7F);
}

/// Appends a signed number, small ones short.
#[inline]
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Appends bytes with their length before them.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends what follows `before` in an ordered list of byte strings: how many bytes are shared,
/// and the rest.
pub(super) fn put_after(out: &mut Vec<u8>, before: &[u8], bytes: &[u8]) {
    if before == bytes {
        put(out, bytes.len() as u64);
        return out.push(0);
    }
    let shared = before.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    put(out, shared as u64);
    put_bytes(out, bytes.get(shared..).unwrap_or_default());
}

/// What is still to be read. Every read gives `None` when the bytes do not hold what is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// A count of things that take at least one byte each, so that a damaged count cannot make us
    /// reserve more than the input is long.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Turns `before` into the byte string after it: the other side of [`put_after`].
    pub(super) fn after(&mut self, before: &mut Vec<u8>) -> Option<()> {
        let shared = usize::try_from(self.number()?).ok()?;
        if shared > before.len() {
            return None;
        }
        let rest = self.bytes()?;
        before.truncate(shared);
        before.extend_from_slice(rest);
        Some(())
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_and_bytes_read_back(a: u64, b: i64, c: Vec<u8>, d: Vec<u8>) {
            let mut out = Vec::new();
            put(&mut out, a);
            put_signed(&mut out, b);
            put_bytes(&mut out, &c);
            put_after(&mut out, &c, &d);
            let mut input = Input(&out);
            prop_assert_eq!(input.number(), Some(a));
            prop_assert_eq!(input.signed(), Some(b));
            prop_assert_eq!(input.bytes(), Some(&c[..]));
            let mut before = c.clone();
            prop_assert_eq!(input.after(&mut before), Some(()));
            prop_assert_eq!(before, d);
            prop_assert!(input.is_empty());
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let mut input = Input(&bytes);
            while input.number().is_some() && input.text().is_some() {}
            prop_assert!(input.0.len() <= bytes.len());
        }
    }
}
