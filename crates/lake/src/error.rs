//! Why the lake did not do it.

use base::Kind;
use ports::StoreError;

/// Why the lake did not do it.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The folder or object store does not answer, or refuses.
    #[error("the lake cannot {action}: {source}")]
    Objects {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// The folder refuses.
    #[error("the lake cannot {action}: {source}")]
    Files {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The store of the manifest refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file is not what was written.
    #[error("the lake is damaged: {0}")]
    Corrupt(String),
    /// A file of Parquet cannot be written or read.
    #[error("the lake's file {path}: {source}")]
    Parquet {
        /// Which.
        path: String,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// What was asked for makes no sense; the text says what to do.
    #[error("{0}")]
    Invalid(String),
    /// It is not there.
    #[error("{0}")]
    NotFound(String),
    /// It is so already, or was changed in the meantime.
    #[error("{0}")]
    Conflict(String),
    /// A stated limit was reached.
    #[error("{0}")]
    Limit(String),
    /// A task of the lake ended by a panic.
    #[error("the lake's work was given up: {0}")]
    GivenUp(String),
}

impl LakeError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Objects { .. } | Self::Files { .. } => Kind::Unavailable,
            Self::Store(error) => error.kind(),
            Self::Corrupt(_) | Self::Parquet { .. } => Kind::Corrupt,
            Self::Invalid(_) => Kind::Invalid,
            Self::NotFound(_) => Kind::NotFound,
            Self::Conflict(_) => Kind::Conflict,
            Self::Limit(_) => Kind::Limit,
            Self::GivenUp(_) => Kind::Internal,
        }
    }
}
