//! What the city is like now: measures with their usual range, and what needs attention.
//!
//! Read in this order: [`now`] is what comes out; `measures` says what each measure is made from;
//! `world` keeps what every device last said; `attention` finds what is not as it should be;
//! `tail` follows the log, looks every two seconds and writes the measures once a minute;
//! `learner` reads from history what is usual; `ask` answers questions.

mod ask;
mod attention;
mod compact;
mod details;
pub mod error;
mod kpi;
mod learner;
mod measures;
pub mod now;
mod past;
mod tail;
mod world;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base::{Name, Seq, Tasks, Time};
use broker::Broker;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use ports::Clock;

pub use error::WatchError;
pub use now::{
    Acknowledged, Attention, Code, Counts, FeedCondition, FeedFailure, FeedState, Freshness,
    Measure, Now, Range, Severity, Status, Usual,
};

use attention::Attending;
use details::Details;
use kpi::Kpi;
use measures::MEASURES;
use world::World;

/// How the watch learns what the feeds do: asked every two seconds.
pub type FeedsNow = Arc<dyn Fn() -> Vec<FeedState> + Send + Sync>;

/// Watches the default tenant of a node.
/// Limit: other tenants are not watched.
pub struct Watch {
    broker: Arc<Broker>,
    clock: Arc<dyn Clock>,
    feeds: FeedsNow,
    inner: Mutex<Inner>,
    details: Mutex<Details>,
    now: ArcSwap<Now>,
    severities: ArcSwap<HashMap<Name, Severity>>,
    version: tokio::sync::watch::Sender<u64>,
}

/// What the tail and the learner share.
#[derive(Debug)]
struct Inner {
    world: World,
    attending: Attending,
    kpis: Vec<Kpi>,
    /// The last change that was heard.
    seq: Seq,
    /// Whether all that was there at the start has been read.
    complete: bool,
    /// When history itself was last written: while an import runs, its past is not the whole one.
    imported: Time,
}

impl Watch {
    /// Starts to watch: reads what is there in the background, then follows the log. `zone` is
    /// that of the city until an entity of the type `City` says another by its `timezone`.
    pub fn start(
        broker: Arc<Broker>,
        clock: Arc<dyn Clock>,
        zone: TimeZone,
        feeds: FeedsNow,
        tasks: &Tasks,
    ) -> Arc<Self> {
        let started = clock.now();
        let watch = Arc::new(Self {
            broker,
            clock,
            feeds,
            inner: Mutex::new(Inner {
                world: World::new(zone, started),
                attending: Attending::default(),
                kpis: MEASURES.iter().map(Kpi::new).collect(),
                seq: Seq::ZERO,
                complete: false,
                imported: Time::MIN,
            }),
            details: Mutex::default(),
            now: ArcSwap::from_pointee(Now {
                time: started,
                seq: Seq::ZERO,
                counts: Counts::default(),
                measures: Vec::new(),
                attention: Vec::new(),
                attention_more: 0,
                feeds: Vec::new(),
                freshness: Freshness::default(),
                complete: false,
            }),
            severities: ArcSwap::default(),
            version: tokio::sync::watch::Sender::new(0),
        });
        let (tail, learner) = (Arc::clone(&watch), Arc::clone(&watch));
        let (stop_tail, stop_learner) = (tasks.clone(), tasks.clone());
        tasks.spawn("watch", async move {
            tokio::select! {
                biased;
                () = stop_tail.stopped() => {}
                () = tail.follow() => {}
            }
        });
        tasks.spawn("watch-learner", async move {
            tokio::select! {
                biased;
                () = stop_learner.stopped() => {}
                () = learner.learn(&stop_learner) => {}
            }
        });
        watch
    }

    /// The city as it was at the last look, at most two seconds ago.
    pub fn now(&self) -> Arc<Now> {
        self.now.load_full()
    }

    /// Counts the looks that found anything else than the one before, times and ages apart.
    pub fn changed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// All entities of which something needs attention, with the worst of it; also those that are
    /// gathered into one row.
    pub fn severities(&self) -> Arc<HashMap<Name, Severity>> {
        self.severities.load_full()
    }

    /// The zone of the city.
    pub fn zone(&self) -> TimeZone {
        self.inner.lock().world.zone.clone()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
