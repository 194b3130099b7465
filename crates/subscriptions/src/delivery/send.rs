//! One attempt to bring a notification [CIM-009 §6.3.8, §7.2].

use std::sync::Arc;

use base::Time;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ports::{OutboundError, Request};

use crate::model::{Subscription, Transport};

use super::Outbox;
use super::lane::{Attempt, Lane};
use super::letter::Letter;

/// How long a receiver may take, if its subscription does not say, and at most, in microseconds.
const TIMEOUT_MICROS: (i64, i64) = (5_000_000, 60_000_000);
/// Bytes of an answer: nobody reads it.
const REPLY_BYTES_MAX: usize = 64 * 1024;
/// The header that names a tenant.
const TENANT: HeaderName = HeaderName::from_static("ngsild-tenant");

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was taken.
    Told,
    /// It was not, and will not be.
    Refused(String),
    /// It was not this time.
    Failed(String),
    /// It was not tried: the host is left alone until then.
    Held {
        /// When to come again.
        until: Time,
    },
}

/// An attempt that is over.
#[derive(Debug)]
pub(super) struct Done {
    /// Of which letter.
    pub(super) key: u64,
    /// To whom.
    pub(super) to: Arc<Subscription>,
    /// What is remembered of it.
    pub(super) attempt: Attempt,
    /// What came of it.
    pub(super) outcome: Outcome,
}

/// What a receiver said, or that it said nothing.
type Said = (Option<StatusCode>, Outcome);

impl Outbox {
    /// Tries to bring a letter to its receiver.
    pub(super) async fn attempt(
        &self,
        lane: &Lane,
        to: Arc<Subscription>,
        letter: Arc<Letter>,
    ) -> Done {
        let clock = &self.means.clock;
        let host = self.hosts.of(&to.notification.endpoint.uri);
        let _at_host = host.room().await;
        let _at_all = self.hosts.room(&host).await;
        let at = clock.now();
        let (status, outcome) = match host.enter(at) {
            Err(until) => (None, Outcome::Held { until }),
            Ok(pass) => {
                let said = self.send(lane, &to, &letter).await;
                let now = clock.now();
                let answered = said.0.is_some() || !matches!(said.1, Outcome::Failed(_));
                pass.report(answered, now.as_micros() - at.as_micros(), now);
                said
            }
        };
        let reason = match &outcome {
            Outcome::Told | Outcome::Held { .. } => None,
            Outcome::Refused(reason) | Outcome::Failed(reason) => Some(reason.clone()),
        };
        Done {
            key: letter.key,
            attempt: Attempt {
                at,
                took_micros: clock.now().as_micros() - at.as_micros(),
                status: status.map(|status| status.as_u16()),
                reason,
            },
            outcome,
            to,
        }
    }

    async fn send(&self, lane: &Lane, to: &Subscription, letter: &Letter) -> Said {
        let endpoint = &to.notification.endpoint;
        let timeout = endpoint.timeout.map(|timeout| timeout.as_micros());
        let timeout = timeout.and_then(|micros| i64::try_from(micros).ok());
        let timeout = timeout
            .unwrap_or(TIMEOUT_MICROS.0)
            .clamp(1_000, TIMEOUT_MICROS.1);
        let deadline = self.means.clock.now().plus_micros(timeout);
        match endpoint.transport {
            Transport::Http => self.post(lane, to, letter, deadline).await,
            Transport::Mqtt => {
                let whose = (&lane.key, to);
                let publishing = self.brokers.publish(&self.means, whose, letter, deadline);
                (None, publishing.await)
            }
            // Whoever listens was told when it came.
            Transport::Events => (None, Outcome::Told),
        }
    }

    /// Posts a letter [CIM-009 §6.3.8].
    async fn post(&self, lane: &Lane, to: &Subscription, letter: &Letter, deadline: Time) -> Said {
        let request = Request {
            method: Method::POST,
            url: to.notification.endpoint.uri.as_str().to_owned(),
            headers: headers(lane, to, letter),
            body: letter.body.clone(),
            deadline,
            reply_bytes_max: REPLY_BYTES_MAX,
        };
        match self.means.outbound.send(request).await {
            Ok(reply) => (Some(reply.status), judged(reply.status)),
            // It took the notification, and then talked too much.
            Err(OutboundError::ReplyTooLarge { .. }) => (None, Outcome::Told),
            Err(
                error @ (OutboundError::UrlInvalid { .. } | OutboundError::AddressForbidden { .. }),
            ) => (None, Outcome::Refused(error.to_string())),
            Err(error) => (None, Outcome::Failed(error.to_string())),
        }
    }
}

/// What a status means.
fn judged(status: StatusCode) -> Outcome {
    let said = format!("the receiver answered {status}");
    match status {
        _ if status.is_success() => Outcome::Told,
        _ if status.is_redirection() => {
            Outcome::Refused(format!("{said}; redirections are not followed"))
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Failed(said)
        }
        _ if status.is_client_error() => Outcome::Refused(said),
        _ => Outcome::Failed(said),
    }
}

/// The headers of a letter: what the receiver wants to be told does not hide what it must know.
fn headers(lane: &Lane, to: &Subscription, letter: &Letter) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (key, value) in &to.notification.endpoint.receiver_info {
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let tenant = (!lane.key.tenant.is_default()).then(|| lane.key.tenant.as_str());
    for (name, value) in [
        (CONTENT_TYPE, Some(letter.content_type.as_str())),
        (LINK, letter.link.as_deref()),
        (TENANT, tenant),
    ] {
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    headers
}
