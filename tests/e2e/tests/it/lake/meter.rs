//! A series that is written batch by batch, beside what was acknowledged of it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use e2e::Http;
use serde_json::{Value, json};

/// Points of a batch: six hours, so that each hour is of one batch.
pub(super) const BATCH: u64 = 36;
/// Seconds between two points.
const STEP: u64 = 600;
/// Batches of one question: fewer points than an answer holds.
const QUESTION: usize = 200;

/// One entity with one attribute.
#[derive(Debug)]
pub(super) struct Meter {
    class: &'static str,
    id: String,
    /// The generation of each batch that is there; none: it is not.
    batches: Vec<Option<u64>>,
    /// What was sent last, while it is not acknowledged.
    attempt: Option<Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// A batch, in that generation.
    Write(usize, u64),
    /// All that there is was to be taken out.
    TakeOut,
}

/// The moment of a point as text.
fn moment(point: u64) -> String {
    let seconds = point * STEP;
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (month, day) = (day / 28, day % 28 + 1);
    let (year, month) = (2020 + month / 12, month % 12 + 1);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")
}

/// The value of a point: which point, and in which generation.
fn value(point: u64, generation: u64) -> u64 {
    point + generation * 1_000_000
}

impl Meter {
    pub(super) fn new(class: &'static str, number: u64) -> Self {
        Self {
            class,
            id: format!("urn:ngsi-ld:{class}:{number}"),
            batches: Vec::new(),
            attempt: None,
        }
    }

    /// Writes the next batch; whether it was acknowledged.
    pub(super) fn write_next(&mut self, http: &Http) -> bool {
        let next = self.batches.len();
        self.batches.push(None);
        self.write(http, next, 0)
    }

    /// Writes a batch again with other values at the same times; whether it was acknowledged.
    pub(super) fn correct(&mut self, http: &Http, dice: usize) -> bool {
        let place = dice % self.batches.len().max(1);
        let Some(Some(generation)) = self.batches.get(place).copied() else {
            return true;
        };
        self.write(http, place, generation + 1)
    }

    fn write(&mut self, http: &Http, place: usize, generation: u64) -> bool {
        let first = place as u64 * BATCH;
        let instances: Vec<Value> = (first..first + BATCH)
            .map(|point| {
                json!({
                    "type": "Property",
                    "value": value(point, generation),
                    "observedAt": moment(point),
                })
            })
            .collect();
        let body = json!({ "id": self.id, "type": self.class, "level": instances });
        self.attempt = Some(Attempt::Write(place, generation));
        let answer = http.post("/ngsi-ld/v1/temporal/entities", &body);
        let is_done = answer.is_ok_and(|answer| [201, 204].contains(&answer.status));
        if is_done {
            self.settle(true);
        }
        is_done
    }

    /// Takes out all that there is; whether it was acknowledged.
    pub(super) fn take_out(&mut self, http: &Http) -> bool {
        if self.batches.iter().all(Option::is_none) {
            return true;
        }
        self.attempt = Some(Attempt::TakeOut);
        let path = format!("/ngsi-ld/v1/temporal/entities/{}", self.id);
        let is_done = http.delete(&path).is_ok_and(|answer| answer.status == 204);
        if is_done {
            self.settle(true);
        }
        is_done
    }

    /// The attempt is over: it was done, or not.
    fn settle(&mut self, is_done: bool) {
        match self.attempt.take() {
            Some(Attempt::Write(place, generation)) if is_done => {
                if let Some(batch) = self.batches.get_mut(place) {
                    *batch = Some(generation);
                }
            }
            Some(Attempt::TakeOut) if is_done => self.batches.fill(None),
            _ => {}
        }
    }

    /// What should be there: each point with its value.
    fn wanted(&self) -> BTreeMap<String, u64> {
        let batches = (0..).zip(&self.batches);
        let batches = batches.filter_map(|(place, batch)| Some((place, (*batch)?)));
        let points = batches.flat_map(|(place, generation)| {
            let points = place * BATCH..(place + 1) * BATCH;
            points.map(move |point| (moment(point), value(point, generation)))
        });
        points.collect()
    }

    /// Compares with what is there; an attempt of which nothing is known may be there, whole, or
    /// not. What is found then is what is wanted from now on.
    pub(super) fn settle_by(&mut self, found: &BTreeMap<String, u64>) -> Result<()> {
        if self.attempt.is_none() || *found == self.wanted() {
            self.attempt = None;
        } else {
            self.settle(true);
        }
        let wanted = self.wanted();
        let differ = |(at, value): &(&String, &u64)| found.get(*at) != Some(*value);
        let lost: Vec<_> = wanted.iter().filter(differ).take(3).collect();
        let foreign = found.iter().filter(|(at, _)| !wanted.contains_key(*at));
        let foreign: Vec<_> = foreign.take(3).collect();
        ensure!(
            lost.is_empty() && foreign.is_empty(),
            "{}: {} points in place of {}; lost or otherwise {lost:?}, nobody wrote {foreign:?}",
            self.id,
            found.len(),
            wanted.len()
        );
        Ok(())
    }

    /// The points that are there by the temporal interface; one that is there twice is an error.
    pub(super) fn read(&self, http: &Http) -> Result<BTreeMap<String, u64>> {
        let mut points = BTreeMap::new();
        for first in (0..self.batches.len()).step_by(QUESTION) {
            let Some(answer) = self.ask(http, first, "temporalValues")? else {
                continue;
            };
            let values = answer["level"]["values"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            for pair in values {
                let at = pair[1].as_str().context("a time")?.to_owned();
                let number = pair[0].as_u64().with_context(|| pair.to_string())?;
                let twice = points.insert(at, number);
                ensure!(twice.is_none(), "{}: {pair} is there twice", self.id);
            }
        }
        Ok(points)
    }

    /// The same where raw points may be gone: counts and sums of hours. What is not acknowledged
    /// may be there.
    pub(super) fn check_hours(&mut self, http: &Http) -> Result<()> {
        let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for first in (0..self.batches.len()).step_by(QUESTION) {
            let options = "aggregatedValues&aggrMethods=totalCount,sum&aggrPeriodDuration=PT1H";
            let Some(answer) = self.ask(http, first, options)? else {
                continue;
            };
            let rows = |method: &str| answer["level"][method].as_array().cloned();
            let counts = rows("totalCount").unwrap_or_default();
            for (count, sum) in counts.iter().zip(rows("sum").unwrap_or_default()) {
                let hour = count[1].as_str().context("an hour")?.to_owned();
                let number = |row: &Value| row[0].as_f64().map_or(0, whole);
                if number(count) > 0 {
                    found.insert(hour, (number(count), number(&sum)));
                }
            }
        }
        if self.attempt.is_some() && self.hours() != found {
            self.settle(true);
        }
        self.attempt = None;
        let wanted = self.hours();
        let wrong = wanted
            .iter()
            .filter(|(hour, sums)| found.get(*hour) != Some(*sums));
        let wrong: Vec<_> = wrong
            .map(|(hour, sums)| (hour, sums, found.get(hour)))
            .take(3)
            .collect();
        ensure!(
            wrong.is_empty() && found.len() == wanted.len(),
            "{}: {} hours in place of {}; (hour, (count, sum), found): {wrong:?}",
            self.id,
            found.len(),
            wanted.len()
        );
        Ok(())
    }

    fn hours(&self) -> BTreeMap<String, (u64, u64)> {
        let mut hours: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (at, value) in self.wanted() {
            let hour = at.get(..14).unwrap_or_default();
            let hour = hours.entry(format!("{hour}00:00Z")).or_default();
            *hour = (hour.0 + 1, hour.1 + value);
        }
        hours
    }

    /// Asks for the batches from `first` on; `None`: nothing is known of the entity.
    fn ask(&self, http: &Http, first: usize, options: &str) -> Result<Option<Value>> {
        let last = (first + QUESTION) as u64 * BATCH;
        let path = format!(
            "/ngsi-ld/v1/temporal/entities/{}?attrs=level&options={options}&timerel=between\
             &timeAt={}&endTimeAt={}",
            self.id,
            moment(first as u64 * BATCH),
            moment(last)
        );
        let answer = http.get(&path)?;
        if answer.status == 404 {
            return Ok(None);
        }
        ensure!(
            answer.status == 200,
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        answer.json().map(Some)
    }

    /// How many points there should be, and their sum.
    pub(super) fn totals(&self) -> (u64, u64) {
        let wanted = self.wanted();
        (wanted.len() as u64, wanted.values().sum())
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// Sums here are whole and far below 2^53.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums here are whole and far below 2^53"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}
