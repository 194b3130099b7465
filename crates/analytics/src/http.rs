//! `/sql`: questions in SQL over HTTP.

mod ask;
mod writing;

use std::sync::Arc;

use axum::body::Body as Outgoing;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use web::{Accept, Body, Caller, Problem, Query};

use crate::formats::type_word;
use crate::running::{Desk, QueryError};
use crate::{ColumnInfo, TableInfo};

use ask::Ask;
use writing::Writing;

/// The header that names a query.
static QUERY: HeaderName = HeaderName::from_static("chorsu-query");
/// The header that says up to when history is surely in an answer.
static HISTORY_UNTIL: HeaderName = HeaderName::from_static("chorsu-history-until");

/// The routes.
pub fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/sql", post(ask))
        .route("/sql/tables", get(tables))
        .route("/sql/queries", get(list))
        .route("/sql/queries/{id}", get(show).delete(cancel))
        .with_state(desk)
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let problem = Self::new(error.kind(), &error);
        match error.position() {
            Some((line, column)) => problem
                .with_member("line", line)
                .with_member("column", column),
            None => problem,
        }
    }
}

async fn ask(
    State(desk): State<Arc<Desk>>,
    Caller(call): Caller,
    accept: Accept,
    query: Query,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    query.allow(&ask::PARAMETERS)?;
    let ask = Ask::read(&query, &headers, &body)?;
    let format = ask.format(&accept)?;
    let mut running = desk.begin(&call, &ask.query, ask.wish()?).await?;
    let writer = format.writer(running.schema())?;
    // What goes wrong before the first rows is a problem, not an answer that breaks off.
    running.first().await?;
    let mut response = StatusCode::OK.into_response();
    let head = response.headers_mut();
    head.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(running.id()) {
        head.insert(QUERY.clone(), id);
    }
    let until = running.history_until().map(|time| time.to_string());
    if let Some(until) = until.and_then(|text| HeaderValue::from_str(&text).ok()) {
        head.insert(HISTORY_UNTIL.clone(), until);
    }
    let writing = Writing::new(running, writer, ask.bytes_max);
    *response.body_mut() = Outgoing::from_stream(writing.chunks());
    Ok(response)
}

async fn tables(
    State(desk): State<Arc<Desk>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    query.allow(&[])?;
    let tables = desk.tables(&call).await?;
    let tables: Vec<Value> = tables.iter().map(table).collect();
    Ok(Json(tables).into_response())
}

fn table(table: &TableInfo) -> Value {
    let columns: Vec<Value> = table.columns.iter().map(column).collect();
    json!({
        "schema": table.schema,
        "name": table.name,
        "description": table.description,
        "rows": table.rows,
        "columns": columns,
    })
}

fn column(column: &ColumnInfo) -> Value {
    json!({
        "name": column.name,
        "type": type_word(&column.data_type),
        "nullable": column.nullable,
        "description": column.description,
    })
}

async fn list(
    State(desk): State<Arc<Desk>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    query.allow(&[])?;
    desk.admit(&call).await?;
    Ok(Json(desk.list(&call)).into_response())
}

async fn show(
    State(desk): State<Arc<Desk>>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    query.allow(&[])?;
    desk.admit(&call).await?;
    Ok(Json(desk.get(&call, &id)?).into_response())
}

async fn cancel(
    State(desk): State<Arc<Desk>>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    query.allow(&[])?;
    desk.admit(&call).await?;
    desk.cancel(&call, &id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
