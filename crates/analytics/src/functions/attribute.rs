//! Attributes in the JSON of `entity.attributes`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringViewArray};
use datafusion::common::Result as PlanResult;
use lake::history::schema::short;
use serde_json::{Map, Value};

use super::{Definition, Kind, texts};

pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "attribute",
        takes: &[&[Kind::Text; 2], &[Kind::Text; 3]],
        returns: Kind::Text,
        body: as_text,
    },
    Definition {
        name: "attribute_number",
        takes: &[&[Kind::Text; 2]],
        returns: Kind::Number,
        body: as_number,
    },
];

/// The members that carry a value, by kind of attribute.
const VALUES: [&str; 7] = [
    "value",
    "object",
    "json",
    "languageMap",
    "vocab",
    "valueList",
    "objectList",
];

/// A member of the attribute of that name; without one, its value.
fn find(attributes: &str, name: &str, member: Option<&str>) -> Option<Value> {
    let mut attributes: Map<String, Value> = serde_json::from_str(attributes).ok()?;
    let whole = match attributes.remove(name) {
        Some(found) => found,
        None => attributes
            .into_iter()
            .find_map(|(key, found)| (short(&key) == name).then_some(found))?,
    };
    let mut instance = match whole {
        // Of several datasets the default one, else the first.
        Value::Array(mut instances) => {
            let is_default = |one: &Value| one.get("datasetId").is_none();
            let at = instances.iter().position(is_default).unwrap_or(0);
            (at < instances.len()).then(|| instances.swap_remove(at))?
        }
        one => one,
    };
    let instance = instance.as_object_mut()?;
    match member {
        Some(member) => instance.remove(member),
        None => VALUES.into_iter().find_map(|value| instance.remove(value)),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn as_text(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let pairs = texts(columns, 0)?.iter().zip(texts(columns, 1)?);
    if columns.len() == 2 {
        let found = pairs.map(|(of, name)| find(of?, name?, None).map(text));
        return Ok(Arc::new(found.collect::<StringViewArray>()));
    }
    let found = pairs
        .zip(texts(columns, 2)?)
        .map(|((of, name), member)| find(of?, name?, Some(member?)).map(text));
    Ok(Arc::new(found.collect::<StringViewArray>()))
}

fn as_number(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let pairs = texts(columns, 0)?.iter().zip(texts(columns, 1)?);
    let found = pairs.map(|(of, name)| find(of?, name?, None)?.as_f64());
    Ok(Arc::new(found.collect::<Float64Array>()))
}
