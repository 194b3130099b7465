//! `/entities/{id}/attrs`: the attributes of one entity [CIM-009 §6.6, §6.7].

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use base::Name;
use broker::{Command, Done};
use http::{HeaderMap, StatusCode};
use jsonld::Context;
use ngsi::Attribute;
use ngsi::parse::{Parser, Purpose};
use ngsi::patch::Instances;
use serde_json::Value;
use trust::Operation;
use web::{Caller, Query};

use crate::entity::{id, if_type, same_id};
use crate::error::{Answer, Failure, bad_request, invalid_request};
use crate::outcome::of_update;
use crate::payload::{self, Payload};
use crate::state::Api;

/// `POST /entities/{id}/attrs` [CIM-009 §5.6.3]
pub(crate) async fn append(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["options", "local", "type"])?;
    let overwrite = match query.get("options") {
        None => true,
        Some("noOverwrite") => false,
        Some(_) => return Err(invalid_request("the only option here is noOverwrite")),
    };
    let id = id(&entity_id)?;
    let (value, in_use) = payload.object(&api, &call).await?;
    let fragment = Parser::new(&in_use.context, Purpose::Whole).fragment(value)?;
    same_id(&id, fragment.id.as_ref())?;
    api.broker.known_tenant(&call.tenant).await?;
    let done = api
        .broker
        .apply_one(
            &call,
            if_type(
                &query,
                &in_use.context,
                Command::Append {
                    id,
                    fragment,
                    overwrite,
                },
            )?,
        )
        .await?;
    Ok(match done {
        Done::Changed(outcome) => of_update(&outcome, &in_use),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `PATCH /entities/{id}/attrs` [CIM-009 §5.6.2]
pub(crate) async fn update(
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
    let fragment = Parser::new(&in_use.context, Purpose::Update).fragment(value)?;
    same_id(&id, fragment.id.as_ref())?;
    api.broker.known_tenant(&call.tenant).await?;
    let done = api
        .broker
        .apply_one(
            &call,
            if_type(&query, &in_use.context, Command::Update { id, fragment })?,
        )
        .await?;
    Ok(match done {
        Done::Changed(outcome) => of_update(&outcome, &in_use),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
}

/// The scope is no attribute: it can be set with others and deleted, no more [CIM-009 §5.6.4].
fn refuse_scope(name: &str) -> Result<(), Failure> {
    if name == "scope" {
        return Err(bad_request(
            "the scope is changed with PATCH /entities/{id}/attrs",
        ));
    }
    Ok(())
}

/// The expanded name of an attribute in a path.
pub(crate) fn name_in_path(context: &Context, name: &str) -> Result<Name, Failure> {
    Ok(Parser::new(context, Purpose::Whole).attribute_name(name)?)
}

/// The instances that the body of an operation on one attribute describes.
fn instances(
    context: &Context,
    purpose: Purpose,
    name: &Name,
    mut value: Value,
) -> Result<Vec<Attribute>, Failure> {
    if let Value::Object(members) = &mut value {
        members.shift_remove("@context");
        // The body may be wrapped in the attribute's own name, as an entity fragment is.
        let compact = context.compact_term(name).into_owned();
        if members.len() == 1
            && let Some(inner) = members.shift_remove(&compact)
        {
            value = inner;
        }
    }
    if let Value::Object(members) = &value
        && members.is_empty()
    {
        return Err(bad_request("the body says nothing of the attribute"));
    }
    Ok(Parser::new(context, purpose).attribute_fragment(name, value)?)
}

/// `PATCH /entities/{id}/attrs/{name}` [CIM-009 §5.6.4]
pub(crate) async fn update_one(
    State(api): State<Api>,
    Caller(call): Caller,
    Path((entity_id, name)): Path<(String, String)>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local", "type"])?;
    let id = id(&entity_id)?;
    let (value, in_use) = payload.object(&api, &call).await?;
    refuse_scope(&name)?;
    let name = name_in_path(&in_use.context, &name)?;
    let instances = instances(&in_use.context, Purpose::Update, &name, value)?;
    api.broker.known_tenant(&call.tenant).await?;
    let command = Command::UpdateAttribute { id, instances };
    api.broker
        .apply_one(&call, if_type(&query, &in_use.context, command)?)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `PUT /entities/{id}/attrs/{name}` [CIM-009 §5.6.19]
pub(crate) async fn replace_one(
    State(api): State<Api>,
    Caller(call): Caller,
    Path((entity_id, name)): Path<(String, String)>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local", "type"])?;
    let id = id(&entity_id)?;
    let (value, in_use) = payload.object(&api, &call).await?;
    refuse_scope(&name)?;
    let name = name_in_path(&in_use.context, &name)?;
    let instances = instances(&in_use.context, Purpose::Whole, &name, value)?;
    api.broker.known_tenant(&call.tenant).await?;
    let command = Command::ReplaceAttribute { id, instances };
    api.broker
        .apply_one(&call, if_type(&query, &in_use.context, command)?)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /entities/{id}/attrs/{name}` [CIM-009 §5.6.5]
pub(crate) async fn remove_one(
    State(api): State<Api>,
    Caller(call): Caller,
    Path((entity_id, name)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["local", "type", "datasetId", "deleteAll"])?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let name = match name.as_str() {
        "scope" => Name::from(ngsi::patch::SCOPE),
        _ => name_in_path(&in_use.context, &name)?,
    };
    let which = which_instances(&query)?;
    api.broker.known_tenant(&call.tenant).await?;
    let command = Command::DeleteAttribute { id, name, which };
    api.broker
        .apply_one(&call, if_type(&query, &in_use.context, command)?)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `deleteAll` and `datasetId`.
pub(crate) fn which_instances(query: &Query) -> Result<Instances, Failure> {
    if query.flag("deleteAll")? {
        return Ok(Instances::All);
    }
    Ok(Instances::One(match query.get("datasetId") {
        None | Some("@none") => None,
        Some(uri) => Some(ngsi::parse::lexical::uri(uri)?),
    }))
}
