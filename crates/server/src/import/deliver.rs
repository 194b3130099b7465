//! What an importer found, on its way to the node: a batch is sent while the next one is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use base::{Kind, Tenant};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use ingest::{Refused, Sink};
use outbound::Client;
use ports::{Clock as _, Outbound as _};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;
use web::caller::TENANT_HEADER;

use crate::real::SystemClock;

const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert?options=update,skipUnchanged";
const HISTORY: &str = "/ngsi-ld/v1/temporal/entities";
/// Histories sent at once: the node writes them to disk together.
const HISTORIES_AT_ONCE: usize = 16;
/// How often a batch is sent again that the node could not take now.
const TRIES_MAX: u32 = 8;
/// How long one request may take, in microseconds.
const REQUEST_MICROS_MAX: i64 = 120_000_000;
/// Bytes of an answer: the ids of a batch, or all its errors.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Refusals kept for the report; the rest is counted.
const REFUSALS_KEPT_MAX: usize = 100;

/// Where everything goes.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    /// Nowhere.
    None,
    /// To a node in this process.
    Local {
        /// What the node answers.
        face: Router,
        /// Whose world.
        tenant: Tenant,
    },
    /// To a running node.
    Remote {
        /// How it is reached.
        client: Arc<Client>,
        /// Its address, without a slash at the end.
        base: String,
        /// Who asks, for which tenant.
        headers: HeaderMap,
    },
}

/// What became of what was sent.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) histories: u64,
    pub(crate) refused: u64,
    /// Id and reason of the first ones refused.
    pub(crate) refusals: BTreeMap<String, String>,
}

/// An answer of the node.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Door {
    /// A door to a running node.
    pub(crate) fn remote(url: &str, token: Option<&str>, tenant: &Tenant) -> anyhow::Result<Self> {
        let base = url
            .trim_end_matches('/')
            .trim_end_matches("/ngsi-ld/v1")
            .to_owned();
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let bearer = HeaderValue::try_from(format!("Bearer {token}"));
            headers.insert(
                AUTHORIZATION,
                bearer.context("the token is no text for a header")?,
            );
        }
        if !tenant.is_default() {
            headers.insert(TENANT_HEADER, HeaderValue::try_from(tenant.as_str())?);
        }
        Ok(Self::Remote {
            client: Arc::new(super::client()?),
            base,
            headers,
        })
    }

    async fn post(&self, path: &str, body: Bytes) -> Result<Answer, Refused> {
        match self {
            Self::None => {
                let headers = HeaderMap::new();
                Ok(Answer {
                    status: StatusCode::NO_CONTENT,
                    headers,
                    body: Bytes::new(),
                })
            }
            Self::Local { face, tenant } => local(face.clone(), tenant, path, body).await,
            Self::Remote {
                client,
                base,
                headers,
            } => {
                let mut headers = headers.clone();
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/ld+json"),
                );
                let request = ports::Request {
                    method: Method::POST,
                    url: format!("{base}{path}"),
                    headers,
                    body,
                    deadline: SystemClock.now().plus_micros(REQUEST_MICROS_MAX),
                    reply_bytes_max: ANSWER_BYTES_MAX,
                };
                let reply = client.send(request).await.map_err(|error| Refused {
                    kind: error.kind(),
                    reason: error.to_string(),
                })?;
                Ok(Answer {
                    status: reply.status,
                    headers: reply.headers,
                    body: reply.body,
                })
            }
        }
    }

    /// Posts, and again when the node says that it cannot take it now.
    async fn deliver(&self, path: &str, body: Bytes) -> Result<Answer, Refused> {
        let mut tries = 0;
        loop {
            let answer = self.post(path, body.clone()).await?;
            tries += 1;
            let busy = answer.status == StatusCode::SERVICE_UNAVAILABLE;
            if !busy || tries == TRIES_MAX {
                return Ok(answer);
            }
            let pause = 100_000_i64 << tries;
            SystemClock
                .sleep_until(SystemClock.now().plus_micros(pause))
                .await;
        }
    }
}

async fn local(face: Router, tenant: &Tenant, path: &str, body: Bytes) -> Result<Answer, Refused> {
    let defect = |reason: String| Refused {
        kind: Kind::Internal,
        reason,
    };
    let mut request = Request::post(path)
        .header(CONTENT_TYPE, "application/ld+json")
        .header(CONTENT_LENGTH, body.len());
    if !tenant.is_default() {
        request = request.header(TENANT_HEADER, tenant.as_str());
    }
    let request = request
        .body(Body::from(body))
        .map_err(|error| defect(error.to_string()))?;
    let response = match face.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| defect(error.to_string()))?
        .to_bytes();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

/// The sink of an import: sends batches one after the other, each while the next is being read.
pub(crate) struct Delivery {
    door: Door,
    handle: Handle,
    under_way: Option<JoinHandle<Result<Sums, Refused>>>,
    sums: Sums,
}

impl Delivery {
    pub(crate) fn new(door: Door, handle: Handle) -> Self {
        Self {
            door,
            handle,
            under_way: None,
            sums: Sums::default(),
        }
    }

    /// Waits for the batch under way.
    fn settle(&mut self) -> Result<(), Refused> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        let joined = self.handle.block_on(under_way);
        let sums = joined.map_err(|error| Refused {
            kind: Kind::Internal,
            reason: format!("the sending broke off: {error}"),
        })??;
        self.sums.add(sums);
        Ok(())
    }

    /// Waits for what is still under way; what became of everything.
    pub(crate) fn finish(mut self) -> Result<Sums, Refused> {
        self.settle()?;
        Ok(self.sums)
    }

    fn send<F>(&mut self, sending: F) -> Result<(), Refused>
    where
        F: Future<Output = Result<Sums, Refused>> + Send + 'static,
    {
        self.settle()?;
        let under_way = self.handle.spawn(sending);
        self.under_way = Some(under_way);
        Ok(())
    }
}

impl Sink for Delivery {
    fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        let door = self.door.clone();
        self.send(async move { send_entities(&door, &batch).await })
    }

    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        let door = self.door.clone();
        self.send(async move { send_histories(&door, batch).await })
    }
}

async fn send_entities(door: &Door, batch: &[Value]) -> Result<Sums, Refused> {
    let answer = door.deliver(UPSERT, json(&batch)?).await?;
    let mut sums = Sums::default();
    let all = count(batch.len());
    let unchanged = answer
        .headers
        .get("chorsu-unchanged")
        .and_then(|n| n.to_str().ok());
    sums.unchanged = unchanged.and_then(|n| n.parse().ok()).unwrap_or(0);
    match answer.status {
        StatusCode::NO_CONTENT => {}
        StatusCode::CREATED => sums.created = count(list(&answer.body).len()),
        StatusCode::MULTI_STATUS => sums.note_errors(&answer.body),
        status => return Err(refused(status, &answer.body)),
    }
    sums.updated = all.saturating_sub(sums.created + sums.unchanged + sums.refused);
    Ok(sums)
}

/// Sends parts of histories, several at once: their order does not matter.
async fn send_histories(door: &Door, batch: Vec<Value>) -> Result<Sums, Refused> {
    let sending = batch.into_iter().map(|part| async move {
        let id = part
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let answer = door.deliver(HISTORY, json(&part)?).await?;
        Ok((id, answer))
    });
    let mut answers = stream::iter(sending).buffer_unordered(HISTORIES_AT_ONCE);
    let mut sums = Sums::default();
    while let Some(answered) = answers.next().await {
        let (id, answer): (String, Answer) = answered?;
        match answer.status {
            status if status.is_success() => sums.histories += 1,
            StatusCode::BAD_REQUEST => sums.refuse(id, detail(&answer.body)),
            status => return Err(refused(status, &answer.body)),
        }
    }
    Ok(sums)
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.histories += other.histories;
        self.refused += other.refused;
        let room = REFUSALS_KEPT_MAX.saturating_sub(self.refusals.len());
        self.refusals.extend(other.refusals.into_iter().take(room));
    }

    fn refuse(&mut self, id: String, reason: String) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_KEPT_MAX {
            self.refusals.insert(id, reason);
        }
    }

    /// Takes over the errors of a BatchOperationResult; it does not tell created from updated.
    fn note_errors(&mut self, body: &[u8]) {
        let result: Value = serde_json::from_slice(body).unwrap_or_default();
        for entry in result
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let id = entry
                .get("entityId")
                .and_then(Value::as_str)
                .unwrap_or("(no id)");
            let reason = entry
                .pointer("/error/detail")
                .and_then(Value::as_str)
                .unwrap_or("refused");
            self.refuse(id.to_owned(), reason.to_owned());
        }
    }
}

fn list(body: &[u8]) -> Vec<Value> {
    serde_json::from_slice(body).unwrap_or_default()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn json<T: serde::Serialize>(value: &T) -> Result<Bytes, Refused> {
    let text = serde_json::to_vec(value);
    text.map(Bytes::from).map_err(|error| Refused {
        kind: Kind::Internal,
        reason: error.to_string(),
    })
}

fn detail(body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = problem.get("detail").and_then(Value::as_str);
    detail.unwrap_or("it does not say why").to_owned()
}

/// The node refused a request as a whole.
fn refused(status: StatusCode, body: &[u8]) -> Refused {
    let kind = match status {
        StatusCode::UNAUTHORIZED => Kind::Unauthenticated,
        StatusCode::FORBIDDEN => Kind::Forbidden,
        StatusCode::SERVICE_UNAVAILABLE => Kind::Unavailable,
        status if status.is_client_error() => Kind::Invalid,
        _ => Kind::Internal,
    };
    Refused {
        kind,
        reason: format!("the node answered {status}: {}", detail(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_batch_are_counted_and_the_first_are_kept() {
        let entry = |n: usize| serde_json::json!({"entityId": format!("urn:{n}"), "error": {"detail": "no"}});
        let body = serde_json::json!({
            "success": [], "errors": (0..150).map(entry).collect::<Vec<_>>()
        });
        let mut sums = Sums::default();
        sums.note_errors(body.to_string().as_bytes());
        assert_eq!(
            (sums.refused, sums.refusals.len()),
            (150, REFUSALS_KEPT_MAX)
        );
        assert_eq!(sums.refusals["urn:0"], "no");
    }

    #[test]
    fn what_the_node_says_reaches_the_user() {
        let body = br#"{"detail": "the token is unknown"}"#;
        let refused = refused(StatusCode::UNAUTHORIZED, body);
        assert_eq!(refused.kind, Kind::Unauthenticated);
        assert_eq!(
            refused.reason,
            "the node answered 401 Unauthorized: the token is unknown"
        );
    }
}
