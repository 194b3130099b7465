//! Connections: accepted, bounded in number and time, finished when the node is asked to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use base::Tasks;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service as _;
use web::Problem;

/// How long the head of a request may take, and how long a connection may stand idle.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of the head of a request: the longest query of NGSI-LD fits, escaped.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Lines of the head of a request.
const HEADERS_MAX: usize = 128;
/// How long to wait when the operating system gives no more sockets.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What answers; the node changes it when it is ready.
pub(crate) type Face = Arc<ArcSwap<Router>>;

/// How connections are taken.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// Connections at once.
    pub(crate) connections_max: usize,
    /// Whether only requests to a loopback name are answered: without it a web page that makes its
    /// own name point here could use an open node through a visitor's browser.
    pub(crate) loopback_names_only: bool,
}

/// Accepts connections until the tasks are asked to stop. Each connection is a task.
pub(crate) async fn accept(listener: TcpListener, face: Face, manners: Manners, tasks: Tasks) {
    let places = Arc::new(Semaphore::new(manners.connections_max));
    let open_now = metrics::gauge!("chorsu_http_connections");
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = tasks.stopped() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let (face, inner, open_now) = (Arc::clone(&face), tasks.clone(), open_now.clone());
                let only_loopback = manners.loopback_names_only;
                tasks.spawn("connection", async move {
                    open_now.increment(1.0);
                    connection(stream, face, only_loopback, inner).await;
                    open_now.decrement(1.0);
                    drop(place);
                });
            }
            Err(error) => refused(&error).await,
        }
    }
}

/// A connection that broke before it was accepted is nobody's concern; a lack of sockets passes.
async fn refused(error: &io::Error) {
    if matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        return;
    }
    tracing::warn!(%error, "a connection could not be accepted; raise the limit of open files");
    #[expect(
        clippy::disallowed_methods,
        reason = "the operating system's pace, not the node's"
    )]
    let pause = tokio::time::sleep(ACCEPT_AGAIN);
    pause.await;
}

async fn connection(stream: TcpStream, face: Face, only_loopback: bool, tasks: Tasks) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request| answer(&face, only_loopback, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        // Names have no case, but some readers look for them as text.
        .title_case_headers(true)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = tasks.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The other side's business: it broke off, was too slow, or spoke no HTTP.
        tracing::debug!(%error, "a connection ended early");
    }
}

fn answer(
    face: &Face,
    only_loopback: bool,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
    let refusal = (only_loopback && !names_loopback(&request)).then(|| {
        Problem::plain(
            StatusCode::MISDIRECTED_REQUEST,
            "an open node answers to 'localhost' and to addresses of this machine only",
        )
    });
    let mut face = Router::clone(&face.load());
    async move {
        match refusal {
            Some(problem) => Ok(problem.into_response()),
            None => face.call(request.map(Body::new)).await,
        }
    }
}

/// Whether the request is for this machine by a name that no web page can claim.
fn names_loopback<B>(request: &Request<B>) -> bool {
    let host = request
        .uri()
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| {
            request
                .headers()
                .get(http::header::HOST)
                .map(|host| host.to_str().unwrap_or("invalid"))
        });
    // HTTP/1.0 needs no Host, and no browser speaks it.
    let Some(host) = host else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_node_answers_to_loopback_names_alone() {
        let is_fine = |host: &str| {
            let request = Request::get("/")
                .header("Host", host)
                .body(())
                .expect("a request");
            names_loopback(&request)
        };
        for host in [
            "localhost:7700",
            "127.0.0.1:7700",
            "[::1]:7700",
            "LOCALHOST",
            "a.localhost",
        ] {
            assert!(is_fine(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:7700",
            "10.0.0.1",
            "",
            "127.0.0.1.x",
        ] {
            assert!(!is_fine(host), "{host}");
        }
    }
}
