//! `/jsonldContexts`: the @contexts that the node keeps [CIM-009 §6.29, §6.30].

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use broker::contexts::{ContextKind, ContextRecord};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use trust::Operation;
use web::{Caller, Query};

use crate::answer;
use crate::error::{Answer, Failure, bad_request, invalid_request};
use crate::payload::Payload;
use crate::state::Api;

/// `GET /jsonldContexts` [CIM-009 §5.13.3]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&["details", "kind"])?;
    let details = detailed(&query)?;
    let kind = match query.get("kind") {
        None => None,
        Some(word) => Some(
            ContextKind::from_word(word)
                .ok_or_else(|| bad_request("'kind' must be Hosted, Cached or ImplicitlyCreated"))?,
        ),
    };
    let records = api.contexts.list(&call.tenant, kind).await?;
    let host = host(&headers);
    let entries = records.iter().map(|record| {
        if details {
            description(record, &host)
        } else {
            json!(url(record, &host))
        }
    });
    Ok(Json(Value::Array(entries.collect())).into_response())
}

/// `POST /jsonldContexts` [CIM-009 §5.13.2]
pub(crate) async fn add(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&[])?;
    let document = payload.json()?;
    if document.get("@context").is_none() {
        return Err(invalid_request(
            "the body must be an object with '@context'",
        ));
    }
    let id = api
        .contexts
        .host(&call.tenant, document, ContextKind::Hosted)
        .await?;
    Ok(answer::created("jsonldContexts", &id))
}

/// `GET /jsonldContexts/{id}` [CIM-009 §5.13.4]
pub(crate) async fn serve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&["details"])?;
    let record = api.contexts.serve(&call.tenant, &id).await?;
    Ok(Json(if detailed(&query)? {
        description(&record, &host(&headers))
    } else {
        record.document
    })
    .into_response())
}

/// `DELETE /jsonldContexts/{id}` [CIM-009 §5.13.5]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["reload"])?;
    let reload = match query.get("reload") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad_request("'reload' must be true or false")),
    };
    api.contexts.delete(&call.tenant, &id, reload).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn detailed(query: &Query) -> Result<bool, Failure> {
    match query.get("details") {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(bad_request("'details' must be true or false")),
    }
}

/// The address by which the caller reached the node.
fn host(headers: &HeaderMap) -> String {
    let host = headers
        .get(http::header::HOST)
        .and_then(|h| h.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}

fn url(record: &ContextRecord, host: &str) -> String {
    match &record.url {
        Some(url) => url.clone(),
        None => format!("{host}/ngsi-ld/v1/jsonldContexts/{}", record.id),
    }
}

fn description(record: &ContextRecord, host: &str) -> Value {
    let mut said = json!({
        "URL": url(record, host),
        "localId": record.id,
        "kind": record.kind.word(),
        "createdAt": record.created_at.to_string(),
        "numberOfHits": record.hits,
    });
    if let (Value::Object(members), Some(time)) = (&mut said, record.last_usage) {
        members.insert("lastUsage".to_owned(), json!(time.to_string()));
    }
    said
}
