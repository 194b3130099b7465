//! The console, as it is built into the binary: pages, scripts, fonts. What a browser may do with
//! it leads nowhere but back to this node.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::Uri;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use base::Kind;
use crc32c::crc32c;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use include_dir::{Dir, File, include_dir};
use web::Problem;

/// The built console; empty when the binary was built without it.
static DIST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../console/dist");

/// Nothing is fetched from elsewhere, and nobody may frame it. Workers of the map are files of ours
/// or made from them.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; \
                      style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
/// Pages that the console shows under an address that also answers programs.
const SHARED_WITH_PROGRAMS: &[&str] = &["/feeds"];
/// Files whose name changes with their content.
const NAMED_BY_CONTENT: &str = "/assets/";

/// The files of the console; `/` leads to the start page in a binary without it.
pub(crate) fn routes() -> Router {
    if DIST.get_file("index.html").is_none() {
        let start = get(async || Redirect::temporary("/start"));
        return Router::new().route("/", start.clone()).route("/sql", start);
    }
    Router::new()
        .route("/", get(file))
        .route("/sql", get(page))
        .route("/assets/{*file}", get(file))
        .route("/fonts/{*file}", get(file))
}

/// Shows a page of the console to a browser that a person points at an address of the API.
pub(crate) fn pages(routes: Router) -> Router {
    if DIST.get_file("index.html").is_none() {
        return routes;
    }
    routes.layer(from_fn(page_or_answer))
}

async fn page_or_answer(request: Request, next: Next) -> Response {
    let is_page = request.method() == Method::GET
        && SHARED_WITH_PROGRAMS.contains(&request.uri().path())
        && wants_page(request.headers());
    if is_page {
        return answer("index.html", "/", request.headers());
    }
    next.run(request).await
}

/// Programs ask for JSON or for anything; browsers ask for a page first.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    accept.is_some_and(|accept| accept.trim_start().starts_with("text/html"))
}

/// A page of its own, which no program asks for with this method.
async fn page(headers: HeaderMap) -> Response {
    answer("index.html", "/", &headers)
}

async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let name = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    answer(name, uri.path(), &headers)
}

fn answer(name: &str, path: &str, headers: &HeaderMap) -> Response {
    let Some((file, encoding)) = best(name, headers) else {
        return Problem::new(Kind::NotFound, "the console has no such file").into_response();
    };
    let etag = format!(
        "\"{:08x}-{:x}\"",
        crc32c(file.contents()),
        file.contents().len()
    );
    let known = headers.get(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(file.contents()))
    };
    let cache = if path.starts_with(NAMED_BY_CONTENT) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let head = response.headers_mut();
    let mut put = |name, value| head.insert(name, value);
    put(header::CONTENT_TYPE, HeaderValue::from_static(media(name)));
    put(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    put(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    put(header::VARY, HeaderValue::from_static("accept-encoding"));
    put(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    put(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    if let Some(encoding) = encoding {
        put(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(etag) = HeaderValue::try_from(etag) {
        put(header::ETAG, etag);
    }
    response
}

/// The file as the browser takes it: the build has compressed what gains by it.
fn best(name: &str, headers: &HeaderMap) -> Option<(&'static File<'static>, Option<&'static str>)> {
    let accepted = headers.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|v| v.to_str().ok()).unwrap_or_default();
    for (word, ending) in [("br", "br"), ("gzip", "gz")] {
        let takes = accepted
            .split(',')
            .any(|item| item.split(';').next().is_some_and(|it| it.trim() == word));
        if takes && let Some(file) = DIST.get_file(format!("{name}.{ending}")) {
            return Some((file, Some(word)));
        }
    }
    DIST.get_file(name).map(|file| (file, None))
}

fn media(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_an_answer() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(wants_page(&accepting(header::ACCEPT, browser)));
        assert!(!wants_page(&accepting(header::ACCEPT, "*/*")));
        assert!(!wants_page(&accepting(header::ACCEPT, "application/json")));
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn every_kind_of_file_has_its_media_type() {
        assert_eq!(media("assets/a-1.js"), "text/javascript; charset=utf-8");
        assert_eq!(media("fonts/inter.woff2"), "font/woff2");
        assert_eq!(media("LICENSE"), "application/octet-stream");
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem() {
        let response = answer("assets/none.js", "/assets/none.js", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
