//! Frames: one group of records, written and synced together.
//!
//! ```text
//! 0   u8   format, 1
//! 1   3    zero
//! 4   u32  length of the payload in bytes
//! 8   u32  crc32c of bytes 0..8 and of everything from byte 12 to the end of the payload
//! 12  u32  how many Seqs the group takes
//! 16  u64  epoch of the segment
//! 24  u64  the Seq of the group's first change (the next one to come when the group takes none)
//! 32  …    payload, then zeros to a multiple of 8
//! ```
//!
//! The payload is a row of records, each `{length u32, Seqs it takes u32, bytes}`. All numbers are
//! little-endian. One write and one sync make one frame, and the next frame is written only after
//! that sync: so a frame torn by a power loss is the last one, and a bad frame that has a valid
//! one behind it was damaged later.

use base::Seq;

/// The format byte of a frame.
pub(crate) const FORMAT: u8 = 1;
/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 32;
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) length: u32,
    pub(crate) crc: u32,
    pub(crate) count: u32,
    pub(crate) epoch: u64,
    pub(crate) seq: Seq,
}

impl Header {
    /// Reads a head; `None` when these bytes are none.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<4>()?;
        if *head != [FORMAT, 0, 0, 0] {
            return None;
        }
        let (length, rest) = take_u32(rest)?;
        let (crc, rest) = take_u32(rest)?;
        let (count, rest) = take_u32(rest)?;
        let (epoch, rest) = take_u64(rest)?;
        let (seq, _) = take_u64(rest)?;
        Some(Self {
            length,
            crc,
            count,
            epoch,
            seq: Seq(seq),
        })
    }

    /// Bytes of the whole frame, padding included.
    pub(crate) fn frame_bytes(&self) -> usize {
        (HEADER_BYTES + self.length as usize).next_multiple_of(ALIGN)
    }

    /// The Seq after the group.
    pub(crate) fn next(&self) -> Seq {
        Seq(self.seq.0.saturating_add(u64::from(self.count)))
    }

    /// Whether `frame`, head included, is what was written.
    pub(crate) fn holds(&self, frame: &[u8]) -> bool {
        let end = HEADER_BYTES + self.length as usize;
        frame.get(..end).and_then(checksum) == Some(self.crc)
    }
}

/// The checksum of a frame that ends with its payload.
fn checksum(frame: &[u8]) -> Option<u32> {
    let before = frame.get(..8)?;
    let after = frame.get(12..)?;
    Some(crc32c::crc32c_append(crc32c::crc32c(before), after))
}

pub(crate) fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*head), rest))
}

pub(crate) fn take_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*head), rest))
}

/// A frame in the making; kept and used again so that a busy log allocates nothing.
#[derive(Debug)]
pub(crate) struct Group {
    bytes: Vec<u8>,
    count: u32,
}

impl Group {
    /// Room for a group, empty.
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; HEADER_BYTES],
            count: 0,
        }
    }

    /// Adds a record that takes `count` Seqs.
    pub(crate) fn push(&mut self, count: u32, record: &[u8]) {
        let length =
            u32::try_from(record.len()).expect("the committer bounds records to far below 4 GiB");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&count.to_le_bytes());
        self.bytes.extend_from_slice(record);
        self.count += count;
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER_BYTES
    }

    /// Seqs taken so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the payload so far.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.bytes.len() - HEADER_BYTES
    }

    /// Begins anew; a room that one large group made is given back.
    pub(crate) fn clear(&mut self) {
        const KEPT_BYTES: usize = 4 << 20;
        self.bytes.truncate(HEADER_BYTES);
        self.bytes.shrink_to(KEPT_BYTES);
        self.count = 0;
    }

    /// Completes the frame and shows its bytes.
    pub(crate) fn seal(&mut self, epoch: u64, seq: Seq) -> &[u8] {
        let length = u32::try_from(self.payload_bytes());
        let length = length.expect("the committer bounds groups to far below 4 GiB");
        let head = Header {
            length,
            crc: 0,
            count: self.count,
            epoch,
            seq,
        };
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = FORMAT;
        bytes[4..8].copy_from_slice(&head.length.to_le_bytes());
        bytes[12..16].copy_from_slice(&head.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&head.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&head.seq.0.to_le_bytes());
        self.bytes[..HEADER_BYTES].copy_from_slice(&bytes);
        let crc = checksum(&self.bytes).expect("a group is never shorter than its head");
        self.bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        let end = self.bytes.len();
        self.bytes.resize(head.frame_bytes(), 0);
        debug_assert!(end <= self.bytes.len());
        &self.bytes
    }
}

/// One record as it stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// The Seq of its first change (the next one to come when it takes none).
    pub(crate) seq: Seq,
    /// Seqs it takes.
    pub(crate) count: u32,
    /// Its content.
    pub(crate) bytes: &'a [u8],
}

impl Record<'_> {
    /// The Seq after the record.
    pub(crate) fn next(&self) -> Seq {
        Seq(self.seq.0.saturating_add(u64::from(self.count)))
    }
}

/// The records of a payload, in order; `None` once when the rest makes no sense.
pub(crate) fn records(first: Seq, payload: &[u8]) -> impl Iterator<Item = Option<Record<'_>>> {
    let mut rest = Some(payload);
    let mut seq = first;
    std::iter::from_fn(move || {
        let bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let found = split_record(seq, bytes);
        rest = found.map(|(_, later)| later);
        seq = found.map_or(seq, |(record, _)| record.next());
        Some(found.map(|(record, _)| record))
    })
}

fn split_record(seq: Seq, bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (length, rest) = take_u32(bytes)?;
    let (count, rest) = take_u32(rest)?;
    let (bytes, later) = rest.split_at_checked(length as usize)?;
    Some((Record { seq, count, bytes }, later))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_of_a_frame_are_these() {
        let mut group = Group::new();
        group.push(2, b"abc");
        group.push(0, b"");
        let frame = group.seal(7, Seq(41));
        let expected = "010000001300000036659491020000000700000000000000290000000000000003000000020000006162630000000000000000\
                        0000000000";
        assert_eq!(hex(frame), expected);
    }

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    #[test]
    fn a_payload_that_ends_early_is_said_once() {
        let mut found = records(Seq(1), &[9, 0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(found.next(), Some(None));
        assert_eq!(found.next(), None);
    }

    proptest! {
        #[test]
        fn a_group_is_read_back(
            items in prop::collection::vec((0_u32..5, prop::collection::vec(any::<u8>(), 0..40)), 1..8),
            epoch in any::<u64>(),
            seq in 1_u64..1_000_000,
        ) {
            let mut group = Group::new();
            for (count, bytes) in &items {
                group.push(*count, bytes);
            }
            let count = group.count();
            let frame = group.seal(epoch, Seq(seq)).to_vec();
            let head = Header::parse(&frame).unwrap();
            prop_assert_eq!((head.count, head.epoch, head.seq), (count, epoch, Seq(seq)));
            prop_assert!(head.holds(&frame));
            prop_assert_eq!(head.frame_bytes(), frame.len());
            let payload = &frame[HEADER_BYTES..HEADER_BYTES + head.length as usize];
            let read: Vec<_> = records(head.seq, payload).map(|r| r.unwrap()).collect();
            let pairs: Vec<_> = read.iter().map(|r| (r.count, r.bytes.to_vec())).collect();
            prop_assert_eq!(pairs, items);
            prop_assert_eq!(read.last().unwrap().next(), head.next());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(head) = Header::parse(&bytes) {
                let _seen = head.holds(&bytes);
            }
            let _count = records(Seq(1), &bytes).count();
        }
    }
}
