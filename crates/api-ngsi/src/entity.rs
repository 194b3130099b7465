//! `/entities/{id}`: one entity [CIM-009 §6.5].

use std::sync::Arc;

use axum::extract::{Path, State};
use base::Name;
use federation::maps::Entry;
use http::HeaderMap;
use ngsi::Entity;
use ngsi::parse::lexical;
use ngsi::query::{Query as EntityQuery, TypeExpr};
use trust::Operation;
use web::{Caller, Query};

use crate::answer::{self, Setting};
use crate::elsewhere::{self, Elsewhere, Said};
use crate::entity_maps::Pinning;
use crate::error::{Answer, Failure, not_found};
use crate::parameters::{REPRESENTATION, Representation};
use crate::payload;
use crate::state::Api;

/// The id in a path, which must be a URI.
pub(crate) fn id(text: &str) -> Result<Name, Failure> {
    Ok(lexical::uri(text)?)
}

/// Parameters of one entity beside those of how it is shown.
const OF_ONE: [&str; 3] = ["entityMap", "entityMapLifetime", "type"];

/// `GET /entities/{id}` [CIM-009 §5.7.1]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[&REPRESENTATION[..], &OF_ONE].concat())?;
    let media = answer::media(&headers)?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let representation = Representation::read(&query, &in_use.context)?;
    representation.check(media, &query)?;
    api.broker.known_tenant(&call.tenant).await?;
    let types = query.get("type");
    let types = types.map(|text| TypeExpr::parse(text, &in_use.context));
    let types = types.transpose()?;
    let pinning = Pinning::read(&query, &headers)?;
    let live = pinning.as_ref().and_then(|p| p.live(&api, &call));
    if live.as_ref().is_some_and(|map| map.place_of(&id).is_none()) {
        return Err(not_found(format_args!("'{id}' is not in the entity map")));
    }
    let on = Elsewhere::of(&api, &call, &headers, query.flag("local")?, &in_use);
    let Some(on) = on else {
        let entity = api.broker.retrieve(&call, &id).await?;
        let shown = shown(&id, &entity, types.as_ref(), &representation)?;
        let setting = Setting {
            in_use: &in_use,
            representation: &representation,
            media,
            now: api.broker.now(),
            linked: elsewhere::linked((&api, &call), None, &shown, representation.join).await?,
        };
        let mut response = setting.one(&shown[0]);
        if let Some(pinning) = pinning {
            pinning
                .mark_one(&api, &call, live, Entry::here(id))?
                .put(&mut response);
        }
        return Ok(response);
    };
    let asked = EntityQuery {
        ids: vec![id.clone()],
        attrs: representation.attrs.clone(),
        now: api.broker.now(),
        types,
        ..EntityQuery::default()
    };
    let question = Said::default().question(&asked, &representation, &on.words);
    let found = api.gateway.retrieve(&call, &on.route, &id, &question).await;
    let entity = found.map_err(|error| on.warned(error))?;
    let shown = shown(&id, &entity, asked.types.as_ref(), &representation);
    let shown = shown.map_err(|failure| on.warned(failure))?;
    let linked = elsewhere::linked((&api, &call), Some(&on), &shown, representation.join);
    let setting = Setting {
        in_use: &in_use,
        representation: &representation,
        media,
        now: asked.now,
        linked: linked.await.map_err(|failure| on.warned(failure))?,
    };
    let mut response = setting.one(&shown[0]);
    on.warn(&mut response);
    if let Some(pinning) = pinning {
        let held = api.gateway.candidates(&call, &on.route, &question).await?;
        let held = held.into_iter().next();
        let entry = held.map_or_else(|| Entry::here(id), |(id, by)| Entry::new(id, by));
        pinning
            .mark_one(&api, &call, live, entry)?
            .put(&mut response);
    }
    Ok(response)
}

/// What is shown of an entity, if it is of one of the types and has anything that was asked for.
fn shown(
    id: &Name,
    entity: &Arc<Entity>,
    types: Option<&TypeExpr>,
    representation: &Representation,
) -> Result<[Arc<Entity>; 1], Failure> {
    if types.is_some_and(|types| !types.matches(&entity.types)) {
        return Err(not_found(format_args!("'{id}' is of another type")));
    }
    let shown = representation
        .shape(entity)
        .ok_or_else(|| not_found(format_args!("'{id}' has none of the members asked for")))?;
    Ok([shown])
}
