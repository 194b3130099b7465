//! Why a query was not taken, or its answer broke off.

use base::Kind;
use broker::BrokerError;

use crate::SqlError;
use crate::running::SQL_BYTES_MAX;

/// Why a query was not taken, or its answer broke off.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The engine does not answer it.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// No right to it, or no such tenant.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The text is too long.
    #[error(
        "the text of a query has at most {SQL_BYTES_MAX} bytes: bind long values as parameters"
    )]
    TooLong,
    /// It took too long.
    #[error("the query took longer than {seconds} seconds: ask for less, or for longer if you may")]
    TooSlow {
        /// How long it might have taken.
        seconds: i64,
    },
    /// Somebody ended it.
    #[error("the query was cancelled")]
    Cancelled,
    /// There is no such query.
    #[error("there is no query '{0}' of yours that runs")]
    Unknown(String),
    /// The request around the query is wrong; the text says what to do.
    #[error("{0}")]
    Invalid(String),
    /// An answer cannot be written in the form that was asked for.
    #[error("the answer cannot be written: {0}")]
    Format(String),
    /// The task that answered ended by a panic.
    #[error("the query was given up: this is a defect, please report it")]
    GivenUp,
}

impl QueryError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sql(error) => error.kind(),
            Self::Broker(error) => error.kind(),
            Self::TooLong | Self::TooSlow { .. } => Kind::Limit,
            Self::Cancelled => Kind::Conflict,
            Self::Unknown(_) => Kind::NotFound,
            Self::Invalid(_) => Kind::Invalid,
            Self::Format(_) => Kind::Unsupported,
            Self::GivenUp => Kind::Internal,
        }
    }

    /// Line and column, both from 1, where the text is wrong, if that is known.
    pub fn position(&self) -> Option<(u64, u64)> {
        match self {
            Self::Sql(error) => error.position(),
            _ => None,
        }
    }
}
