//! From the errors of the inner crates to problems.

use base::Kind;
use broker::BrokerError;
use broker::contexts::ContextError;
use ngsi::parse::ParseError;
use ngsi::query::QueryError;
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

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        Self(match (&error, error.kind()) {
            (ContextError::NotAvailable { .. }, Kind::Unavailable) => {
                Problem::ngsi(NgsiError::LdContextNotAvailable, error)
            }
            (_, kind) => Problem::new(kind, error),
        })
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self(bad_data(error.kind(), &error))
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self(bad_data(error.kind(), &error))
    }
}

/// Input that breaks a limit is wrong input: the caller can change it.
fn bad_data(kind: Kind, error: &dyn std::fmt::Display) -> Problem {
    match kind {
        Kind::Limit => Problem::new(Kind::Invalid, error),
        kind => Problem::new(kind, error),
    }
}

/// 400 `BadRequestData`.
pub(crate) fn bad_request(detail: impl std::fmt::Display) -> Failure {
    Failure(Problem::ngsi(NgsiError::BadRequestData, detail))
}

/// 400 `InvalidRequest`.
pub(crate) fn invalid_request(detail: impl std::fmt::Display) -> Failure {
    Failure(Problem::invalid_request(detail))
}

/// 404 `ResourceNotFound`.
pub(crate) fn not_found(detail: impl std::fmt::Display) -> Failure {
    Failure(Problem::ngsi(NgsiError::ResourceNotFound, detail))
}
