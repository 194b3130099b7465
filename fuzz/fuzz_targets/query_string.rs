//! Any query string is a query or an error, as an HTTP face reads it, and the laws of a query hold.

#![no_main]

use std::sync::LazyLock;

use chorsu_fuzz::{NOW, city};
use jsonld::Context;
use ngsi::query::{GeoQuery, OrderBy, Pattern, Projection, QExpr, QOptions, QueryError, ScopeExpr};
use ngsi::query::{TypeExpr, attributes, ids};
use ngsi::{Entity, Query};

static CITY: LazyLock<Vec<Entity>> = LazyLock::new(city);

libfuzzer_sys::fuzz_target!(|raw: &str| {
    let Ok(parameters) = web::Query::parse(raw) else {
        return;
    };
    let context = Context::core();
    drop(OrderBy::parse(
        parameters.get("orderBy").unwrap_or("id"),
        None,
        None,
        &context,
    ));
    drop(Projection::parse(
        parameters.get("pick"),
        parameters.get("omit"),
        &context,
    ));
    let Ok(query) = read(&parameters, &context) else {
        return;
    };
    let weaker = query.unlinked();
    for entity in CITY.iter().filter(|entity| query.matches(entity)) {
        assert!(
            weaker.matches(entity),
            "the weaker query lacks {}",
            entity.id
        );
        if let Some(only) = query.only_ids() {
            assert!(only.contains(&&entity.id));
        }
        if let Some(only) = query.only_types() {
            assert!(only.iter().any(|name| entity.types.contains(name)));
        }
    }
});

fn read(parameters: &web::Query, context: &Context) -> Result<Query, QueryError> {
    let get = |name| parameters.get(name);
    Ok(Query {
        ids: get("id").map(ids).transpose()?.unwrap_or_default(),
        id_pattern: get("idPattern")
            .map(|text| Pattern::parse("idPattern", text))
            .transpose()?,
        types: get("type")
            .map(|text| TypeExpr::parse(text, context))
            .transpose()?,
        selectors: Vec::new(),
        attrs: get("attrs")
            .map(|text| attributes(text, context))
            .transpose()?
            .unwrap_or_default(),
        q: get("q")
            .map(|text| QExpr::parse(text, QOptions::default(), context))
            .transpose()?,
        scope: get("scopeQ").map(ScopeExpr::parse).transpose()?,
        geo: match (get("georel"), get("geometry"), get("coordinates")) {
            (Some(georel), Some(geometry), Some(coordinates)) => {
                let coordinates = serde_json::from_str(coordinates).unwrap_or_default();
                let property = get("geoproperty");
                Some(GeoQuery::parse(
                    georel,
                    geometry,
                    &coordinates,
                    property,
                    context,
                )?)
            }
            _ => None,
        },
        now: NOW,
    })
}
