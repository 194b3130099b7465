//! Who asks: the bearer token, the tenant and the deadline of a request, as a [`Call`].

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use base::{Kind, Tenant, Time};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use trust::{Call, Denied, Principal};

use crate::app::Kit;
use crate::problem::Problem;

/// The header that names the tenant [CIM-009 §6.3.14].
pub const TENANT_HEADER: &str = "ngsild-tenant";

/// Knows who holds which token.
pub trait Guard: Send + Sync + fmt::Debug {
    /// Who asks at `now` with this bearer token, or with none.
    fn identify(&self, bearer: Option<&str>, now: Time) -> Result<Principal, Denied>;
}

/// What [`crate::app()`] knows of a request; it stands in the request's extensions.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The kit of the node.
    pub kit: Arc<Kit>,
    /// The id of the request, as in `X-Request-Id` and the log.
    pub request_id: u64,
    /// When it came.
    pub at: Time,
    /// When its answer is of no use any more.
    pub deadline: Time,
    /// Who asks; refused only where somebody wants to know.
    pub principal: Result<Principal, Denied>,
}

impl Arrived {
    /// What is known of this request.
    pub fn of(parts: &Parts) -> Result<&Self, Problem> {
        parts
            .extensions
            .get()
            .ok_or_else(|| Problem::new(Kind::Internal, "a route stands outside of web::app"))
    }
}

/// The world in which a request is done, if it is another than that of the tenant in its headers.
/// A layer puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct Within(pub Tenant);

/// The extractor of the [`Call`]: who asks, for which tenant, until when.
#[derive(Debug, Clone)]
pub struct Caller(pub Call);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let arrived = Arrived::of(parts)?;
        let principal = arrived.principal.clone()?;
        let tenant = match parts.extensions.get::<Within>() {
            Some(Within(tenant)) => tenant.clone(),
            None => tenant_of(&parts.headers)?,
        };
        Ok(Self(Call {
            principal,
            tenant,
            deadline: arrived.deadline,
        }))
    }
}

/// The tenant that the headers name.
pub fn tenant_of(headers: &HeaderMap) -> Result<Tenant, Problem> {
    let mut values = headers.get_all(TENANT_HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(Tenant::default_tenant());
    };
    if values.next().is_some() {
        return Err(Problem::new(
            Kind::Invalid,
            "NGSILD-Tenant comes twice: send it once",
        ));
    }
    // Text that is no ASCII is no name: the check of the name says what one is.
    let name = value.to_str().unwrap_or("\u{0}").trim();
    let tenant = Tenant::new(name)
        .map_err(|invalid| Problem::new(Kind::Invalid, format_args!("NGSILD-Tenant: {invalid}")))?;
    if tenant.is_hidden() {
        return Err(Problem::new(
            Kind::Invalid,
            "NGSILD-Tenant: the name is the node's own",
        ));
    }
    Ok(tenant)
}

/// The text of the bearer token, if one was sent; empty when it cannot be read.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    // What is sent but cannot be read is a token all the same: a wrong one.
    let text = headers.get(AUTHORIZATION)?.to_str().unwrap_or("");
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        _ => Some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_once_and_safely() {
        let of = |names: &[&str]| {
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append(TENANT_HEADER, name.parse().expect("a header"));
            }
            tenant_of(&headers)
        };
        assert!(of(&[]).is_ok_and(|tenant| tenant.is_default()));
        assert!(of(&["city:north"]).is_ok_and(|tenant| tenant.as_str() == "city:north"));
        assert!(of(&[".own.1"]).is_err_and(|problem| problem.status == 400));
        assert!(of(&["../etc"]).is_err_and(|problem| problem.status == 400));
        assert!(of(&["a", "b"]).is_err_and(|problem| problem.status == 400));
        let mut headers = HeaderMap::new();
        headers.append(
            TENANT_HEADER,
            http::HeaderValue::from_bytes(b"\xff").expect("a header"),
        );
        assert!(tenant_of(&headers).is_err_and(|problem| problem.status == 400));
    }

    #[test]
    fn whatever_stands_in_authorization_counts_as_a_token() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, text.parse().expect("a header"));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(of("Basic abc").as_deref(), Some(""));
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
