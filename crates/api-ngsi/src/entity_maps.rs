//! `/entityMaps`, and what other reads say of entity maps: `entityMap`, `entityMapLifetime` and the
//! header `NGSILD-EntityMap` [CIM-009 §5.5.14, §5.14, §6.32, §6.34].

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use base::{Kind, Name};
use broker::reads;
use federation::Route;
use federation::maps::{EntityMap, Entry, MapError, PinError, Pinned};
use federation::read::Question;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ngsi::aggregate::Period;
use ngsi::parse::lexical;
use ngsi::query::OrderBy;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use trust::{Call, Operation};
use web::{Caller, NgsiError, Problem, Query};

use crate::answer;
use crate::elsewhere::{self, Said};
use crate::entity::id;
use crate::error::{Answer, Failure, bad_request};
use crate::parameters::{self, Join, Representation, SELECTION, must_reach, must_select};
use crate::payload::{self, Payload};
use crate::state::Api;

/// Names the map of a request, and of its answer.
pub(crate) static ENTITY_MAP: HeaderName = HeaderName::from_static("ngsild-entitymap");

impl From<MapError> for Failure {
    fn from(error: MapError) -> Self {
        let ngsi = match error.kind() {
            Kind::Limit => NgsiError::TooManyResults,
            _ => NgsiError::ResourceNotFound,
        };
        Self(Problem::ngsi(ngsi, error))
    }
}

impl From<PinError> for Failure {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Map(error) => error.into(),
            PinError::Broker(error) => error.into(),
        }
    }
}

/// What a read says of entity maps.
#[derive(Debug, Clone)]
pub(crate) struct Pinning {
    /// The map to go by, if it lives.
    named: Option<Name>,
    /// How long a new one should live.
    lifetime: Option<Period>,
}

impl Pinning {
    /// A new map is wanted.
    pub(crate) fn new(query: &Query) -> Result<Self, Failure> {
        Ok(Self {
            named: None,
            lifetime: lifetime(query)?,
        })
    }

    /// Reads the parameters and the header; `None`: nothing is said of maps.
    pub(crate) fn read(query: &Query, headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let lifetime = lifetime(query)?;
        let by_option = query.list("options")?.contains(&"entityMap");
        let named = headers.get(&ENTITY_MAP).map(named);
        let is_wanted = query.flag("entityMap")? || by_option;
        Ok((is_wanted || named.is_some()).then(|| Self {
            named: named.flatten(),
            lifetime,
        }))
    }

    /// The same of a query by POST, whose body has the members [CIM-009 §5.2.23].
    pub(crate) fn read_body(body: &Value, headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let lifetime = match body.get("entityMapLifetime") {
            None => None,
            Some(Value::String(text)) => Some(period(text)?),
            Some(_) => return Err(bad_request("'entityMapLifetime' must be a string")),
        };
        let is_wanted = match body.get("entityMap") {
            None => false,
            Some(Value::Bool(wanted)) => *wanted,
            Some(_) => return Err(bad_request("'entityMap' must be true or false")),
        };
        let named = headers.get(&ENTITY_MAP).map(named);
        Ok((is_wanted || named.is_some()).then(|| Self {
            named: named.flatten(),
            lifetime,
        }))
    }

    /// The map that the request names, if it lives; else a new one is to be made
    /// [CIM-009 §5.7.2.4].
    pub(crate) fn live(&self, api: &Api, call: &Call) -> Option<Arc<EntityMap>> {
        let named = self.named.as_ref()?;
        api.gateway.maps().get(&call.tenant, named).ok()
    }

    /// Pins some entities that this node holds.
    pub(crate) fn pin_here(
        &self,
        api: &Api,
        call: &Call,
        ids: impl IntoIterator<Item = Name>,
    ) -> Result<Mark, Failure> {
        self.pin(api, call, ids.into_iter().map(Entry::here).collect())
    }

    fn pin(&self, api: &Api, call: &Call, entries: Vec<Entry>) -> Result<Mark, Failure> {
        let maps = api.gateway.maps();
        let map = maps.create(&call.tenant, entries, self.lifetime)?;
        Ok(Mark { map, is_new: true })
    }

    /// The live map, else a new one of one entity [CIM-009 §5.7.1.4, §5.7.3.4].
    pub(crate) fn mark_one(
        &self,
        api: &Api,
        call: &Call,
        live: Option<Arc<EntityMap>>,
        entry: Entry,
    ) -> Result<Mark, Failure> {
        match live {
            Some(map) => Ok(Mark { map, is_new: false }),
            None => self.pin(api, call, vec![entry]),
        }
    }

    /// A page of the entities of the map, which is made if it does not live.
    pub(crate) async fn page(
        &self,
        api: &Api,
        call: &Call,
        (route, question): (&Route, &Question),
        order: Option<&OrderBy>,
        page: &reads::Page,
    ) -> Result<(Pinned, Mark), Failure> {
        let mark = if let Some(map) = self.live(api, call) {
            Mark::of(map)
        } else {
            let map = api
                .gateway
                .pin(call, route, question, self.lifetime)
                .await?;
            Mark { map, is_new: true }
        };
        let asked = (route, question);
        let pinned = api.gateway.by_map(call, asked, order, page, &mark.map);
        Ok((pinned.await?, mark))
    }
}

/// The map that an answer was made by.
#[derive(Debug)]
pub(crate) struct Mark {
    map: Arc<EntityMap>,
    is_new: bool,
}

impl Mark {
    /// A map that lived before.
    pub(crate) fn of(map: Arc<EntityMap>) -> Self {
        Self { map, is_new: false }
    }

    /// Says in an answer where its map is.
    pub(crate) fn put(&self, response: &mut Response) {
        let place = format!("/ngsi-ld/v1/entityMaps/{}", self.map.id);
        if let Ok(place) = HeaderValue::try_from(place) {
            response.headers_mut().insert(ENTITY_MAP.clone(), place);
        }
    }

    /// The same; 201 if the map was made for the answer [CIM-009 §6.4.3.2].
    pub(crate) fn put_created(&self, response: &mut Response) {
        self.put(response);
        if self.is_new && response.status().is_success() {
            *response.status_mut() = StatusCode::CREATED;
        }
    }

    /// The map itself as an answer.
    pub(crate) fn created(&self) -> Response {
        let mut response = axum::Json(self.map.to_json()).into_response();
        self.put_created(&mut response);
        response
    }
}

/// `entityMapLifetime`: a duration of ISO 8601.
fn lifetime(query: &Query) -> Result<Option<Period>, Failure> {
    query.get("entityMapLifetime").map(period).transpose()
}

fn period(text: &str) -> Result<Period, Failure> {
    match Period::parse(text) {
        Ok(period) if !period.is_whole() => Ok(period),
        _ => Err(bad_request(
            "'entityMapLifetime' must be a duration of ISO 8601, such as PT10M",
        )),
    }
}

/// The id in the header: the last segment of the map's URI, or the id itself.
fn named(value: &HeaderValue) -> Option<Name> {
    let text = value.to_str().ok()?;
    let last = text.trim().rsplit('/').next()?;
    let id = percent_decode_str(last).decode_utf8().ok()?;
    lexical::uri(&id).ok()
}

/// `GET /entityMaps` [CIM-009 §5.14.4]
pub(crate) async fn create(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[&SELECTION[..], &["attrs", "local"]].concat())?;
    answer::plain_media(&headers)?;
    let lifetime = lifetime(&query)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let entities = parameters::entity_query(&query, &in_use.context, api.broker.now())?;
    let local = query.flag("local")?;
    if !local {
        must_select(&entities, &in_use.context)?;
    }
    must_reach(&entities, Join::None)?;
    api.broker.known_tenant(&call.tenant).await?;
    let route = Route::new(&headers, local);
    let representation = Representation::read(&query, &in_use.context)?;
    let said = Said::of_query(&query, &in_use.context)?;
    let question = said.question(&entities, &representation, &elsewhere::words(&in_use));
    let map = api.gateway.pin(&call, &route, &question, lifetime).await?;
    Ok(Mark { map, is_new: true }.created())
}

/// `GET /entityMaps/{id}` [CIM-009 §5.14.1]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(map_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[])?;
    let media = answer::plain_media(&headers)?;
    let id = id(&map_id)?;
    let map = api.gateway.maps().get(&call.tenant, &id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    Ok(answer::value(StatusCode::OK, media, &in_use, map.to_json()))
}

/// `PATCH /entityMaps/{id}`: only when it ends can be said [CIM-009 §5.14.2].
pub(crate) async fn update(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(map_id): Path<String>,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[])?;
    let id = id(&map_id)?;
    let (body, _) = payload.object(&api, &call).await?;
    let ends = body.get("expiresAt").map(lexical::date_time).transpose()?;
    match ends {
        Some(ends) => api.gateway.maps().prolong(&call.tenant, &id, ends)?,
        None => {
            api.gateway.maps().get(&call.tenant, &id)?;
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /entityMaps/{id}` [CIM-009 §5.14.3]
pub(crate) async fn remove(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(map_id): Path<String>,
    query: Query,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[])?;
    api.gateway.maps().delete(&call.tenant, &id(&map_id)?)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
