//! Who this context source is [CIM-009 §5.15, §6.36].

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use serde_json::json;
use trust::Operation;
use web::Caller;

use crate::error::Answer;
use crate::state::Api;

/// `GET /info/sourceIdentity`
pub(crate) async fn source(State(api): State<Api>, Caller(call): Caller) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    let now = api.broker.now();
    let seconds = (now.as_micros() - api.started_at.as_micros()).max(0) / 1_000_000;
    let alias = if call.tenant.is_default() {
        api.alias.to_string()
    } else {
        format!("{}:{}", api.alias, call.tenant)
    };
    Ok(Json(json!({
        "id": format!("urn:ngsi-ld:ContextSourceIdentity:{alias}"),
        "type": "ContextSourceIdentity",
        "contextSourceAlias": alias,
        "contextSourceUptime": format!("PT{seconds}S"),
        "contextSourceTimeAt": now.to_string(),
    }))
    .into_response())
}
