//! `/entityOperations`: many entities in one request [CIM-009 §5.6.7 to §5.6.10, §5.6.20].
//! Each entity is on its own: one that is wrong does not keep the others from being done.

use std::sync::Arc;

use axum::extract::State;
use base::{Name, limits};
use broker::command::Upsert;
use broker::{BrokerError, Command, Done};
use ngsi::parse::{Fragment, Parser, Purpose, lexical};
use serde_json::Value;
use trust::{Call, Operation};
use web::{Caller, NgsiError, Problem, Query};

use crate::error::{Answer, Failure, bad_request, invalid_request};
use crate::outcome::BatchResult;
use crate::payload::{InUse, Payload};
use crate::provision::merge_options;
use crate::state::Api;

/// `POST /entityOperations/create` [CIM-009 §5.6.7]
pub(crate) async fn create(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local"])?;
    let make = |fragment| Ok(Command::Create(fragment));
    run(&api, &call, &payload, Purpose::Whole, &make)
        .await
        .map(BatchResult::answer)
}

/// `POST /entityOperations/upsert` [CIM-009 §5.6.8]. Besides the standard's options there is
/// `skipUnchanged`: entities that would not change but for their times are left as they are.
pub(crate) async fn upsert(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local", "options"])?;
    let (mut how, mut skip_unchanged) = (Upsert::Replace, false);
    for option in query.list("options")? {
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
    let make = |fragment| {
        Ok(Command::Upsert {
            fragment,
            how,
            skip_unchanged,
        })
    };
    run(&api, &call, &payload, Purpose::Whole, &make)
        .await
        .map(BatchResult::answer)
}

/// `POST /entityOperations/update` [CIM-009 §5.6.9]
pub(crate) async fn update(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local", "options"])?;
    let overwrite = match query.get("options") {
        None | Some("update" | "replace") => true,
        Some("noOverwrite") => false,
        Some(_) => return Err(invalid_request("the only option here is noOverwrite")),
    };
    let make = |fragment: Fragment| {
        let id = fragment.id.clone().unwrap_or_else(|| Name::from(""));
        Ok(Command::Append {
            id,
            fragment,
            overwrite,
        })
    };
    run(&api, &call, &payload, Purpose::Whole, &make)
        .await
        .map(BatchResult::answer)
}

/// `POST /entityOperations/merge` [CIM-009 §5.6.20]
pub(crate) async fn merge(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&["local", "options", "format", "observedAt", "lang"])?;
    let options = merge_options(&query)?;
    let make = |fragment: Fragment| {
        let id = fragment
            .id
            .clone()
            .ok_or_else(|| bad_request("each entity needs an id"))?;
        Ok(Command::Merge {
            id,
            fragment,
            options: options.clone(),
        })
    };
    run(&api, &call, &payload, Purpose::Merge, &make)
        .await
        .map(BatchResult::answer)
}

/// `POST /entityOperations/delete` [CIM-009 §5.6.10]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["local"])?;
    payload.media()?;
    let items = array(&payload)?;
    let mut result = BatchResult::default();
    let mut ids = Vec::with_capacity(items.len());
    for item in &items {
        match lexical::uri_value(item) {
            Ok(id) => ids.push(id),
            Err(error) => result.refuse(item.as_str(), &error.into()),
        }
    }
    api.broker.known_tenant(&call.tenant).await?;
    let commands = ids
        .iter()
        .map(|id| Command::Delete { id: id.clone() })
        .collect();
    for (id, done) in ids
        .into_iter()
        .zip(api.broker.apply(&call, commands).await?)
    {
        match done {
            Ok(_) => result.done.push(id),
            Err(error) => result.refuse(Some(&id), &error.into()),
        }
    }
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

async fn run(
    api: &Api,
    call: &Call,
    payload: &Payload,
    purpose: Purpose,
    make: &(dyn Fn(Fragment) -> Result<Command, Failure> + Sync),
) -> Result<BatchResult, Failure> {
    payload.check_link()?;
    let mut result = BatchResult::default();
    let mut commands = Vec::new();
    let mut contexts = LastContext::default();
    for item in array(payload)? {
        // Each entity may name another @context that takes long to be fetched.
        if call.is_late(api.broker.now()) {
            return Err(BrokerError::Late.into());
        }
        let id = item
            .get("id")
            .or_else(|| item.get("@id"))
            .and_then(Value::as_str);
        let id = id.map(ToOwned::to_owned);
        match read(api, call, payload, &mut contexts, item, purpose)
            .await
            .and_then(make)
        {
            Ok(command) => commands.push(command),
            Err(failure) if is_for_all(&failure.0) => return Err(failure),
            Err(failure) => result.refuse(id.as_deref(), &failure),
        }
    }
    let ids: Vec<Name> = commands.iter().filter_map(|c| c.id().cloned()).collect();
    for (id, done) in ids.into_iter().zip(api.broker.apply(call, commands).await?) {
        match done {
            Ok(Done::Created) => result.created.push(id),
            Ok(Done::Changed(outcome)) if !outcome.not_updated.is_empty() => {
                let detail = "some attributes were there already and were not overwritten";
                let problem = Problem::ngsi(NgsiError::BadRequestData, detail);
                result.refuse(Some(&id), &Failure(problem));
            }
            Ok(done) => {
                result.unchanged += u64::from(done == Done::Unchanged);
                result.done.push(id);
            }
            Err(error) => result.refuse(Some(&id), &error.into()),
        }
    }
    Ok(result)
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
    api: &Api,
    call: &Call,
    payload: &Payload,
    last: &mut LastContext,
    item: Value,
    purpose: Purpose,
) -> Result<Fragment, Failure> {
    if !item.is_object() {
        return Err(bad_request("each entity must be a JSON object"));
    }
    if last.in_use.is_none() || item.get("@context") != last.member.as_ref() {
        last.in_use = Some(payload.context_of(api, call, &item).await?);
        last.member = item.get("@context").cloned();
    }
    let context = last
        .in_use
        .as_ref()
        .map_or_else(|| api.contexts.core(), |u| Arc::clone(&u.context));
    let parser = Parser::new(&context, purpose);
    match purpose {
        Purpose::Merge => {
            let fragment = parser.fragment(item)?;
            if fragment.id.is_none() {
                return Err(bad_request("each entity needs an id"));
            }
            Ok(fragment)
        }
        Purpose::Whole | Purpose::Update | Purpose::Temporal => Ok(parser.entity(item)?),
    }
}
