//! `/entities/{id}/attrs`: the attributes of one entity [CIM-009 §6.6, §6.7].

use axum::extract::{Path, State};
use base::Name;
use broker::Command;
use http::HeaderMap;
use ngsi::Attribute;
use ngsi::parse::{Parser, Purpose};
use ngsi::patch::Instances;
use serde_json::Value;
use trust::Operation;
use web::Query;

use crate::entity::id;
use crate::error::{Answer, Failure, bad_request, invalid_request};
use crate::payload::{InUse, Payload};
use crate::state::Api;
use crate::write::Asking;

/// `POST /entities/{id}/attrs` [CIM-009 §5.6.3]
pub(crate) async fn append(
    State(api): State<Api>,
    asking: Asking,
    Path(entity_id): Path<String>,
    payload: Payload,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["options", "local", "type"])?;
    let overwrite = match write.query.get("options") {
        None => true,
        Some("noOverwrite") => false,
        Some(_) => return Err(invalid_request("the only option here is noOverwrite")),
    };
    let id = id(&entity_id)?;
    let fragment = write.fragment(&payload, Purpose::Whole, &id).await?;
    let append = Command::Append {
        id,
        fragment,
        overwrite,
    };
    write.done(append).await
}

/// `PATCH /entities/{id}/attrs` [CIM-009 §5.6.2]
pub(crate) async fn update(
    State(api): State<Api>,
    asking: Asking,
    Path(entity_id): Path<String>,
    payload: Payload,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["local", "type"])?;
    let id = id(&entity_id)?;
    let fragment = write.fragment(&payload, Purpose::Update, &id).await?;
    write.done(Command::Update { id, fragment }).await
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

/// The instances that the body of an operation on one attribute describes.
fn instances(
    in_use: &InUse,
    purpose: Purpose,
    name: &Name,
    mut value: Value,
) -> Result<Vec<Attribute>, Failure> {
    if let Value::Object(members) = &mut value {
        members.shift_remove("@context");
        // The body may be wrapped in the attribute's own name, as an entity fragment is.
        let compact = in_use.context.compact_term(name).into_owned();
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
    Ok(Parser::new(&in_use.context, purpose).attribute_fragment(name, value)?)
}

/// `PATCH /entities/{id}/attrs/{name}` [CIM-009 §5.6.4]
pub(crate) async fn update_one(
    State(api): State<Api>,
    asking: Asking,
    Path((entity_id, name)): Path<(String, String)>,
    payload: Payload,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["local", "type"])?;
    let id = id(&entity_id)?;
    let value = write.object(&payload).await?;
    refuse_scope(&name)?;
    let name = write.name(&name)?;
    let instances = instances(&write.in_use, Purpose::Update, &name, value)?;
    write.done(Command::UpdateAttribute { id, instances }).await
}

/// `PUT /entities/{id}/attrs/{name}` [CIM-009 §5.6.19]
pub(crate) async fn replace_one(
    State(api): State<Api>,
    asking: Asking,
    Path((entity_id, name)): Path<(String, String)>,
    payload: Payload,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["local", "type"])?;
    let id = id(&entity_id)?;
    let value = write.object(&payload).await?;
    refuse_scope(&name)?;
    let name = write.name(&name)?;
    let instances = instances(&write.in_use, Purpose::Whole, &name, value)?;
    let replace = Command::ReplaceAttribute { id, instances };
    write.done(replace).await
}

/// `DELETE /entities/{id}/attrs/{name}` [CIM-009 §5.6.5]
pub(crate) async fn remove_one(
    State(api): State<Api>,
    asking: Asking,
    Path((entity_id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let known = ["local", "type", "datasetId", "deleteAll"];
    let mut write = asking.begin(&api, Operation::Delete, &known)?;
    let id = id(&entity_id)?;
    write.linked(&headers).await?;
    let name = write.name_or_scope(&name)?;
    let which = which_instances(&write.query)?;
    let delete = Command::DeleteAttribute { id, name, which };
    write.done(delete).await
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
