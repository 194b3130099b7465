//! What stands in the blocks of a checkpoint. All numbers are little-endian.
//!
//! ```text
//! dictionary  as the state writes it
//! entities    rows: {Seq u64, length u32, the entity as the state writes it}
//! docs        rows: {Seq u64, length u32, (kind length u32, kind, id length u32, id, JSON text)}
//! cursors     rows: {Seq u64, length u32, name}
//! ```

use std::sync::Arc;

use base::{Name, Seq};
use ports::Doc;

/// Bytes at which a block is full: large enough to be read in one piece, small enough that many
/// threads find work.
const BLOCK_BYTES: usize = 512 << 10;

/// A block of rows in the making.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: u32,
}

impl Rows {
    /// Adds a row.
    pub(crate) fn push(&mut self, seq: Seq, row: &[u8]) {
        self.begin(seq, row.len());
        self.bytes.extend_from_slice(row);
    }

    fn begin(&mut self, seq: Seq, length: usize) {
        let length = u32::try_from(length).expect("entities and docs are bounded far below 4 GiB");
        self.bytes.extend_from_slice(&seq.0.to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.items += 1;
    }

    /// Adds a doc.
    pub(crate) fn push_doc(&mut self, doc: &Doc) {
        let body = doc.body.to_string();
        self.begin(doc.seq, 8 + doc.kind.len() + doc.id.len() + body.len());
        for text in [&*doc.kind, &*doc.id] {
            let length = u32::try_from(text.len()).expect("names are bounded far below 4 GiB");
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self.bytes.extend_from_slice(body.as_bytes());
    }

    /// Whether it is time for another block.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }
}

/// The rows of a block; `None` once when the rest makes no sense.
fn rows(bytes: &[u8]) -> impl Iterator<Item = Option<(Seq, &[u8])>> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let found = split_row(bytes);
        rest = found.map(|(.., later)| later);
        Some(found.map(|(seq, row, _)| (seq, row)))
    })
}

fn split_row(bytes: &[u8]) -> Option<(Seq, &[u8], &[u8])> {
    let (seq, rest) = bytes.split_first_chunk()?;
    let (row, rest) = split_sized(rest)?;
    Some((Seq(u64::from_le_bytes(*seq)), row, rest))
}

fn split_sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// A block of entities.
#[derive(Debug)]
pub(crate) struct EntityBlock(pub(crate) Vec<u8>);

impl EntityBlock {
    /// The entities as the state wrote them; `None` once when the rest makes no sense.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Option<(Seq, &[u8])>> {
        rows(&self.0)
    }
}

/// A block of docs.
#[derive(Debug)]
pub(crate) struct DocBlock(pub(crate) Vec<u8>);

impl DocBlock {
    /// The docs; `None` where one makes no sense.
    pub(crate) fn docs(&self) -> impl Iterator<Item = Option<Doc>> {
        rows(&self.0).map(|row| {
            let (seq, row) = row?;
            let (kind, rest) = split_sized(row)?;
            let (id, body) = split_sized(rest)?;
            let name = |bytes| std::str::from_utf8(bytes).ok().map(Name::from);
            let body = Arc::new(serde_json::from_slice(body).ok()?);
            Some(Doc {
                kind: name(kind)?,
                id: name(id)?,
                body,
                seq,
            })
        })
    }
}

/// The block of cursors.
#[derive(Debug)]
pub(crate) struct CursorBlock(pub(crate) Vec<u8>);

impl CursorBlock {
    /// The cursors; `None` where one makes no sense.
    pub(crate) fn cursors(&self) -> impl Iterator<Item = Option<(Name, Seq)>> {
        rows(&self.0).map(|row| {
            let (seq, name) = row?;
            Some((Name::from(std::str::from_utf8(name).ok()?), seq))
        })
    }
}
