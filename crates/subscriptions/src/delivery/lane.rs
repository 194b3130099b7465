//! A lane: the notifications of one subscription, in order, and what has become of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{Name, Tenant, Time};
use parking_lot::Mutex;
use ports::Entropy;
use tokio::sync::Notify;

use crate::model::{Kind, Subscription};

use super::Outbox;
use super::dead::Dead;
use super::letter::Letter;
use super::listen::Recent;
use super::meters;
use super::send::{Done, Outcome};

/// Notifications that wait in a lane, and their bytes: a batch of all that a city has.
const WAITING_MAX: (usize, usize) = (10_000, 16 * 1024 * 1024);
/// The same while the lane fails: there is no hurry, and many may fail at once.
const FAILING_MAX: (usize, usize) = (1_000, 4 * 1024 * 1024);
/// Notifications of one lane on their way at once.
const FLYING_MAX: usize = 8;
/// Notifications of a lane that are looked at for one that may go.
const SEEN_MAX: usize = 64;
/// Attempts of one notification.
const ATTEMPTS_MAX: u32 = 10;
/// How long a notification is tried, in microseconds.
const PATIENCE_MICROS: i64 = 600_000_000;
/// The first pause after a failure, and the longest, in microseconds.
const PAUSE_MICROS: (i64, i64) = (1_000_000, 60_000_000);
/// Attempts that are remembered to be shown.
const SHOWN_MAX: usize = 20;

/// Whose lane it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) tenant: Tenant,
    pub(super) kind: Kind,
    pub(super) id: Name,
}

impl LaneKey {
    pub(super) fn of(tenant: Tenant, subscription: &Subscription) -> Self {
        Self {
            tenant,
            kind: subscription.kind,
            id: subscription.id.clone(),
        }
    }
}

/// The notifications of one subscription.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) key: LaneKey,
    pub(super) state: Mutex<State>,
    stir: Notify,
}

/// What is in a lane.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Where its notifications go; none as long as the subscription was not seen.
    pub(super) to: Option<Arc<Subscription>>,
    pub(super) waiting: BTreeMap<u64, Waiting>,
    pub(super) bytes: usize,
    pub(super) dead: BTreeMap<u64, Dead>,
    pub(super) dead_bytes: usize,
    /// Keys of what stands in the store and is to be erased there.
    pub(super) erase: Vec<u64>,
    /// Failures in a row.
    pub(super) failures: u32,
    last_failure_at: Option<Time>,
    /// Nothing is tried before.
    pub(super) next_at: Option<Time>,
    pub(super) attempts: VecDeque<Attempt>,
    /// Notifications that were taken, attempts that failed, dead letters that were dropped.
    pub(super) told: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
    /// Its last notifications, as long as somebody listens.
    pub(super) recent: Option<Recent>,
    is_running: bool,
    pub(super) is_unsaved: bool,
    /// Letters that began to wait until then are to be written.
    pub(super) write_until: Option<Time>,
    /// Whether the subscription is no more.
    pub(super) is_gone: bool,
}

/// A notification that waits or is on its way.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) letter: Arc<Letter>,
    pub(super) attempts: u32,
    is_flying: bool,
    not_before: Time,
    /// When it is given up.
    pub(super) until: Time,
    pub(super) is_stored: bool,
}

/// An attempt that was made.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) at: Time,
    pub(super) took_micros: i64,
    pub(super) status: Option<u16>,
    /// Why it failed; none: it was taken.
    pub(super) reason: Option<String>,
}

/// What is to be done next in a lane.
#[derive(Debug)]
pub(super) enum Next {
    /// Bring this.
    Go(Arc<Subscription>, Arc<Letter>),
    /// Nothing before this time, unless something happens.
    Wait(Time),
    /// Nothing is left: the task may end.
    Rest,
}

/// What has become of a lane by what was done to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Became {
    /// Bytes added to memory.
    pub(super) added: usize,
    /// Bytes taken out of it.
    pub(super) removed: usize,
    /// Whether a task has to be begun for it.
    pub(super) must_run: bool,
    /// Whether something is to be written or erased, and was not before.
    pub(super) is_unsaved: bool,
}

impl Lane {
    pub(super) fn new(key: LaneKey) -> Self {
        Self {
            key,
            state: Mutex::default(),
            stir: Notify::new(),
        }
    }

    /// Returns when something has changed in it.
    pub(super) async fn stirred(&self) {
        self.stir.notified().await;
    }

    /// Does something to the lane and says what has become of it.
    pub(super) fn change(&self, act: impl FnOnce(&mut State)) -> Became {
        let mut state = self.state.lock();
        let before = state.bytes;
        act(&mut state);
        let must_run = !state.is_running && state.to.is_some() && !state.waiting.is_empty();
        state.is_running |= must_run;
        let is_unsaved = !state.is_unsaved && state.has_unsaved();
        state.is_unsaved |= is_unsaved;
        let became = Became {
            added: state.bytes.saturating_sub(before),
            removed: before.saturating_sub(state.bytes),
            must_run,
            is_unsaved,
        };
        drop(state);
        if !must_run {
            self.stir.notify_one();
        }
        became
    }

    /// Takes a letter; if there is no room, the oldest that waits becomes a dead one.
    pub(super) fn take(
        &self,
        to: &Arc<Subscription>,
        letter: Arc<Letter>,
        now: Time,
        is_full: bool,
    ) -> Became {
        self.change(|state| {
            state.to = Some(Arc::clone(to));
            state.is_gone = false;
            if let Some(recent) = &mut state.recent {
                recent.add(&letter);
            }
            state.add(letter, now, false);
            let (letters_max, bytes_max) = if state.failures > 0 {
                FAILING_MAX
            } else {
                WAITING_MAX
            };
            while state.waiting.len() > 1
                && (is_full || state.waiting.len() > letters_max || state.bytes > bytes_max)
            {
                let grounded = state.waiting.iter().find(|(_, one)| !one.is_flying);
                let Some(key) = grounded.map(|(key, _)| *key) else {
                    break;
                };
                let last = state.attempts.back().and_then(|last| last.reason.as_ref());
                let reason = match last {
                    Some(last) => format!("too many wait: {last}"),
                    None => "too many wait: the receiver is slower than the changes".to_owned(),
                };
                state.bury(key, &reason, now);
                if is_full {
                    break;
                }
            }
        })
    }

    /// The receiver is this one now.
    pub(super) fn introduce(&self, to: &Arc<Subscription>) -> Became {
        self.change(|state| state.to = Some(Arc::clone(to)))
    }

    /// Drops everything.
    pub(super) fn forget(&self) -> Became {
        self.change(|state| {
            let stored = state.waiting.iter().filter(|(_, one)| one.is_stored);
            let buried = state.dead.iter().filter(|(_, one)| one.is_stored);
            let keys = stored.map(|(key, _)| *key);
            let keys: Vec<u64> = keys.chain(buried.map(|(key, _)| *key)).collect();
            state.erase.extend(keys);
            for one in std::mem::take(&mut state.waiting).into_values() {
                one.letter.open.close();
            }
            for dead in std::mem::take(&mut state.dead).into_values() {
                dead.close();
            }
            Outbox::hang_up(state);
            (state.bytes, state.dead_bytes) = (0, 0);
            state.is_gone = true;
        })
    }

    /// What is to be done next. After [`Next::Rest`] the task must end.
    pub(super) fn next(&self, now: Time) -> Next {
        let mut state = self.state.lock();
        let next = state.next(now);
        if matches!(next, Next::Rest) {
            state.is_running = false;
        }
        next
    }

    /// Notes how an attempt went.
    pub(super) fn settle(&self, done: Done, now: Time, entropy: &dyn Entropy) -> Became {
        self.change(|state| state.settle(done, now, entropy))
    }
}

impl State {
    /// Adds a letter that waits.
    pub(super) fn add(&mut self, letter: Arc<Letter>, now: Time, is_stored: bool) {
        self.bytes += letter.bytes();
        let waiting = Waiting {
            attempts: 0,
            is_flying: false,
            not_before: now,
            until: now.plus_micros(PATIENCE_MICROS),
            is_stored,
            letter,
        };
        self.waiting.insert(waiting.letter.key, waiting);
    }

    fn next(&mut self, now: Time) -> Next {
        let Some(to) = &self.to else {
            return Next::Rest;
        };
        if self.waiting.is_empty() {
            return Next::Rest;
        }
        let flying = self.waiting.values().filter(|one| one.is_flying).count();
        let flying_max = if self.failures > 0 { 1 } else { FLYING_MAX };
        if flying >= flying_max {
            return Next::Wait(Time::MAX);
        }
        if let Some(next_at) = self.next_at
            && next_at > now
        {
            return Next::Wait(next_at);
        }
        let mut before: Vec<&Arc<Letter>> = Vec::new();
        let mut earliest = Time::MAX;
        let mut chosen = None;
        for (key, one) in self.waiting.iter().take(SEEN_MAX) {
            let is_free = !one.is_flying && !before.iter().any(|other| one.letter.follows(other));
            if is_free && one.not_before <= now {
                chosen = Some(*key);
                break;
            }
            if is_free {
                earliest = earliest.min(one.not_before);
            }
            before.push(&one.letter);
        }
        match chosen.and_then(|key| self.waiting.get_mut(&key)) {
            Some(one) => {
                one.is_flying = true;
                Next::Go(Arc::clone(to), Arc::clone(&one.letter))
            }
            None => Next::Wait(earliest),
        }
    }

    fn settle(&mut self, done: Done, now: Time, entropy: &dyn Entropy) {
        let Done {
            key,
            to,
            attempt,
            outcome,
        } = done;
        let Some(one) = self.waiting.get_mut(&key) else {
            return;
        };
        one.is_flying = false;
        // A notification is counted once, however often it is tried [CIM-009 §5.8.6].
        let is_first = one.attempts == 0;
        if is_first && !matches!(outcome, Outcome::Held { .. }) {
            to.stats.sent(attempt.at);
        }
        match outcome {
            Outcome::Held { until } => {
                self.next_at = Some(until);
                self.give_up_old(now);
                return;
            }
            Outcome::Told => {
                self.told += 1;
                metrics::counter!(meters::DELIVERED).increment(1);
                (self.failures, self.next_at) = (0, None);
                self.remove(key);
                to.stats.succeeded(now);
            }
            Outcome::Refused(reason) => {
                self.failed += 1;
                metrics::counter!(meters::FAILED).increment(1);
                self.bury(key, &reason, now);
                if let Some(cooldown) = cooldown(&to) {
                    self.next_at = Some(now.plus_micros(cooldown));
                }
                to.stats.failed(now, is_first);
            }
            Outcome::Failed(reason) => {
                one.attempts += 1;
                self.failed += 1;
                metrics::counter!(meters::FAILED).increment(1);
                // Several that fail together are one failure of the receiver.
                if self.last_failure_at.is_none_or(|last| attempt.at >= last) {
                    self.failures = self.failures.saturating_add(1);
                }
                self.last_failure_at = Some(now);
                let pause = pause(self.failures.max(one.attempts), entropy);
                let pause = pause.max(cooldown(&to).unwrap_or(0));
                one.not_before = now.plus_micros(pause);
                self.next_at = Some(one.not_before);
                if one.attempts >= ATTEMPTS_MAX {
                    self.bury(key, &reason, now);
                }
                self.note(attempt);
                self.give_up_old(now);
                to.stats.failed(now, is_first);
                return;
            }
        }
        self.note(attempt);
    }

    fn note(&mut self, attempt: Attempt) {
        if self.attempts.len() >= SHOWN_MAX {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }

    /// Gives up what has been tried for too long.
    fn give_up_old(&mut self, now: Time) {
        let old = self.waiting.iter();
        let old = old.filter(|(_, one)| one.until <= now && !one.is_flying);
        let old: Vec<u64> = old.map(|(key, _)| *key).collect();
        let last = self.attempts.iter().rev();
        let mut last = last.filter_map(|attempt| attempt.reason.clone());
        let reason = last
            .next()
            .unwrap_or_else(|| "the receiver's host does not answer".to_owned());
        for key in old {
            self.bury(key, &reason, now);
        }
    }

    /// Takes a letter out of those that wait.
    fn remove(&mut self, key: u64) -> Option<Waiting> {
        let one = self.waiting.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(one.letter.bytes());
        one.letter.open.close();
        if one.is_stored {
            self.erase.push(key);
        }
        Some(one)
    }
}

impl Waiting {
    /// Since when it is tried.
    pub(super) fn began_at(&self) -> Time {
        self.until.plus_micros(-PATIENCE_MICROS)
    }
}

/// How long a receiver is left alone after a failure, in microseconds.
fn cooldown(to: &Subscription) -> Option<i64> {
    let cooldown = to.notification.endpoint.cooldown?;
    i64::try_from(cooldown.as_micros()).ok()
}

/// Twice as long after each failure, and between half and all of it by chance.
fn pause(failures: u32, entropy: &dyn Entropy) -> i64 {
    let doubled = PAUSE_MICROS.0 << failures.saturating_sub(1).min(10);
    let longest = doubled.min(PAUSE_MICROS.1);
    let mut chance = [0_u8; 2];
    entropy.fill(&mut chance);
    longest / 2 + longest / 2 * i64::from(u16::from_be_bytes(chance)) / i64::from(u16::MAX)
}
