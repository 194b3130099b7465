//! What an administrator asks of the node: the setup, and tokens.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use base::{Kind, Time};
use broker::Broker;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lake::Lake;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store_embedded::EmbeddedStore;
use trust::{Operation, Operations, Secret, Token};
use web::{Body, Caller, Page, Problem, Query};

use crate::tokens::{TokenError, Tokens};

/// The folder of a backup in which the files of the lake are.
pub(crate) const LAKE: &str = "lake";

/// What the routes need.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) broker: Arc<Broker>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) engine: Option<Arc<EmbeddedStore>>,
    pub(crate) lake: Arc<Lake>,
}

/// The routes.
pub(crate) fn routes(admin: Admin) -> Router {
    Router::new()
        .route("/setup", post(set_up))
        .route("/admin/tokens", get(list).post(make))
        .route("/admin/tokens/{id}", delete(revoke))
        .route("/admin/backup", post(back_up))
        .with_state(admin)
}

/// A token on the wire; `token` is there once, in the answer to its making.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: String,
    name: String,
    operations: Vec<&'static str>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Wire {
    fn of(token: &Token, secret: Option<&Secret>) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.to_string(),
            operations: token.operations.iter().map(Operation::word).collect(),
            created_at: token.created_at.to_string(),
            expires_at: token.expires_at.map(|time| time.to_string()),
            revoked_at: token.revoked_at.map(|time| time.to_string()),
            token: secret.map(Secret::reveal),
        }
    }
}

/// What somebody wants of a new token.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wish {
    name: String,
    operations: Vec<String>,
    expires_at: Option<String>,
}

impl Wish {
    fn operations(&self) -> Result<Operations, Problem> {
        let of = |word: &String| {
            Operation::from_word(word).ok_or_else(|| {
                let known: Vec<_> = Operation::ALL
                    .iter()
                    .map(|operation| operation.word())
                    .collect();
                Problem::new(
                    Kind::Invalid,
                    format_args!(
                        "there is no operation '{}'; there are {}",
                        word.chars().take(32).collect::<String>(),
                        known.join(", ")
                    ),
                )
            })
        };
        self.operations.iter().map(of).collect()
    }

    fn expires_at(&self) -> Result<Option<Time>, Problem> {
        let read =
            |text: &String| Time::parse(text).map_err(|error| Problem::new(Kind::Invalid, error));
        self.expires_at.as_ref().map(read).transpose()
    }
}

async fn set_up(State(admin): State<Admin>, headers: HeaderMap) -> Result<Response, Problem> {
    let bearer = web::caller::bearer(&headers).unwrap_or("");
    let (secret, token) = admin.tokens.set_up(bearer).await?;
    tracing::info!(token = %token.id, "the node is set up: it has an administrator");
    Ok(made(&secret, &token))
}

async fn list(
    State(admin): State<Admin>,
    Caller(call): Caller,
    query: Query,
) -> Result<Response, Problem> {
    authorize(&admin, &call)?;
    query.allow(&web::paging::PARAMETERS)?;
    let page = Page::from_query(&query)?;
    let all = admin.tokens.list();
    let wire: Vec<Wire> = all
        .iter()
        .skip(page.offset)
        .take(page.limit)
        .map(|token| Wire::of(token, None))
        .collect();
    let more = page.offset.saturating_add(page.limit) < all.len();
    let mut response = Json(wire).into_response();
    for link in page.links("/admin/tokens", &query, web::Media::Json, more) {
        response.headers_mut().append(header::LINK, link);
    }
    if page.count {
        response
            .headers_mut()
            .insert("ngsild-results-count", HeaderValue::from(all.len()));
    }
    Ok(response)
}

async fn make(
    State(admin): State<Admin>,
    Caller(call): Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    authorize(&admin, &call)?;
    let wish: Wish = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(
            Kind::Invalid,
            format_args!(
                "a token is asked for as {{\"name\": \"…\", \"operations\": [\"read\"], \
                 \"expiresAt\": \"2030-01-01T00:00:00Z\"}}: {error}"
            ),
        )
    })?;
    let (operations, expires_at) = (wish.operations()?, wish.expires_at()?);
    let (secret, token) = admin
        .tokens
        .make(&wish.name, operations, expires_at)
        .await?;
    tracing::info!(token = %token.id, by = call.principal.label(), "a token was made");
    Ok(made(&secret, &token))
}

async fn revoke(
    State(admin): State<Admin>,
    Caller(call): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    authorize(&admin, &call)?;
    admin.tokens.revoke(&id).await?;
    tracing::info!(
        token = id,
        by = call.principal.label(),
        "a token was revoked"
    );
    Ok(StatusCode::NO_CONTENT)
}

/// Where a backup goes: a folder of the machine that the node runs on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    to: PathBuf,
}

async fn back_up(
    State(admin): State<Admin>,
    Caller(call): Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    authorize(&admin, &call)?;
    let Backup { to } = serde_json::from_slice(&body).map_err(|error| {
        let detail =
            format_args!("a backup is asked for as {{\"to\": \"/a/new/folder\"}}: {error}");
        Problem::new(Kind::Invalid, detail)
    })?;
    if !to.is_absolute() {
        return Err(Problem::new(
            Kind::Invalid,
            "'to' must be an absolute path on the node's machine",
        ));
    }
    let engine = admin.engine.ok_or_else(|| {
        Problem::new(
            Kind::Unsupported,
            "this node keeps its data elsewhere: back that up",
        )
    })?;
    let (folder, lake) = (to.clone(), admin.lake);
    let runtime = tokio::runtime::Handle::current();
    let copied = tokio::task::spawn_blocking(move || {
        // No file may go that the copied store will name.
        let _hold = lake.hold();
        engine.backup_with(&folder, &mut |copy| {
            let copied = runtime.block_on(lake.copy_to(&copy.join(LAKE)));
            let refused = |error: lake::LakeError| ports::StoreError::Unavailable {
                reason: error.to_string(),
            };
            copied.map(drop).map_err(|error| refused(error).into())
        })
    });
    let copied = copied.await;
    let copied = copied.map_err(|error| Problem::new(Kind::Internal, error))?;
    let head = copied.map_err(|error| Problem::new(error.kind(), error))?;
    tracing::info!(to = %to.display(), %head, by = call.principal.label(), "a backup was made");
    Ok((StatusCode::CREATED, Json(json!({ "to": to, "head": head }))).into_response())
}

fn authorize(admin: &Admin, call: &trust::Call) -> Result<(), Problem> {
    let allowed = admin.broker.authorize(call, Operation::Administer);
    allowed.map_err(|error| Problem::new(error.kind(), error))
}

/// The answer to the making of a token. It holds the secret, so nobody may keep it.
fn made(secret: &Secret, token: &Token) -> Response {
    let headers = [
        (header::LOCATION, format!("/admin/tokens/{}", token.id)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (
        StatusCode::CREATED,
        headers,
        Json(Wire::of(token, Some(secret))),
    )
        .into_response()
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::new(error.kind(), error)
    }
}
