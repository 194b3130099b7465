//! The start page: what is in the city, and how to ask for it. It needs nothing from elsewhere,
//! and no script for the essentials.

mod ask;
mod city;
mod html;
mod page;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base::{Kind, Tenant};
use broker::{Broker, BrokerError};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use trust::{Access, Call};
use web::{Arrived, Problem, Query};

use page::{Look, Main};
use words::Language;

use crate::health::Progress;

const STYLE: &str = include_str!("start/start.css");
const SCRIPT: &str = include_str!("start/start.js");
/// What a browser may do with the page: nothing that leads elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A choice is remembered for a year.
const CHOICE: &str = "; Path=/; Max-Age=31536000; SameSite=Strict";

/// What the page needs.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) broker: Arc<Broker>,
    pub(crate) access: Access,
}

/// The page of a node that is ready.
pub(crate) fn routes(start: Start) -> Router {
    assets().route("/start", get(city_page)).with_state(start)
}

/// The page of a node that is loading.
pub(crate) fn loading_routes(progress: Progress) -> Router {
    assets().route("/", get(loading_page)).with_state(progress)
}

fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let asset = |media: &'static str, text: &'static str| {
        get(async move || {
            (
                [
                    (header::CONTENT_TYPE, media),
                    (header::CACHE_CONTROL, "no-cache"),
                ],
                text,
            )
        })
    };
    Router::new()
        .route("/start.css", asset("text/css; charset=utf-8", STYLE))
        .route("/start.js", asset("text/javascript; charset=utf-8", SCRIPT))
        .route("/favicon.svg", asset("image/svg+xml", page::ICON))
}

async fn loading_page(
    State(progress): State<Progress>,
    query: Query,
    headers: HeaderMap,
) -> Response {
    let (done, total) = progress.share();
    let look = look(&query, &headers, false);
    html(
        &look,
        &query,
        StatusCode::SERVICE_UNAVAILABLE,
        &Main::Loading { done, total },
    )
}

async fn city_page(
    State(start): State<Start>,
    query: Query,
    parts: Parts,
) -> Result<Response, Problem> {
    query.allow(&["lang", "theme", "part"])?;
    let closed = start.access == Access::Closed;
    let look = look(&query, &parts.headers, closed);
    let arrived = Arrived::of(&parts)?;
    let asks_with_token = parts.headers.contains_key(header::AUTHORIZATION);
    let Ok(principal) = arrived.principal.clone() else {
        return Ok(html(
            &look,
            &query,
            StatusCode::OK,
            &Main::Closed { refused: true },
        ));
    };
    let call = Call {
        principal,
        tenant: Tenant::default_tenant(),
        deadline: arrived.deadline,
    };
    Ok(match city::look(&start.broker, &call).await {
        Ok(city) => html(
            &look,
            &query,
            StatusCode::OK,
            &Main::City(&city, arrived.at),
        ),
        Err(problem) if matches!(problem.status.as_u16(), 401 | 403) => html(
            &look,
            &query,
            StatusCode::OK,
            &Main::Closed {
                refused: asks_with_token,
            },
        ),
        Err(problem) => html(&look, &query, problem.status, &Main::Failed),
    })
}

/// The language and theme that the reader chose now, chose before, or whose browser asks for.
fn look(query: &Query, headers: &HeaderMap, closed: bool) -> Look {
    let language = query
        .get("lang")
        .and_then(Language::from_code)
        .or_else(|| cookie(headers, "lang").and_then(Language::from_code))
        .or_else(|| text(headers, &header::ACCEPT_LANGUAGE).and_then(Language::accepted))
        .unwrap_or(Language::English);
    let theme = query.get("theme").and_then(theme);
    let theme = theme.or_else(|| cookie(headers, "theme").and_then(self::theme));
    Look {
        language,
        theme,
        base: base(headers),
        closed,
    }
}

fn theme(word: &str) -> Option<&'static str> {
    ["dark", "light"].into_iter().find(|known| *known == word)
}

/// The address of the node as the reader's browser knows it; only what can stand in an address
/// is taken over.
fn base(headers: &HeaderMap) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let host = text(headers, &header::HOST).filter(|host| host.chars().all(is_fine));
    let proxied = headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme == "https");
    let scheme = if proxied { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or("127.0.0.1:7700"))
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = text(headers, &header::COOKIE)?;
    all.split(';')
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn html(look: &Look, query: &Query, status: StatusCode, main: &Main<'_>) -> Response {
    let is_part = query.get("part").is_some();
    let text = if is_part {
        page::body(look, main)
    } else {
        page::page(look, main)
    };
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept-language, cookie, authorization"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for name in ["lang", "theme"] {
        let chosen = match name {
            "lang" => query
                .get(name)
                .and_then(Language::from_code)
                .map(Language::code),
            _ => query.get(name).and_then(theme),
        };
        let cookie = chosen.map(|value| format!("{name}={value}{CHOICE}"));
        if let Some(Ok(cookie)) = cookie.map(HeaderValue::try_from) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// An error of the broker as a problem.
fn problem_of(error: BrokerError) -> Problem {
    match error.kind() {
        Kind::Unauthenticated => Problem::plain(StatusCode::UNAUTHORIZED, error),
        kind => Problem::new(kind, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse().expect("a name"),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_choice_wins_over_a_cookie_that_over_the_browser() {
        let russian = headers(&[
            ("cookie", "a=b; lang=ru; theme=dark"),
            ("accept-language", "zh"),
        ]);
        let of = |raw: &str, headers: &HeaderMap| {
            look(&Query::parse(raw).expect("a query"), headers, false)
        };
        assert_eq!(of("lang=zh", &russian).language, Language::Chinese);
        assert_eq!(of("", &russian).language, Language::Russian);
        assert_eq!(of("", &russian).theme, Some("dark"));
        assert_eq!(
            of("theme=x", &headers(&[("accept-language", "zh")])).theme,
            None
        );
        assert_eq!(
            of("", &headers(&[("accept-language", "zh")])).language,
            Language::Chinese
        );
    }

    #[test]
    fn a_strange_host_does_not_get_into_the_page() {
        assert_eq!(
            base(&headers(&[("host", "city.example:7700")])),
            "http://city.example:7700"
        );
        assert_eq!(
            base(&headers(&[("host", "a'$(rm)")])),
            "http://127.0.0.1:7700"
        );
    }
}
