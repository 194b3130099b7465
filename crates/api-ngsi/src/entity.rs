//! `/entities/{id}`: one entity [CIM-009 §6.5].

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use base::Name;
use broker::Command;
use http::{HeaderMap, StatusCode};
use jsonld::Context;
use ngsi::parse::{Parser, Purpose, lexical};
use ngsi::patch::MergeOptions;
use ngsi::query::TypeExpr;
use serde_json::Value;
use trust::{Call, Operation};
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
    representation.check(media, &query)?;
    api.broker.known_tenant(&call.tenant).await?;
    let entity = api.broker.retrieve(&call, &id).await?;
    if let Some(types) = query.get("type")
        && !TypeExpr::parse(types, &in_use.context)?.matches(&entity.types)
    {
        return Err(not_found(format_args!("'{id}' is of another type")));
    }
    let entity = representation
        .shape(&entity)
        .ok_or_else(|| not_found(format_args!("'{id}' has none of the members asked for")))?;
    let linked = match representation.join {
        Join::Flat(levels) | Join::Inline(levels) => {
            api.broker
                .linked(&call, std::slice::from_ref(&entity), levels)
                .await?
        }
        Join::None => HashMap::default(),
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

/// A command that is only for entities of the `type` asked for, if one was [CIM-009 §4.17].
pub(crate) fn if_type(
    query: &Query,
    context: &Context,
    command: Command,
) -> Result<Command, Failure> {
    Ok(match query.get("type") {
        None => command,
        Some(text) => {
            let types = TypeExpr::parse(text, context)?;
            Command::IfType {
                types,
                command: Box::new(command),
            }
        }
    })
}

/// The same for an operation without a body; only then the context is needed.
pub(crate) async fn of_type(
    api: &Api,
    call: &Call,
    query: &Query,
    headers: &HeaderMap,
    command: Command,
) -> Result<Command, Failure> {
    if query.get("type").is_none() {
        return Ok(command);
    }
    let in_use = payload::linked(api, call, headers).await?;
    if_type(query, &in_use.context, command)
}

/// `DELETE /entities/{id}` [CIM-009 §5.6.6]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["local", "type"])?;
    let id = id(&entity_id)?;
    api.broker.known_tenant(&call.tenant).await?;
    let command = of_type(&api, &call, &query, &headers, Command::Delete { id }).await?;
    api.broker.apply_one(&call, command).await?;
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
    let command = if_type(&query, &in_use.context, Command::Replace { id, fragment })?;
    api.broker.apply_one(&call, command).await?;
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
    let fragment = Parser::new(&in_use.context, Purpose::Merge).fragment(value)?;
    same_id(&id, fragment.id.as_ref())?;
    api.broker.known_tenant(&call.tenant).await?;
    let options = merge_options(&query)?;
    let command = if_type(
        &query,
        &in_use.context,
        Command::Merge {
            id,
            fragment,
            options,
        },
    )?;
    api.broker.apply_one(&call, command).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `observedAt` and `lang` of a merge [CIM-009 §6.5.3.4].
pub(crate) fn merge_options(query: &Query) -> Result<MergeOptions, Failure> {
    let observed_at = query
        .get("observedAt")
        .map(|text| lexical::date_time(&Value::String(text.to_owned())))
        .transpose()?;
    Ok(MergeOptions {
        observed_at,
        lang: query.get("lang").map(ToOwned::to_owned),
    })
}

/// The id in a body, if there is one, must be that of the path.
pub(crate) fn same_id(path: &Name, body: Option<&Name>) -> Result<(), Failure> {
    match body {
        Some(other) if other != path => Err(bad_request(
            "the id in the body is another than the one in the path",
        )),
        _ => Ok(()),
    }
}
