//! Segments: the files of the log.
//!
//! `LOG/<epoch as 16 hex digits>.log` holds the frames of one epoch. Its first 64 bytes:
//!
//! ```text
//! 0   8    "CHORSULG"
//! 8   u32  format, 1
//! 12  u32  crc32c of bytes 0..12 and 16..64
//! 16  u64  epoch, the same as in the name and in every frame
//! 24  u64  the Seq of the first change to come
//! 32  u64  where the frames of the segment before it end, in bytes; 0 in the first
//! 40  24   zero
//! ```
//!
//! Frames follow from byte 64. What lies behind the last frame is zeros or, in a recycled segment,
//! frames of older epochs. Epochs rise by one from segment to segment and are never used twice.
//! `*.spare` are segments that wait to be used again; `*.new` are those that were never finished.

use std::path::Path;

use base::Seq;

use super::frame::{take_u32, take_u64};
use crate::error::Error;
use crate::files::File;

/// Bytes before the first frame.
pub(crate) const HEADER_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"CHORSULG";
const FORMAT: u32 = 1;

/// The head of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) epoch: u64,
    /// The Seq of the first change to come.
    pub(crate) base: Seq,
    /// Where the frames of the segment before it end, in bytes; 0 in the first.
    pub(crate) before_end: u64,
}

impl Header {
    /// The bytes of the head.
    pub(crate) fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.base.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.before_end.to_le_bytes());
        let crc = checksum(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks the head of the segment `epoch`.
    pub(crate) fn read(file: &dyn File, path: &Path, epoch: u64) -> Result<Self, Error> {
        let mut bytes = [0; HEADER_BYTES];
        if file.len().map_err(Error::io("measure", path))? < HEADER_BYTES as u64 {
            return Err(Error::corrupt(
                path,
                0,
                "the segment is shorter than its head",
            ));
        }
        file.read_at(0, &mut bytes)
            .map_err(Error::io("read", path))?;
        let header = Self::parse(&bytes).map_err(|what| Error::corrupt(path, 0, what))?;
        if header.epoch != epoch {
            let what = format!("the head says epoch {:016x}", header.epoch);
            return Err(Error::corrupt(path, 16, what));
        }
        Ok(header)
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, &'static str> {
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or("this is no segment of a log")?;
        let (format, rest) = take_u32(rest).ok_or("too short")?;
        let (crc, rest) = take_u32(rest).ok_or("too short")?;
        let (epoch, rest) = take_u64(rest).ok_or("too short")?;
        let (base, rest) = take_u64(rest).ok_or("too short")?;
        let (before_end, _) = take_u64(rest).ok_or("too short")?;
        if crc != checksum(bytes) {
            return Err("the checksum of the head is wrong");
        }
        if format != FORMAT {
            return Err("the segment has a format of another version");
        }
        Ok(Self {
            epoch,
            base: Seq(base),
            before_end,
        })
    }
}

fn checksum(bytes: &[u8; HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..])
}

/// The name of a segment's file.
pub(crate) fn name(epoch: u64) -> String {
    format!("{epoch:016x}.log")
}

/// The epoch that a file name of a segment says.
pub(crate) fn epoch(name: &str) -> Option<u64> {
    let digits = name
        .strip_suffix(".log")
        .filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_head_are_these() {
        let bytes = Header {
            epoch: 3,
            base: Seq(258),
            before_end: 96,
        }
        .bytes();
        assert_eq!(&bytes[..12], b"CHORSULG\x01\x00\x00\x00");
        assert_eq!(&bytes[12..16], &[1, 186, 99, 179]);
        assert_eq!(
            &bytes[16..32],
            &[3, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(&bytes[32..40], &[96, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&bytes[40..], &[0; 24]);
    }

    #[test]
    fn every_flipped_bit_of_a_head_is_found() {
        let good = Header {
            epoch: 3,
            base: Seq(258),
            before_end: 96,
        }
        .bytes();
        Header::parse(&good).unwrap();
        for bit in 0..HEADER_BYTES * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            Header::parse(&bad).unwrap_err();
        }
    }

    #[test]
    fn names_say_their_epoch() {
        assert_eq!(name(26), "000000000000001a.log");
        assert_eq!(epoch("000000000000001a.log"), Some(26));
        assert_eq!(epoch("1a.log"), None);
        assert_eq!(epoch("000000000000001a.spare"), None);
    }
}
