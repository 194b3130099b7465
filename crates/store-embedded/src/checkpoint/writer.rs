//! Writing a checkpoint: under a temporary name, synced, and put in place only when told to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Seq, Tenant, Time};

use super::{END_MAGIC, Entry, FORMAT, HEADER_BYTES, Kind, MAGIC, name_of};
use crate::error::Error;
use crate::files::{File, Files};

/// A checkpoint in the making.
#[derive(Debug)]
pub(crate) struct Writer {
    files: Arc<dyn Files>,
    dir: PathBuf,
    temporary: PathBuf,
    file: Box<dyn File>,
    offset: u64,
    entries: Vec<Entry>,
    tenants: Vec<Tenant>,
    from: Seq,
}

impl Writer {
    /// Begins a checkpoint that every change up to `from` is within.
    pub(crate) fn create(files: &Arc<dyn Files>, dir: &Path, from: Seq) -> Result<Self, Error> {
        files.create_dir(dir).map_err(Error::io("make", dir))?;
        let temporary = dir.join("checkpoint.new");
        let file = files
            .create(&temporary)
            .map_err(Error::io("make", &temporary))?;
        file.write_at(0, &header(from))
            .map_err(Error::io("write", &temporary))?;
        Ok(Self {
            files: Arc::clone(files),
            dir: dir.to_owned(),
            temporary,
            file,
            offset: HEADER_BYTES as u64,
            entries: Vec::new(),
            tenants: Vec::new(),
            from,
        })
    }

    /// The blocks that follow are this tenant's.
    pub(crate) fn tenant(&mut self, tenant: &Tenant) {
        self.tenants.push(tenant.clone());
    }

    /// Adds a block.
    pub(crate) fn block(&mut self, kind: Kind, items: u32, bytes: &[u8]) -> Result<(), Error> {
        let what = "the bytes of a block of a checkpoint";
        let length = u32::try_from(bytes.len()).map_err(|_large| Error::Limit {
            what,
            found: bytes.len(),
            max: u32::MAX as usize,
        })?;
        self.write(bytes)?;
        let tenant = u32::try_from(self.tenants.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let offset = self.offset - u64::from(length);
        self.entries.push(Entry {
            offset,
            length,
            crc: crc32c::crc32c(bytes),
            kind,
            tenant,
            items,
        });
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let path = &self.temporary;
        self.file
            .write_at(self.offset, bytes)
            .map_err(Error::io("write", path))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Ends the checkpoint, durable but not in place: no change after `until` is within.
    pub(crate) fn finish(mut self, until: Seq, time: Time) -> Result<Finished, Error> {
        let index = self.index(until, time);
        let mut trailer = Vec::with_capacity(24);
        trailer.extend_from_slice(&self.offset.to_le_bytes());
        trailer.extend_from_slice(&le_count(index.len()).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&index), &trailer);
        trailer.extend_from_slice(&crc.to_le_bytes());
        trailer.extend_from_slice(END_MAGIC);
        self.write(&index)?;
        self.write(&trailer)?;
        self.file
            .sync()
            .map_err(Error::io("sync", &self.temporary))?;
        let Self {
            files,
            dir,
            temporary,
            from,
            offset,
            ..
        } = self;
        Ok(Finished {
            files,
            dir,
            temporary,
            from,
            bytes: offset,
        })
    }

    fn index(&self, until: Seq, time: Time) -> Vec<u8> {
        let mut index = Vec::new();
        index.extend_from_slice(&le_count(self.entries.len()).to_le_bytes());
        for entry in &self.entries {
            index.extend_from_slice(&entry.offset.to_le_bytes());
            index.extend_from_slice(&entry.length.to_le_bytes());
            index.extend_from_slice(&entry.crc.to_le_bytes());
            index.push(entry.kind.byte());
            index.extend_from_slice(&entry.tenant.to_le_bytes());
            index.extend_from_slice(&entry.items.to_le_bytes());
        }
        index.extend_from_slice(&le_count(self.tenants.len()).to_le_bytes());
        for tenant in &self.tenants {
            index.push(u8::try_from(tenant.as_str().len()).unwrap_or(u8::MAX));
            index.extend_from_slice(tenant.as_str().as_bytes());
        }
        index.extend_from_slice(&until.0.to_le_bytes());
        index.extend_from_slice(&time.0.to_le_bytes());
        index
    }
}

/// A count that memory keeps far below 4,000 million.
fn le_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn header(from: Seq) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[16..24].copy_from_slice(&from.0.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// A checkpoint that is written and synced, waiting to be put in place.
#[derive(Debug)]
pub(crate) struct Finished {
    files: Arc<dyn Files>,
    dir: PathBuf,
    temporary: PathBuf,
    from: Seq,
    /// Its size in bytes.
    pub(crate) bytes: u64,
}

impl Finished {
    /// Puts it in place, durable.
    pub(crate) fn install(self) -> Result<PathBuf, Error> {
        let path = self.dir.join(name_of(self.from));
        self.files
            .rename(&self.temporary, &path)
            .map_err(Error::io("rename", &self.temporary))?;
        self.files
            .sync_dir(&self.dir)
            .map_err(Error::io("sync", &self.dir))?;
        Ok(path)
    }
}
