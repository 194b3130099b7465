//! `/ngsi-ld/ex/remote-notify`: what sources tell this node of the subscriptions that they carry
//! for it [CIM-009 §5.8.6].

use axum::extract::State;
use axum::response::IntoResponse as _;
use federation::carried::InboundError;
use http::{HeaderMap, StatusCode};
use trust::Call;
use web::{Body, Problem, Query};

use crate::error::{Answer, Failure, invalid_request};
use crate::payload;
use crate::state::Api;

/// `POST /ngsi-ld/ex/remote-notify`. A source holds no token of this node: what it may do is to
/// speak of a copy by its id, which nobody but the two knows.
pub(crate) async fn notify(
    State(api): State<Api>,
    query: Query,
    headers: HeaderMap,
    Body(bytes): Body,
) -> Answer {
    query.allow(&[])?;
    let body = payload::json(&bytes)?;
    if !body.is_object() {
        return Err(invalid_request("the body must be a JSON object"));
    }
    // An @context is fetched for a source that is known, and for nobody else.
    let id = body
        .get("subscriptionId")
        .and_then(serde_json::Value::as_str);
    let tenant = id.and_then(|id| api.gateway.carries_for(id));
    let tenant = tenant.ok_or(InboundError::Unknown)?;
    let call = Call::of_the_node(tenant);
    let context = match body.get("@context") {
        Some(member) => api.contexts.value(&call.tenant, member).await?,
        None => payload::linked(&api, &call, &headers).await?.context,
    };
    api.gateway.notified(&body, &context).await?;
    Ok(StatusCode::OK.into_response())
}

impl From<InboundError> for Failure {
    fn from(error: InboundError) -> Self {
        Self(Problem::new(error.kind(), error))
    }
}
