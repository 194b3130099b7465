//! `/subscriptions/{id}/events`: the notifications of a subscription as they come, by Server-Sent
//! Events or by WebSocket. Whoever comes back with the id of the last one misses nothing that is
//! remembered; whoever is too slow is told so and cut off.
//!
//! Limit: a reader of Server-Sent Events that reads nothing at all is told so when it reads again, and
//! keeps its place until then or until its connection ends.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use base::{Kind, Time};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use ports::Clock;
use subscriptions::{Heard, Listener};
use trust::{Call, Operation};
use web::{Arrived, Caller, Guard, Problem, Query};

use crate::deliveries::{allowed, number};
use crate::error::{Answer, Failure};
use crate::state::Api;

/// How often the right to listen is asked again, and a sign of life is given, in microseconds.
const TICK_MICROS: i64 = 5_000_000;
/// How long a WebSocket may take over one message, in microseconds.
const SEND_MICROS: i64 = 10_000_000;
/// Bytes of what a listener says: nobody reads it.
const INCOMING_BYTES_MAX: usize = 4 * 1024;

/// `GET /subscriptions/{id}/events`
pub(crate) async fn listen(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&["lastEventId"])?;
    let (parts, _body) = request.into_parts();
    let after = last_seen(&parts.headers, &query)?;
    let subscription = allowed(&api, &call, &id).await?;
    let outbox = api.subscriptions.outbox();
    let listener = outbox.listen(&call.tenant, &subscription, after);
    let listener = listener.ok_or_else(|| {
        let detail = "as many listen as may listen at once; try again later";
        Failure(Problem::new(Kind::Unavailable, detail))
    })?;
    let stream = Stream::begin(api, call, listener, &parts)?;
    match upgrade {
        Ok(upgrade) => {
            refuse_strangers(&parts.headers)?;
            let upgrade = upgrade.max_message_size(INCOMING_BYTES_MAX);
            Ok(upgrade.on_upgrade(async move |socket| by_socket(stream, socket).await))
        }
        Err(_no_upgrade) => Ok(by_events(stream)),
    }
}

/// The notification after which the caller wants to hear.
fn last_seen(headers: &HeaderMap, query: &Query) -> Result<Option<u64>, Failure> {
    let header = headers.get("last-event-id").map(|value| value.to_str());
    // What cannot be read is no number, and is said to be none.
    let header = header.map(|text| text.unwrap_or("?"));
    match header.or_else(|| query.get("lastEventId")) {
        None | Some("") => Ok(None),
        Some(text) => number(text).map(Some),
    }
}

/// A page of another site may not use the visitor's way to this node: browsers let a WebSocket
/// go anywhere.
fn refuse_strangers(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let from = origin.split_once("://").map_or(origin, |(_, from)| from);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| host.eq_ignore_ascii_case(from)) {
        return Ok(());
    }
    let detail = "pages of other sites may not listen here";
    Err(Failure(Problem::new(Kind::Forbidden, detail)))
}

/// What is told next.
enum Told {
    /// Where it begins, and whether something was missed before.
    Begin { id: u64, has_missed: bool },
    /// A notification.
    Notification { id: u64, body: Bytes },
    /// Nothing has happened.
    Tick,
    /// It is over.
    End(&'static str),
}

/// One who listens.
struct Stream {
    api: Api,
    call: Call,
    guard: Arc<dyn Guard>,
    bearer: Option<String>,
    clock: Arc<dyn Clock>,
    listener: Listener,
    tick_at: Time,
    has_begun: bool,
    has_ended: bool,
}

impl Stream {
    fn begin(api: Api, call: Call, listener: Listener, parts: &Parts) -> Result<Self, Failure> {
        let kit = &Arrived::of(parts)?.kit;
        Ok(Self {
            guard: Arc::clone(&kit.guard),
            bearer: web::caller::bearer(&parts.headers).map(ToOwned::to_owned),
            clock: Arc::clone(&kit.clock),
            tick_at: kit.clock.now().plus_micros(TICK_MICROS),
            has_begun: false,
            has_ended: false,
            api,
            call,
            listener,
        })
    }

    /// What is told next. To give up waiting loses nothing.
    async fn next(&mut self) -> Option<Told> {
        if self.has_ended {
            return None;
        }
        if !self.has_begun {
            self.has_begun = true;
            let (id, has_missed) = (self.listener.after(), self.listener.has_missed());
            return Some(Told::Begin { id, has_missed });
        }
        let clock = Arc::clone(&self.clock);
        let told = tokio::select! {
            biased;
            () = clock.sleep_until(self.tick_at) => self.tick(),
            heard = self.listener.next() => match heard {
                Heard::Told { id, body } => Told::Notification { id, body },
                Heard::TooSlow => Told::End("too slow: more has come than is remembered"),
                Heard::Gone => Told::End("the subscription is no more"),
                Heard::Stopping => Told::End("the node stops"),
            },
        };
        self.has_ended = matches!(told, Told::End(_));
        Some(told)
    }

    fn tick(&mut self) -> Told {
        let now = self.clock.now();
        self.tick_at = now.plus_micros(TICK_MICROS);
        match self.guard.identify(self.bearer.as_deref(), now) {
            Ok(principal) => self.call.principal = principal,
            Err(_refused) => return Told::End("the right to listen has ended"),
        }
        match self.api.broker.authorize(&self.call, Operation::Subscribe) {
            Ok(()) => Told::Tick,
            Err(_refused) => Told::End("the right to listen has ended"),
        }
    }
}

/// By Server-Sent Events.
fn by_events(stream: Stream) -> Response {
    let body = stream::unfold(stream, async |mut stream| {
        let text = match stream.next().await? {
            Told::Begin { id, has_missed } => {
                format!("event: begin\nid: {id}\ndata: {{\"missed\":{has_missed}}}\n\n")
            }
            Told::Notification { id, body } => {
                // A notification is JSON in UTF-8, without a line break.
                let body = String::from_utf8_lossy(&body);
                format!("event: notification\nid: {id}\ndata: {body}\n\n")
            }
            Told::Tick => ": \n\n".to_owned(),
            Told::End(reason) => format!("event: end\ndata: {{\"reason\":\"{reason}\"}}\n\n"),
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), stream))
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather answers would hold the stream back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// By WebSocket: each message is JSON with `event`, `id` as in Server-Sent Events, and `data`.
async fn by_socket(mut stream: Stream, mut socket: WebSocket) {
    let clock = Arc::clone(&stream.clock);
    loop {
        let told = tokio::select! {
            biased;
            said = socket.recv() => match said {
                // Pings are answered below; whatever else a listener says is not read.
                Some(Ok(_said)) => continue,
                Some(Err(_)) | None => return,
            },
            told = stream.next() => told,
        };
        let Some(told) = told else { return };
        let message = match told {
            Told::Begin { id, has_missed } => text(format!(
                "{{\"event\":\"begin\",\"id\":\"{id}\",\"data\":{{\"missed\":{has_missed}}}}}"
            )),
            Told::Notification { id, body } => text(format!(
                "{{\"event\":\"notification\",\"id\":\"{id}\",\"data\":{}}}",
                String::from_utf8_lossy(&body)
            )),
            Told::Tick => Message::Ping(Bytes::new()),
            Told::End(reason) => Message::Close(Some(CloseFrame {
                code: close_code::AWAY,
                reason: reason.into(),
            })),
        };
        let late = clock.now().plus_micros(SEND_MICROS);
        let sent = tokio::select! {
            biased;
            sent = socket.send(message) => sent.is_ok(),
            () = clock.sleep_until(late) => false,
        };
        if !sent {
            return;
        }
    }
}

fn text(text: String) -> Message {
    Message::Text(text.into())
}
