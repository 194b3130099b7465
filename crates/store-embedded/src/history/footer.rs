//! The footer of a segment: all of it that is kept in memory.
//!
//! Layout, after the blocks: the range of changes (from, to), the new texts of the dictionary (how
//! many there were before, how many, each), the index (per block: owner after the one before, name,
//! dataset, first moment, length), the graves (owner, count, each) and the notes (owner, note), and
//! a byte 1 if its rows were given away; numbers are LEB128. Then a trailer of 24 bytes: offset and length of the footer (`u64`), its
//! CRC-32C (`u32`), `CHE1`.

use std::collections::BTreeMap;

use base::{Name, Seq};

use super::bytes::{Input, put, put_after, put_bytes, put_signed};
use super::grave::Grave;
use super::head::Note;
use super::names::Names;
use super::row::SeriesKey;
use super::split_owner;

/// Bytes of the trailer.
pub(super) const TRAILER: usize = 24;
const END: &[u8; 4] = b"CHE1";

/// Where a block lies and what it begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) owner: Box<[u8]>,
    pub(super) series: SeriesKey,
    pub(super) moment: i64,
    pub(super) offset: u64,
    /// Bytes without the CRC behind them.
    pub(super) len: usize,
}

/// What a segment says of itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Footer {
    /// The changes it covers, both included.
    pub(super) from: Seq,
    pub(super) to: Seq,
    /// How many texts the dictionary had before it.
    pub(super) names_before: u32,
    pub(super) names: Vec<Name>,
    pub(super) blocks: Vec<Block>,
    pub(super) graves: BTreeMap<Vec<u8>, Vec<Grave>>,
    pub(super) notes: BTreeMap<Vec<u8>, Note>,
    /// Whether its rows and graves were given away.
    pub(super) hollow: bool,
}

/// The end of the footer of a segment whose rows were given away.
const HOLLOW: &[u8] = &[1];

/// Bytes before the first block, and of the CRC behind each.
pub(super) const HEADER: &[u8; 8] = b"CHISTOR\x01";
pub(super) const CRC: usize = 4;

impl Footer {
    /// Footer and trailer, to stand at `offset`. `names` is the whole dictionary.
    pub(super) fn encode(&self, offset: u64, names: &Names) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.from.0);
        put(&mut out, self.to.0);
        put(&mut out, self.names_before.into());
        put(&mut out, self.names.len() as u64);
        for name in &self.names {
            put_bytes(&mut out, name.as_bytes());
        }
        put(&mut out, self.blocks.len() as u64);
        let mut before: &[u8] = &[];
        for block in &self.blocks {
            put_after(&mut out, before, &block.owner);
            put(&mut out, block.series.name.into());
            put(&mut out, block.series.dataset.into());
            put_signed(&mut out, block.moment);
            put(&mut out, block.len as u64);
            before = &block.owner;
        }
        put(&mut out, self.graves.len() as u64);
        let mut before: &[u8] = &[];
        for (owner, graves) in &self.graves {
            put_after(&mut out, before, owner);
            put(&mut out, graves.len() as u64);
            for grave in graves {
                grave.encode(&mut out);
            }
            before = owner;
        }
        put(&mut out, self.notes.len() as u64);
        let mut before: &[u8] = &[];
        for (owner, note) in &self.notes {
            put_after(&mut out, before, owner);
            note.encode(names, &mut out);
            before = owner;
        }
        if self.hollow {
            out.extend(HOLLOW);
        }
        let (len, crc) = (out.len() as u64, crc32c::crc32c(&out));
        out.extend(offset.to_le_bytes());
        out.extend(len.to_le_bytes());
        out.extend(crc.to_le_bytes());
        out.extend(END);
        out
    }

    /// Where the footer lies, how long it is, and its CRC, from the trailer.
    pub(super) fn place(trailer: &[u8]) -> Option<(u64, usize, u32)> {
        let mut input = Input(trailer);
        let (offset, len, crc) = (input.u64()?, input.u64()?, input.u32()?);
        (input.0 == END).then_some((offset, usize::try_from(len).ok()?, crc))
    }

    /// Adds the texts of a footer to the dictionary, which holds those of all segments before it.
    pub(super) fn learn(bytes: &[u8], names: &mut Names) -> Option<()> {
        let mut input = Input(bytes);
        let (footer, texts) = Self::begin(&mut input)?;
        for (place, text) in (footer.names_before..).zip(texts) {
            if names.number(&text) != place.checked_add(1)? {
                return None;
            }
        }
        Some(())
    }

    fn begin(input: &mut Input<'_>) -> Option<(Self, Vec<Name>)> {
        let footer = Self {
            from: Seq(input.number()?),
            to: Seq(input.number()?),
            names_before: input.small()?,
            ..Self::default()
        };
        let count = input.count()?;
        let texts: Option<Vec<Name>> = (0..count).map(|_| input.text().map(Name::from)).collect();
        Some((footer, texts?))
    }

    /// Reads a footer, whose texts the dictionary has.
    pub(super) fn decode(bytes: &[u8], names: &Names) -> Option<Self> {
        let mut input = Input(bytes);
        let (mut footer, texts) = Self::begin(&mut input)?;
        footer.names = texts;
        footer.decode_blocks(&mut input)?;
        let mut owner = Vec::new();
        for _ in 0..input.count()? {
            input.after(&mut owner)?;
            let count = input.count()?;
            let graves: Option<Vec<Grave>> =
                (0..count).map(|_| Grave::decode(&mut input)).collect();
            footer.graves.insert(owner.clone(), graves?);
        }
        let mut owner = Vec::new();
        for _ in 0..input.count()? {
            input.after(&mut owner)?;
            let (_, id) = split_owner(&owner)?;
            let note = Note::decode(&mut input, &id, names)?;
            footer.notes.insert(owner.clone(), note);
        }
        footer.hollow = input.0 == HOLLOW;
        (footer.hollow || input.is_empty()).then_some(footer)
    }

    fn decode_blocks(&mut self, input: &mut Input<'_>) -> Option<()> {
        let mut owner = Vec::new();
        let mut offset = HEADER.len() as u64;
        for _ in 0..input.count()? {
            input.after(&mut owner)?;
            let series = SeriesKey {
                name: input.small()?,
                dataset: input.small()?,
            };
            let moment = input.signed()?;
            let len = input.number()?;
            let block = Block {
                owner: owner.as_slice().into(),
                series,
                moment,
                offset,
                len: usize::try_from(len).ok()?,
            };
            self.blocks.push(block);
            offset = offset.checked_add(len)?.checked_add(CRC as u64)?;
        }
        Some(())
    }
}
