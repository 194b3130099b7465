//! Why a table or a batch of records was refused.

use base::{Kind, Tenant};
use ports::StoreError;

use crate::LakeError;

/// Why a table or a batch of records was refused. Nothing of what was refused is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// What was sent is wrong as a whole; the text says what to do.
    #[error("{0}")]
    Invalid(String),
    /// A value is wrong.
    #[error("row {row}, column '{column}': {reason}; nothing of the batch was kept")]
    Cell {
        /// Which row of the batch, from 1.
        row: u64,
        /// Which column.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A row is wrong.
    #[error("row {row}: {reason}; nothing of the batch was kept")]
    Row {
        /// Which row of the batch, from 1.
        row: u64,
        /// What is wrong.
        reason: String,
    },
    /// There is no such table.
    #[error(
        "there is no table '{name}' of records in the tenant '{tenant}': declare it with PUT /records/{name}"
    )]
    TableUnknown {
        /// Whose world.
        tenant: Tenant,
        /// Its name.
        name: String,
    },
    /// There is no such batch.
    #[error("no batch '{0}' is remembered: it never came, or long ago")]
    BatchUnknown(String),
    /// It stands in the way of what is there.
    #[error("{0}")]
    Conflict(String),
    /// A stated limit was reached.
    #[error("{0}")]
    Limit(String),
    /// The body is larger than a batch may be.
    #[error("a batch has at most {0} MiB: send it in parts")]
    TooLarge(u64),
    /// Not now.
    #[error("{0}")]
    Busy(String),
    /// The body broke off or came too slowly.
    #[error("{0}")]
    BrokenOff(String),
    /// The lake could not do it.
    #[error("{reason}")]
    Lake {
        /// What the caller can do.
        kind: Kind,
        /// Why.
        reason: String,
    },
}

impl RecordError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) | Self::Cell { .. } | Self::Row { .. } | Self::BrokenOff(_) => {
                Kind::Invalid
            }
            Self::TableUnknown { .. } | Self::BatchUnknown(_) => Kind::NotFound,
            Self::Conflict(_) => Kind::Conflict,
            Self::Limit(_) | Self::TooLarge(_) => Kind::Limit,
            Self::Busy(_) => Kind::Unavailable,
            Self::Lake { kind, .. } => *kind,
        }
    }

    /// A value that is wrong.
    pub(super) fn cell(row: u64, column: &str, reason: impl Into<String>) -> Self {
        Self::Cell {
            row,
            column: column.to_owned(),
            reason: reason.into(),
        }
    }

    /// A row that is wrong.
    pub(super) fn row(row: u64, reason: impl Into<String>) -> Self {
        Self::Row {
            row,
            reason: reason.into(),
        }
    }
}

impl From<LakeError> for RecordError {
    fn from(error: LakeError) -> Self {
        Self::Lake {
            kind: error.kind(),
            reason: error.to_string(),
        }
    }
}

impl From<StoreError> for RecordError {
    fn from(error: StoreError) -> Self {
        LakeError::from(error).into()
    }
}
