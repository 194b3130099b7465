//! Why the watch did not do it.

use base::{Kind, Name};
use broker::BrokerError;
use ports::StoreError;

/// Why something was not done, or not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WatchError {
    /// Nothing of that id needs attention now.
    #[error("nothing of the id '{id}' needs attention now; it may be over already")]
    AttentionUnknown {
        /// The id.
        id: Name,
    },
    /// The span of a question is none, or longer than it may be.
    #[error("{reason}")]
    SpanInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The broker said no.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl WatchError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::AttentionUnknown { .. } => Kind::NotFound,
            Self::SpanInvalid { .. } => Kind::Invalid,
            Self::Broker(error) => error.kind(),
        }
    }
}

impl From<StoreError> for WatchError {
    fn from(error: StoreError) -> Self {
        Self::Broker(BrokerError::Store(error))
    }
}
