//! Why a subscription is not taken, changed or found.

use base::{Kind, Name};
use broker::contexts::ContextError;
use ngsi::parse::ParseError;
use ngsi::query::QueryError;
use ports::StoreError;

/// Why a subscription is not taken, changed or found.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// A member of it is wrong.
    #[error("{member}: {reason}")]
    Member {
        /// Which, from the outside in: `notification.endpoint.uri`.
        member: String,
        /// What it must be.
        reason: String,
    },
    /// Its members do not go together.
    #[error("{0}")]
    Together(&'static str),
    /// An @context that it names cannot be used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// There is one of this id already.
    #[error("there is a subscription '{0}' already")]
    Exists(Name),
    /// There is none of this id.
    #[error("there is no subscription '{0}' here")]
    Unknown(String),
    /// The tenant keeps too many.
    #[error("this tenant keeps {max} subscriptions already, which is the most: delete some")]
    TooMany {
        /// How many.
        max: usize,
    },
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SubscriptionError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Member { .. } | Self::Together(_) => Kind::Invalid,
            Self::Context(error) => error.kind(),
            Self::Exists(_) => Kind::Conflict,
            Self::Unknown(_) => Kind::NotFound,
            Self::TooMany { .. } => Kind::Limit,
            Self::Store(error) => error.kind(),
        }
    }

    /// A wrong member; names and texts of the input are shortened.
    pub(crate) fn member(member: &str, reason: impl std::fmt::Display) -> Self {
        Self::Member {
            member: member.chars().take(200).collect(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn query(member: &str) -> impl FnOnce(QueryError) -> Self {
        move |error| Self::member(member, error)
    }

    pub(crate) fn parse(member: &str) -> impl FnOnce(ParseError) -> Self {
        move |error| Self::member(member, error)
    }
}
