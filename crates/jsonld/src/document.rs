//! The value of an `@context` member, as a flat sequence of parts; nothing is loaded or copied.

use serde_json::{Map, Value};

use crate::error::ContextError;
use crate::limits::{DEPTH_MAX, PARTS_MAX};

/// An `@context` value in the order in which its parts apply.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextDocument<'a> {
    parts: Vec<Part<'a>>,
}

/// One part of an `@context`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part<'a> {
    /// The URL of a remote context document.
    Remote(&'a str),
    /// Terms defined on the spot.
    Local(&'a Map<String, Value>),
    /// `null`: forget what was defined before.
    Reset,
}

impl<'a> ContextDocument<'a> {
    /// Reads a bare context value, or a whole document `{"@context": …}`.
    ///
    /// # Errors
    /// `Shape` if something else than URLs, objects, arrays and nulls is found; `Depth`, `Parts` at the limits.
    pub fn parse(value: &'a Value) -> Result<Self, ContextError> {
        let value = value.get("@context").unwrap_or(value);
        let mut parts = Vec::new();
        flatten(value, 0, &mut parts)?;
        Ok(Self { parts })
    }

    /// Reads a whole document, as found at the URL of a remote context.
    ///
    /// # Errors
    /// `NoContext` if there is no `@context` member, and those of [`ContextDocument::parse`].
    pub fn parse_remote(document: &'a Value) -> Result<Self, ContextError> {
        Self::parse(document.get("@context").ok_or(ContextError::NoContext)?)
    }

    /// The parts in the order in which they apply, arrays flattened.
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }
}

fn flatten<'a>(
    value: &'a Value,
    depth: usize,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), ContextError> {
    if depth > DEPTH_MAX {
        return Err(ContextError::Depth);
    }
    let part = match value {
        Value::Array(values) => {
            return values
                .iter()
                .try_for_each(|value| flatten(value, depth + 1, parts));
        }
        Value::String(url) => Part::Remote(url),
        Value::Object(terms) => Part::Local(terms),
        Value::Null => Part::Reset,
        Value::Bool(_) => return Err(ContextError::Shape("a boolean")),
        Value::Number(_) => return Err(ContextError::Shape("a number")),
    };
    if parts.len() >= PARTS_MAX {
        return Err(ContextError::Parts);
    }
    parts.push(part);
    Ok(())
}
