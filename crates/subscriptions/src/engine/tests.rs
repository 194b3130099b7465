//! The engine against a model of it: random writes, random subscriptions.

mod forgotten;
mod law;
mod simulation;
mod told;

use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use broker::Contexts;
use jsonld::Context;
use ngsi::query::{Query, Selector};
use ngsi::{Delta, Entity};
use parking_lot::Mutex;
use ports::{Act, Around, Batch, EntityChange, Expect, Store as _};
use serde_json::{Value, json};
use store_memory::MemoryStore;
use testkit::{RandomWorld, ScriptedOutbound, SeededEntropy, StepClock};

use super::*;
use crate::keeper::KeeperParts;
use crate::model::{Kind, Spoken, Triggers};

/// Takes notifications as an outbox does, and loses those that are under way when the node falls.
#[derive(Debug, Default)]
struct Postbag {
    told: Mutex<Vec<Notification>>,
    /// How many of them were delivered.
    delivered: Mutex<usize>,
}

#[async_trait]
impl Teller for Arc<Postbag> {
    fn push(&self, notification: Notification) {
        self.told.lock().push(notification);
    }

    fn settled(&self) -> Seq {
        let delivered = *self.delivered.lock();
        let told = self.told.lock();
        let open = told.iter().skip(delivered);
        let seqs = open.map(|n| n.seq).filter(|seq| *seq != Seq::ZERO);
        seqs.min().map_or(Seq(u64::MAX), |first| Seq(first.0 - 1))
    }

    async fn rested(&self) {}
}

impl Postbag {
    fn bodies(&self) -> Vec<Value> {
        let told = self.told.lock();
        let body = |n: &Notification| serde_json::from_slice(&n.body).expect("JSON");
        told.iter().map(body).collect()
    }
}

/// An engine with what it is made of.
struct Bench {
    store: Arc<MemoryStore>,
    clock: Arc<StepClock>,
    told: Arc<Postbag>,
    parts: EngineParts,
    /// Whether the log tells what an entity was before and after a change.
    remembers: bool,
}

impl Bench {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(StepClock::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let outbound = Arc::new(ScriptedOutbound::new());
        let contexts = Contexts::new(
            Arc::clone(&store) as _,
            Arc::clone(&clock) as _,
            Arc::clone(&entropy),
            outbound,
            None,
        );
        let kept = KeeperParts {
            store: Arc::clone(&store) as _,
            contexts: Arc::new(contexts),
            clock: Arc::clone(&clock) as _,
            entropy: Arc::clone(&entropy),
        };
        let keeper = Keeper::open(kept, Kind::Entities).await.expect("a keeper");
        let told = Arc::new(Postbag::default());
        let parts = EngineParts {
            store: Arc::clone(&store) as _,
            keeper,
            teller: Arc::new(Arc::clone(&told)),
            clock: Arc::clone(&clock) as _,
            entropy,
        };
        Self {
            store,
            clock,
            told,
            parts,
            remembers: true,
        }
    }

    async fn engine(&self) -> Engine {
        Engine::open(self.parts.clone()).await.expect("an engine")
    }

    /// Makes a subscription of what is said, beside an endpoint that takes everything.
    async fn subscribe(&self, tenant: &Tenant, said: Value) -> Arc<Subscription> {
        let spoken = spoken();
        let made = self
            .parts
            .keeper
            .create(tenant, said, &spoken, "http://here");
        made.await.expect("a subscription")
    }

    /// Writes what is of each entity from now on.
    async fn write(&self, tenant: &Tenant, changes: Vec<(Option<Arc<Entity>>, After)>) -> Seq {
        let time = self.clock.now();
        let acts = changes.into_iter().map(|(before, after)| {
            let (id, change, after) = act(before.as_ref(), after, time);
            let around = Around { before, after };
            Act::Entity {
                id,
                expect: Expect::Any,
                change,
                around: if self.remembers {
                    around
                } else {
                    Around::default()
                },
            }
        });
        let batch = Batch {
            tenant: tenant.clone(),
            time,
            acts: acts.collect(),
            cursor: None,
        };
        self.store.commit(batch).await.expect("a commit").first
    }
}

/// What an entity becomes.
#[derive(Debug, Clone)]
enum After {
    Put(Arc<Entity>),
    Patched(Arc<Entity>),
    Gone(Name),
}

fn act(
    before: Option<&Arc<Entity>>,
    after: After,
    at: Time,
) -> (Name, EntityChange, Option<Arc<Entity>>) {
    match (after, before) {
        (After::Patched(after), Some(before)) => {
            let delta = Delta::between(before, &after);
            (after.id.clone(), EntityChange::Patch { delta }, Some(after))
        }
        (After::Put(after) | After::Patched(after), _) => {
            let put = EntityChange::Put(Arc::clone(&after));
            (after.id.clone(), put, Some(after))
        }
        (After::Gone(id), before) => {
            let types = before.map(|b| b.types.clone()).unwrap_or_default();
            (id, EntityChange::Delete { at, types }, None)
        }
    }
}

fn spoken() -> Spoken {
    Spoken {
        context: Context::core(),
        member: json!(jsonld::CORE_URL),
    }
}

/// A subscription to everything, with more said.
fn said(more: Value) -> Value {
    let mut said = json!({
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": {"uri": "http://there/notify"}},
    });
    if let (Value::Object(said), Value::Object(more)) = (&mut said, more) {
        said.extend(more);
    }
    said
}

/// A random subscription to a random world.
fn random_subscription(world: &mut RandomWorld, id: usize, now: Time) -> Subscription {
    let parsed = Subscription::parse(said(json!({})), &spoken(), Kind::Entities);
    let mut subscription = parsed.expect("a subscription");
    subscription.id = format!("urn:s:{id}").into();
    let asked = world.query(now);
    let by = Selector {
        ids: asked.ids.clone(),
        id_pattern: asked.id_pattern.clone(),
        types: asked.types.clone(),
    };
    subscription.query = Query {
        ids: Vec::new(),
        id_pattern: None,
        types: None,
        selectors: if asked.selectors.is_empty() {
            vec![by]
        } else {
            asked.selectors.clone()
        },
        ..asked
    };
    let random = &mut world.random;
    subscription.watched.clear();
    for _ in 0..random.below(4) {
        let name = testkit::name(random.word(&["temperature", "level", "label", "ref", "color"]));
        subscription.watched.push(name);
    }
    if random.percent(80) {
        subscription.triggers = Triggers {
            entity_created: random.percent(30),
            entity_updated: random.percent(20),
            entity_deleted: random.percent(30),
            attribute_created: random.percent(40),
            attribute_updated: random.percent(40),
            attribute_deleted: random.percent(40),
        };
    }
    subscription.is_active = random.percent(90);
    if random.percent(10) {
        let seconds = random.between(-5, 30);
        subscription.expires_at = Some(now.plus_micros(seconds * 1_000_000));
    }
    subscription
}
