//! The folder of a store: whose it is, and of which version.
//!
//! ```text
//! DIR/format                    "chorsu store 1\n"
//! DIR/lock                      empty; locked by the process that has the store open
//! DIR/log/*.log                 the log
//! DIR/checkpoints/*.checkpoint  the last two checkpoints
//! DIR/history/*                 sealed history
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::files::{Files, Lock, has_extension};

const FORMAT: &str = "chorsu store 1";

/// A store's folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) dir: PathBuf,
}

impl Folder {
    /// The folder, untouched.
    pub(crate) fn new(files: Arc<dyn Files>, dir: &Path) -> Self {
        Self {
            files,
            dir: dir.to_owned(),
        }
    }

    /// Makes the folder if need be and takes it for this process.
    pub(crate) fn lock(&self) -> Result<Box<dyn Lock>, Error> {
        self.files
            .create_dir(&self.dir)
            .map_err(Error::io("make", &self.dir))?;
        let path = self.dir.join("lock");
        self.files.lock(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::InUse(self.dir.clone()),
            _ => Error::io("lock", &path)(error),
        })
    }

    /// Checks that this version can read the folder; a folder without a log becomes a store.
    pub(crate) fn check_format_or_begin(&self) -> Result<(), Error> {
        if self.is_store()? {
            return self.check_format();
        }
        self.write_format()
    }

    /// Makes the folder a store of this version.
    pub(crate) fn write_format(&self) -> Result<(), Error> {
        let text = format!("{FORMAT}\n");
        let written = self.files.write_whole(&self.dir, "format", text.as_bytes());
        written.map_err(Error::io("write", &self.dir.join("format")))
    }

    /// Refuses a folder that holds a store already.
    pub(crate) fn check_is_no_store(&self) -> Result<(), Error> {
        if self.is_store()? {
            let what = format!(
                "{} holds a store already: name an empty folder",
                self.dir.display()
            );
            return Err(Error::Invalid(what));
        }
        self.files
            .create_dir(&self.dir)
            .map_err(Error::io("make", &self.dir))
    }

    fn is_store(&self) -> Result<bool, Error> {
        let has = |dir: &Path, what: &dyn Fn(&String) -> bool| {
            let names = self.files.list(dir).map_err(Error::io("list", dir))?;
            Ok::<_, Error>(names.iter().any(what))
        };
        Ok(has(&self.dir, &|name| name == "format")?
            || has(&self.log(), &|name| has_extension(name, "log"))?
            || has(&self.checkpoints(), &|name| {
                has_extension(name, "checkpoint")
            })?)
    }

    /// Checks that this is a store that this version can read.
    pub(crate) fn check_format(&self) -> Result<(), Error> {
        let path = self.dir.join("format");
        let found = match self.files.read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes)
                .trim()
                .chars()
                .take(64)
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        if found == FORMAT {
            return Ok(());
        }
        Err(Error::Format {
            path,
            found,
            known: FORMAT,
        })
    }
}
