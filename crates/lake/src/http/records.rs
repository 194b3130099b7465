//! `/records`: tables of records over HTTP. Reading needs the right to read, bringing batches the right to
//! write, declaring and deleting tables the right to administer.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::{Kind, Time};
use broker::BrokerError;
use futures_util::StreamExt as _;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LINK};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use trust::{Call, Operation};
use web::{Body, Caller, Problem, Query};

use crate::records::limits::{ROWS_DEFAULT, ROWS_MAX};
use crate::records::render::{Shape, render};
use crate::records::rows::{Place, RowsAsk};
use crate::records::{Batch, Declared, Definition, Format, RecordError, RecordTable};
use crate::{Lake, Table};

/// The routes.
pub(super) fn routes(lake: Arc<Lake>) -> Router {
    Router::new()
        .route("/records", get(list))
        .route("/records/{table}", get(show).put(declare).delete(delete))
        .route("/records/{table}/rows", get(rows))
        .route("/records/{table}/batches/{batch}", post(bring).get(batch))
        .with_state(lake)
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match &error {
            RecordError::TooLarge(_) => Self::plain(StatusCode::PAYLOAD_TOO_LARGE, error),
            RecordError::BrokenOff(_) => Self::plain(StatusCode::REQUEST_TIMEOUT, error),
            RecordError::Row { row, .. } => {
                let row = *row;
                Self::new(error.kind(), error).with_member("row", row)
            }
            RecordError::Cell { row, column, .. } => {
                let (row, column) = (*row, column.clone());
                let problem = Self::new(error.kind(), error);
                problem
                    .with_member("row", row)
                    .with_member("column", column)
            }
            _ => Self::new(error.kind(), error),
        }
    }
}

fn authorize(lake: &Lake, call: &Call, operation: Operation) -> Result<(), Problem> {
    let refused = |error: BrokerError| Problem::new(error.kind(), error);
    lake.parts
        .broker
        .authorize(call, operation)
        .map_err(refused)
}

async fn list(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Read)?;
    query.allow(&[])?;
    let known = lake.parts.broker.known_tenant(&call.tenant).await;
    known.map_err(|error| Problem::new(error.kind(), error))?;
    let tables = lake.record_tables(&call.tenant);
    let tables: Vec<Value> = tables.iter().map(|t| described(&lake, t)).collect();
    Ok(Json(tables).into_response())
}

async fn show(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(table): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Read)?;
    query.allow(&[])?;
    let table = lake.record_table(&call.tenant, &table)?;
    Ok(Json(described(&lake, &table)).into_response())
}

/// A table, and how much is in it.
fn described(lake: &Lake, table: &RecordTable) -> Value {
    let manifest = lake.manifest();
    let files = Table::Records(table.name.clone());
    let files: Vec<_> = manifest.table(&files, &table.tenant).collect();
    let has_time = table.definition.time.is_some() && !files.is_empty();
    let text = |micros: Option<i64>| micros.filter(|_| has_time).map(|at| Time(at).to_string());
    let mut described = json!({ "name": table.name });
    let definition = serde_json::to_value(&table.definition).unwrap_or_default();
    if let (Value::Object(to), Value::Object(from)) = (&mut described, definition) {
        to.extend(from);
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        to.insert("rows".to_owned(), rows.into());
        to.insert("bytes".to_owned(), bytes.into());
        to.insert("files".to_owned(), files.len().into());
        let first = files.iter().map(|file| file.moments.0).min();
        let last = files.iter().map(|file| file.moments.1).max();
        to.insert("first".to_owned(), text(first).into());
        to.insert("last".to_owned(), text(last).into());
        let (created, modified) = (table.created_at, table.modified_at);
        to.insert("createdAt".to_owned(), created.to_string().into());
        to.insert("modifiedAt".to_owned(), modified.to_string().into());
    }
    described
}

async fn declare(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(table): Path<String>,
    query: Query,
    Body(body): Body,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Administer)?;
    query.allow(&[])?;
    let definition: Definition = serde_json::from_slice(&body)
        .map_err(|reason| Problem::new(Kind::Invalid, format_args!("the table: {reason}")))?;
    let declared = lake
        .declare_records(&call.tenant, &table, definition)
        .await?;
    Ok(match declared {
        Declared::New => StatusCode::CREATED,
        Declared::Changed | Declared::Same => StatusCode::NO_CONTENT,
    }
    .into_response())
}

async fn delete(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(table): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Administer)?;
    query.allow(&[])?;
    lake.delete_records(&call.tenant, &table).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn bring(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path((table, batch)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Write)?;
    query.allow(&[])?;
    let header = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let batch = Batch {
        tenant: call.tenant,
        table,
        id: batch,
        format: Format::of_media(header(CONTENT_TYPE).unwrap_or("")).ok_or_else(|| {
            Problem::plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format_args!(
                    "send the batch with 'Content-Type: {}'",
                    Format::known().join("' or '")
                ),
            )
        })?,
        bytes: header(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
    };
    let body = body.into_data_stream();
    let body = body.map(|part| part.map_err(|error| error.to_string()));
    let receipt = lake.bring_records(batch, Box::pin(body)).await?;
    let status = if receipt.repeated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((status, Json(receipt)).into_response())
}

async fn batch(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path((table, batch)): Path<(String, String)>,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Read)?;
    query.allow(&[])?;
    let receipt = lake.record_batch(&call.tenant, &table, &batch).await?;
    Ok(Json(receipt).into_response())
}

async fn rows(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Read)?;
    query.allow(&["from", "to", "limit", "after", "format"])?;
    let moment = |name: &str, otherwise: i64| -> Result<i64, Problem> {
        let time = query.parsed::<Time>(name, "a date-time as 2026-11-22T08:30:00Z")?;
        Ok(time.map_or(otherwise, Time::as_micros))
    };
    let limit = query.parsed::<usize>("limit", "a number")?;
    let limit = limit.unwrap_or(ROWS_DEFAULT);
    if limit == 0 || limit > ROWS_MAX {
        let detail = format!("limit is {limit}: it must be 1 to {ROWS_MAX}");
        return Err(Problem::new(Kind::Invalid, detail));
    }
    let ask = RowsAsk {
        from: moment("from", i64::MIN)?,
        to: moment("to", i64::MAX)?,
        after: query.parsed::<Place>("after", "what a link to the next page says")?,
        limit,
    };
    let shape = shape(&query, &headers)?;
    let table = lake.record_table(&call.tenant, &name)?;
    let page = lake.record_rows(&call.tenant, &name, ask).await?;
    let rendering = tokio::task::spawn_blocking(move || render(&table, &page.rows, shape));
    let body = rendering
        .await
        .map_err(|error| Problem::new(Kind::Internal, error))??;
    let mut response = body.into_response();
    let media = HeaderValue::from_static(shape.media());
    response.headers_mut().insert(CONTENT_TYPE, media);
    if let Some(next) = page.next
        && let Ok(link) = HeaderValue::try_from(next_link(&uri, &query, next))
    {
        response.headers_mut().append(LINK, link);
    }
    Ok(response)
}

/// The link to the next page: what was asked, behind another row.
fn next_link(uri: &Uri, query: &Query, next: Place) -> String {
    let mut parts = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query.pairs().filter(|(name, _)| *name != "after") {
        parts.append_pair(name, value);
    }
    parts.append_pair("after", &next.to_string());
    format!("<{}?{}>;rel=\"next\"", uri.path(), parts.finish())
}

/// How the rows are wanted: by `format`, else by what the caller accepts, else as JSON.
fn shape(query: &Query, headers: &HeaderMap) -> Result<Shape, Problem> {
    let shape = |wanted: &dyn Fn(&str, &str) -> bool| {
        let mut all = Shape::ALL.into_iter();
        all.find(|(word, media, _)| wanted(word, media))
            .map(|(_, _, shape)| shape)
    };
    let words = Shape::ALL.map(|(word, _, _)| word).join(", ");
    if let Some(wanted) = query.get("format") {
        return shape(&|word, _| word == wanted).ok_or_else(|| {
            let detail = format!("the format is not known; these are: {words}");
            Problem::new(Kind::Invalid, detail)
        });
    }
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let Some(accepted) = accepted else {
        return Ok(Shape::Json);
    };
    let ranges = || {
        accepted
            .split(',')
            .map(|range| range.split(';').next().unwrap_or("").trim())
    };
    for range in ranges() {
        if let Some(shape) = shape(&|_, media| media.eq_ignore_ascii_case(range)) {
            return Ok(shape);
        }
    }
    if ranges().any(|range| matches!(range, "" | "*/*" | "application/*" | "text/*")) {
        return Ok(Shape::Json);
    }
    let media = Shape::ALL.map(|(_, media, _)| media).join(" or ");
    let detail =
        format!("rows can be had as {media}: send one in 'Accept', or 'format' with {words}");
    Err(Problem::plain(StatusCode::NOT_ACCEPTABLE, detail))
}
