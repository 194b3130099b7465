//! Problems: what went wrong and what to do about it [RFC 9457; CIM-009 §5.5.2, §6.3.2].

use std::fmt;

use axum::response::{IntoResponse, Response};
use base::Kind;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::accept::Media;

/// The URI of an error type.
macro_rules! uri {
    ($name:literal) => {
        concat!("https://uri.etsi.org/ngsi-ld/errors/", $name)
    };
}

/// The error types of NGSI-LD [CIM-009 §5.5.2].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NgsiError {
    /// The request as such is wrong: no JSON, an unknown parameter.
    InvalidRequest,
    /// The data in the request is wrong.
    BadRequestData,
    /// It is there already.
    AlreadyExists,
    /// It stands in the way of something else that is there.
    Conflict,
    /// Understood, but not done here.
    OperationNotSupported,
    /// There is no such thing.
    ResourceNotFound,
    /// A defect of the node.
    InternalError,
    /// The query would cost too much.
    TooComplexQuery,
    /// The answer would be too large.
    TooManyResults,
    /// An @context could not be had.
    LdContextNotAvailable,
    /// The node keeps no tenants.
    NoMultiTenantSupport,
    /// There is no such tenant.
    NonexistentTenant,
}

impl NgsiError {
    /// Status, last part of the URI, title.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest => (
                S::BAD_REQUEST,
                uri!("InvalidRequest"),
                "The request is not valid",
            ),
            Self::BadRequestData => (
                S::BAD_REQUEST,
                uri!("BadRequestData"),
                "The data is not valid",
            ),
            Self::AlreadyExists => (S::CONFLICT, uri!("AlreadyExists"), "It is already there"),
            Self::Conflict => (
                S::CONFLICT,
                uri!("Conflict"),
                "It conflicts with what is there",
            ),
            Self::OperationNotSupported => (
                S::UNPROCESSABLE_ENTITY,
                uri!("OperationNotSupported"),
                "The operation is not supported",
            ),
            Self::ResourceNotFound => (S::NOT_FOUND, uri!("ResourceNotFound"), "Not found"),
            Self::InternalError => (
                S::INTERNAL_SERVER_ERROR,
                uri!("InternalError"),
                "The node failed",
            ),
            Self::TooComplexQuery => (
                S::FORBIDDEN,
                uri!("TooComplexQuery"),
                "The query is too complex",
            ),
            Self::TooManyResults => (S::FORBIDDEN, uri!("TooManyResults"), "Too many results"),
            Self::LdContextNotAvailable => (
                S::GATEWAY_TIMEOUT,
                uri!("LdContextNotAvailable"),
                "The @context is not available",
            ),
            Self::NoMultiTenantSupport => (
                S::NOT_IMPLEMENTED,
                uri!("NoMultiTenantSupport"),
                "There are no tenants here",
            ),
            Self::NonexistentTenant => (
                S::NOT_FOUND,
                uri!("NonexistentTenant"),
                "There is no such tenant",
            ),
        }
    }
}

/// A problem on its way to the caller. It says what to do in `detail`.
///
/// Under `/ngsi-ld/` it goes out as `application/json`, as the standard wants it
/// [CIM-009 §6.3.2]; elsewhere as `application/problem+json`: see [`crate::app()`].
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The URI of the error type; `about:blank` when the status says it all.
    pub uri: &'static str,
    /// The short text of the type.
    pub title: &'static str,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// Headers that go with it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What a program may want to know besides, such as the line of an error [RFC 9457 §3.2].
    pub members: Vec<(&'static str, Value)>,
}

/// Stands in a response's extensions to say that its body is a problem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsProblem;

impl Problem {
    /// The one table from kinds of error to statuses and types.
    /// What is a defect or damage is logged here; the caller learns only that it happened.
    pub fn new(kind: Kind, detail: impl fmt::Display) -> Self {
        match kind {
            Kind::Invalid => Self::ngsi(NgsiError::BadRequestData, detail),
            Kind::NotFound => Self::ngsi(NgsiError::ResourceNotFound, detail),
            Kind::Conflict => Self::ngsi(NgsiError::AlreadyExists, detail),
            Kind::Limit => Self::ngsi(NgsiError::TooComplexQuery, detail),
            Kind::Unsupported => Self::ngsi(NgsiError::OperationNotSupported, detail),
            Kind::Unauthenticated => Self::plain(StatusCode::UNAUTHORIZED, detail).with(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"chorsu\""),
            ),
            Kind::Forbidden => Self::plain(StatusCode::FORBIDDEN, detail),
            Kind::Unavailable => Self::plain(StatusCode::SERVICE_UNAVAILABLE, detail)
                .with(RETRY_AFTER, HeaderValue::from_static("1")),
            Kind::Corrupt | Kind::Internal => {
                tracing::error!(%kind, %detail, "a request failed within the node");
                Self::ngsi(
                    NgsiError::InternalError,
                    "the node could not do it; its log says why, find it by the X-Request-Id",
                )
            }
        }
    }

    /// A problem of one of the standard's types.
    pub fn ngsi(error: NgsiError, detail: impl fmt::Display) -> Self {
        let (status, uri, title) = error.row();
        Self {
            status,
            uri,
            title,
            detail: detail.to_string(),
            headers: Vec::new(),
            members: Vec::new(),
        }
    }

    /// A problem whose status says it all.
    pub fn plain(status: StatusCode, detail: impl fmt::Display) -> Self {
        Self {
            status,
            uri: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            detail: detail.to_string(),
            headers: Vec::new(),
            members: Vec::new(),
        }
    }

    /// The request as such is wrong: 400 `InvalidRequest`.
    pub fn invalid_request(detail: impl fmt::Display) -> Self {
        Self::ngsi(NgsiError::InvalidRequest, detail)
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With one more member beside those of every problem.
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The JSON of the problem.
    pub fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Wire<'a> {
            r#type: &'a str,
            title: &'a str,
            detail: &'a str,
            status: u16,
            #[serde(flatten)]
            members: Map<String, Value>,
        }
        let Self {
            status,
            uri,
            title,
            detail,
            members,
            ..
        } = self;
        let named = |(name, value): &(&str, Value)| ((*name).to_owned(), value.clone());
        let wire = Wire {
            r#type: uri,
            title,
            detail,
            status: status.as_u16(),
            members: members.iter().map(named).collect(),
        };
        // A struct of strings and a number is always JSON.
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // 411 is said by the status alone [CIM-009 §6.3.4].
        let is_bare = self.status == StatusCode::LENGTH_REQUIRED;
        let body = if is_bare { Vec::new() } else { self.body() };
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        if is_bare {
            headers.extend(self.headers);
            headers.remove(CONTENT_TYPE);
            return response;
        }
        headers.insert(CONTENT_TYPE, Media::Json.header());
        headers.extend(self.headers);
        response.extensions_mut().insert(IsProblem);
        response
    }
}

impl From<trust::Denied> for Problem {
    fn from(denied: trust::Denied) -> Self {
        Self::new(denied.kind(), denied)
    }
}

impl From<ports::StoreError> for Problem {
    fn from(error: ports::StoreError) -> Self {
        Self::new(error.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_error_has_its_status() {
        let status = |kind| Problem::new(kind, "x").status.as_u16();
        assert_eq!(status(Kind::Invalid), 400);
        assert_eq!(status(Kind::Unauthenticated), 401);
        assert_eq!(status(Kind::Forbidden), 403);
        assert_eq!(status(Kind::NotFound), 404);
        assert_eq!(status(Kind::Conflict), 409);
        assert_eq!(status(Kind::Limit), 403);
        assert_eq!(status(Kind::Unsupported), 422);
        assert_eq!(status(Kind::Unavailable), 503);
        assert_eq!(status(Kind::Corrupt), 500);
        assert_eq!(status(Kind::Internal), 500);
    }

    #[test]
    fn a_problem_has_type_title_detail_and_status() {
        let body = Problem::new(Kind::NotFound, "there is no 'urn:a'").body();
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            body["type"],
            "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound"
        );
        assert_eq!(body["status"], 404);
        assert_eq!(body["detail"], "there is no 'urn:a'");
        assert!(body["title"].is_string());
        let located = Problem::new(Kind::Invalid, "x").with_member("line", 3);
        let body: Value = serde_json::from_slice(&located.body()).expect("JSON");
        assert_eq!((&body["line"], &body["status"]), (&json!(3), &json!(400)));
    }

    #[test]
    fn a_defect_is_not_told_to_the_caller() {
        let problem = Problem::new(Kind::Internal, "secret of /etc/passwd");
        assert!(!problem.detail.contains("secret"));
    }
}
