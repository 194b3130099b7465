//! Entities in a line: `entity("urn:room:1").of("Room").property("temperature", 20).build()`.

use std::sync::Arc;

use base::{Name, Time};
use jsonld::Context;
use ngsi::{Attribute, AttributeValue, Entity, Uris};
use serde_json::{Value, json};
use spatial::{Geometry, Position};

/// A name as the core context expands it.
///
/// # Panics
/// When it is none.
pub fn name(short: &str) -> Name {
    Context::core()
        .expand_name(short)
        .expect("the test gives a valid name")
}

/// Names as the core context expands them.
pub fn names(short: &[&str]) -> Vec<Name> {
    short.iter().map(|short| name(short)).collect()
}

/// Begins an entity that was made and changed at the moment 0.
pub fn entity(id: &str) -> EntityBuilder {
    EntityBuilder(Entity {
        id: id.into(),
        types: Vec::new(),
        scope: Vec::new(),
        created_at: Time(0),
        modified_at: Time(0),
        expires_at: None,
        attributes: Vec::new(),
    })
}

/// Begins an attribute.
pub fn attribute(short: &str, value: AttributeValue) -> AttributeBuilder {
    AttributeBuilder(Attribute::new(name(short), value))
}

/// An entity being built.
#[derive(Debug, Clone)]
pub struct EntityBuilder(Entity);

/// An attribute being built.
#[derive(Debug, Clone)]
pub struct AttributeBuilder(Attribute);

impl EntityBuilder {
    /// Has this type too.
    #[must_use]
    pub fn of(mut self, short: &str) -> Self {
        self.0.types.push(name(short));
        self
    }

    /// Has this scope too.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.0.scope.push(scope.into());
        self
    }

    /// Was made and changed then, with all its attributes so far.
    #[must_use]
    pub fn at(mut self, time: Time) -> Self {
        (self.0.created_at, self.0.modified_at) = (time, time);
        self.0
            .attributes
            .iter_mut()
            .for_each(|a| a.stamp(time, time));
        self
    }

    /// Ceases to be then.
    #[must_use]
    pub fn expires(mut self, time: Time) -> Self {
        self.0.expires_at = Some(time);
        self
    }

    /// Has this attribute, stamped as the entity is.
    #[must_use]
    pub fn with(mut self, attribute: impl Into<Attribute>) -> Self {
        let mut attribute = attribute.into();
        attribute.stamp(self.0.created_at, self.0.modified_at);
        self.0.attributes.push(attribute);
        self
    }

    /// Has this Property.
    #[must_use]
    pub fn property(self, short: &str, value: impl Into<Value>) -> Self {
        self.with(attribute(short, AttributeValue::Property(value.into())))
    }

    /// Has this Relationship.
    #[must_use]
    pub fn relationship(self, short: &str, uri: &str) -> Self {
        self.with(attribute(
            short,
            AttributeValue::Relationship(Uris::One(uri.into())),
        ))
    }

    /// Has this GeoProperty, a point.
    ///
    /// # Panics
    /// When it is no place on earth.
    #[must_use]
    pub fn point(self, short: &str, lon: f64, lat: f64) -> Self {
        let point = Geometry::point(Position::new(lon, lat));
        self.with(attribute(
            short,
            AttributeValue::Geo(point.expect("the test gives a place")),
        ))
    }

    /// Has this LanguageProperty.
    #[must_use]
    pub fn language(self, short: &str, texts: &[(&str, &str)]) -> Self {
        let map = texts
            .iter()
            .map(|(tag, text)| ((*tag).to_owned(), json!(text)))
            .collect();
        self.with(attribute(short, AttributeValue::Language(map)))
    }

    /// The entity.
    pub fn build(self) -> Entity {
        self.0
    }

    /// The entity, to be shared.
    pub fn shared(self) -> Arc<Entity> {
        Arc::new(self.0)
    }
}

impl AttributeBuilder {
    /// Is the instance of this dataset.
    #[must_use]
    pub fn dataset(mut self, id: &str) -> Self {
        self.0.dataset_id = Some(id.into());
        self
    }

    /// Was so then.
    #[must_use]
    pub fn observed(mut self, time: Time) -> Self {
        self.0.observed_at = Some(time);
        self
    }

    /// Is in this unit.
    #[must_use]
    pub fn unit(mut self, code: &str) -> Self {
        self.0.unit_code = Some(code.into());
        self
    }

    /// Ceases to be then.
    #[must_use]
    pub fn expires(mut self, time: Time) -> Self {
        self.0.expires_at = Some(time);
        self
    }

    /// Was made then and changed then.
    #[must_use]
    pub fn at(mut self, created: Time, modified: Time) -> Self {
        self.0.stamp(created, modified);
        self
    }

    /// Has this attribute of its own.
    #[must_use]
    pub fn with(mut self, attribute: impl Into<Attribute>) -> Self {
        self.0.sub.push(attribute.into());
        self
    }

    /// The attribute.
    pub fn build(self) -> Attribute {
        self.0
    }
}

impl From<AttributeBuilder> for Attribute {
    fn from(builder: AttributeBuilder) -> Self {
        builder.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{in_scope, near, of_type, q};

    #[test]
    fn what_is_built_is_found_by_what_was_said_of_it() {
        let room = entity("urn:room:1")
            .of("Room")
            .scope("/Tashkent/Chorsu")
            .with(attribute("temperature", AttributeValue::Property(json!(20))).unit("CEL"))
            .relationship("inside", "urn:house:1")
            .point("location", 69.24, 41.33)
            .language("label", &[("uz", "xona")])
            .build();
        let all = [
            q(
                "temperature>19;temperature.unitCode==\"CEL\";inside==\"urn:house:1\";label[uz]==\"xona\"",
            ),
            of_type("Room"),
            in_scope("/Tashkent/#"),
            near("location", (69.241, 41.33), 200.0),
        ];
        for query in all {
            assert!(query.matches(&room), "{query:?}");
        }
        assert!(!near("location", (69.25, 41.33), 200.0).matches(&room));
    }
}
