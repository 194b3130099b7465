//! `/entities`: the query, by GET and by POST [CIM-009 §6.4, §6.23].

use axum::extract::State;
use axum::response::Response;
use broker::reads::{self, Found};
use federation::Route;
use http::{HeaderMap, HeaderValue, header};
use jsonld::Context;
use ngsi::query::{Query as EntityQuery, TypeExpr};
use serde_json::Value;
use trust::{Call, Operation};
use web::{Caller, Media, Page, Query};

use crate::answer::{self, RESULTS_COUNT, Setting};
use crate::elsewhere::{self, Elsewhere, Said};
use crate::entity_maps::{Mark, Pinning};
use crate::error::{Answer, Failure, bad_request};
use crate::parameters::{self, ORDER, REPRESENTATION, Representation, SELECTION, must_select};
use crate::payload::{self, InUse, Payload};
use crate::state::Api;

pub(crate) mod by_post;

/// `GET /entities` [CIM-009 §5.7.2]
pub(crate) async fn query(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    let known = [
        &REPRESENTATION[..],
        &SELECTION,
        &ORDER,
        &web::paging::PARAMETERS,
    ]
    .concat();
    query.allow(&known)?;
    let media = answer::media(&headers)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let mut asked = asked_by_get(&api, &query, &in_use.context)?;
    asked.pinning = Pinning::read(&query, &headers)?;
    asked.representation.check(media, &query)?;
    let place = Place {
        path: "/ngsi-ld/v1/entities",
        parameters: &query,
        headers: &headers,
        media,
        in_use: &in_use,
    };
    Box::pin(asked.answer(&api, &call, &place)).await
}

/// `POST /entityOperations/query` [CIM-009 §5.7.2, §6.23]
pub(crate) async fn query_by_post(
    State(api): State<Api>,
    Caller(call): Caller,
    query: Query,
    payload: Payload,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    let known = [
        &["options", "format", "local", "lang"][..],
        &web::paging::PARAMETERS,
    ]
    .concat();
    query.allow(&known)?;
    let media = answer::media(&payload.headers)?;
    let (body, in_use) = payload.object(&api, &call).await?;
    let read = by_post::read(&body, &query, &in_use.context, api.broker.now())?;
    if body.get("temporalQ").is_some() {
        return Err(bad_request(
            "'temporalQ' is for /temporal/entityOperations/query",
        ));
    }
    let is_local = query.flag("local")? || body.get("local") == Some(&Value::Bool(true));
    let asked = Asked {
        said: Said::of_body(&body, &in_use.context)?,
        query: read.query,
        order: read.order,
        representation: read.representation,
        page: Page::from_query(&query)?,
        is_local,
        pinning: Pinning::read_body(&body, &payload.headers)?,
    };
    asked.representation.check(media, &query)?;
    let place = Place {
        path: "/ngsi-ld/v1/entityOperations/query",
        parameters: &query,
        headers: &payload.headers,
        media,
        in_use: &in_use,
    };
    Box::pin(asked.answer(&api, &call, &place)).await
}

fn asked_by_get(api: &Api, query: &Query, context: &Context) -> Result<Asked, Failure> {
    let asked = Asked {
        representation: Representation::read(query, context)?,
        query: parameters::entity_query(query, context, api.broker.now())?,
        order: parameters::order(query, context)?,
        page: Page::from_query(query)?,
        said: Said::of_query(query, context)?,
        is_local: query.flag("local")?,
        pinning: None,
    };
    if !asked.is_local {
        must_select(&asked.query, context)?;
        let types = asked.query.types.as_ref();
        if types.is_some_and(TypeExpr::is_wildcard) && query.get("local").is_some() {
            return Err(bad_request(
                "type=* asks this node alone: leave out local=false",
            ));
        }
    }
    Ok(asked)
}

/// A question, read.
pub(crate) struct Asked {
    pub(crate) query: EntityQuery,
    pub(crate) order: Option<ngsi::query::OrderBy>,
    pub(crate) representation: Representation,
    pub(crate) page: Page,
    pub(crate) said: Said,
    pub(crate) is_local: bool,
    /// What is said of entity maps.
    pub(crate) pinning: Option<Pinning>,
}

/// A page of what was found.
struct Cut {
    found: Found,
    /// Where the next page begins.
    next: Option<usize>,
    /// The map that it was made by.
    mark: Option<Mark>,
}

/// Where a question was asked, and how it wants to be answered.
pub(crate) struct Place<'a> {
    pub(crate) path: &'static str,
    pub(crate) parameters: &'a Query,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) media: Media,
    pub(crate) in_use: &'a InUse,
}

impl Asked {
    async fn answer(self, api: &Api, call: &Call, place: &Place<'_>) -> Answer {
        parameters::must_reach(&self.query, self.representation.join)?;
        api.broker.known_tenant(&call.tenant).await?;
        let on = Elsewhere::of(api, call, place.headers, self.is_local, place.in_use);
        let Cut { found, next, mark } = self.cut(api, call, on.as_ref(), place).await?;
        let Found {
            entities, count, ..
        } = found;
        let entities: Vec<_> = entities
            .iter()
            .filter_map(|e| self.representation.shape_found(e))
            .collect();
        let join = self.representation.join;
        let setting = Setting {
            in_use: place.in_use,
            representation: &self.representation,
            media: place.media,
            now: self.query.now,
            linked: elsewhere::linked((api, call), on.as_ref(), &entities, join).await?,
        };
        let mut response = setting.many(&entities);
        let links = self
            .page
            .links_from(place.path, place.parameters, place.media, next);
        mark_page(&mut response, count.filter(|_| self.page.count), links);
        if self.order.is_none() {
            elsewhere::mark_order(&mut response, place.headers);
        }
        if let Some(on) = on {
            on.warn(&mut response);
        }
        if let Some(mark) = mark {
            mark.put_created(&mut response);
        }
        Ok(response)
    }

    /// The page asked for: by an entity map if one is wanted.
    async fn cut(
        &self,
        api: &Api,
        call: &Call,
        on: Option<&Elsewhere<'_>>,
        place: &Place<'_>,
    ) -> Result<Cut, Failure> {
        let Some(pinning) = &self.pinning else {
            let found = self.found(api, call, on).await?;
            let behind = self.page.offset.saturating_add(self.page.limit);
            return Ok(Cut {
                next: found.more.then_some(behind),
                found,
                mark: None,
            });
        };
        let here = Route {
            local: true,
            ..Route::default()
        };
        let route = on.map_or(&here, |on| &on.route);
        let words = elsewhere::words(place.in_use);
        let question = self
            .said
            .question(&self.query, &self.representation, &words);
        let page = self.reads_page();
        let asked = (route, &question);
        let page = pinning.page(api, call, asked, self.order.as_ref(), &page);
        let (pinned, mark) = page.await.map_err(|failure| match on {
            Some(on) => on.warned(failure),
            None => failure,
        })?;
        Ok(Cut {
            found: Found {
                entities: pinned.entities,
                more: pinned.next.is_some(),
                count: pinned.count,
            },
            next: pinned.next,
            mark: Some(mark),
        })
    }

    fn reads_page(&self) -> reads::Page {
        reads::Page {
            offset: self.page.offset,
            limit: self.page.limit,
            count: self.page.count,
        }
    }

    /// The page asked for, of what is here and of what other sources give.
    pub(crate) async fn found(
        &self,
        api: &Api,
        call: &Call,
        on: Option<&Elsewhere<'_>>,
    ) -> Result<Found, Failure> {
        let page = self.reads_page();
        let Some(on) = on else {
            let found = api
                .broker
                .query(call, &self.query, self.order.as_ref(), &page);
            return Ok(found.await?);
        };
        let question = self
            .said
            .question(&self.query, &self.representation, &on.words);
        if self.order.is_some() {
            if api.gateway.concerns(&call.tenant, &question) {
                return Err(bad_request(
                    "entities of other sources cannot be ordered: ask with local=true",
                ));
            }
            let found = api
                .broker
                .query(call, &self.query, self.order.as_ref(), &page);
            return Ok(found.await?);
        }
        let found = api.gateway.query(call, &on.route, &question, &page).await;
        found.map_err(|error| on.warned(error))
    }
}

/// Puts the count and the links to other pages into an answer.
pub(crate) fn mark_page(response: &mut Response, count: Option<u64>, links: Vec<HeaderValue>) {
    let headers = response.headers_mut();
    if let Some(count) = count {
        headers.insert(RESULTS_COUNT.clone(), HeaderValue::from(count));
    }
    for link in links {
        headers.append(header::LINK, link);
    }
}

/// A member of a body that is a string.
pub(crate) fn text_member<'v>(body: &'v Value, name: &str) -> Result<Option<&'v str>, Failure> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad_request(format_args!("'{name}' must be a string"))),
    }
}
