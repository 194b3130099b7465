//! Delivery: notifications are brought to their endpoints [CIM-009 §5.8.6].
//!
//! Each subscription has a lane: its notifications in order, a few of them on their way at once as
//! long as they tell of different entities. A lane that fails waits ever longer and holds nobody
//! else up: it takes its turn among the doubtful, of whom few may be on their way at once. What
//! cannot be brought in time is put aside as a dead letter, kept in the store, and can be replayed.

mod aside;
mod dead;
mod follow;
mod host;
mod lane;
mod letter;
mod listen;
pub mod meters;
mod mqtt;
mod report;
mod send;
#[cfg(test)]
mod tests;
mod topic;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use base::{Name, Seq, Tasks, Tenant, Time};
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use ports::{Clock, Entropy, Outbound, Store, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::model::{Kind, Subscription};
use host::Hosts;
use lane::{Lane, LaneKey, Next};
use letter::{Letter, Open};
pub use listen::{Heard, Listener};
use mqtt::Brokers;
use send::Done;

/// Bytes of all notifications that wait in memory.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// A notification on its way.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Whose world.
    pub tenant: Tenant,
    /// Whose notification it is, and so where it goes.
    pub subscription: Arc<Subscription>,
    /// The entities it tells of: what tells of the same one comes in order.
    pub about: Vec<Name>,
    /// The whole JSON of it [CIM-009 §5.3.1].
    pub body: Bytes,
    /// Its `Content-Type`.
    pub content_type: String,
    /// The whole `Link` header, if there is one.
    pub link: Option<String>,
    /// The change it follows from; zero: none, it came from the clock.
    pub seq: Seq,
    /// When it was made.
    pub at: Time,
}

/// What delivery is made of.
#[derive(Debug, Clone)]
pub struct Means {
    /// Where dead letters are kept.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub outbound: Arc<dyn Outbound>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Chance, so that those who wait do not come back all at once.
    pub entropy: Arc<dyn Entropy>,
    /// Whose tasks its tasks are.
    pub tasks: Tasks,
}

/// Brings notifications to their endpoints.
#[derive(Debug)]
pub struct Outbox {
    means: Means,
    lanes: RwLock<HashMap<LaneKey, Arc<Lane>>>,
    hosts: Hosts,
    brokers: Brokers,
    open: Arc<Open>,
    /// Bytes of what waits in memory.
    bytes: AtomicUsize,
    next_key: AtomicU64,
    /// Lanes that have something to be written or erased.
    unsaved: Mutex<Vec<Arc<Lane>>>,
    /// Places of listeners.
    listeners: Arc<Semaphore>,
    /// Whether all was put aside after a stop.
    at_rest: watch::Sender<bool>,
}

impl Outbox {
    /// Reads what was put aside and is ready to bring notifications.
    pub async fn start(means: Means) -> Result<Arc<Self>, StoreError> {
        let now = means.clock.now();
        let outbox = Arc::new(Self {
            // Keys grow over a restart too, as long as the clock does.
            next_key: AtomicU64::new(u64::try_from(now.as_micros()).unwrap_or(0)),
            lanes: RwLock::default(),
            hosts: Hosts::default(),
            brokers: Brokers::default(),
            open: Arc::default(),
            bytes: AtomicUsize::new(0),
            unsaved: Mutex::default(),
            listeners: Arc::new(Semaphore::new(listen::LISTENERS_MAX)),
            at_rest: watch::Sender::new(false),
            means,
        });
        outbox.read_aside().await?;
        let keeping = Arc::clone(&outbox);
        let tasks = outbox.means.tasks.clone();
        tasks.spawn("dead letters", async move { keeping.keep_aside().await });
        Ok(outbox)
    }

    /// Takes a notification to be brought to its endpoint. It never waits: what there is no room
    /// for in memory becomes a dead letter.
    pub fn push(self: &Arc<Self>, notification: Notification) {
        let now = self.means.clock.now();
        let to = notification.subscription;
        let lane = self.lane(LaneKey::of(notification.tenant, &to));
        let letter = Arc::new(Letter {
            key: self.next_key.fetch_add(1, Ordering::Relaxed),
            about: notification.about,
            body: notification.body,
            content_type: notification.content_type,
            link: notification.link,
            at: notification.at,
            open: self.open.begin(notification.seq),
        });
        let is_full = self.bytes.load(Ordering::Relaxed) > BYTES_MAX;
        let became = lane.take(&to, letter, now, is_full);
        self.account(&lane, became);
    }

    /// Every notification that follows from a change at or before this one was delivered, or put
    /// aside for good; the greatest number when nothing is open.
    pub fn settled(&self) -> Seq {
        self.open.settled()
    }

    /// Returns when, after a stop, what waited was put aside.
    pub async fn rested(&self) {
        let mut at_rest = self.at_rest.subscribe();
        // It ends only with the outbox, which is borrowed here.
        let _never_closed = at_rest.wait_for(|is_at_rest| *is_at_rest).await.is_ok();
    }

    /// A subscription is loaded, or is another one now: what waits goes where it says.
    pub fn introduce(self: &Arc<Self>, tenant: &Tenant, to: &Arc<Subscription>) {
        if let Some(lane) = self.known(&LaneKey::of(tenant.clone(), to)) {
            let became = lane.introduce(to);
            self.account(&lane, became);
        }
    }

    /// Whatever was still to be brought for a subscription is dropped: it is no more.
    pub fn forget(self: &Arc<Self>, tenant: &Tenant, kind: Kind, id: &Name) {
        let key = LaneKey {
            tenant: tenant.clone(),
            kind,
            id: id.clone(),
        };
        if let Some(lane) = self.known(&key) {
            let became = lane.forget();
            self.account(&lane, became);
        }
    }

    fn known(&self, key: &LaneKey) -> Option<Arc<Lane>> {
        self.lanes.read().get(key).map(Arc::clone)
    }

    fn lane(&self, key: LaneKey) -> Arc<Lane> {
        if let Some(lane) = self.known(&key) {
            return lane;
        }
        let mut lanes = self.lanes.write();
        let lane = lanes
            .entry(key)
            .or_insert_with_key(|key| Arc::new(Lane::new(key.clone())));
        Arc::clone(lane)
    }

    fn note_bytes(&self, became: &lane::Became) {
        if became.added > 0 {
            self.bytes.fetch_add(became.added, Ordering::Relaxed);
        }
        if became.removed > 0 {
            self.bytes.fetch_sub(became.removed, Ordering::Relaxed);
        }
    }

    /// The key of the last letter.
    fn last_key(&self) -> u64 {
        self.next_key.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Follows what has become of a lane.
    fn account(self: &Arc<Self>, lane: &Arc<Lane>, became: lane::Became) {
        self.note_bytes(&became);
        if became.is_unsaved {
            self.unsaved.lock().push(Arc::clone(lane));
        }
        if became.must_run {
            let (outbox, lane) = (Arc::clone(self), Arc::clone(lane));
            self.means
                .tasks
                .spawn("a lane of notifications", async move {
                    outbox.run(lane).await;
                });
        }
    }

    /// Brings what is in a lane until nothing is left in it.
    async fn run(self: Arc<Self>, lane: Arc<Lane>) {
        let mut flying = FuturesUnordered::new();
        loop {
            let until = match lane.next(self.means.clock.now()) {
                Next::Go(to, letter) => {
                    flying.push(self.attempt(&lane, to, letter));
                    continue;
                }
                Next::Rest => return,
                Next::Wait(until) => until,
            };
            let done: Option<Done> = tokio::select! {
                biased;
                () = self.means.tasks.stopped() => return,
                done = flying.next(), if !flying.is_empty() => done,
                () = lane.stirred() => None,
                () = self.means.clock.sleep_until(until) => None,
            };
            if let Some(done) = done {
                let now = self.means.clock.now();
                let became = lane.settle(done, now, self.means.entropy.as_ref());
                self.account(&lane, became);
            }
        }
    }
}
