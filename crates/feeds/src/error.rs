//! Why something about a feed was not done.

use base::Kind;
use broker::BrokerError;
use ports::StoreError;

/// Why something about a feed was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FeedError {
    /// The definition cannot be used.
    #[error("the definition of the feed: {0}")]
    Definition(String),
    /// The name is none.
    #[error("'{0}' is no name of a feed: 1 to 64 of a-z, 0-9, '-' and '_', and not 'try'")]
    Name(String),
    /// There is no such feed.
    #[error("there is no feed '{0}'")]
    Unknown(String),
    /// There are too many.
    #[error("a node has at most {max} feeds: take one away first", max = crate::feeds::FEEDS_MAX)]
    TooMany,
    /// The feed takes nothing now.
    #[error("the feed '{0}' is switched off: set enabled = true in its [source]")]
    Disabled(String),
    /// The feed or the node is stopping, or the store takes no writes.
    #[error("the feed could not store it: {0}; send it again")]
    Unavailable(String),
    /// What is kept of a feed is damaged.
    #[error("the feed '{name}' cannot be read from the store: {reason}")]
    Damaged {
        /// Which feed.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The broker said no.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FeedError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Definition(_) | Self::Name(_) => Kind::Invalid,
            Self::Unknown(_) => Kind::NotFound,
            Self::TooMany => Kind::Limit,
            Self::Disabled(_) => Kind::Conflict,
            Self::Unavailable(_) => Kind::Unavailable,
            Self::Damaged { .. } => Kind::Corrupt,
            Self::Broker(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}
