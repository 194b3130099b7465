//! A URL asked again and again; what did not change is not sent again.

use base::Tasks;
use base::limits::BODY_BYTES_MAX;
use bytes::Bytes;
use http::header::{
    ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use http::{HeaderMap, Method, StatusCode};
use ports::Request;

use super::Needs;
use crate::backoff::{Backoff, jittered};
use crate::definition::Format;
use crate::feeds::Feed;

/// Bytes of an answer in a compact format; JSON in memory takes many times what it takes on the
/// way, and is bounded as in requests to the node.
const COMPACT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// An answer takes at most so long.
const REPLY_MICROS: i64 = 60_000_000;
/// The first wait after a failure.
const WAIT_MILLIS: u64 = 2_000;
/// The longest wait after a failure, unless the feed asks more seldom anyway.
const WAIT_MILLIS_MAX: u64 = 300_000;
/// The longest wait that a server can ask for.
const RETRY_AFTER_SECONDS_MAX: u64 = 3_600;

/// Why there is no answer, and how long the server wants to be left alone.
struct Failed {
    reason: String,
    wait_seconds: Option<u64>,
}

impl Failed {
    fn new(reason: &dyn std::fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
            wait_seconds: None,
        }
    }
}

/// Asks until the tasks stop.
pub(super) async fn follow(feed: &Feed, needs: &Needs, tasks: &Tasks) {
    let every = u64::from(feed.definition.source.every_seconds.unwrap_or(60)) * 1_000;
    let mut backoff = Backoff::new(WAIT_MILLIS, WAIT_MILLIS_MAX.max(every));
    let mut known = HeaderMap::new();
    loop {
        let asked = tokio::select! {
            biased;
            () = tasks.stopped() => return,
            asked = ask(feed, needs, &mut known) => asked,
        };
        let now = needs.clock.now();
        let until = match asked {
            Ok(()) => {
                backoff.reset();
                feed.meter.works();
                jittered(now, every, &*needs.entropy)
            }
            Err(Failed {
                reason,
                wait_seconds,
            }) => {
                tracing::warn!(feed = feed.name, reason, "a feed cannot be polled");
                feed.meter.broken(now, reason);
                let wanted = wait_seconds.unwrap_or(0).min(RETRY_AFTER_SECONDS_MAX) * 1_000;
                let wanted = now.plus_micros(i64::try_from(wanted * 1_000).unwrap_or(0));
                backoff.next(now, &*needs.entropy).max(wanted)
            }
        };
        tokio::select! {
            biased;
            () = tasks.stopped() => return,
            () = needs.clock.sleep_until(until) => {}
        }
    }
}

/// Asks once, and waits until the answer is stored. `known` are the conditions under which the
/// next answer is worth having; they change only when this one is on disk.
async fn ask(feed: &Feed, needs: &Needs, known: &mut HeaderMap) -> Result<(), Failed> {
    let source = &feed.definition.source;
    let mut headers = super::headers(source).map_err(|reason| Failed::new(&reason))?;
    headers.extend(known.clone());
    let now = needs.clock.now();
    let request = Request {
        method: Method::GET,
        url: source.url.clone().unwrap_or_default(),
        headers,
        body: Bytes::new(),
        deadline: now.plus_micros(REPLY_MICROS),
        reply_bytes_max: match source.format {
            Format::Csv | Format::GtfsRt => COMPACT_BYTES_MAX,
            Format::Json | Format::Geojson | Format::Ngsi => BODY_BYTES_MAX,
        },
    };
    let reply = needs
        .outbound
        .send(request)
        .await
        .map_err(|reason| Failed::new(&reason))?;
    match reply.status {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT => return Ok(()),
        status => return Err(unexpected(status, &reply.headers)),
    }
    let receipt = feed.bring(reply.body, needs.clock.now()).await;
    let receipt = receipt.map_err(|reason| Failed::new(&reason))?;
    if receipt.accepted > 0 || receipt.refused == 0 {
        *known = conditions(&reply.headers);
    }
    Ok(())
}

fn unexpected(status: StatusCode, headers: &HeaderMap) -> Failed {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let reason = match text(http::header::LOCATION) {
        Some(place) if status.is_redirection() => {
            let place: String = place.chars().take(200).collect();
            format!("the server answers {status}: it has moved to {place}; write that as the url")
        }
        _ => format!("the server answers {status}"),
    };
    Failed {
        reason,
        wait_seconds: text(RETRY_AFTER).and_then(|text| text.parse().ok()),
    }
}

/// The conditions for the next question [RFC 9110 §13.1].
fn conditions(headers: &HeaderMap) -> HeaderMap {
    let pairs = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
    let told = |(from, to): (HeaderName, HeaderName)| Some((to, headers.get(from)?.clone()));
    pairs
        .into_iter()
        .filter_map(told)
        .collect::<HeaderMap<HeaderValue>>()
}
