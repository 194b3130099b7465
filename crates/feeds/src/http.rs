//! `/feeds`: the feeds of a node over HTTP. Reading needs the right to read, changing them the
//! right to administer, and bringing payloads the right to write.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::{Kind, Time};
use broker::BrokerError;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use trust::{Call, Operation};
use web::{Body, Caller, Media, Page, Problem, Query};

use crate::decode::Form;
use crate::definition::{DEFINITION_BYTES_MAX, Definition};
use crate::error::FeedError;
use crate::feeds::{Feed, Feeds};
use crate::trial::{SAMPLES_MAX, Sample};

/// Bytes of a topic that comes with a push.
const TOPIC_BYTES_MAX: usize = 1_024;

/// The routes.
pub fn routes(feeds: Arc<Feeds>) -> Router {
    Router::new()
        .route("/feeds", get(list))
        .route("/feeds/try", post(try_out))
        .route("/feeds/{name}", get(show).put(put).delete(remove))
        .route("/feeds/{name}/push", post(push))
        .with_state(feeds)
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Refuses whoever may not do this. Feeds belong to the node: a tenant has none of its own.
fn authorize(feeds: &Feeds, call: &Call, operation: Operation) -> Result<(), Problem> {
    let refused = |error: BrokerError| Problem::new(error.kind(), error);
    feeds
        .parts
        .broker
        .authorize(call, operation)
        .map_err(refused)?;
    if call.tenant.is_default() {
        return Ok(());
    }
    let detail = "feeds are the node's: leave out NGSILD-Tenant and name the tenant in [source]";
    Err(Problem::new(Kind::Invalid, detail))
}

async fn list(
    State(feeds): State<Arc<Feeds>>,
    Caller(call): Caller,
    query: Query,
    uri: Uri,
) -> Result<Response, Problem> {
    authorize(&feeds, &call, Operation::Read)?;
    query.allow(&web::paging::PARAMETERS)?;
    let page = Page::from_query(&query)?;
    let all = feeds.all();
    let now = feeds.parts.clock.now();
    let shown = all.iter().skip(page.offset).take(page.limit);
    let shown: Vec<Value> = shown.map(|feed| described(feed, now)).collect();
    let more = all.len() > page.offset.saturating_add(page.limit);
    let mut response = Json(shown).into_response();
    for link in page.links(uri.path(), &query, Media::Json, more) {
        response.headers_mut().append(LINK, link);
    }
    if page.count {
        let count = all.len().into();
        response.headers_mut().insert("ngsild-results-count", count);
    }
    Ok(response)
}

async fn show(
    State(feeds): State<Arc<Feeds>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&feeds, &call, Operation::Read)?;
    query.allow(&[])?;
    let feed = feeds.get(&name)?;
    Ok(Json(described(&feed, feeds.parts.clock.now())).into_response())
}

fn described(feed: &Feed, now: Time) -> Value {
    json!({
        "name": feed.name,
        "definition": feed.definition.to_json(),
        "health": feed.health(now),
        "createdAt": feed.created_at.to_string(),
        "modifiedAt": feed.modified_at.to_string(),
    })
}

async fn put(
    State(feeds): State<Arc<Feeds>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
    Body(body): Body,
) -> Result<Response, Problem> {
    authorize(&feeds, &call, Operation::Administer)?;
    query.allow(&[])?;
    let text = str::from_utf8(&body)
        .map_err(|_invalid| Problem::invalid_request("a definition is TOML or JSON in UTF-8"))?;
    let definition = Definition::parse(text)?;
    let is_new = feeds.put(&name, definition).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::NO_CONTENT
    };
    Ok(status.into_response())
}

async fn remove(
    State(feeds): State<Arc<Feeds>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&feeds, &call, Operation::Administer)?;
    query.allow(&[])?;
    feeds.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn push(
    State(feeds): State<Arc<Feeds>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    authorize(&feeds, &call, Operation::Write)?;
    query.allow(&["topic"])?;
    let topic = query.get("topic");
    if topic.is_some_and(|topic| topic.len() > TOPIC_BYTES_MAX) {
        let detail = format!("the topic is longer than {TOPIC_BYTES_MAX} bytes");
        return Err(Problem::invalid_request(detail));
    }
    let pushing = feeds.push_as(&name, topic, form_of(&headers), body);
    let receipt = tokio::select! {
        biased;
        receipt = pushing => receipt?,
        () = feeds.parts.clock.sleep_until(call.deadline) => {
            let reason = "the store did not take it in time".to_owned();
            return Err(FeedError::Unavailable(reason).into());
        }
    };
    Ok(match receipt.refusals.first() {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(first) if receipt.accepted == 0 => {
            let (all, reason) = (receipt.refused, &first.reason);
            let detail = format!("none of {all} records could be taken; the first: {reason}");
            return Err(Problem::new(Kind::Invalid, detail));
        }
        Some(_) => (StatusCode::MULTI_STATUS, Json(receipt)).into_response(),
    })
}

/// How a body is written, as far as its type says so; else it is written as the definition says.
fn form_of(headers: &HeaderMap) -> Option<Form> {
    let sent = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = sent.split(';').next()?.trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "application/x-ndjson" | "application/ndjson" => Some(Form::Json),
        "text/csv" => Some(Form::Csv),
        "application/geo+json" => Some(Form::GeoJson),
        _ => None,
    }
}

async fn try_out(
    State(feeds): State<Arc<Feeds>>,
    Caller(call): Caller,
    query: Query,
    Body(body): Body,
) -> Result<Response, Problem> {
    authorize(&feeds, &call, Operation::Write)?;
    query.allow(&[])?;
    let wish: Value = serde_json::from_slice(&body)
        .map_err(|reason| Problem::invalid_request(format_args!("the body: {reason}")))?;
    let definition = match wish.get("definition") {
        Some(Value::String(text)) => Definition::parse(text)?,
        Some(definition @ Value::Object(_))
            if definition.to_string().len() <= DEFINITION_BYTES_MAX =>
        {
            Definition::from_json(definition.clone())?
        }
        _ => {
            let detail = "send {\"definition\": TOML in a string, or an object, \"samples\": […]}";
            return Err(Problem::invalid_request(detail));
        }
    };
    let samples = samples(wish.get("samples"))?;
    let tried = feeds.try_out(&definition, &samples).await?;
    Ok(Json(json!({ "results": tried })).into_response())
}

fn samples(wish: Option<&Value>) -> Result<Vec<Sample>, Problem> {
    let detail =
        "samples is an array of 1 to 100 of {\"payload\": JSON, or text in a string, \"topic\": …}";
    let wrong = || Problem::new(Kind::Invalid, detail);
    let Some(Value::Array(items)) = wish else {
        return Err(wrong());
    };
    if items.is_empty() || items.len() > SAMPLES_MAX {
        return Err(wrong());
    }
    let sample = |item: &Value| {
        let payload = match item.get("payload").ok_or_else(wrong)? {
            Value::String(text) => Bytes::from(text.clone()),
            other => Bytes::from(other.to_string()),
        };
        let topic = item
            .get("topic")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Sample {
            topic: topic.to_owned(),
            payload,
            form: None,
        })
    };
    items.iter().map(sample).collect()
}
