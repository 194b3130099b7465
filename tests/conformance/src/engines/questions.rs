//! The questions that every engine answers, in the SQL that the node answers, and what the
//! model answers to them.

use std::collections::BTreeMap;

use base::Time;
use serde_json::{Value, json};

use super::dataset::{Model, Says, id, to_float};

/// Answers by the name of the question: rows in order.
pub type Answers = BTreeMap<String, Vec<Vec<Value>>>;

/// Name and text of each question.
pub const QUESTIONS: [(&str, &str); 5] = [
    (
        "by_day",
        "SELECT type, attribute, date_trunc('day', time) AS day, count(*) AS n, \
         count(number) AS numbers, sum(number) AS total, min(number) AS low, max(number) AS high \
         FROM history WHERE kind <> 2 \
         GROUP BY type, attribute, date_trunc('day', time) ORDER BY type, attribute, day",
    ),
    (
        "by_series",
        "SELECT entity, attribute, dataset, count(*) AS n, sum(number) AS total FROM history \
         WHERE kind <> 2 AND time >= TIMESTAMP '2026-01-07 00:00:00Z' \
         GROUP BY entity, attribute, dataset ORDER BY entity, attribute, dataset NULLS FIRST",
    ),
    (
        "last",
        "SELECT entity, attribute, time, number FROM (SELECT entity, attribute, time, number, \
         row_number() OVER (PARTITION BY entity, attribute ORDER BY time DESC) AS nth \
         FROM history WHERE kind <> 2 AND dataset IS NULL AND number IS NOT NULL) AS numbered \
         WHERE nth = 1 ORDER BY entity, attribute",
    ),
    (
        "texts",
        "SELECT attribute, text, count(*) AS n FROM history WHERE text IS NOT NULL \
         AND attribute <> 'location' GROUP BY attribute, text ORDER BY attribute, text",
    ),
    (
        "trips",
        "SELECT line, date_trunc('day', started) AS day, count(*) AS n, \
         sum(passengers) AS passengers, sum(fare) AS fare FROM records.trips \
         GROUP BY line, date_trunc('day', started) ORDER BY line, day",
    ),
];

/// The deletions, and all other rows.
pub const KINDS: &str = "SELECT sum(CASE WHEN kind = 2 THEN 1 ELSE 0 END) AS deleted, \
                         sum(CASE WHEN kind = 2 THEN 0 ELSE 1 END) AS kept FROM history";

#[derive(Debug, Default)]
struct Sums {
    rows: i64,
    eighths: Vec<i64>,
}

impl Sums {
    fn add(&mut self, says: Says) {
        self.rows += 1;
        if let Says::Eighths(eighths) = says {
            self.eighths.push(eighths);
        }
    }

    fn numbers(&self) -> i64 {
        i64::try_from(self.eighths.len()).unwrap_or(i64::MAX)
    }

    fn total(&self) -> Value {
        if self.eighths.is_empty() {
            return Value::Null;
        }
        eighths(self.eighths.iter().sum())
    }

    fn of(numbers: Option<&i64>) -> Value {
        numbers.map_or(Value::Null, |number| eighths(*number))
    }
}

fn eighths(number: i64) -> Value {
    json!(to_float(number) / 8.0)
}

fn moment(seconds: i64) -> Value {
    let text = Time::from_seconds(seconds).to_string();
    json!(text.get(..19).unwrap_or_default())
}

/// What the model answers.
pub fn expected(model: &Model) -> Answers {
    let answers = [
        ("by_day", by_day(model)),
        ("by_series", by_series(model)),
        ("last", last(model)),
        ("texts", texts(model)),
        ("trips", trips(model)),
        (
            "kinds",
            vec![vec![json!(model.deletions), json!(model.points.len())]],
        ),
    ];
    answers
        .into_iter()
        .map(|(name, rows)| (name.to_owned(), rows))
        .collect()
}

fn by_day(model: &Model) -> Vec<Vec<Value>> {
    let mut days: BTreeMap<(&str, &str, i64), Sums> = BTreeMap::new();
    for (key, says) in &model.points {
        let day = key.at - key.at.rem_euclid(86_400);
        let sums = days.entry((key.class, key.attribute, day)).or_default();
        sums.add(*says);
    }
    let row = |((class, attribute, day), sums): (&(&str, &str, i64), &Sums)| {
        vec![
            json!(class),
            json!(attribute),
            moment(*day),
            json!(sums.rows),
            json!(sums.numbers()),
            sums.total(),
            Sums::of(sums.eighths.iter().min()),
            Sums::of(sums.eighths.iter().max()),
        ]
    };
    days.iter().map(row).collect()
}

fn by_series(model: &Model) -> Vec<Vec<Value>> {
    let mut series: BTreeMap<(String, &str, Option<&str>), Sums> = BTreeMap::new();
    // 2026-01-07, as the question says.
    for (key, says) in model
        .points
        .iter()
        .filter(|(key, _)| key.at >= 1_767_744_000)
    {
        let name = (id(key.class, key.entity), key.attribute, key.dataset);
        series.entry(name).or_default().add(*says);
    }
    let row = |((entity, attribute, dataset), sums): (&(String, &str, Option<&str>), &Sums)| {
        vec![
            json!(entity),
            json!(attribute),
            json!(dataset),
            json!(sums.rows),
            sums.total(),
        ]
    };
    series.iter().map(row).collect()
}

fn last(model: &Model) -> Vec<Vec<Value>> {
    let mut latest: BTreeMap<(String, &str), (i64, i64)> = BTreeMap::new();
    for (key, says) in &model.points {
        if let (Says::Eighths(eighths), None) = (says, key.dataset) {
            let name = (id(key.class, key.entity), key.attribute);
            let place = latest.entry(name).or_insert((key.at, *eighths));
            *place = (*place).max((key.at, *eighths));
        }
    }
    let row = |((entity, attribute), (at, number)): (&(String, &str), &(i64, i64))| {
        vec![
            json!(entity),
            json!(attribute),
            moment(*at),
            eighths(*number),
        ]
    };
    latest.iter().map(row).collect()
}

fn texts(model: &Model) -> Vec<Vec<Value>> {
    let mut texts: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for (key, says) in &model.points {
        let text = match says {
            Says::Text(text) => text,
            Says::Flag(true) => "true",
            Says::Flag(false) => "false",
            Says::Eighths(_) => continue,
        };
        *texts.entry((key.attribute, text)).or_default() += 1;
    }
    let row = |((attribute, text), n): (&(&str, &str), &i64)| {
        vec![json!(attribute), json!(text), json!(n)]
    };
    texts.iter().map(row).collect()
}

fn trips(model: &Model) -> Vec<Vec<Value>> {
    let mut days: BTreeMap<(&str, i64), (i64, i64, i64)> = BTreeMap::new();
    for trip in &model.trips {
        let day = trip.started - trip.started.rem_euclid(86_400);
        let sums = days.entry((trip.line, day)).or_default();
        *sums = (
            sums.0 + 1,
            sums.1 + trip.passengers.unwrap_or(0),
            sums.2 + trip.cents,
        );
    }
    let row = |((line, day), (n, passengers, cents)): (&(&str, i64), &(i64, i64, i64))| {
        let fare = to_float(*cents) / 100.0;
        vec![
            json!(line),
            moment(*day),
            json!(n),
            json!(passengers),
            json!(fare),
        ]
    };
    days.iter().map(row).collect()
}

/// The first difference between answers; numbers are compared by value, moments to the second.
pub fn differ(found: &Answers, wanted: &Answers) -> Option<String> {
    for (name, wanted) in wanted {
        let Some(found) = found.get(name) else {
            return Some(format!("{name}: no answer"));
        };
        if found.len() != wanted.len() {
            return Some(format!(
                "{name}: {} rows, not {}",
                found.len(),
                wanted.len()
            ));
        }
        for (found, wanted) in found.iter().zip(wanted) {
            let (found, wanted) = (plain(found), plain(wanted));
            if found != wanted {
                return Some(format!("{name}: {found:?}, not {wanted:?}"));
            }
        }
    }
    None
}

/// Whole numbers, decimal ones and others alike; of a moment its first 19 letters.
fn plain(row: &[Value]) -> Vec<String> {
    let cell = |value: &Value| match value {
        Value::Number(number) => format!("{:?}", number.as_f64()),
        // A decimal number comes as text, so that no digit is lost; no other text is one here.
        Value::String(text) if text.parse::<f64>().is_ok() => {
            format!("{:?}", text.parse::<f64>().ok())
        }
        Value::String(text) if text.get(10..11) == Some("T") => {
            text.get(..19).unwrap_or_default().to_owned()
        }
        other => other.to_string(),
    };
    row.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(rows: &Value) -> Answers {
        let rows = serde_json::from_value(rows.clone()).unwrap();
        Answers::from([("q".to_owned(), rows)])
    }

    #[test]
    fn a_missing_row_another_number_and_another_day_are_differences() {
        let wanted = answers(&json!([["a", 12, "2026-01-05T00:00:00"]]));
        let same = answers(&json!([["a", 12.0, "2026-01-05T00:00:00.000000Z"]]));
        assert_eq!(differ(&same, &wanted), None);
        for other in [
            json!([]),
            json!([["a", 12.125, "2026-01-05T00:00:00"]]),
            json!([["a", 12, "2026-01-06T00:00:00"]]),
            json!([["a", null, "2026-01-05T00:00:00"]]),
        ] {
            assert!(differ(&answers(&other), &wanted).is_some(), "{other}");
        }
        assert!(differ(&Answers::new(), &wanted).is_some());
    }
}
