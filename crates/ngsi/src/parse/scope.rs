//! The scope of a temporal entity: as a scope always is, or as a Property over time
//! [CIM-009 §4.5.6, §4.18].

use base::Name;
use serde_json::{Map, Value};

use super::{Fragment, ParseError, Parser, lexical};
use crate::entity::Attribute;
use crate::temporal::scope;

/// Reads the member; what the last of several instances says is the scope of the fragment.
pub(super) fn over_time(
    parser: &Parser<'_>,
    value: Value,
    into: &mut Fragment,
) -> Result<(), ParseError> {
    let instances = match value {
        Value::Object(members) => vec![instance(parser, members)?],
        Value::Array(items) if items.iter().any(Value::is_object) => items
            .into_iter()
            .map(|item| one(parser, item))
            .collect::<Result<_, _>>()?,
        plain => {
            into.scope = Some(parser.scopes(&plain)?);
            return Ok(());
        }
    };
    let last = instances.iter().max_by_key(|instance| instance.observed_at);
    into.scope = last.map(scope::scopes);
    into.attributes.extend(instances);
    Ok(())
}

fn one(parser: &Parser<'_>, item: Value) -> Result<Attribute, ParseError> {
    match item {
        Value::Object(members) => instance(parser, members),
        _ => Err(ParseError::here("must not mix instances and plain scopes")),
    }
}

/// A Property whose value is a scope or several, with no other member than its times.
fn instance(parser: &Parser<'_>, members: Map<String, Value>) -> Result<Attribute, ParseError> {
    let mut scopes: Option<Vec<Name>> = None;
    let mut observed_at = None;
    for (member, value) in members {
        match member.as_str() {
            "type" | "@type" if value.as_str() == Some("Property") => {}
            // Times and identities that only the node gives are passed over [CIM-009 §5.2.2].
            "createdAt" | "modifiedAt" | "deletedAt" | "instanceId" => {}
            "observedAt" => {
                let time = lexical::date_time(&value).map_err(|e| e.within(&member))?;
                observed_at = Some(time);
            }
            "value" => {
                let none = value.as_array().is_some_and(Vec::is_empty)
                    || value.as_str() == Some(crate::NULL);
                let read = if none {
                    Ok(Vec::new())
                } else {
                    parser.scopes(&value)
                };
                scopes = Some(read.map_err(|e| e.within(&member))?);
            }
            _ => {
                let what = "cannot stand in the scope, which is a Property";
                return Err(ParseError::new(&member, what));
            }
        }
    }
    let scopes = scopes.ok_or_else(|| ParseError::missing("value", "the scope needs it"))?;
    let observed_at = observed_at
        .ok_or_else(|| ParseError::missing("observedAt", "an instance of the scope needs it"))?;
    let mut instance = scope::instance(&scopes, observed_at);
    instance.observed_at = Some(observed_at);
    Ok(instance)
}

#[cfg(test)]
mod tests {
    use super::super::Purpose;
    use super::*;
    use jsonld::Context;
    use serde_json::json;

    fn read(scope: &Value) -> Result<Fragment, ParseError> {
        let body = json!({"id": "urn:a", "type": "T", "scope": scope});
        Parser::new(&Context::core(), Purpose::Temporal).entity(body)
    }

    #[test]
    fn the_last_instance_is_the_scope_now() {
        let fragment = read(&json!([
            {"type": "Property", "value": ["/S", "/T"], "observedAt": "2026-03-01T12:30:00Z"},
            {"type": "Property", "value": "/R", "observedAt": "2026-03-01T10:00:00Z"},
        ]))
        .expect("a scope over time");
        assert_eq!(fragment.scope, Some(vec!["/S".into(), "/T".into()]));
        let said: Vec<_> = fragment.attributes.iter().map(scope::scopes).collect();
        assert_eq!(
            said,
            [vec!["/S".into(), "/T".into()], vec![Name::from("/R")]]
        );
    }

    #[test]
    fn a_plain_scope_is_one_as_ever() {
        let fragment = read(&json!(["/A", "/B"])).expect("scopes");
        assert_eq!(fragment.scope, Some(vec!["/A".into(), "/B".into()]));
        assert!(fragment.attributes.is_empty());
    }

    #[test]
    fn a_removed_scope_has_no_value() {
        let gone = json!({"type": "Property", "value": [], "observedAt": "2026-03-01T10:00:00Z"});
        let fragment = read(&gone).expect("a scope that was removed");
        assert_eq!(fragment.scope, Some(Vec::new()));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for wrong in [
            json!({"type": "Relationship", "value": "/A", "observedAt": "2026-03-01T10:00:00Z"}),
            json!({"type": "Property", "value": "/A"}),
            json!({"type": "Property", "observedAt": "2026-03-01T10:00:00Z"}),
            json!({"value": "/A", "observedAt": "2026-03-01T10:00:00Z", "unitCode": "MTR"}),
            json!({"value": 7, "observedAt": "2026-03-01T10:00:00Z"}),
            json!([{"value": "/A", "observedAt": "2026-03-01T10:00:00Z"}, "/B"]),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
