//! Listeners: whoever hears the notifications of a subscription as they come, beside its endpoint.
//!
//! Nothing is queued for anybody: a lane that is listened to remembers its last notifications, and a
//! listener which of them it has heard. So a slow one costs nothing, and one that comes back in
//! time misses nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use base::{Tasks, Tenant, Time};
use bytes::Bytes;
use ports::Clock;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::model::Subscription;

use super::Outbox;
use super::lane::{Lane, LaneKey, State};
use super::letter::Letter;

/// Notifications that are remembered for listeners, and their bytes; always the last one.
const RECENT_MAX: (usize, usize) = (256, 1024 * 1024);
/// Listeners of a node at once.
pub(super) const LISTENERS_MAX: usize = 1_000;
/// How long is remembered when nobody listens any more, in microseconds.
const LINGER_MICROS: i64 = 120_000_000;

/// The last notifications of a lane.
#[derive(Debug)]
pub(super) struct Recent {
    letters: VecDeque<Arc<Letter>>,
    bytes: usize,
    /// What has this key, or an earlier one, is not remembered.
    floor: u64,
    listeners: usize,
    /// Until when is remembered although nobody listens.
    until: Time,
    /// The key of the last one.
    last: watch::Sender<u64>,
}

impl Recent {
    fn from(floor: u64) -> Self {
        Self {
            letters: VecDeque::new(),
            bytes: 0,
            floor,
            listeners: 0,
            until: Time::MAX,
            last: watch::Sender::new(floor),
        }
    }

    /// Whether nobody may come back for it.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.listeners == 0 && self.until <= now
    }

    pub(super) fn add(&mut self, letter: &Arc<Letter>) {
        self.bytes += letter.bytes();
        self.letters.push_back(Arc::clone(letter));
        while self.letters.len() > RECENT_MAX.0
            || (self.bytes > RECENT_MAX.1 && self.letters.len() > 1)
        {
            if let Some(oldest) = self.letters.pop_front() {
                self.bytes = self.bytes.saturating_sub(oldest.bytes());
                self.floor = oldest.key;
            }
        }
        self.last.send_replace(letter.key);
    }

    /// The first after a key.
    fn after(&self, key: u64) -> Option<&Arc<Letter>> {
        let place = self.letters.partition_point(|letter| letter.key <= key);
        self.letters.get(place)
    }
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A notification.
    Told {
        /// Its number; it grows, also over a restart of the node.
        id: u64,
        /// The whole JSON of it [CIM-009 §5.3.1].
        body: Bytes,
    },
    /// What the listener has not heard yet is not remembered any more: it is too slow.
    TooSlow,
    /// The subscription is no more.
    Gone,
    /// The node stops.
    Stopping,
}

/// Hears the notifications of a subscription.
#[derive(Debug)]
pub struct Listener {
    lane: Arc<Lane>,
    /// What has this key, or an earlier one, was heard.
    after: u64,
    last: watch::Receiver<u64>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    has_missed: bool,
    _place: OwnedSemaphorePermit,
}

impl Outbox {
    /// Listens to a subscription from now on, or from after a notification that was heard before;
    /// `None`: too many listen already.
    pub fn listen(
        self: &Arc<Self>,
        tenant: &Tenant,
        subscription: &Arc<Subscription>,
        after: Option<u64>,
    ) -> Option<Listener> {
        let place = Arc::clone(&self.listeners).try_acquire_owned().ok()?;
        let lane = self.lane(LaneKey::of(tenant.clone(), subscription));
        let mut state = lane.state.lock();
        let floor = self.last_key();
        let recent = state.recent.get_or_insert_with(|| Recent::from(floor));
        recent.listeners += 1;
        let last = recent.last.subscribe();
        let latest = *last.borrow();
        // An id that nobody has heard yet is of another node, or made up.
        let after = after.map(|after| after.min(latest.max(floor)));
        let has_missed = after.is_some_and(|after| after < recent.floor);
        let begin = match after {
            Some(after) => after.max(recent.floor),
            None => latest.max(recent.floor),
        };
        state.is_gone = false;
        drop(state);
        Some(Listener {
            lane,
            after: begin,
            last,
            clock: Arc::clone(&self.means.clock),
            tasks: self.means.tasks.clone(),
            has_missed,
            _place: place,
        })
    }

    /// Ends the listening to a subscription that is no more.
    pub(super) fn hang_up(state: &mut State) {
        state.recent = None;
    }
}

impl Listener {
    /// The number of the last notification that was heard, or before which nothing is told.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// Whether something was missed before it began.
    pub fn has_missed(&self) -> bool {
        self.has_missed
    }

    /// The next notification. To give up waiting loses nothing.
    pub async fn next(&mut self) -> Heard {
        loop {
            self.last.mark_unchanged();
            if let Some(heard) = self.remembered() {
                return heard;
            }
            tokio::select! {
                biased;
                () = self.tasks.stopped() => return Heard::Stopping,
                changed = self.last.changed() => if changed.is_err() {
                    return Heard::Gone;
                },
            }
        }
    }

    fn remembered(&mut self) -> Option<Heard> {
        let state = self.lane.state.lock();
        let Some(recent) = &state.recent else {
            return Some(Heard::Gone);
        };
        if self.after < recent.floor {
            return Some(Heard::TooSlow);
        }
        let letter = recent.after(self.after)?;
        self.after = letter.key;
        Some(Heard::Told {
            id: letter.key,
            body: letter.body.clone(),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.lane.state.lock();
        if let Some(recent) = &mut state.recent {
            recent.listeners = recent.listeners.saturating_sub(1);
            recent.until = self.clock.now().plus_micros(LINGER_MICROS);
        }
    }
}
