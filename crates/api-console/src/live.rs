//! The live stream: what changes on the map, what the city is like, and how fresh it all is.
//!
//! Nothing is queued for anybody: a stream remembers up to which change it has told, and once a
//! second tells what places are like now that have changed since. So a slow client costs nothing,
//! and whoever comes back with `Last-Event-ID` misses nothing and hears nothing twice.

mod told;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base::{Kind, Seq, Time};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};
use trust::{Call, Operation};
use web::{Arrived, Caller, Guard, Query};

use crate::ask;
use crate::error::{Answer, Failure, fail, invalid};
use crate::state::{ApiConsole, STREAMS_MAX};

use told::Told;

/// Changes are told at most once in so many microseconds.
const BEAT_MICROS: i64 = 1_000_000;
/// What the city is like is told at most once in so many microseconds.
const NOW_MICROS: i64 = 2_000_000;
/// How fresh it is, is told once in so many microseconds, and the right to hear it asked again.
const TICK_MICROS: i64 = 5_000_000;
/// Types that one stream may name.
const TYPES_MAX: usize = 100;
/// Bytes of a whole number.
const NUMBER_BYTES_MAX: usize = 20;

/// `GET /console/live`
pub(crate) async fn live(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    query: Query,
    request: Request,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&["types", "bbox", "lastEventId"])?;
    let (parts, _body) = request.into_parts();
    let types = query.list("types")?;
    if types.len() > TYPES_MAX {
        return Err(invalid(format_args!(
            "{} types are asked for: name at most {TYPES_MAX}, or none for all",
            types.len()
        )));
    }
    let area = ask::bbox(&query)?;
    let after = last_seen(&parts.headers, &query)?;
    let permit = Arc::clone(&api.streams)
        .try_acquire_owned()
        .map_err(|_all_taken| {
            let detail = format_args!("{STREAMS_MAX} streams are open already; try again later");
            fail(Kind::Unavailable, detail)
        })?;
    let types = types.into_iter().map(ToOwned::to_owned).collect();
    let told = Told::new(types, area);
    let who = Who {
        guard: Arc::clone(&Arrived::of(&parts)?.kit.guard),
        bearer: web::caller::bearer(&parts.headers).map(ToOwned::to_owned),
        call,
    };
    let stream = Stream::begin(api, who, (told, after), permit).await?;
    let body = stream::unfold(stream, |mut stream| async move {
        let text = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), stream))
    });
    Ok(streaming(Body::from_stream(body)))
}

fn streaming(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Proxies that gather answers would hold the stream back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The change after which the caller wants to hear.
fn last_seen(headers: &HeaderMap, query: &Query) -> Result<Option<u64>, Failure> {
    let header = headers.get("last-event-id").map(|value| value.to_str());
    // What cannot be read is no id, and is said to be none below.
    let header = header.map(|text| text.unwrap_or("?"));
    let Some(text) = header.or_else(|| query.get("lastEventId")) else {
        return Ok(None);
    };
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|_| text.len() <= NUMBER_BYTES_MAX);
    let wrong = || invalid("Last-Event-ID must be the id of an event of this stream");
    number.map(Some).ok_or_else(wrong)
}

/// Who listens.
struct Who {
    guard: Arc<dyn Guard>,
    bearer: Option<String>,
    call: Call,
}

impl Who {
    /// Whether the right to listen still holds.
    fn may_listen(&mut self, api: &ApiConsole, now: Time) -> bool {
        match self.guard.identify(self.bearer.as_deref(), now) {
            Ok(principal) => self.call.principal = principal,
            Err(_refused) => return false,
        }
        api.allow(&self.call, Operation::Read).is_ok()
    }
}

/// One open stream.
struct Stream {
    api: ApiConsole,
    who: Who,
    told: Told,
    /// Whether there may be changes that were not told in this second.
    is_behind: bool,
    /// Events that are to be sent before anything else; never more than a few.
    queue: Vec<String>,
    beat_at: Time,
    tick_at: Time,
    now_at: Time,
    now_version: Option<u64>,
    city: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    async fn begin(
        api: ApiConsole,
        who: Who,
        (mut told, after): (Told, Option<u64>),
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, Failure> {
        let is_well = told.begin(&api, after).await?;
        let now = api.clock.now();
        let mut city = api.city.changed();
        city.mark_unchanged();
        // Whoever begins has just asked; whoever comes back has not.
        let now_version = after.is_none().then(|| api.watching.now().version());
        let mut stream = Self {
            who,
            told,
            is_behind: true,
            queue: Vec::new(),
            beat_at: now.plus_micros(BEAT_MICROS),
            tick_at: now.plus_micros(TICK_MICROS),
            now_at: now,
            now_version,
            city,
            _permit: permit,
            api,
        };
        if !is_well {
            stream.queue.push(stream.reset());
        }
        stream.queue.push(stream.tick(now));
        Ok(stream)
    }

    /// The next piece of the stream; `None`: it is over.
    async fn next(&mut self) -> Option<String> {
        loop {
            if !self.queue.is_empty() {
                return Some(self.queue.drain(..).collect());
            }
            if self.is_behind {
                match self.told.next(&self.api) {
                    told::Next::Changes { id, data } => {
                        return Some(event("changes", Some(id), &data));
                    }
                    told::Next::TooFarBehind => return Some(self.reset()),
                    told::Next::Nothing => self.is_behind = false,
                }
            }
            tokio::select! {
                biased;
                () = self.api.tasks.stopped() => return None,
                () = self.api.clock.sleep_until(self.beat_at) => {}
            }
            if !self.beat(self.api.clock.now()) {
                return None;
            }
        }
    }

    /// What a second brings; false when the listener has lost the right to listen.
    fn beat(&mut self, now: Time) -> bool {
        self.beat_at = now.plus_micros(BEAT_MICROS);
        self.is_behind = true;
        if now >= self.tick_at {
            if !self.who.may_listen(&self.api, now) {
                return false;
            }
            self.tick_at = now.plus_micros(TICK_MICROS);
            self.queue.push(self.tick(now));
        }
        if now >= self.now_at {
            let noted = self.api.watching.now();
            if self.now_version != Some(noted.version()) {
                self.now_version = Some(noted.version());
                self.now_at = now.plus_micros(NOW_MICROS);
                self.queue.push(event("now", None, noted.text()));
            }
        }
        // A sender that is gone has nothing more to say.
        if self.city.has_changed().unwrap_or(false) {
            self.city.mark_unchanged();
            self.queue.push(event("city", None, "{}"));
        }
        true
    }

    fn tick(&self, now: Time) -> String {
        let Seq(head) = self.api.broker.store().head();
        let seq = self.told.seq();
        let data = json!({"time": now.to_string(), "head": head, "seq": seq}).to_string();
        event("tick", Some(seq), &data)
    }

    fn reset(&self) -> String {
        let seq = self.told.seq();
        event("reset", Some(seq), &json!({ "seq": seq }).to_string())
    }
}

/// One event as it is sent; the data has no line break, being JSON.
fn event(name: &str, id: Option<u64>, data: &str) -> String {
    match id {
        Some(id) => format!("event: {name}\nid: {id}\ndata: {data}\n\n"),
        None => format!("event: {name}\ndata: {data}\n\n"),
    }
}
