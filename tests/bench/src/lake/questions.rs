//! What is asked of the year, in the SQL of the node and in that of DuckDB.

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// A question in both tongues.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) node: String,
    pub(super) duck: String,
    /// How far two right answers may differ, as a part of the value.
    pub(super) tolerance: f64,
}

/// All questions; `one` is the id of a sensor.
///
/// Days and hours are cut off the moment as text, or not at all: what an engine makes of moments
/// in its answers differs, what it has to do for them does not.
pub(super) fn all(one: &str) -> Vec<Question> {
    let of = |name, node: String, duck: String| Question {
        name,
        node,
        duck,
        tolerance: 1e-9,
    };
    let by_district = |join: &str| {
        format!(
            "SELECT s.district, date_trunc('day', h.time) AS day, avg(h.number) AS mean, count(*) AS n \
             FROM history h JOIN {join} s ON s.id = h.entity WHERE h.attribute = 'temperature' \
             GROUP BY s.district, date_trunc('day', h.time) ORDER BY 1, 2"
        )
    };
    let same = |sql: &str| (sql.to_owned(), sql.to_owned());
    let (hours, hours_too) = same(&format!(
        "SELECT date_trunc('hour', time) AS hour, avg(number), min(number), max(number) FROM history \
         WHERE entity = '{one}' AND attribute = 'temperature' GROUP BY 1 ORDER BY 1"
    ));
    let (means, means_too) = same(
        "SELECT entity, count(*), avg(number), min(number), max(number) FROM history \
         WHERE attribute = 'temperature' GROUP BY entity ORDER BY entity",
    );
    let percentile = |function: &str| {
        format!(
            "SELECT date_trunc('day', time) AS day, {function}(number, 0.95) FROM history \
             WHERE attribute = 'temperature' GROUP BY 1 ORDER BY 1"
        )
    };
    let latest = |function: &str| {
        format!(
            "SELECT entity, {function} FROM history WHERE attribute = 'temperature' \
             GROUP BY entity ORDER BY entity"
        )
    };
    vec![
        of(
            "daily mean by district",
            by_district("now.\"Sensor\""),
            by_district("sensor"),
        ),
        of("mean, least and most by sensor", means, means_too),
        of(
            "last value of each sensor",
            latest("last_value(number ORDER BY time)"),
            latest("arg_max(number, time)"),
        ),
        Question {
            tolerance: 0.03,
            ..of(
                "95th percentile by day, approximate",
                percentile("approx_percentile_cont"),
                percentile("approx_quantile"),
            )
        },
        of("one sensor by hour", hours, hours_too),
    ]
}

/// Two answers are the same: keys exactly, numbers within the tolerance.
pub(super) fn agree(
    found: &[Vec<Value>],
    wanted: &[Vec<Value>],
    tolerance: f64,
) -> anyhow::Result<()> {
    ensure!(
        found.len() == wanted.len(),
        "{} rows, not {}",
        found.len(),
        wanted.len()
    );
    for (found, wanted) in found.iter().zip(wanted) {
        ensure!(found.len() == wanted.len(), "{found:?}, not {wanted:?}");
        for (one, other) in found.iter().zip(wanted) {
            let is_same = match (one.as_f64(), other.as_f64()) {
                (Some(one), Some(other)) => {
                    (one - other).abs() <= tolerance * one.abs().max(other.abs()).max(1.0)
                }
                _ => text(one) == text(other),
            };
            ensure!(is_same, "{found:?}, not {wanted:?}");
        }
    }
    Ok(())
}

/// Moments alike: with a blank or a `T`, to the second.
fn text(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let is_moment = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if is_moment && text.len() >= 19 {
        return text.get(..19).unwrap_or_default().replace(' ', "T");
    }
    text
}

/// The sum of a column of numbers weighted by another, as of means by their counts.
pub(super) fn weighted(
    rows: &[Vec<Value>],
    mean: usize,
    count: usize,
) -> anyhow::Result<(f64, f64)> {
    let number = |row: &[Value], place: usize| row.get(place).and_then(Value::as_f64);
    let mut sums = (0.0, 0.0);
    for row in rows {
        let mean = number(row, mean).context("a mean")?;
        let count = number(row, count).context("a count")?;
        sums = (sums.0 + mean * count, sums.1 + count);
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_agree_by_value_and_no_further() {
        let one = [vec![json!("2025-01-01T00:00:00Z"), json!(1.5), json!(2)]];
        let same = [vec![
            json!("2025-01-01 00:00:00+00:00"),
            json!(1.500_000_000_1),
            json!(2.0),
        ]];
        agree(&one, &same, 1e-9).unwrap();
        for other in [
            json!(["2025-01-02 00:00:00+00:00", 1.5, 2]),
            json!(["2025-01-01 00:00:00+00:00", 1.51, 2]),
            json!(["2025-01-01 00:00:00+00:00", 1.5, null]),
        ] {
            let other = [serde_json::from_value(other).unwrap()];
            agree(&one, &other, 1e-9).unwrap_err();
        }
        agree(&one, &[], 1e-9).unwrap_err();
        assert_eq!(weighted(&one, 1, 2).unwrap(), (3.0, 2.0));
    }
}
