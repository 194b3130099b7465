//! `/subscriptions/{id}/deliveries`: how it stands with the notifications of a subscription, why one
//! was not delivered, and its dead letters. The standard knows nothing of it, so it stands outside of
//! `/ngsi-ld/v1`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderValue, StatusCode, Uri};
use serde_json::json;
use subscriptions::Subscription;
use trust::{Call, Operation};
use web::{Caller, Media, Page, Query};

use crate::error::{Answer, Failure, bad_request, not_found};
use crate::state::Api;

/// Bytes of the number of a letter.
const NUMBER_BYTES_MAX: usize = 20;

/// The subscription, if the caller may subscribe.
pub(crate) async fn allowed(
    api: &Api,
    call: &Call,
    id: &str,
) -> Result<Arc<Subscription>, Failure> {
    api.broker.authorize(call, Operation::Subscribe)?;
    api.broker.known_tenant(&call.tenant).await?;
    Ok(api.subscriptions.keeper().get(&call.tenant, id)?)
}

/// The number of a letter.
pub(crate) fn number(text: &str) -> Result<u64, Failure> {
    let number = text.parse().ok().filter(|_| text.len() <= NUMBER_BYTES_MAX);
    number.ok_or_else(|| bad_request("the number of a notification is a whole number"))
}

/// Which dead letters are meant: the one that is named, or all.
fn meant(query: &Query) -> Result<Option<u64>, Failure> {
    query.allow(&["letter"])?;
    query.get("letter").map(number).transpose()
}

/// `GET /subscriptions/{id}/deliveries`
pub(crate) async fn report(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
    uri: Uri,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&web::paging::PARAMETERS)?;
    let page = Page::from_query(&query)?;
    let subscription = allowed(&api, &call, &id).await?;
    let outbox = api.subscriptions.outbox();
    let report = outbox.report(&call.tenant, &subscription, (page.offset, page.limit));
    let dead = outbox.dead_count(&call.tenant, &subscription);
    let mut response = Json(report).into_response();
    let more = dead > page.offset.saturating_add(page.limit);
    for link in page.links(uri.path(), &query, Media::Json, more) {
        response.headers_mut().append(LINK, link);
    }
    if page.count {
        let count = HeaderValue::from(dead);
        response.headers_mut().insert("ngsild-results-count", count);
    }
    Ok(response)
}

/// `GET /subscriptions/{id}/deliveries/dead/{letter}`: the notification as it would have been sent.
pub(crate) async fn dead_letter(
    State(api): State<Api>,
    Caller(call): Caller,
    Path((id, letter)): Path<(String, String)>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&[])?;
    let letter = number(&letter)?;
    let subscription = allowed(&api, &call, &id).await?;
    let outbox = api.subscriptions.outbox();
    let found = outbox
        .dead_letter(&call.tenant, &subscription, letter)
        .await;
    let found = found.map_err(broker::BrokerError::from)?;
    let unknown = || not_found(format_args!("there is no dead letter {letter}"));
    let (body, content_type) = found.ok_or_else(unknown)?;
    let mut response = body.into_response();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    Ok(response)
}

/// `POST /subscriptions/{id}/deliveries/replay`: dead letters are tried anew.
pub(crate) async fn replay(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    let only = meant(&query)?;
    let subscription = allowed(&api, &call, &id).await?;
    let outbox = api.subscriptions.outbox();
    let replayed = outbox.replay(&call.tenant, &subscription, only).await;
    let replayed = replayed.map_err(broker::BrokerError::from)?;
    refuse_none(only, replayed)?;
    Ok(Json(json!({ "replayed": replayed })).into_response())
}

/// `DELETE /subscriptions/{id}/deliveries/dead`: dead letters are thrown away.
pub(crate) async fn discard(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    let only = meant(&query)?;
    let subscription = allowed(&api, &call, &id).await?;
    let outbox = api.subscriptions.outbox();
    let discarded = outbox.discard(&call.tenant, &subscription, only);
    refuse_none(only, discarded)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn refuse_none(only: Option<u64>, done: usize) -> Result<(), Failure> {
    match only {
        Some(letter) if done == 0 => {
            Err(not_found(format_args!("there is no dead letter {letter}")))
        }
        _ => Ok(()),
    }
}
