//! `/temporal/entities`: reading history [CIM-009 §5.7.3, §5.7.4].
//!
//! A question is read by [`asked`] and [`span`], [`find`] says which entities it is about,
//! [`page`] what of them there is room for, and [`show`] writes them; [`pinned`] keeps them the same
//! for the questions that follow.

mod aggregate;
mod asked;
mod find;
mod others;
mod page;
mod pinned;
mod rolled;
mod show;
mod span;

use axum::extract::{Path, State};
use federation::maps::Entry;
use http::HeaderMap;
use jsonld::Context;
use ngsi::query::{Direction, Member, OrderBy, Query as EntityQuery};
use serde_json::Value;
use trust::Operation;
use web::{Caller, Page, Query};

use crate::answer;
use crate::elsewhere::{Elsewhere, Said};
use crate::entity::id;
use crate::entity_maps::Pinning;
use crate::error::{Answer, Failure, bad_request, not_found};
use crate::parameters::{self, Join, SELECTION, must_reach, must_select};
use crate::payload::{self, Payload};
use crate::state::Api;
use asked::Asked;
use find::Finder;
use others::Others;
use show::Setting;

/// Parameters of how history is shown.
const REPRESENTATION: [&str; 8] = [
    "options",
    "format",
    "lang",
    "attrs",
    "pick",
    "omit",
    "datasetId",
    "local",
];
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

/// Parameters of entity maps.
const MAP: [&str; 2] = ["entityMap", "entityMapLifetime"];

/// `GET /temporal/entities/{id}` [CIM-009 §5.7.3]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::History)?;
    query.allow(&[&REPRESENTATION[..], &TEMPORAL, &MAP].concat())?;
    let media = answer::plain_media(&headers)?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let asked = Asked::read(&query, &in_use.context, api.temporal_instances_max)?;
    api.broker.known_tenant(&call.tenant).await?;
    let on = Elsewhere::of(&api, &call, &headers, query.flag("local")?, &in_use);
    let selection = EntityQuery {
        ids: vec![id.clone()],
        attrs: asked.representation.attrs.clone(),
        now: api.broker.now(),
        ..EntityQuery::default()
    };
    let question =
        |on: &Elsewhere<'_>| Said::default().question(&selection, &asked.representation, &on.words);
    let others = Others::ask(on, question, &others::of_query(&query), true).await?;
    let setting = Setting {
        api: &api,
        call: &call,
        in_use: &in_use,
        media,
        asked: &asked,
        others: &others,
    };
    let pinning = Pinning::read(&query, &headers)?;
    let live = pinning.as_ref().and_then(|p| p.live(&api, &call));
    if live.as_ref().is_some_and(|map| map.place_of(&id).is_none()) {
        return Err(not_found(format_args!("'{id}' is not in the entity map")));
    }
    let shown = setting.one(&id).await;
    let mut response = others.marked(shown.map_err(|failure| others.warned(failure))?);
    if let Some(pinning) = pinning {
        let mark = pinning.mark_one(&api, &call, live, Entry::here(id))?;
        mark.put(&mut response);
    }
    Ok(response)
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
    let asked = Asked::read(&query, &in_use.context, api.temporal_instances_max)?;
    let mut finder = finder(&api, &query, &asked, &in_use.context)?;
    let on = Elsewhere::of(&api, &call, &headers, query.flag("local")?, &in_use);
    let said = Said::of_query(&query, &in_use.context)?;
    let question =
        |on: &Elsewhere<'_>| said.question(&finder.selection, &asked.representation, &on.words);
    let others = Others::ask(on, question, &others::of_query(&query), false).await?;
    finder.elsewhere = others.ids();
    let setting = Setting {
        api: &api,
        call: &call,
        in_use: &in_use,
        media,
        asked: &asked,
        others: &others,
    };
    let pinning = Pinning::read(&query, &headers)?;
    let mark = match &pinning {
        Some(pinning) => {
            api.broker.known_tenant(&call.tenant).await?;
            Some(pinned::pin(&api, &call, &mut finder, pinning).await?)
        }
        None => None,
    };
    let mut response = setting
        .many(&finder, ("/ngsi-ld/v1/temporal/entities", &query))
        .await?;
    if let Some(mark) = mark {
        mark.put_created(&mut response);
    }
    Ok(others.marked(response))
}

/// `GET /temporal/entityMaps` [CIM-009 §5.14.5, §6.35]
pub(crate) async fn entity_map(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::History)?;
    query.allow(&[&SELECTION[..], &TEMPORAL, &["attrs", "local"]].concat())?;
    answer::plain_media(&headers)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let asked = Asked::read(&query, &in_use.context, api.temporal_instances_max)?;
    let mut finder = finder(&api, &query, &asked, &in_use.context)?;
    api.broker.known_tenant(&call.tenant).await?;
    let pinning = Pinning::new(&query)?;
    let mark = pinned::pin(&api, &call, &mut finder, &pinning).await?;
    Ok(mark.created())
}

/// What a query by GET is about.
fn finder<'a>(
    api: &Api,
    query: &Query,
    asked: &'a Asked,
    context: &Context,
) -> Result<Finder<'a>, Failure> {
    let selection = parameters::entity_query(query, context, api.broker.now())?;
    if query.get("timerel").is_none() {
        return Err(bad_request(
            "say when: 'timerel' with 'timeAt' (before, after or between)",
        ));
    }
    if !query.flag("local")? {
        must_select(&selection, context)?;
    }
    must_reach(&selection, Join::None)?;
    Ok(Finder {
        descending: is_descending(parameters::order(query, context)?.as_ref())?,
        page: Page::from_query(query)?,
        asked,
        selection,
        elsewhere: Vec::new(),
    })
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
    let now = api.broker.now();
    let read = crate::entities::by_post::read(&body, &parameters, &in_use.context, now)?;
    let max = api.temporal_instances_max;
    let asked = Asked::read_body(&body, &parameters, read.representation, max)?;
    if !parameters.flag("local")? {
        must_select(&read.query, &in_use.context)?;
    }
    must_reach(&read.query, Join::None)?;
    let is_local = parameters.flag("local")? || body.get("local") == Some(&Value::Bool(true));
    let on = Elsewhere::of(&api, &call, &payload.headers, is_local, &in_use);
    let said = Said::of_body(&body, &in_use.context)?;
    let question =
        |on: &Elsewhere<'_>| said.question(&read.query, &asked.representation, &on.words);
    let others = Others::ask(on, question, &others::of_body(&body), false).await?;
    let finder = Finder {
        descending: is_descending(read.order.as_ref())?,
        page: Page::from_query(&parameters)?,
        asked: &asked,
        selection: read.query,
        elsewhere: others.ids(),
    };
    let setting = Setting {
        api: &api,
        call: &call,
        in_use: &in_use,
        media,
        asked: &asked,
        others: &others,
    };
    let path = "/ngsi-ld/v1/temporal/entityOperations/query";
    let response = setting.many(&finder, (path, &parameters)).await?;
    Ok(others.marked(response))
}

/// Whether entities come in descending order of their ids; over time they have no other order
/// [CIM-009 §5.7.4.4].
fn is_descending(order: Option<&OrderBy>) -> Result<bool, Failure> {
    let Some(order) = order else { return Ok(false) };
    let by_id = |member: Option<Member>| member == Some(Member::Id);
    if !order.terms.iter().all(|term| by_id(term.path.member)) {
        return Err(bad_request(
            "entities over time can only be ordered by 'id'",
        ));
    }
    match order.terms.first().map(|term| term.direction) {
        None | Some(Direction::Ascending) => Ok(false),
        Some(Direction::Descending) => Ok(true),
        Some(_) => Err(bad_request("an id has no distance to be ordered by")),
    }
}
