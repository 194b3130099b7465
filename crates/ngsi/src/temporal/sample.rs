//! Samples: of instances only what an aggregation needs, so that many of them take little room.

use base::{Name, Time};

use super::{Rolled, Series, Span};
use crate::entity::{Attribute, AttributeValue};

/// What one instance counts as.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// A bare number that does not expire.
    Number(f64),
    /// All else, deletions among it.
    Wide(Box<Attribute>),
    /// What is left of a period that begins then.
    Rolled(Box<Rolled>),
}

/// The samples of one attribute and dataset, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Expanded name.
    pub name: Name,
    /// The dataset.
    pub dataset_id: Option<Name>,
    /// The samples, each with the time that the span speaks of.
    pub rows: Vec<(Time, Sample)>,
    /// Whether others within the span were left out by the span's limit.
    pub is_cut: bool,
}

impl Sample {
    /// What an attribute counts as.
    pub fn of(attribute: Attribute) -> Self {
        if let Some(rolled) = Rolled::of(&attribute) {
            return Self::Rolled(Box::new(rolled));
        }
        let number = match &attribute.value {
            AttributeValue::Property(serde_json::Value::Number(number)) => number.as_f64(),
            _ => None,
        };
        match number {
            Some(number) if attribute.expires_at.is_none() => Self::Number(number),
            _ => Self::Wide(Box::new(attribute)),
        }
    }
}

impl Samples {
    /// The samples of a series; instances without the time that the span speaks of are left out.
    pub fn of(series: Series, span: &Span) -> Self {
        let instances = series.instances.into_iter();
        let rows = instances.filter_map(|instance| {
            let time = span.time_of(&instance.attribute)?;
            Some((time, Sample::of(instance.attribute)))
        });
        Self {
            name: series.name,
            dataset_id: series.dataset_id,
            rows: rows.collect(),
            is_cut: series.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::{Instance, InstanceId};
    use base::Seq;
    use serde_json::json;

    #[test]
    fn only_a_bare_number_that_stays_is_a_number() {
        let of = |value, expires| {
            let mut attribute = Attribute::new("a".into(), AttributeValue::Property(value));
            attribute.expires_at = expires;
            Sample::of(attribute)
        };
        assert_eq!(of(json!(2), None), Sample::Number(2.0));
        assert!(matches!(of(json!(2), Some(Time(9))), Sample::Wide(_)));
        assert!(matches!(of(json!("2"), None), Sample::Wide(_)));
    }

    #[test]
    fn an_instance_without_the_time_asked_for_is_no_sample() {
        let instance = |observed| {
            let value = AttributeValue::Property(json!(1));
            let mut attribute = Attribute::new("a".into(), value);
            attribute.observed_at = observed;
            let id = InstanceId {
                seq: Seq(1),
                index: 0,
            };
            Instance { id, attribute }
        };
        let series = Series {
            name: "a".into(),
            dataset_id: None,
            instances: vec![instance(None), instance(Some(Time(5)))],
            is_cut: true,
        };
        let samples = Samples::of(series, &Span::all(10));
        assert_eq!(samples.rows, [(Time(5), Sample::Number(1.0))]);
        assert!(samples.is_cut);
    }
}
