//! Over HTTP: how long history and records are kept. Reading it needs the right to read history,
//! everything else the right to administer.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::Kind;
use broker::BrokerError;
use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use trust::{Call, Operation};
use web::{Body, Caller, Problem, Query};

use crate::retention::Policy;
use crate::{Lake, LakeError};

/// Bytes of a policy.
const POLICY_BYTES_MAX: usize = 16_384;
/// So long before the deadline of a request its answer is sent, in microseconds.
const MARGIN: i64 = 1_000_000;

/// The routes.
pub(super) fn routes(lake: Arc<Lake>) -> Router {
    Router::new()
        .route("/history/retention", get(list))
        .route("/history/retention/runs", post(run))
        .route("/history/retention/dry-run", post(dry_run))
        .route(
            "/history/retention/{name}",
            get(show).put(put).delete(remove),
        )
        .with_state(lake)
}

fn refused(error: LakeError) -> Problem {
    Problem::new(error.kind(), error)
}

/// Refuses whoever may not do this, and tenants that are not there.
async fn authorize(lake: &Lake, call: &Call, operation: Operation) -> Result<(), Problem> {
    let refused = |error: BrokerError| Problem::new(error.kind(), error);
    let broker = &lake.parts.broker;
    broker.authorize(call, operation).map_err(refused)?;
    broker.known_tenant(&call.tenant).await.map_err(refused)
}

async fn list(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Json<Value>, Problem> {
    authorize(&lake, &call, Operation::History).await?;
    query.allow(&[])?;
    let policies = lake.policies(&call.tenant).await.map_err(refused)?;
    let policies: Map<String, Value> = policies
        .into_iter()
        .map(|(name, policy)| (name, policy.to_json()))
        .collect();
    let last = lake.last_retention(&call.tenant).await.map_err(refused)?;
    Ok(Json(
        json!({ "policies": policies, "lastRun": last.as_deref() }),
    ))
}

async fn show(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
) -> Result<Json<Value>, Problem> {
    authorize(&lake, &call, Operation::History).await?;
    query.allow(&[])?;
    let policies = lake.policies(&call.tenant).await.map_err(refused)?;
    let found = policies.into_iter().find(|(known, _)| *known == name);
    let (_, policy) = found.ok_or_else(|| refused(LakeError::no_policy(&name)))?;
    Ok(Json(policy.to_json()))
}

fn policy(body: &[u8]) -> Result<Policy, Problem> {
    if body.len() > POLICY_BYTES_MAX {
        let detail = format!("a policy has at most {POLICY_BYTES_MAX} bytes");
        return Err(Problem::new(Kind::Invalid, detail));
    }
    Policy::from_json(body).map_err(refused)
}

async fn put(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    authorize(&lake, &call, Operation::Administer).await?;
    query.allow(&[])?;
    let policy = policy(&body)?;
    let put = lake.put_policy(&call.tenant, &name, &policy).await;
    Ok(if put.map_err(refused)? {
        StatusCode::CREATED
    } else {
        StatusCode::NO_CONTENT
    })
}

async fn remove(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
) -> Result<StatusCode, Problem> {
    authorize(&lake, &call, Operation::Administer).await?;
    query.allow(&[])?;
    let removed = lake.remove_policy(&call.tenant, &name).await;
    removed.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn dry_run(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    authorize(&lake, &call, Operation::Administer).await?;
    query.allow(&[])?;
    let extra = (!body.is_empty()).then(|| policy(&body)).transpose()?;
    let (of, tenant) = (Arc::clone(&lake), call.tenant.clone());
    let looking = async move { of.would_retain(&tenant, extra).await.map(|(_, said)| said) };
    let said = within(&lake, &call, "retention-dry-run", looking).await?;
    let said = said.ok_or_else(|| {
        let detail = "there is more to look at than one request may take: ask again, what was read \
                      is remembered";
        Problem::new(Kind::Unavailable, detail)
    })?;
    Ok(Json(said))
}

async fn run(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::Administer).await?;
    query.allow(&[])?;
    let (of, tenant) = (Arc::clone(&lake), call.tenant.clone());
    let running = async move { of.retain(&tenant).await.map(|(_, said)| said) };
    Ok(
        match within(&lake, &call, "retention-run", running).await? {
            Some(said) => Json(said).into_response(),
            None => (StatusCode::ACCEPTED, Json(json!({ "running": true }))).into_response(),
        },
    )
}

/// Does something that goes on when the caller is gone or the request's time is over; `None`: it goes
/// on.
async fn within(
    lake: &Arc<Lake>,
    call: &Call,
    name: &'static str,
    work: impl Future<Output = Result<Value, LakeError>> + Send + 'static,
) -> Result<Option<Value>, Problem> {
    let (done, mut said) = oneshot::channel();
    lake.parts.tasks.spawn(name, async move {
        // The caller may be gone; what was done is kept all the same.
        let _heard = done.send(work.await).is_ok();
    });
    let until = call.deadline.plus_micros(-MARGIN);
    tokio::select! {
        biased;
        said = &mut said => match said {
            Ok(said) => said.map(Some).map_err(refused),
            Err(_ended) => Err(Problem::new(Kind::Internal, "retention ended without a word")),
        },
        () = lake.parts.clock.sleep_until(until) => Ok(None),
    }
}
