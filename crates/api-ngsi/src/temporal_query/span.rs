//! The temporal query: which time is asked for [CIM-009 §4.11, §5.2.21].

use ngsi::parse::lexical;
use ngsi::temporal::{Bound, Span, TimeProperty};
use serde_json::Value;

use crate::entities::text_member;
use crate::error::{Failure, bad_request};
use web::Query;

/// A time asked for, as it stands in the parameters or in the body.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) timerel: Option<&'a str>,
    pub(super) time_at: Option<&'a str>,
    pub(super) end_time_at: Option<&'a str>,
    pub(super) timeproperty: Option<&'a str>,
    pub(super) last_n: Option<usize>,
}

impl<'a> Wanted<'a> {
    /// From the parameters of a GET.
    pub(super) fn of_query(query: &'a Query) -> Result<Self, Failure> {
        Ok(Self {
            timerel: query.get("timerel"),
            time_at: query.get("timeAt"),
            end_time_at: query.get("endTimeAt"),
            timeproperty: query.get("timeproperty"),
            last_n: query.parsed("lastN", "a number from 1")?,
        })
    }

    /// From the `temporalQ` of a POST [CIM-009 §5.2.21].
    pub(super) fn of_body(temporal: &'a Value) -> Result<Self, Failure> {
        let last_n = match temporal.get("lastN") {
            None => None,
            Some(value) => {
                let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
                Some(number.ok_or_else(|| bad_request("'lastN' must be a number from 1"))?)
            }
        };
        let text = |name| text_member(temporal, name);
        let timerel = text("timerel")?.ok_or_else(|| bad_request("'temporalQ' needs 'timerel'"))?;
        Ok(Self {
            timerel: Some(timerel),
            time_at: text("timeAt")?,
            end_time_at: text("endTimeAt")?,
            timeproperty: text("timeproperty")?,
            last_n,
        })
    }

    /// The span, of at most `max` instances of each series. `before` ends before the moment,
    /// `after` begins with it, `between` does both [CIM-009 §4.11].
    pub(super) fn span(&self, max: usize) -> Result<Span, Failure> {
        if self.last_n == Some(0) {
            return Err(bad_request("'lastN' must be at least 1"));
        }
        let mut span = Span::all(self.last_n.unwrap_or(max).min(max));
        span.last = self.last_n.is_some();
        span.property = time_property(self.timeproperty)?;
        match self.timerel {
            None if self.time_at.is_some() || self.end_time_at.is_some() => {
                return Err(bad_request("'timeAt' needs 'timerel'"));
            }
            None => {}
            Some("before") => span.until = Some(bound("timeAt", self.time_at, false)?),
            Some("after") => span.from = Some(bound("timeAt", self.time_at, true)?),
            Some("between") => {
                span.from = Some(bound("timeAt", self.time_at, true)?);
                span.until = Some(bound("endTimeAt", self.end_time_at, false)?);
            }
            Some(_) => return Err(bad_request("'timerel' must be before, after or between")),
        }
        Ok(span)
    }
}

fn bound(name: &str, text: Option<&str>, inclusive: bool) -> Result<Bound, Failure> {
    let text = text.ok_or_else(|| bad_request(format_args!("'timerel' needs '{name}'")))?;
    let time = lexical::date_time(&Value::from(text))
        .map_err(|error| bad_request(format_args!("'{name}' {error}")))?;
    Ok(Bound { time, inclusive })
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn span(query: &str) -> Option<Span> {
        let query = Query::parse(query).expect("a query string");
        Wanted::of_query(&query)
            .and_then(|wanted| wanted.span(10))
            .ok()
    }

    #[test]
    fn the_bounds_are_those_of_the_standard() {
        let bounds = |query: &str| {
            let span = span(query).expect("a span");
            let text = |bound: Option<Bound>| bound.map(|b| (b.time.to_string(), b.inclusive));
            (text(span.from), text(span.until))
        };
        let at = |day: u8, inclusive| Some((format!("2020-08-0{day}T12:00:00Z"), inclusive));
        let (one, two) = (
            "timeAt=2020-08-01T12:00:00Z",
            "endTimeAt=2020-08-02T12:00:00Z",
        );
        assert_eq!(
            bounds(&format!("timerel=before&{one}")),
            (None, at(1, false))
        );
        assert_eq!(bounds(&format!("timerel=after&{one}")), (at(1, true), None));
        assert_eq!(
            bounds(&format!("timerel=between&{one}&{two}")),
            (at(1, true), at(2, false))
        );
        assert_eq!(bounds(""), (None, None));
    }

    #[test]
    fn a_time_that_is_none_is_refused() {
        for wrong in [
            "timerel=during&timeAt=2020-08-01T12:00:00Z",
            "timerel=after",
            "timerel=after&timeAt=2020-08-01",
            "timerel=between&timeAt=2020-08-01T12:00:00Z",
            "timeAt=2020-08-01T12:00:00Z",
            "lastN=0",
            "lastN=-1",
            "timeproperty=expiresAt",
        ] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_body_asks_as_a_query_string_does() {
        let read = |body: Value| {
            Wanted::of_body(&body)
                .and_then(|wanted| wanted.span(10))
                .ok()
        };
        let body = json!({"timerel": "after", "timeAt": "2020-08-01T12:00:00Z", "lastN": 3});
        let asked = span("timerel=after&timeAt=2020-08-01T12:00:00Z&lastN=3");
        assert!(asked.is_some() && read(body) == asked);
        for last_n in [json!(0), json!(1.5), json!("2")] {
            let body =
                json!({"timerel": "after", "timeAt": "2020-08-01T12:00:00Z", "lastN": last_n});
            assert_eq!(read(body), None);
        }
        assert_eq!(read(json!({"timeAt": "2020-08-01T12:00:00Z"})), None);
    }
}
