//! `/entities/{id}`: one entity [CIM-009 §6.5].

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use base::Name;
use broker::{Command, Done};
use http::{HeaderMap, StatusCode};
use ngsi::parse::{Parser, Purpose, lexical};
use ngsi::patch::MergeOptions;
use serde_json::Value;
use trust::Operation;
use web::{Caller, Query};

use crate::answer::{self, Setting};
use crate::error::{Answer, Failure, bad_request, not_found};
use crate::parameters::{Join, Options, REPRESENTATION, Representation};
use crate::payload::{self, Payload};
use crate::state::Api;

/// The id in a path, which must be a URI.
pub(crate) fn id(text: &str) -> Result<Name, Failure> {
    Ok(lexical::uri(text)?)
}

/// `GET /entities/{id}` [CIM-009 §5.7.1]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[&REPRESENTATION[..], &["entityMap", "type"]].concat())?;
    let media = answer::media(&headers)?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let representation = Representation::read(&query, &in_use.context)?;
    api.broker.known_tenant(&call.tenant).await?;
    let entity = api.broker.retrieve(&call, &id).await?;
    let entity = representation
        .shape(&entity)
        .ok_or_else(|| not_found(format_args!("'{id}' has none of the attributes asked for")))?;
    if let Some(projection) = &representation.projection
        && !shows_anything(projection, &entity)
    {
        return Err(not_found(format_args!("'{id}' has none of the members asked for")));
    }
    let linked = match representation.join {
        Join::Flat(levels) | Join::Inline(levels) => {
            api.broker.linked(&call, std::slice::from_ref(&entity), levels).await?
        }
        Join::None => Default::default(),
    };
    let setting = Setting {
        in_use: &in_use,
        representation: &representation,
        media,
        now: api.broker.now(),
        linked,
    };
    Ok(setting.one(&entity))
}

/// Whether a projection leaves any member of the entity.
pub(crate) fn shows_anything(
    projection: &ngsi::query::Projection,
    entity: &ngsi::Entity,
) -> bool {
    use ngsi::query::Member;
    projection.shows(Member::Id)
        || projection.shows(Member::Type)
        || (projection.shows(Member::Scope) && !entity.scope.is_empty())
        || entity.attributes.iter().any(|a| projection.shows_attribute(&a.name))
}

/// `DELETE /entities/{id}` [CIM-009 §5.6.6]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["local", "type"])?;
    let id = id(&entity_id)?;
    api.broker.known_tenant(&call.tenant).await?;
    api.broker.apply_one(&call, Command::Delete { id }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `PUT /entities/{id}` [CIM-009 §5.6.18]
pub(crate) async fn replace(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local", "type"])?;
    let id = id(&entity_id)?;
    let (value, in_use) = payload.object(&api, &call).await?;
    let fragment = Parser::new(&in_use.context, Purpose::Whole).fragment(value)?;
    same_id(&id, fragment.id.as_ref())?;
    api.broker.known_tenant(&call.tenant).await?;
    api.broker.apply_one(&call, Command::Replace { id, fragment }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `PATCH /entities/{id}` [CIM-009 §5.6.17]
pub(crate) async fn merge(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local", "type", "options", "format", "observedAt", "lang"])?;
    Options::read(&query)?;
    let id = id(&entity_id)?;
    let (value, in_use) = payload.object(&api, &call).await?;
    let fragment = Parser::new(&in_use.context, Purpose::Fragment).fragment(value)?;
    same_id(&id, fragment.id.as_ref())?;
    api.broker.known_tenant(&call.tenant).await?;
    let options = merge_options(&query)?;
    let done = api.broker.apply_one(&call, Command::Merge { id, fragment, options }).await?;
    debug_assert!(matches!(done, Done::Changed(_)), "a merge changes");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `observedAt` and `lang` of a merge [CIM-009 §6.5.3.4].
pub(crate) fn merge_options(query: &Query) -> Result<MergeOptions, Failure> {
    let observed_at = query
        .get("observedAt")
        .map(|text| lexical::date_time(&Value::String(text.to_owned())))
        .transpose()?;
    Ok(MergeOptions { observed_at, lang: query.get("lang").map(ToOwned::to_owned) })
}

/// The id in a body, if there is one, must be that of the path.
pub(crate) fn same_id(path: &Name, body: Option<&Name>) -> Result<(), Failure> {
    match body {
        Some(other) if other != path => {
            Err(bad_request("the id in the body is another than the one in the path"))
        }
        _ => Ok(()),
    }
}
