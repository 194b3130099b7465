//! The task that makes, changes and deletes copies until they are as they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Name, Tasks, Tenant, Time};
use futures_util::future;
use http::{Method, StatusCode};
use subscriptions::Subscription;
use subscriptions::model::{Spoken, Status};
use trust::Call;

use super::copy::{beside, copy, words};
use super::{Carried, Copy, Place};
use crate::Gateway;
use crate::forward::{Ask, Reply, Route, SourceError, segment};
use crate::registration::{Mode, Registration};
use crate::registry::Wanted;
use crate::write::Asking;

/// After how long what failed is tried again, at first and at last.
const AGAIN_MICROS: (i64, i64) = (2_000_000, 300_000_000);
/// How often what failed is tried before a copy that nobody wants is given up.
const GIVE_UP: u32 = 10;
/// Changes are looked for so often when nothing is told.
const TICK_MICROS: i64 = 5_000_000;
/// Subscriptions that are looked after at the same time.
const AT_ONCE: usize = 32;
/// Sources that carry one subscription.
const COPIES_MAX: usize = 100;

/// Follows subscriptions and registrations until the node stops.
pub(crate) fn start(gateway: &Arc<Gateway>, tasks: &Tasks) {
    let (gateway, node) = (Arc::clone(gateway), tasks.clone());
    tasks.spawn("subscriptions at sources", async move {
        gateway.carry(&node).await;
    });
}

/// A source that should carry a subscription, and the attributes that it offers of those that are
/// watched; empty: all.
type Bearer = (Arc<Registration>, Vec<Name>);

/// What is still to be done: when, and how often it was tried.
type Waiting = BTreeMap<Place, (Time, u32)>;

impl Gateway {
    async fn carry(&self, node: &Tasks) {
        let keeper = Arc::clone(self.parts.subscriptions.keeper());
        let mut versions = keeper.versions();
        let mut registrations = self.registry.versions();
        let (mut version, mut all) = keeper.everything();
        let mut waiting = Waiting::new();
        loop {
            let now = self.parts.clock.now();
            // Subscriptions that are gone may still be carried.
            let carried: Vec<Place> = self.carrier.state.lock().carried.keys().cloned().collect();
            let known = std::mem::take(&mut all).into_iter();
            let known = known.filter(|(tenant, _)| !self.registry.is_empty(tenant));
            let known = known.map(|(tenant, one)| (tenant, one.id.clone()));
            for place in known.chain(carried) {
                waiting.entry(place).or_insert((now, 0));
            }
            let mut dirty = BTreeSet::new();
            loop {
                self.work(&mut waiting, node).await;
                if node.is_stopping() {
                    return;
                }
                let next = waiting.values().map(|(at, _)| *at).min();
                let clock = &self.parts.clock;
                let tick = clock.now().plus_micros(TICK_MICROS);
                tokio::select! {
                    biased;
                    () = node.stopped() => return,
                    _changed = registrations.changed() => {
                        (version, all) = keeper.everything();
                        break;
                    }
                    changed = versions.changed() => if changed.is_err() {
                        return;
                    },
                    () = clock.sleep_until(next.map_or(tick, |next| next.min(tick))) => {}
                }
                let Some((latest, updates)) = keeper.since(version) else {
                    (version, all) = keeper.everything();
                    break;
                };
                version = latest;
                dirty.extend(updates.into_iter().map(|update| (update.tenant, update.id)));
                let now = clock.now();
                while let Some(place) = dirty.pop_first() {
                    if self.may_be_carried(&place) {
                        waiting.insert(place, (now, 0));
                    }
                }
            }
        }
    }

    fn may_be_carried(&self, place: &Place) -> bool {
        !self.registry.is_empty(&place.0) || self.carrier.state.lock().carried.contains_key(place)
    }

    /// Does what is due.
    async fn work(&self, waiting: &mut Waiting, node: &Tasks) {
        // Whoever makes a subscription says where it came from before it is looked at.
        drop(self.carrier.making.write().await);
        let now = self.parts.clock.now();
        let due: Vec<(Place, u32)> = waiting
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(place, (_, tries))| (place.clone(), *tries))
            .collect();
        for some in due.chunks(AT_ONCE) {
            if node.is_stopping() {
                return;
            }
            // Others on the same thread have their turn.
            tokio::task::yield_now().await;
            let settling: Vec<Asking<'_, bool>> = some
                .iter()
                .map(|(place, tries)| Box::pin(self.settle(place, *tries)) as _)
                .collect();
            for ((place, tries), done) in some.iter().zip(future::join_all(settling).await) {
                if done {
                    waiting.remove(place);
                    continue;
                }
                let again = AGAIN_MICROS.0.saturating_mul(1 << tries.min(&20));
                let at = self
                    .parts
                    .clock
                    .now()
                    .plus_micros(again.min(AGAIN_MICROS.1));
                waiting.insert(place.clone(), (at, tries.saturating_add(1)));
            }
        }
    }

    /// Brings the copies of one subscription to what they should be; returns whether they are.
    async fn settle(&self, place: &Place, tries: u32) -> bool {
        let (tenant, id) = place;
        let now = self.parts.clock.now();
        let keeper = self.parts.subscriptions.keeper();
        let subscription = keeper.get(tenant, id).ok();
        let active = subscription
            .as_ref()
            .filter(|one| !one.local_only && one.status(now) == Status::Active);
        let (mut carried, base) = {
            let state = self.carrier.state.lock();
            let carried = state.carried.get(place).cloned().unwrap_or_default();
            (carried, state.base.clone())
        };
        carried.base = base.or(carried.base);
        let wanted = match active {
            Some(one) if carried.base.is_some() => self.carriers(tenant, one, &carried.via),
            _ => Vec::new(),
        };
        if wanted.is_empty() && carried.copies.is_empty() {
            let is_gone = subscription.is_none() || carried.via.is_empty();
            if is_gone && self.carrier.state.lock().carried.contains_key(place) {
                return self.remember(place, None).await;
            }
            return true;
        }
        self.stand_beside(place, active.filter(|_| !wanted.is_empty()), now)
            .await;
        self.take_in(&mut carried, &wanted);
        // An id is kept before anybody is told of it, so that no copy is ever lost.
        if !self.remember(place, Some(&carried)).await {
            return false;
        }
        let mut is_done = true;
        let mut left = Vec::with_capacity(carried.copies.len());
        for mut one in std::mem::take(&mut carried.copies) {
            let is_wanted = wanted
                .iter()
                .any(|(source, _)| source.id == one.registration);
            let done = if let Some(said) = active.filter(|_| is_wanted) {
                let base = carried.base.clone().unwrap_or_default();
                let done = self.tell_source(tenant, said, &mut one, &base).await;
                left.push(one);
                done
            } else {
                let done = self.end(tenant, &one).await || tries >= GIVE_UP;
                left.extend((!done).then_some(one));
                done
            };
            is_done &= done;
        }
        carried.copies = left;
        let is_over = carried.copies.is_empty() && carried.via.is_empty();
        self.remember(place, (!is_over).then_some(&carried)).await && is_done
    }

    /// The sources that should carry a subscription: none that it came by.
    fn carriers(&self, tenant: &Tenant, subscription: &Subscription, via: &[Name]) -> Vec<Bearer> {
        let own = self.alias(tenant);
        let wanted = Wanted {
            attrs: &subscription.watched,
            sources: subscription.source_filter.as_ref(),
            ..Wanted::of("createSubscription", &subscription.query)
        };
        let mut sources: Vec<Bearer> = Vec::new();
        if via.iter().any(|name| **name == *own) {
            return sources;
        }
        for found in self.registry.matching(tenant, &wanted) {
            let source = found.registration;
            let is_on_the_way = source
                .alias
                .as_ref()
                .is_some_and(|alias| via.contains(alias) || **alias == *own);
            if source.mode == Mode::Auxiliary || is_on_the_way {
                continue;
            }
            let known = sources.iter_mut().find(|(known, _)| known.id == source.id);
            match known {
                None => sources.push((source, found.attrs)),
                // Of one part of what it offers it has all attributes.
                Some((_, attrs)) if attrs.is_empty() || found.attrs.is_empty() => attrs.clear(),
                Some((_, attrs)) => attrs.extend(found.attrs),
            }
        }
        sources.truncate(COPIES_MAX);
        sources
    }

    /// Makes room for copies at the sources that have none.
    fn take_in(&self, carried: &mut Carried, wanted: &[Bearer]) {
        for (source, attrs) in wanted {
            let known = carried
                .copies
                .iter_mut()
                .find(|one| one.registration == source.id);
            if let Some(known) = known {
                known.source = Some(Arc::clone(source));
                known.attrs.clone_from(attrs);
                continue;
            }
            let mut random = [0_u8; 16];
            self.parts.entropy.fill(&mut random);
            let random = u128::from_be_bytes(random);
            carried.copies.push(Copy {
                registration: source.id.clone(),
                id: Name::from(format!("urn:ngsi-ld:Subscription:distsub:{random:032x}")),
                said: String::new(),
                source: Some(Arc::clone(source)),
                attrs: attrs.clone(),
            });
        }
    }

    /// Tells a source what it is to carry, if it does not know yet.
    async fn tell_source(
        &self,
        tenant: &Tenant,
        subscription: &Subscription,
        one: &mut Copy,
        base: &str,
    ) -> bool {
        let Some(source) = one.source.clone() else {
            return true;
        };
        let mut body = copy(
            subscription,
            (&one.id, &one.attrs),
            base,
            self.parts.clock.now(),
        );
        let said = body.to_string();
        if said == one.said {
            return true;
        }
        let can_change = source.operations.has("updateSubscription");
        if !one.said.is_empty() && !can_change {
            if !self.end(tenant, one).await {
                return false;
            }
            one.said.clear();
        }
        let is_new = one.said.is_empty();
        let (method, path) = if is_new {
            (Method::POST, "/subscriptions".to_owned())
        } else {
            if let Some(members) = body.as_object_mut() {
                members.shift_remove("id");
            }
            let path = format!("/subscriptions/{}", segment(&one.id));
            (Method::PATCH, path)
        };
        let mut ask = Ask::new(method, path, words(subscription));
        ask.body = Some(body);
        match self.ask_carrier(tenant, &source, ask).await {
            Ok(reply) if reply.is_success() => one.said = said,
            // It had been told, and the answer was lost.
            Ok(reply) if is_new && reply.status == StatusCode::CONFLICT => one.said = said,
            Ok(reply) if !is_new && reply.status == StatusCode::NOT_FOUND => {
                one.said.clear();
                return false;
            }
            Ok(_) | Err(_) => return false,
        }
        true
    }

    /// Has a source forget a copy; returns whether it has none any more.
    async fn end(&self, tenant: &Tenant, one: &Copy) -> bool {
        let source = match &one.source {
            Some(source) => Some(Arc::clone(source)),
            None => self.registry.get(tenant, &one.registration),
        };
        let (Some(source), false) = (source, one.said.is_empty()) else {
            return true;
        };
        let path = format!("/subscriptions/{}", segment(&one.id));
        let ask = Ask::new(Method::DELETE, path, crate::Words::core());
        match self.ask_carrier(tenant, &source, ask).await {
            Ok(reply) => reply.is_success() || reply.status == StatusCode::NOT_FOUND,
            Err(_) => false,
        }
    }

    async fn ask_carrier(
        &self,
        tenant: &Tenant,
        source: &Registration,
        ask: Ask,
    ) -> Result<Reply, SourceError> {
        let call = Call::of_the_node(tenant.clone());
        let route = Route::default();
        self.forward(&call, &route, source, ask).await
    }

    /// Keeps a subscription to registrations beside one that is carried; `None`: no more.
    async fn stand_beside(&self, place: &Place, carried: Option<&Arc<Subscription>>, now: Time) {
        let (tenant, id) = place;
        let id = Name::from(format!("{id}:registrations"));
        let is_there = self.source_keeper.get(tenant, &id).is_ok();
        let done = match carried {
            Some(one) if !is_there => {
                let spoken = Spoken {
                    context: Arc::clone(&one.context),
                    member: words(one).member,
                };
                let made = beside(one, &id, now);
                let made = self.source_keeper.create(tenant, made, &spoken, "").await;
                made.map(drop)
            }
            None if is_there => self.source_keeper.delete(tenant, &id).await,
            _ => Ok(()),
        };
        if let Err(error) = done {
            tracing::warn!(%error, subscription = %id, "no subscription to registrations stands beside it");
        }
    }

    /// Notes how a subscription is carried, and writes it down.
    async fn remember(&self, place: &Place, carried: Option<&Carried>) -> bool {
        if let Err(error) = self.keep(place, carried).await {
            tracing::warn!(%error, subscription = %place.1, "who carries a subscription is not written down");
            return false;
        }
        let mut state = self.carrier.state.lock();
        match carried {
            Some(carried) => state.put(place.clone(), carried.clone()),
            None => state.forget(place),
        }
        true
    }
}
