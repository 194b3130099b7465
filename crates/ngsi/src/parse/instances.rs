//! The instances of one attribute: one, or an array of several with their datasets.

use base::{Name, limits};
use serde_json::{Map, Value};

use super::{ParseError, Parser, attribute, has_any};
use crate::entity::{Attribute, AttributeKind, AttributeValue, NULL};

/// Members that tell an attribute from plain JSON [CIM-009 §4.5.2.3].
const CARRIERS: [&str; 7] = [
    "value",
    "object",
    "languageMap",
    "vocab",
    "json",
    "valueList",
    "objectList",
];

/// Reads what stands under an attribute's name and appends the instances found there.
pub(super) fn read(
    parser: &Parser<'_>,
    name: &Name,
    value: Value,
    depth: usize,
    into: &mut Vec<Attribute>,
) -> Result<(), ParseError> {
    if depth > limits::ATTRIBUTE_DEPTH_MAX {
        return Err(ParseError::depth());
    }
    match value {
        Value::Null => Err(ParseError::here(
            "null is no value; to delete write 'urn:ngsi-ld:null'",
        )),
        Value::Array(items) if !items.is_empty() && items.iter().all(is_attribute) => {
            for item in items {
                if let Value::Object(members) = item {
                    into.push(one(parser, name, members, depth)?);
                }
            }
            Ok(())
        }
        Value::Object(members)
            if is_attribute_object(&members) || depth_of_fragment(parser, &members) =>
        {
            into.push(one(parser, name, members, depth)?);
            Ok(())
        }
        Value::String(text) if text == NULL => {
            attribute::null_allowed(parser)?;
            into.push(Attribute::new(name.clone(), AttributeValue::Null));
            Ok(())
        }
        plain => {
            into.push(attribute::plain(parser, name, plain)?);
            Ok(())
        }
    }
}

/// In a fragment an object may change sub-attributes or metadata alone.
fn depth_of_fragment(parser: &Parser<'_>, members: &Map<String, Value>) -> bool {
    parser.purpose.is_fragment() && has_any(members, &["observedAt", "unitCode", "datasetId"])
}

fn one(
    parser: &Parser<'_>,
    name: &Name,
    members: Map<String, Value>,
    depth: usize,
) -> Result<Attribute, ParseError> {
    attribute::read(parser, name, members, depth)
}

fn is_attribute(value: &Value) -> bool {
    matches!(value, Value::Object(members) if is_attribute_object(members))
}

/// Whether an object is an attribute, typed or in concise form, and not a plain JSON value.
fn is_attribute_object(members: &Map<String, Value>) -> bool {
    let typed = members.get("type").or_else(|| members.get("@type"));
    match typed.and_then(Value::as_str) {
        Some(word) => {
            AttributeKind::from_word(word).is_some()
                || has_any(members, &["value", "object", "languageMap"])
        }
        None => has_any(members, &CARRIERS),
    }
}
