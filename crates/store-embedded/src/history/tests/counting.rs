//! Files that count the bytes read from them.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::files::{File, Files, Lock, MemoryFiles};

/// Counts bytes read.
#[derive(Debug)]
pub(super) struct Counting(pub(super) MemoryFiles, pub(super) Arc<AtomicU64>);

#[derive(Debug)]
struct CountingFile(Box<dyn File>, Arc<AtomicU64>);

impl Files for Counting {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(CountingFile(
            self.0.create(path)?,
            Arc::clone(&self.1),
        )))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.open(path)
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(CountingFile(
            self.0.open_read(path)?,
            Arc::clone(&self.1),
        )))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.lock(path)
    }
}

impl File for CountingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.0.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}
