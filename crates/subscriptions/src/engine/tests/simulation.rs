//! Whole histories from a seed: every expected notification arrives, exactly once as long as the
//! node runs, at least once when it falls and rises again.

use std::collections::BTreeMap;

use ngsi::Attribute;

use super::*;

/// Who was told of which entity because of which batch.
type Ledger = BTreeMap<(Tenant, Name, Name, Seq), usize>;

/// What stands and what is expected.
struct World {
    bench: Bench,
    random: RandomWorld,
    entities: BTreeMap<(Tenant, Name), Arc<Entity>>,
    subscriptions: BTreeMap<(Tenant, Name), Arc<Subscription>>,
    expected: Ledger,
    /// Of these nothing is expected any more: the subscription was deleted.
    excused: Ledger,
    /// Where each batch begins.
    batches: Vec<Seq>,
}

#[tokio::test]
async fn what_is_expected_is_told_exactly_once() {
    for seed in 0..12 {
        let mut world = World::new(seed).await;
        let mut engine = world.bench.engine().await;
        for _ in 0..150 {
            world.step(&mut engine).await;
            if world.random.random.percent(40) {
                world.catch_up(&mut engine).await;
            }
        }
        world.catch_up(&mut engine).await;
        let told = world.told();
        let (missing, surplus) = (
            without(&world.expected, &told),
            without(&told, &world.expected),
        );
        assert_eq!((missing, surplus), (Vec::new(), Vec::new()), "seed {seed}");
        assert!(world.expected.len() > 50, "seed {seed} shows too little");
    }
}

#[tokio::test]
async fn what_is_expected_is_told_at_least_once_when_the_node_falls() {
    let mut twice = 0;
    for seed in 100..112 {
        let mut world = World::new(seed).await;
        let mut engine = world.bench.engine().await;
        for _ in 0..150 {
            world.step(&mut engine).await;
            match world.random.random.below(10) {
                0..=4 => world.catch_up(&mut engine).await,
                5 | 6 => engine.save().await,
                7 => {
                    world.fall();
                    engine = world.bench.engine().await;
                }
                _ => world.deliver(),
            }
        }
        world.catch_up(&mut engine).await;
        let told = world.told();
        for expected in world.expected.keys() {
            let is_due = !world.excused.contains_key(expected);
            assert!(
                !is_due || told.contains_key(expected),
                "seed {seed}: {expected:?}"
            );
        }
        for (who, times) in &told {
            assert!(world.expected.contains_key(who), "seed {seed}: {who:?}");
            twice += usize::from(*times > 1);
        }
    }
    assert!(twice > 0, "the node never fell with something under way");
}

/// What is not so in the other.
fn without(one: &Ledger, other: &Ledger) -> Vec<((Tenant, Name, Name, Seq), usize)> {
    let differs = |(who, times): &(&_, &usize)| other.get(*who) != Some(*times);
    let each = one.iter().filter(differs);
    each.map(|(who, times)| (who.clone(), *times)).collect()
}

impl World {
    async fn new(seed: u64) -> Self {
        Self {
            bench: Bench::new().await,
            random: RandomWorld::new(seed),
            entities: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            expected: Ledger::new(),
            excused: Ledger::new(),
            batches: Vec::new(),
        }
    }

    /// Something happens.
    async fn step(&mut self, engine: &mut Engine) {
        let micros = self.random.random.between(1, 900_000);
        self.bench.clock.advance_micros(micros);
        if self.random.random.percent(25) {
            // What happens before a subscription is deleted is told only if it was read before.
            self.catch_up(engine).await;
            self.subscribe().await;
        } else {
            self.write().await;
        }
    }

    async fn subscribe(&mut self) {
        let tenant = self.random.tenant();
        let random = &mut self.random.random;
        let id = format!("urn:s:{}", random.below(20));
        let place = (tenant.clone(), Name::from(id.as_str()));
        let keeper = Arc::clone(&self.bench.parts.keeper);
        if self.subscriptions.remove(&place).is_some() {
            keeper.delete(&tenant, &id).await.expect("it was there");
            let is_of = |who: &(Tenant, Name, Name, Seq)| who.0 == tenant && *who.1 == *id;
            let over = self.expected.iter().filter(|(who, _)| is_of(who));
            self.excused
                .extend(over.map(|(who, times)| (who.clone(), *times)));
            if random.percent(50) {
                return;
            }
        }
        let triggers = [
            "entityCreated",
            "entityUpdated",
            "entityDeleted",
            "attributeCreated",
            "attributeUpdated",
            "attributeDeleted",
        ];
        let first = random.below(triggers.len());
        let triggers: Vec<_> = triggers.into_iter().skip(first).take(2).collect();
        let mut more = json!({
            "id": id,
            "notificationTrigger": triggers,
            "entities": [{"type": random.word(&["Room", "Room,House", "Street|Vehicle"])}],
        });
        if random.percent(30) {
            more["watchedAttributes"] = json!(["temperature", random.word(&["level", "label"])]);
        }
        if random.percent(30) {
            more["q"] = json!(random.word(&["temperature>0", "level", "flag==true|tags"]));
        }
        if random.percent(20) {
            more["notification"] = json!({
                "endpoint": {"uri": "http://there/notify", "accept": "application/ld+json"},
                "showChanges": true,
            });
        }
        let made = self.bench.subscribe(&tenant, said(more)).await;
        self.subscriptions.insert(place, made);
    }

    async fn write(&mut self) {
        let tenant = self.random.tenant();
        let now = self.bench.clock.now();
        let mut batch: BTreeMap<Name, (Option<Arc<Entity>>, After)> = BTreeMap::new();
        for _ in 0..=self.random.random.below(4) {
            let id = self.random.id();
            let before = self.entities.get(&(tenant.clone(), id.clone())).cloned();
            let after = match &before {
                Some(_) if self.random.random.percent(15) => After::Gone(id.clone()),
                Some(before) if !before.is_expired(now) => {
                    After::Patched(Arc::new(self.random.changed(before, now)))
                }
                _ => After::Put(Arc::new(self.random.entity(id.clone(), now))),
            };
            batch.insert(id, (before, after));
        }
        let changes: Vec<_> = batch.into_values().collect();
        let seq = self.bench.write(&tenant, changes.clone()).await;
        self.batches.push(seq);
        for (before, after) in changes {
            let (id, after) = match after {
                After::Put(after) | After::Patched(after) => (after.id.clone(), Some(after)),
                After::Gone(id) => (id, None),
            };
            for ((of, name), subscription) in &self.subscriptions {
                if *of == tenant
                    && is_expected(subscription, before.as_deref(), after.as_deref(), now)
                {
                    let who = (tenant.clone(), name.clone(), id.clone(), seq);
                    *self.expected.entry(who).or_default() += 1;
                }
            }
            let place = (tenant.clone(), id);
            match after {
                Some(after) => self.entities.insert(place, after),
                None => self.entities.remove(&place),
            };
        }
    }

    async fn catch_up(&mut self, engine: &mut Engine) {
        while engine.read_on().await.expect("the model store answers") {}
    }

    /// Some of what is under way is delivered.
    fn deliver(&mut self) {
        let told = self.bench.told.told.lock().len();
        let mut delivered = self.bench.told.delivered.lock();
        *delivered += self.random.random.below(told - *delivered + 1);
    }

    /// What is under way is lost.
    fn fall(&self) {
        let delivered = *self.bench.told.delivered.lock();
        self.bench.told.told.lock().truncate(delivered);
    }

    fn told(&self) -> Ledger {
        let mut ledger = Ledger::new();
        for told in &*self.bench.told.told.lock() {
            let batch = self.batches.iter().rev().find(|first| **first <= told.seq);
            let batch = *batch.expect("every notification follows from a batch");
            for id in &told.about {
                let subscription = told.subscription.id.clone();
                let who = (told.tenant.clone(), subscription, id.clone(), batch);
                *ledger.entry(who).or_default() += 1;
            }
        }
        ledger
    }
}

/// What the standard says, said once more and in another way.
fn is_expected(
    subscription: &Subscription,
    before: Option<&Entity>,
    after: Option<&Entity>,
    now: Time,
) -> bool {
    let before = before.filter(|before| after.is_none() || !before.is_expired(now));
    let Some(entity) = after.or(before) else {
        return false;
    };
    let asked = Query {
        now: if after.is_some() { now } else { Time::MIN },
        ..subscription.query.clone()
    };
    let none: &[Attribute] = &[];
    let (was, is) = (
        before.map_or(none, |e| e.attributes.as_slice()),
        after.map_or(none, |e| e.attributes.as_slice()),
    );
    let find = |all: &[Attribute], a: &Attribute| all.iter().find(|b| b.key() == a.key()).cloned();
    let watches =
        |a: &Attribute| subscription.watched.is_empty() || subscription.watched.contains(&a.name);
    let triggers = subscription.triggers;
    let any = triggers.entity_updated
        || triggers.entity_created && before.is_none()
        || triggers.entity_deleted && after.is_none();
    let created = |a: &Attribute| find(was, a).is_none();
    let updated = |a: &Attribute| find(was, a).is_some_and(|old| old != *a);
    let of_attributes = is.iter().any(|a| {
        watches(a)
            && (created(a) && (any || triggers.attribute_created)
                || updated(a) && (any || triggers.attribute_updated))
    }) || was
        .iter()
        .any(|a| watches(a) && find(is, a).is_none() && (any || triggers.attribute_deleted));
    let of_the_whole = subscription.watched.is_empty()
        && match (before, after) {
            (None, Some(_)) => triggers.entity_created,
            (Some(_), None) => triggers.entity_deleted,
            (Some(before), Some(after)) => {
                triggers.entity_updated
                    && (before.types != after.types
                        || before.scope != after.scope
                        || before.expires_at != after.expires_at)
            }
            (None, None) => false,
        };
    (of_attributes || of_the_whole) && asked.matches(entity)
}
