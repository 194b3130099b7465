//! What the values of one period come to, counted one by one.

use std::collections::HashSet;

use serde_json::{Number, Value};

use super::Method;
use crate::entity::AttributeValue;
use crate::temporal::{Rolled, RolledNumbers, RolledValue};

/// The sums of the values of one period.
#[derive(Debug, Default)]
pub(super) struct Tally {
    count: u64,
    distinct: HashSet<String>,
    /// Bits of the numbers that are different, which take less room than their texts.
    distinct_numbers: HashSet<u64>,
    numbers: Option<Numbers>,
    texts: Option<(String, String)>,
    /// Whether it is not known any more how many different values there were …
    blurred: bool,
    /// … and of some values no more than how many.
    only_counted: bool,
}

/// Sums of numbers; the deviation after Welford, which stays exact where squares would not.
#[derive(Debug)]
struct Numbers {
    count: f64,
    sum: f64,
    squares: f64,
    min: f64,
    max: f64,
    mean: f64,
    deviation: f64,
}

/// What a value counts as.
enum Sample<'v> {
    Number(f64),
    Text(&'v str),
    Other,
}

impl Tally {
    /// Counts a value; whether it is a new one only if that is wanted, as it costs room.
    pub(super) fn add(&mut self, value: &AttributeValue, distinct: bool) {
        let sample = sample(value);
        if let (Sample::Number(number), AttributeValue::Property(Value::Number(_))) =
            (&sample, value)
        {
            return self.add_number(*number, distinct);
        }
        self.count += 1;
        if distinct {
            self.distinct.insert(identity(value));
        }
        match sample {
            Sample::Number(number) => self.sum(number),
            Sample::Text(text) => match &mut self.texts {
                None => self.texts = Some((text.to_owned(), text.to_owned())),
                Some((min, _)) if text < min.as_str() => text.clone_into(min),
                Some((_, max)) if text > max.as_str() => text.clone_into(max),
                Some(_) => {}
            },
            Sample::Other => {}
        }
    }

    /// Counts a number.
    pub(super) fn add_number(&mut self, number: f64, distinct: bool) {
        self.count += 1;
        if distinct {
            self.distinct_numbers.insert(number.to_bits());
        }
        self.sum(number);
    }

    /// Counts what is left of a period.
    pub(super) fn add_rolled(&mut self, rolled: &Rolled) {
        self.count += rolled.count;
        self.blurred = true;
        match rolled.value {
            RolledValue::Numbers(rolled_numbers) => {
                let other = Numbers::of(rolled.count, rolled_numbers);
                match &mut self.numbers {
                    None => self.numbers = Some(other),
                    Some(numbers) => numbers.join(&other),
                }
            }
            RolledValue::Last(_) => self.only_counted = true,
        }
    }

    /// Whether the method has an answer of these values: of those rolled up it is not known which
    /// they were, and of those that are no numbers only how many.
    pub(super) fn knows(&self, method: Method) -> bool {
        match method {
            Method::TotalCount => true,
            Method::DistinctCount => !self.blurred,
            _ => !self.only_counted,
        }
    }

    fn sum(&mut self, number: f64) {
        match &mut self.numbers {
            None => self.numbers = Some(Numbers::first(number)),
            Some(numbers) => numbers.add(number),
        }
    }

    /// What a method makes of the values; `None`: it says nothing of such values.
    pub(super) fn value(&self, method: Method) -> Option<Value> {
        if !self.knows(method) {
            return None;
        }
        let numbers = self.numbers.as_ref();
        let texts = self.texts.as_ref();
        match method {
            Method::TotalCount => Some(Value::from(self.count)),
            Method::DistinctCount => Some(Value::from(
                self.distinct.len() + self.distinct_numbers.len(),
            )),
            Method::Sum => number(numbers?.sum),
            Method::Avg => number(numbers?.sum / numbers?.count),
            Method::StdDev => number((numbers?.deviation / numbers?.count).sqrt()),
            Method::SumSq => number(numbers?.squares),
            Method::Min => match numbers {
                Some(numbers) => number(numbers.min),
                None => texts.map(|(min, _)| Value::from(min.as_str())),
            },
            Method::Max => match numbers {
                Some(numbers) => number(numbers.max),
                None => texts.map(|(_, max)| Value::from(max.as_str())),
            },
        }
    }
}

impl Numbers {
    fn first(number: f64) -> Self {
        Self {
            count: 1.0,
            sum: number,
            squares: number * number,
            min: number,
            max: number,
            mean: number,
            deviation: 0.0,
        }
    }

    /// The sums of so many numbers.
    #[expect(clippy::cast_precision_loss, reason = "no period has 2^53 instances")]
    fn of(count: u64, numbers: RolledNumbers) -> Self {
        let count = count as f64;
        let mean = numbers.sum / count;
        Self {
            count,
            sum: numbers.sum,
            squares: numbers.sum_of_squares,
            min: numbers.min,
            max: numbers.max,
            mean,
            deviation: (numbers.sum_of_squares - numbers.sum * mean).max(0.0),
        }
    }

    /// Puts the sums of two sets together, after Chan, Golub and LeVeque.
    fn join(&mut self, other: &Self) {
        let count = self.count + other.count;
        let off = other.mean - self.mean;
        self.deviation += other.deviation + off * off * self.count * other.count / count;
        self.mean += off * other.count / count;
        self.count = count;
        self.sum += other.sum;
        self.squares += other.squares;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    fn add(&mut self, number: f64) {
        self.count += 1.0;
        self.sum += number;
        self.squares += number * number;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        let off = number - self.mean;
        self.mean += off / self.count;
        self.deviation += off * (number - self.mean);
    }
}

fn sample(value: &AttributeValue) -> Sample<'_> {
    match value {
        AttributeValue::Property(value) => match value {
            Value::Number(number) => number.as_f64().map_or(Sample::Other, Sample::Number),
            Value::Bool(bit) => Sample::Number(f64::from(u8::from(*bit))),
            Value::String(text) => Sample::Text(text),
            Value::Array(items) => size(items.len()),
            // A date or time with its type, as JSON-LD writes it [CIM-009 §4.6.3].
            Value::Object(typed) => match typed.get("@value") {
                Some(Value::String(text)) => Sample::Text(text),
                _ => Sample::Other,
            },
            Value::Null => Sample::Other,
        },
        AttributeValue::List(items) => size(items.len()),
        AttributeValue::ListRelationship(uris) => size(uris.len()),
        _ => Sample::Other,
    }
}

fn size(items: usize) -> Sample<'static> {
    Sample::Number(u32::try_from(items).map_or(f64::MAX, f64::from))
}

/// A text that values have in common which count as one.
fn identity(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Property(value) | AttributeValue::Json(value) => value.to_string(),
        other => format!("{other:?}"),
    }
}

/// A number as JSON writes it: whole where it is whole.
fn number(number: f64) -> Option<Value> {
    /// Up to here every whole number is an `f64`.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole and within the bounds"
        )]
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tally(values: &[Value]) -> Tally {
        let mut tally = Tally::default();
        for value in values {
            tally.add(&AttributeValue::Property(value.clone()), true);
        }
        tally
    }

    #[test]
    fn booleans_count_as_numbers_and_arrays_by_their_size() {
        let bits = tally(&[json!(true), json!(false), json!(true), json!(true)]);
        assert_eq!(bits.value(Method::Sum), Some(json!(3)));
        assert_eq!(bits.value(Method::Avg), Some(json!(0.75)));
        let lists = tally(&[json!([1, 2]), json!([]), json!(["a"])]);
        assert_eq!(lists.value(Method::Max), Some(json!(2)));
        assert_eq!(lists.value(Method::DistinctCount), Some(json!(3)));
    }

    #[test]
    fn what_has_no_order_can_only_be_counted() {
        let objects = tally(&[json!({"a": 1}), json!({"a": 1})]);
        assert_eq!(objects.value(Method::TotalCount), Some(json!(2)));
        assert_eq!(objects.value(Method::DistinctCount), Some(json!(1)));
        for method in [Method::Sum, Method::Avg, Method::Min, Method::StdDev] {
            assert_eq!(objects.value(method), None);
        }
    }

    #[test]
    fn an_infinite_sum_is_no_json() {
        let huge = tally(&[json!(1e308), json!(1e308)]);
        assert_eq!(huge.value(Method::Sum), None);
        assert_eq!(huge.value(Method::Max), Some(json!(1e308)));
    }
}
