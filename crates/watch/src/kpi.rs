//! One measure: what it is, what it was in the last day, and what is usual for it.

use std::collections::VecDeque;

use base::{Name, Time};
use broker::Command;
use broker::command::Upsert;
use insight::{Alarm, Level, Sample, Slot, UsualTable, downsample};
use jiff::tz::TimeZone;
use ngsi::parse::Fragment;
use ngsi::{Attribute, AttributeValue};
use serde_json::{Map, Value, json};

use crate::attention::MeasureAlarm;
use crate::measures::{Definition, KPI_TYPE, KPI_URN, KPI_VALUE};
use crate::now::{Measure, Range, Status};
use crate::world::Measured;

/// How far back the sparkline goes.
const SPARK_MICROS: i64 = 86_400_000_000;
/// Its pixels: each has two points.
const SPARK_PIXELS: usize = 26;
/// Its points at most.
const SPARK_MAX: usize = 60;
/// A hole in the sparkline, in milliseconds.
const SPARK_GAP: i64 = 2 * 3_600_000;
/// Samples of the last day that are kept: one a minute, and some from before they were written.
const SAMPLES_MAX: usize = 1_600;
const NAME: &str = "https://smartdatamodels.org/name";
const SIMULATED: &str = "https://uri.etsi.org/ngsi-ld/default-context/simulated";

/// One measure.
#[derive(Debug)]
pub(crate) struct Kpi {
    pub(crate) definition: &'static Definition,
    pub(crate) id: Name,
    pub(crate) measured: Measured,
    /// Since when it has a history; `None`: it has none.
    pub(crate) oldest: Option<Time>,
    attribute: Name,
    samples: VecDeque<(i64, Option<f64>)>,
    table: UsualTable,
    alarm: Alarm,
    since: Time,
    /// Whether the entity has been written with its name, and as simulated or not.
    written: Option<bool>,
}

impl Kpi {
    pub(crate) fn new(definition: &'static Definition) -> Self {
        Self {
            definition,
            id: Name::from(format!("{KPI_URN}{}", definition.id)),
            measured: Measured::default(),
            oldest: None,
            attribute: Name::from(KPI_VALUE),
            samples: VecDeque::new(),
            table: UsualTable::default(),
            alarm: Alarm::default(),
            since: Time::MIN,
            written: None,
        }
    }

    /// Takes its own history, in any order.
    pub(crate) fn learn(&mut self, samples: &[Sample], now: Time, zone: &TimeZone) {
        self.table = UsualTable::learn(samples.iter().copied(), zone);
        self.oldest = samples.iter().map(|sample| sample.at).min();
        let day_ago = now.plus_micros(-SPARK_MICROS);
        let mut last: Vec<(i64, Option<f64>)> = samples
            .iter()
            .filter(|sample| sample.at > day_ago)
            .map(|sample| (millis(sample.at), Some(sample.value)))
            .collect();
        last.sort_unstable_by_key(|(at, _)| *at);
        last.dedup_by_key(|(at, _)| *at);
        let excess = last.len().saturating_sub(SAMPLES_MAX);
        self.samples = last.split_off(excess).into();
    }

    /// The entity was deleted: it is written anew, whole.
    pub(crate) fn deleted(&mut self) {
        self.written = None;
    }

    /// What is to be written at `minute`, if there is anything to say; also judges it.
    pub(crate) fn write(&mut self, minute: Time, zone: &TimeZone) -> Option<Command> {
        let value = self.value().filter(|_| !self.measured.stale)?;
        let at = millis(minute);
        if self.samples.back().is_none_or(|(last, _)| *last < at) {
            self.samples.push_back((at, Some(value)));
            self.judge(value, minute, zone);
        }
        let old = millis(minute.plus_micros(-SPARK_MICROS));
        while self.samples.len() > SAMPLES_MAX || self.samples.front().is_some_and(|s| s.0 < old) {
            self.samples.pop_front();
        }
        self.oldest.get_or_insert(minute);
        let mut fragment = self.fragment(vec![self.instance(value, minute)]);
        if self.written != Some(self.measured.simulated) {
            fragment.attributes.extend(self.about());
        }
        Some(Command::Upsert {
            fragment,
            how: Upsert::Update,
            skip_unchanged: true,
        })
    }

    /// The entity has been written.
    pub(crate) fn has_been_written(&mut self) {
        self.written = Some(self.measured.simulated);
    }

    /// What adds samples of the time before to its history.
    pub(crate) fn before(&self, samples: &[Sample]) -> Command {
        let instances = samples.iter().map(|s| self.instance(s.value, s.at));
        Command::AddHistory {
            fragment: self.fragment(instances.collect()),
            must_exist: false,
        }
    }

    fn fragment(&self, attributes: Vec<Attribute>) -> Fragment {
        Fragment {
            id: Some(self.id.clone()),
            types: vec![Name::from(KPI_TYPE)],
            attributes,
            ..Fragment::default()
        }
    }

    fn instance(&self, value: f64, at: Time) -> Attribute {
        let thousandths = (value * 1_000.0).round() / 1_000.0;
        let value = AttributeValue::Property(json!(thousandths));
        let mut attribute = Attribute::new(self.attribute.clone(), value);
        attribute.observed_at = Some(at);
        attribute.unit_code = self.definition.unit.map(Name::from);
        attribute
    }

    fn about(&self) -> Vec<Attribute> {
        let names = ["en", "ru", "zh"].into_iter().zip(self.definition.names);
        let map: Map<String, Value> = names
            .map(|(tag, name)| (tag.to_owned(), json!(name)))
            .collect();
        let name = Attribute::new(Name::from(NAME), AttributeValue::Language(map));
        let simulated = AttributeValue::Property(json!(self.measured.simulated));
        vec![name, Attribute::new(Name::from(SIMULATED), simulated)]
    }

    fn judge(&mut self, value: f64, at: Time, zone: &TimeZone) {
        let Some(fence) = self.table.fence(Slot::of(at, zone).0) else {
            self.alarm = Alarm::default();
            return;
        };
        let before = self.alarm.level();
        self.alarm.step(fence.excess(value));
        if before == Level::Usual {
            self.since = at;
        }
    }

    fn value(&self) -> Option<f64> {
        self.measured.value.filter(|value| value.is_finite())
    }

    /// As the console is told it; `None`: the city has nothing of the kind.
    pub(crate) fn tell(&self, now: Time, zone: &TimeZone) -> Option<Measure> {
        if !self.measured.there {
            return None;
        }
        let usual = self.table.at(Slot::of(now, zone).0);
        let status = match usual {
            Some(_) if !self.measured.stale && self.value().is_some() => self.alarm.level().into(),
            _ => Status::Unknown,
        };
        let age = |at: Time| (now.as_micros() - at.as_micros()).max(0) / 1_000_000;
        Some(Measure {
            id: self.definition.id,
            entity: self.id.clone(),
            attribute: self.attribute.clone(),
            unit: self.definition.unit,
            value: self.value(),
            usual: usual.map(|usual| Range::from(usual.band)),
            status,
            spark: self.spark(now),
            simulated: self.measured.simulated,
            at: self.measured.at,
            age_seconds: self.measured.at.map(age),
            stale: self.measured.stale,
            entities: self.measured.entities,
            digits: self.definition.digits,
        })
    }

    fn spark(&self, now: Time) -> Vec<(i64, Option<f64>)> {
        let points: Vec<_> = self.samples.iter().copied().collect();
        let span = (millis(now.plus_micros(-SPARK_MICROS)), millis(now));
        let mut spark = downsample(&points, span, SPARK_PIXELS, Some(SPARK_GAP));
        let excess = spark.len().saturating_sub(SPARK_MAX);
        spark.drain(..excess);
        spark
    }

    /// Its alarm, if it is out of its usual range now.
    pub(crate) fn alarm(&self, now: Time, zone: &TimeZone) -> Option<MeasureAlarm> {
        let band = self.table.at(Slot::of(now, zone).0)?.band;
        let raised = self.alarm.level() != Level::Usual && self.measured.there;
        (raised && !self.measured.stale).then_some(MeasureAlarm {
            measure: self.definition.id,
            entity: self.id.clone(),
            attribute: self.attribute.clone(),
            level: self.alarm.level(),
            side: self.alarm.side(),
            value: self.value()?,
            low: band.low,
            high: band.high,
            since: self.since,
            simulated: self.measured.simulated,
        })
    }
}

fn millis(time: Time) -> i64 {
    time.as_micros().div_euclid(1_000)
}
