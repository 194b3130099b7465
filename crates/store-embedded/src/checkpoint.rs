//! Checkpoints: the state of the node in one flat file, so that a start replays only a tail.
//!
//! `CHECKPOINTS/<from as 16 hex digits>.checkpoint`, all numbers little-endian:
//!
//! ```text
//! 0   8    "CHORSUCP"
//! 8   u32  format, 1
//! 12  u32  crc32c of bytes 0..12 and 16..64
//! 16  u64  from: every change up to this one is within
//! 24  40   zero
//! 64  …    blocks, one behind the other
//! …   …    the index, a block of its own: count u32, then for each block
//!          {offset u64, length u32, crc32c u32, kind u8, tenant u32, items u32};
//!          then tenant count u32, for each {length u8, name}; then
//!          until u64: no change after this one is within; its time i64 in microseconds
//! -24 u64  offset of the index
//!     u32  length of the index
//!     u32  crc32c of the index and of the 12 bytes before this
//!     8    "chorsucp"
//! ```
//!
//! The file is written while changes go on: what it holds of an entity is the entity as it stood
//! at some change between `from` and `until`, and says at which. Blocks are read and checked
//! independently of each other. What is in a block is its kind's business (`block`).

mod block;
mod reader;
mod writer;

use std::path::{Path, PathBuf};

use base::Seq;

pub(crate) use block::{CursorBlock, DocBlock, EntityBlock, Rows};
pub(crate) use reader::Checkpoint;
pub(crate) use writer::{Finished, Writer};

use crate::error::Error;
use crate::files::Files;

const MAGIC: &[u8; 8] = b"CHORSUCP";
const END_MAGIC: &[u8; 8] = b"chorsucp";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 64;
const TRAILER_BYTES: usize = 24;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The dictionary of a tenant.
    Dictionary,
    /// Entities of a tenant, in id order.
    Entities,
    /// Docs of a tenant.
    Docs,
    /// The cursors of the node.
    Cursors,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Dictionary => 1,
            Self::Entities => 2,
            Self::Docs => 3,
            Self::Cursors => 4,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Dictionary,
            2 => Self::Entities,
            3 => Self::Docs,
            4 => Self::Cursors,
            _ => return None,
        })
    }
}

/// One block of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    offset: u64,
    length: u32,
    crc: u32,
    pub(crate) kind: Kind,
    /// The place of the tenant in the list of tenants.
    pub(crate) tenant: u32,
    /// How many items the block holds.
    pub(crate) items: u32,
}

/// The checkpoints of a folder, oldest first; unfinished ones are none.
pub(crate) fn list(files: &dyn Files, dir: &Path) -> Result<Vec<(Seq, PathBuf)>, Error> {
    let names = files.list(dir).map_err(Error::io("list", dir))?;
    Ok(names
        .iter()
        .filter_map(|name| Some((Seq(from_of(name)?), dir.join(name))))
        .collect())
}

fn from_of(name: &str) -> Option<u64> {
    let digits = name
        .strip_suffix(".checkpoint")
        .filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

fn name_of(from: Seq) -> String {
    format!("{:016x}.checkpoint", from.0)
}

#[cfg(test)]
mod tests;
