//! What was said, each part under the @context that it was said in.

use std::sync::Arc;

use jsonld::Context;
use serde_json::{Map, Value};

/// An @context in use, and how it was given.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// The context, beneath the core.
    pub context: Arc<Context>,
    /// The value of `@context`.
    pub member: Value,
}

impl Spoken {
    /// The URL of the context, if it was given by one alone.
    pub fn url(&self) -> Option<&str> {
        match &self.member {
            Value::String(url) => Some(url),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(url)] => Some(url),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The members of a subscription as they were given. A later change may be said in another
/// @context than what it leaves untouched, so there may be several parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    parts: Vec<Part>,
}

/// Members said in one @context.
#[derive(Debug, Clone)]
struct Part {
    spoken: Spoken,
    members: Map<String, Value>,
}

impl Said {
    /// Nothing said yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The value of a member, and what it was said in.
    pub(crate) fn get(&self, name: &str) -> Option<(&Value, &Spoken)> {
        let mut found = self.parts.iter();
        found.find_map(|part| Some((part.members.get(name)?, &part.spoken)))
    }

    /// Says more: each member takes the place of the one of its name; `null` deletes it
    /// [CIM-009 §5.8.2].
    pub(crate) fn say(&mut self, members: Map<String, Value>, spoken: &Spoken) {
        for part in &mut self.parts {
            part.members.retain(|name, _| !members.contains_key(name));
        }
        let said = members.into_iter().filter(|(_, value)| !value.is_null());
        let same = |part: &&mut Part| part.spoken.member == spoken.member;
        match self.parts.iter_mut().find(same) {
            Some(part) => part.members.extend(said),
            None => self.parts.push(Part {
                spoken: spoken.clone(),
                members: said.collect(),
            }),
        }
        self.parts.retain(|part| !part.members.is_empty());
    }

    /// How much was said, about.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.parts.iter().map(|part| {
            let members = part.members.iter();
            members
                .map(|(name, value)| name.len() + value.to_string().len() + 4)
                .sum::<usize>()
        });
        texts.sum()
    }

    /// All members, and what each was said in.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Value, &Spoken)> {
        self.parts.iter().flat_map(|part| {
            let members = part.members.iter();
            members.map(|(name, value)| (name, value, &part.spoken))
        })
    }
}

/// What was said, packed: a node keeps many subscriptions and seldom looks at what was said.
#[derive(Debug, Clone)]
pub(crate) struct Packed(Box<[(Spoken, Box<str>)]>);

impl Packed {
    pub(crate) fn of(said: Said) -> Self {
        let pack = |part: Part| {
            let text = Value::Object(part.members).to_string();
            (part.spoken, text.into_boxed_str())
        };
        Self(said.parts.into_iter().map(pack).collect())
    }

    /// Each @context, and what was said in it as the text of a JSON object.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Value, &str)> {
        let parts = self.0.iter();
        parts.map(|(spoken, text)| (&spoken.member, &**text))
    }

    pub(crate) fn open(&self) -> Said {
        let open = |(spoken, text): &(Spoken, Box<str>)| Part {
            spoken: spoken.clone(),
            // It was packed here, so it is JSON.
            members: serde_json::from_str(text).unwrap_or_default(),
        };
        Said {
            parts: self.0.iter().map(open).collect(),
        }
    }
}
