//! HTTP going out.

use std::net::SocketAddr;

use async_trait::async_trait;
use base::{Kind, Time};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// A request to somebody else.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// Headers; `Host` and `Content-Length` are set by the implementation.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When the whole exchange must be over.
    pub deadline: Time,
    /// A longer reply body is an error.
    pub reply_bytes_max: usize,
}

/// What came back. Redirects are replies like any other.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// What came back, its body still on the way.
#[derive(Debug)]
pub struct Streamed {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Box<dyn Chunks>,
}

/// A body that comes in chunks. Dropping it ends the exchange.
#[async_trait]
pub trait Chunks: Send + std::fmt::Debug {
    /// The next chunk; `None`: it was all.
    async fn next(&mut self) -> Option<Result<Bytes, OutboundError>>;
}

/// A body that is here already.
#[async_trait]
impl Chunks for Option<Bytes> {
    async fn next(&mut self) -> Option<Result<Bytes, OutboundError>> {
        self.take().map(Ok)
    }
}

/// Why no reply came.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OutboundError {
    /// The URL is none that may be asked.
    #[error("'{url}' cannot be asked: {reason}")]
    UrlInvalid {
        /// What was given, shortened.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address is a private one.
    #[error("'{host}' is at a private address, which the settings do not allow")]
    AddressForbidden {
        /// The host asked for.
        host: String,
    },
    /// Nobody there, or the connection broke.
    #[error("'{host}' cannot be reached: {reason}")]
    Unreachable {
        /// The host asked for.
        host: String,
        /// What happened.
        reason: String,
    },
    /// The deadline passed.
    #[error("'{host}' did not answer in time")]
    TimedOut {
        /// The host asked for.
        host: String,
    },
    /// The reply is larger than allowed.
    #[error("the reply of '{host}' is larger than {bytes_max} bytes")]
    ReplyTooLarge {
        /// The host asked for.
        host: String,
        /// What was allowed.
        bytes_max: usize,
    },
}

impl OutboundError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::UrlInvalid { .. } => Kind::Invalid,
            Self::AddressForbidden { .. } => Kind::Forbidden,
            Self::Unreachable { .. } | Self::TimedOut { .. } => Kind::Unavailable,
            Self::ReplyTooLarge { .. } => Kind::Limit,
        }
    }
}

/// HTTP to the outside, and the guard of what is no HTTP.
#[async_trait]
pub trait Outbound: Send + Sync + std::fmt::Debug {
    /// Sends a request and waits for the whole reply.
    async fn send(&self, request: Request) -> Result<Reply, OutboundError>;

    /// Sends a request and waits for the head of the reply alone; the body is read as it comes.
    /// The deadline is that of the head, and `reply_bytes_max` bounds each chunk, not the whole.
    /// By default the whole reply is waited for.
    async fn stream(&self, request: Request) -> Result<Streamed, OutboundError> {
        let reply = self.send(request).await?;
        Ok(Streamed {
            status: reply.status,
            headers: reply.headers,
            body: Box::new(Some(reply.body)),
        })
    }

    /// The addresses of a host that may be connected to by something else than HTTP; all of them
    /// are checked. By default there are none.
    async fn reach(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        let _port = port;
        Err(OutboundError::AddressForbidden {
            host: host.to_owned(),
        })
    }

    /// Certificates in PEM that are trusted besides those of the public authorities.
    fn roots_pem(&self) -> &[u8] {
        &[]
    }
}
