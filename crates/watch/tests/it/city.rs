//! A watched city in memory: devices in a line, hours in no time.

use std::sync::Arc;

use base::{Name, Tasks, Tenant, Time};
use broker::command::Upsert;
use broker::{Broker, Command};
use jiff::tz::TimeZone;
use ngsi::parse::Fragment;
use ngsi::{Attribute, AttributeValue};
use parking_lot::Mutex;
use ports::{Clock as _, Store};
use serde_json::{Value, json};
use store_memory::MemoryStore;
use testkit::{StepClock, attribute, name};
use trust::{Access, Call};
use watch::{Attention, Code, FeedState, Now, Watch};

/// Monday 2026-11-30, noon in UTC: four weeks of history fit before it.
pub(crate) const NOON: i64 = 1_796_040_000;
pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

pub(crate) struct City {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) feeds: Arc<Mutex<Vec<FeedState>>>,
    pub(crate) watch: Option<Arc<Watch>>,
    tasks: Tasks,
}

impl City {
    /// A city that is not watched yet.
    pub(crate) fn new() -> Self {
        Self::with(Access::Open)
    }

    /// One that is open or closed.
    pub(crate) fn with(access: Access) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(StepClock::at(Time::from_seconds(NOON)));
        let broker = Broker::new(
            Arc::<MemoryStore>::clone(&store) as Arc<dyn Store>,
            Arc::<StepClock>::clone(&clock),
            access,
            Tasks::new(),
        );
        Self {
            store,
            clock,
            broker,
            feeds: Arc::default(),
            watch: None,
            tasks: Tasks::new(),
        }
    }

    /// Begins to watch, anew if need be; returns when all that is there was read.
    pub(crate) async fn watch(&mut self) {
        self.tasks.stop();
        self.tasks.ended().await;
        self.tasks = Tasks::new();
        let feeds = Arc::clone(&self.feeds);
        self.watch = Some(Watch::start(
            Arc::clone(&self.broker),
            Arc::<StepClock>::clone(&self.clock),
            TimeZone::UTC,
            Arc::new(move || feeds.lock().clone()),
            &self.tasks,
        ));
        while !self.now().complete {
            self.step(1).await;
        }
    }

    pub(crate) fn watched(&self) -> &Arc<Watch> {
        self.watch.as_ref().expect("the city is watched")
    }

    pub(crate) fn now(&self) -> Arc<Now> {
        self.watched().now()
    }

    pub(crate) fn time(&self) -> Time {
        self.clock.now()
    }

    /// Lets so many seconds pass, at a pace at which everybody keeps up.
    pub(crate) async fn step(&self, seconds: i64) {
        for _ in 0..seconds * 2 {
            self.clock.advance_micros(500_000);
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Lets the watch hear what was said, and learn what it asked for.
    pub(crate) async fn settle(&self) {
        self.step(6).await;
    }

    /// Puts attributes to an entity through the door.
    pub(crate) async fn put(&self, id: &str, type_name: &str, attributes: Vec<Attribute>) {
        let fragment = Fragment {
            id: Some(Name::from(id)),
            types: vec![name(type_name)],
            attributes,
            ..Fragment::default()
        };
        let command = Command::Upsert {
            fragment,
            how: Upsert::Update,
            skip_unchanged: false,
        };
        let done = self.broker.apply_one(&call(), command).await;
        done.expect("the door takes it");
    }

    /// A device says a number now.
    pub(crate) async fn say(&self, id: &str, type_name: &str, short: &str, value: f64) {
        let said = observed(short, value, self.time());
        self.put(id, type_name, vec![said]).await;
    }

    /// A device said a number every so often before now, back to `from`.
    pub(crate) async fn past(
        &self,
        id: &str,
        type_name: &str,
        short: &str,
        (from, every): (i64, i64),
        value: impl Fn(Time) -> f64,
    ) {
        let now = self.time();
        let count = from / every;
        let moments = (1..=count)
            .rev()
            .map(|n| now.plus_micros(-n * every * 1_000_000));
        let instances = moments.map(|at| observed(short, value(at), at));
        let fragment = Fragment {
            id: Some(Name::from(id)),
            types: vec![name(type_name)],
            attributes: instances.collect(),
            ..Fragment::default()
        };
        let command = Command::AddHistory {
            fragment,
            must_exist: false,
        };
        let done = self.broker.apply_one(&call(), command).await;
        done.expect("the door takes it");
    }

    /// The rows of a code.
    pub(crate) fn rows(&self, code: Code) -> Vec<Attention> {
        let now = self.now();
        let rows = now.attention.iter().filter(|item| item.code == code);
        rows.cloned().collect()
    }

    pub(crate) fn measure(&self, id: &str) -> Option<watch::Measure> {
        let now = self.now();
        now.measures
            .iter()
            .find(|measure| measure.id == id)
            .cloned()
    }
}

pub(crate) fn observed(short: &str, value: impl Into<Value>, at: Time) -> Attribute {
    let value = AttributeValue::Property(value.into());
    attribute(short, value).observed(at).build()
}

pub(crate) fn plain(short: &str, value: impl Into<Value>) -> Attribute {
    attribute(short, AttributeValue::Property(value.into())).build()
}

pub(crate) fn simulated() -> Attribute {
    plain("simulated", json!(true))
}

pub(crate) fn call() -> Call {
    Call::of_the_node(Tenant::default_tenant())
}
