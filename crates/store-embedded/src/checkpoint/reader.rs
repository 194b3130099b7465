//! Reading a checkpoint: its index first, then any block from any thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Seq, Tenant, Time};

use super::{END_MAGIC, Entry, FORMAT, HEADER_BYTES, Kind, MAGIC, TRAILER_BYTES};
use crate::error::Error;
use crate::files::{File, Files};

/// A checkpoint, open for reading; its index is checked, its blocks are not yet.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    file: Arc<dyn File>,
    path: PathBuf,
    /// Every change up to this one is within.
    pub(crate) from: Seq,
    /// No change after this one is within.
    pub(crate) until: Seq,
    /// When `until` was committed.
    pub(crate) time: Time,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) tenants: Vec<Tenant>,
}

impl Checkpoint {
    /// Opens a checkpoint and reads its index.
    pub(crate) fn open(files: &dyn Files, path: &Path) -> Result<Self, Error> {
        let file: Arc<dyn File> = files
            .open_read(path)
            .map_err(Error::io("open", path))?
            .into();
        let bytes = file.len().map_err(Error::io("measure", path))?;
        let small = (HEADER_BYTES + TRAILER_BYTES) as u64;
        let index_end = bytes
            .checked_sub(TRAILER_BYTES as u64)
            .filter(|_| bytes >= small);
        let index_end =
            index_end.ok_or_else(|| Error::corrupt(path, 0, "it is shorter than its head"))?;
        let from = read_header(&*file, path)?;
        let (offset, index) = read_index(&*file, path, index_end)?;
        let parsed = parse_index(&index);
        let (entries, tenants, until, time) =
            parsed.ok_or_else(|| Error::corrupt(path, offset, "the index makes no sense"))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            from,
            until,
            time,
            bytes,
            entries,
            tenants,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a block, checked.
    pub(crate) fn block(&self, entry: &Entry) -> Result<Vec<u8>, Error> {
        let fits = entry
            .offset
            .checked_add(u64::from(entry.length))
            .is_some_and(|e| e <= self.bytes);
        if !fits {
            return Err(Error::corrupt(
                &self.path,
                entry.offset,
                "a block is behind the end",
            ));
        }
        let mut bytes = vec![0; entry.length as usize];
        self.file
            .read_at(entry.offset, &mut bytes)
            .map_err(Error::io("read", &self.path))?;
        if crc32c::crc32c(&bytes) != entry.crc {
            return Err(Error::corrupt(
                &self.path,
                entry.offset,
                "the checksum of a block is wrong",
            ));
        }
        Ok(bytes)
    }

    /// Damage in a block.
    pub(crate) fn damaged(&self, entry: &Entry) -> Error {
        Error::corrupt(&self.path, entry.offset, "a block makes no sense")
    }
}

fn read_header(file: &dyn File, path: &Path) -> Result<Seq, Error> {
    let mut bytes = [0; HEADER_BYTES];
    file.read_at(0, &mut bytes)
        .map_err(Error::io("read", path))?;
    let mut input = Input(&bytes);
    let (magic, format, crc) = (input.array::<8>(), input.u32(), input.u32());
    let is_whole = crc
        == Some(crc32c::crc32c_append(
            crc32c::crc32c(&bytes[..12]),
            &bytes[16..],
        ));
    match (magic, format, input.u64()) {
        (Some(magic), Some(FORMAT), Some(from)) if &magic == MAGIC && is_whole => Ok(Seq(from)),
        (Some(magic), Some(format), _) if &magic == MAGIC && is_whole => {
            let found = format!("checkpoint {format}");
            Err(Error::Format {
                path: path.to_owned(),
                found,
                known: "checkpoint 1",
            })
        }
        _ => Err(Error::corrupt(
            path,
            0,
            "the head of the checkpoint is damaged",
        )),
    }
}

fn read_index(file: &dyn File, path: &Path, end: u64) -> Result<(u64, Vec<u8>), Error> {
    let mut trailer = [0; TRAILER_BYTES];
    file.read_at(end, &mut trailer)
        .map_err(Error::io("read", path))?;
    let mut input = Input(&trailer);
    let damaged = || Error::corrupt(path, end, "the end of the checkpoint is damaged");
    let (offset, length, crc) = (
        input.u64().ok_or_else(damaged)?,
        input.u32().ok_or_else(damaged)?,
        input.u32(),
    );
    let is_ours = input.array::<8>().is_some_and(|magic| &magic == END_MAGIC);
    if !is_ours || offset.checked_add(u64::from(length)) != Some(end) {
        return Err(damaged());
    }
    let mut index = vec![0; length as usize];
    file.read_at(offset, &mut index)
        .map_err(Error::io("read", path))?;
    if crc
        != Some(crc32c::crc32c_append(
            crc32c::crc32c(&index),
            &trailer[..12],
        ))
    {
        return Err(Error::corrupt(
            path,
            offset,
            "the checksum of the index is wrong",
        ));
    }
    Ok((offset, index))
}

type Index = (Vec<Entry>, Vec<Tenant>, Seq, Time);

fn parse_index(index: &[u8]) -> Option<Index> {
    let mut input = Input(index);
    let mut entries = Vec::new();
    for _ in 0..input.u32()? {
        entries.push(Entry {
            offset: input.u64()?,
            length: input.u32()?,
            crc: input.u32()?,
            kind: Kind::from_byte(input.u8()?)?,
            tenant: input.u32()?,
            items: input.u32()?,
        });
    }
    let mut tenants = Vec::new();
    for _ in 0..input.u32()? {
        let length = usize::from(input.u8()?);
        let name = std::str::from_utf8(input.take(length)?).ok()?;
        tenants.push(Tenant::new(name).ok()?);
    }
    let (until, time) = (Seq(input.u64()?), Time(input.u64()?.cast_signed()));
    input
        .0
        .is_empty()
        .then_some((entries, tenants, until, time))
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
