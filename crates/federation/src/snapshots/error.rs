//! Why there is no snapshot.

use base::{Kind, Name};
use broker::BrokerError;
use ports::StoreError;

/// Why a snapshot cannot be had, made or used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SnapshotError {
    /// None of that id, or none any more.
    #[error("there is no snapshot '{id}' here")]
    Unknown {
        /// What was asked for.
        id: Name,
    },
    /// There is one of that id.
    #[error("the snapshot '{id}' is already there")]
    Exists {
        /// The id.
        id: Name,
    },
    /// It is still being made.
    #[error("the snapshot '{id}' is still being prepared: ask for its snapshotStatus")]
    Preparing {
        /// The id.
        id: Name,
    },
    /// There is room for no more.
    #[error("a node has at most {max} snapshots: delete one, or give this one a higher priority")]
    Full {
        /// How many there may be.
        max: usize,
    },
    /// What is said of it is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A question cannot be answered.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl SnapshotError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } => Kind::NotFound,
            Self::Exists { .. } | Self::Preparing { .. } => Kind::Conflict,
            Self::Full { .. } => Kind::Limit,
            Self::Invalid(_) => Kind::Invalid,
            Self::Store(error) => error.kind(),
            Self::Broker(error) => error.kind(),
        }
    }
}
