//! Subscriptions with a `timeInterval`: they are told by the clock what there is, whatever happens
//! [CIM-009 §5.8.6].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base::{Name, Seq, Tasks, Tenant, Time};
use ngsi::Query;
use ngsi::query::QExpr;
use ports::StoreError;

use super::body::Item;
use super::news::{Follower, News};
use super::{EngineParts, ITEMS_MAX, linked, push};
use crate::model::{Status, Subscription};

/// Which subscription.
type Place = (Tenant, Name);

/// What is due when.
#[derive(Debug, Default)]
struct Timetable {
    /// With the time at which each is due.
    subscriptions: HashMap<Place, (Arc<Subscription>, Time)>,
    due: BTreeSet<(Time, Place)>,
}

/// Follows the clock until the node stops.
pub(crate) async fn follow(parts: EngineParts, node: &Tasks) {
    let mut follower = Follower::new(Arc::clone(&parts.keeper));
    let mut versions = parts.keeper.versions();
    let mut timetable = Timetable::default();
    while !node.is_stopping() {
        timetable.learn(follower.news(), parts.clock.now());
        if let Some((tenant, subscription)) = timetable.take_due(parts.clock.now()) {
            if let Err(reason) = tell(&parts, &tenant, &subscription).await {
                tracing::warn!(
                    subscription = %subscription.id, %reason,
                    "what there is could not be read; it is told the next time"
                );
            }
            tokio::task::yield_now().await;
            continue;
        }
        let next = timetable.due.first().map_or(Time::MAX, |(at, _)| *at);
        tokio::select! {
            biased;
            () = node.stopped() => {}
            _changed = versions.changed() => {}
            () = parts.clock.sleep_until(next) => {}
        }
    }
}

impl Timetable {
    fn learn(&mut self, news: News, now: Time) {
        match news {
            News::None => {}
            News::Everything(all) => {
                *self = Self::default();
                for (tenant, subscription) in all {
                    self.put((tenant, subscription.id.clone()), Some(subscription), now);
                }
            }
            News::Updates(updates) => {
                for update in updates {
                    self.put((update.tenant, update.id), update.now, now);
                }
            }
        }
    }

    fn put(&mut self, place: Place, subscription: Option<Arc<Subscription>>, now: Time) {
        let before = self.subscriptions.remove(&place);
        if let Some((_, at)) = &before {
            self.due.remove(&(*at, place.clone()));
        }
        let Some(subscription) = subscription else {
            return;
        };
        let Some(next) = next(&subscription, now) else {
            return;
        };
        let same = |(before, _): &&(Arc<Subscription>, Time)| {
            before.time_interval == subscription.time_interval
        };
        let at = before.as_ref().filter(same).map_or(next, |(_, at)| *at);
        self.due.insert((at, place.clone()));
        self.subscriptions.insert(place, (subscription, at));
    }

    /// The one whose time has come, if there is one; its next time is noted.
    fn take_due(&mut self, now: Time) -> Option<(Tenant, Arc<Subscription>)> {
        loop {
            let (at, _) = self.due.first()?;
            if *at > now {
                return None;
            }
            let (_, place) = self.due.pop_first()?;
            let Some((subscription, at)) = self.subscriptions.get_mut(&place) else {
                continue;
            };
            let subscription = Arc::clone(subscription);
            if let Some(next) = next(&subscription, now) {
                *at = next;
                self.due.insert((next, place.clone()));
            }
            if subscription.status(now) == Status::Active {
                return Some((place.0, subscription));
            }
        }
    }
}

/// When it is told next: as many intervals after it was made as have not passed.
fn next(subscription: &Subscription, now: Time) -> Option<Time> {
    let interval = i64::try_from(subscription.time_interval?.as_micros()).ok()?;
    let start = subscription.created_at;
    let passed = now.as_micros().saturating_sub(start.as_micros()).max(0);
    let count = passed.checked_div(interval)?.saturating_add(1);
    Some(start.plus_micros(interval.saturating_mul(count)))
}

/// Tells all entities that match. When there is none, there is nothing to tell.
async fn tell(
    parts: &EngineParts,
    tenant: &Tenant,
    subscription: &Arc<Subscription>,
) -> Result<(), StoreError> {
    let now = parts.clock.now();
    let asked = Query {
        now,
        ..subscription.query.clone()
    };
    let depth = asked.q.as_ref().map_or(0, QExpr::depth);
    let stored = if depth > 0 {
        asked.unlinked()
    } else {
        asked.clone()
    };
    let mut after: Option<Name> = None;
    loop {
        let found = parts
            .store
            .find(tenant, &stored, after.as_deref(), ITEMS_MAX);
        let mut page: Vec<_> = found.await?.into_iter().map(|found| found.entity).collect();
        let is_last = page.len() < ITEMS_MAX;
        after = page.last().map(|entity| entity.id.clone());
        if depth > 0 {
            let entities = page.iter().map(Arc::clone);
            let linked = linked::read(&*parts.store, tenant, entities, depth, now).await?;
            page.retain(|entity| asked.matches_with(entity, &|id| linked.get(id).cloned()));
        }
        // It follows from no change: after a restart its time comes anew.
        let items = page.iter().map(|entity| (Seq::ZERO, Item::There(entity)));
        push(parts, tenant, subscription, items.collect()).await?;
        if is_last {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}
