//! Over HTTP: erasing what the node has of somebody, and the receipts of that. It needs the right to
//! administer.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use base::{Kind, Name};
use broker::BrokerError;
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use trust::{Call, Operation};
use web::{Body, Caller, Problem, Query};

use crate::erasure::Wish;
use crate::{Lake, LakeError};

/// Receipts of one answer.
const PAGE: usize = 100;
/// So long before the deadline of a request its answer is sent, in microseconds.
const MARGIN: i64 = 1_000_000;

/// The routes.
pub(super) fn routes(lake: Arc<Lake>) -> Router {
    Router::new()
        .route("/history/erasures", get(list).post(erase))
        .route("/history/erasures/{id}", get(show))
        .with_state(lake)
}

fn refused(error: LakeError) -> Problem {
    Problem::new(error.kind(), error)
}

async fn authorize(lake: &Lake, call: &Call) -> Result<(), Problem> {
    let refused = |error: BrokerError| Problem::new(error.kind(), error);
    let broker = &lake.parts.broker;
    broker
        .authorize(call, Operation::Administer)
        .map_err(refused)?;
    broker.known_tenant(&call.tenant).await.map_err(refused)
}

/// What a request says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    subjects: Vec<String>,
    reason: String,
}

async fn erase(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
    Body(body): Body,
) -> Result<Response, Problem> {
    authorize(&lake, &call).await?;
    query.allow(&[])?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| {
        let detail = format!(
            "an erasure is asked for as {{\"subjects\": [\"urn:…\"], \"reason\": \"…\"}}: {error}"
        );
        Problem::new(Kind::Invalid, detail)
    })?;
    let wish = Wish {
        tenant: call.tenant.clone(),
        subjects: wanted
            .subjects
            .iter()
            .map(|id| Name::from(id.as_str()))
            .collect(),
        reason: wanted.reason,
        by: call.principal.label().to_owned(),
        offline: false,
    };
    wish.check().map_err(refused)?;
    let (done, mut said) = oneshot::channel();
    let of = Arc::clone(&lake);
    lake.parts.tasks.spawn("an erasure", async move {
        // The caller may be gone; it is done all the same, and the receipt is kept.
        let _heard = done.send(of.erase(wish).await).is_ok();
    });
    let until = call.deadline.plus_micros(-MARGIN);
    tokio::select! {
        biased;
        said = &mut said => {
            let ended = |_ended| Problem::new(Kind::Internal, "the erasure ended without a word");
            let receipt = said.map_err(ended)?.map_err(refused)?;
            let place = format!("/history/erasures/{}", receipt.id);
            Ok((StatusCode::CREATED, [(LOCATION, place)], Json(receipt.to_json())).into_response())
        }
        () = lake.parts.clock.sleep_until(until) => {
            Ok((StatusCode::ACCEPTED, Json(json!({ "state": "running" }))).into_response())
        }
    }
}

async fn list(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Json<Value>, Problem> {
    authorize(&lake, &call).await?;
    query.allow(&["after"])?;
    let after = query.get("after");
    let receipts = lake.receipts(&call.tenant, after, PAGE).await;
    let receipts = receipts.map_err(refused)?;
    let receipts: Vec<&Value> = receipts.iter().map(|receipt| &**receipt).collect();
    Ok(Json(json!({ "receipts": receipts })))
}

async fn show(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Value>, Problem> {
    authorize(&lake, &call).await?;
    query.allow(&[])?;
    let receipt = lake.receipt(&call.tenant, &id).await.map_err(refused)?;
    let missing = || Problem::new(Kind::NotFound, "there is no such receipt");
    let receipt = receipt.ok_or_else(missing)?;
    Ok(Json(Value::clone(&receipt)))
}
