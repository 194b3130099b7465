//! One source is asked: headers, deadline, breaker, loops [CIM-009 §4.3.6, §6.3.18, §6.3.19].
//!
//! [`Gateway::forward`] is the one way out to another source. What comes back is a reply with any
//! status, or why there is none; either way it is noted in the [`Explain`] of the operation and in
//! the traffic of the registration.

mod breaker;
mod error;
mod words;

use std::borrow::Cow;
use std::sync::Arc;

use base::limits::JSON_DEPTH_MAX;
use base::{Name, Tenant, Time};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, VIA};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ports::Request;
use serde_json::Value;
use trust::Call;

use crate::Gateway;
use crate::explain::{Asked, Explain};
use crate::registration::Registration;

pub(crate) use breaker::{Breaker, Failure};
pub use error::SourceError;
pub use words::Words;

/// Microseconds that a source has to answer when its registration does not say.
const TIMEOUT_MICROS: i64 = 5_000_000;
/// Microseconds before the deadline of the call at which waiting ends, so that the rest of the
/// answer still reaches the caller.
const RESERVE_MICROS: i64 = 250_000;
/// Bytes of one reply.
const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nodes in one `Via`: longer ways are loops that do not know themselves.
const VIA_MAX: usize = 64;
/// Where the API begins behind the endpoint of a registration.
const API: &str = "/ngsi-ld/v1";
/// The value of a header that is taken from the request that came here [CIM-009 §4.3.6.5].
const FROM_REQUEST: &str = "urn:ngsi-ld:request";
/// The tenant.
const TENANT: HeaderName = HeaderName::from_static("ngsild-tenant");
/// Headers that belong to the exchange itself, or say whose data it is: no registration sets them
/// [CIM-009 §4.3.6.5].
const OURS: [&str; 14] = [
    "ngsild-tenant",
    "via",
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "content-length",
    "content-type",
    "content-encoding",
    "expect",
];
/// What stands as it is in a parameter.
const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'/')
    .remove(b',')
    .remove(b'*');
/// What stands as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b',')
    .remove(b'*')
    .remove(b'@');

/// How a request came here, and what became of its asks.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// The nodes that it came by, first to last.
    pub via: Vec<Name>,
    /// Whether it is for this node alone [CIM-009 §5.5.13].
    pub local: bool,
    /// Its headers, for registrations that pass some on.
    pub headers: HeaderMap,
    /// What the sources were asked, and what came of it.
    pub explain: Arc<Explain>,
}

/// What a source is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// The path beneath `/ngsi-ld/v1`, its segments made by [`segment`].
    pub path: String,
    /// Parameters, as they are meant.
    pub params: Vec<(Cow<'static, str>, String)>,
    /// More headers.
    pub headers: HeaderMap,
    /// The body, in terms of `words` and without `@context`.
    pub body: Option<Value>,
    /// The words in which path, parameters and body are written.
    pub words: Words,
}

/// What a source answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status, whichever it is.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, if it is JSON.
    pub body: Option<Value>,
    /// A body came that is no JSON, or is nested too deep.
    pub is_garbled: bool,
    /// Bytes of the body.
    pub bytes: usize,
    /// The place of the ask in [`Explain`].
    pub place: usize,
}

/// One segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

impl Route {
    /// How a request with these headers came; `local` as its parameter says.
    pub fn new(headers: &HeaderMap, local: bool) -> Self {
        Self {
            via: via(headers),
            local,
            headers: headers.clone(),
            explain: Arc::default(),
        }
    }
}

impl Reply {
    /// Whether it was done.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }
}

impl Ask {
    /// An ask without parameters, headers and body.
    pub fn new(method: Method, path: String, words: Words) -> Self {
        Self {
            method,
            path,
            params: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            words,
        }
    }

    /// With one more parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.params.push((Cow::Borrowed(name), value.into()));
        self
    }

    fn url(&self, source: &Registration) -> String {
        let endpoint = source.endpoint.trim_end_matches('/');
        let endpoint = endpoint.strip_suffix(API).unwrap_or(endpoint);
        let mut url = [endpoint, API, &*self.path].concat();
        for (place, (name, value)) in self.params.iter().enumerate() {
            url.push(if place == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.extend(utf8_percent_encode(value, PARAMETER));
        }
        url
    }
}

impl Gateway {
    /// The name by which a tenant of this node stands in `Via`, and in its identity.
    pub fn alias(&self, tenant: &Tenant) -> String {
        if tenant.is_default() {
            self.parts.alias.to_string()
        } else {
            format!("{}:{tenant}", self.parts.alias)
        }
    }

    /// Whether the request came by here already [CIM-009 §6.3.18].
    pub fn has_seen(&self, call: &Call, route: &Route) -> bool {
        let own = self.alias(&call.tenant);
        route.via.iter().any(|name| **name == *own)
    }

    /// The words in which a source is asked: those that its registration names, else those of the
    /// request [CIM-009 §4.3.6.6].
    pub async fn words(&self, call: &Call, source: &Registration, spoken: &Words) -> Words {
        let Some(url) = &source.jsonld_context else {
            return spoken.clone();
        };
        match self.parts.contexts.link(&call.tenant, url).await {
            Ok(context) => Words {
                context,
                member: Value::String(url.to_string()),
            },
            Err(error) => {
                tracing::warn!(%error, registration = %source.id, "its @context cannot be had: it is asked in the words of the request");
                spoken.clone()
            }
        }
    }

    /// Asks a source, and notes what came of it. Any status is a reply.
    pub async fn forward(
        &self,
        call: &Call,
        route: &Route,
        source: &Registration,
        ask: Ask,
    ) -> Result<Reply, SourceError> {
        let at = self.parts.clock.now();
        let target = format!("{} {}", ask.method, ask.url(source));
        let answer = self.ask(call, route, source, ask, at).await;
        let now = self.parts.clock.now();
        let missing = answer.as_ref().err().cloned();
        let is_warning = match &missing {
            // A source beside others that was passed over is none that failed.
            Some(SourceError::Loop) => source.mode.is_proxied(),
            other => other.is_some(),
        };
        let place = route.explain.note(Asked {
            registration: Some(source.id.clone()),
            endpoint: source.endpoint.to_string(),
            mode: source.mode.word(),
            request: target,
            at,
            took_micros: now.as_micros() - at.as_micros(),
            entities: 0,
            attributes: Vec::new(),
            missing,
            is_warning,
        });
        if let Ok(reply) = &answer {
            route.explain.pass_on(&reply.headers);
        }
        answer.map(|reply| Reply { place, ..reply })
    }

    async fn ask(
        &self,
        call: &Call,
        route: &Route,
        source: &Registration,
        ask: Ask,
        now: Time,
    ) -> Result<Reply, SourceError> {
        let own = self.alias(&call.tenant);
        let is_on_the_way = |name: &str| route.via.iter().any(|by| **by == *name);
        let is_loop = is_on_the_way(&own)
            || source
                .alias
                .as_ref()
                .is_some_and(|alias| is_on_the_way(alias) || **alias == *own)
            || route.via.len() >= VIA_MAX;
        if is_loop {
            return Err(SourceError::Loop);
        }
        let key = (call.tenant.clone(), source.id.clone());
        if !self.breaker.lets(&key, now) {
            return Err(SourceError::CoolingDown);
        }
        let timeout = source.management.timeout_micros.unwrap_or(TIMEOUT_MICROS);
        let deadline = now
            .plus_micros(timeout)
            .min(call.deadline.plus_micros(-RESERVE_MICROS));
        let request = self.request(call, route, source, ask, deadline).await;
        let sent = self.parts.outbound.send(request).await;
        let now = self.parts.clock.now();
        let answered = sent.as_ref().is_ok_and(|r| !r.status.is_server_error());
        source.traffic.note(answered, now);
        let cooldown = source.management.cooldown_micros;
        match &sent {
            _ if answered => self.breaker.well(&key),
            Ok(_) => self.breaker.failed(&key, Failure::Answered, cooldown, now),
            Err(ports::OutboundError::ReplyTooLarge { .. }) => self.breaker.well(&key),
            Err(_) => self.breaker.failed(&key, Failure::Silent, cooldown, now),
        }
        Ok(read(sent?))
    }

    /// The request as it goes out.
    async fn request(
        &self,
        call: &Call,
        route: &Route,
        source: &Registration,
        mut ask: Ask,
        deadline: Time,
    ) -> Request {
        if source.management.local_only && !ask.params.iter().any(|(name, _)| name == "local") {
            ask.params.push(("local".into(), "true".to_owned()));
        }
        let words = self.words(call, source, &ask.words).await;
        let mut headers = std::mem::take(&mut ask.headers);
        pass_on(&mut headers, route, source);
        let wants_inline = source.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("contentType") && value.starts_with("application/ld+json")
        });
        let body = ask.body.take().map(|body| {
            let body = if words.is(&ask.words) {
                body
            } else {
                words.put(body, &ask.words)
            };
            let inline = source.jsonld_context.is_none() && (wants_inline || words.url().is_none());
            let media = if inline {
                "application/ld+json"
            } else {
                "application/json"
            };
            headers
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static(media));
            (if inline { within(body, &words) } else { body }, inline)
        });
        let is_inline = body.as_ref().is_some_and(|(_, inline)| *inline);
        if !is_inline
            && let Some(url) = words.url()
            && let Ok(link) = HeaderValue::try_from(format!(
                "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
            ))
        {
            headers.insert(LINK, link);
        }
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        if let Some(tenant) = &source.tenant
            && !tenant.is_default()
            && let Ok(tenant) = HeaderValue::try_from(tenant.as_str())
        {
            headers.insert(TENANT, tenant);
        }
        self.sign(&mut headers, call, route);
        Request {
            method: ask.method.clone(),
            url: ask.url(source),
            headers,
            body: body.map_or_else(Bytes::new, |(body, _)| Bytes::from(body.to_string())),
            deadline,
            reply_bytes_max: REPLY_BYTES_MAX,
        }
    }

    /// Puts the nodes that the request came by, and this one, into `Via`.
    fn sign(&self, headers: &mut HeaderMap, call: &Call, route: &Route) {
        let own = self.alias(&call.tenant);
        let names = route.via.iter().map(|name| &**name).chain([&*own]);
        let entries: Vec<String> = names.map(|name| format!("1.1 {name}")).collect();
        if let Ok(value) = HeaderValue::try_from(entries.join(", ")) {
            headers.insert(VIA, value);
        }
    }
}

/// The nodes that `Via` names.
fn via(headers: &HeaderMap) -> Vec<Name> {
    let values = headers.get_all(VIA).iter().filter_map(|v| v.to_str().ok());
    let entries = values.flat_map(|value| value.split(','));
    // Protocol, name, and perhaps a comment [RFC 9110 §7.6.3].
    let names = entries.filter_map(|entry| entry.split_whitespace().nth(1));
    names.take(VIA_MAX).map(Name::from).collect()
}

/// The headers that a registration wants: its own, and some of the request [CIM-009 §4.3.6.5].
fn pass_on(headers: &mut HeaderMap, route: &Route, source: &Registration) {
    for (name, value) in &source.headers {
        let is_ours = OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours));
        if is_ours || name.eq_ignore_ascii_case("contentType") {
            continue;
        }
        let Ok(name) = HeaderName::try_from(&**name) else {
            continue;
        };
        let value = if **value == *FROM_REQUEST {
            route.headers.get(&name).cloned()
        } else {
            HeaderValue::try_from(&**value).ok()
        };
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

/// A body with its @context in every object at the top.
fn within(mut body: Value, words: &Words) -> Value {
    let put = |value: &mut Value| {
        if let Value::Object(members) = value {
            members.insert("@context".to_owned(), words.member.clone());
        }
    };
    match &mut body {
        Value::Array(items) => items.iter_mut().for_each(put),
        other => put(other),
    }
    body
}

/// A reply with its body read.
fn read(reply: ports::Reply) -> Reply {
    let is_empty = reply.body.iter().all(u8::is_ascii_whitespace);
    let body = if is_empty {
        None
    } else {
        serde_json::from_slice::<Value>(&reply.body)
            .ok()
            .filter(|value| !is_deeper(value, JSON_DEPTH_MAX))
    };
    Reply {
        status: reply.status,
        headers: reply.headers,
        is_garbled: body.is_none() && !is_empty,
        body,
        bytes: reply.body.len(),
        place: 0,
    }
}

fn is_deeper(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left == 0 || items.iter().any(|v| is_deeper(v, left - 1)),
        Value::Object(members) => left == 0 || members.values().any(|v| is_deeper(v, left - 1)),
        _ => false,
    }
}
