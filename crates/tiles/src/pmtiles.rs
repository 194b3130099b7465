//! The PMTiles format, version 3, as it is written: one file of tiles that is read by ranges.

use std::io::{Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::mvt::varint;
use crate::tile::Tile;

/// The head and the root directory lie within so many bytes.
const FRONT_BYTES: usize = 16_384;
const HEADER_BYTES: usize = 127;
/// Entries of a leaf to begin with; doubled until the root directory fits.
const LEAF_ENTRIES: usize = 4_096;
/// Tiles up to this size, and so many of them, are written once however often they occur: open sea
/// and plain land.
const SAME_BYTES_MAX: usize = 512;
const SAME_MAX: usize = 65_536;

/// What the head says of the tiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    /// West, south, east, north in degrees.
    pub(crate) bounds: [f64; 4],
    pub(crate) min_zoom: u8,
    pub(crate) max_zoom: u8,
    pub(crate) center_zoom: u8,
}

/// A run of tiles with one content.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    run: u32,
    offset: u64,
    length: u32,
}

/// Writes tiles in the order of their numbers.
#[derive(Debug)]
pub(crate) struct Writer<'w, W> {
    out: &'w mut W,
    entries: Vec<Entry>,
    same: HashMap<Vec<u8>, (u64, u32), FixedState>,
    metadata_length: u64,
    data_length: u64,
    addressed: u64,
    contents: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) tiles: u64,
    pub(crate) bytes: u64,
}

impl<'w, W: Write + Seek> Writer<'w, W> {
    /// Begins a file at the beginning of `out`.
    pub(crate) fn new(out: &'w mut W, metadata: &[u8]) -> std::io::Result<Self> {
        let metadata = gzip(metadata)?;
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&[0; FRONT_BYTES])?;
        out.write_all(&metadata)?;
        Ok(Self {
            out,
            entries: Vec::new(),
            same: HashMap::default(),
            metadata_length: metadata.len() as u64,
            data_length: 0,
            addressed: 0,
            contents: 0,
        })
    }

    /// Adds a tile, which must come after the last one in the order of [`number`].
    pub(crate) fn add(&mut self, tile: Tile, bytes: &[u8]) -> std::io::Result<()> {
        let id = number(tile);
        let packed = gzip(bytes)?;
        let (offset, length) = self.place(packed)?;
        self.addressed += 1;
        if let Some(last) = self.entries.last_mut() {
            let next = last.id + u64::from(last.run);
            if id < next {
                return Err(std::io::Error::other("tiles out of order"));
            }
            if id == next && last.offset == offset {
                last.run += 1;
                return Ok(());
            }
        }
        self.entries.push(Entry {
            id,
            run: 1,
            offset,
            length,
        });
        Ok(())
    }

    /// Writes a content unless it is there already.
    fn place(&mut self, packed: Vec<u8>) -> std::io::Result<(u64, u32)> {
        if let Some(known) = self.same.get(&packed) {
            return Ok(*known);
        }
        let length = u32::try_from(packed.len()).map_err(std::io::Error::other)?;
        let place = (self.data_length, length);
        self.out.write_all(&packed)?;
        self.data_length += u64::from(length);
        self.contents += 1;
        if packed.len() <= SAME_BYTES_MAX && self.same.len() < SAME_MAX {
            self.same.insert(packed, place);
        }
        Ok(place)
    }

    /// Ends the file: leaf directories behind the tiles, then the front.
    pub(crate) fn finish(self, about: &About) -> std::io::Result<Written> {
        let (root, leaves) = directories(&self.entries)?;
        self.out.write_all(&leaves)?;
        let data_offset = FRONT_BYTES as u64 + self.metadata_length;
        let leaf_offset = data_offset + self.data_length;
        let mut front = b"PMTiles\x03".to_vec();
        for number in [
            HEADER_BYTES as u64,
            root.len() as u64,
            FRONT_BYTES as u64,
            self.metadata_length,
            leaf_offset,
            leaves.len() as u64,
            data_offset,
            self.data_length,
            self.addressed,
            self.entries.len() as u64,
            self.contents,
        ] {
            front.extend_from_slice(&number.to_le_bytes());
        }
        // Clustered; directories and tiles packed with gzip; Mapbox Vector Tiles.
        front.extend_from_slice(&[1, 2, 2, 1, about.min_zoom, about.max_zoom]);
        let [west, south, east, north] = about.bounds;
        for degrees in [west, south, east, north] {
            front.extend_from_slice(&fixed(degrees));
        }
        front.push(about.center_zoom);
        front.extend_from_slice(&fixed(f64::midpoint(west, east)));
        front.extend_from_slice(&fixed(f64::midpoint(south, north)));
        front.extend_from_slice(&root);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&front)?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(Written {
            tiles: self.addressed,
            bytes: leaf_offset + leaves.len() as u64,
        })
    }
}

/// Degrees as ten-millionths.
#[expect(
    clippy::cast_possible_truncation,
    reason = "180 degrees are 1.8e9 ten-millionths"
)]
fn fixed(degrees: f64) -> [u8; 4] {
    ((degrees.clamp(-180.0, 180.0) * 1e7).round() as i32).to_le_bytes()
}

/// The root directory, and the leaves where it cannot hold all entries.
fn directories(entries: &[Entry]) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let root = directory(entries)?;
    let space = FRONT_BYTES - HEADER_BYTES;
    if root.len() <= space {
        return Ok((root, Vec::new()));
    }
    let mut size = LEAF_ENTRIES;
    loop {
        let mut leaves = Vec::new();
        let mut pointers = Vec::new();
        for chunk in entries.chunks(size) {
            let leaf = directory(chunk)?;
            pointers.push(Entry {
                id: chunk.first().map_or(0, |entry| entry.id),
                run: 0,
                offset: leaves.len() as u64,
                length: u32::try_from(leaf.len()).map_err(std::io::Error::other)?,
            });
            leaves.extend_from_slice(&leaf);
        }
        let root = directory(&pointers)?;
        if root.len() <= space {
            return Ok((root, leaves));
        }
        size *= 2;
    }
}

/// Entries column by column, each as far from the last as it is, packed.
fn directory(entries: &[Entry]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(entries.len() * 5);
    varint(&mut bytes, entries.len() as u64);
    let mut last = 0;
    for entry in entries {
        varint(&mut bytes, entry.id - last);
        last = entry.id;
    }
    for entry in entries {
        varint(&mut bytes, u64::from(entry.run));
    }
    for entry in entries {
        varint(&mut bytes, u64::from(entry.length));
    }
    let mut next = None;
    for entry in entries {
        let follows = next == Some(entry.offset);
        varint(&mut bytes, if follows { 0 } else { entry.offset + 1 });
        next = Some(entry.offset + u64::from(entry.length));
    }
    gzip(&bytes)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::new(6));
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The number of a tile: zoom by zoom, along the curve of Hilbert within each.
pub(crate) fn number(tile: Tile) -> u64 {
    let before = ((1_u64 << (2 * tile.z())) - 1) / 3;
    let (mut x, mut y) = (u64::from(tile.x()), u64::from(tile.y()));
    let mut along = 0;
    for bit in (0..tile.z()).rev() {
        let side = 1_u64 << bit;
        let (east, south) = ((x >> bit) & 1, (y >> bit) & 1);
        along += side * side * ((3 * east) ^ south);
        x &= side - 1;
        y &= side - 1;
        if south == 0 {
            if east == 1 {
                x = side - 1 - x;
                y = side - 1 - y;
            }
            std::mem::swap(&mut x, &mut y);
        }
    }
    before + along
}

#[cfg(test)]
pub(crate) mod tests;
