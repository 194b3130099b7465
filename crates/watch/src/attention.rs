//! What needs attention: conditions of the city, gathered where there are many of one kind, and
//! who looks after them. The rules stand in `docs/guide/city-now.md`; keep the two the same.

use std::collections::{HashMap, HashSet};

use base::{Name, Time};
use insight::{Level, Side};
use serde_json::{Map, Value, json};

use crate::measures::short;
use crate::now::{Acknowledged, Code, Counts, FeedCondition, FeedState, Severity};
use crate::world::{OutOfRange, Silent, World};

/// Rows that are shown at most.
pub(crate) const ROWS_MAX: usize = 200;
/// More conditions of one kind and type than this become one row …
const GATHER_ABOVE: usize = 5;
/// … until there are no more than this.
const SPREAD_BELOW: usize = 4;
/// Ids that a row of many names.
const NAMED_MAX: usize = 20;
/// A silence of so many usual intervals is a warning …
const SILENT_WARNING_INTERVALS: i64 = 10;
/// … but only after an hour.
const SILENT_WARNING_MIN_SECONDS: i64 = 3_600;
/// Silent devices of a type of which more than half are silent are critical from this number on.
const SILENT_CRITICAL_MIN: usize = 10;
/// A feed whose lag is so many times what is expected is critical …
const FEED_CRITICAL_PERIODS: u64 = 10;
/// … but only after a quarter of an hour.
const FEED_CRITICAL_MIN_SECONDS: u64 = 900;
/// An acknowledgement whose condition has not been met for so long after the start is forgotten.
const FORGET_MICROS: i64 = 86_400_000_000;

/// One thing that needs attention, without what only the entity itself can tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) id: Name,
    pub(crate) severity: Severity,
    pub(crate) code: Code,
    pub(crate) params: Map<String, Value>,
    pub(crate) entity: Option<Name>,
    pub(crate) type_name: Option<Name>,
    pub(crate) attribute: Option<Name>,
    pub(crate) since: Time,
    pub(crate) simulated: bool,
}

/// A measure out of its usual range.
#[derive(Debug, Clone)]
pub(crate) struct MeasureAlarm {
    pub(crate) measure: &'static str,
    pub(crate) entity: Name,
    pub(crate) attribute: Name,
    pub(crate) level: Level,
    pub(crate) side: Side,
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) since: Time,
    pub(crate) simulated: bool,
}

/// What is known of an acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ack {
    pub(crate) at: Time,
    pub(crate) by: String,
    /// Since when the condition had been there.
    pub(crate) since: Time,
    /// Whether the condition has been met since the node started.
    pub(crate) met: bool,
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Attending {
    /// Kinds that are shown as one row.
    gathered: HashSet<Name>,
    /// Since when feeds have been as they are.
    feeds: HashMap<Name, Time>,
    acks: HashMap<Name, Ack>,
}

/// What one look found.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The rows, the worst first, of those the oldest first, not more than shown.
    pub(crate) rows: Vec<(Condition, Option<Acknowledged>)>,
    /// Of all rows, those not shown included.
    pub(crate) counts: Counts,
    /// How many are not shown.
    pub(crate) more: usize,
    /// Every entity that has something, with its worst.
    pub(crate) severities: HashMap<Name, Severity>,
    /// Acknowledgements whose conditions are over.
    pub(crate) over: Vec<Name>,
}

impl Attending {
    /// Looks at everything.
    pub(crate) fn look(
        &mut self,
        world: &World,
        feeds: &[FeedState],
        measures: &[MeasureAlarm],
        now: Time,
    ) -> Look {
        let mut look = Look::default();
        let silent: Vec<Condition> = world.silent().map(|s| silence(&s, now)).collect();
        let values: Vec<Condition> = world.out_of_range().map(|v| value(&v)).collect();
        for condition in silent.iter().chain(&values) {
            if let Some(entity) = &condition.entity {
                let worst = look
                    .severities
                    .entry(entity.clone())
                    .or_insert(condition.severity);
                *worst = (*worst).max(condition.severity);
            }
        }
        let mut all = self.feeds(feeds, now);
        all.extend(measures.iter().map(measure));
        let single = silent.into_iter().chain(values).collect();
        let mut met: HashSet<Name> = all.iter().map(|condition| condition.id.clone()).collect();
        self.gather(single, world, &mut all, &mut met);
        self.look_over(&met, world.started, now, &mut look);
        for condition in &mut all {
            if let Some(ack) = self.acks.get(&condition.id) {
                condition.since = condition.since.min(ack.since);
            }
            match condition.severity {
                Severity::Critical => look.counts.critical += 1,
                Severity::Warning => look.counts.warning += 1,
                Severity::Notice => look.counts.notice += 1,
            }
        }
        all.sort_by(|a, b| {
            let (worst, oldest) = (b.severity.cmp(&a.severity), a.since.cmp(&b.since));
            worst.then(oldest).then_with(|| a.id.cmp(&b.id))
        });
        look.more = all.len().saturating_sub(ROWS_MAX);
        all.truncate(ROWS_MAX);
        look.rows = all
            .into_iter()
            .map(|condition| {
                let ack = self.acks.get(&condition.id).map(|ack| Acknowledged {
                    at: ack.at,
                    by: ack.by.clone(),
                });
                (condition, ack)
            })
            .collect();
        look
    }

    /// Takes an acknowledgement as its doc says it; `None`: it is gone.
    pub(crate) fn doc(&mut self, id: &Name, body: Option<&Value>) {
        let read = |body: &Value| {
            let time = |name: &str| Time::parse(body.get(name)?.as_str()?).ok();
            let at = time("at")?;
            Some(Ack {
                at,
                by: body.get("by")?.as_str()?.to_owned(),
                since: time("since").unwrap_or(at),
                met: self.acks.get(id).is_some_and(|ack| ack.met),
            })
        };
        match body.and_then(read) {
            Some(ack) => {
                self.acks.insert(id.clone(), ack);
            }
            None => {
                self.acks.remove(id);
            }
        }
    }

    /// Finds the acknowledgements whose conditions are over, and forgets them.
    fn look_over(&mut self, met: &HashSet<Name>, started: Time, now: Time, look: &mut Look) {
        let patient = now.as_micros() - started.as_micros() <= FORGET_MICROS;
        self.acks.retain(|id, ack| {
            if met.contains(id) {
                ack.met = true;
                return true;
            }
            let stays = !ack.met && patient;
            if !stays {
                look.over.push(id.clone());
            }
            stays
        });
    }

    fn feeds(&mut self, feeds: &[FeedState], now: Time) -> Vec<Condition> {
        let mut conditions: Vec<Condition> = feeds.iter().filter_map(|f| feed(f, now)).collect();
        let ids: HashSet<&Name> = conditions.iter().map(|condition| &condition.id).collect();
        self.feeds.retain(|id, _| ids.contains(id));
        for condition in &mut conditions {
            let since = self.feeds.entry(condition.id.clone());
            condition.since = *since.or_insert(condition.since);
        }
        conditions
    }

    /// Puts conditions of entities into rows: one each, or one for many of a kind.
    fn gather(
        &mut self,
        single: Vec<Condition>,
        world: &World,
        rows: &mut Vec<Condition>,
        met: &mut HashSet<Name>,
    ) {
        let mut kinds: HashMap<Name, Vec<Condition>> = HashMap::new();
        for condition in single {
            met.insert(condition.id.clone());
            kinds.entry(kind(&condition)).or_default().push(condition);
        }
        self.gathered.retain(|kind| kinds.contains_key(kind));
        for (kind, mut conditions) in kinds {
            let most = if self.gathered.contains(&kind) {
                SPREAD_BELOW
            } else {
                GATHER_ABOVE
            };
            if conditions.len() <= most {
                self.gathered.remove(&kind);
                rows.append(&mut conditions);
                continue;
            }
            self.gathered.insert(kind.clone());
            met.insert(kind.clone());
            rows.extend(gathered(kind, conditions, world));
        }
    }
}

/// The id of a condition: 16 hex digits that follow from what it is about (FNV-1a), and from
/// nothing else.
pub(crate) fn id(code: Code, entity: &str, attribute: &str) -> Name {
    let parts = [code.word(), entity, attribute];
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Name::from(format!("{hash:016x}"))
}

/// The id of the row into which a condition is gathered.
fn kind(condition: &Condition) -> Name {
    let of = |name: &Option<Name>| name.as_deref().unwrap_or_default().to_owned();
    let type_name = format!("type {}", of(&condition.type_name));
    id(condition.code, &type_name, &of(&condition.attribute))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Critical => Severity::Critical,
        Level::Warning => Severity::Warning,
        Level::Usual => Severity::Notice,
    }
}

fn silence(silent: &Silent<'_>, now: Time) -> Condition {
    let last = (now.as_micros() - silent.last.as_micros()) / 1_000_000;
    let long = silent.expected_seconds * SILENT_WARNING_INTERVALS;
    let severity = if last >= long.max(SILENT_WARNING_MIN_SECONDS) {
        Severity::Warning
    } else {
        Severity::Notice
    };
    Condition {
        id: id(Code::DeviceSilent, &silent.device.id, ""),
        severity,
        code: Code::DeviceSilent,
        params: object(json!({ "lastSeconds": last, "expectedSeconds": silent.expected_seconds })),
        entity: Some(silent.device.id.clone()),
        type_name: Some(silent.type_name.clone()),
        attribute: None,
        since: silent.last,
        simulated: silent.device.simulated,
    }
}

fn value(value: &OutOfRange<'_>) -> Condition {
    let code = match value.alarm.side() {
        Side::High => Code::ValueHigh,
        Side::Low => Code::ValueLow,
    };
    let params = json!({
        "attribute": short(value.attribute),
        "value": value.value,
        "unit": null,
        "low": value.band.low,
        "high": value.band.high,
    });
    Condition {
        id: id(code, &value.device.id, value.attribute),
        severity: severity(value.alarm.level()),
        code,
        params: object(params),
        entity: Some(value.device.id.clone()),
        type_name: Some(value.type_name.clone()),
        attribute: Some(value.attribute.clone()),
        since: value.since,
        simulated: value.device.simulated,
    }
}

fn measure(alarm: &MeasureAlarm) -> Condition {
    let code = match alarm.side {
        Side::High => Code::MeasureHigh,
        Side::Low => Code::MeasureLow,
    };
    let params = json!({
        "measure": alarm.measure,
        "value": alarm.value,
        "low": alarm.low,
        "high": alarm.high,
    });
    Condition {
        id: id(code, &alarm.entity, &alarm.attribute),
        severity: severity(alarm.level),
        code,
        params: object(params),
        entity: Some(alarm.entity.clone()),
        type_name: Some(Name::from(crate::measures::KPI_TYPE)),
        attribute: Some(alarm.attribute.clone()),
        since: alarm.since,
        simulated: alarm.simulated,
    }
}

fn feed(feed: &FeedState, now: Time) -> Option<Condition> {
    let lag = feed.lag_seconds.unwrap_or(0);
    let expected = feed.expected_every_seconds.map(u64::from);
    let (code, params) = match feed.state {
        FeedCondition::Late => (
            Code::FeedLate,
            json!({ "feed": feed.name, "lagSeconds": feed.lag_seconds, "expectedSeconds": expected }),
        ),
        FeedCondition::Failing => {
            let reason = feed.last_error.as_ref().map(|error| error.reason.as_str());
            let params = json!({ "feed": feed.name, "reason": reason.unwrap_or_default() });
            (Code::FeedFailing, params)
        }
        FeedCondition::Waiting | FeedCondition::Live | FeedCondition::Stopped => return None,
    };
    let long = expected.map(|e| (e * FEED_CRITICAL_PERIODS).max(FEED_CRITICAL_MIN_SECONDS));
    let severity = if long.is_some_and(|long| lag >= long) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let since = match (code, &feed.last_error) {
        (Code::FeedFailing, Some(error)) => error.at,
        _ => now.plus_micros(-i64::try_from(lag).unwrap_or(0).saturating_mul(1_000_000)),
    };
    Some(Condition {
        id: id(code, &feed.name, ""),
        severity,
        code,
        params: object(params),
        entity: None,
        type_name: None,
        attribute: None,
        since,
        simulated: feed.simulated,
    })
}

/// One row for many conditions of a kind: as bad as the worst, as old as the oldest.
fn gathered(kind: Name, mut conditions: Vec<Condition>, world: &World) -> Option<Condition> {
    conditions.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.since.cmp(&b.since)));
    let worst = conditions.first()?;
    let count = conditions.len();
    let mut severity = worst.severity;
    if worst.code == Code::DeviceSilent {
        let of_type = worst.type_name.as_deref().unwrap_or_default();
        let most = count >= SILENT_CRITICAL_MIN && count * 2 > world.devices_of(of_type);
        severity = if most {
            Severity::Critical
        } else {
            Severity::Warning
        };
    }
    let mut params = worst.params.clone();
    let named = conditions.iter().take(NAMED_MAX);
    let named: Vec<Option<&Name>> = named.map(|condition| condition.entity.as_ref()).collect();
    params.insert("count".to_owned(), json!(count));
    params.insert("entities".to_owned(), json!(named));
    Some(Condition {
        id: kind,
        severity,
        code: worst.code,
        params,
        entity: None,
        type_name: worst.type_name.clone(),
        attribute: worst.attribute.clone(),
        since: conditions.iter().map(|condition| condition.since).min()?,
        simulated: conditions.iter().any(|condition| condition.simulated),
    })
}
