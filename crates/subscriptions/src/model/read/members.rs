//! Members of an object, read with the path at which they stand.

use std::time::Duration;

use base::{Name, Time};
use ngsi::parse::lexical;
use serde_json::{Map, Value};

use super::super::said::{Said, Spoken};
use super::Result;
use crate::error::SubscriptionError;

/// Seconds that a duration may have at most: ten years.
const SECONDS_MAX: f64 = 315_360_000.0;

/// The members of a subscription, or of an object within it.
pub(super) struct Members<'a> {
    path: &'static str,
    from: From<'a>,
}

enum From<'a> {
    Said(&'a Said),
    Object(&'a Map<String, Value>, &'a Spoken),
}

impl<'a> Members<'a> {
    pub(super) fn of(said: &'a Said) -> Self {
        Self {
            path: "",
            from: From::Said(said),
        }
    }

    /// The members of an object at a path.
    pub(super) fn within(path: &'static str, value: &'a Value, spoken: &'a Spoken) -> Result<Self> {
        match value {
            Value::Object(members) => Ok(Self {
                path,
                from: From::Object(members, spoken),
            }),
            _ => Err(SubscriptionError::member(path, "must be an object")),
        }
    }

    /// Refuses members of other names.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let From::Object(members, _) = self.from else {
            return Ok(());
        };
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => Err(self.wrong(unknown, "is no member that is known")),
            None => Ok(()),
        }
    }

    /// A member and what it was said in. `null` says nothing.
    pub(super) fn get(&self, name: &str) -> Option<(&'a Value, &'a Spoken)> {
        let (value, spoken) = match self.from {
            From::Said(said) => said.get(name)?,
            From::Object(members, spoken) => (members.get(name)?, spoken),
        };
        (!value.is_null()).then_some((value, spoken))
    }

    /// What a member was said in.
    pub(super) fn spoken(&self, name: &str) -> Option<&'a Spoken> {
        self.get(name).map(|(_, spoken)| spoken)
    }

    pub(super) fn wrong(&self, name: &str, reason: impl std::fmt::Display) -> SubscriptionError {
        let dot = if self.path.is_empty() { "" } else { "." };
        SubscriptionError::member(&format!("{}{dot}{name}", self.path), reason)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some((Value::String(text), _)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some((Value::Bool(flag), _)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// An array of texts that has at least one.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>> {
        let must = || self.wrong(name, "must be an array of at least one string");
        match self.get(name) {
            None => Ok(None),
            Some((Value::Array(items), _)) if !items.is_empty() => {
                let texts = items.iter().map(Value::as_str);
                texts.collect::<Option<_>>().map(Some).ok_or_else(must)
            }
            Some(_) => Err(must()),
        }
    }

    /// Names of attributes, expanded.
    pub(super) fn names(&self, name: &str) -> Result<Option<Vec<Name>>> {
        let (Some(texts), Some(spoken)) = (self.texts(name)?, self.spoken(name)) else {
            return Ok(None);
        };
        let one = |text: &str| {
            lexical::name(text).map_err(|error| self.wrong(name, error))?;
            let expanded = spoken.context.expand_name(text);
            expanded.map_err(|error| self.wrong(name, error))
        };
        texts.into_iter().map(one).collect::<Result<_>>().map(Some)
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Time>> {
        let read = self.get(name).map(|(value, _)| lexical::date_time(value));
        read.transpose().map_err(|error| self.wrong(name, error))
    }

    pub(super) fn seconds(&self, name: &str) -> Result<Option<Duration>> {
        self.duration(name, 1.0, "seconds")
    }

    pub(super) fn milliseconds(&self, name: &str) -> Result<Option<Duration>> {
        self.duration(name, 1_000.0, "milliseconds")
    }

    fn duration(&self, name: &str, parts: f64, unit: &str) -> Result<Option<Duration>> {
        let Some((value, _)) = self.get(name) else {
            return Ok(None);
        };
        let seconds = value.as_f64().map(|number| number / parts);
        let duration = seconds
            .filter(|seconds| *seconds <= SECONDS_MAX)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|duration| !duration.is_zero());
        let must = || self.wrong(name, format_args!("must be a number of {unit} above 0"));
        duration.map(Some).ok_or_else(must)
    }

    /// `datasetId`: URIs, or `@none` for the default one.
    pub(super) fn datasets(&self) -> Result<Option<Vec<Option<Name>>>> {
        let Some(texts) = self.texts("datasetId")? else {
            return Ok(None);
        };
        let one = |text: &str| match text {
            "@none" => Ok(None),
            uri => lexical::uri(uri).map(Some),
        };
        let read = texts
            .into_iter()
            .map(one)
            .collect::<std::result::Result<_, _>>();
        read.map(Some)
            .map_err(|error| self.wrong("datasetId", error))
    }
}
