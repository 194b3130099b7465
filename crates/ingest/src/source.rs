//! Where bytes come from: a file or memory, opened as often as an importer needs to pass over it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor, Read, Seek};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use crate::error::ImportError;

/// Bytes that one import may unpack from one file: some twenty times the largest feed of a country.
pub const UNPACKED_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// What is imported.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file on disk.
    File(PathBuf),
    /// Bytes in memory: an answer from the network, a test.
    Bytes {
        /// What complaints call it.
        name: String,
        /// The bytes.
        bytes: Arc<[u8]>,
    },
}

/// Bytes that can be read at any place.
pub(crate) trait Seekable: Read + Seek {}
impl<T: Read + Seek> Seekable for T {}

impl Source {
    /// A file on disk.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(path.into())
    }

    /// Bytes in memory under a name for complaints.
    pub fn bytes(name: &str, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes {
            name: name.to_owned(),
            bytes: bytes.into(),
        }
    }

    /// The last part of the path, or the given name.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path
                .file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy()
                .into_owned(),
            Self::Bytes { name, .. } => name.clone(),
        }
    }

    /// The name without its endings: what ids carry when the caller names no feed.
    pub(crate) fn stem(&self) -> String {
        let name = self.name();
        let stem = name
            .split('.')
            .find(|part| !part.is_empty())
            .unwrap_or("feed");
        stem.to_owned()
    }

    /// Opens it anew at its beginning; with its size in bytes.
    pub(crate) fn open(&self) -> Result<(Box<dyn Seekable>, u64), ImportError> {
        match self {
            Self::File(path) => {
                let unreadable = |reason| ImportError::Unreadable {
                    name: path.display().to_string(),
                    reason,
                };
                let file = File::open(path).map_err(unreadable)?;
                let meta = file.metadata().map_err(unreadable)?;
                if meta.is_dir() {
                    return Err(ImportError::broken(
                        &self.name(),
                        &"this is a folder, not a file",
                    ));
                }
                Ok((Box::new(file), meta.len()))
            }
            Self::Bytes { bytes, .. } => {
                let size = bytes.len() as u64;
                Ok((Box::new(Cursor::new(Arc::clone(bytes))), size))
            }
        }
    }

    /// Opens it as a stream; what is packed with gzip is unpacked.
    pub(crate) fn stream(&self) -> Result<Stream, ImportError> {
        let (raw, total) = self.open()?;
        let done = Rc::new(Cell::new(0));
        let counted = Counted {
            inner: raw,
            done: Rc::clone(&done),
        };
        let mut buffered = BufReader::with_capacity(64 * 1024, counted);
        let unreadable = |reason| ImportError::Unreadable {
            name: self.name(),
            reason,
        };
        let head = buffered.fill_buf().map_err(unreadable)?;
        let input: Box<dyn Read> = if head.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(buffered))
        } else {
            Box::new(buffered)
        };
        Ok(Stream {
            input,
            done,
            total,
            left: UNPACKED_BYTES_MAX,
        })
    }

    /// The whole content, unpacked; for formats that are small by nature.
    pub(crate) fn whole(&self, bytes_max: u64) -> Result<Vec<u8>, ImportError> {
        let mut bytes = Vec::new();
        let mut limited = self.stream()?.take(bytes_max + 1);
        limited
            .read_to_end(&mut bytes)
            .map_err(|reason| ImportError::broken(&self.name(), &reason))?;
        if bytes.len() as u64 > bytes_max {
            return Err(ImportError::too_large(
                &self.name(),
                format!("more than {bytes_max} bytes, which is too much for this format"),
            ));
        }
        Ok(bytes)
    }

    /// Reads a stream to its end once, so that a broken or endless archive is known before
    /// anything is handed on.
    pub(crate) fn check(&self) -> Result<(), ImportError> {
        io::copy(&mut self.stream()?, &mut io::sink())
            .map(|_bytes| ())
            .map_err(|reason| ImportError::broken(&self.name(), &reason))
    }
}

/// A bounded stream of content that knows how much of the file below it is read.
pub(crate) struct Stream {
    input: Box<dyn Read>,
    done: Rc<Cell<u64>>,
    /// Bytes of the file.
    pub(crate) total: u64,
    left: u64,
}

impl Stream {
    /// Bytes of the file read so far, shared with whoever shows progress.
    pub(crate) fn done(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.done)
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!("unpacks to more than {UNPACKED_BYTES_MAX} bytes"))
        })?;
        Ok(count)
    }
}

struct Counted {
    inner: Box<dyn Seekable>,
    done: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.done.set(self.done.get() + count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn gzip_is_unpacked_and_plain_text_is_left_alone() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"hello").unwrap();
        let packed = encoder.finish().unwrap();
        for bytes in [packed, b"hello".to_vec()] {
            assert_eq!(Source::bytes("f.gz", bytes).whole(10).unwrap(), b"hello");
        }
    }

    #[test]
    fn a_gzip_file_that_ends_too_early_is_broken() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[7; 10_000]).unwrap();
        let mut packed = encoder.finish().unwrap();
        packed.truncate(packed.len() - 9);
        assert!(matches!(
            Source::bytes("f.gz", packed).check(),
            Err(ImportError::Broken { .. })
        ));
    }

    #[test]
    fn more_than_a_format_may_have_is_refused() {
        let error = Source::bytes("f", vec![0; 11]).whole(10).unwrap_err();
        assert_eq!(error.kind(), base::Kind::Limit);
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let error = Source::file("/no/such/file").stream().err().unwrap();
        assert_eq!(error.kind(), base::Kind::NotFound);
    }

    #[test]
    fn the_feed_is_named_after_the_file() {
        assert_eq!(
            Source::file("/a/kaunas_2018.gtfs.zip").stem(),
            "kaunas_2018"
        );
        assert_eq!(Source::bytes("...", vec![]).stem(), "feed");
    }
}
