//! The engine: a tail of the log that decides which change concerns whom, and what they are told
//! [CIM-009 §5.8.6].
//!
//! The changes of one moment are told together: to each subscription in one notification, unless
//! an entity changed twice. What happened to one entity is told in the order in which it happened.
//! The cursor `subscriptions` moves only behind what has been delivered or put aside, so that after
//! a restart everything that follows from a change is told at least once.

mod body;
mod concern;
mod gathered;
mod happening;
mod index;
mod linked;
mod news;
mod timetable;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Kind as ErrorKind, Name, Seq, Tasks, Tenant, Time};
use bytes::Bytes;
use ngsi::Entity;
use ngsi::query::QExpr;
use ports::{Batch, Change, Clock, Entropy, Fact, Store, StoreError};

use crate::delivery::{Notification, Outbox};
use crate::keeper::Keeper;
use crate::model::{Join, Subscription};
use body::{Item, Notice};
use concern::{concerns, may_concern};
use gathered::{Gathered, latest, rounds};
use happening::Happening;
use index::{Index, Slot};
use linked::Linked;
use news::{Follower, News};

/// The name of the cursor.
const CURSOR: &str = "subscriptions";
/// Changes that are read at once.
const PAGE: usize = 1_000;
/// Entities that one notification tells of, and their bytes; more make another notification.
const ITEMS_MAX: usize = 1_000;
const ITEMS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The cursor is written so often.
const SAVE_MICROS: i64 = 1_000_000;
/// A store that does not answer is asked again after so long.
const AGAIN_MICROS: i64 = 1_000_000;
/// Pairs of a change and whom it concerns that are gathered before they are told: bounds the memory
/// when many changes of one moment concern many.
const PAIRS_MAX: usize = 100_000;
/// Notifications that are written before others get a turn.
const TURN: usize = 32;

/// Who brings notifications to their endpoints.
#[async_trait]
pub(crate) trait Teller: Send + Sync + std::fmt::Debug {
    /// Takes a notification.
    fn push(&self, notification: Notification);
    /// Everything that follows from a change up to this one was delivered or put aside.
    fn settled(&self) -> Seq;
    /// Returns when, after a stop, what waited was put aside.
    async fn rested(&self);
}

#[async_trait]
impl Teller for Arc<Outbox> {
    fn push(&self, notification: Notification) {
        Outbox::push(self, notification);
    }

    fn settled(&self) -> Seq {
        Outbox::settled(self)
    }

    async fn rested(&self) {
        Outbox::rested(self).await;
    }
}

/// What the engine is made of.
#[derive(Debug, Clone)]
pub(crate) struct EngineParts {
    /// The log and the entities.
    pub(crate) store: Arc<dyn Store>,
    /// The subscriptions.
    pub(crate) keeper: Arc<Keeper>,
    /// Where notifications go.
    pub(crate) teller: Arc<dyn Teller>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// Begins to follow the log, from where it was left or else from its head, and the clock.
pub(crate) async fn start(parts: EngineParts, tasks: &Tasks) -> Result<(), StoreError> {
    let engine = Engine::open(parts.clone()).await?;
    let node = tasks.clone();
    tasks.spawn("subscriptions", async move { engine.follow(&node).await });
    let node = tasks.clone();
    tasks.spawn("subscriptions' timetable", async move {
        timetable::follow(parts, &node).await;
    });
    Ok(())
}

/// Whom changes concern, and nothing else: to measure what finding that costs. The changes are
/// those of one tenant.
#[derive(Debug, Default)]
pub struct Concerned {
    index: Index<()>,
}

impl Concerned {
    /// Puts a subscription in the place of the one of its id.
    pub fn insert(&mut self, subscription: Arc<Subscription>) {
        self.index.insert(subscription, ());
    }

    /// The subscriptions that a change concerns; linked entities are not looked into.
    pub fn by(&self, change: &Change) -> Vec<Arc<Subscription>> {
        let Some(happening) = Happening::read(change, None) else {
            return Vec::new();
        };
        let candidates = self.index.candidates(&happening).into_iter();
        let found = candidates.filter_map(|slot| self.index.get(slot));
        let found = found.map(|(subscription, ())| subscription);
        found
            .filter(|subscription| concerns(&happening, subscription, &|_| None))
            .map(Arc::clone)
            .collect()
    }
}

/// Tells one subscription of entities that somebody else told this node of, and of those that are
/// gone since a moment. They are of no change of its own: after a restart who told them tells them
/// again.
pub(crate) async fn relay(
    parts: &EngineParts,
    tenant: &Tenant,
    subscription: &Arc<Subscription>,
    there: &[Arc<Entity>],
    gone: &[(Arc<Entity>, Time)],
) -> Result<(), StoreError> {
    let gone: Vec<Happening> = gone
        .iter()
        .map(|(entity, at)| Happening::heard_gone(entity, *at))
        .collect();
    let there = there.iter().map(|one| (Seq::ZERO, Item::There(one)));
    let gone = gone.iter().map(|one| (Seq::ZERO, Item::Happened(one)));
    let items = there.chain(gone).collect();
    push(parts, tenant, subscription, items).await
}

/// When a subscription was last told something; for throttling.
type Last = Option<Time>;

/// The engine.
#[derive(Debug)]
struct Engine {
    parts: EngineParts,
    follower: Follower,
    tenants: HashMap<Tenant, Index<Last>>,
    /// The last change that was read.
    seq: Seq,
    /// The cursor, as it was last written.
    saved: Seq,
    /// When it is to be written next.
    save_at: Time,
}

impl Engine {
    async fn open(parts: EngineParts) -> Result<Self, StoreError> {
        let head = parts.store.head();
        let cursor = parts.store.cursor(CURSOR).await?;
        // A node that fell before it first wrote a cursor has told of some changes at most: it
        // begins behind the oldest subscription.
        let (_, standing) = parts.keeper.everything();
        let oldest = standing.iter().map(|(_, one)| one.since).min();
        Ok(Self {
            follower: Follower::new(Arc::clone(&parts.keeper)),
            tenants: HashMap::new(),
            seq: cursor.or(oldest).unwrap_or(head),
            saved: cursor.unwrap_or_default(),
            save_at: parts.clock.now(),
            parts,
        })
    }

    /// Follows the log until the node stops.
    async fn follow(mut self, node: &Tasks) {
        let mut versions = self.parts.keeper.versions();
        while !node.is_stopping() {
            let more = match self.read_on().await {
                Ok(more) => more,
                Err(reason) => {
                    tracing::warn!(%reason, "subscriptions cannot read the log; they try again");
                    self.wait(node).await;
                    continue;
                }
            };
            if self.parts.clock.now() >= self.save_at {
                self.save().await;
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let is_behind = self.saved < self.seq;
            tokio::select! {
                biased;
                () = node.stopped() => {}
                beyond = self.parts.store.beyond(self.seq) => if beyond.is_err() {
                    self.wait(node).await;
                },
                _changed = versions.changed() => {}
                () = self.parts.clock.sleep_until(self.save_at), if is_behind => {}
            }
        }
        self.parts.teller.rested().await;
        self.save().await;
    }

    /// Waits a little, unless the node stops.
    async fn wait(&self, node: &Tasks) {
        let clock = &self.parts.clock;
        tokio::select! {
            biased;
            () = node.stopped() => {}
            () = clock.sleep_until(clock.now().plus_micros(AGAIN_MICROS)) => {}
        }
    }

    /// Writes the cursor, if it moved.
    async fn save(&mut self) {
        let now = self.parts.clock.now();
        self.save_at = now.plus_micros(SAVE_MICROS);
        let reached = self.seq.min(self.parts.teller.settled());
        if reached <= self.saved {
            return;
        }
        let batch = Batch {
            tenant: Tenant::default_tenant(),
            time: now,
            acts: Vec::new(),
            cursor: Some((Name::from(CURSOR), reached)),
        };
        match self.parts.store.commit(batch).await {
            Ok(_) => self.saved = reached,
            Err(reason) => {
                tracing::warn!(%reason, "how far subscriptions have come is not written down");
            }
        }
    }

    /// Takes the next changes of the log; returns whether there are more.
    async fn read_on(&mut self) -> Result<bool, StoreError> {
        let changes = match self.parts.store.changes(self.seq, PAGE).await {
            Ok(changes) => changes,
            Err(error) if matches!(error.kind(), ErrorKind::Limit | ErrorKind::Corrupt) => {
                let head = self.parts.store.head();
                tracing::error!(
                    from = self.seq.0, to = head.0, reason = %error,
                    "changes cannot be read back: what follows from them is not told"
                );
                self.seq = head;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        // Whoever was told that a subscription stands wrote what is read here after that.
        self.learn();
        let is_full = changes.len() >= PAGE;
        let mut moments: Vec<&[Change]> = changes
            .chunk_by(|a, b| a.time == b.time && a.tenant == b.tenant)
            .collect();
        if is_full && moments.len() > 1 {
            // The last moment may go on behind the page.
            moments.pop();
        }
        for moment in moments {
            self.tell(moment).await?;
            if let Some(last) = moment.last() {
                self.seq = last.seq;
            }
        }
        Ok(is_full)
    }

    /// Takes in what became of subscriptions.
    fn learn(&mut self) {
        match self.follower.news() {
            News::None => {}
            News::Everything(all) => {
                let mut before = std::mem::take(&mut self.tenants);
                for (tenant, subscription) in all {
                    let index = before.entry(tenant.clone()).or_default();
                    let last = last(&subscription, index.with(&subscription.id));
                    let index = self.tenants.entry(tenant).or_default();
                    index.insert(subscription, last);
                }
            }
            News::Updates(updates) => {
                for update in updates {
                    let index = self.tenants.entry(update.tenant.clone()).or_default();
                    if let Some(now) = update.now {
                        let last = last(&now, index.with(&now.id));
                        index.insert(now, last);
                    } else {
                        index.remove(&update.id);
                        if index.is_empty() {
                            self.tenants.remove(&update.tenant);
                        }
                    }
                }
            }
        }
    }

    /// Tells the changes of one moment to whom they concern.
    async fn tell(&mut self, moment: &[Change]) -> Result<(), StoreError> {
        let Some(tenant) = moment.first().map(|change| &change.tenant) else {
            return Ok(());
        };
        let store = Arc::clone(&self.parts.store);
        let mut gathered = Gathered::default();
        for change in moment {
            let Some(index) = self.tenants.get(tenant) else {
                return Ok(());
            };
            let current = match &change.fact {
                Fact::Entity { id, .. } if Happening::needs_current(change) => {
                    store.read(tenant, id).await?.map(|found| found.entity)
                }
                _ => None,
            };
            let Some(happening) = Happening::read(change, current) else {
                continue;
            };
            let found = find(&*store, tenant, index, &happening).await?;
            gathered.add(happening, found);
            if gathered.pairs >= PAIRS_MAX {
                self.notify_all(tenant, std::mem::take(&mut gathered))
                    .await?;
            }
        }
        self.notify_all(tenant, gathered).await
    }

    async fn notify_all(&mut self, tenant: &Tenant, gathered: Gathered) -> Result<(), StoreError> {
        let happenings = &gathered.happenings;
        for (turn, (slot, places)) in gathered.concerned.into_iter().enumerate() {
            let told = places.iter().filter_map(|at| happenings.get(*at)).collect();
            self.notify(tenant, slot, told).await?;
            if turn % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Tells one subscription what happened, unless it was told something too short a time ago.
    async fn notify(
        &mut self,
        tenant: &Tenant,
        slot: Slot,
        told: Vec<&Happening>,
    ) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        let index = self.tenants.get_mut(tenant);
        let Some((subscription, last)) = index.and_then(|index| index.get_mut(slot)) else {
            return Ok(());
        };
        let is_throttled = subscription.throttling.is_some();
        if is_early(subscription, *last, now) {
            return Ok(());
        }
        *last = Some(now);
        let subscription = Arc::clone(subscription);
        let mut rounds = rounds(told);
        if is_throttled {
            // Another notification would come too early: the last of each entity is told.
            rounds = vec![latest(rounds)];
        }
        for round in rounds {
            let items = round.into_iter().map(|h| (h.seq, Item::Happened(h)));
            push(&self.parts, tenant, &subscription, items.collect()).await?;
        }
        Ok(())
    }
}

/// The places of those whom the happening concerns.
async fn find(
    store: &dyn Store,
    tenant: &Tenant,
    index: &Index<Last>,
    happening: &Happening,
) -> Result<Vec<Slot>, StoreError> {
    let mut found = Vec::new();
    let mut known: Option<(usize, Linked)> = None;
    for slot in index.candidates(happening) {
        let Some((subscription, _)) = index.get(slot) else {
            continue;
        };
        let depth = subscription.query.q.as_ref().map_or(0, QExpr::depth);
        let is_known = depth == 0 || known.as_ref().is_some_and(|(levels, _)| *levels >= depth);
        if !is_known && may_concern(happening, subscription) {
            let entity = std::iter::once(happening.entity());
            let linked = linked::read(store, tenant, entity, depth, happening.time).await?;
            known = Some((depth, linked));
        }
        let linked = known.as_ref().map(|(_, linked)| linked);
        let lookup = |id: &str| linked?.get(id).cloned();
        if concerns(happening, subscription, &lookup) {
            found.push(slot);
        }
    }
    Ok(found)
}

/// When it was last told something: as is known here, else as was written down.
fn last(subscription: &Subscription, known: Option<&Last>) -> Last {
    match known {
        Some(last) => *last,
        None => subscription.stats.counts().last_notification,
    }
}

/// Whether the time that shall lie between two notifications has not passed.
fn is_early(subscription: &Subscription, last: Last, now: Time) -> bool {
    let (Some(throttling), Some(last)) = (subscription.throttling, last) else {
        return false;
    };
    let micros = i64::try_from(throttling.as_micros()).unwrap_or(i64::MAX);
    now < last.plus_micros(micros)
}

/// Writes what is told and gives it to whoever brings it: in one notification, or in several if it
/// is too much for one.
async fn push(
    parts: &EngineParts,
    tenant: &Tenant,
    subscription: &Arc<Subscription>,
    items: Vec<(Seq, Item<'_>)>,
) -> Result<(), StoreError> {
    let mut items = items.into_iter().peekable();
    while let Some(&(seq, _)) = items.peek() {
        let (mut part, mut bytes) = (Vec::new(), 0);
        while let Some((_, item)) =
            items.next_if(|_| part.len() < ITEMS_MAX && bytes < ITEMS_BYTES_MAX)
        {
            bytes += item.entity().bytes();
            part.push(item);
        }
        let now = parts.clock.now();
        let levels = match subscription.notification.join {
            Join::None => 0,
            Join::Flat(levels) | Join::Inline(levels) => levels,
        };
        let about = part.iter().map(|item| item.entity().id.clone()).collect();
        let living: Vec<_> = part.iter().filter_map(Item::living).collect();
        let linked = linked::read(&*parts.store, tenant, living.into_iter(), levels, now).await?;
        let notice = Notice {
            subscription,
            id: body::new_id(&*parts.entropy),
            at: now,
            items: part,
            linked,
        };
        let accept = subscription.notification.endpoint.accept;
        parts.teller.push(Notification {
            tenant: tenant.clone(),
            subscription: Arc::clone(subscription),
            about,
            body: Bytes::from(notice.body()),
            content_type: accept.media_type().to_owned(),
            link: notice.link(),
            seq,
            at: now,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
