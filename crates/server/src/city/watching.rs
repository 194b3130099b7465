//! The watch of the node, and the feeds as the watch sees them.

use std::sync::Arc;

use api_console::{Watched, Watching};
use base::Tasks;
use broker::Broker;
use feeds::{Feeds, Health, State};
use jiff::tz::TimeZone;
use ports::Clock;
use watch::{FeedCondition, FeedFailure, FeedState, Watch};

/// Starts to watch over the city. Until the city says its zone, it is UTC.
pub(crate) fn start(
    broker: &Arc<Broker>,
    clock: &Arc<dyn Clock>,
    feeds: &Arc<Feeds>,
    tasks: &Tasks,
) -> Arc<dyn Watching> {
    let (broker, clock, feeds) = (Arc::clone(broker), Arc::clone(clock), Arc::clone(feeds));
    let feeds_now = Arc::new(move || feeds.health().into_iter().map(condition).collect());
    Watched::new(Watch::start(broker, clock, TimeZone::UTC, feeds_now, tasks))
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
