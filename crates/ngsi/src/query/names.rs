//! Lists of ids and of attribute names, as the parameters `id` and `attrs` give them.

use base::Name;
use base::limits::{BATCH_ENTITIES_MAX, URI_BYTES_MAX};
use jsonld::Context;

use super::QueryError;
use super::cursor::{Cursor, expand};

/// Reads `urn:a,urn:b`: URIs separated by commas.
pub fn ids(text: &str) -> Result<Vec<Name>, QueryError> {
    list("id", text)?
        .into_iter()
        .map(|id| {
            if jsonld::is_iri(id) && id.len() <= URI_BYTES_MAX {
                Ok(Name::from(id))
            } else {
                let name = id.chars().take(64).collect();
                Err(QueryError::Name {
                    parameter: "id",
                    name,
                    reason: "it is no URI".to_owned(),
                })
            }
        })
        .collect()
}

/// Reads `temperature,humidity`: attribute names separated by commas, and expands them.
pub fn attributes(text: &str, context: &Context) -> Result<Vec<Name>, QueryError> {
    list("attrs", text)?
        .into_iter()
        .map(|name| {
            crate::parse::lexical::name(name).map_err(|error| QueryError::Name {
                parameter: "attrs",
                name: name.chars().take(64).collect(),
                reason: error.to_string(),
            })?;
            expand("attrs", name, context)
        })
        .collect()
}

fn list<'t>(parameter: &'static str, text: &'t str) -> Result<Vec<&'t str>, QueryError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.len() > BATCH_ENTITIES_MAX {
        let reason = format!("has more than {BATCH_ENTITIES_MAX} entries");
        return Err(QueryError::Limit { parameter, reason });
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Err(Cursor::new(parameter, "")?.wrong("an entry is empty"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_empty_or_wrong_entries_refused() {
        assert_eq!(ids("urn:a:1, urn:b:2").map(|ids| ids.len()), Ok(2));
        for text in ["", "urn:a,", "urn:a,,urn:b", "not a uri"] {
            assert!(ids(text).is_err(), "{text}");
        }
        let names = attributes("location,speed", &Context::core()).expect("names");
        assert_eq!(names.len(), 2);
        attributes("speed,id", &Context::core()).unwrap_err();
    }
}
