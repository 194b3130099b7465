//! What is kept is there again after a restart, and who follows learns of every change.

use jsonld::Context;
use ports::Outbound;
use store_memory::MemoryStore;
use testkit::{ScriptedOutbound, SeededEntropy, StepClock};

use super::*;

const URL: &str = "http://contexts.example/rooms.jsonld";

/// What stays when a node is started again.
struct World {
    store: Arc<dyn Store>,
    outbound: Arc<ScriptedOutbound>,
    clock: Arc<StepClock>,
}

impl World {
    fn new() -> Self {
        let outbound = Arc::new(ScriptedOutbound::new());
        let context = r#"{"@context": {"Room": "https://x.org/Room"}}"#;
        outbound.reply(URL, http::StatusCode::OK, context);
        Self {
            store: Arc::new(MemoryStore::new()),
            outbound,
            clock: Arc::new(StepClock::default()),
        }
    }

    fn contexts(&self) -> Arc<Contexts> {
        Arc::new(Contexts::new(
            Arc::clone(&self.store),
            Arc::clone(&self.clock) as _,
            Arc::new(SeededEntropy::new(3)),
            Arc::clone(&self.outbound) as Arc<dyn Outbound>,
            None,
        ))
    }

    async fn open(&self) -> Arc<Keeper> {
        let parts = KeeperParts {
            store: Arc::clone(&self.store),
            contexts: self.contexts(),
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        Keeper::open(parts, Kind::Entities).await.expect("a keeper")
    }
}

fn here() -> Tenant {
    Tenant::default_tenant()
}

fn core() -> Spoken {
    Spoken {
        context: Context::core(),
        member: json!(jsonld::CORE_URL),
    }
}

fn said(number: usize) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:Subscription:{number}"), "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": {"uri": "http://a.org/notify"}},
    })
}

async fn make(keeper: &Keeper, said: Value, spoken: &Spoken) -> Arc<Subscription> {
    let made = keeper.create(&here(), said, spoken, "http://node").await;
    made.expect("a subscription")
}

#[tokio::test]
async fn what_is_kept_is_the_same_after_a_restart() {
    let world = World::new();
    let keeper = world.open().await;
    let contexts = world.contexts();
    let spoken = Spoken {
        context: contexts.link(&here(), URL).await.expect("a context"),
        member: json!([URL]),
    };
    let made = make(&keeper, said(1), &spoken).await;
    let fragment = json!({"watchedAttributes": ["heat"], "jsonldContext": URL});
    let changed = keeper.change(&here(), &made.id, fragment, &core()).await;
    let changed = changed.expect("a change");
    changed.stats.sent(Time(5));
    changed.stats.failed(Time(6), true);
    keeper.write_counts().await.expect("written");

    let again = world.open().await.get(&here(), &made.id).expect("kept");
    assert_eq!(
        (&again.query, &again.watched),
        (&changed.query, &changed.watched)
    );
    assert_eq!(again.stats.counts(), changed.stats.counts());
    assert_eq!(
        (again.since, again.revision),
        (made.since, changed.revision)
    );
    assert_eq!(
        (again.created_at, again.modified_at),
        (changed.created_at, changed.modified_at)
    );
    assert_eq!(&*again.context_url, URL);
    let (now, asker) = (world.clock.now(), core().context);
    assert_eq!(
        again.show(&asker, true, now),
        changed.show(&asker, true, now)
    );
    let (one, two) = (
        again.context.compact_term("https://x.org/Room"),
        &spoken.context,
    );
    assert_eq!(one, two.compact_term("https://x.org/Room"));

    keeper.delete(&here(), &made.id).await.expect("deleted");
    assert_eq!(world.open().await.count(&here()), 0);
    let counts = world
        .store
        .docs(&here(), "subscriptionCounts", None, 9)
        .await;
    assert_eq!(counts.map(|docs| docs.len()).ok(), Some(0));
}

#[tokio::test]
async fn one_whose_context_cannot_be_had_is_read_when_it_can() {
    let world = World::new();
    let keeper = world.open().await;
    let contexts = world.contexts();
    let spoken = Spoken {
        context: contexts.link(&here(), URL).await.expect("a context"),
        member: json!(URL),
    };
    let made = make(&keeper, said(1), &spoken).await;
    contexts
        .delete(&here(), URL, false)
        .await
        .expect("forgotten");
    let gone = ports::OutboundError::Unreachable {
        host: "contexts.example".to_owned(),
        reason: "no route".to_owned(),
    };
    world.outbound.fail(URL, gone);
    let keeper = world.open().await;
    assert_eq!(keeper.count(&here()), 0);
    let taken = keeper
        .create(&here(), said(1), &core(), "http://node")
        .await;
    assert!(
        matches!(taken, Err(SubscriptionError::Exists(_))),
        "its id is not free"
    );

    let context = r#"{"@context": {"Room": "https://x.org/Room"}}"#;
    world.outbound.reply(URL, http::StatusCode::OK, context);
    world.clock.advance_seconds(600);
    let mut versions = keeper.versions();
    keeper.read_the_unread().await;
    assert!(versions.has_changed().expect("it lives"));
    versions.mark_unchanged();
    let again = keeper.get(&here(), &made.id).expect("read at last");
    assert_eq!(again.query, made.query);
}

#[tokio::test]
async fn who_follows_learns_of_every_change() {
    let world = World::new();
    let keeper = world.open().await;
    assert!(keeper.everything().1.is_empty());
    let mut unnamed = said(0);
    unnamed["id"] = Value::Null;
    let named = make(&keeper, unnamed, &core()).await;
    assert!(
        named.id.starts_with("urn:ngsi-ld:Subscription:"),
        "null is no id"
    );
    keeper.delete(&here(), &named.id).await.expect("deleted");
    let (start, _) = keeper.everything();
    let one = make(&keeper, said(1), &core()).await;
    make(&keeper, said(2), &core()).await;
    keeper
        .change(&here(), &one.id, json!({"isActive": false}), &core())
        .await
        .expect("a change");
    keeper.delete(&here(), &one.id).await.expect("deleted");
    let (version, updates) = keeper.since(start).expect("remembered");
    let told: Vec<_> = updates
        .iter()
        .map(|u| (u.id.as_str(), u.now.as_ref().map(|now| now.is_active)))
        .collect();
    let (a, b) = ("urn:ngsi-ld:Subscription:1", "urn:ngsi-ld:Subscription:2");
    assert_eq!(
        told,
        [
            (a, Some(true)),
            (b, Some(true)),
            (a, Some(false)),
            (a, None)
        ]
    );
    assert_eq!(keeper.since(version).map(|(_, more)| more.len()), Some(0));
    assert!(keeper.since(version + 1).is_none(), "from another life");
    assert_eq!(*keeper.versions().borrow(), version);
    assert_eq!(keeper.page(&here(), 0, 9).len(), 1);
}

#[tokio::test]
async fn a_change_of_what_was_deleted_meanwhile_does_not_bring_it_back() {
    let world = World::new();
    let keeper = world.open().await;
    let made = make(&keeper, said(1), &core()).await;
    let seq = keeper
        .commit(&here(), &made.id, Expect::Any, Some(docs::body(&made)))
        .await
        .expect("committed");
    let mut changed = Subscription::clone(&made);
    changed.revision = seq;
    keeper.delete(&here(), &made.id).await.expect("deleted");
    keeper.tell(&here(), &made.id, Some(&Arc::new(changed)), seq);
    keeper.get(&here(), &made.id).unwrap_err();
    make(&keeper, said(1), &core()).await;
    keeper.tell(&here(), &made.id, None, seq);
    keeper.get(&here(), &made.id).expect("it was made anew");
}
