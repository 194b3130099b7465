//! Who is told of which registration [CIM-009 §5.11].
//!
//! One task follows the registrations, those who subscribed to them and the clock, so that what
//! happens is told in the order in which it happened.
//! Limit: what happened just before a crash of the node is not told after it; a stop loses nothing.

mod notice;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Name, Seq, Tasks, Tenant, Time};
use ports::{Clock, Entropy};
use subscriptions::model::Status;
use subscriptions::{Keeper, Outbox, Subscription};
use tokio::sync::mpsc;

use crate::registration::Registration;
use crate::registry::{Discovery, Registry, RegistryChange};
use notice::{Notice, Reason};

/// Changes of registrations that may wait to be told; who makes more waits with them.
pub(crate) const CHANGES_MAX: usize = 1_024;
/// Registrations that one notification tells of; more make another notification.
const NOTICE_REGISTRATIONS_MAX: usize = 1_000;
/// Microseconds between two looks for what has expired.
const SWEEP_MICROS: i64 = 1_000_000;

/// Where changes of registrations come from, in their order.
pub(crate) type Changes = mpsc::Receiver<(Tenant, RegistryChange)>;

/// What the task is made of.
#[derive(Debug)]
pub(crate) struct SourceParts {
    /// The registrations.
    pub(crate) registry: Arc<Registry>,
    /// Who subscribed to them.
    pub(crate) keeper: Arc<Keeper>,
    /// Where notifications go.
    pub(crate) outbox: Arc<Outbox>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// The task, between two events.
#[derive(Debug)]
struct Follower {
    parts: SourceParts,
    /// The version of the subscriptions that is known.
    version: u64,
    known: HashMap<(Tenant, Name), Followed>,
}

/// A subscription, and when it was and will be told something.
#[derive(Debug)]
struct Followed {
    subscription: Arc<Subscription>,
    /// When it was last told something.
    last: Option<Time>,
    /// When it is to be told all, if it wants that now and then.
    due: Option<Time>,
}

/// Begins to follow. What stood before the start of the node was told before it.
pub(crate) fn start(parts: SourceParts, mut changes: Changes, tasks: &Tasks) {
    let mut versions = parts.keeper.versions();
    let mut follower = Follower::new(parts);
    let node = tasks.clone();
    tasks.spawn("subscriptions to registrations", async move {
        let clock = Arc::clone(&follower.parts.clock);
        let mut sweep_at = clock.now().plus_micros(SWEEP_MICROS);
        loop {
            let until = follower
                .next_due()
                .map_or(sweep_at, |due| due.min(sweep_at));
            tokio::select! {
                biased;
                () = node.stopped() => return,
                // First what happened before somebody subscribed, who is told of all at once.
                change = changes.recv() => match change {
                    Some((tenant, change)) => follower.registration_changed(&tenant, &change),
                    None => return,
                },
                newer = versions.changed() => {
                    if newer.is_err() {
                        return;
                    }
                    follower.read_subscriptions();
                }
                () = clock.sleep_until(until) => {
                    follower.tell_those_due();
                    if clock.now() >= sweep_at {
                        follower.sweep().await;
                        sweep_at = clock.now().plus_micros(SWEEP_MICROS);
                    }
                }
            }
        }
    });
}

impl Follower {
    fn new(parts: SourceParts) -> Self {
        let (version, all) = parts.keeper.everything();
        let now = parts.clock.now();
        let known = all.into_iter().map(|(tenant, subscription)| {
            let due = first_due(&subscription, now);
            let followed = Followed {
                last: None,
                due,
                subscription,
            };
            ((tenant, followed.subscription.id.clone()), followed)
        });
        Self {
            known: known.collect(),
            version,
            parts,
        }
    }

    /// Who subscribed or changed a subscription is told all that matches now [CIM-009 §5.11.7].
    fn read_subscriptions(&mut self) {
        let now = self.parts.clock.now();
        let Some((version, updates)) = self.parts.keeper.since(self.version) else {
            // So many at once that they are not remembered one by one.
            let (version, all) = self.parts.keeper.everything();
            self.version = version;
            let there = all.into_iter().map(|(t, s)| ((t, s.id.clone()), s));
            let mut there: HashMap<_, _> = there.collect();
            self.known.retain(|key, known| {
                let now = there.get(key);
                now.is_some_and(|now| Arc::ptr_eq(now, &known.subscription))
            });
            there.retain(|key, _| !self.known.contains_key(key));
            for ((tenant, _), subscription) in there {
                self.begin(tenant, subscription, now);
            }
            return;
        };
        self.version = version;
        for update in updates {
            match update.now {
                Some(subscription) => self.begin(update.tenant, subscription, now),
                None => {
                    self.known.remove(&(update.tenant, update.id));
                }
            }
        }
    }

    fn begin(&mut self, tenant: Tenant, subscription: Arc<Subscription>, now: Time) {
        let mut followed = Followed {
            due: first_due(&subscription, now),
            last: None,
            subscription,
        };
        let found = self.found(&tenant, &followed.subscription);
        self.tell(&tenant, &mut followed, Reason::NewlyMatching, &found);
        let id = followed.subscription.id.clone();
        self.known.insert((tenant, id), followed);
    }

    fn found(&self, tenant: &Tenant, subscription: &Subscription) -> Vec<Arc<Registration>> {
        let wanted = Discovery::of(subscription);
        self.parts.registry.discover(tenant, &wanted)
    }

    fn registration_changed(&mut self, tenant: &Tenant, change: &RegistryChange) {
        let now = self.parts.clock.now();
        let mut known = std::mem::take(&mut self.known);
        let theirs = known.iter_mut().filter(|((of, _), _)| of == tenant);
        for (_, followed) in theirs {
            if followed.subscription.time_interval.is_some() {
                continue;
            }
            let wanted = Discovery::of(&followed.subscription);
            let finds = |one: &Option<Arc<Registration>>| {
                one.clone()
                    .filter(|registration| wanted.finds(registration, now))
            };
            // Whether it had expired in the meantime: a change of it is the first that tells so.
            let (reason, told) = match (
                finds_ever(&wanted, change.before.as_ref()),
                finds(&change.after),
            ) {
                (None, None) => continue,
                (None, Some(after)) => (Reason::NewlyMatching, after),
                (Some(_), Some(after)) => (Reason::Updated, after),
                (Some(before), None) => (Reason::NoLongerMatching, before),
            };
            self.tell(tenant, followed, reason, &[told]);
        }
        self.known = known;
    }

    /// Those who want to be told all now and then.
    fn tell_those_due(&mut self) {
        let now = self.parts.clock.now();
        let mut known = std::mem::take(&mut self.known);
        for ((tenant, _), followed) in &mut known {
            let is_due = followed.due.is_some_and(|due| due <= now);
            let Some(every) = followed.subscription.time_interval.filter(|_| is_due) else {
                continue;
            };
            followed.due = Some(now.plus_micros(micros(every)));
            let found = self.found(tenant, &followed.subscription);
            self.tell(tenant, followed, Reason::Updated, &found);
        }
        self.known = known;
    }

    fn next_due(&self) -> Option<Time> {
        self.known
            .values()
            .filter_map(|followed| followed.due)
            .min()
    }

    async fn sweep(&mut self) {
        match self.parts.registry.sweep().await {
            Ok(expired) => {
                for (tenant, registration) in expired {
                    let change = RegistryChange {
                        before: Some(registration),
                        after: None,
                    };
                    self.registration_changed(&tenant, &change);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "expired registrations stay until they can be taken away");
            }
        }
    }

    /// Tells of registrations, if the subscription wants to be told now.
    fn tell(
        &self,
        tenant: &Tenant,
        followed: &mut Followed,
        reason: Reason,
        registrations: &[Arc<Registration>],
    ) {
        let now = self.parts.clock.now();
        let subscription = &followed.subscription;
        let is_too_soon = subscription.throttling.is_some_and(|least| {
            let next = |last: Time| last.plus_micros(micros(least));
            followed.last.is_some_and(|last| now < next(last))
        });
        // Its owner may have paused or ended it since it was last read.
        let current = self.parts.keeper.get(tenant, &subscription.id);
        let wants = current.is_ok_and(|current| current.status(now) == Status::Active);
        if !wants || is_too_soon {
            return;
        }
        for some in registrations.chunks(NOTICE_REGISTRATIONS_MAX) {
            let notice = Notice {
                subscription,
                reason,
                registrations: some,
                at: now,
            };
            let notification = notice.notification(tenant, &*self.parts.entropy);
            self.parts.outbox.push(notification);
            followed.last = Some(now);
        }
    }
}

/// As [`Discovery::finds`], of a registration that may have expired since.
fn finds_ever(wanted: &Discovery, before: Option<&Arc<Registration>>) -> Option<Arc<Registration>> {
    let before = before?;
    wanted
        .finds(before, before.modified_at)
        .then(|| Arc::clone(before))
}

fn first_due(subscription: &Subscription, now: Time) -> Option<Time> {
    let every = subscription.time_interval?;
    Some(now.plus_micros(micros(every)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A notification of registrations follows from no change of the log that is followed.
const FROM_NO_CHANGE: Seq = Seq::ZERO;
