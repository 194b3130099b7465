//! The history of one attribute as a chart: few points, no peak lost.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use base::{Kind, Name, Time};
use broker::BrokerError;
use ngsi::Entity;
use ngsi::temporal::{Bound, Instance, Span, TimeProperty};
use serde_json::{Value, json};
use trust::{Call, Operation};
use web::{Caller, Query};

use crate::ask;
use crate::error::{Answer, Failure, fail, invalid};
use crate::state::ApiConsole;
use crate::view::known::short;
use crate::view::place::{is_simulated, number};

/// Points of a chart: no screen has more columns.
const POINTS_MAX: usize = 5_000;
const POINTS_DEFAULT: usize = 600;
/// Instances that are read at once, and for one chart.
const PAGE: usize = 20_000;
const INSTANCES_MAX: usize = 1_000_000;
/// What is shown when no time is asked for: a day, in microseconds.
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// Milliseconds and a value; none is a gap.
type Point = (i64, Option<f64>);

/// `GET /console/entities/{id}/series`
pub(crate) async fn series(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    api.allow(&call, Operation::History)?;
    query.allow(&["attribute", "from", "to", "points"])?;
    let until = ask::time(&query, "to")?.unwrap_or_else(|| api.broker.now());
    let from = ask::time(&query, "from")?.unwrap_or_else(|| until.plus_micros(-DAY_MICROS));
    if from >= until {
        return Err(invalid("'from' must be before 'to'"));
    }
    let wanted = query
        .get("attribute")
        .filter(|name| !name.is_empty())
        .ok_or_else(|| invalid("say which attribute: attribute={its IRI}"))?;
    let count = ask::limit(&query, "points", POINTS_DEFAULT, POINTS_MAX)?;
    let entity = api.broker.retrieve(&call, &id).await.ok();
    let attribute = expanded(entity.as_deref(), wanted);
    let raw = read(&api, &call, &id, &attribute, (from, until)).await?;
    let between = (millis(from), millis(until));
    let gap = insight::gap_of(&raw);
    let points = insight::downsample(&raw, between, count.div_ceil(2), gap);
    let usual = api
        .watching
        .usual(&call, &id, &attribute, (from, until))
        .await
        .unwrap_or_default();
    let usual: Vec<Value> = usual
        .iter()
        .map(|usual| json!([millis(usual.at), usual.low, usual.high]))
        .collect();
    let unit = entity
        .as_deref()
        .and_then(|entity| entity.attribute(&attribute, None))
        .and_then(|attribute| attribute.unit_code.clone());
    Ok(Json(json!({
        "attribute": attribute,
        "short": short(&attribute),
        "unit": unit,
        "from": from.to_string(),
        "to": until.to_string(),
        "raw": raw.len(),
        "points": points,
        "usual": usual,
        "simulated": entity.as_deref().is_some_and(is_simulated),
    }))
    .into_response())
}

/// The expanded name of an attribute of an entity that is named in short or in full.
fn expanded(entity: Option<&Entity>, wanted: &str) -> Name {
    let attributes = entity.into_iter().flat_map(|entity| &entity.attributes);
    let named = attributes
        .map(|attribute| &attribute.name)
        .find(|name| **name == *wanted || short(name) == wanted);
    named.cloned().unwrap_or_else(|| Name::from(wanted))
}

fn millis(time: Time) -> i64 {
    time.as_micros().div_euclid(1_000)
}

/// The values of an attribute between two moments, oldest first: by when they were observed, or if
/// none was, by when the node heard of them.
async fn read(
    api: &ApiConsole,
    call: &Call,
    id: &str,
    attribute: &Name,
    (from, until): (Time, Time),
) -> Result<Vec<Point>, Failure> {
    for property in [TimeProperty::ObservedAt, TimeProperty::ModifiedAt] {
        let span = Span {
            attributes: Some(vec![attribute.clone()]),
            property,
            from: Some(bound(from, true)),
            until: Some(bound(until, true)),
            ..Span::all(PAGE)
        };
        let points = pages(api, call, id, span).await?;
        if !points.is_empty() {
            return Ok(points);
        }
    }
    Ok(Vec::new())
}

fn bound(time: Time, inclusive: bool) -> Bound {
    Bound { time, inclusive }
}

async fn pages(
    api: &ApiConsole,
    call: &Call,
    id: &str,
    mut span: Span,
) -> Result<Vec<Point>, Failure> {
    let mut points: Vec<Point> = Vec::new();
    loop {
        if call.is_late(api.broker.now()) {
            return Err(BrokerError::Late.into());
        }
        let evolution = match api.broker.evolution(call, id, &span).await {
            Ok(evolution) => evolution,
            Err(BrokerError::EntityUnknown { .. }) if !points.is_empty() => break,
            Err(error) => return Err(error.into()),
        };
        let series = evolution.series.into_iter();
        let Some(series) = series
            .into_iter()
            .find(|series| series.dataset_id.is_none())
        else {
            break;
        };
        let last = series
            .instances
            .last()
            .map(|last| span.moment_of(&last.attribute));
        points.extend(
            series
                .instances
                .iter()
                .map(|instance| point(&span, instance)),
        );
        if points.len() > INSTANCES_MAX {
            return Err(fail(
                Kind::Limit,
                format_args!("there are more than {INSTANCES_MAX} values: ask for a shorter time"),
            ));
        }
        match last {
            Some(last) if series.is_cut && span.property == TimeProperty::ObservedAt => {
                span.from = Some(bound(last, false));
            }
            _ => break,
        }
    }
    points.sort_by_key(|(at, _)| *at);
    Ok(points)
}

fn point(span: &Span, instance: &Instance) -> Point {
    let value = number(&instance.attribute.value);
    (millis(span.moment_of(&instance.attribute)), value)
}
