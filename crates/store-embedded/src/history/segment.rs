//! Segments: immutable files of rows, ordered by owner, series and moment.
//!
//! Layout: `CHISTOR` and the format byte 1; blocks of about 8 KiB, each with its CRC-32C (`u32`,
//! little-endian) behind it; the [footer](super::footer). A block is chunks: owner (what it shares
//! with the one before in the block, the rest), name, dataset, bytes of the [`super::chunk`].
//! The file is called `<from>-<to>.history` after the changes it covers; one that lies within the
//! range of another was merged into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Seq;
use parking_lot::Mutex;

use super::bytes::{Input, put, put_after, put_bytes};
use super::chunk;
use super::footer::{Block, CRC, Footer, HEADER, TRAILER};
use super::grave::Grave;
use super::names::Names;
use super::row::{Row, RowValue, SeriesKey};
use crate::Error;
use crate::files::{File, Files};

/// Bytes of a block, rows of a chunk, bytes written at a time.
const BLOCK: usize = 8 * 1024;
const CHUNK_ROWS: u64 = 1_024;
const WRITE: usize = 1024 * 1024;

/// The ends of the names of segments, and of files being written.
pub(super) const SUFFIX: &str = ".history";
pub(super) const UNFINISHED: &str = ".new";

/// The name of the segment that covers these changes.
pub(super) fn file_name(from: Seq, to: Seq) -> String {
    format!("{:020}-{:020}{SUFFIX}", from.0, to.0)
}

/// The range in the name of a segment.
pub(super) fn range_of(name: &str) -> Option<(Seq, Seq)> {
    let (from, to) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((Seq(from.parse().ok()?), Seq(to.parse().ok()?)))
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) from: Seq,
    pub(super) to: Seq,
    pub(super) bytes: u64,
    /// Whether its rows were given away; its names and notes are still here.
    pub(super) hollow: bool,
    file: Box<dyn File>,
    blocks: Vec<Block>,
    graves: BTreeMap<Vec<u8>, Vec<Grave>>,
    /// The block read last: the series of an entity mostly lie together.
    recent: Mutex<Option<(usize, Arc<[u8]>)>>,
}

/// A chunk within a block.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    pub(super) series: SeriesKey,
    pub(super) rows: &'a [u8],
}

impl Segment {
    /// Opens a segment and gives what it says of itself, its index and graves taken out.
    pub(super) fn open(
        files: &dyn Files,
        path: &Path,
        names: &mut Names,
    ) -> Result<(Self, Footer), Error> {
        let file = files.open_read(path).map_err(Error::io("open", path))?;
        let bytes = file.len().map_err(Error::io("read", path))?;
        let (footer, offset) = read_footer(&*file, path)?;
        let damaged = || Error::corrupt(path, offset, "its footer cannot be read");
        Footer::learn(&footer, names).ok_or_else(damaged)?;
        let mut footer = Footer::decode(&footer, names).ok_or_else(damaged)?;
        let segment = Self {
            path: path.to_owned(),
            from: footer.from,
            to: footer.to,
            bytes,
            hollow: footer.hollow,
            file,
            blocks: std::mem::take(&mut footer.blocks),
            graves: std::mem::take(&mut footer.graves),
            recent: Mutex::new(None),
        };
        Ok((segment, footer))
    }

    /// All that was taken out, by owner.
    pub(super) fn all_graves(&self) -> impl Iterator<Item = (&[u8], &[Grave])> {
        let all = self.graves.iter();
        all.map(|(owner, graves)| (owner.as_slice(), graves.as_slice()))
    }

    /// What was taken out of an entity's history.
    pub(super) fn graves(&self, owner: &[u8]) -> &[Grave] {
        self.graves.get(owner).map_or(&[], Vec::as_slice)
    }

    /// Reads the footer again: names and notes are not kept. `names` has its texts already.
    pub(super) fn footer(&self, names: &Names) -> Result<Footer, Error> {
        let (footer, offset) = read_footer(&*self.file, &self.path)?;
        let footer = Footer::decode(&footer, names);
        footer.ok_or_else(|| Error::corrupt(&self.path, offset, "its footer cannot be read"))
    }

    /// How many blocks there are.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The blocks that may hold rows of a series between two moments.
    pub(super) fn range(
        &self,
        owner: &[u8],
        series: SeriesKey,
        from: i64,
        until: i64,
    ) -> std::ops::Range<usize> {
        let key = |b: &Block, moment| (&*b.owner, b.series, b.moment) < (owner, series, moment);
        let start = self
            .blocks
            .partition_point(|b| key(b, from))
            .saturating_sub(1);
        let end = self.blocks.partition_point(|b| {
            key(b, until) || (&*b.owner, b.series, b.moment) == (owner, series, until)
        });
        start..end
    }

    /// The blocks that may hold rows of an entity.
    pub(super) fn of_owner(&self, owner: &[u8]) -> std::ops::Range<usize> {
        let start = self.blocks.partition_point(|block| &*block.owner < owner);
        let end = self.blocks.partition_point(|block| &*block.owner <= owner);
        start.saturating_sub(1)..end
    }

    /// The series of an entity, in order. Reads a block or two for each, however long it is.
    pub(super) fn series(&self, owner: &[u8]) -> Result<Vec<SeriesKey>, Error> {
        let mut found: Vec<SeriesKey> = Vec::new();
        let mut place = self.range(owner, SeriesKey::MIN, i64::MIN, i64::MIN).start;
        while let Some(block) = self.blocks.get(place) {
            if &*block.owner > owner {
                break;
            }
            let bytes = self.block(place)?;
            self.chunks(place, &bytes, |chunk_owner, chunk| {
                if chunk_owner == owner && found.last() != Some(&chunk.series) {
                    found.push(chunk.series);
                }
                Ok(chunk_owner <= owner)
            })?;
            let last = found.last().copied().unwrap_or(SeriesKey::MIN);
            let skip = self
                .range(owner, last, i64::MAX, i64::MAX)
                .end
                .saturating_sub(1);
            place = skip.max(place + 1);
        }
        Ok(found)
    }

    /// The bytes of a block, without its CRC.
    pub(super) fn block(&self, place: usize) -> Result<Arc<[u8]>, Error> {
        if let Some((recent, bytes)) = &*self.recent.lock()
            && *recent == place
        {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = self.read_block(place)?.into();
        *self.recent.lock() = Some((place, Arc::clone(&bytes)));
        Ok(bytes)
    }

    /// Reads a block past the one kept.
    pub(super) fn read_block(&self, place: usize) -> Result<Vec<u8>, Error> {
        let missing = || Error::corrupt(&self.path, self.bytes, "a block is missing");
        let block = self.blocks.get(place).ok_or_else(missing)?;
        let fits = block
            .offset
            .checked_add((block.len + CRC) as u64)
            .is_some_and(|end| end <= self.bytes);
        if !fits {
            return Err(Error::corrupt(
                &self.path,
                block.offset,
                "a block is cut off",
            ));
        }
        let mut bytes = vec![0; block.len + CRC];
        self.file
            .read_at(block.offset, &mut bytes)
            .map_err(Error::io("read", &self.path))?;
        let crc = bytes.split_off(block.len);
        if crc32c::crc32c(&bytes).to_le_bytes() != *crc {
            let what = "the checksum of a block is wrong";
            return Err(Error::corrupt(&self.path, block.offset, what));
        }
        Ok(bytes)
    }

    /// Shows each chunk of a block with its owner, in order, while `each` wants more.
    pub(super) fn chunks<'a>(
        &self,
        place: usize,
        bytes: &'a [u8],
        mut each: impl FnMut(&[u8], Chunk<'a>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut input = Input(bytes);
        let mut owner = Vec::new();
        while !input.is_empty() {
            let chunk = next_chunk(&mut input, &mut owner).ok_or_else(|| self.damaged(place))?;
            if !each(&owner, chunk)? {
                break;
            }
        }
        Ok(())
    }

    /// A block whose checksum is right says what no writer writes.
    pub(super) fn damaged(&self, place: usize) -> Error {
        let offset = self.blocks.get(place).map_or(0, |block| block.offset);
        Error::corrupt(&self.path, offset, "a block cannot be read")
    }
}

/// The bytes of the footer of a segment, and where they begin.
fn read_footer(file: &dyn File, path: &Path) -> Result<(Vec<u8>, u64), Error> {
    let damaged = |at, what: &str| Error::corrupt(path, at, what);
    let bytes = file.len().map_err(Error::io("read", path))?;
    let mut header = [0; HEADER.len()];
    let mut trailer = [0; TRAILER];
    let end = bytes
        .checked_sub(TRAILER as u64)
        .ok_or_else(|| damaged(0, "it is too short"))?;
    file.read_at(0, &mut header)
        .map_err(Error::io("read", path))?;
    file.read_at(end, &mut trailer)
        .map_err(Error::io("read", path))?;
    if header != *HEADER {
        return Err(damaged(0, "it does not begin as a segment of history does"));
    }
    let place = Footer::place(&trailer).filter(|(offset, len, _)| {
        offset
            .checked_add(*len as u64)
            .is_some_and(|footer_end| footer_end == end)
    });
    let (offset, len, crc) = place.ok_or_else(|| damaged(end, "its trailer is wrong"))?;
    let mut footer = vec![0; len];
    file.read_at(offset, &mut footer)
        .map_err(Error::io("read", path))?;
    if crc32c::crc32c(&footer) != crc {
        return Err(damaged(offset, "the checksum of its footer is wrong"));
    }
    Ok((footer, offset))
}

/// Reads the next chunk of a block; `owner` becomes its owner.
pub(super) fn next_chunk<'a>(input: &mut Input<'a>, owner: &mut Vec<u8>) -> Option<Chunk<'a>> {
    input.after(owner)?;
    let series = SeriesKey {
        name: input.small()?,
        dataset: input.small()?,
    };
    Some(Chunk {
        series,
        rows: input.bytes()?,
    })
}

/// Writes a segment.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    temporary: PathBuf,
    file: Box<dyn File>,
    written: u64,
    buffer: Vec<u8>,
    block: Vec<u8>,
    block_owner: Vec<u8>,
    chunk: chunk::Writer,
    /// Owner, series and first moment of the chunk.
    owner: Vec<u8>,
    series: SeriesKey,
    moment: i64,
    footer: Footer,
}

impl<'a> Builder<'a> {
    /// Starts the file of the segment that covers these changes, under a temporary name.
    pub(super) fn new(files: &'a dyn Files, dir: &'a Path, footer: Footer) -> Result<Self, Error> {
        let temporary = dir.join(file_name(footer.from, footer.to) + UNFINISHED);
        let file = files
            .create(&temporary)
            .map_err(Error::io("create", &temporary))?;
        Ok(Self {
            files,
            dir,
            temporary,
            file,
            written: 0,
            buffer: HEADER.to_vec(),
            block: Vec::with_capacity(BLOCK * 2),
            block_owner: Vec::new(),
            chunk: chunk::Writer::default(),
            owner: Vec::new(),
            series: SeriesKey::MIN,
            moment: 0,
            footer,
        })
    }

    /// Appends a row; rows come by owner, series and moment.
    pub(super) fn push(&mut self, owner: &[u8], series: SeriesKey, row: &Row) -> Result<(), Error> {
        if matches!(row.value, RowValue::Whole(_) | RowValue::Rolled(_)) {
            let what = "a row of the archive is not written to a segment again";
            return Err(Error::Invalid(what.to_owned()));
        }
        let is_same_owner = self.owner == owner;
        let is_next = self.chunk.count == 0 || self.series != series || !is_same_owner;
        let is_full = self.chunk.count >= CHUNK_ROWS || self.chunk.bytes.len() >= BLOCK;
        if is_next || is_full {
            self.end_chunk()?;
            self.chunk.start(is_same_owner && !self.block.is_empty());
            self.owner.clear();
            self.owner.extend_from_slice(owner);
            (self.series, self.moment) = (series, row.moment);
        }
        self.chunk.push(row);
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), Error> {
        if self.chunk.count == 0 {
            return Ok(());
        }
        if self.block.is_empty() {
            self.footer.blocks.push(Block {
                owner: self.owner.as_slice().into(),
                series: self.series,
                moment: self.moment,
                offset: 0,
                len: 0,
            });
            self.block_owner.clear();
        }
        put_after(&mut self.block, &self.block_owner, &self.owner);
        put(&mut self.block, self.series.name.into());
        put(&mut self.block, self.series.dataset.into());
        put_bytes(&mut self.block, &self.chunk.bytes);
        self.block_owner.clone_from(&self.owner);
        self.chunk.start(true);
        if self.block.len() >= BLOCK {
            self.end_block()
        } else {
            Ok(())
        }
    }

    fn end_block(&mut self) -> Result<(), Error> {
        if self.block.is_empty() {
            return Ok(());
        }
        if let Some(block) = self.footer.blocks.last_mut() {
            block.offset = self.written + self.buffer.len() as u64;
            block.len = self.block.len();
        }
        self.buffer.extend_from_slice(&self.block);
        self.buffer
            .extend(crc32c::crc32c(&self.block).to_le_bytes());
        self.block.clear();
        if self.buffer.len() >= WRITE {
            self.write()
        } else {
            Ok(())
        }
    }

    fn write(&mut self) -> Result<(), Error> {
        let done = self.file.write_at(self.written, &self.buffer);
        done.map_err(|source| failed("write", &self.temporary, source))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Puts the file in place, durable, and opens it.
    pub(super) fn finish(mut self, names: &Names) -> Result<Segment, Error> {
        self.end_chunk()?;
        self.end_block()?;
        let offset = self.written + self.buffer.len() as u64;
        let footer = self.footer.encode(offset, names);
        self.buffer.extend_from_slice(&footer);
        self.write()?;
        self.file
            .sync()
            .map_err(|source| failed("sync", &self.temporary, source))?;
        let path = self.dir.join(file_name(self.footer.from, self.footer.to));
        self.files
            .rename(&self.temporary, &path)
            .map_err(Error::io("rename", &path))?;
        self.files
            .sync_dir(self.dir)
            .map_err(Error::io("sync", self.dir))?;
        Ok(Segment {
            path,
            from: self.footer.from,
            to: self.footer.to,
            bytes: self.written,
            hollow: self.footer.hollow,
            file: self.file,
            blocks: self.footer.blocks,
            graves: self.footer.graves,
            recent: Mutex::new(None),
        })
    }
}

fn failed(doing: &'static str, path: &Path, source: std::io::Error) -> Error {
    if source.kind() == std::io::ErrorKind::StorageFull {
        return Error::Full {
            path: path.to_owned(),
        };
    }
    Error::io(doing, path)(source)
}
