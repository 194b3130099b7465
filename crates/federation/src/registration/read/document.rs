//! Expands the names in a registration.

use jsonld::Context;
use ngsi::parse::lexical;
use serde_json::{Map, Value};

use super::{DEFINED, SHOWN_ONLY};
use crate::registration::{ENTRIES_MAX, RegistrationError};

/// The document with expanded names, without `@context` and what is only shown.
/// Limit: within a Context Source property names stay as they are.
pub(crate) fn expand(
    document: &Value,
    context: &Context,
) -> Result<Map<String, Value>, RegistrationError> {
    let Value::Object(members) = document else {
        return Err(RegistrationError::Together(
            "the body must be a JSON object",
        ));
    };
    if members.len() > ENTRIES_MAX {
        let what = format!("are more than {ENTRIES_MAX}");
        return Err(RegistrationError::member("its members", what));
    }
    let mut expanded = Map::new();
    for (name, value) in members {
        let name = name.as_str();
        let (name, value) = match name {
            _ if SHOWN_ONLY.contains(&name) => continue,
            "@id" | "@type" => (name.replace('@', ""), value.clone()),
            "information" => (name.to_owned(), information(value, context)?),
            _ if DEFINED.contains(&name) => (name.to_owned(), value.clone()),
            _ => (
                name_of("a property of the source", name, context)?,
                value.clone(),
            ),
        };
        if expanded.insert(name.clone(), value).is_some() {
            return Err(RegistrationError::member(name, "is there twice"));
        }
    }
    Ok(expanded)
}

fn information(value: &Value, context: &Context) -> Result<Value, RegistrationError> {
    let mut value = value.clone();
    for part in value.as_array_mut().into_iter().flatten() {
        for list in ["propertyNames", "relationshipNames"] {
            if let Some(names) = part.get_mut(list) {
                expand_names(list, names, context)?;
            }
        }
        let entities = part.get_mut("entities").and_then(Value::as_array_mut);
        for entity in entities.into_iter().flatten() {
            if let Some(types) = entity.get_mut("type") {
                expand_names("type", types, context)?;
            }
        }
    }
    Ok(value)
}

/// One name or an array of them; what is no string is found wrong when it is read.
fn expand_names(
    member: &'static str,
    names: &mut Value,
    context: &Context,
) -> Result<(), RegistrationError> {
    match names {
        Value::String(name) => *name = name_of(member, name, context)?,
        Value::Array(names) => {
            for name in names {
                if let Value::String(name) = name {
                    *name = name_of(member, name, context)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn name_of(
    member: &'static str,
    name: &str,
    context: &Context,
) -> Result<String, RegistrationError> {
    let wrong = |error| RegistrationError::Name { member, error };
    lexical::name(name).map_err(wrong)?;
    let expanded = context.expand_term(name);
    Ok(expanded.map_err(|error| wrong(error.into()))?.into_owned())
}
