//! `POST /federation/explain`: which source gives what of an answer, how long it takes, and why one
//! is missing. It is no part of the standard and stands beside its API.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use trust::Operation;
use web::{Caller, Page, Query};

use crate::elsewhere::{Elsewhere, Said};
use crate::entities::{Asked, by_post};
use crate::error::Answer;
use crate::parameters;
use crate::payload::Payload;
use crate::state::Api;

/// Runs the query of the body as `/ngsi-ld/v1/entityOperations/query` would, and answers with the
/// report in place of the entities. Who asks must be allowed to see registrations too, as the
/// report names them.
pub(crate) async fn explain(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&[&["local"][..], &web::paging::PARAMETERS].concat())?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let read = by_post::read(&body, &query, &in_use.context, api.broker.now())?;
    let asked = Asked {
        said: Said::of_body(&body, &in_use.context)?,
        query: read.query,
        order: read.order,
        representation: read.representation,
        page: Page::from_query(&query)?,
        is_local: query.flag("local")? || body.get("local") == Some(&Value::Bool(true)),
        pinning: None,
    };
    parameters::must_reach(&asked.query, asked.representation.join)?;
    api.broker.known_tenant(&call.tenant).await?;
    let began = api.broker.now();
    let on = Elsewhere::of(&api, &call, &payload.headers, asked.is_local, &in_use);
    if let Some(on) = &on {
        on.route.explain.want_origins();
    }
    let found = asked.found(&api, &call, on.as_ref()).await?;
    let took = api.broker.now().as_micros() - began.as_micros();
    let short = |name: &str| in_use.context.compact_term(name).into_owned();
    let explain = on.as_ref().map(|on| &on.route.explain);
    let ids: Vec<&str> = found.entities.iter().map(|e| &*e.id).collect();
    let report = json!({
        "isWhole": explain.is_none_or(|explain| explain.is_whole()),
        "tookMilliseconds": federation::explain::millis(took),
        "entities": ids,
        "sources": explain.map_or_else(|| json!([]), |explain| explain.report(&short)),
        "origins": explain.map_or_else(|| json!({}), |explain| explain.origins(&short)),
    });
    Ok(Json(report).into_response())
}
