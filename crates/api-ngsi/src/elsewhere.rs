//! Reads that concern other sources as well: what is said of them in a request, and in its answer
//! [CIM-009 §5.5.13, §5.7, §6.3.17, §6.3.18].

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response;
use base::Name;
use federation::{Filters, Question, Route, Words};
use http::header::{HeaderMap, HeaderName, HeaderValue, VIA};
use jsonld::Context;
use ngsi::Entity;
use ngsi::query::{QExpr, QOptions, Query as EntityQuery};
use serde_json::Value;
use trust::Call;
use web::Query;

use crate::entities::text_member;
use crate::error::{Failure, bad_request};
use crate::parameters::{Join, Representation};
use crate::payload::InUse;
use crate::state::Api;

/// What went wrong with a source [CIM-009 §6.3.17].
static WARNING: HeaderName = HeaderName::from_static("ngsild-warning");

/// What a request says of other sources, and its filters as it wrote them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) filters: Filters,
    /// `csf`.
    pub(crate) sources: Option<QExpr>,
    /// `splitEntities`.
    pub(crate) split: bool,
}

/// The way of a request that may go on to other sources.
#[derive(Debug)]
pub(crate) struct Elsewhere<'a> {
    pub(crate) api: &'a Api,
    pub(crate) call: &'a Call,
    pub(crate) route: Route,
    pub(crate) words: Words,
}

impl Said {
    /// From the parameters of a GET.
    pub(crate) fn of_query(query: &Query, context: &Context) -> Result<Self, Failure> {
        let text = |name| query.get(name).map(ToOwned::to_owned);
        let geo = ["georel", "geometry", "coordinates", "geoproperty"].map(text);
        let mut split = query.flag("splitEntities")?;
        split |= query.list("options")?.contains(&"splitEntities");
        Ok(Self {
            filters: Filters {
                q: text("q"),
                scope_q: text("scopeQ"),
                geo: geo[0].is_some().then_some(geo),
                expand_values: text("expandValues"),
                json_keys: text("jsonKeys"),
            },
            sources: csf(query.get("csf"), context)?,
            split,
        })
    }

    /// From the body of a query by POST.
    pub(crate) fn of_body(body: &Value, context: &Context) -> Result<Self, Failure> {
        let text = |name: &str| Ok::<_, Failure>(text_member(body, name)?.map(ToOwned::to_owned));
        let list = |name: &str| match body.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                Some(items.join(","))
            }
            _ => None,
        };
        let geo = body.get("geoQ").map(|geo| {
            ["georel", "geometry", "coordinates", "geoproperty"].map(|name| {
                match geo.get(name)? {
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                }
            })
        });
        Ok(Self {
            filters: Filters {
                q: text("q")?,
                scope_q: text("scopeQ")?,
                geo,
                expand_values: list("expandValues"),
                json_keys: list("jsonKeys"),
            },
            sources: csf(text_member(body, "csf")?, context)?,
            split: match body.get("splitEntities") {
                None => false,
                Some(Value::Bool(split)) => *split,
                Some(_) => return Err(bad_request("'splitEntities' must be true or false")),
            },
        })
    }

    /// The question that a query is to a federation.
    pub(crate) fn question(
        &self,
        query: &EntityQuery,
        representation: &Representation,
        words: &Words,
    ) -> Question {
        let dataset = |id: &Option<Name>| id.clone().unwrap_or_else(|| Name::from("@none"));
        let datasets = representation.datasets.as_deref().unwrap_or_default();
        Question {
            query: query.clone(),
            filters: self.filters.clone(),
            words: words.clone(),
            datasets: datasets.iter().map(dataset).collect(),
            sources: self.sources.clone(),
            split: self.split,
            among: None,
        }
    }
}

fn csf(text: Option<&str>, context: &Context) -> Result<Option<QExpr>, Failure> {
    let read = text.map(|text| QExpr::parse(text, QOptions::default(), context));
    Ok(read.transpose()?)
}

/// The words of a request.
pub(crate) fn words(in_use: &InUse) -> Words {
    Words {
        context: Arc::clone(&in_use.context),
        member: in_use.member.clone(),
    }
}

impl<'a> Elsewhere<'a> {
    /// The way on; `None`: nobody else is registered, or the request is for this node alone.
    pub(crate) fn of(
        api: &'a Api,
        call: &'a Call,
        headers: &HeaderMap,
        is_local: bool,
        in_use: &InUse,
    ) -> Option<Self> {
        if is_local || api.gateway.is_alone(&call.tenant) {
            return None;
        }
        Some(Self {
            api,
            call,
            route: Route::new(headers, false),
            words: words(in_use),
        })
    }

    /// Puts the warnings into an answer.
    pub(crate) fn warn(&self, response: &mut Response) {
        for warning in self.warnings() {
            response.headers_mut().append(WARNING.clone(), warning);
        }
    }

    /// And into one that says what went wrong.
    pub(crate) fn warned(&self, failure: impl Into<Failure>) -> Failure {
        let mut failure = failure.into();
        for warning in self.warnings() {
            failure.0 = failure.0.with(WARNING.clone(), warning);
        }
        failure
    }

    fn warnings(&self) -> impl Iterator<Item = HeaderValue> {
        let agent = self.api.gateway.alias(&self.call.tenant);
        let warnings = self.route.explain.warnings(&agent).into_iter();
        warnings.filter_map(|text| HeaderValue::try_from(text).ok())
    }
}

/// The entities that those of an answer are linked to.
pub(crate) async fn linked(
    (api, call): (&Api, &Call),
    elsewhere: Option<&Elsewhere<'_>>,
    entities: &[Arc<Entity>],
    join: Join,
) -> Result<HashMap<Name, Arc<Entity>>, Failure> {
    let levels = join.levels();
    if levels == 0 {
        return Ok(HashMap::default());
    }
    let linked = match elsewhere {
        Some(on) => {
            let linked = api
                .gateway
                .linked(call, &on.route, entities, levels, &on.words);
            linked.await
        }
        None => api.broker.linked(call, entities, levels).await,
    };
    Ok(linked?)
}

/// Whether another node asks, which wants to know in what order the answer is.
pub(crate) fn mark_order(response: &mut Response, headers: &HeaderMap) {
    if headers.contains_key(VIA) {
        let headers = response.headers_mut();
        headers.insert(
            HeaderName::from_static(federation::read::ORDERED),
            HeaderValue::from_static("id"),
        );
    }
}
