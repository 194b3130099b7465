//! `/snapshots`, and the header `NGSILD-Snapshot` by which an operation is done on one
//! [CIM-009 §5.5.15, §5.16, §6.3.22, §6.36 to §6.38].

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base::{Kind, Name};
use federation::Route;
use federation::snapshots::{Frozen, Said as Description, SnapshotError, speaks_of_snapshots};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jsonld::Context;
use ngsi::Entity;
use ngsi::parse::lexical;
use ngsi::query::{QExpr, QOptions};
use serde_json::{Map, Value};
use trust::{Operation, Operations};
use web::{Caller, NgsiError, Problem, Query, Within};

use crate::answer;
use crate::elsewhere::{self, Said};
use crate::entities::by_post;
use crate::entity::id;
use crate::error::{Answer, Failure, bad_request};
use crate::parameters::{self, Representation, must_select};
use crate::payload::{InUse, Payload};
use crate::state::Api;

/// Names the snapshot that an operation is done on.
static SNAPSHOT: HeaderName = HeaderName::from_static("ngsild-snapshot");
/// What is done on a snapshot: the first segments of the paths of the core and the temporal API.
const DONE_ON_SNAPSHOTS: [&str; 6] = [
    "entities",
    "entityOperations",
    "entityMaps",
    "temporal",
    "types",
    "attributes",
];
/// What has nothing to do with snapshots: the header changes nothing there.
const BESIDE_SNAPSHOTS: [&str; 3] = ["snapshots", "jsonldContexts", "info"];

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        Self(match (error.kind(), error) {
            (_, SnapshotError::Broker(error)) => return error.into(),
            (Kind::Conflict, error @ SnapshotError::Exists { .. }) => {
                Problem::ngsi(NgsiError::AlreadyExists, error)
            }
            (Kind::Conflict, error) => Problem::ngsi(NgsiError::Conflict, error),
            (kind, error) => Problem::new(kind, error),
        })
    }
}

/// Leads a request that names a snapshot into its world.
pub(crate) async fn enter(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(named) = request.headers().get(&SNAPSHOT).cloned() else {
        return next.run(request).await;
    };
    match entered(&api, request, &named).await {
        Ok((request, is_inside)) => {
            let mut response = next.run(request).await;
            if is_inside {
                response.headers_mut().insert(SNAPSHOT.clone(), named);
            }
            response
        }
        Err(failure) => failure.into_response(),
    }
}

/// The request with its world, and whether it is one of a snapshot.
async fn entered(
    api: &Api,
    request: Request,
    named: &HeaderValue,
) -> Result<(Request, bool), Failure> {
    let path = request.uri().path().trim_start_matches("/ngsi-ld/v1");
    let first = path.trim_start_matches('/').split('/').next().unwrap_or("");
    if BESIDE_SNAPSHOTS.contains(&first) {
        return Ok((request, false));
    }
    if !DONE_ON_SNAPSHOTS.contains(&first) {
        return Err(Failure(Problem::ngsi(
            NgsiError::OperationNotSupported,
            "subscriptions and registrations are not done on snapshots here",
        )));
    }
    let (mut parts, body) = request.into_parts();
    let Caller(call) = Caller::from_request_parts(&mut parts, api).await?;
    let may = |operation| api.broker.authorize(&call, operation).is_ok();
    if !Operations::ALL.iter().any(may) {
        // The handler says why.
        return Ok((Request::from_parts(parts, body), false));
    }
    let text = named.to_str().unwrap_or("");
    let id = lexical::uri(text.rsplit('/').next().unwrap_or(text))?;
    let world = api.gateway.snapshots().enter(&call.tenant, &id)?;
    parts.extensions.insert(Within(world));
    Ok((Request::from_parts(parts, body), true))
}

/// `POST /snapshots` [CIM-009 §5.16.1]
pub(crate) async fn create(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[])?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let (id, mut members) = described(body)?;
    if members.remove("snapshotTemporalQueries").is_some() {
        return Err(Failure(Problem::ngsi(
            NgsiError::OperationNotSupported,
            "a snapshot holds what is now: 'snapshotTemporalQueries' are not done here",
        )));
    }
    let Some(Value::Array(queries)) = members.remove("snapshotQueries") else {
        return Err(bad_request("a snapshot needs 'snapshotQueries', an array"));
    };
    let mut said = Description::of_new(&members, api.broker.now())?;
    let frozen = queries.iter().map(|query| frozen(&api, query, &in_use));
    let frozen = frozen.collect::<Result<Vec<_>, _>>()?;
    said.ask(queries)?;
    api.broker.known_tenant(&call.tenant).await?;
    let route = Route::new(&payload.headers, false);
    let snapshots = api.gateway.snapshots();
    let made = snapshots
        .create(&api.gateway, (&call, route), (id, said), frozen)
        .await?;
    Ok(answer::created("snapshots", &made.id))
}

/// The members of a description, and its id, which is not one of them any more.
fn described(body: Value) -> Result<(Option<Name>, Map<String, Value>), Failure> {
    let Value::Object(mut members) = body else {
        return Err(bad_request("a snapshot is described by an object"));
    };
    if members.get("type").and_then(Value::as_str) != Some("Snapshot") {
        return Err(bad_request("'type' must be Snapshot"));
    }
    let id = members.remove("id");
    let id = id.as_ref().map(lexical::uri_value).transpose()?;
    Ok((id, members))
}

/// A query of a snapshot.
fn frozen(api: &Api, body: &Value, in_use: &InUse) -> Result<Frozen, Failure> {
    if body.get("temporalQ").is_some() {
        return Err(bad_request("'temporalQ' has no place in 'snapshotQueries'"));
    }
    let read = by_post::read(body, &Query::default(), &in_use.context, api.broker.now())?;
    must_select(&read.query, &in_use.context)?;
    parameters::must_reach(&read.query, read.representation.join)?;
    let said = Said::of_body(body, &in_use.context)?;
    let words = elsewhere::words(in_use);
    let question = said.question(&read.query, &read.representation, &words);
    let shape = move |entity: Arc<Entity>| shaped(&read.representation, &entity);
    Ok(Frozen {
        question,
        shape: Box::new(shape),
    })
}

/// What a query shows of an entity: the rest of it is not frozen.
fn shaped(representation: &Representation, entity: &Arc<Entity>) -> Option<Arc<Entity>> {
    let shaped = representation.shape_found(entity)?;
    let Some(projection) = &representation.projection else {
        return Some(shaped);
    };
    let mut picked = Entity::clone(&shaped);
    picked
        .attributes
        .retain(|attribute| projection.shows_attribute(&attribute.name));
    Some(Arc::new(picked))
}

/// `GET /snapshots/{id}` [CIM-009 §5.16.3]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(snapshot_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[])?;
    let media = answer::plain_media(&headers)?;
    let snapshots = api.gateway.snapshots();
    let snapshot = snapshots.get(&call.tenant, &id(&snapshot_id)?)?;
    let in_use = crate::payload::linked(&api, &call, &headers).await?;
    let shown = snapshot.to_json();
    Ok(answer::value(StatusCode::OK, media, &in_use, shown))
}

/// `PATCH /snapshots/{id}` [CIM-009 §5.16.4]
pub(crate) async fn update(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(snapshot_id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    query.allow(&[])?;
    let media = answer::plain_media(&payload.headers)?;
    let id = id(&snapshot_id)?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let Value::Object(members) = body else {
        return Err(bad_request("a snapshot is described by an object"));
    };
    let snapshots = api.gateway.snapshots();
    let snapshot = snapshots.update(&call.tenant, &id, &members).await?;
    let shown = snapshot.to_json();
    Ok(answer::value(StatusCode::OK, media, &in_use, shown))
}

/// `POST /snapshots/{id}/clone` [CIM-009 §5.16.2]
pub(crate) async fn copy(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(snapshot_id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Write)?;
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[])?;
    let snapshots = api.gateway.snapshots();
    let from = snapshots.get(&call.tenant, &id(&snapshot_id)?)?;
    let (body, _) = payload.object(&api, &call).await?;
    let (id, members) = described(body)?;
    let mut said = Description::of_new(&members, api.broker.now())?;
    said.ask(from.said().queries)?;
    let made = snapshots.copy(&from, id, said).await?;
    Ok(answer::created("snapshots", &made.id))
}

/// `DELETE /snapshots/{id}` [CIM-009 §5.16.5]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(snapshot_id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&[])?;
    let snapshots = api.gateway.snapshots();
    snapshots.delete(&call.tenant, &id(&snapshot_id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /snapshots`: those that match `q` [CIM-009 §5.16.7].
pub(crate) async fn purge(State(api): State<Api>, Caller(call): Caller, query: Query) -> Answer {
    api.broker.authorize(&call, Operation::Delete)?;
    query.allow(&["q"])?;
    let Some(q) = query.get("q") else {
        return Err(bad_request(
            "say which snapshots are to go, such as q=snapshotPriority<5",
        ));
    };
    let q = QExpr::parse(q, QOptions::default(), &Context::core())?;
    if !speaks_of_snapshots(&q) {
        return Err(bad_request(
            "'q' can only speak of snapshotPriority, snapshotStatus, snapshotLifetime, lastUsedAt, \
             createdAt, modifiedAt, expiresAt and id",
        ));
    }
    api.gateway.snapshots().purge(&call.tenant, &q).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
