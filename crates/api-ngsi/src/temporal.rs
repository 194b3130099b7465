//! `/temporal/entities`: writing history [CIM-009 §6.18 to §6.22].

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use base::Name;
use broker::{Command, Done};
use http::header::ALLOW;
use http::{HeaderMap, StatusCode};
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::patch::{Instances, SCOPE};
use ngsi::temporal::{HistoryEdit, InstanceId};
use serde_json::Value;
use trust::Operation;
use web::{Caller, Problem, Query};

use crate::answer;
use crate::attributes::{name_in_path, which_instances};
use crate::entity::{id, same_id};
use crate::error::{Answer, Failure, bad_request, not_found};
use crate::payload::{self, Payload};
use crate::state::Api;

/// `POST /temporal/entities` [CIM-009 §5.6.11]
pub(crate) async fn add(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local"])?;
    let (value, in_use) = payload.object(&api, &call).await?;
    let fragment = Parser::new(&in_use.context, Purpose::Temporal).entity(value)?;
    let id = fragment.id.clone().unwrap_or_else(|| "".into());
    let command = Command::AddHistory {
        fragment,
        must_exist: false,
    };
    Ok(match api.broker.apply_one(&call, command).await? {
        Done::Created => answer::created("temporal/entities", &id),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `POST /temporal/entities/{id}/attrs` [CIM-009 §5.6.12]
pub(crate) async fn add_attributes(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local"])?;
    let id = id(&entity_id)?;
    let (value, in_use) = payload.object(&api, &call).await?;
    let mut fragment = Parser::new(&in_use.context, Purpose::Temporal).fragment(value)?;
    same_id(&id, fragment.id.as_ref())?;
    fragment.id = Some(id);
    api.broker.known_tenant(&call.tenant).await?;
    api.broker
        .apply_one(
            &call,
            Command::AddHistory {
                fragment,
                must_exist: true,
            },
        )
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /temporal/entities/{id}` [CIM-009 §5.6.16]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["local", "deleteAll"])?;
    let id = id(&entity_id)?;
    api.broker.known_tenant(&call.tenant).await?;
    let edit = HistoryEdit::RemoveEntity;
    api.broker
        .apply_one(&call, Command::EditHistory { id, edit })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /temporal/entities/{id}/attrs/{name}` [CIM-009 §5.6.13]
pub(crate) async fn remove_attribute(
    State(api): State<Api>,
    Caller(call): Caller,
    Path((entity_id, name)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["local", "deleteAll", "datasetId"])?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let name = history_in_path(&in_use.context, &name)?;
    let dataset_id = match which_instances(&query)? {
        Instances::All => None,
        Instances::One(dataset_id) => Some(dataset_id),
    };
    api.broker.known_tenant(&call.tenant).await?;
    let edit = HistoryEdit::RemoveAttribute { name, dataset_id };
    api.broker
        .apply_one(&call, Command::EditHistory { id, edit })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The expanded name of something that has a history: an attribute or the scope.
fn history_in_path(context: &Context, name: &str) -> Result<Name, Failure> {
    match name {
        "scope" => Ok(Name::from(SCOPE)),
        name => name_in_path(context, name),
    }
}

/// The instance in a path; a URI that is none of ours is nobody's.
fn instance_in_path(text: &str) -> Result<InstanceId, Failure> {
    ngsi::parse::lexical::uri(text)?;
    text.parse()
        .map_err(|()| not_found(format_args!("there is no instance '{text}'")))
}

/// `PATCH /temporal/entities/{id}/attrs/{name}/{instance}` [CIM-009 §5.6.14]
pub(crate) async fn update_instance(
    State(api): State<Api>,
    Caller(call): Caller,
    Path((entity_id, name, instance)): Path<(String, String, String)>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    if name.is_empty() {
        // `attrs//{instance}` is `attrs/{instance}`, which knows no PATCH [CIM-009 §6.21].
        let detail = "an instance is changed at attrs/{name}/{instance}";
        let problem = Problem::plain(StatusCode::METHOD_NOT_ALLOWED, detail);
        return Ok(([(ALLOW, "DELETE")], problem).into_response());
    }
    query.allow(&["local"])?;
    let id = id(&entity_id)?;
    let (mut value, in_use) = payload.object(&api, &call).await?;
    let name = name_in_path(&in_use.context, &name)?;
    let short = in_use.context.compact_term(&name).into_owned();
    let instance = instance_in_path(&instance)?;
    if let Value::Object(members) = &mut value {
        members.shift_remove("@context");
        if let Some(inner) = members.shift_remove(&short) {
            value = match inner {
                Value::Array(mut items) if items.len() == 1 => items.pop().unwrap_or_default(),
                other => other,
            };
        }
    }
    let parser = Parser::new(&in_use.context, Purpose::Update);
    let mut attributes = parser.attribute_fragment(&name, value)?;
    let (Some(attribute), None) = (attributes.pop(), attributes.pop()) else {
        return Err(bad_request("the body must describe one instance"));
    };
    api.broker.known_tenant(&call.tenant).await?;
    api.broker
        .apply_one(
            &call,
            Command::UpdateInstance {
                id,
                instance,
                attribute,
            },
        )
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /temporal/entities/{id}/attrs/{name}/{instance}` [CIM-009 §5.6.15]
pub(crate) async fn remove_instance(
    State(api): State<Api>,
    Caller(call): Caller,
    Path((entity_id, name, instance)): Path<(String, String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["local"])?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let name = history_in_path(&in_use.context, &name)?;
    let instance = instance_in_path(&instance)?;
    api.broker.known_tenant(&call.tenant).await?;
    let edit = HistoryEdit::RemoveInstance { name, instance };
    api.broker
        .apply_one(&call, Command::EditHistory { id, edit })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
