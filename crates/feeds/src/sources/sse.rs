//! A URL that tells Server-Sent Events: followed, and after a break resumed behind the last event
//! that is on disk.
//!
//! Limit: where it stood is known as long as the feed runs; after a restart of the node the server
//! decides what it tells again.

use base::Tasks;
use bytes::Bytes;
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use ports::Request;

use super::Needs;
use super::events::Reader;
use crate::backoff::Backoff;
use crate::feeds::Feed;

/// Until the first byte of an answer.
const HEAD_MICROS: i64 = 30_000_000;
/// A stream that says nothing for so long is taken for dead: servers send comments to show life.
const SILENCE_MICROS: i64 = 120_000_000;
/// Waits after a break.
const WAIT_MILLIS: (u64, u64) = (1_000, 60_000);
/// The longest wait that a server can ask for.
const RETRY_MILLIS_MAX: u64 = 600_000;
/// Events on their way into the store.
const UNDERWAY_MAX: usize = 1_024;

/// Follows until the tasks stop.
pub(super) async fn follow(feed: &Feed, needs: &Needs, tasks: &Tasks) {
    let mut backoff = Backoff::new(WAIT_MILLIS.0, WAIT_MILLIS.1);
    let mut last = Last::default();
    loop {
        let before = feed.meter.accepted_so_far();
        let broke = tokio::select! {
            biased;
            () = tasks.stopped() => return,
            broke = read(feed, needs, &mut last) => broke,
        };
        let now = needs.clock.now();
        let reason = match broke {
            Ok(()) => "the server ended the stream".to_owned(),
            Err(reason) => reason,
        };
        tracing::info!(
            feed = feed.name,
            reason,
            "a stream of events broke; it is resumed"
        );
        if feed.meter.accepted_so_far() > before {
            backoff.reset();
        }
        feed.meter.broken(now, reason);
        let asked_for = last.retry_millis.unwrap_or(0).min(RETRY_MILLIS_MAX);
        let asked_for = now.plus_micros(i64::try_from(asked_for * 1_000).unwrap_or(0));
        let until = backoff.next(now, &*needs.entropy).max(asked_for);
        tokio::select! {
            biased;
            () = tasks.stopped() => return,
            () = needs.clock.sleep_until(until) => {}
        }
    }
}

/// Where the stream stands.
#[derive(Debug, Default)]
struct Last {
    id: String,
    retry_millis: Option<u64>,
}

async fn read(feed: &Feed, needs: &Needs, last: &mut Last) -> Result<(), String> {
    let source = &feed.definition.source;
    let mut headers = super::headers(source)?;
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if let Ok(id) = HeaderValue::from_bytes(last.id.as_bytes())
        && !last.id.is_empty()
    {
        headers.insert(HeaderName::from_static("last-event-id"), id);
    }
    let request = Request {
        method: Method::GET,
        url: source.url.clone().unwrap_or_default(),
        headers,
        body: Bytes::new(),
        deadline: needs.clock.now().plus_micros(HEAD_MICROS),
        reply_bytes_max: 1024 * 1024,
    };
    let mut streamed = needs
        .outbound
        .stream(request)
        .await
        .map_err(|e| e.to_string())?;
    if streamed.status != StatusCode::OK {
        return Err(format!("the server answers {}", streamed.status));
    }
    let mut reader = Reader::after(&last.id);
    loop {
        let silent = needs.clock.now().plus_micros(SILENCE_MICROS);
        let chunk = tokio::select! {
            biased;
            chunk = streamed.body.next() => chunk,
            () = needs.clock.sleep_until(silent) => return Err("the stream fell silent".to_owned()),
        };
        let Some(chunk) = chunk else { return Ok(()) };
        feed.meter.works();
        let events = reader.take(&chunk.map_err(|error| error.to_string())?)?;
        last.retry_millis = reader.retry_millis;
        let wanted = |name: &String| source.events.is_empty() || source.events.contains(name);
        let mut underway = Vec::new();
        for event in events.into_iter().filter(|event| wanted(&event.name)) {
            let (item, receipt) = feed.item(event.data.into(), needs.clock.now()).await;
            feed.send(item).await.map_err(|error| error.to_string())?;
            underway.push((receipt, event.id));
            if underway.len() >= UNDERWAY_MAX {
                stored(&mut underway, last).await?;
            }
        }
        stored(&mut underway, last).await?;
    }
}

/// Waits until all that is underway is on disk; only then the stream stands behind it.
async fn stored(
    underway: &mut Vec<(
        tokio::sync::oneshot::Receiver<crate::queue::Receipt>,
        String,
    )>,
    last: &mut Last,
) -> Result<(), String> {
    for (receipt, id) in underway.drain(..) {
        receipt
            .await
            .map_err(|_dropped| "the events could not be stored".to_owned())?;
        last.id = id;
    }
    Ok(())
}
