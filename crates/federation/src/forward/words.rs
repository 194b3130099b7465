//! The words in which a source is asked: the @context, and JSON put from one into another.

use std::sync::Arc;

use jsonld::Context;
use serde_json::{Map, Value};

/// The @context in which names are written, and how it is given.
#[derive(Debug, Clone)]
pub struct Words {
    /// The context, beneath the core.
    pub context: Arc<Context>,
    /// The value of `@context`.
    pub member: Value,
}

/// Members whose value is nobody's name [CIM-009 §4.5].
const DATA: [&str; 19] = [
    "id",
    "@id",
    "scope",
    "value",
    "object",
    "languageMap",
    "json",
    "valueList",
    "objectList",
    "previousValue",
    "observedAt",
    "createdAt",
    "modifiedAt",
    "deletedAt",
    "expiresAt",
    "unitCode",
    "datasetId",
    "instanceId",
    "lang",
];
/// Members whose value is a name or several.
const NAMES: [&str; 5] = ["type", "@type", "vocab", "objectType", "valueType"];

impl Words {
    /// The core alone.
    pub fn core() -> Self {
        Self {
            context: Context::core(),
            member: Value::String(jsonld::CORE_URL.to_owned()),
        }
    }

    /// The URL for a Link header; `None`: the context can only stand in a body.
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

    /// A name as it is written in these words.
    pub fn short(&self, name: &str) -> String {
        self.context.compact_term(name).into_owned()
    }

    /// Whether the two say the same with the same names.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.context, &other.context) || self.member == other.member
    }

    /// An entity, a fragment of one, or an array of them, put from `from` into these words.
    pub fn put(&self, value: Value, from: &Self) -> Value {
        match value {
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.put(item, from)).collect())
            }
            Value::Object(members) => Value::Object(self.put_members(members, from)),
            other => other,
        }
    }

    fn put_members(&self, members: Map<String, Value>, from: &Self) -> Map<String, Value> {
        let mut put = Map::with_capacity(members.len());
        // A geometry in place of an attribute's object has no names of ours.
        if members.contains_key("coordinates") {
            return members;
        }
        for (name, value) in members {
            if name == "@context" {
                continue;
            }
            let of_core = |known: &[&str]| {
                known.contains(&&*name)
                    || known.iter().any(|k| from.context.keyword(&name) == Some(k))
            };
            if of_core(&DATA) {
                put.insert(name, value);
            } else if of_core(&NAMES) {
                put.insert(name, self.put_names(value, from));
            } else {
                put.insert(self.put_name(&name, from), self.put(value, from));
            }
        }
        put
    }

    fn put_names(&self, value: Value, from: &Self) -> Value {
        match value {
            Value::String(name) => Value::String(self.put_name(&name, from)),
            Value::Array(items) => {
                let names = items.into_iter().map(|item| self.put_names(item, from));
                Value::Array(names.collect())
            }
            other => other,
        }
    }

    fn put_name(&self, name: &str, from: &Self) -> String {
        match from.context.expand_term(name) {
            Ok(iri) => self.context.compact_term(&iri).into_owned(),
            Err(_not_a_name) => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonld::Resolution;
    use serde_json::json;

    fn words(member: Value) -> Words {
        match Context::resolve(&member, &|_| None) {
            Ok(Resolution::Ready(context)) => Words { context, member },
            other => panic!("no context: {other:?}"),
        }
    }

    #[test]
    fn an_entity_is_put_into_other_words_and_its_values_stay() {
        let here = words(json!({"Car": "https://x.org/Car", "speed": "https://x.org/speed"}));
        let there = words(json!({"Auto": "https://x.org/Car", "tempo": "https://x.org/speed"}));
        let entity = json!({
            "id": "urn:c:1", "type": "Car", "@context": "x",
            "speed": {"type": "Property", "value": {"speed": 1}, "speed": 3},
            "place": {"type": "Point", "coordinates": [1, 2]},
        });
        assert_eq!(
            there.put(json!([entity]), &here),
            json!([{
                "id": "urn:c:1", "type": "Auto",
                "tempo": {"type": "Property", "value": {"speed": 1}, "tempo": 3},
                "place": {"type": "Point", "coordinates": [1, 2]},
            }])
        );
        assert_eq!(there.url(), None);
        assert_eq!(
            Words::core().put(entity, &here)["https://x.org/speed"]["value"]["speed"],
            1
        );
    }
}
