//! One attribute instance as JSON, in each representation.

use serde_json::Value;

use super::{Format, Out, Renderer, uris};
use crate::entity::{Attribute, AttributeValue, NULL};
use crate::query::Projection;

impl Renderer<'_> {
    pub(super) fn attribute(
        &self,
        out: &mut Out,
        attribute: &Attribute,
        projection: Option<&Projection>,
        level: usize,
    ) {
        match self.format {
            Format::Simplified => self.simplified(out, attribute, projection, level),
            Format::Concise if self.is_bare(attribute, level) => self.bare(out, attribute),
            Format::Normalized | Format::Concise => self.whole(out, attribute, projection, level),
        }
    }

    /// An instance as an object, even where the concise form could be its value alone.
    pub(super) fn whole(
        &self,
        out: &mut Out,
        attribute: &Attribute,
        projection: Option<&Projection>,
        level: usize,
    ) {
        out.object(|out| {
            self.typed_value(out, attribute, projection, level);
            self.metadata(out, attribute);
        });
    }

    /// Kind and value as members of an object.
    pub(super) fn typed_value(
        &self,
        out: &mut Out,
        attribute: &Attribute,
        projection: Option<&Projection>,
        level: usize,
    ) {
        if let (AttributeValue::Language(map), Some(languages)) =
            (&attribute.value, &self.languages)
        {
            self.kind(out, "Property");
            if let Some((tag, text)) = languages.choose(map) {
                out.key("value");
                out.value(text);
                if tag != "@none" {
                    out.member_text("lang", tag);
                }
            }
            return;
        }
        let Some(kind) = attribute.value.kind() else {
            self.kind(out, "Property");
            out.member_text("value", NULL);
            return;
        };
        self.kind(out, kind.word());
        out.key(kind.member());
        self.value(out, &attribute.value);
        if !attribute.object_type.is_empty() {
            out.key("objectType");
            self.names(out, &attribute.object_type);
        }
        self.linked_entities(out, attribute, projection, level);
    }

    fn kind(&self, out: &mut Out, word: &str) {
        if self.format == Format::Normalized {
            out.member_text("type", word);
        }
    }

    /// The value alone, in its normalized form.
    pub(super) fn value(&self, out: &mut Out, value: &AttributeValue) {
        match value {
            AttributeValue::Property(value) | AttributeValue::Json(value) => out.value(value),
            AttributeValue::Relationship(names) => uris(out, names, Out::text),
            AttributeValue::Vocab(names) => uris(out, names, |out, name| {
                out.text(&self.context.compact_term(name));
            }),
            AttributeValue::Geo(geometry) => out.value(&geometry.to_geojson()),
            AttributeValue::Language(map) => out.object(|out| {
                for (tag, text) in map {
                    out.key(tag);
                    out.value(text);
                }
            }),
            AttributeValue::List(items) => out.array(|out| {
                for item in items {
                    out.item();
                    out.value(item);
                }
            }),
            AttributeValue::ListRelationship(uris) => out.array(|out| {
                for uri in uris {
                    out.item();
                    if self.format == Format::Normalized {
                        out.object(|out| out.member_text("object", uri));
                    } else {
                        out.text(uri);
                    }
                }
            }),
            AttributeValue::Null => out.text(NULL),
        }
    }

    /// The entities that a relationship points to, within it [CIM-009 §4.5.23.2].
    fn linked_entities(
        &self,
        out: &mut Out,
        attribute: &Attribute,
        projection: Option<&Projection>,
        level: usize,
    ) {
        let (uris, many) = match &attribute.value {
            AttributeValue::Relationship(uris) => (uris.as_slice(), uris.as_slice().len() > 1),
            AttributeValue::ListRelationship(uris) => (uris.as_slice(), true),
            _ => return,
        };
        let entities = self.linked_of(uris, level);
        let Some(first) = entities.first() else {
            return;
        };
        let below = projection.map(|p| p.linked(&attribute.name));
        if many {
            out.key("entityList");
            out.array(|out| {
                for entity in &entities {
                    out.item();
                    out.object(|out| self.members(out, entity, below.as_ref(), level + 1));
                }
            });
        } else {
            out.key("entity");
            out.object(|out| self.members(out, first, below.as_ref(), level + 1));
        }
    }

    pub(super) fn metadata(&self, out: &mut Out, attribute: &Attribute) {
        if let Some(dataset_id) = &attribute.dataset_id {
            out.member_text("datasetId", dataset_id);
        }
        if let Some(observed_at) = attribute.observed_at {
            out.member_time("observedAt", observed_at);
        }
        if let Some(unit_code) = &attribute.unit_code {
            out.member_text("unitCode", unit_code);
        }
        if let Some(value_type) = &attribute.value_type {
            out.key("valueType");
            out.text(&self.context.compact_term(value_type));
        }
        if self.sys_attrs {
            if let Some(end) = attribute.expires_at {
                out.member_time("expiresAt", end);
            }
            out.member_time("createdAt", attribute.created_at);
            out.member_time("modifiedAt", attribute.modified_at);
        }
        // Below an attribute no entities are linked in and nothing is picked.
        self.attributes(out, &attribute.sub, None, usize::MAX);
    }

    /// Whether the concise form of an attribute is its value alone [CIM-009 §4.5.2.3].
    fn is_bare(&self, attribute: &Attribute, _level: usize) -> bool {
        let plain = match &attribute.value {
            AttributeValue::Geo(_) => true,
            // An array of objects could be read as several instances.
            AttributeValue::Property(Value::Array(items)) => !items.iter().any(Value::is_object),
            AttributeValue::Property(value) => !value.is_object(),
            _ => false,
        };
        plain
            && !self.sys_attrs
            && attribute.dataset_id.is_none()
            && attribute.observed_at.is_none()
            && attribute.unit_code.is_none()
            && attribute.value_type.is_none()
            && attribute.sub.is_empty()
    }

    fn bare(&self, out: &mut Out, attribute: &Attribute) {
        self.value(out, &attribute.value);
    }

    /// The simplified representation of one instance [CIM-009 §4.5.4].
    fn simplified(
        &self,
        out: &mut Out,
        attribute: &Attribute,
        projection: Option<&Projection>,
        level: usize,
    ) {
        match &attribute.value {
            AttributeValue::Language(map) => match &self.languages {
                Some(languages) => match languages.choose(map) {
                    Some((_, text)) => out.value(text),
                    None => out.raw("null"),
                },
                None => self.wrapped(out, "languageMap", &attribute.value),
            },
            AttributeValue::Json(_) => self.wrapped(out, "json", &attribute.value),
            AttributeValue::Vocab(_) => self.wrapped(out, "vocab", &attribute.value),
            AttributeValue::Relationship(uris) => {
                self.simplified_links(out, uris.as_slice(), attribute, projection, level);
            }
            AttributeValue::ListRelationship(uris) => {
                self.simplified_links(out, uris, attribute, projection, level);
            }
            value => self.value(out, value),
        }
    }

    fn wrapped(&self, out: &mut Out, member: &str, value: &AttributeValue) {
        out.object(|out| {
            out.key(member);
            self.value(out, value);
        });
    }

    /// A linked entity stands in the place of its URI.
    fn simplified_links(
        &self,
        out: &mut Out,
        uris: &[base::Name],
        attribute: &Attribute,
        projection: Option<&Projection>,
        level: usize,
    ) {
        let entities = self.linked_of(uris, level);
        let below = projection.map(|p| p.linked(&attribute.name));
        match entities.as_slice() {
            [] => self.value(out, &attribute.value),
            [one] if uris.len() == 1 => {
                out.object(|out| self.members(out, one, below.as_ref(), level + 1));
            }
            many => out.array(|out| {
                for entity in many {
                    out.item();
                    out.object(|out| self.members(out, entity, below.as_ref(), level + 1));
                }
            }),
        }
    }
}
