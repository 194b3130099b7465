//! `/types` and `/attributes`: what there is to ask for [CIM-009 §5.7.5 to §5.7.10].

use std::collections::BTreeMap;
use std::ops::Deref;

use axum::extract::{Path, State};
use axum::response::Response;
use base::Name;
use federation::List;
use http::{HeaderMap, StatusCode};
use jsonld::Context;
use ngsi::AttributeKind;
use ports::Census;
use serde_json::{Value, json};
use trust::{Call, Operation};
use web::{Caller, Query};

use crate::answer;
use crate::elsewhere::Elsewhere;
use crate::error::{Answer, Failure, not_found};
use crate::payload::{self, InUse};
use crate::state::Api;

/// Parameters of the lists.
const PARAMETERS: [&str; 3] = ["details", "local", "count"];

/// `GET /types`
pub(crate) async fn types(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&PARAMETERS)?;
    let details = query.flag("details")?;
    let media = answer::plain_media(&headers)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let list = if details {
        List::TypeDetails
    } else {
        List::Types
    };
    let census = Seen::read(&api, &call, (&query, &headers), &in_use, &list).await?;
    let context = &*in_use.context;
    let short = |name: &Name| context.compact_term(name).into_owned();
    let body = if details {
        let entry = |t: &ports::TypeCensus| {
            let mut names: Vec<String> = t.attributes.iter().map(|(n, _, _)| short(n)).collect();
            names.dedup();
            json!({
                "id": t.name, "type": "EntityType", "typeName": short(&t.name),
                "attributeNames": names,
            })
        };
        Value::Array(census.types.iter().map(entry).collect())
    } else {
        let list: Vec<String> = census.types.iter().map(|t| short(&t.name)).collect();
        json!({
            "id": list_id("EntityTypeList", &list), "type": "EntityTypeList", "typeList": list,
        })
    };
    Ok(census.marked(answer::value(StatusCode::OK, media, &in_use, body)))
}

/// `GET /types/{name}`
pub(crate) async fn one_type(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&["local"])?;
    let media = answer::plain_media(&headers)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let context = &*in_use.context;
    let expanded = name_of(context, &name)?;
    let list = List::TypeInfo(expanded.clone());
    let census = Seen::read(&api, &call, (&query, &headers), &in_use, &list).await?;
    let found = census.types.iter().find(|t| t.name == expanded);
    let found = found.ok_or_else(|| {
        census.warned(not_found(format_args!(
            "there are no entities of type '{expanded}'"
        )))
    })?;
    let mut details: BTreeMap<&Name, Vec<AttributeKind>> = BTreeMap::new();
    for (name, kind, _) in &found.attributes {
        details.entry(name).or_default().push(*kind);
    }
    let detail = |(name, kinds): (&Name, Vec<AttributeKind>)| {
        let kinds: Vec<&str> = kinds.into_iter().map(AttributeKind::word).collect();
        json!({
            "id": name, "type": "Attribute", "attributeName": context.compact_term(name),
            "attributeTypes": kinds,
        })
    };
    let body = json!({
        "id": found.name, "type": "EntityTypeInfo",
        "typeName": context.compact_term(&found.name),
        "entityCount": found.entities,
        "attributeDetails": details.into_iter().map(detail).collect::<Vec<_>>(),
    });
    Ok(census.marked(answer::value(StatusCode::OK, media, &in_use, body)))
}

/// `GET /attributes`
pub(crate) async fn attributes(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&PARAMETERS)?;
    let details = query.flag("details")?;
    let media = answer::plain_media(&headers)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let list = if details {
        List::AttributeDetails
    } else {
        List::Attributes
    };
    let census = Seen::read(&api, &call, (&query, &headers), &in_use, &list).await?;
    let context = &*in_use.context;
    let all = by_attribute(&census);
    let body = if details {
        let entry = |(name, found): (&Name, &Attribute<'_>)| {
            let types: Vec<_> = found
                .types
                .iter()
                .map(|t| context.compact_term(t))
                .collect();
            json!({
                "id": name, "type": "Attribute", "attributeName": context.compact_term(name),
                "typeNames": types,
            })
        };
        Value::Array(
            all.iter()
                .map(|(name, found)| entry((name, found)))
                .collect(),
        )
    } else {
        let list: Vec<String> = all
            .keys()
            .map(|n| context.compact_term(n).into_owned())
            .collect();
        json!({
            "id": list_id("AttributeList", &list), "type": "AttributeList", "attributeList": list,
        })
    };
    Ok(census.marked(answer::value(StatusCode::OK, media, &in_use, body)))
}

/// `GET /attributes/{name}`
pub(crate) async fn one_attribute(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&["local"])?;
    let media = answer::plain_media(&headers)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let context = &*in_use.context;
    let expanded = name_of(context, &name)?;
    let list = List::AttributeInfo(expanded.clone());
    let census = Seen::read(&api, &call, (&query, &headers), &in_use, &list).await?;
    let all = by_attribute(&census);
    let found = all.get(&expanded).ok_or_else(|| {
        census.warned(not_found(format_args!(
            "no entity has an attribute '{expanded}'"
        )))
    })?;
    let types: Vec<_> = found
        .types
        .iter()
        .map(|t| context.compact_term(t))
        .collect();
    let kinds: Vec<&str> = found.kinds.iter().map(|k| k.word()).collect();
    let body = json!({
        "id": expanded, "type": "Attribute", "attributeName": context.compact_term(&expanded),
        "attributeCount": found.instances, "attributeTypes": kinds, "typeNames": types,
    });
    Ok(census.marked(answer::value(StatusCode::OK, media, &in_use, body)))
}

/// The census, here and elsewhere, and what is to be said of sources that are missing.
struct Seen<'a> {
    census: Census,
    on: Option<Elsewhere<'a>>,
}

impl<'a> Seen<'a> {
    async fn read(
        api: &'a Api,
        call: &'a Call,
        (query, headers): (&Query, &HeaderMap),
        in_use: &InUse,
        list: &List,
    ) -> Result<Self, Failure> {
        api.broker.known_tenant(&call.tenant).await?;
        let on = Elsewhere::of(api, call, headers, query.flag("local")?, in_use);
        let census = match &on {
            Some(on) => api.gateway.census(call, &on.route, list, &on.words).await?,
            None => api.broker.census(call).await?,
        };
        Ok(Self { census, on })
    }

    fn marked(&self, mut response: Response) -> Response {
        if let Some(on) = &self.on {
            on.warn(&mut response);
        }
        response
    }

    fn warned(&self, failure: Failure) -> Failure {
        match &self.on {
            Some(on) => on.warned(failure),
            None => failure,
        }
    }
}

impl Deref for Seen<'_> {
    type Target = Census;
    fn deref(&self) -> &Census {
        &self.census
    }
}

/// What the census says of one attribute.
#[derive(Default)]
struct Attribute<'c> {
    types: Vec<&'c Name>,
    kinds: Vec<AttributeKind>,
    instances: u64,
}

fn by_attribute(census: &Census) -> BTreeMap<Name, Attribute<'_>> {
    let mut all: BTreeMap<Name, Attribute<'_>> = BTreeMap::new();
    for type_census in &census.types {
        for (name, kind, instances) in &type_census.attributes {
            let found = all.entry(name.clone()).or_default();
            // A source may name attributes alone.
            if !type_census.name.is_empty() && found.types.last() != Some(&&type_census.name) {
                found.types.push(&type_census.name);
            }
            if !found.kinds.contains(kind) {
                found.kinds.push(*kind);
            }
            // Limit: an instance of an entity with several types counts for each of them.
            found.instances += instances;
        }
    }
    all
}

fn name_of(context: &Context, name: &str) -> Result<Name, Failure> {
    ngsi::parse::lexical::name(name)?;
    // Members such as `id` are no attributes or types, so that there are none of that name.
    if ["id", "type", "scope"].contains(&name) {
        return Err(not_found(format_args!(
            "'{name}' is a member of every entity"
        )));
    }
    Ok(context
        .expand_name(name)
        .map_err(ngsi::parse::ParseError::from)?)
}

/// The URI of a list, the same for the same list.
fn list_id(kind: &str, list: &[String]) -> String {
    let hash = list
        .iter()
        .flat_map(|name| name.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("urn:ngsi-ld:{kind}:{hash:016x}")
}
