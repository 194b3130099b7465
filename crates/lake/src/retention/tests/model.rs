//! What must be left, computed from all instances one by one.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::rollup::Sketch;

const DAY: i64 = 86_400_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    Deleted,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instance {
    pub(super) class: &'static str,
    pub(super) entity: String,
    pub(super) attribute: &'static str,
    pub(super) dataset: Option<String>,
    pub(super) time: i64,
    pub(super) observed: bool,
    pub(super) unit: Option<String>,
    pub(super) value: Value,
    pub(super) seq: i64,
}

/// A row as it is in the files; of history with the period 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) period: i64,
    pub(super) class: String,
    pub(super) entity: String,
    pub(super) attribute: String,
    pub(super) dataset: Option<String>,
    pub(super) time: i64,
    pub(super) observed: bool,
    pub(super) unit: Option<String>,
    pub(super) count: u64,
    /// min, max, sum, sum of squares, last.
    pub(super) numbers: Option<[f64; 5]>,
    pub(super) last_at: i64,
    pub(super) text: Option<String>,
    pub(super) sketch: Option<Sketch>,
    /// Of history: tells rows of one moment apart.
    pub(super) seq: i64,
}

impl Row {
    fn key(&self) -> String {
        format!(
            "{:>14} {} {} {} {:?} {:>20} {} {:?} {} {:>9}",
            self.period,
            self.class,
            self.entity,
            self.attribute,
            self.dataset,
            self.time,
            self.observed,
            self.unit,
            self.text.is_some(),
            self.seq,
        )
    }
}

/// All instances with the period that they are rolled up into.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) policies: Vec<Json>,
    pub(super) instances: Vec<(Instance, i64)>,
}

fn days(text: &str) -> i64 {
    let days = text
        .strip_prefix('P')
        .and_then(|text| text.strip_suffix('D'));
    days.map_or(1_000_000, |days| days.parse().expect("days"))
}

fn period(text: &str) -> i64 {
    match text {
        "PT1M" => 60_000_000,
        "PT1H" => 3_600_000_000,
        _ => DAY,
    }
}

impl Model {
    /// The policy of an instance: `(attribute, type)` decides, said whole or not alike.
    pub(super) fn policy(&self, class: &str, attribute: &str) -> Option<&Json> {
        let is = |said: &Json, name: &str| said.as_str().is_none_or(|said| name.ends_with(said));
        let all = self.policies.iter();
        all.filter(|p| is(&p["type"], class) && is(&p["attribute"], attribute))
            .max_by_key(|p| (p["attribute"].is_string(), p["type"].is_string()))
    }

    /// What a run does at a moment.
    pub(super) fn run(&mut self, now: i64) {
        let mut all = std::mem::take(&mut self.instances);
        all.retain_mut(|(one, level)| {
            let Some(policy) = self.policy(one.class, one.attribute) else {
                return true;
            };
            let end = (one.time.div_euclid(DAY) + 1) * DAY;
            let age = now - end;
            let is_over = |keep: &Json| age >= days(keep.as_str().expect("text")) * DAY;
            if !is_over(&policy["raw"]) {
                return true;
            }
            let steps = policy["steps"].as_array().expect("steps");
            let Some(step) = steps.iter().find(|step| !is_over(&step["keep"])) else {
                return false;
            };
            *level = (*level).max(period(step["period"].as_str().expect("text")));
            one.value != Value::Deleted
        });
        self.instances = all;
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let mut groups: BTreeMap<String, Vec<(Instance, Row)>> = BTreeMap::new();
        for (one, level) in &self.instances {
            let row = Row {
                period: *level,
                class: one.class.to_owned(),
                entity: one.entity.clone(),
                attribute: one.attribute.to_owned(),
                dataset: one.dataset.clone(),
                time: if *level == 0 {
                    one.time
                } else {
                    one.time - one.time.rem_euclid(*level)
                },
                observed: one.observed,
                unit: one.unit.clone(),
                count: 1,
                numbers: match one.value {
                    Value::Number(n) => Some([n, n, n, n * n, n]),
                    _ => None,
                },
                last_at: one.time,
                text: match &one.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                },
                sketch: None,
                seq: if *level == 0 { one.seq } else { 0 },
            };
            groups
                .entry(row.key())
                .or_default()
                .push((one.clone(), row));
        }
        groups.into_values().map(merged).collect()
    }

    /// Whether the files have just what must be left.
    pub(super) fn compare(&self, contents: &[Row]) {
        let mut contents = contents.to_vec();
        contents.sort_by_key(Row::key);
        let rows = self.rows();
        for (found, wanted) in contents.iter().zip(&rows) {
            assert_eq!(found, wanted);
        }
        assert_eq!(contents.len(), rows.len());
    }
}

fn merged(mut group: Vec<(Instance, Row)>) -> Row {
    group.sort_by_key(|(one, _)| (one.time, one.seq));
    let (_, mut row) = group.last().expect("a group").clone();
    if row.period == 0 {
        return row;
    }
    row.count = group.len() as u64;
    let numbers = group
        .iter()
        .filter_map(|(_, row)| row.numbers.map(|n| n[0]));
    let numbers: Vec<f64> = numbers.collect();
    if let Some(last) = numbers.last() {
        let mut sketch = Sketch::default();
        for number in &numbers {
            sketch.add(*number);
        }
        row.sketch = Some(sketch);
        row.numbers = Some([
            numbers.iter().copied().fold(f64::INFINITY, f64::min),
            numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            numbers.iter().sum(),
            numbers.iter().map(|number| number * number).sum(),
            *last,
        ]);
    }
    row
}
