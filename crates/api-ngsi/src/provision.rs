//! Entities as wholes: created, replaced, merged, deleted, purged [CIM-009 §6.4, §6.5].

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use base::{Name, limits};
use broker::Command;
use http::{HeaderMap, StatusCode};
use ngsi::parse::{Purpose, lexical};
use ngsi::patch::MergeOptions;
use serde_json::Value;
use trust::Operation;
use web::Query;

use crate::entity::id;
use crate::error::{Answer, Failure, bad_request};
use crate::outcome::BatchResult;
use crate::parameters::{self, Join, Options, SELECTION, must_select};
use crate::payload::Payload;
use crate::state::Api;
use crate::write::Asking;

/// `POST /entities` [CIM-009 §5.6.1]
pub(crate) async fn create(State(api): State<Api>, asking: Asking, payload: Payload) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["local"])?;
    let value = write.object(&payload).await?;
    let fragment = write.parser(Purpose::Whole).entity(value)?;
    write.done(Command::Create(fragment)).await
}

/// `PUT /entities` and `PATCH /entities` name no entity.
pub(crate) async fn no_id() -> Failure {
    bad_request("the path must name an entity: /entities/{id}")
}

/// `PUT /entities/{id}` [CIM-009 §5.6.18]
pub(crate) async fn replace(
    State(api): State<Api>,
    asking: Asking,
    Path(entity_id): Path<String>,
    payload: Payload,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Write, &["local", "type"])?;
    let id = id(&entity_id)?;
    let fragment = write.fragment(&payload, Purpose::Whole, &id).await?;
    write.done(Command::Replace { id, fragment }).await
}

/// `PATCH /entities/{id}` [CIM-009 §5.6.17]
pub(crate) async fn merge(
    State(api): State<Api>,
    asking: Asking,
    Path(entity_id): Path<String>,
    payload: Payload,
) -> Answer {
    let known = ["local", "type", "options", "format", "observedAt", "lang"];
    let mut write = asking.begin(&api, Operation::Write, &known)?;
    Options::read(&write.query)?;
    let id = id(&entity_id)?;
    let fragment = write.fragment(&payload, Purpose::Merge, &id).await?;
    let options = merge_options(&write.query)?;
    let merge = Command::Merge {
        id,
        fragment,
        options,
    };
    write.done(merge).await
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

/// `DELETE /entities/{id}` [CIM-009 §5.6.6]
pub(crate) async fn remove(
    State(api): State<Api>,
    asking: Asking,
    Path(entity_id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let mut write = asking.begin(&api, Operation::Delete, &["local", "type"])?;
    let id = id(&entity_id)?;
    write.linked_if_used(&headers).await?;
    write.done(Command::Delete { id }).await
}

/// `DELETE /entities`: purge [CIM-009 §5.6.21]
pub(crate) async fn purge(State(api): State<Api>, asking: Asking, headers: HeaderMap) -> Answer {
    let known = [&SELECTION[..], &["local", "keep", "drop", "attrs"]].concat();
    let mut write = asking.begin(&api, Operation::Delete, &known)?;
    write.linked(&headers).await?;
    let (call, query, context) = (&write.call, &write.query, &write.in_use.context);
    let selection = parameters::entity_query(query, context, api.broker.now())?;
    if !query.flag("local")? {
        must_select(&selection, context)?;
    }
    parameters::must_reach(&selection, Join::None)?;
    let (keep, drop) = (query.get("keep"), query.get("drop"));
    if keep.is_some() && drop.is_some() {
        return Err(bad_request("'keep' does not go together with 'drop'"));
    }
    let names = keep
        .or(drop)
        .map(|text| ngsi::query::attributes(text, context))
        .transpose()?;
    api.broker.known_tenant(&call.tenant).await?;
    let ids = api.broker.ids(call, &selection).await?;
    let command = |id: &Name| match &names {
        None => Command::Delete { id: id.clone() },
        Some(names) => Command::Purge {
            id: id.clone(),
            names: names.clone(),
            keep: keep.is_some(),
        },
    };
    let mut result = BatchResult::default();
    for part in write.purged_elsewhere(&selection).await {
        if let Err(fault) = part.done {
            result.refuse_at(None, part.registration.as_ref(), &fault.into());
        }
    }
    for ids in ids.chunks(limits::BATCH_ENTITIES_MAX) {
        let commands = ids.iter().map(command).collect();
        for (id, done) in ids.iter().zip(api.broker.apply(call, commands).await?) {
            match done {
                Ok(_) => result.done.push(id.clone()),
                Err(error) => result.refuse(Some(id), &error.into()),
            }
        }
    }
    if result.errors.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(result.answer())
}
