//! The real `Outbound`: hyper and rustls behind the guard.

use std::error::Error as StdError;
use std::io;
use std::iter::successors;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as Pool, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ports::{Chunks, Clock, Outbound, OutboundError, Reply, Request, Streamed};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;

use crate::guard::{Forbidden, Guard};
use crate::settings::{Settings, SettingsInvalid};

/// Idle connections kept for one host: notifications come in bursts to the same few receivers.
const IDLE_PER_HOST_MAX: usize = 8;
/// Idle connections are closed after this; below the minute after which many servers close theirs.
const IDLE: Duration = Duration::from_secs(30);
/// Time for all addresses of a host to take a connection, so that a dead address leaves time for the next one.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of a reply's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// HTTP/1.1 to the outside over pooled, guarded connections.
pub struct Client {
    guard: Guard,
    pool: Pool<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>,
    exchanges: Semaphore,
    clock: Arc<dyn Clock>,
    roots_pem: Vec<u8>,
}

impl Client {
    /// A client with no connections yet.
    ///
    /// # Errors
    /// `Roots` if the additional certificates cannot be used.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, SettingsInvalid> {
        let guard = Guard::new(settings);
        let mut tcp = HttpConnector::new_with_resolver(guard.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(&settings.roots_pem)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            // Names of headers are the same in any case, yet some receivers look for 'Link' alone.
            .http1_title_case_headers(true)
            .build(connector);
        Ok(Self {
            guard,
            pool,
            exchanges: Semaphore::new(settings.exchanges_max.max(1)),
            clock,
            roots_pem: settings.roots_pem.clone(),
        })
    }

    /// One whole exchange, without its deadline.
    async fn exchange(
        &self,
        host: &str,
        uri: Uri,
        request: Request,
    ) -> Result<Reply, OutboundError> {
        let _permit = self
            .exchanges
            .acquire()
            .await
            .map_err(|fault| unreachable(host, fault.to_string()))?;
        let bytes_max = request.reply_bytes_max;
        let too_large = || OutboundError::ReplyTooLarge {
            host: host.to_owned(),
            bytes_max,
        };
        let (head, body) = self.head(host, uri, request).await?.into_parts();
        if body.size_hint().lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
            return Err(too_large());
        }
        let body = Limited::new(body, bytes_max)
            .collect()
            .await
            .map_err(|fault| {
                if fault.is::<LengthLimitError>() {
                    too_large()
                } else {
                    unreachable(host, story(&*fault))
                }
            })?;
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    /// Sends a request and waits for the head of the reply.
    async fn head(
        &self,
        host: &str,
        uri: Uri,
        request: Request,
    ) -> Result<http::Response<Incoming>, OutboundError> {
        let mut outgoing = http::Request::new(Full::new(request.body));
        *outgoing.method_mut() = request.method;
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = end_to_end(request.headers);
        self.pool.request(outgoing).await.map_err(|fault| {
            if cause::<Forbidden>(&fault).is_some() {
                OutboundError::AddressForbidden {
                    host: host.to_owned(),
                }
            } else {
                unreachable(host, story(&fault))
            }
        })
    }

    /// The host and the target of a URL that may be asked.
    fn target(&self, url: &str) -> Result<(String, Uri), OutboundError> {
        let checked = self.guard.url(url)?;
        let host = checked.host_str().unwrap_or_default().to_owned();
        let uri = checked.as_str().parse::<Uri>();
        let uri = uri.map_err(|fault| OutboundError::UrlInvalid {
            url: url.chars().take(200).collect(),
            reason: fault.to_string(),
        })?;
        Ok((host, uri))
    }
}

fn unreachable(host: &str, reason: String) -> OutboundError {
    OutboundError::Unreachable {
        host: host.to_owned(),
        reason,
    }
}

/// A body on its way.
struct Coming {
    host: String,
    body: Incoming,
    chunk_bytes_max: usize,
}

#[async_trait]
impl Chunks for Coming {
    async fn next(&mut self) -> Option<Result<Bytes, OutboundError>> {
        loop {
            return match self.body.frame().await? {
                Err(fault) => Some(Err(unreachable(&self.host, story(&fault)))),
                Ok(frame) => match frame.into_data() {
                    Ok(chunk) if chunk.len() > self.chunk_bytes_max => {
                        Some(Err(OutboundError::ReplyTooLarge {
                            host: self.host.clone(),
                            bytes_max: self.chunk_bytes_max,
                        }))
                    }
                    Ok(chunk) => Some(Ok(chunk)),
                    // Trailers say nothing about the body.
                    Err(_trailers) => continue,
                },
            };
        }
    }
}

impl std::fmt::Debug for Coming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coming")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Outbound for Client {
    async fn send(&self, request: Request) -> Result<Reply, OutboundError> {
        let (host, uri) = self.target(&request.url)?;
        let deadline = request.deadline;
        tokio::select! {
            biased;
            () = self.clock.sleep_until(deadline) => Err(OutboundError::TimedOut { host: host.clone() }),
            reply = self.exchange(&host, uri, request) => reply,
        }
    }

    /// Limit: a body on its way is not among the exchanges that the settings bound; whoever follows
    /// streams bounds their number.
    async fn stream(&self, request: Request) -> Result<Streamed, OutboundError> {
        let (host, uri) = self.target(&request.url)?;
        let (deadline, chunk_bytes_max) = (request.deadline, request.reply_bytes_max);
        let reply = tokio::select! {
            biased;
            () = self.clock.sleep_until(deadline) => Err(OutboundError::TimedOut { host: host.clone() }),
            reply = self.head(&host, uri, request) => reply,
        };
        let (head, body) = reply?.into_parts();
        Ok(Streamed {
            status: head.status,
            headers: head.headers,
            body: Box::new(Coming {
                host,
                body,
                chunk_bytes_max,
            }),
        })
    }

    async fn reach(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        self.guard.reach(host, port).await
    }

    fn roots_pem(&self) -> &[u8] {
        &self.roots_pem
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// TLS 1.2 and 1.3 by ring, trusting the public authorities and the additional certificates.
fn tls(roots_pem: &[u8]) -> Result<ClientConfig, SettingsInvalid> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let mut added = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(roots_pem) {
        let certificate = certificate.map_err(|fault| SettingsInvalid::Roots(fault.to_string()))?;
        roots
            .add(certificate)
            .map_err(|fault| SettingsInvalid::Roots(fault.to_string()))?;
        added += 1;
    }
    if added == 0 && !roots_pem.is_empty() {
        return Err(SettingsInvalid::Roots(
            "there is none in the file".to_owned(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|fault| SettingsInvalid::Roots(fault.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The headers without those that belong to one connection, which are hyper's to set.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for own in [
        HOST,
        CONTENT_LENGTH,
        CONNECTION,
        TRANSFER_ENCODING,
        TE,
        UPGRADE,
    ] {
        headers.remove(own);
    }
    headers
}

/// The error behind an error. `io::Error` passes over the one it carries, so that is looked into.
fn behind<'e>(fault: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    match fault
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(carried) => Some(carried),
        None => fault.source(),
    }
}

/// An error and those behind it.
fn causes<'e>(
    fault: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    successors(Some(fault), |fault| behind(*fault))
}

fn cause<'e, E: StdError + 'static>(fault: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    causes(fault).find_map(|cause| cause.downcast_ref())
}

/// The messages of an error and its causes in one short line.
fn story(fault: &(dyn StdError + 'static)) -> String {
    let mut messages: Vec<String> = causes(fault).map(ToString::to_string).collect();
    messages.dedup();
    messages.join(": ").chars().take(300).collect()
}
