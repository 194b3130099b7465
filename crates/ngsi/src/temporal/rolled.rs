//! What is left of the instances of a period when they themselves are no longer kept.
//!
//! It is shown as an instance that says of itself that it is none: it has the identity of no change,
//! its sub-attribute `rolledUp` names the period, and others say what the instances came to. From
//! these it is read back, so that another node, or a snapshot, can go on computing with it.

use std::fmt::Write as _;

use base::{Seq, Time};
use serde_json::Value;

use super::{Instance, InstanceId};
use crate::aggregate::Period;
use crate::entity::{Attribute, AttributeValue};

/// The instances of one series in one period, rolled up.
#[derive(Debug, Clone, PartialEq)]
pub struct Rolled {
    /// How long the period is, in microseconds; it begins at the moment of its row.
    pub period: i64,
    /// How many instances there were; greater than zero.
    pub count: u64,
    /// What they came to.
    pub value: RolledValue,
    /// When the last of them was.
    pub last_at: Time,
}

/// What the instances of a period came to.
#[derive(Debug, Clone, PartialEq)]
pub enum RolledValue {
    /// All were numbers.
    Numbers(RolledNumbers),
    /// None was a number: the value that came last, a text as it is, all else as JSON.
    Last(String),
}

/// What the numbers of a period came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RolledNumbers {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
    /// The one that came last.
    pub last: f64,
}

/// The sub-attributes. They are the node's own words, and none of those that the core context has for
/// aggregated values: those are no attributes.
const ROLLED_UP: &str = "https://uri.etsi.org/ngsi-ld/default-context/rolledUp";
const COUNT: &str = "https://uri.etsi.org/ngsi-ld/default-context/count";
const MIN: &str = "https://uri.etsi.org/ngsi-ld/default-context/minimum";
const MAX: &str = "https://uri.etsi.org/ngsi-ld/default-context/maximum";
const SUM: &str = "https://uri.etsi.org/ngsi-ld/default-context/total";
const SUM_OF_SQUARES: &str = "https://uri.etsi.org/ngsi-ld/default-context/sumOfSquares";
const LAST: &str = "https://uri.etsi.org/ngsi-ld/default-context/last";

impl InstanceId {
    /// The identity of what is rolled up, the `index`th of its moment: no change brought it, and no
    /// request can change it.
    pub fn rolled(index: u32) -> Self {
        Self {
            seq: Seq::ZERO,
            index,
        }
    }

    /// Whether it is of something rolled up.
    pub fn is_rolled(self) -> bool {
        self.seq == Seq::ZERO
    }
}

impl Rolled {
    /// The arithmetic mean, if they were numbers.
    #[expect(clippy::cast_precision_loss, reason = "no period has 2^53 instances")]
    pub fn mean(&self) -> Option<f64> {
        match self.value {
            RolledValue::Numbers(numbers) => Some(numbers.sum / self.count as f64),
            RolledValue::Last(_) => None,
        }
    }

    /// Makes it the value and the sub-attributes of an attribute that has its names and times.
    pub fn attribute(&self, mut like: Attribute) -> Attribute {
        let sub = |name: &str, value: Value| {
            let mut sub = Attribute::new(name.into(), AttributeValue::Property(value));
            sub.stamp(like.created_at, like.modified_at);
            sub
        };
        let mut subs = vec![
            sub(ROLLED_UP, period_text(self.period).into()),
            sub(COUNT, self.count.into()),
        ];
        let mut last = match &self.value {
            RolledValue::Numbers(numbers) => {
                subs.push(sub(MIN, numbers.min.into()));
                subs.push(sub(MAX, numbers.max.into()));
                subs.push(sub(SUM, numbers.sum.into()));
                subs.push(sub(SUM_OF_SQUARES, numbers.sum_of_squares.into()));
                sub(LAST, numbers.last.into())
            }
            RolledValue::Last(text) => sub(LAST, text.as_str().into()),
        };
        last.observed_at = Some(self.last_at);
        let value = self.mean().map_or_else(
            || match &last.value {
                AttributeValue::Property(value) => value.clone(),
                _ => Value::Null,
            },
            Value::from,
        );
        subs.push(last);
        like.value = AttributeValue::Property(value);
        like.sub = subs;
        like
    }

    /// What [`Rolled::attribute`] made; `None`: it is something else.
    pub fn of(attribute: &Attribute) -> Option<Self> {
        if attribute.sub.is_empty() {
            return None;
        }
        let sub = |name: &str| attribute.sub.iter().find(|sub| *sub.name == *name);
        let value = |name: &str| match &sub(name)?.value {
            AttributeValue::Property(value) => Some(value),
            _ => None,
        };
        let number = |name: &str| value(name)?.as_f64();
        let last = value(LAST)?;
        let numbers = || {
            Some(RolledNumbers {
                min: number(MIN)?,
                max: number(MAX)?,
                sum: number(SUM)?,
                sum_of_squares: number(SUM_OF_SQUARES)?,
                last: last.as_f64()?,
            })
        };
        let value_of = || Some(RolledValue::Last(last.as_str()?.to_owned()));
        Some(Self {
            period: Period::parse(value(ROLLED_UP)?.as_str()?).ok()?.about(),
            count: value(COUNT)?.as_u64().filter(|count| *count > 0)?,
            value: numbers().map(RolledValue::Numbers).or_else(value_of)?,
            last_at: sub(LAST)?.observed_at?,
        })
    }
}

impl Instance {
    /// What is left of a period, shown as an instance: `like` has its names and times, the value is
    /// the mean of the numbers or what came last.
    pub fn rolled(id: InstanceId, rolled: &Rolled, like: Attribute) -> Self {
        Self {
            id,
            attribute: rolled.attribute(like),
        }
    }

    /// What is left of a period, if it is that and was never itself measured.
    pub fn as_rolled(&self) -> Option<Rolled> {
        Rolled::of(&self.attribute)
    }
}

/// A period in microseconds as ISO 8601 writes it: `P1D`, `PT1H`, `PT1M`, `PT0.5S`.
pub fn period_text(micros: i64) -> String {
    const SECOND: i64 = 1_000_000;
    let whole = |unit: i64| (micros > 0 && micros % unit == 0).then(|| micros / unit);
    if let Some(days) = whole(86_400 * SECOND) {
        return format!("P{days}D");
    }
    if let Some(hours) = whole(3_600 * SECOND) {
        return format!("PT{hours}H");
    }
    if let Some(minutes) = whole(60 * SECOND) {
        return format!("PT{minutes}M");
    }
    let mut text = format!("PT{}", micros / SECOND);
    let rest = micros % SECOND;
    if rest != 0 {
        // Writing to a text cannot fail.
        let _written = write!(text, ".{rest:06}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text.push('S');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOUR: i64 = 3_600_000_000;

    fn like() -> Attribute {
        let mut like = Attribute::new("urn:a".into(), AttributeValue::Null);
        like.stamp(Time(5), Time(6));
        like.observed_at = Some(Time(0));
        like.unit_code = Some("CEL".into());
        like
    }

    fn rolled(value: RolledValue) -> Rolled {
        Rolled {
            period: HOUR,
            count: 4,
            value,
            last_at: Time(HOUR - 1),
        }
    }

    fn numbers() -> RolledValue {
        RolledValue::Numbers(RolledNumbers {
            min: 1.0,
            max: 4.0,
            sum: 10.0,
            sum_of_squares: 30.0,
            last: 4.0,
        })
    }

    #[test]
    fn what_is_left_of_a_period_is_told_from_an_instance_and_reads_back() {
        for value in [numbers(), RolledValue::Last("open".to_owned())] {
            let rolled = rolled(value);
            let shown = Instance::rolled(InstanceId::rolled(2), &rolled, like());
            assert_eq!(shown.as_rolled(), Some(rolled));
            assert!(shown.id.is_rolled());
            let mut measured = shown;
            measured.attribute.sub.remove(0);
            assert_eq!(measured.as_rolled(), None);
        }
    }

    #[test]
    fn its_value_is_the_mean_and_what_came_last_where_there_is_none() {
        let value = |value| Instance::rolled(InstanceId::rolled(0), &rolled(value), like());
        let mean = value(numbers()).attribute;
        assert_eq!(mean.value, AttributeValue::Property(json!(2.5)));
        assert_eq!(mean.unit_code.as_deref(), Some("CEL"));
        let last = value(RolledValue::Last("open".to_owned())).attribute;
        assert_eq!(last.value, AttributeValue::Property(json!("open")));
    }

    #[test]
    fn periods_are_written_as_they_are_read() {
        for (micros, text) in [
            (86_400_000_000, "P1D"),
            (HOUR, "PT1H"),
            (60_000_000, "PT1M"),
            (90_000_000, "PT90S"),
            (1_500_000, "PT1.5S"),
            (10_000_000, "PT10S"),
            (100, "PT0.0001S"),
        ] {
            assert_eq!(period_text(micros), text);
            assert_eq!(Period::parse(text).map(Period::about), Ok(micros));
        }
    }
}
