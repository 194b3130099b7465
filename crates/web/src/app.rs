//! What every route has: a request id, who asks, metrics, the access log, and a problem for
//! whatever goes wrong.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use base::Kind;
use futures_util::FutureExt as _;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use ports::{Clock, Entropy};
use tower::ServiceExt as _;

use crate::caller::{Arrived, Guard, TENANT_HEADER, bearer};
use crate::meters::Meters;
use crate::problem::{IsProblem, Problem};

/// Requests slower than this are worth a line in the log.
const SLOW_MICROS: i64 = 5_000_000;
/// The route under which requests are counted that no route took.
const NO_ROUTE: &str = "none";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every face of a node shares.
#[derive(Debug)]
pub struct Kit {
    /// Knows who holds which token.
    pub guard: Arc<dyn Guard>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How long a request may take, in microseconds.
    pub request_micros_max: i64,
    next_id: AtomicU64,
    meters: Meters,
}

impl Kit {
    /// A kit; request ids count up from a random number.
    pub fn new(
        guard: Arc<dyn Guard>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        request_micros_max: i64,
    ) -> Self {
        let mut first = [0; 8];
        entropy.fill(&mut first);
        Self {
            guard,
            clock,
            request_micros_max,
            next_id: AtomicU64::new(u64::from_le_bytes(first)),
            meters: Meters::default(),
        }
    }
}

/// Gives the routes what every route has. A path with a slash at its end is the path without.
pub fn app(routes: Router, kit: Arc<Kit>) -> Router {
    let routes = routes.method_not_allowed_fallback(async || {
        Problem::plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not know the method: 'Allow' says which it knows",
        )
    });
    let exact = routes.clone().layer(from_fn(keep_route)).fallback(no_route);
    routes
        .fallback(async move |request: Request| match without_slash(request) {
            Ok(request) => exact.oneshot(request).await.into_response(),
            Err(uri) => no_route(uri).await.into_response(),
        })
        .layer(from_fn_with_state(kit, around))
}

async fn no_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(128).collect();
    Problem::new(
        Kind::NotFound,
        format_args!("there is no '{path}' here: see /api for what is"),
    )
}

/// The request with its path shortened by the slashes at its end, or its URI if there are none.
fn without_slash(mut request: Request) -> Result<Request, Uri> {
    let uri = request.uri().clone();
    let short = uri.path().trim_end_matches('/');
    if short.len() == uri.path().len() || short.is_empty() {
        return Err(uri);
    }
    let text = match uri.query() {
        Some(query) => format!("{short}?{query}"),
        None => short.to_owned(),
    };
    let Ok(path) = PathAndQuery::try_from(text) else {
        return Err(uri);
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path);
    let Ok(shorter) = Uri::from_parts(parts) else {
        return Err(uri);
    };
    *request.uri_mut() = shorter;
    Ok(request)
}

/// Tells the outer layer which route took a request whose path was shortened.
async fn keep_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

async fn around(State(kit): State<Arc<Kit>>, mut request: Request, next: Next) -> Response {
    let at = kit.clock.now();
    let seen = Seen::of(&request);
    let request_id = kit.next_id.fetch_add(1, Ordering::Relaxed);
    let principal = kit.guard.identify(bearer(request.headers()), at);
    let who = principal.clone();
    request.extensions_mut().insert(Arrived {
        kit: Arc::clone(&kit),
        request_id,
        at,
        deadline: at.plus_micros(kit.request_micros_max),
        principal,
    });
    let mut response = if is_text(seen.uri.path()) {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        answer.unwrap_or_else(|panic| panicked(panic.as_ref(), request_id))
    } else {
        Problem::invalid_request("the path is not UTF-8: percent-encode it as UTF-8")
            .into_response()
    };
    let micros = kit
        .clock
        .now()
        .as_micros()
        .saturating_sub(at.as_micros())
        .max(0);
    let inner_route = response.extensions_mut().remove::<MatchedPath>();
    let route = seen
        .route
        .as_ref()
        .or(inner_route.as_ref())
        .map_or(NO_ROUTE, MatchedPath::as_str);
    #[expect(
        clippy::cast_precision_loss,
        reason = "no request takes 2^52 microseconds"
    )]
    let seconds = micros as f64 / 1e6;
    kit.meters
        .count(route, &seen.method, response.status(), seconds);
    let who = who.as_ref().map_or("refused", trust::Principal::label);
    seen.log(
        &response,
        Line {
            route,
            request_id,
            micros,
            who,
        },
    );
    finish(&mut response, &seen, request_id);
    response
}

/// Whether a path is UTF-8 once its escapes are read.
fn is_text(path: &str) -> bool {
    !path.contains('%') || percent_decode_str(path).decode_utf8().is_ok()
}

/// What must be remembered of a request while it is answered.
struct Seen {
    method: http::Method,
    uri: Uri,
    route: Option<MatchedPath>,
    tenant: Option<HeaderValue>,
}

/// What a line of the access log says besides.
#[derive(Clone, Copy)]
struct Line<'a> {
    route: &'a str,
    request_id: u64,
    micros: i64,
    who: &'a str,
}

impl Seen {
    fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: request.extensions().get().cloned(),
            tenant: request.headers().get(TENANT_HEADER).cloned(),
        }
    }

    /// A line of the access log: never a query, a body or a token, which may hold what is
    /// personal or secret. Failures and slow answers are said to everybody, the rest to those who
    /// ask for `access=debug`.
    fn log(&self, response: &Response, line: Line<'_>) {
        let Line {
            route,
            request_id,
            micros,
            who,
        } = line;
        let status = response.status().as_u16();
        let (method, path) = (&self.method, self.uri.path());
        let tenant = self
            .tenant
            .as_ref()
            .and_then(|t| t.to_str().ok())
            .unwrap_or("");
        macro_rules! line {
            ($level:ident, $text:literal) => {
                tracing::$level!(
                    target: "access",
                    request = format_args!("{request_id:016x}"),
                    %method, path, route, status, micros, who, tenant, $text
                )
            };
        }
        // A node that is loading says 503: that is its state, not a failure.
        if status >= 500 && status != 503 && status != 504 {
            line!(error, "a request failed");
        } else if micros > SLOW_MICROS {
            line!(info, "a request was slow");
        } else {
            line!(debug, "answered");
        }
    }
}

/// The last touches: the request's id, and the media type of problems outside the standard's API.
fn finish(response: &mut Response, seen: &Seen, request_id: u64) {
    let id = HeaderValue::try_from(format!("{request_id:016x}"));
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    let is_problem = response.extensions().get::<IsProblem>().is_some();
    if is_problem && !seen.uri.path().starts_with("/ngsi-ld/") {
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
    }
}

/// The answer to a request whose handler panicked. The panic's text is in the log already: the
/// panic hook wrote it.
fn panicked(panic: &(dyn Any + Send), request_id: u64) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    let detail = format_args!("request {request_id:016x} panicked: {text}");
    Problem::new(Kind::Internal, detail).into_response()
}
