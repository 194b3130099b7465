//! `/csourceSubscriptions`: who is told of other sources [CIM-009 §6.12, §6.13].

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use http::{HeaderMap, StatusCode};
use ngsi::parse::lexical;
use serde_json::Value;
use trust::Operation;
use web::{Caller, Page, Query};

use crate::answer;
use crate::error::Answer;
use crate::payload::{self, Payload};
use crate::registrations::mark_page;
use crate::state::Api;
use crate::subscriptions::{base, spoken, sys_attrs};

/// `POST /csourceSubscriptions` [CIM-009 §5.11.2]
pub(crate) async fn create(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&[])?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let (base, spoken) = (base(&payload.headers), spoken(in_use));
    let keeper = api.gateway.source_keeper();
    let made = keeper.create(&call.tenant, body, &spoken, &base).await?;
    Ok(answer::created("csourceSubscriptions", &made.id))
}

/// `GET /csourceSubscriptions` [CIM-009 §5.11.5]
pub(crate) async fn query(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&[&["options"][..], &web::paging::PARAMETERS].concat())?;
    let media = answer::plain_media(&headers)?;
    let page = Page::from_query(&query)?;
    let sys_attrs = sys_attrs(&query)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    api.broker.known_tenant(&call.tenant).await?;
    let keeper = api.gateway.source_keeper();
    let count = keeper.count(&call.tenant);
    let found = keeper.page(&call.tenant, page.offset, page.limit);
    let now = api.broker.now();
    let shown = found
        .iter()
        .map(|one| one.show(&in_use.context, sys_attrs, now));
    let body = Value::Array(shown.collect());
    let mut response = answer::value(StatusCode::OK, media, &in_use, body);
    let more = page.offset.saturating_add(found.len()) < count;
    let path = "/ngsi-ld/v1/csourceSubscriptions";
    mark_page(&mut response, page, (path, &query), (count, more));
    Ok(response)
}

/// `GET /csourceSubscriptions/{id}` [CIM-009 §5.11.4]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&["options"])?;
    let media = answer::plain_media(&headers)?;
    let sys_attrs = sys_attrs(&query)?;
    let id = lexical::uri(&id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    api.broker.known_tenant(&call.tenant).await?;
    let found = api.gateway.source_keeper().get(&call.tenant, &id)?;
    let shown = found.show(&in_use.context, sys_attrs, api.broker.now());
    Ok(answer::value(StatusCode::OK, media, &in_use, shown))
}

/// `PATCH /csourceSubscriptions/{id}` [CIM-009 §5.11.3]
pub(crate) async fn update(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&[])?;
    let id = lexical::uri(&id)?;
    let (fragment, in_use) = payload.object(&api, &call).await?;
    api.broker.known_tenant(&call.tenant).await?;
    let (keeper, spoken) = (api.gateway.source_keeper(), spoken(in_use));
    keeper.change(&call.tenant, &id, fragment, &spoken).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /csourceSubscriptions/{id}` [CIM-009 §5.11.6]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&[])?;
    let id = lexical::uri(&id)?;
    api.broker.known_tenant(&call.tenant).await?;
    let keeper = api.gateway.source_keeper();
    keeper.delete(&call.tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
