//! Why a registration was refused.

use base::{Kind, Name};
use ngsi::parse::ParseError;
use ngsi::query::QueryError;
use ports::StoreError;

/// Why a registration was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistrationError {
    /// A member is wrong.
    #[error("'{member}' {what}")]
    Member {
        /// Which, by its path.
        member: String,
        /// What is wrong with it.
        what: String,
    },
    /// A name, URI or scope in it is wrong.
    #[error("'{member}' is wrong: {error}")]
    Name {
        /// Which member.
        member: &'static str,
        /// What is wrong with it.
        error: ParseError,
    },
    /// A pattern in it is wrong.
    #[error(transparent)]
    Pattern(#[from] QueryError),
    /// What it says does not go together.
    #[error("{0}")]
    Together(&'static str),
    /// There is one of that id.
    #[error("there is a registration '{id}' already")]
    Exists {
        /// The id.
        id: Name,
    },
    /// There is none of that id.
    #[error("there is no registration '{id}'")]
    Unknown {
        /// The id asked for, shortened.
        id: String,
    },
    /// It stands in the way of another.
    #[error("it would overlap with the registration '{with}', whose mode is {mode}")]
    Overlaps {
        /// The other.
        with: Name,
        /// Its mode.
        mode: &'static str,
    },
    /// What it wants to have elsewhere is here.
    #[error(
        "the entity '{id}' is kept here and has what is registered: take it away before, or register without a mode"
    )]
    KeptHere {
        /// The first such entity.
        id: Name,
    },
    /// A stated limit was reached.
    #[error("this tenant has {max} registrations already: take some away")]
    Limit {
        /// How many there may be.
        max: usize,
    },
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegistrationError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Member { .. } | Self::Name { .. } | Self::Pattern(_) | Self::Together(_) => {
                Kind::Invalid
            }
            Self::Exists { .. } | Self::Overlaps { .. } | Self::KeptHere { .. } => Kind::Conflict,
            Self::Unknown { .. } => Kind::NotFound,
            Self::Limit { .. } => Kind::Limit,
            Self::Store(error) => error.kind(),
        }
    }

    /// A member that is wrong.
    pub(crate) fn member(member: impl Into<String>, what: impl Into<String>) -> Self {
        let member: String = member.into().chars().take(128).collect();
        Self::Member {
            member,
            what: what.into(),
        }
    }
}
