//! The watch of the node, as the console asks it, and the feeds as the watch sees them.

use std::sync::Arc;

use api_console::{Noted, Watching};
use async_trait::async_trait;
use base::{Tasks, Time};
use broker::Broker;
use feeds::{Feeds, Health, State};
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use ports::Clock;
use trust::Call;
use watch::{FeedCondition, FeedFailure, FeedState, Now, Usual, Watch, WatchError};

/// The watch, with what it last said read for all who ask.
#[derive(Debug)]
struct Eyes {
    watch: Arc<Watch>,
    last: Mutex<Option<(Arc<Now>, Arc<Noted>)>>,
}

/// Starts to watch over the city. Until the city says its zone, it is UTC.
pub(crate) fn start(
    broker: &Arc<Broker>,
    clock: &Arc<dyn Clock>,
    feeds: &Arc<Feeds>,
    tasks: &Tasks,
) -> Arc<dyn Watching> {
    let (broker, clock, feeds) = (Arc::clone(broker), Arc::clone(clock), Arc::clone(feeds));
    let feeds_now = Arc::new(move || feeds.health().into_iter().map(condition).collect());
    let watch = Watch::start(broker, clock, TimeZone::UTC, feeds_now, tasks);
    Arc::new(Eyes {
        watch,
        last: Mutex::new(None),
    })
}

fn condition(health: Health) -> FeedState {
    FeedState {
        state: match health.state {
            State::Waiting => FeedCondition::Waiting,
            State::Live => FeedCondition::Live,
            State::Late => FeedCondition::Late,
            State::Failing => FeedCondition::Failing,
            State::Stopped => FeedCondition::Stopped,
        },
        name: health.name,
        lag_seconds: health.lag_seconds,
        expected_every_seconds: health.expected_every_seconds,
        simulated: health.simulated,
        last_error: health.last_error.map(|error| FeedFailure {
            at: error.at,
            reason: error.reason,
        }),
    }
}

#[async_trait]
impl Watching for Eyes {
    fn now(&self) -> Arc<Noted> {
        let now = self.watch.now();
        let mut last = self.last.lock();
        if let Some((of, noted)) = &*last
            && Arc::ptr_eq(of, &now)
        {
            return Arc::clone(noted);
        }
        let version = *self.watch.changed().borrow();
        let value = serde_json::to_value(&*now).unwrap_or_default();
        let noted = Arc::new(Noted::new(version, &value));
        *last = Some((now, Arc::clone(&noted)));
        noted
    }

    fn changed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.watch.changed()
    }

    async fn acknowledge(&self, call: &Call, id: &str, seen: bool) -> Result<(), WatchError> {
        if seen {
            self.watch.acknowledge(call, id).await
        } else {
            self.watch.unacknowledge(call, id).await
        }
    }

    async fn usual(
        &self,
        call: &Call,
        entity: &str,
        attribute: &str,
        between: (Time, Time),
    ) -> Result<Vec<Usual>, WatchError> {
        let (from, to) = between;
        self.watch.usual(call, entity, attribute, from, to).await
    }
}
