//! What every route has: a request id, who asks, metrics, the access log, and a problem for
//! whatever goes wrong.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use base::{Kind, Time};
use futures_util::FutureExt as _;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use ports::{Clock, Entropy};
use tower::{Service, ServiceExt as _, layer::layer_fn};
use trust::{Denied, Principal};

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
        .layer(layer_fn(move |inner| Around {
            inner,
            kit: Arc::clone(&kit),
        }))
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

/// The layer that every request passes. It is written out, because the ready-made middleware costs
/// several allocations a request.
#[derive(Debug, Clone)]
struct Around<S> {
    inner: S,
    kit: Arc<Kit>,
}

impl<S> Service<Request> for Around<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let kit = Arc::clone(&self.kit);
        let seen = Seen::of(&request, &kit);
        request.extensions_mut().insert(seen.arrived(&kit));
        let answering = is_text(seen.uri.path()).then(|| self.inner.call(request));
        Box::pin(async move {
            let answer = match answering {
                Some(answering) => AssertUnwindSafe(answering).catch_unwind().await,
                None => Ok(Ok(Problem::invalid_request(
                    "the path is not UTF-8: percent-encode it as UTF-8",
                )
                .into_response())),
            };
            let mut response = match answer {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(panic) => panicked(panic.as_ref(), seen.request_id),
            };
            seen.account(&kit, &mut response);
            seen.finish(&mut response);
            Ok(response)
        })
    }
}

/// Whether a path is UTF-8 once its escapes are read.
fn is_text(path: &str) -> bool {
    !path.contains('%') || percent_decode_str(path).decode_utf8().is_ok()
}

/// What must be remembered of a request while it is answered.
struct Seen {
    at: Time,
    request_id: u64,
    method: Method,
    uri: Uri,
    route: Option<MatchedPath>,
    tenant: Option<HeaderValue>,
    principal: Result<Principal, Denied>,
}

impl Seen {
    fn of(request: &Request, kit: &Kit) -> Self {
        let at = kit.clock.now();
        Self {
            at,
            request_id: kit.next_id.fetch_add(1, Ordering::Relaxed),
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: request.extensions().get().cloned(),
            tenant: request.headers().get(TENANT_HEADER).cloned(),
            principal: kit.guard.identify(bearer(request.headers()), at),
        }
    }

    /// What the handler learns.
    fn arrived(&self, kit: &Arc<Kit>) -> Arrived {
        Arrived {
            kit: Arc::clone(kit),
            request_id: self.request_id,
            at: self.at,
            deadline: self.at.plus_micros(kit.request_micros_max),
            principal: self.principal.clone(),
        }
    }

    /// Counts the request and writes its line in the log.
    fn account(&self, kit: &Kit, response: &mut Response) {
        let micros = kit
            .clock
            .now()
            .as_micros()
            .saturating_sub(self.at.as_micros())
            .max(0);
        let inner_route = response.extensions_mut().remove::<MatchedPath>();
        let route = self.route.as_ref().or(inner_route.as_ref());
        let route = route.map_or(NO_ROUTE, MatchedPath::as_str);
        #[expect(
            clippy::cast_precision_loss,
            reason = "no request takes 2^52 microseconds"
        )]
        let seconds = micros as f64 / 1e6;
        kit.meters
            .count(route, &self.method, response.status(), seconds);
        self.log(route, response.status().as_u16(), micros);
    }

    /// A line of the access log: never a query, a body or a token, which may hold what is
    /// personal or secret. Failures and slow answers are said to everybody, the rest to those who
    /// ask for `access=debug`.
    fn log(&self, route: &str, status: u16, micros: i64) {
        let (method, path, request_id) = (&self.method, self.uri.path(), self.request_id);
        let tenant = self
            .tenant
            .as_ref()
            .and_then(|t| t.to_str().ok())
            .unwrap_or("");
        let who = self.principal.as_ref().map_or("refused", Principal::label);
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

    /// The last touches: the request's id, the tenant [CIM-009 §6.3.14], and the media type of
    /// problems outside the standard's API.
    fn finish(&self, response: &mut Response) {
        let is_problem = response.extensions().get::<IsProblem>().is_some();
        let is_standard = self.uri.path().starts_with("/ngsi-ld/");
        let headers = response.headers_mut();
        let mut digits = [0_u8; 16];
        if hex::encode_to_slice(self.request_id.to_be_bytes(), &mut digits).is_ok()
            && let Ok(id) = HeaderValue::from_bytes(&digits)
        {
            headers.insert(REQUEST_ID.clone(), id);
        }
        if is_standard && let Some(tenant) = &self.tenant {
            headers.insert(TENANT_HEADER, tenant.clone());
        }
        if is_problem && !is_standard {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
        }
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
