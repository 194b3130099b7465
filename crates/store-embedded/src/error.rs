//! What can go wrong in the embedded store.

use std::io;
use std::path::{Path, PathBuf};

use base::{Kind, Name, Seq};

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::error_impl_error, reason = "it is the one error of the crate")]
pub enum Error {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No room is left on the disk; nothing was written, and writing may go on once there is room.
    #[error("no room is left on the disk of {}", path.display())]
    Full {
        /// The file that should have grown.
        path: PathBuf,
    },
    /// A file does not hold what was written to it.
    #[error("{} is damaged at byte {offset}: {what}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where the damage begins, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A write to the log failed before: nothing may be acknowledged until the node has restarted.
    #[error("the log is poisoned: an earlier write failed; the node must be restarted")]
    Poisoned,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// The folder is in use.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The folder was written by a version that this one does not know.
    #[error("{} holds format '{found}', and this version reads '{known}' only", path.display())]
    Format {
        /// The file that says the format.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The format this version writes.
        known: &'static str,
    },
    /// History is elsewhere.
    #[error("history up to change {0} was handed over to a lake that this node does not have open")]
    Given(Seq),
    /// The archive of history refused.
    #[error(transparent)]
    Archive(#[from] ports::StoreError),
    /// Changes so old are not kept.
    #[error("changes up to {0} are no longer kept")]
    Trimmed(Seq),
    /// An entity in memory cannot be read.
    #[error("the state of '{0}' cannot be read")]
    Damaged(Name),
    /// The log changes an entity that is not there.
    #[error("change {seq} patches '{id}', which is not there")]
    Orphan {
        /// The entity.
        id: Name,
        /// The change.
        seq: Seq,
    },
    /// A stated limit was reached.
    #[error("{what}: {found} is more than {max}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// What was asked for.
        found: usize,
        /// What is allowed.
        max: usize,
    },
    /// The request makes no sense for what is on disk.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Io { .. } => Kind::Internal,
            Self::Full { .. } | Self::Poisoned | Self::Closed | Self::InUse(_) | Self::Given(_) => {
                Kind::Unavailable
            }
            Self::Archive(error) => error.kind(),
            Self::Corrupt { .. } | Self::Damaged(_) | Self::Orphan { .. } => Kind::Corrupt,
            Self::Format { .. } => Kind::Unsupported,
            Self::Trimmed(_) => Kind::NotFound,
            Self::Limit { .. } => Kind::Limit,
            Self::Invalid(_) => Kind::Invalid,
        }
    }

    /// Wraps what the system said: `file.sync().map_err(Error::io("sync", path))`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Damage in a file.
    pub(crate) fn corrupt(file: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt {
            file: file.to_owned(),
            offset,
            what: what.into(),
        }
    }
}
