//! What the start page shows of a city: types with counts, and an example to ask for.

use broker::Broker;
use ngsi::query::{Query, TypeExpr};
use ngsi::{AttributeKind, AttributeValue};
use ports::TypeCensus;
use trust::Call;
use web::Problem;

use super::problem_of;

/// What is in a city.
#[derive(Debug)]
pub(super) struct City {
    /// The most numerous first.
    pub(super) types: Vec<TypeCensus>,
    /// Entities in all.
    pub(super) entities: u64,
    /// The number of the last change.
    pub(super) change: u64,
    /// An entity to ask for; none when nothing is there.
    pub(super) example: Option<Example>,
}

/// An entity that the examples on the page ask for.
#[derive(Debug)]
pub(super) struct Example {
    /// Its id.
    pub(super) id: String,
    /// One of its types, expanded.
    pub(super) kind: String,
    /// Longitude and latitude of its place.
    pub(super) place: Option<(f64, f64)>,
}

/// Looks at the city as the caller may see it.
pub(super) async fn look(broker: &Broker, call: &Call) -> Result<City, Problem> {
    let census = broker.census(call).await.map_err(problem_of)?;
    let store = broker.store();
    let everything = Query {
        now: broker.now(),
        ..Query::default()
    };
    let entities = store.count(&call.tenant, &everything).await?;
    let mut types = census.types;
    types.sort_by(|a, b| {
        b.entities
            .cmp(&a.entities)
            .then_with(|| a.name.cmp(&b.name))
    });
    let has_place = |t: &&TypeCensus| {
        t.attributes
            .iter()
            .any(|(_, kind, _)| *kind == AttributeKind::GeoProperty)
    };
    let shown = types.iter().find(has_place).or(types.first());
    let example = match shown {
        Some(shown) => example(broker, call, shown).await?,
        None => None,
    };
    Ok(City {
        types,
        entities,
        change: store.head().0,
        example,
    })
}

async fn example(
    broker: &Broker,
    call: &Call,
    shown: &TypeCensus,
) -> Result<Option<Example>, Problem> {
    let query = Query {
        types: Some(TypeExpr {
            any_of: vec![vec![shown.name.clone()]],
        }),
        now: broker.now(),
        ..Query::default()
    };
    let found = broker.store().find(&call.tenant, &query, None, 1).await?;
    Ok(found.first().map(|found| Example {
        id: found.entity.id.to_string(),
        kind: shown.name.to_string(),
        place: found
            .entity
            .attributes
            .iter()
            .find_map(|attribute| match &attribute.value {
                AttributeValue::Geo(geometry) => {
                    let centre = geometry.centroid();
                    Some((centre.lon, centre.lat))
                }
                _ => None,
            }),
    }))
}
