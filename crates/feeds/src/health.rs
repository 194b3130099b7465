//! How a feed is: what came, what was stored, what was not and why.

use std::collections::{BTreeMap, VecDeque};

use base::Time;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};

use crate::decode::Refusal;
use crate::definition::Definition;

/// Refusals that are kept to be looked at.
const REFUSALS_KEPT: usize = 20;
/// A feed is late when nothing was accepted for so many times what is expected.
const LATE_FACTOR: i64 = 2;
/// So many refusals in a row are no single bad record any more.
const REFUSED_IN_A_ROW: u64 = 20;

/// The state of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has come yet.
    Waiting,
    /// Readings come.
    Live,
    /// Nothing was accepted for twice the time in which something is expected.
    Late,
    /// The source cannot be reached, the store takes nothing, or all is refused.
    Failing,
    /// Switched off.
    Stopped,
}

/// How a feed is. Counts are since it was started: with the node, or with its definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Its name.
    pub name: String,
    /// The kind of its source.
    pub kind: &'static str,
    /// In a word.
    pub state: State,
    /// Records that came.
    pub received: u64,
    /// Records that are on disk.
    pub accepted: u64,
    /// Records that were not stored.
    pub refused: u64,
    /// Bytes of payloads that came.
    pub bytes: u64,
    /// Payloads that wait in its queue.
    pub queued: usize,
    /// When the newest reading was observed.
    #[serde(serialize_with = "moment")]
    pub last_reading_at: Option<Time>,
    /// When a record was last stored.
    #[serde(serialize_with = "moment")]
    pub last_accepted_at: Option<Time>,
    /// Seconds by which the newest reading is behind now.
    pub lag_seconds: Option<u64>,
    /// What the definition expects.
    pub expected_every_seconds: Option<u32>,
    /// What last went wrong.
    pub last_error: Option<LastError>,
    /// Refused records, and records taken with a part missing, by one word of why.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The last of them.
    pub refusals: Vec<RefusalSeen>,
    /// What it makes is simulated.
    pub simulated: bool,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When.
    #[serde(serialize_with = "a_moment")]
    pub at: Time,
    /// What, in a sentence.
    pub reason: String,
}

/// A record that was refused, or taken with a part missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalSeen {
    /// When.
    #[serde(serialize_with = "a_moment")]
    pub at: Time,
    /// Why, in a sentence.
    pub reason: String,
    /// The beginning of the record.
    pub sample: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference to the field"
)]
fn a_moment<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[expect(
    clippy::ref_option,
    reason = "serde hands over a reference to the field"
)]
fn moment<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

/// Counts for one feed.
#[derive(Debug)]
pub(crate) struct Meter {
    started_at: Time,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    received: u64,
    accepted: u64,
    refused: u64,
    bytes: u64,
    last_reading_at: Option<Time>,
    last_accepted_at: Option<Time>,
    last_error: Option<LastError>,
    /// The source or the store does not work now.
    broken: bool,
    refused_in_a_row: u64,
    reasons: BTreeMap<&'static str, u64>,
    refusals: VecDeque<RefusalSeen>,
}

impl Counts {
    fn seen(&mut self, at: Time, refusal: &Refusal, count: u64) {
        *self.reasons.entry(refusal.code).or_default() += count;
        if self.refusals.len() == REFUSALS_KEPT {
            self.refusals.pop_front();
        }
        self.refusals.push_back(RefusalSeen {
            at,
            reason: refusal.reason.clone(),
            sample: refusal.sample.clone(),
        });
    }
}

impl Meter {
    pub(crate) fn new(started_at: Time) -> Self {
        Self {
            started_at,
            counts: Mutex::default(),
        }
    }

    /// A payload of so many records came.
    pub(crate) fn received(&self, records: u64, bytes: usize) {
        let mut counts = self.counts.lock();
        counts.received += records;
        counts.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// So many records are on disk; the newest was observed then.
    pub(crate) fn accepted(&self, now: Time, records: u64, newest: Option<Time>) {
        let mut counts = self.counts.lock();
        counts.accepted += records;
        counts.refused_in_a_row = 0;
        counts.last_accepted_at = Some(now);
        counts.last_reading_at = counts.last_reading_at.max(newest);
    }

    /// Records were not stored.
    pub(crate) fn refused(&self, now: Time, refusal: &Refusal, count: u64) {
        let mut counts = self.counts.lock();
        counts.refused += count;
        counts.refused_in_a_row += count;
        counts.seen(now, refusal, count);
    }

    /// A record was stored with a part missing.
    pub(crate) fn without(&self, now: Time, reason: String, sample: String) {
        let refusal = Refusal::new("incomplete", reason, sample);
        self.counts.lock().seen(now, &refusal, 1);
    }

    /// The source cannot be reached, or the store takes nothing.
    pub(crate) fn broken(&self, now: Time, reason: impl Into<String>) {
        let mut counts = self.counts.lock();
        counts.broken = true;
        counts.last_error = Some(LastError {
            at: now,
            reason: reason.into(),
        });
    }

    /// How many records are on disk.
    pub(crate) fn accepted_so_far(&self) -> u64 {
        self.counts.lock().accepted
    }

    /// It works.
    pub(crate) fn works(&self) {
        self.counts.lock().broken = false;
    }

    /// What is to be said of the feed now.
    pub(crate) fn health(
        &self,
        name: &str,
        definition: &Definition,
        now: Time,
        queued: usize,
    ) -> Health {
        let counts = self.counts.lock();
        let source = &definition.source;
        let all_refused = counts.refused > 0 && counts.accepted == 0
            || counts.refused_in_a_row >= REFUSED_IN_A_ROW;
        let since = counts.last_accepted_at.unwrap_or(self.started_at);
        let patience = source
            .expected_every_seconds
            .map(|seconds| i64::from(seconds) * LATE_FACTOR * 1_000_000);
        let is_late = patience.is_some_and(|micros| now > since.plus_micros(micros));
        let state = if !source.enabled {
            State::Stopped
        } else if counts.broken || all_refused {
            State::Failing
        } else if is_late {
            State::Late
        } else if counts.last_accepted_at.is_none() {
            State::Waiting
        } else {
            State::Live
        };
        let refused_last = counts.refusals.back().filter(|_| all_refused);
        let refused_last = refused_last.map(|seen| LastError {
            at: seen.at,
            reason: seen.reason.clone(),
        });
        let lag = |reading: Time| {
            let micros = now.as_micros().saturating_sub(reading.as_micros()).max(0);
            u64::try_from(micros / 1_000_000).unwrap_or(0)
        };
        Health {
            name: name.to_owned(),
            kind: source.kind.word(),
            state,
            received: counts.received,
            accepted: counts.accepted,
            refused: counts.refused,
            bytes: counts.bytes,
            queued,
            last_reading_at: counts.last_reading_at,
            last_accepted_at: counts.last_accepted_at,
            lag_seconds: counts.last_reading_at.map(lag),
            expected_every_seconds: source.expected_every_seconds,
            last_error: if counts.broken {
                counts.last_error.clone()
            } else {
                refused_last.or_else(|| counts.last_error.clone())
            },
            reasons: counts.reasons.clone(),
            refusals: counts.refusals.iter().cloned().collect(),
            simulated: source.simulated,
        }
    }
}
