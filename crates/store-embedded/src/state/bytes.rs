//! Numbers and texts as bytes: LEB128 varints, zigzag for signed ones, lengths before texts.

use super::codec::Damaged;

pub(super) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u64(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// What is left to read.
#[derive(Debug, Clone)]
pub(super) struct Input<'b>(pub(super) &'b [u8]);

impl<'b> Input<'b> {
    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, Damaged> {
        let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*byte)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                return Err(Damaged);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.u64()?).map_err(|_too_large| Damaged)
    }

    #[inline]
    pub(super) fn i64(&mut self) -> Result<i64, Damaged> {
        let zigzag = self.u64()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    pub(super) fn f64(&mut self) -> Result<f64, Damaged> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(f64::from_le_bytes(*head))
    }

    /// A count of things of at least one byte each: one that cannot be true is refused before
    /// anything is reserved for it.
    #[inline]
    pub(super) fn count(&mut self) -> Result<usize, Damaged> {
        let count = usize::try_from(self.u64()?).map_err(|_too_large| Damaged)?;
        if count > self.0.len() {
            Err(Damaged)
        } else {
            Ok(count)
        }
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'b str, Damaged> {
        let len = self.count()?;
        let (text, rest) = self.0.split_at_checked(len).ok_or(Damaged)?;
        self.0 = rest;
        str::from_utf8(text).map_err(|_not_text| Damaged)
    }
}
