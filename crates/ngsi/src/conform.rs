//! Answers for readers of an earlier edition of the standard: what that edition does not know is
//! written so that it does, or left out [CIM-009 §4.3.6.8].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base::{Name, Time};
use jsonld::Context;
use serde_json::Value;

use crate::entity::{Attribute, AttributeValue, Entity, Uris};

/// An edition of NGSI-LD 1, by its minor number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u8);

/// Why a text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version of NGSI-LD is written as 1.5")]
pub struct VersionInvalid;

impl Version {
    /// The edition that the node speaks.
    pub const OWN: Self = Self(9);
}

impl FromStr for Version {
    type Err = VersionInvalid;
    /// Later editions than the node's are read as its own: what it says conforms to that.
    fn from_str(text: &str) -> Result<Self, VersionInvalid> {
        let minor = text.strip_prefix("1.").ok_or(VersionInvalid)?;
        let minor: u8 = minor.parse().map_err(|_no_number| VersionInvalid)?;
        Ok(Self(minor).min(Self::OWN))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

/// Writes entities for an edition.
#[derive(Debug, Clone, Copy)]
pub struct Conformer<'a> {
    /// Which edition.
    pub version: Version,
    /// How terms are compacted that become plain values.
    pub context: &'a Context,
    /// The moment of the question: what has expired by then is left out.
    pub now: Time,
    /// Whether `expiresAt` would be shown, which came with 1.9.
    pub sys_attrs: bool,
}

impl Conformer<'_> {
    /// The entity as the edition knows it; `None`: it is so already.
    pub fn entity(&self, entity: &Entity) -> Option<Arc<Entity>> {
        let knows = |minor| self.version >= Version(minor);
        if self.version == Version::OWN {
            return None;
        }
        let mut changed = entity.clone();
        if self.sys_attrs {
            changed.drop_expired(self.now);
            changed.expires_at = None;
        }
        if !knows(4) {
            changed.scope.clear();
        }
        if !knows(3) {
            changed.types.truncate(1);
            keep_one_instance(&mut changed.attributes);
        }
        for attribute in &mut changed.attributes {
            self.attribute(attribute);
        }
        (changed != *entity).then(|| Arc::new(changed))
    }

    fn attribute(&self, attribute: &mut Attribute) {
        let knows = |minor| self.version >= Version(minor);
        if self.sys_attrs {
            attribute.expires_at = None;
            attribute.sub.retain(|sub| !sub.is_expired(self.now));
        }
        attribute.value_type = None;
        if !knows(8) {
            attribute.object_type.clear();
        }
        if !knows(3) {
            attribute.dataset_id = None;
            attribute.observed_at = None;
            attribute.unit_code = None;
        }
        self.value(&mut attribute.value);
        if !knows(3) {
            keep_one_instance(&mut attribute.sub);
        }
        for sub in &mut attribute.sub {
            self.attribute(sub);
        }
    }

    fn value(&self, value: &mut AttributeValue) {
        let knows = |minor| self.version >= Version(minor);
        let as_known = match value {
            AttributeValue::Json(json) if !knows(8) => AttributeValue::Property(json.take()),
            AttributeValue::Vocab(terms) if !knows(8) => {
                let text = |term: &Name| Value::from(&*self.context.compact_term(term));
                AttributeValue::Property(match terms {
                    Uris::One(term) => text(term),
                    Uris::Many(terms) => terms.iter().map(text).collect(),
                })
            }
            AttributeValue::List(items) if !knows(8) => {
                AttributeValue::Property(Value::Array(std::mem::take(items)))
            }
            AttributeValue::ListRelationship(uris) if !knows(8) => {
                AttributeValue::Relationship(Uris::Many(std::mem::take(uris)))
            }
            AttributeValue::Language(map) if !knows(4) => {
                AttributeValue::Property(Value::Object(std::mem::take(map)))
            }
            _ => return,
        };
        *value = as_known;
    }
}

/// Of each name one instance: the default one, else the first.
fn keep_one_instance(attributes: &mut Vec<Attribute>) {
    // The sort is stable: among instances with a dataset the first stays first.
    attributes.sort_by_key(|a| a.dataset_id.is_some());
    let mut seen = std::collections::HashSet::new();
    attributes.retain(|a| seen.insert(a.name.clone()));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::AttributeKind::{LanguageProperty, Property, Relationship};
    use crate::parse::{Parser, Purpose};

    use super::*;

    fn entity() -> Entity {
        let value = json!({
            "id": "urn:a", "type": ["A", "B"], "scope": "/x",
            "p": [
                {"type": "Property", "value": 1, "datasetId": "urn:d", "unitCode": "CEL"},
                {"type": "Property", "value": 2, "observedAt": "2020-01-01T00:00:00Z"},
            ],
            "v": {"type": "VocabProperty", "vocab": "Term"},
            "j": {"type": "JsonProperty", "json": {"a": 1}},
            "l": {"type": "ListProperty", "valueList": [1, 2]},
            "r": {"type": "ListRelationship", "objectList": ["urn:b"]},
            "n": {"type": "LanguageProperty", "languageMap": {"en": "x"}},
        });
        let context = Context::core();
        let fragment = Parser::new(&context, Purpose::Whole).entity(value);
        let fragment = fragment.expect("an entity");
        fragment.into_entity(Time(1)).expect("with an id")
    }

    fn conform(version: &str) -> Option<Arc<Entity>> {
        let context = Context::core();
        let conformer = Conformer {
            version: version.parse().expect("a version"),
            context: &context,
            now: Time(2),
            sys_attrs: false,
        };
        conformer.entity(&entity())
    }

    #[test]
    fn the_nodes_own_edition_and_later_ones_change_nothing() {
        assert!(conform("1.9").is_none() && conform("1.12").is_none());
        assert_eq!("1.12".parse(), Ok(Version::OWN));
        assert!("2.0".parse::<Version>().is_err() && "1.x".parse::<Version>().is_err());
    }

    #[test]
    fn before_1_8_there_were_properties_and_relationships_alone() {
        let shown = conform("1.5").expect("changed");
        let kinds: Vec<_> = shown.attributes.iter().map(|a| a.value.kind()).collect();
        let expected = [
            Property,
            Property,
            Property,
            Property,
            Property,
            Relationship,
        ];
        assert_eq!(kinds[..6], expected.map(Some));
        assert_eq!(kinds[6], Some(LanguageProperty));
        assert!(shown.attributes.iter().any(
            |a| matches!(&a.value, AttributeValue::Property(Value::String(t)) if t == "Term")
        ));
        assert_eq!((shown.types.len(), shown.scope.len()), (2, 1));
    }

    #[test]
    fn the_first_edition_had_one_type_one_instance_and_no_scope() {
        let shown = conform("1.0").expect("changed");
        assert_eq!((shown.types.len(), shown.scope.len()), (1, 0));
        let p: Vec<_> = shown
            .attributes
            .iter()
            .filter(|a| a.name.ends_with("/p"))
            .collect();
        assert_eq!(p.len(), 1);
        assert_eq!(p[0].value, AttributeValue::Property(json!(2)));
        assert_eq!((p[0].observed_at, &p[0].unit_code), (None, &None));
    }
}
