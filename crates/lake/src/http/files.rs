//! Over HTTP: how the lake stands, and which files count. Whoever may read history sees the files of
//! its tenant; the lake as a whole is the administrator's.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::Kind;
use serde_json::json;
use trust::{Call, Operation};
use web::{Caller, Problem, Query};

use crate::{Lake, LakeError, Table};

/// The routes.
pub(super) fn routes(lake: Arc<Lake>) -> Router {
    Router::new()
        .route("/lake", get(show))
        .route("/lake/files", get(files))
        .route("/lake/seal", post(seal))
        .route("/lake/compact", post(compact))
        .with_state(lake)
}

fn authorize(lake: &Lake, call: &Call, operation: Operation) -> Result<(), Problem> {
    let allowed = lake.parts.broker.authorize(call, operation);
    allowed.map_err(|error| Problem::new(error.kind(), error))
}

/// Says of the lake as a whole need the right to administer; it is the node's, not a tenant's.
fn administers(lake: &Lake, call: &Call, query: &Query) -> Result<(), Problem> {
    authorize(lake, call, Operation::Administer)?;
    query.allow(&[])?;
    if call.tenant.is_default() {
        return Ok(());
    }
    let detail = "the lake is the node's: leave out NGSILD-Tenant";
    Err(Problem::new(Kind::Invalid, detail))
}

fn refused(error: LakeError) -> Problem {
    Problem::new(error.kind(), error)
}

async fn show(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    administers(&lake, &call, &query)?;
    Ok(Json(lake.status().await.map_err(refused)?).into_response())
}

async fn files(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&lake, &call, Operation::History)?;
    query.allow(&["table", "tenant"])?;
    let broker = &lake.parts.broker;
    let known = broker.known_tenant(&call.tenant).await;
    known.map_err(|error| Problem::new(error.kind(), error))?;
    let all = query.get("tenant");
    let all = match all {
        None => false,
        Some("*") => {
            authorize(&lake, &call, Operation::Administer)?;
            true
        }
        Some(other) => {
            return Err(Problem::invalid_request(format_args!(
                "'tenant' is '{}': it can be '*' for all; one is named by NGSILD-Tenant",
                other.chars().take(64).collect::<String>()
            )));
        }
    };
    let table = query.get("table").map(wanted).transpose()?;
    let list = lake.list(|of, tenant| {
        (all || tenant == call.tenant.as_str())
            && table.as_ref().is_none_or(|wanted| wanted.has(of))
    });
    Ok(Json(list).into_response())
}

/// Which tables are asked for.
#[derive(Debug)]
enum Wanted {
    History,
    Rolled,
    Records(Option<String>),
}

impl Wanted {
    fn has(&self, table: &Table) -> bool {
        match (self, table) {
            (Self::History, Table::History)
            | (Self::Rolled, Table::Rolled(_))
            | (Self::Records(None), Table::Records(_)) => true,
            (Self::Records(Some(wanted)), Table::Records(name)) => wanted == name,
            _ => false,
        }
    }
}

fn wanted(text: &str) -> Result<Wanted, Problem> {
    match text {
        "history" => Ok(Wanted::History),
        "rolled" => Ok(Wanted::Rolled),
        "records" => Ok(Wanted::Records(None)),
        other => match other.strip_prefix("records.") {
            Some(name) => Ok(Wanted::Records(Some(name.to_owned()))),
            None => Err(Problem::invalid_request(
                "'table' can be history, rolled, records, or records. and the name of a table",
            )),
        },
    }
}

async fn seal(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    administers(&lake, &call, &query)?;
    let until = lake.seal_now().await.map_err(refused)?;
    // Whoever asked reads the list next.
    lake.tidy().await.map_err(refused)?;
    let files = lake.manifest().len();
    Ok(Json(json!({ "until": until.0, "files": files })).into_response())
}

async fn compact(
    State(lake): State<Arc<Lake>>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    administers(&lake, &call, &query)?;
    let merged = lake.compact_now().await.map_err(refused)?;
    lake.tidy().await.map_err(refused)?;
    let files = lake.manifest().len();
    Ok(Json(json!({ "merged": merged, "files": files })).into_response())
}
