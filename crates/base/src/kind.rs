//! The ten kinds of error: what the caller can do about it.

use std::fmt;

/// What a caller can do about an error. One table in `web` turns a kind into an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong: change it.
    Invalid,
    /// Nobody is known: say who asks.
    Unauthenticated,
    /// Known, but not allowed: ask for a grant.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It stands in the way of what is already there.
    Conflict,
    /// A stated limit was reached: ask for less.
    Limit,
    /// Understood, but not done here.
    Unsupported,
    /// Not now: try again later.
    Unavailable,
    /// What is on disk is not what was written: an operator must look.
    Corrupt,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// The lower-case word used in logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Limit => "limit",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
