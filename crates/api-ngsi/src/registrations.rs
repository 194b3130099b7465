//! `/csourceRegistrations`: which other sources there are [CIM-009 §6.8, §6.9].

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use federation::{Discovery, Registration, RegistrationError};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jsonld::Context;
use ngsi::parse::lexical;
use ngsi::query::{QExpr, QOptions};
use serde_json::Value;
use subscriptions::model::{TemporalQuery, TimeRelation};
use trust::Operation;
use web::{Caller, Media, NgsiError, Page, Problem, Query};

use crate::answer::{self, RESULTS_COUNT};
use crate::error::{Answer, Failure, bad_request};
use crate::parameters;
use crate::payload::{self, InUse, Payload};
use crate::state::Api;
use crate::subscriptions::sys_attrs;

/// Parameters of the query over registrations.
const DISCOVERY: [&str; 19] = [
    "id",
    "idPattern",
    "type",
    "attrs",
    "q",
    "csf",
    "scopeQ",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "expandValues",
    "jsonKeys",
    "options",
    "lang",
];

impl From<RegistrationError> for Failure {
    fn from(error: RegistrationError) -> Self {
        let kind = match &error {
            RegistrationError::Exists { .. } => NgsiError::AlreadyExists,
            RegistrationError::Overlaps { .. } | RegistrationError::KeptHere { .. } => {
                NgsiError::Conflict
            }
            RegistrationError::Unknown { .. } => NgsiError::ResourceNotFound,
            RegistrationError::Member { .. }
            | RegistrationError::Name { .. }
            | RegistrationError::Pattern(_)
            | RegistrationError::Together(_) => NgsiError::BadRequestData,
            RegistrationError::Limit { .. } | RegistrationError::Store(_) => {
                return Self(Problem::new(error.kind(), error));
            }
        };
        Self(Problem::ngsi(kind, error))
    }
}

/// `POST /csourceRegistrations` [CIM-009 §5.9.2]
pub(crate) async fn create(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&[])?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let registry = api.gateway.registry();
    let made = registry.create(&call.tenant, &body, &in_use.context);
    let made = made.await?;
    Ok(answer::created("csourceRegistrations", &made.id))
}

/// `GET /csourceRegistrations` [CIM-009 §5.10.2]
pub(crate) async fn query(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Share)?;
    query.allow(&[&DISCOVERY[..], &web::paging::PARAMETERS].concat())?;
    let media = answer::plain_media(&headers)?;
    let page = Page::from_query(&query)?;
    let sys_attrs = sys_attrs(&query)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let now = api.broker.now();
    let wanted = Discovery {
        query: parameters::entity_query(&query, &in_use.context, now)?,
        sources: filter(&query, &in_use.context)?,
        time: time(&query)?,
    };
    must_look_for(&wanted)?;
    api.broker.known_tenant(&call.tenant).await?;
    let found = api.gateway.registry().discover(&call.tenant, &wanted);
    let shown = found.iter().skip(page.offset).take(page.limit);
    let shown = shown.map(|r| r.show(&in_use.context, sys_attrs));
    let body = Value::Array(shown.collect());
    let mut response = answer::value(StatusCode::OK, media, &in_use, body);
    let more = page.offset.saturating_add(page.limit) < found.len();
    let path = "/ngsi-ld/v1/csourceRegistrations";
    mark_page(&mut response, page, (path, &query), (found.len(), more));
    Ok(response)
}

/// Puts the count and the links to other pages into an answer.
pub(crate) fn mark_page(
    response: &mut Response,
    page: Page,
    (path, query): (&str, &Query),
    (count, more): (usize, bool),
) {
    let headers = response.headers_mut();
    if page.count {
        headers.insert(RESULTS_COUNT.clone(), HeaderValue::from(count));
    }
    for link in page.links_as_asked(path, query, Media::LdJson, more) {
        headers.append(header::LINK, link);
    }
}

/// `GET /csourceRegistrations/{id}` [CIM-009 §5.10.1]
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
    let found = api.gateway.registry().get(&call.tenant, &id);
    let found = found.ok_or(RegistrationError::Unknown { id: id.to_string() })?;
    Ok(show(&found, media, &in_use, sys_attrs))
}

fn show(registration: &Registration, media: Media, in_use: &InUse, sys_attrs: bool) -> Response {
    let body = registration.show(&in_use.context, sys_attrs);
    answer::value(StatusCode::OK, media, in_use, body)
}

/// `PATCH /csourceRegistrations/{id}` [CIM-009 §5.9.3]
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
    let (body, in_use) = payload.object(&api, &call).await?;
    api.broker.known_tenant(&call.tenant).await?;
    let registry = api.gateway.registry();
    let change = registry.update(&call.tenant, &id, &body, &in_use.context);
    change.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /csourceRegistrations/{id}` [CIM-009 §5.9.4]
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
    api.gateway.registry().delete(&call.tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `csf`: what is said of the source.
fn filter(query: &Query, context: &Context) -> Result<Option<QExpr>, Failure> {
    let csf = query.get("csf");
    let csf = csf.map(|text| QExpr::parse(text, QOptions::default(), context));
    Ok(csf.transpose()?)
}

/// The time of which a source has data.
fn time(query: &Query) -> Result<Option<TemporalQuery>, Failure> {
    let moment = |name: &str| match query.get(name) {
        None => Ok(None),
        Some(text) => lexical::date_time(&Value::from(text))
            .map(Some)
            .map_err(|error| bad_request(format_args!("'{name}' {error}"))),
    };
    let (time_at, end_time_at) = (moment("timeAt")?, moment("endTimeAt")?);
    let relation = match query.get("timerel") {
        None if time_at.is_some() || end_time_at.is_some() => {
            return Err(bad_request("'timeAt' needs 'timerel'"));
        }
        None => return Ok(None),
        Some("before") => TimeRelation::Before,
        Some("after") => TimeRelation::After,
        Some("between") => TimeRelation::Between,
        Some(_) => return Err(bad_request("'timerel' must be before, after or between")),
    };
    if (relation == TimeRelation::Between) != end_time_at.is_some() {
        return Err(bad_request(
            "'endTimeAt' goes together with timerel=between",
        ));
    }
    let property = query.get("timeproperty").unwrap_or("observedAt");
    if !["observedAt", "createdAt", "modifiedAt", "deletedAt"].contains(&property) {
        return Err(bad_request(
            "'timeproperty' must be observedAt, createdAt, modifiedAt or deletedAt",
        ));
    }
    Ok(Some(TemporalQuery {
        relation,
        time_at: time_at.ok_or_else(|| bad_request("'timerel' needs 'timeAt'"))?,
        end_time_at,
        property: property.to_owned(),
    }))
}

/// Something must be looked for [CIM-009 §5.10.2.4]; ids say as much as the members that the
/// standard names.
fn must_look_for(wanted: &Discovery) -> Result<(), Failure> {
    let query = &wanted.query;
    let says = query.types.is_some()
        || !query.attrs.is_empty()
        || query.q.is_some()
        || query.geo.is_some()
        || !query.ids.is_empty()
        || query.id_pattern.is_some();
    if says {
        return Ok(());
    }
    Err(bad_request(
        "say what to look for: a type, attrs, ids, q or a geo-query",
    ))
}
