//! A place in a query text: what all the small parsers here share.

use base::Name;
use base::limits::QUERY_BYTES_MAX;
use jsonld::Context;

use super::QueryError;

/// The text of one parameter and how far it has been read.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'t> {
    parameter: &'static str,
    text: &'t str,
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    /// At the beginning of the text; refuses a longer one than a query may be.
    pub(super) fn new(parameter: &'static str, text: &'t str) -> Result<Self, QueryError> {
        let cursor = Self {
            parameter,
            text,
            rest: text,
        };
        if text.len() > QUERY_BYTES_MAX {
            return Err(cursor.limit(format!("is longer than {QUERY_BYTES_MAX} bytes")));
        }
        Ok(cursor)
    }

    pub(super) fn rest(&self) -> &'t str {
        self.rest
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        Some(next)
    }

    /// Steps over `start` if it stands here.
    pub(super) fn eat(&mut self, start: &str) -> bool {
        match self.rest.strip_prefix(start) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the characters that are wanted, perhaps none.
    pub(super) fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Takes so many bytes, which must end at a character.
    pub(super) fn take(&mut self, bytes: usize) -> &'t str {
        match self.rest.split_at_checked(bytes) {
            Some((taken, rest)) => {
                self.rest = rest;
                taken
            }
            None => "",
        }
    }

    /// That the text is wrong here.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> QueryError {
        let read = self.text.len() - self.rest.len();
        let position = self.text.get(..read).map_or(0, |t| t.chars().count()) + 1;
        let next: String = self.rest.chars().take(24).collect();
        let before = if next.is_empty() {
            ", its end".to_owned()
        } else {
            format!(" ('{next}')")
        };
        QueryError::Syntax {
            parameter: self.parameter,
            position,
            before,
            reason: reason.into(),
        }
    }

    pub(super) fn limit(&self, reason: impl Into<String>) -> QueryError {
        QueryError::Limit {
            parameter: self.parameter,
            reason: reason.into(),
        }
    }

    /// Expands a name of an attribute or a type.
    pub(super) fn expand(&self, name: &str, context: &Context) -> Result<Name, QueryError> {
        expand(self.parameter, name, context)
    }
}

/// Expands a name of an attribute or a type that stands in `parameter`.
pub(super) fn expand(
    parameter: &'static str,
    name: &str,
    context: &Context,
) -> Result<Name, QueryError> {
    context.expand_name(name).map_err(|error| QueryError::Name {
        parameter,
        name: name.chars().take(64).collect(),
        reason: error.to_string(),
    })
}
