//! `/entityOperations`: many entities in one request [CIM-009 §5.6.7 to §5.6.10, §5.6.20].
//! Each entity is on its own: one that is wrong does not keep the others from being done.

use std::sync::Arc;

use axum::extract::State;
use base::{Name, limits};
use broker::command::Upsert;
use broker::{BrokerError, Command};
use ngsi::parse::{Fragment, Parser, Purpose, lexical};
use serde_json::Value;
use trust::Operation;
use web::Problem;

use crate::error::{Answer, Failure, bad_request, invalid_request};
use crate::outcome::BatchResult;
use crate::payload::{InUse, Payload};
use crate::provision::merge_options;
use crate::state::Api;
use crate::write::{Asking, BatchItem, Writing, words};

/// `POST /entityOperations/create` [CIM-009 §5.6.7]
pub(crate) async fn create(State(api): State<Api>, asking: Asking, payload: Payload) -> Answer {
    let write = asking.begin(&api, Operation::Write, &["local"])?;
    let make = |_, fragment| Command::Create(fragment);
    run(&write, &payload, Purpose::Whole, &make).await
}

/// `POST /entityOperations/upsert` [CIM-009 §5.6.8]. Besides the standard's options there is
/// `skipUnchanged`: entities that would not change but for their times are left as they are.
pub(crate) async fn upsert(State(api): State<Api>, asking: Asking, payload: Payload) -> Answer {
    let write = asking.begin(&api, Operation::Write, &["local", "options"])?;
    let (mut how, mut skip_unchanged) = (Upsert::Replace, false);
    for option in write.query.list("options")? {
        match option {
            "replace" => how = Upsert::Replace,
            "update" => how = Upsert::Update,
            "skipUnchanged" => skip_unchanged = true,
            _ => {
                return Err(invalid_request(
                    "options here are replace, update and skipUnchanged",
                ));
            }
        }
    }
    let make = |_, fragment| Command::Upsert {
        fragment,
        how,
        skip_unchanged,
    };
    run(&write, &payload, Purpose::Whole, &make).await
}

/// `POST /entityOperations/update` [CIM-009 §5.6.9]
pub(crate) async fn update(State(api): State<Api>, asking: Asking, payload: Payload) -> Answer {
    let write = asking.begin(&api, Operation::Write, &["local", "options"])?;
    let overwrite = match write.query.get("options") {
        None | Some("update" | "replace") => true,
        Some("noOverwrite") => false,
        Some(_) => return Err(invalid_request("the only option here is noOverwrite")),
    };
    let make = |id, fragment| Command::Append {
        id,
        fragment,
        overwrite,
    };
    run(&write, &payload, Purpose::Whole, &make).await
}

/// `POST /entityOperations/merge` [CIM-009 §5.6.20]
pub(crate) async fn merge(State(api): State<Api>, asking: Asking, payload: Payload) -> Answer {
    let known = ["local", "options", "format", "observedAt", "lang"];
    let write = asking.begin(&api, Operation::Write, &known)?;
    let options = merge_options(&write.query)?;
    let make = |id, fragment| Command::Merge {
        id,
        fragment,
        options: options.clone(),
    };
    run(&write, &payload, Purpose::Merge, &make).await
}

/// `POST /entityOperations/delete` [CIM-009 §5.6.10]
pub(crate) async fn remove(State(api): State<Api>, asking: Asking, payload: Payload) -> Answer {
    let write = asking.begin(&api, Operation::Delete, &["local"])?;
    payload.media()?;
    let mut result = BatchResult::default();
    let mut items = Vec::new();
    for item in &array(&payload)? {
        match lexical::uri_value(item) {
            Ok(id) => items.push(BatchItem {
                id: id.clone(),
                command: Command::Delete { id },
                body: None,
                words: None,
            }),
            Err(error) => result.refuse(item.as_str(), &error.into()),
        }
    }
    api.broker.known_tenant(&write.call.tenant).await?;
    write.all_done(&payload, items, &mut result).await?;
    Ok(result.answer())
}

/// The array that the body must be.
fn array(payload: &Payload) -> Result<Vec<Value>, Failure> {
    match payload.json()? {
        Value::Array(items) if items.is_empty() => Err(bad_request("the array is empty")),
        Value::Array(items) if items.len() > limits::BATCH_ENTITIES_MAX => {
            let max = limits::BATCH_ENTITIES_MAX;
            Err(bad_request(format_args!(
                "a batch has at most {max} entities: send several"
            )))
        }
        Value::Array(items) if items.iter().any(Value::is_null) => {
            Err(bad_request("the array holds a null"))
        }
        Value::Array(items) => Ok(items),
        _ => Err(invalid_request("the body must be an array")),
    }
}

/// Reads the entities of the body, does to each what `make` makes of it, and answers.
async fn run(
    write: &Writing<'_>,
    payload: &Payload,
    purpose: Purpose,
    make: &(dyn Fn(Name, Fragment) -> Command + Sync),
) -> Answer {
    payload.check_link()?;
    let mut result = BatchResult::default();
    let mut items = Vec::new();
    let mut contexts = LastContext::default();
    for item in array(payload)? {
        // Each entity may name another @context that takes long to be fetched.
        if write.call.is_late(write.api.broker.now()) {
            return Err(BrokerError::Late.into());
        }
        let id = item
            .get("id")
            .or_else(|| item.get("@id"))
            .and_then(Value::as_str);
        let id = id.map(ToOwned::to_owned);
        let body = write.may_concern.then(|| item.clone());
        match read(write, payload, &mut contexts, item, purpose).await {
            Ok((id, fragment)) => items.push(BatchItem {
                id: id.clone(),
                command: make(id, fragment),
                words: body.as_ref().and(contexts.in_use.as_ref()).map(words),
                body,
            }),
            Err(failure) if is_for_all(&failure.0) => return Err(failure),
            Err(failure) => result.refuse(id.as_deref(), &failure),
        }
    }
    write.all_done(payload, items, &mut result).await?;
    Ok(result.answer())
}

/// Whether a failure is one of the request and not of one entity.
fn is_for_all(problem: &Problem) -> bool {
    problem.status.is_server_error() && problem.status != http::StatusCode::GATEWAY_TIMEOUT
}

/// The context of the entity before: in a batch it is nearly always that of the next one.
#[derive(Default)]
struct LastContext {
    member: Option<Value>,
    in_use: Option<InUse>,
}

async fn read(
    write: &Writing<'_>,
    payload: &Payload,
    last: &mut LastContext,
    item: Value,
    purpose: Purpose,
) -> Result<(Name, Fragment), Failure> {
    if !item.is_object() {
        return Err(bad_request("each entity must be a JSON object"));
    }
    if last.in_use.is_none() || item.get("@context") != last.member.as_ref() {
        let in_use = payload.context_of(write.api, &write.call, &item).await?;
        last.in_use = Some(in_use);
        last.member = item.get("@context").cloned();
    }
    let context = match &last.in_use {
        Some(in_use) => Arc::clone(&in_use.context),
        None => write.api.contexts.core(),
    };
    let parser = Parser::new(&context, purpose);
    let fragment = match purpose {
        Purpose::Merge => parser.fragment(item)?,
        Purpose::Whole | Purpose::Update | Purpose::Temporal => parser.entity(item)?,
    };
    let id = fragment.id.clone();
    Ok((
        id.ok_or_else(|| bad_request("each entity needs an id"))?,
        fragment,
    ))
}
