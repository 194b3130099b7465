//! `/subscriptions`: who is told of which change [CIM-009 §6.10, §6.11].

use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use federation::Route;
use http::{HeaderMap, StatusCode};
use ngsi::parse::lexical;
use serde_json::Value;
use subscriptions::SubscriptionError;
use subscriptions::model::Spoken;
use trust::Operation;
use web::{Caller, NgsiError, Page, Problem, Query};

use crate::answer;
use crate::entities::mark_page;
use crate::error::{Answer, Failure, bad_request};
use crate::payload::{self, InUse, Payload};
use crate::preferences::Preferences;
use crate::state::Api;

/// `POST /subscriptions` [CIM-009 §5.8.1]
pub(crate) async fn create(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&[])?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let (base, route) = (base(&payload.headers), Route::new(&payload.headers, false));
    let gateway = &api.gateway;
    let made = gateway
        .subscribe(&call, body, &spoken(in_use), &base, &route)
        .await?;
    Ok(answer::created("subscriptions", &made.id))
}

/// `GET /subscriptions` [CIM-009 §5.8.4]
pub(crate) async fn list(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&["limit", "offset", "count", "options"])?;
    let media = answer::plain_media(&headers)?;
    let sys_attrs = sys_attrs(&query)?;
    let page = Page::from_query(&query)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    api.broker.known_tenant(&call.tenant).await?;
    let keeper = api.subscriptions.keeper();
    let count = keeper.count(&call.tenant);
    let found = keeper.page(&call.tenant, page.offset, page.limit);
    let now = api.broker.now();
    let shown = found
        .iter()
        .map(|one| one.show(&in_use.context, sys_attrs, now));
    let shown = Value::Array(shown.collect());
    let mut response = answer::value(StatusCode::OK, media, &in_use, shown);
    let more = page.offset.saturating_add(found.len()) < count;
    let links = page.links("/ngsi-ld/v1/subscriptions", &query, media, more);
    let count = page.count.then(|| u64::try_from(count).unwrap_or(u64::MAX));
    mark_page(&mut response, count, links);
    // A subscription is the same in every edition [CIM-009 §4.3.6.8].
    Preferences::read(&headers).say_version(response.headers_mut());
    Ok(response)
}

/// `GET /subscriptions/{id}` [CIM-009 §5.8.3]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&["options"])?;
    let media = answer::plain_media(&headers)?;
    let sys_attrs = sys_attrs(&query)?;
    check_id(&id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    api.broker.known_tenant(&call.tenant).await?;
    let found = api.subscriptions.keeper().get(&call.tenant, &id)?;
    let shown = found.show(&in_use.context, sys_attrs, api.broker.now());
    let mut response = answer::value(StatusCode::OK, media, &in_use, shown);
    Preferences::read(&headers).say_version(response.headers_mut());
    Ok(response)
}

/// `PATCH /subscriptions/{id}` [CIM-009 §5.8.2]
pub(crate) async fn update(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&[])?;
    check_id(&id)?;
    let (fragment, in_use) = payload.object(&api, &call).await?;
    api.broker.known_tenant(&call.tenant).await?;
    let keeper = api.subscriptions.keeper();
    keeper
        .change(&call.tenant, &id, fragment, &spoken(in_use))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /subscriptions/{id}` [CIM-009 §5.8.5]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Subscribe)?;
    query.allow(&[])?;
    check_id(&id)?;
    api.broker.known_tenant(&call.tenant).await?;
    let keeper = api.subscriptions.keeper();
    keeper.delete(&call.tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The @context of a request, as those who keep what was said in it know it.
pub(crate) fn spoken(in_use: InUse) -> Spoken {
    Spoken {
        context: in_use.context,
        member: in_use.member,
    }
}

/// The address by which the caller reached the node.
pub(crate) fn base(headers: &HeaderMap) -> String {
    let host = headers.get(http::header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}

/// Whether the times of a record are asked for; nothing else can be chosen.
pub(crate) fn sys_attrs(query: &Query) -> Result<bool, Failure> {
    let options = query.list("options")?;
    match options.iter().find(|option| **option != "sysAttrs") {
        Some(_) => Err(bad_request("'options' can only be sysAttrs here")),
        None => Ok(!options.is_empty()),
    }
}

fn check_id(id: &str) -> Result<(), Failure> {
    lexical::uri(id)?;
    Ok(())
}

impl From<SubscriptionError> for Failure {
    fn from(error: SubscriptionError) -> Self {
        match error {
            SubscriptionError::Context(error) => error.into(),
            SubscriptionError::Exists(_) => Self(Problem::ngsi(NgsiError::AlreadyExists, error)),
            SubscriptionError::Unknown(_) => {
                Self(Problem::ngsi(NgsiError::ResourceNotFound, error))
            }
            other => Self(Problem::new(other.kind(), other)),
        }
    }
}
