//! What is asked of history, and how it shall be shown.

use jsonld::Context;
use ngsi::aggregate::{AggregateError, Aggregation, Method, Period};
use ngsi::query::Projection;
use ngsi::render::temporal::TemporalFormat;
use ngsi::temporal::Span;
use serde_json::Value;
use web::Query;

use super::span::Wanted;
use crate::entities::text_member;
use crate::error::{Failure, bad_request};
use crate::parameters::{Options, Representation};

/// A question about history, read.
#[derive(Debug)]
pub(super) struct Asked {
    /// The time asked for; its limit is what one answer has room for.
    pub(super) span: Span,
    /// How many last instances were asked for; perhaps more than there is room for.
    pub(super) last_n: Option<usize>,
    pub(super) shape: Shape,
    pub(super) representation: Representation,
}

/// The representation of what is found.
#[derive(Debug)]
pub(super) enum Shape {
    /// Instances.
    Series(TemporalFormat),
    /// What they come to, period by period.
    Aggregated(Aggregation),
}

impl Asked {
    /// From the parameters of a GET.
    pub(super) fn read(query: &Query, context: &Context, max: usize) -> Result<Self, Failure> {
        let representation = Representation::read(query, context)?;
        let methods = match query.get("aggrMethods") {
            Some(_) => Some(Method::parse(query.list("aggrMethods")?).map_err(wrong)?),
            None => None,
        };
        let period = query
            .get("aggrPeriodDuration")
            .map(Period::parse)
            .transpose();
        let aggregation = (methods, period.map_err(wrong)?);
        let options = Options::read(query)?;
        Self::new(
            &Wanted::of_query(query)?,
            aggregation,
            (representation, &options),
            max,
        )
    }

    /// From the body of a POST. There the methods alone say that aggregated values are wanted, as
    /// a Query has no other member that does [CIM-009 §5.2.21, §5.2.44].
    pub(super) fn read_body(
        body: &Value,
        parameters: &Query,
        representation: Representation,
        max: usize,
    ) -> Result<Self, Failure> {
        let temporal = body
            .get("temporalQ")
            .ok_or_else(|| bad_request("a temporal query needs 'temporalQ'"))?;
        let aggregation = match body.get("aggrParams") {
            Some(said) => aggregation_of(said)?,
            None => aggregation_of(temporal)?,
        };
        let mut options = Options::read(parameters)?;
        options.aggregated |= aggregation.0.is_some() && !options.temporal_values;
        Self::new(
            &Wanted::of_body(temporal)?,
            aggregation,
            (representation, &options),
            max,
        )
    }

    fn new(
        wanted: &Wanted<'_>,
        (methods, period): (Option<Vec<Method>>, Option<Period>),
        (representation, options): (Representation, &Options),
        max: usize,
    ) -> Result<Self, Failure> {
        let mut span = wanted.span(max)?;
        if !representation.attrs.is_empty() {
            span.attributes = Some(representation.attrs.clone());
        }
        if representation
            .projection
            .as_ref()
            .map_or(0, Projection::depth)
            > 0
        {
            return Err(bad_request(
                "'pick' or 'omit' speaks of linked entities, which have no history here",
            ));
        }
        let shape = if options.aggregated {
            Shape::Aggregated(Aggregation {
                methods: methods.ok_or_else(|| wrong(AggregateError::NoMethod))?,
                period: period.unwrap_or_default(),
                last: wanted.last_n,
            })
        } else if options.temporal_values || representation.temporal_values {
            Shape::Series(TemporalFormat::Values)
        } else {
            Shape::Series(TemporalFormat::Normalized)
        };
        Ok(Self {
            span,
            last_n: wanted.last_n,
            shape,
            representation,
        })
    }
}

/// `aggrMethods`, as an array of strings or as one with commas, and `aggrPeriodDuration`.
fn aggregation_of(said: &Value) -> Result<(Option<Vec<Method>>, Option<Period>), Failure> {
    let must = || bad_request("'aggrMethods' must be an array of strings");
    let words: Option<Vec<&str>> = match said.get("aggrMethods") {
        None => None,
        Some(Value::String(text)) => Some(text.split(',').collect()),
        Some(Value::Array(items)) => Some(
            items
                .iter()
                .map(|item| item.as_str().ok_or_else(must))
                .collect::<Result<_, _>>()?,
        ),
        Some(_) => return Err(must()),
    };
    let methods = words.map(Method::parse).transpose().map_err(wrong)?;
    let period = text_member(said, "aggrPeriodDuration")?
        .map(Period::parse)
        .transpose();
    Ok((methods, period.map_err(wrong)?))
}

fn wrong(error: AggregateError) -> Failure {
    bad_request(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape(query: &str) -> Option<Shape> {
        let query = Query::parse(query).expect("a query string");
        Some(Asked::read(&query, &Context::core(), 10).ok()?.shape)
    }

    fn methods(shape: Option<Shape>) -> Option<usize> {
        match shape {
            Some(Shape::Aggregated(aggregation)) => Some(aggregation.methods.len()),
            _ => None,
        }
    }

    #[test]
    fn aggregated_values_need_methods_and_a_duration_that_is_one() {
        let asked = "options=aggregatedValues&aggrMethods=";
        assert_eq!(
            methods(shape(&format!("{asked}avg,max&aggrPeriodDuration=P1M"))),
            Some(2)
        );
        assert_eq!(methods(shape(&format!("{asked}avg"))), Some(1));
        assert!(shape("options=aggregatedValues").is_none());
        assert!(shape(&format!("{asked}mode")).is_none());
        assert!(shape(&format!("{asked}avg&aggrPeriodDuration=1h")).is_none());
    }

    #[test]
    fn the_format_wins_over_the_options() {
        let both = shape("format=temporalValues&options=aggregatedValues&aggrMethods=sum");
        assert!(matches!(both, Some(Shape::Series(TemporalFormat::Values))));
    }

    #[test]
    fn the_methods_of_a_body_ask_for_aggregated_values() {
        let read = |body: Value| {
            let parameters = Query::parse("").expect("a query string");
            let representation =
                Representation::read(&parameters, &Context::core()).expect("a representation");
            Some(
                Asked::read_body(&body, &parameters, representation, 10)
                    .ok()?
                    .shape,
            )
        };
        let time = json!({"timerel": "after", "timeAt": "2020-08-01T12:00:00Z"});
        let mut within = time.clone();
        within["aggrMethods"] = json!("avg,max");
        assert_eq!(methods(read(json!({"temporalQ": within}))), Some(2));
        let beside = json!({"temporalQ": time, "aggrParams": {"aggrMethods": ["avg"]}});
        assert_eq!(methods(read(beside)), Some(1));
        let wrong = json!({"temporalQ": time, "aggrParams": {"aggrMethods": ["avg"], "aggrPeriodDuration": "x"}});
        assert!(read(wrong).is_none());
        assert!(matches!(
            read(json!({"temporalQ": time})),
            Some(Shape::Series(_))
        ));
    }

    #[test]
    fn linked_entities_have_no_history_to_pick_from() {
        assert!(shape("pick=owner{name}").is_none() && shape("pick=owner").is_some());
    }
}
