//! The signed property `ngsildproof` and what its signature seals [CIM-009 §4.5.2.2, §C.11].
//!
//! The sealed id and types are no attributes: they are written bare. In the model they are
//! sub-attributes of names that nothing else can have.

use base::Name;
use serde_json::{Map, Value};

use crate::entity::{Attribute, AttributeValue, Uris};
use crate::parse::{ParseError, Parser, lexical};

/// The expanded name of the property.
const PROOF: &str = "https://uri.etsi.org/ngsi-ld/ngsildproof";
/// The expanded name of the sealed id.
const SEALED_ID: &str = "https://uri.etsi.org/ngsi-ld/entityIdSealed";
/// The expanded name of the sealed types.
const SEALED_TYPE: &str = "https://uri.etsi.org/ngsi-ld/entityTypeSealed";

/// Whether an attribute of this expanded name is the proof.
pub(crate) fn is_proof(name: &str) -> bool {
    name == PROOF
}

/// The member under which a sealed thing is written; `None`: the name is that of an attribute.
pub(crate) fn sealed_member(name: &str) -> Option<&'static str> {
    match name {
        SEALED_ID => Some("entityIdSealed"),
        SEALED_TYPE => Some("entityTypeSealed"),
        _ => None,
    }
}

/// Takes what is sealed out of the members of a proof.
pub(crate) fn take_sealed(
    parser: &Parser<'_>,
    members: &mut Map<String, Value>,
) -> Result<Vec<Attribute>, ParseError> {
    let mut sealed = Vec::new();
    if let Some(id) = members.shift_remove("entityIdSealed") {
        let id = lexical::uri_value(&id).map_err(|e| e.within("entityIdSealed"))?;
        let value = AttributeValue::Relationship(Uris::One(id));
        sealed.push(Attribute::new(Name::from(SEALED_ID), value));
    }
    if let Some(types) = members.shift_remove("entityTypeSealed") {
        let within = |e: ParseError| e.within("entityTypeSealed");
        let names = parser.type_names(&types).map_err(within)?;
        let value = match names.as_slice() {
            [one] => Uris::One(one.clone()),
            _ => Uris::Many(names),
        };
        let value = AttributeValue::Vocab(value);
        sealed.push(Attribute::new(Name::from(SEALED_TYPE), value));
    }
    Ok(sealed)
}

/// The value of a proof is an object: the structure of the W3C.
pub(crate) fn check(value: &AttributeValue) -> Result<(), ParseError> {
    match value {
        // Null stands for a value that a fragment leaves as it is.
        AttributeValue::Property(Value::Object(_) | Value::Null) | AttributeValue::Null => Ok(()),
        _ => Err(ParseError::here(
            "must be a Property whose value is an object, the proof",
        )),
    }
}

#[cfg(test)]
mod tests {
    use base::Time;
    use jsonld::Context;
    use serde_json::json;

    use crate::parse::Purpose;
    use crate::render::{Format, Out, Renderer};

    use super::*;

    fn read(proof: &Value) -> Result<crate::Entity, ParseError> {
        let context = Context::core();
        let entity = json!({"id": "urn:a", "type": "A", "ngsildproof": proof});
        let fragment = Parser::new(&context, Purpose::Whole).entity(entity)?;
        Ok(fragment.into_entity(Time(1)).expect("an entity with an id"))
    }

    fn proof() -> Value {
        json!({
            "type": "Property",
            "entityIdSealed": "urn:a",
            "entityTypeSealed": "A",
            "value": {"type": "DataIntegrityProof", "proofValue": "z1"},
        })
    }

    #[test]
    fn what_a_proof_seals_comes_back_bare_in_every_representation() {
        let entity = read(&proof()).expect("a proof");
        let context = Context::core();
        let render = |format| {
            let mut out = Out::with_capacity(64);
            let renderer = Renderer {
                format,
                ..Renderer::new(&context, Time(2))
            };
            renderer.entity(&mut out, &entity, None);
            let shown: Value = serde_json::from_str(&out.into_string()).expect("JSON");
            shown["ngsildproof"].clone()
        };
        let normalized = render(Format::Normalized);
        assert_eq!(normalized, proof());
        assert_eq!(render(Format::Concise)["entityTypeSealed"], "A");
        assert_eq!(render(Format::Simplified), proof()["value"]);
    }

    #[test]
    fn a_proof_is_an_object_and_seals_texts() {
        let refused = [
            json!({"type": "Property", "value": "text"}),
            json!("text"),
            json!({"type": "Relationship", "object": "urn:b"}),
            json!({"type": "Property", "value": {}, "entityTypeSealed": 42}),
            json!({"type": "Property", "value": {}, "entityIdSealed": "no uri"}),
        ];
        for proof in refused {
            assert!(read(&proof).is_err(), "{proof}");
        }
    }
}
