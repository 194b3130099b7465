//! `/entities/{id}`: one entity [CIM-009 §6.5].

use std::collections::HashMap;

use axum::extract::{Path, State};
use base::Name;
use http::HeaderMap;
use ngsi::parse::lexical;
use ngsi::query::TypeExpr;
use trust::Operation;
use web::{Caller, Query};

use crate::answer::{self, Setting};
use crate::error::{Answer, Failure, not_found};
use crate::parameters::{Join, REPRESENTATION, Representation};
use crate::payload;
use crate::state::Api;

/// The id in a path, which must be a URI.
pub(crate) fn id(text: &str) -> Result<Name, Failure> {
    Ok(lexical::uri(text)?)
}

/// `GET /entities/{id}` [CIM-009 §5.7.1]
pub(crate) async fn retrieve(
    State(api): State<Api>,
    Caller(call): Caller,
    Path(entity_id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.broker.authorize(&call, Operation::Read)?;
    query.allow(&[&REPRESENTATION[..], &["entityMap", "type"]].concat())?;
    let media = answer::media(&headers)?;
    let id = id(&entity_id)?;
    let in_use = payload::linked(&api, &call, &headers).await?;
    let representation = Representation::read(&query, &in_use.context)?;
    representation.check(media, &query)?;
    api.broker.known_tenant(&call.tenant).await?;
    let entity = api.broker.retrieve(&call, &id).await?;
    if let Some(types) = query.get("type")
        && !TypeExpr::parse(types, &in_use.context)?.matches(&entity.types)
    {
        return Err(not_found(format_args!("'{id}' is of another type")));
    }
    let entity = representation
        .shape(&entity)
        .ok_or_else(|| not_found(format_args!("'{id}' has none of the members asked for")))?;
    let linked = match representation.join {
        Join::Flat(levels) | Join::Inline(levels) => {
            api.broker
                .linked(&call, std::slice::from_ref(&entity), levels)
                .await?
        }
        Join::None => HashMap::default(),
    };
    let setting = Setting {
        in_use: &in_use,
        representation: &representation,
        media,
        now: api.broker.now(),
        linked,
    };
    Ok(setting.one(&entity))
}
