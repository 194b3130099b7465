//! Builders and fakes for every test: entities in a line, a clock that steps when told, chance from a seed,
//! HTTP that answers what the test says, random worlds and questions.

mod clock;
mod entity;
mod outbound;
mod random;
mod world;

pub use clock::StepClock;
pub use entity::{AttributeBuilder, EntityBuilder, attribute, entity, name, names};
pub use outbound::ScriptedOutbound;
pub use random::{Random, SeededEntropy};
pub use world::RandomWorld;

use jsonld::Context;
use ngsi::query::{GeoQuery, QExpr, QOptions, Query, ScopeExpr, TypeExpr};

/// A query by its `q`, in the core context.
///
/// # Panics
/// When it is no `q`.
pub fn q(text: &str) -> Query {
    let q = QExpr::parse(text, QOptions::default(), &Context::core());
    Query {
        q: Some(q.expect("the test gives a valid q")),
        ..Query::default()
    }
}

/// A query by its `type`, in the core context.
///
/// # Panics
/// When it is no type expression.
pub fn of_type(text: &str) -> Query {
    let types = TypeExpr::parse(text, &Context::core());
    Query {
        types: Some(types.expect("the test gives a valid type expression")),
        ..Query::default()
    }
}

/// A query by its `scopeQ`.
///
/// # Panics
/// When it is no scope query.
pub fn in_scope(text: &str) -> Query {
    let scope = ScopeExpr::parse(text).expect("the test gives a valid scope query");
    Query {
        scope: Some(scope),
        ..Query::default()
    }
}

/// A query for what lies at most so many metres from a place.
///
/// # Panics
/// When the place is none on earth.
pub fn near(property: &str, (lon, lat): (f64, f64), metres: f64) -> Query {
    let georel = format!("near;maxDistance=={metres}");
    let coordinates = serde_json::json!([lon, lat]);
    let geo = GeoQuery::parse(
        &georel,
        "Point",
        &coordinates,
        Some(property),
        &Context::core(),
    );
    Query {
        geo: Some(geo.expect("the test gives a valid place")),
        ..Query::default()
    }
}
