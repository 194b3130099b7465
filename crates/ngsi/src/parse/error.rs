//! Why an input is no entity.

use base::{Kind, limits};

/// What is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}", path = if self.path.is_empty() { "the input" } else { &self.path })]
pub struct ParseError {
    path: String,
    what: String,
    kind: Kind,
}

/// Bytes of a path that an error names: names come from the input and may be long.
const PATH_BYTES_MAX: usize = 200;

impl ParseError {
    pub(crate) fn new(path: &str, what: impl Into<String>) -> Self {
        let path = path.chars().take(PATH_BYTES_MAX).collect();
        Self {
            path,
            what: what.into(),
            kind: Kind::Invalid,
        }
    }

    pub(crate) fn here(what: impl Into<String>) -> Self {
        Self::new("", what)
    }

    pub(crate) fn missing(member: &str, what: &str) -> Self {
        Self::new(member, format!("is missing; {what}"))
    }

    pub(crate) fn limit(what: &str, max: usize) -> Self {
        let mut error = Self::here(format!("there must be 1 to {max} {what}"));
        error.kind = Kind::Limit;
        error
    }

    pub(crate) fn depth() -> Self {
        let max = limits::ATTRIBUTE_DEPTH_MAX;
        let mut error = Self::here(format!("attributes of attributes go at most {max} deep"));
        error.kind = Kind::Limit;
        error
    }

    /// The same error, one member further out.
    pub(crate) fn within(mut self, member: &str) -> Self {
        if self.path.len() < PATH_BYTES_MAX {
            let member: String = member.chars().take(PATH_BYTES_MAX).collect();
            self.path = if self.path.is_empty() || self.path == member {
                member
            } else {
                format!("{member}.{}", self.path)
            };
        }
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<jsonld::Error> for ParseError {
    fn from(error: jsonld::Error) -> Self {
        Self {
            path: String::new(),
            what: error.to_string(),
            kind: error.kind(),
        }
    }
}
