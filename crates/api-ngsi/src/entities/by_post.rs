//! The Query in the body of a query by POST [CIM-009 §5.2.23].

use base::Time;
use jsonld::Context;
use ngsi::query::{
    self, GeoQuery, OrderBy, Pattern, QExpr, QOptions, Query as EntityQuery, ScopeExpr, Selector,
    TypeExpr,
};
use serde_json::Value;
use web::Query;

use super::text_member;
use crate::error::{Failure, bad_request};
use crate::parameters::Representation;

/// What was read.
pub(crate) struct Read {
    pub(crate) query: EntityQuery,
    pub(crate) order: Option<OrderBy>,
    pub(crate) representation: Representation,
}

const MEMBERS: [&str; 27] = [
    "@context",
    "type",
    "entities",
    "attrs",
    "pick",
    "omit",
    "q",
    "geoQ",
    "csf",
    "temporalQ",
    "scopeQ",
    "lang",
    "containedBy",
    "join",
    "joinLevel",
    "datasetId",
    "orderBy",
    "ordering",
    "expandValues",
    "jsonKeys",
    "entityMap",
    "entityMapLifetime",
    "splitEntities",
    "geometryProperty",
    "format",
    "aggrParams",
    "local",
];

pub(crate) fn read(
    body: &Value,
    parameters: &Query,
    context: &Context,
    now: Time,
) -> Result<Read, Failure> {
    if text_member(body, "type")? != Some("Query") {
        return Err(bad_request("'type' of the body must be Query"));
    }
    if let Some(unknown) = body
        .as_object()
        .and_then(|m| m.keys().find(|k| !MEMBERS.contains(&k.as_str())))
    {
        let shown: String = unknown.chars().take(64).collect();
        return Err(bad_request(format_args!(
            "'{shown}' is no member of a Query"
        )));
    }
    let as_parameters = parameters_of(body, parameters)?;
    let representation = Representation::read(&as_parameters, context)?;
    let lists = |name: &str| -> Result<Vec<String>, Failure> { strings(body, name) };
    let (expand_values, json_keys) = (lists("expandValues")?, lists("jsonKeys")?);
    let expand_values: Vec<&str> = expand_values.iter().map(String::as_str).collect();
    let json_keys: Vec<&str> = json_keys.iter().map(String::as_str).collect();
    let options = QOptions {
        expand_values: &expand_values,
        json_keys: &json_keys,
    };
    let attrs = match as_parameters.get("attrs") {
        Some(text) => query::attributes(text, context)?,
        None => Vec::new(),
    };
    Ok(Read {
        query: EntityQuery {
            selectors: selectors(body, context)?,
            attrs,
            q: text_member(body, "q")?
                .map(|t| QExpr::parse(t, options, context))
                .transpose()?,
            scope: text_member(body, "scopeQ")?
                .map(ScopeExpr::parse)
                .transpose()?,
            geo: body
                .get("geoQ")
                .map(|geo| geo_query(geo, context))
                .transpose()?,
            now,
            ..EntityQuery::default()
        },
        order: order(body, context)?,
        representation,
    })
}

/// The members of the body that say how to show entities, as the parameters that they are in a
/// query by GET.
fn parameters_of(body: &Value, parameters: &Query) -> Result<Query, Failure> {
    let mut pairs: Vec<String> = parameters
        .pairs()
        .filter(|(name, _)| ["options", "format", "lang"].contains(name))
        .map(|(name, value)| pair(name, value))
        .collect();
    for name in ["attrs", "pick", "omit", "datasetId"] {
        let list = strings(body, name)?;
        if !list.is_empty() {
            pairs.push(pair(name, &list.join(",")));
        }
    }
    for name in ["lang", "join", "geometryProperty"] {
        if let Some(text) = text_member(body, name)? {
            pairs.push(pair(name, text));
        }
    }
    if let Some(level) = body.get("joinLevel") {
        pairs.push(pair("joinLevel", &level.to_string()));
    }
    Ok(Query::parse(&pairs.join("&"))?)
}

fn pair(name: &str, value: &str) -> String {
    let escaped: String = value
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b',' | b'*' | b':' => {
                char::from(b).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("{name}={escaped}")
}

/// A member that is a string or an array of strings.
fn strings(body: &Value, name: &str) -> Result<Vec<String>, Failure> {
    let must = || bad_request(format_args!("'{name}' must be an array of strings"));
    match body.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) if !items.is_empty() => items
            .iter()
            .map(|item| item.as_str().map(ToOwned::to_owned).ok_or_else(must))
            .collect(),
        Some(_) => Err(must()),
    }
}

fn selectors(body: &Value, context: &Context) -> Result<Vec<Selector>, Failure> {
    match body.get("entities") {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| selector(item, context)).collect()
        }
        Some(_) => Err(bad_request(
            "'entities' must be an array of entity selectors",
        )),
    }
}

fn selector(item: &Value, context: &Context) -> Result<Selector, Failure> {
    let ids = strings(item, "id")?.join(",");
    let types = text_member(item, "type")?
        .ok_or_else(|| bad_request("each of 'entities' needs a 'type', which may be '*'"))?;
    Ok(Selector {
        ids: if ids.is_empty() {
            Vec::new()
        } else {
            query::ids(&ids)?
        },
        id_pattern: text_member(item, "idPattern")?
            .map(|text| Pattern::parse("idPattern", text))
            .transpose()?,
        types: Some(TypeExpr::parse(types, context)?),
    })
}

fn geo_query(geo: &Value, context: &Context) -> Result<GeoQuery, Failure> {
    let need = |name: &'static str| {
        text_member(geo, name)?
            .ok_or_else(|| bad_request(format_args!("'geoQ' needs '{name}' as a string")))
    };
    let coordinates = match geo.get("coordinates") {
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|_no_json| bad_request("'coordinates' must be a JSON array"))?,
        Some(value) => value.clone(),
        None => return Err(bad_request("'geoQ' needs 'coordinates'")),
    };
    let geoproperty = text_member(geo, "geoproperty")?;
    Ok(GeoQuery::parse(
        need("georel")?,
        need("geometry")?,
        &coordinates,
        geoproperty,
        context,
    )?)
}

fn order(body: &Value, context: &Context) -> Result<Option<OrderBy>, Failure> {
    let ordering = body.get("ordering").unwrap_or(body);
    let terms = strings(ordering, "orderBy")?;
    if terms.is_empty() {
        return Ok(None);
    }
    let from = match (
        ordering.get("coordinates"),
        text_member(ordering, "geometry")?,
    ) {
        (Some(coordinates), geometry) => {
            let geometry = geometry.unwrap_or("Point");
            Some(spatial::Geometry::from_coordinates(geometry, coordinates).map_err(bad_request)?)
        }
        (None, _) => None,
    };
    let collation = text_member(ordering, "collation")?;
    Ok(Some(OrderBy::parse(
        &terms.join(","),
        from,
        collation,
        context,
    )?))
}
