//! From the errors of the inner crates to problems.

use base::Kind;
use broker::BrokerError;
use web::{NgsiError, Problem};

/// What a handler answers when it cannot answer.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Problem);

/// What a handler answers.
pub(crate) type Answer = Result<axum::response::Response, Failure>;

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        self.0.into_response()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Self {
        Self(match &error {
            BrokerError::TenantUnknown { .. } => Problem::ngsi(NgsiError::NonexistentTenant, error),
            _ => Problem::new(error.kind(), error),
        })
    }
}

impl From<ports::StoreError> for Failure {
    fn from(error: ports::StoreError) -> Self {
        Self(Problem::new(error.kind(), error))
    }
}

impl From<tiles::TileError> for Failure {
    fn from(error: tiles::TileError) -> Self {
        Self(Problem::new(error.kind(), error))
    }
}

impl From<watch::WatchError> for Failure {
    fn from(error: watch::WatchError) -> Self {
        Self(Problem::new(error.kind(), error))
    }
}

/// A problem of that kind.
pub(crate) fn fail(kind: Kind, detail: impl std::fmt::Display) -> Failure {
    Failure(Problem::new(kind, detail))
}

/// 400: the request is wrong.
pub(crate) fn invalid(detail: impl std::fmt::Display) -> Failure {
    Failure(Problem::invalid_request(detail))
}

/// 404: there is no such thing.
pub(crate) fn not_found(detail: impl std::fmt::Display) -> Failure {
    fail(Kind::NotFound, detail)
}
