//! `/entities`: the query, by GET and by POST [CIM-009 §6.4, §6.23].

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use broker::reads::Found;
use broker::reads;
use http::{HeaderMap, HeaderValue, header};
use ngsi::query::{Query as EntityQuery, TypeExpr};
use serde_json::Value;
use trust::{Call, Operation};
use web::{Caller, Media, Page, Query};

use crate::answer::{self, RESULTS_COUNT, Setting};
use crate::error::{Answer, Failure, bad_request};
use crate::parameters::{
    self, Join, ORDER, REPRESENTATION, Representation, SELECTION, must_select,
};
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
    answer_query(&api, &call, &query, media, &in_use).await
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
    let page = Page::from_query(&query)?;
    read.representation.check(media, &query)?;
    parameters::must_reach(&read.query, read.representation.join)?;
    let asked = Asked {
        query: read.query,
        order: read.order,
        representation: read.representation,
        page,
    };
    let path = "/ngsi-ld/v1/entityOperations/query";
    asked
        .answer(&api, &call, (path, &query), media, &in_use)
        .await
}

async fn answer_query(
    api: &Api,
    call: &Call,
    query: &Query,
    media: Media,
    in_use: &InUse,
) -> Answer {
    let representation = Representation::read(query, &in_use.context)?;
    let asked = Asked {
        query: parameters::entity_query(query, &in_use.context, api.broker.now())?,
        order: parameters::order(query, &in_use.context)?,
        page: Page::from_query(query)?,
        representation,
    };
    if !query.flag("local")? {
        must_select(&asked.query, &in_use.context)?;
        let every_type = asked
            .query
            .types
            .as_ref()
            .is_some_and(TypeExpr::is_wildcard);
        if every_type && query.get("local").is_some() {
            return Err(bad_request(
                "type=* asks this node alone: leave out local=false",
            ));
        }
    }
    asked.representation.check(media, query)?;
    parameters::must_reach(&asked.query, asked.representation.join)?;
    asked
        .answer(api, call, ("/ngsi-ld/v1/entities", query), media, in_use)
        .await
}

/// A question, read.
struct Asked {
    query: EntityQuery,
    order: Option<ngsi::query::OrderBy>,
    representation: Representation,
    page: Page,
}

impl Asked {
    async fn answer(
        self,
        api: &Api,
        call: &Call,
        (path, parameters): (&str, &Query),
        media: Media,
        in_use: &InUse,
    ) -> Answer {
        api.broker.known_tenant(&call.tenant).await?;
        let page = reads::Page {
            offset: self.page.offset,
            limit: self.page.limit,
            count: self.page.count,
        };
        let found = api
            .broker
            .query(call, &self.query, self.order.as_ref(), &page)
            .await?;
        let Found {
            entities,
            more,
            count,
        } = found;
        let entities: Vec<_> = entities
            .iter()
            .filter_map(|e| self.representation.shape_found(e))
            .collect();
        let linked = match self.representation.join {
            Join::Flat(levels) | Join::Inline(levels) => {
                api.broker.linked(call, &entities, levels).await?
            }
            Join::None => HashMap::default(),
        };
        let setting = Setting {
            in_use,
            representation: &self.representation,
            media,
            now: self.query.now,
            linked,
        };
        let mut response = setting.many(&entities);
        let count = count.filter(|_| self.page.count);
        mark_page(
            &mut response,
            count,
            self.page.links(path, parameters, media, more),
        );
        Ok(response)
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
