//! From what was said to a subscription: every member is checked, none is passed over.

mod endpoint;
mod members;
mod notify;

use std::borrow::Cow;
use std::sync::Arc;

use base::{Name, Seq, Time};
use ngsi::parse::lexical;
use ngsi::query::{GeoQuery, Pattern, QExpr, QOptions, Query, ScopeExpr, Selector, TypeExpr};
use ngsi::render::Languages;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::said::{Packed, Said, Spoken};
use super::{Kind, Stats, Subscription, TemporalQuery, TimeRelation, Triggers};
use crate::error::SubscriptionError;
use members::Members;

type Result<T> = std::result::Result<T, SubscriptionError>;

/// The members of a subscription [CIM-009 §5.2.12].
const MEMBERS: [&str; 25] = [
    "id",
    "type",
    "subscriptionName",
    "name",
    "description",
    "entities",
    "watchedAttributes",
    "notificationTrigger",
    "timeInterval",
    "q",
    "expandValues",
    "jsonKeys",
    "geoQ",
    "csf",
    "scopeQ",
    "temporalQ",
    "isActive",
    "notification",
    "expiresAt",
    "throttling",
    "lang",
    "datasetId",
    "splitEntities",
    "localOnly",
    "jsonldContext",
];
/// Selectors of one subscription: each is tried on a change.
const SELECTORS_MAX: usize = 1_000;
/// Bytes of all that is said: a notification carries some of it, a node keeps many of it.
const SAID_BYTES_MAX: usize = 64 * 1024;

/// What is said, without what only the node says (`status` …) and what the standard does not know;
/// the aliases of JSON-LD become the plain names.
pub(super) fn members(value: Value) -> Result<Map<String, Value>> {
    let Value::Object(mut members) = value else {
        return Err(SubscriptionError::member(
            "the subscription",
            "must be an object",
        ));
    };
    for (alias, name) in [("@id", "id"), ("@type", "type")] {
        if let Some(value) = members.remove(alias) {
            members.insert(name.to_owned(), value);
        }
    }
    if let Some(Value::Object(notification)) = members.get_mut("notification") {
        notify::strip(notification);
    }
    for name in members.keys() {
        if let Some(meant) = MEMBERS.iter().find(|known| is_slip(name, known)) {
            let reason = format_args!("is no member of a subscription: '{meant}' is");
            return Err(SubscriptionError::member(name, reason));
        }
    }
    members.retain(|name, _| MEMBERS.contains(&name.as_str()));
    Ok(members)
}

/// Whether somebody who wrote `name` meant `known`: they differ in at most two letters, or in case.
/// A member that is passed over because of a slip would make a subscription wider than it was
/// meant.
fn is_slip(name: &str, known: &str) -> bool {
    const LETTERS_MIN: usize = 5;
    let long = name.len().min(known.len()) >= LETTERS_MIN && name.len().abs_diff(known.len()) <= 2;
    name != known && long && distance(name.as_bytes(), known.as_bytes()) <= 2
        || name != known && name.eq_ignore_ascii_case(known)
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, wanted) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != wanted);
            diagonal = row[to + 1];
            row[to + 1] = changed.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row[other.len()]
}

pub(super) fn subscription(said: Said, made_in: &Spoken, kind: Kind) -> Result<Subscription> {
    let all = Members::of(&said);
    if said.bytes() > SAID_BYTES_MAX {
        let reason = format!("must have at most {SAID_BYTES_MAX} bytes");
        return Err(SubscriptionError::member("the subscription", reason));
    }
    if all.text("type")? != Some("Subscription") {
        return Err(SubscriptionError::member("type", "must be 'Subscription'"));
    }
    for name in ["subscriptionName", "name", "description"] {
        all.text(name)?;
    }
    check_context(&all)?;
    let (notification, _) = all
        .get("notification")
        .ok_or_else(|| SubscriptionError::member("notification", "is missing"))?;
    let spoken = all.spoken("notification");
    let notification = notify::read(notification, spoken)?;
    let subscription = Subscription {
        id: match all.get("id") {
            Some((value, _)) => {
                lexical::uri_value(value).map_err(SubscriptionError::parse("id"))?
            }
            None => Name::from(""),
        },
        kind,
        query: query(&all)?,
        watched: all.names("watchedAttributes")?.unwrap_or_default(),
        triggers: triggers(&all, kind)?,
        time_interval: all.seconds("timeInterval")?,
        throttling: all.seconds("throttling")?,
        expires_at: all.time("expiresAt")?,
        is_active: all.flag("isActive")?.unwrap_or(true),
        source_filter: filter(&all, "csf", QOptions::default())?,
        temporal: all.get("temporalQ").map(temporal).transpose()?,
        datasets: all.datasets()?,
        split_entities: all.flag("splitEntities")?.unwrap_or(false),
        local_only: all.flag("localOnly")?.unwrap_or(false),
        languages: all.text("lang")?.map(Languages::parse),
        notification,
        context: Arc::clone(&made_in.context),
        context_url: Name::from(made_in.url().unwrap_or(jsonld::CORE_URL)),
        since: Seq::ZERO,
        revision: Seq::ZERO,
        created_at: Time(0),
        modified_at: Time(0),
        stats: Arc::new(Stats::default()),
        spoken: made_in.clone(),
        said: Packed::of(said),
    };
    go_together(&subscription)?;
    Ok(subscription)
}

fn check_context(all: &Members<'_>) -> Result<()> {
    match all.text("jsonldContext")? {
        Some(url) if !lexical::is_uri(url) => {
            Err(SubscriptionError::member("jsonldContext", "must be a URI"))
        }
        _ => Ok(()),
    }
}

fn go_together(subscription: &Subscription) -> Result<()> {
    let wrong = |reason| Err(SubscriptionError::Together(reason));
    let one = subscription;
    if one.query.selectors.is_empty() && one.watched.is_empty() && !one.local_only {
        return wrong("say what to watch: 'entities', 'watchedAttributes' or both");
    }
    if one.time_interval.is_some() && one.throttling.is_some() {
        return wrong("'timeInterval' and 'throttling' exclude each other");
    }
    if one.time_interval.is_some() && !one.watched.is_empty() {
        return wrong("'timeInterval' and 'watchedAttributes' exclude each other");
    }
    Ok(())
}

fn query(all: &Members<'_>) -> Result<Query> {
    let (expand_values, json_keys) = (all.texts("expandValues")?, all.texts("jsonKeys")?);
    let options = QOptions {
        expand_values: &expand_values.unwrap_or_default(),
        json_keys: &json_keys.unwrap_or_default(),
    };
    let scope = all.text("scopeQ")?.map(ScopeExpr::parse).transpose();
    let geo = all.get("geoQ").map(|(value, spoken)| geo(value, spoken));
    Ok(Query {
        selectors: selectors(all)?,
        q: filter(all, "q", options)?,
        scope: scope.map_err(SubscriptionError::query("scopeQ"))?,
        geo: geo.transpose()?,
        ..Query::default()
    })
}

fn filter(all: &Members<'_>, name: &'static str, options: QOptions<'_>) -> Result<Option<QExpr>> {
    let (Some(text), Some(spoken)) = (all.text(name)?, all.spoken(name)) else {
        return Ok(None);
    };
    // It is the text of a query parameter, so it may be encoded as such [CIM-009 §4.9]. What does
    // not decode stays as it was said.
    let text = percent_decode_str(text)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(text));
    let read = QExpr::parse(&text, options, &spoken.context);
    read.map(Some).map_err(SubscriptionError::query(name))
}

fn selectors(all: &Members<'_>) -> Result<Vec<Selector>> {
    match all.get("entities") {
        None => Ok(Vec::new()),
        Some((Value::Array(items), spoken)) if (1..=SELECTORS_MAX).contains(&items.len()) => {
            items.iter().map(|item| selector(item, spoken)).collect()
        }
        Some(_) => Err(SubscriptionError::member(
            "entities",
            format_args!("must be an array of 1 to {SELECTORS_MAX} entity selectors"),
        )),
    }
}

/// An `EntitySelector` [CIM-009 §5.2.33].
fn selector(item: &Value, spoken: &Spoken) -> Result<Selector> {
    let members = Members::within("entities", item, spoken)?;
    members.only(&["id", "idPattern", "type"])?;
    let types = members.text("type")?.ok_or_else(|| {
        SubscriptionError::member("entities.type", "is missing; '*' means every type")
    })?;
    let ids = match members.get("id") {
        None => Vec::new(),
        Some((Value::Array(ids), _)) if !ids.is_empty() => ids.iter().collect(),
        Some((id, _)) => vec![id],
    };
    let ids = ids.into_iter().map(lexical::uri_value);
    let pattern = members.text("idPattern")?;
    let pattern = pattern.map(|text| Pattern::parse("idPattern", text));
    Ok(Selector {
        ids: ids
            .collect::<std::result::Result<_, _>>()
            .map_err(SubscriptionError::parse("entities.id"))?,
        id_pattern: pattern
            .transpose()
            .map_err(SubscriptionError::query("entities.idPattern"))?,
        types: Some(
            TypeExpr::parse(types, &spoken.context)
                .map_err(SubscriptionError::query("entities.type"))?,
        ),
    })
}

/// A `GeoQuery` [CIM-009 §5.2.13].
fn geo(value: &Value, spoken: &Spoken) -> Result<GeoQuery> {
    let members = Members::within("geoQ", value, spoken)?;
    members.only(&["georel", "geometry", "coordinates", "geoproperty"])?;
    let missing = |name: &str| SubscriptionError::member(&format!("geoQ.{name}"), "is missing");
    let parsed;
    let coordinates = match members.get("coordinates") {
        None => return Err(missing("coordinates")),
        Some((Value::String(text), _)) => {
            parsed = serde_json::from_str(text).map_err(|_no_json| {
                SubscriptionError::member("geoQ.coordinates", "must be a JSON array")
            })?;
            &parsed
        }
        Some((value, _)) => value,
    };
    GeoQuery::parse(
        members.text("georel")?.ok_or_else(|| missing("georel"))?,
        members
            .text("geometry")?
            .ok_or_else(|| missing("geometry"))?,
        coordinates,
        members.text("geoproperty")?,
        &spoken.context,
    )
    .map_err(SubscriptionError::query("geoQ"))
}

/// A `TemporalQuery` [CIM-009 §5.2.21].
fn temporal((value, spoken): (&Value, &Spoken)) -> Result<TemporalQuery> {
    let members = Members::within("temporalQ", value, spoken)?;
    members.only(&["timerel", "timeAt", "endTimeAt", "timeproperty"])?;
    let wrong = |name: &str, reason: &str| {
        Err(SubscriptionError::member(
            &format!("temporalQ.{name}"),
            reason,
        ))
    };
    let relation = match members.text("timerel")? {
        Some("before") => TimeRelation::Before,
        Some("after") => TimeRelation::After,
        Some("between") => TimeRelation::Between,
        _ => return wrong("timerel", "must be before, after or between"),
    };
    let property = members.text("timeproperty")?.unwrap_or("observedAt");
    if !["observedAt", "createdAt", "modifiedAt", "deletedAt"].contains(&property) {
        return wrong(
            "timeproperty",
            "must be observedAt, createdAt, modifiedAt or deletedAt",
        );
    }
    let Some(time_at) = members.time("timeAt")? else {
        return wrong("timeAt", "is missing");
    };
    let end_time_at = members.time("endTimeAt")?;
    if (relation == TimeRelation::Between) != end_time_at.is_some() {
        return wrong(
            "endTimeAt",
            "goes together with 'between', and only with it",
        );
    }
    Ok(TemporalQuery {
        relation,
        time_at,
        end_time_at,
        property: property.to_owned(),
    })
}

fn triggers(all: &Members<'_>, kind: Kind) -> Result<Triggers> {
    let words = all.texts("notificationTrigger")?;
    // They say nothing of context sources [CIM-009 §5.2.12].
    let Some(words) = words.filter(|_| kind == Kind::Entities) else {
        return Ok(Triggers::default());
    };
    let mut triggers = Triggers::NONE;
    for word in words {
        match word {
            "entityCreated" => triggers.entity_created = true,
            "entityUpdated" => triggers.entity_updated = true,
            "entityDeleted" => triggers.entity_deleted = true,
            "attributeCreated" => triggers.attribute_created = true,
            "attributeUpdated" => triggers.attribute_updated = true,
            "attributeDeleted" => triggers.attribute_deleted = true,
            _ => {
                return Err(SubscriptionError::member(
                    "notificationTrigger",
                    "must be of entityCreated, entityUpdated, entityDeleted, attributeCreated, \
                     attributeUpdated and attributeDeleted",
                ));
            }
        }
    }
    Ok(triggers)
}
