//! `/temporal/entities`: reading history, in its basic form [CIM-009 §5.7.3, §5.7.4].
//!
//! Limit: aggregated values, paging of instances and entity maps are not here yet.

use axum::extract::{Path, State};
use axum::response::Response;
use base::{Name, limits};
use http::{HeaderMap, StatusCode};
use ngsi::parse::lexical;
use ngsi::query::Query as EntityQuery;
use ngsi::render::temporal::TemporalFormat;
use ngsi::render::{Out, Renderer};
use ngsi::temporal::{Bound, Evolution, Span, TimeProperty};
use ngsi::{AttributeValue, Entity};
use serde_json::Value;
use trust::{Call, Operation};
use web::{Caller, Media, Page, Problem, Query};

use crate::answer;
use crate::entities::{mark_page, text_member};
use crate::entity::id;
use crate::error::{Answer, Failure, bad_request};
use crate::parameters::{self, Options, REPRESENTATION, Representation, SELECTION};
use crate::payload::{self, InUse, Payload};
use crate::state::Api;

/// Parameters of a temporal query.
const TEMPORAL: [&str; 7] = [
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "lastN",
    "aggrMethods",
    "aggrPeriodDuration",
];
/// Heads read at once while looking for matches.
const CHUNK: usize = 256;

/// `GET /temporal/entities/{id}` [CIM-009 §5.7.3]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::History)?;
    query.allow(&[&REPRESENTATION[..], &TEMPORAL].concat())?;
    let media = answer::plain_media(&headers)?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let asked = Asked::read(&query, &in_use)?;
    api.broker.known_tenant(&call.tenant).await?;
    let mut evolution = api.broker.evolution(&call, &id, &asked.span).await?;
    asked.shape(&mut evolution);
    let mut out = Out::with_capacity(4_096);
    asked.write(&api, &mut out, &evolution, media, &in_use);
    let status = asked.status(std::slice::from_ref(&evolution));
    Ok(answer::respond(status, media, &in_use, out.into_string()))
}

/// `GET /temporal/entities` [CIM-009 §5.7.4]
pub(crate) async fn query(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::History)?;
    let known = [
        &REPRESENTATION[..],
        &SELECTION,
        &TEMPORAL,
        &parameters::ORDER,
        &web::paging::PARAMETERS,
    ]
    .concat();
    query.allow(&known)?;
    let media = answer::plain_media(&headers)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let asked = Asked::read(&query, &in_use)?;
    let selection = parameters::entity_query(&query, &in_use.context, api.broker.now())?;
    if query.get("timerel").is_none() {
        return Err(bad_request(
            "say when: 'timerel' with 'timeAt' (before, after or between)",
        ));
    }
    let page = Page::from_query(&query)?;
    let path = "/ngsi-ld/v1/temporal/entities";
    asked
        .answer(
            &api,
            &call,
            &selection,
            page,
            (path, &query),
            media,
            &in_use,
        )
        .await
}

/// `POST /temporal/entityOperations/query` [CIM-009 §6.24]
pub(crate) async fn query_by_post(
    State(api): State<Api>,
    Caller(call): Caller,
    parameters: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::History)?;
    let known = [
        &["options", "format", "local", "lang"][..],
        &web::paging::PARAMETERS,
    ]
    .concat();
    parameters.allow(&known)?;
    let media = answer::plain_media(&payload.headers)?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let read =
        crate::entities::by_post::read(&body, &parameters, &in_use.context, api.broker.now())?;
    let temporal = body
        .get("temporalQ")
        .ok_or_else(|| bad_request("a temporal query needs 'temporalQ'"))?;
    let (span, options) = (span_of(temporal)?, Options::read(&parameters)?);
    let asked = Asked::new(span, read.representation, &options)?;
    let page = Page::from_query(&parameters)?;
    let path = "/ngsi-ld/v1/temporal/entityOperations/query";
    asked
        .answer(
            &api,
            &call,
            &read.query,
            page,
            (path, &parameters),
            media,
            &in_use,
        )
        .await
}

/// A question about history, read.
struct Asked {
    span: Span,
    format: TemporalFormat,
    representation: Representation,
}

impl Asked {
    fn read(query: &Query, in_use: &InUse) -> Result<Self, Failure> {
        let representation = Representation::read(query, &in_use.context)?;
        let span = Span {
            limit: limit(query.parsed("lastN", "a number from 1")?)?,
            last: query.get("lastN").is_some(),
            property: time_property(query.get("timeproperty"))?,
            ..bounds(
                query.get("timerel"),
                query.get("timeAt"),
                query.get("endTimeAt"),
            )?
        };
        Self::new(span, representation, &Options::read(query)?)
    }

    fn new(
        mut span: Span,
        representation: Representation,
        options: &Options,
    ) -> Result<Self, Failure> {
        if options.aggregated {
            let detail = "aggregated values are not computed here yet: ask for temporalValues";
            return Err(Failure(Problem::new(base::Kind::Unsupported, detail)));
        }
        if !representation.attrs.is_empty() {
            span.attributes = Some(representation.attrs.clone());
        }
        let format = match options.temporal_values || representation.temporal_values {
            true => TemporalFormat::Values,
            false => TemporalFormat::Normalized,
        };
        Ok(Self {
            span,
            format,
            representation,
        })
    }

    /// Leaves the datasets that were asked for.
    fn shape(&self, evolution: &mut Evolution) {
        if let Some(datasets) = &self.representation.datasets {
            evolution
                .series
                .retain(|series| datasets.contains(&series.dataset_id));
        }
    }

    fn write(&self, api: &Api, out: &mut Out, evolution: &Evolution, media: Media, in_use: &InUse) {
        let member = (media == Media::LdJson).then(|| in_use.member.to_string());
        let renderer = Renderer {
            sys_attrs: self.representation.sys_attrs,
            languages: self.representation.languages.clone(),
            projection: self.representation.projection.as_ref(),
            ..Renderer::new(&in_use.context, api.broker.now())
        };
        renderer.evolution(out, evolution, &self.span, self.format, member.as_deref());
    }

    /// 206 when instances had to be left out [CIM-009 §6.3.10].
    fn status(&self, evolutions: &[Evolution]) -> StatusCode {
        let cut = evolutions.iter().flat_map(|e| &e.series).any(|s| s.is_cut);
        if cut && !self.span.last {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::OK
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what an answer needs, once")]
    async fn answer(
        &self,
        api: &Api,
        call: &Call,
        selection: &EntityQuery,
        page: Page,
        (path, parameters): (&str, &Query),
        media: Media,
        in_use: &InUse,
    ) -> Answer {
        api.broker.known_tenant(&call.tenant).await?;
        let wanted = page.offset.saturating_add(page.limit).saturating_add(1);
        let (mut found, count) = self
            .collect(api, call, selection, wanted, page.count)
            .await?;
        let more = found.len() > page.offset.saturating_add(page.limit);
        found.drain(..page.offset.min(found.len()));
        found.truncate(page.limit);
        let mut out = Out::with_capacity(16_384);
        out.array(|out| {
            for evolution in &found {
                out.item();
                self.write(api, out, evolution, media, in_use);
            }
        });
        let status = self.status(&found);
        let mut response: Response = answer::respond(status, media, in_use, out.into_string());
        let count = page.count.then_some(count);
        mark_page(
            &mut response,
            count,
            page.links(path, parameters, media, more),
        );
        Ok(response)
    }

    /// Matching evolutions in id order: up to `wanted`, or all if they are to be counted.
    async fn collect(
        &self,
        api: &Api,
        call: &Call,
        selection: &EntityQuery,
        wanted: usize,
        count: bool,
    ) -> Result<(Vec<Evolution>, u64), Failure> {
        let types: Vec<Name> = selection
            .only_types()
            .map(|types| types.into_iter().cloned().collect())
            .unwrap_or_default();
        let mut found = Vec::new();
        let mut counted = 0;
        let mut after: Option<Name> = None;
        loop {
            let heads = api
                .broker
                .heads(call, &types, after.as_deref(), CHUNK)
                .await?;
            let ended = heads.len() < CHUNK;
            after = heads.last().map(|head| head.id.clone());
            for head in heads {
                let Some(evolution) = self.matching(api, call, selection, &head.id).await? else {
                    continue;
                };
                counted += 1;
                if found.len() < wanted {
                    found.push(evolution);
                }
            }
            if ended || (found.len() >= wanted && !count) {
                return Ok((found, counted));
            }
        }
    }

    async fn matching(
        &self,
        api: &Api,
        call: &Call,
        selection: &EntityQuery,
        id: &Name,
    ) -> Result<Option<Evolution>, Failure> {
        if !selection.ids.is_empty() && !selection.ids.contains(id) {
            return Ok(None);
        }
        let wide = Span {
            attributes: None,
            ..self.span.clone()
        };
        let mut evolution = api.broker.evolution(call, id, &wide).await?;
        if !selection.matches(&all_at_once(&evolution)) {
            return Ok(None);
        }
        if let Some(names) = &self.span.attributes {
            evolution
                .series
                .retain(|series| names.contains(&series.name));
        }
        self.shape(&mut evolution);
        Ok((!evolution.series.is_empty()).then_some(evolution))
    }
}

/// An evolution as one entity with all its instances, so that a query matches if any of them
/// does [CIM-009 §5.7.4.4].
fn all_at_once(evolution: &Evolution) -> Entity {
    let head = &evolution.head;
    let instances = evolution.series.iter().flat_map(|series| &series.instances);
    Entity {
        id: head.id.clone(),
        types: head.types.clone(),
        scope: head.scope.clone(),
        created_at: head.created_at,
        modified_at: head.modified_at,
        expires_at: None,
        attributes: instances
            .map(|instance| instance.attribute.clone())
            .filter(|attribute| !matches!(attribute.value, AttributeValue::Null))
            .collect(),
    }
}

/// The `temporalQ` of a query by POST [CIM-009 §5.2.21].
fn span_of(temporal: &Value) -> Result<Span, Failure> {
    let text = |name| text_member(temporal, name);
    let last = match temporal.get("lastN") {
        None => None,
        Some(value) => {
            let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
            Some(number.ok_or_else(|| bad_request("'lastN' must be a number from 1"))?)
        }
    };
    let timerel = text("timerel")?.ok_or_else(|| bad_request("'temporalQ' needs 'timerel'"))?;
    Ok(Span {
        limit: limit(last)?,
        last: last.is_some(),
        property: time_property(text("timeproperty")?)?,
        ..bounds(Some(timerel), text("timeAt")?, text("endTimeAt")?)?
    })
}

fn limit(last: Option<usize>) -> Result<usize, Failure> {
    match last {
        Some(0) => Err(bad_request("'lastN' must be at least 1")),
        Some(n) => Ok(n.min(limits::TEMPORAL_INSTANCES_MAX)),
        None => Ok(limits::TEMPORAL_INSTANCES_MAX),
    }
}

fn time_property(text: Option<&str>) -> Result<TimeProperty, Failure> {
    match text {
        None | Some("observedAt") => Ok(TimeProperty::ObservedAt),
        Some("createdAt") => Ok(TimeProperty::CreatedAt),
        Some("modifiedAt") => Ok(TimeProperty::ModifiedAt),
        Some("deletedAt") => Ok(TimeProperty::DeletedAt),
        Some(_) => Err(bad_request(
            "'timeproperty' must be observedAt, createdAt, modifiedAt or deletedAt",
        )),
    }
}

fn bounds(
    timerel: Option<&str>,
    time_at: Option<&str>,
    end_time_at: Option<&str>,
) -> Result<Span, Failure> {
    let mut span = Span::all(limits::TEMPORAL_INSTANCES_MAX);
    let bound = |name: &str, text: Option<&str>, inclusive| {
        let text = text.ok_or_else(|| bad_request(format_args!("'timerel' needs '{name}'")))?;
        let time = lexical::date_time(&Value::String(text.to_owned()))
            .map_err(|error| bad_request(format_args!("'{name}' {error}")))?;
        Ok::<_, Failure>(Some(Bound { time, inclusive }))
    };
    match timerel {
        None if time_at.is_some() || end_time_at.is_some() => {
            return Err(bad_request("'timeAt' needs 'timerel'"));
        }
        None => {}
        Some("before") => span.until = bound("timeAt", time_at, false)?,
        Some("after") => span.from = bound("timeAt", time_at, false)?,
        Some("between") => {
            span.from = bound("timeAt", time_at, true)?;
            span.until = bound("endTimeAt", end_time_at, false)?;
        }
        Some(_) => return Err(bad_request("'timerel' must be before, after or between")),
    }
    Ok(span)
}
