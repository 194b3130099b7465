//! Who asks: a token as a bearer, or as the password beside any user name.

use std::sync::Arc;

use base::Tenant;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ports::Clock;
use tonic::Status;
use tonic::metadata::MetadataMap;
use trust::{Call, Principal};
use web::Guard;

use crate::flight::status;

/// Bytes of the header that says who asks.
const AUTHORIZATION_BYTES_MAX: usize = 1_024;

/// Tells who asks.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) guard: Arc<dyn Guard>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Gate {
    /// Who asks, and in which tenant: that of the header `ngsild-tenant`, as over HTTP.
    pub(super) fn call(&self, metadata: &MetadataMap) -> Result<Call, Status> {
        let token = token(metadata)?;
        let now = self.clock.now();
        let principal = self.guard.identify(token.as_deref(), now);
        let principal = principal.map_err(|denied| status::of(denied.kind(), denied))?;
        Ok(Call {
            principal,
            tenant: tenant(metadata)?,
            // The desk gives a query its own time.
            deadline: now,
        })
    }

    /// The token of somebody who says hello, once it is known that it opens something.
    pub(super) fn greet(&self, metadata: &MetadataMap) -> Result<Option<String>, Status> {
        let call = self.call(metadata)?;
        match call.principal {
            Principal::Token { .. } => token(metadata),
            // An open node knows nobody and lets everybody in.
            Principal::Public | Principal::Administrator => Ok(None),
        }
    }
}

/// The token that was sent, if one was: what cannot be read is a wrong one.
fn token(metadata: &MetadataMap) -> Result<Option<String>, Status> {
    let Some(sent) = metadata.get("authorization") else {
        return Ok(None);
    };
    let sent = sent.to_str().unwrap_or("");
    if sent.len() > AUTHORIZATION_BYTES_MAX {
        return Err(Status::unauthenticated(
            "the header 'authorization' is too long",
        ));
    }
    let (scheme, rest) = sent.split_once(' ').unwrap_or((sent, ""));
    let token = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => rest.trim().to_owned(),
        "basic" => password(rest.trim()).unwrap_or_default(),
        _ => String::new(),
    };
    Ok(Some(token))
}

/// The password in the credentials of a user [RFC 7617 §2].
fn password(credentials: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(credentials).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (_user, password) = text.split_once(':')?;
    Some(password.to_owned())
}

fn tenant(metadata: &MetadataMap) -> Result<Tenant, Status> {
    let headers = metadata.clone().into_headers();
    web::caller::tenant_of(&headers).map_err(|problem| Status::invalid_argument(problem.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(authorization: &str) -> Option<String> {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", authorization.parse().expect("ASCII"));
        token(&metadata).expect("a short header")
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_password() {
        assert_eq!(sent("Bearer chorsu_1").as_deref(), Some("chorsu_1"));
        let basic = format!("Basic {}", BASE64_STANDARD.encode("anna:chorsu_1"));
        assert_eq!(sent(&basic).as_deref(), Some("chorsu_1"));
        // What cannot be read is a wrong token, and not none.
        for wrong in ["Basic !", "Negotiate x", "bearer", ""] {
            assert_eq!(sent(wrong).as_deref(), Some(""), "{wrong}");
        }
        assert_eq!(token(&MetadataMap::new()).expect("none"), None);
    }
}
