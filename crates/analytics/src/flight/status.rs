//! What went wrong, as a status of gRPC.

use base::Kind;
use tonic::{Code, Status};

use crate::running::QueryError;

/// The status of a kind of error. What is a defect is logged here; the caller learns only that it
/// happened.
pub(super) fn of(kind: Kind, detail: impl std::fmt::Display) -> Status {
    let code = match kind {
        Kind::Invalid => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::Conflict => Code::Aborted,
        Kind::Limit => Code::ResourceExhausted,
        Kind::Unsupported => Code::Unimplemented,
        Kind::Unavailable => Code::Unavailable,
        Kind::Corrupt | Kind::Internal => {
            tracing::error!(%kind, %detail, "a question failed within the node");
            let said = "the node could not do it; its log says why";
            return Status::new(Code::Internal, said);
        }
    };
    Status::new(code, detail.to_string())
}

impl From<QueryError> for Status {
    fn from(error: QueryError) -> Self {
        if matches!(error, QueryError::Cancelled) {
            return Self::cancelled(error.to_string());
        }
        match error.position() {
            Some((line, column)) => of(
                error.kind(),
                format_args!("{error} (line {line}, column {column})"),
            ),
            None => of(error.kind(), error),
        }
    }
}

/// What Arrow cannot write or read is the caller's mistake or a type that Flight has not.
pub(super) fn arrow(error: impl std::fmt::Display) -> Status {
    Status::invalid_argument(error.to_string())
}

/// Nothing is written here.
pub(super) fn read_only() -> Status {
    Status::permission_denied(
        "this is for asking only: entities are written by NGSI-LD, records by /records",
    )
}
