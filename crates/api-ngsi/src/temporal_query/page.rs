//! How much of history one answer has room for [CIM-009 §6.3.10].

use base::Time;
use broker::past::Past;
use http::HeaderValue;
use ngsi::render::temporal::Cut;
use ngsi::temporal::Span;

use super::asked::Asked;

/// Instances of one attribute in one answer, of all entities on its page.
const INSTANCES_MAX: usize = 200_000;

/// The span of each of so many entities on a page.
pub(super) fn share(span: &Span, entities: usize) -> Span {
    let max = (INSTANCES_MAX / entities.max(1)).max(1);
    Span {
        limit: span.limit.min(max),
        ..span.clone()
    }
}

/// Where the answer must be cut: at the first time at which instances of any series were left out
/// for want of room, so that nothing is missing within the range of the answer.
pub(super) fn cut(asked: &Asked, span: &Span, pasts: &[Past]) -> Option<Cut> {
    if asked.last_n.is_some_and(|n| n <= span.limit) {
        return None;
    }
    let series = pasts.iter().flat_map(|past| &past.evolution.series);
    let edges = series.filter(|series| series.is_cut).filter_map(|series| {
        let edge = if span.last {
            series.instances.first()
        } else {
            series.instances.last()
        };
        Some(span.moment_of(&edge?.attribute))
    });
    let edge = if span.last { edges.max() } else { edges.min() };
    Some(Cut {
        edge: edge?,
        is_start: span.last,
    })
}

/// The `Content-Range` of a cut answer. It runs from the start of the time asked for to the last
/// moment of the answer; with `lastN` from the end of that time back to the first moment.
pub(super) fn content_range(asked: &Asked, cut: Cut, pasts: &[Past]) -> Option<HeaderValue> {
    let span = &asked.span;
    let series = pasts.iter().flat_map(|past| &past.evolution.series);
    let moments = series
        .flat_map(|series| &series.instances)
        .map(|instance| span.moment_of(&instance.attribute))
        .filter(|moment| cut.keeps(*moment));
    let start: Option<Time> = if cut.is_start {
        span.until.map(|bound| bound.time).or_else(|| moments.max())
    } else {
        span.from.map(|bound| bound.time).or_else(|| moments.min())
    };
    let size = asked
        .last_n
        .map_or_else(|| "*".to_owned(), |n| n.to_string());
    let range = format!(
        "date-time {}-{}/{size}",
        start.unwrap_or(cut.edge),
        cut.edge
    );
    HeaderValue::try_from(range).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Seq;
    use jsonld::Context;
    use ngsi::temporal::{Evolution, Head, Instance, InstanceId, Series};
    use ngsi::{Attribute, AttributeValue};
    use serde_json::json;
    use std::collections::HashMap;
    use web::Query;

    fn past(series: &[(&str, &[i64], bool)]) -> Past {
        let instance = |name: &str, second: i64| {
            let value = AttributeValue::Property(json!(second));
            let mut attribute = Attribute::new(name.into(), value);
            attribute.observed_at = Some(Time::from_seconds(second));
            Instance {
                id: InstanceId {
                    seq: Seq(1),
                    index: 0,
                },
                attribute,
            }
        };
        let series = series.iter().map(|(name, seconds, is_cut)| Series {
            name: (*name).into(),
            dataset_id: None,
            instances: seconds
                .iter()
                .map(|second| instance(name, *second))
                .collect(),
            is_cut: *is_cut,
        });
        let head = Head {
            id: "urn:a".into(),
            types: Vec::new(),
            scope: Vec::new(),
            created_at: Time(0),
            modified_at: Time(0),
            deleted_at: None,
            expires_at: None,
        };
        let evolution = Evolution {
            head,
            series: series.collect(),
        };
        Past {
            evolution,
            scope: Vec::new(),
            kinds: HashMap::new(),
        }
    }

    fn range(query: &str, pasts: &[Past]) -> Option<String> {
        let query = Query::parse(query).expect("a query string");
        let asked = Asked::read(&query, &Context::core(), 2).ok()?;
        let cut = cut(&asked, &asked.span, pasts)?;
        Some(
            content_range(&asked, cut, pasts)?
                .to_str()
                .expect("ASCII")
                .to_owned(),
        )
    }

    #[test]
    fn the_range_ends_where_the_first_series_had_to_end() {
        let pasts = [past(&[
            ("a", &[10, 20], true),
            ("b", &[12, 50], true),
            ("c", &[90], false),
        ])];
        assert_eq!(
            range("", &pasts).as_deref(),
            Some("date-time 1970-01-01T00:00:10Z-1970-01-01T00:00:20Z/*")
        );
        let after = "timerel=after&timeAt=1970-01-01T00:00:05Z";
        assert_eq!(
            range(after, &pasts).as_deref(),
            Some("date-time 1970-01-01T00:00:05Z-1970-01-01T00:00:20Z/*")
        );
    }

    #[test]
    fn with_last_n_the_range_goes_back_in_time() {
        let pasts = [past(&[("a", &[10, 20], true), ("b", &[12, 50], true)])];
        assert_eq!(
            range("lastN=3", &pasts).as_deref(),
            Some("date-time 1970-01-01T00:00:50Z-1970-01-01T00:00:12Z/3")
        );
        let before = "lastN=3&timerel=before&timeAt=1970-01-01T00:01:40Z";
        assert_eq!(
            range(before, &pasts).as_deref(),
            Some("date-time 1970-01-01T00:01:40Z-1970-01-01T00:00:12Z/3")
        );
    }

    #[test]
    fn what_was_not_asked_for_is_not_missing() {
        assert_eq!(range("lastN=2", &[past(&[("a", &[10, 20], true)])]), None);
        assert_eq!(range("", &[past(&[("a", &[10, 20], false)])]), None);
    }
}
