//! Documents from elsewhere: from the folder, if there is one, else over HTTP.

use std::sync::Arc;

use base::Time;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use ports::{Clock, Outbound, OutboundError, Request};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{DOCUMENT_BYTES_MAX, Folder};

/// Microseconds that a fetch may take, with all redirects and the wait for its turn.
const FETCH_MICROS_MAX: i64 = 5_000_000;
/// Redirects that are followed, each guarded like the first address.
const REDIRECTS_MAX: usize = 3;
/// Fetches at the same time.
const FETCHES_MAX: usize = 16;

/// Why a document cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// The node works from a folder that lacks it.
    #[error("the folder of contexts does not name it")]
    NotInFolder,
    /// The file of the folder cannot be read.
    #[error("its file in the folder of contexts cannot be read: {0}")]
    FileUnreadable(String),
    /// It could not be fetched.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Somebody answered, but not with the document.
    #[error("the answer was {0}")]
    Status(u16),
    /// It has moved, and moved again.
    #[error("it has moved too often")]
    Redirects,
    /// It is not JSON.
    #[error("it is not JSON")]
    NotJson,
    /// What came cannot take the place of what is there.
    #[error("what was fetched is no @context: {0}")]
    Unusable(String),
}

#[derive(Debug)]
pub(super) struct Fetcher {
    outbound: Arc<dyn Outbound>,
    clock: Arc<dyn Clock>,
    folder: Option<Folder>,
    permits: Semaphore,
}

impl Fetcher {
    pub(super) fn new(
        outbound: Arc<dyn Outbound>,
        clock: Arc<dyn Clock>,
        folder: Option<Folder>,
    ) -> Self {
        Self {
            outbound,
            clock,
            folder,
            permits: Semaphore::new(FETCHES_MAX),
        }
    }

    pub(super) async fn fetch(&self, url: &str) -> Result<Value, FetchError> {
        if let Some(folder) = &self.folder {
            if let Some(file) = folder.file(url) {
                let text = std::fs::read(file)
                    .map_err(|error| FetchError::FileUnreadable(error.to_string()))?;
                return serde_json::from_slice(&text).map_err(|_no_json| FetchError::NotJson);
            }
            if !is_loopback(url) {
                return Err(FetchError::NotInFolder);
            }
        }
        let deadline = self.clock.now().plus_micros(FETCH_MICROS_MAX);
        tokio::select! {
            biased;
            fetched = self.follow(url, deadline) => fetched,
            // Those who wait for their turn are not kept for ever either.
            () = self.clock.sleep_until(deadline) => {
                let host = url.chars().take(200).collect();
                Err(OutboundError::TimedOut { host }.into())
            }
        }
    }

    /// Asks for the document, and where it has moved to.
    async fn follow(&self, url: &str, deadline: Time) -> Result<Value, FetchError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await.ok();
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let reply = self.outbound.send(request(&url, deadline)).await?;
            if reply.status.is_success() {
                return serde_json::from_slice(&reply.body).map_err(|_no_json| FetchError::NotJson);
            }
            let location = reply
                .headers
                .get(header::LOCATION)
                .and_then(|l| l.to_str().ok());
            match location {
                Some(to) if reply.status.is_redirection() && to.starts_with("http") => {
                    to.clone_into(&mut url);
                }
                _ => return Err(FetchError::Status(reply.status.as_u16())),
            }
        }
        Err(FetchError::Redirects)
    }
}

fn request(url: &str, deadline: Time) -> Request {
    let mut headers = HeaderMap::new();
    let accept = HeaderValue::from_static("application/ld+json, application/json;q=0.9");
    headers.insert(header::ACCEPT, accept);
    Request {
        method: Method::GET,
        url: url.to_owned(),
        headers,
        body: Bytes::new(),
        deadline,
        reply_bytes_max: DOCUMENT_BYTES_MAX,
    }
}

/// Whether the URL names this machine: contexts that the city serves itself are no internet.
fn is_loopback(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    // What stands before an `@` is no host.
    rest.is_some_and(|rest| {
        let rest = rest.split('/').next().unwrap_or(rest);
        !rest.contains('@')
            && ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| {
                rest.strip_prefix(host)
                    .is_some_and(|r| r.is_empty() || r.starts_with(':'))
            })
    })
}
