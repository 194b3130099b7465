//! The few file operations that the store is built on, so that tests can fail any of them.
//!
//! [`RealFiles`] is the file system; [`MemoryFiles`] is a file system in memory that loses what was
//! not synced when it is told to crash.

mod memory;
mod real;

use std::fmt;
use std::io;
use std::path::Path;

pub use memory::{Fault, MemoryFiles, Survival};
pub use real::RealFiles;

/// Whether a file's name ends with a dot and this.
pub(crate) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

/// A file system. All calls block; none is made on a thread that serves requests.
pub trait Files: fmt::Debug + Send + Sync + 'static {
    /// Makes a folder and those above it; an existing one is kept.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names of the files (not folders) in a folder, sorted; an absent folder has none.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a file, empty, replacing any of that name, and opens it for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading only.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Gives a file another name, replacing any of that name; durable after [`Files::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; durable after [`Files::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names of a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a file, making the file when absent, until the guard is dropped.
    /// Fails with [`io::ErrorKind::WouldBlock`] when another holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open_read(path)?;
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// Puts a whole file in place: a temporary name, sync, rename, sync of the folder.
    fn write_whole(&self, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = dir.join(format!("{name}.new"));
        let file = self.create(&temporary)?;
        file.write_at(0, bytes)?;
        file.sync()?;
        drop(file);
        self.rename(&temporary, &dir.join(name))?;
        self.sync_dir(dir)
    }
}

/// An open file, read and written at offsets.
#[expect(clippy::len_without_is_empty, reason = "a file is not a collection")]
pub trait File: fmt::Debug + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Fills `buf` from `offset`; [`io::ErrorKind::UnexpectedEof`] when the file is shorter.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, lengthening the file when needed.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts or lengthens (with zeros) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
}

/// An exclusive lock, held while this value lives.
pub trait Lock: fmt::Debug + Send + Sync {}
