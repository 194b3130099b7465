//! What a node says to SQL that was built without it.

use anyhow::ensure;
use axum::Router;
use axum::routing::any;
use base::{Kind, Tasks};
use web::Problem;

use crate::settings::Settings;
use crate::wire_up::Node;

/// There is none.
#[derive(Debug, Clone)]
pub(crate) struct Sql;

impl Sql {
    /// Refuses a setting that cannot be kept.
    pub(crate) async fn start(
        _node: &Node,
        settings: &Settings,
        _tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        ensure!(
            settings.flight.is_none(),
            "the setting 'flight' needs a node with SQL: build it with the feature 'analytics'"
        );
        Ok(Self)
    }

    /// `/sql`, which says that it is not here and how to get it.
    pub(crate) fn routes(&self) -> Router {
        let missing = any(async || -> Problem {
            Problem::new(
                Kind::Unsupported,
                "this node was built without SQL: build it with 'cargo build -p server --release', \
                 without '--no-default-features', and start that on the same folder",
            )
        });
        Router::new()
            .route("/sql", missing.clone())
            .route("/sql/{*rest}", missing)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use crate::wire_up::tests::open_face;

    #[tokio::test]
    async fn a_node_without_sql_says_how_to_get_one_with_it() {
        let face = open_face().await;
        for (method, path) in [
            ("POST", "/sql"),
            ("GET", "/sql/tables"),
            ("GET", "/sql/queries"),
            ("DELETE", "/sql/queries/1"),
        ] {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(Body::empty()).expect("a request");
            let response = face.clone().oneshot(request).await.expect("infallible");
            assert_eq!(response.status(), 422, "{method} {path}");
            let body = response.into_body().collect().await.expect("a body");
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            assert!(body.contains("OperationNotSupported"), "{body}");
            assert!(body.contains("--no-default-features"), "{body}");
        }
    }
}
