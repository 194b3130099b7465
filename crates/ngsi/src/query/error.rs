//! Why a query was refused, and where in its text.

use base::Kind;

/// Why a query was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// The text does not follow the grammar of its language.
    #[error("'{parameter}' is wrong at character {position}{before}: {reason}")]
    Syntax {
        /// Which parameter: `q`, `scopeQ` …
        parameter: &'static str,
        /// The character at which it goes wrong, from 1.
        position: usize,
        /// ` ("what stands there")`, or that the text ends there.
        before: String,
        /// What was expected.
        reason: String,
    },
    /// A name in it cannot be expanded.
    #[error("'{parameter}' names '{name}': {reason}")]
    Name {
        /// Which parameter.
        parameter: &'static str,
        /// The name, shortened.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The parameters are each right but do not go together.
    #[error("{0}")]
    Together(String),
    /// The reference geometry or the geo-relation is wrong.
    #[error("the geo-query is wrong: {0}")]
    Geo(#[from] spatial::Error),
    /// A stated limit was reached.
    #[error("'{parameter}' {reason}")]
    Limit {
        /// Which parameter.
        parameter: &'static str,
        /// Which limit.
        reason: String,
    },
}

impl QueryError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Limit { .. } => Kind::Limit,
            Self::Geo(error) => error.kind(),
            Self::Syntax { .. } | Self::Name { .. } | Self::Together(_) => Kind::Invalid,
        }
    }
}
