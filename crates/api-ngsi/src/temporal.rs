//! `/temporal/entities`: writing history [CIM-009 §6.18 to §6.22].

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use broker::Command;
use http::header::ALLOW;
use http::{HeaderMap, StatusCode};
use ngsi::parse::Purpose;
use ngsi::patch::Instances;
use ngsi::temporal::{HistoryEdit, InstanceId};
use serde_json::Value;
use trust::Operation;
use web::Problem;

use crate::attributes::which_instances;
use crate::entity::id;
use crate::error::{Answer, Failure, bad_request, not_found};
use crate::payload::Payload;
use crate::state::Api;
use crate::write::Asking;

/// `POST /temporal/entities` [CIM-009 §5.6.11]
pub(crate) async fn add(State(api): State<Api>, asking: Asking, payload: Payload) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["local"])?;
    let value = write.object(&payload).await?;
    let fragment = write.parser(Purpose::Temporal).entity(value)?;
    let add = Command::AddHistory {
        fragment,
        must_exist: false,
    };
    write.done(add).await
}

/// `POST /temporal/entities/{id}/attrs` [CIM-009 §5.6.12]
pub(crate) async fn add_attributes(
    State(api): State<Api>,
    asking: Asking,
    Path(entity_id): Path<String>,
    payload: Payload,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["local"])?;
    let id = id(&entity_id)?;
    let mut fragment = write.fragment(&payload, Purpose::Temporal, &id).await?;
    fragment.id = Some(id);
    let add = Command::AddHistory {
        fragment,
        must_exist: true,
    };
    write.done(add).await
}

/// `DELETE /temporal/entities/{id}` [CIM-009 §5.6.16]
pub(crate) async fn remove(
    State(api): State<Api>,
    asking: Asking,
    Path(entity_id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Delete, &["local", "deleteAll"])?;
    let id = id(&entity_id)?;
    write.linked_if_used(&headers).await?;
    let edit = HistoryEdit::RemoveEntity;
    write.done(Command::EditHistory { id, edit }).await
}

/// `DELETE /temporal/entities/{id}/attrs/{name}` [CIM-009 §5.6.13]
pub(crate) async fn remove_attribute(
    State(api): State<Api>,
    asking: Asking,
    Path((entity_id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let known = ["local", "deleteAll", "datasetId"];
    let mut write = asking.begin(&api, Operation::Delete, &known)?;
    let id = id(&entity_id)?;
    write.linked(&headers).await?;
    let name = write.name_or_scope(&name)?;
    let dataset_id = match which_instances(&write.query)? {
        Instances::All => None,
        Instances::One(dataset_id) => Some(dataset_id),
    };
    let edit = HistoryEdit::RemoveAttribute { name, dataset_id };
    write.done(Command::EditHistory { id, edit }).await
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
    asking: Asking,
    Path((entity_id, name, instance)): Path<(String, String, String)>,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&asking.call, Operation::Write)?;
    if name.is_empty() {
        // `attrs//{instance}` is `attrs/{instance}`, which knows no PATCH [CIM-009 §6.21].
        let detail = "an instance is changed at attrs/{name}/{instance}";
        let problem = Problem::plain(StatusCode::METHOD_NOT_ALLOWED, detail);
        return Ok(([(ALLOW, "DELETE")], problem).into_response());
    }
    let mut write = asking.begin(&api, Operation::Write, &["local"])?;
    let id = id(&entity_id)?;
    let mut value = write.object(&payload).await?;
    let name = write.name(&name)?;
    let short = write.in_use.context.compact_term(&name).into_owned();
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
    let mut attributes = write
        .parser(Purpose::Update)
        .attribute_fragment(&name, value)?;
    let (Some(attribute), None) = (attributes.pop(), attributes.pop()) else {
        return Err(bad_request("the body must describe one instance"));
    };
    let update = Command::UpdateInstance {
        id,
        instance,
        attribute,
    };
    write.done(update).await
}

/// `DELETE /temporal/entities/{id}/attrs/{name}/{instance}` [CIM-009 §5.6.15]
pub(crate) async fn remove_instance(
    State(api): State<Api>,
    asking: Asking,
    Path((entity_id, name, instance)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Delete, &["local"])?;
    let id = id(&entity_id)?;
    write.linked(&headers).await?;
    let name = write.name_or_scope(&name)?;
    let instance = instance_in_path(&instance)?;
    let edit = HistoryEdit::RemoveInstance { name, instance };
    write.done(Command::EditHistory { id, edit }).await
}
