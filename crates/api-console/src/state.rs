//! What every handler has at hand, and what the console needs to be told by the rest of the node.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::watch::{Range, Usual, WatchError};
use async_trait::async_trait;
use base::{Name, Tasks, Time};
use broker::Broker;
use parking_lot::RwLock;
use ports::Clock;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use trust::{Call, Operation};

use crate::error::{Failure, fail};
use crate::kept::Kept;
use crate::noted::Noted;
use crate::shapes::Shapes;
use crate::view::{Follower, View};

/// Streams that may be open at once: each is a connection and one pass over the last changes a
/// second, and a city's control rooms have fewer screens.
pub const STREAMS_MAX: usize = 256;

/// What watches over the city and says what is not as usual.
#[async_trait]
pub trait Watching: Send + Sync + std::fmt::Debug {
    /// The city now, as it stands at `GET /console/now`, with its version.
    fn now(&self) -> Arc<Noted>;

    /// Notes, or takes back, that somebody looks after what needs attention.
    async fn acknowledge(&self, call: &Call, id: &str, seen: bool) -> Result<(), WatchError>;

    /// The usual range of an attribute over time, oldest first; empty when it is not known.
    async fn usual(
        &self,
        call: &Call,
        entity: &str,
        attribute: &str,
        between: (Time, Time),
    ) -> Result<Vec<Usual>, WatchError>;

    /// The usual range of each of the attributes at this hour; `None` when it is not known.
    async fn usual_now(
        &self,
        call: &Call,
        entity: &str,
        attributes: &[Name],
    ) -> Result<Vec<Option<Range>>, WatchError>;
}

/// What the console cannot read from the store.
pub trait City: Send + Sync + std::fmt::Debug {
    /// As it is now.
    fn state(&self) -> CityState;

    /// Changes whenever [`City::state`] does.
    fn changed(&self) -> watch::Receiver<u64>;
}

/// What the console cannot read from the store, at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CityState {
    /// The IANA name of the zone, for a city whose entity does not say it.
    pub zone: Option<String>,
    /// How many seconds of the city pass in one of the clock; 0 is taken as 1.
    pub speed: f64,
    /// The basemap that is served now.
    pub basemap: Option<Basemap>,
    /// What is being loaded.
    pub loading: Option<Loading>,
    /// The version of the node.
    pub version: String,
}

/// A basemap in the folder of basemaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Basemap {
    /// Its file name.
    pub file: String,
    /// Changes when the content of the file does.
    pub version: String,
    /// West, south, east, north in degrees.
    pub bounds: [f64; 4],
    /// The first zoom that it has.
    pub min_zoom: u8,
    /// The last zoom that it has.
    pub max_zoom: u8,
    /// Whose data it is.
    pub attribution: String,
}

/// What is being loaded, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loading {
    /// What: `model`, `osm`, `gtfs` …
    pub what: String,
    /// The step it is at.
    pub stage: String,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to be done; 0 when that is not known.
    pub total: u64,
    /// Why it ended before it was done.
    pub error: Option<String>,
}

/// What [`ApiConsole::start`] needs.
#[derive(Debug)]
pub struct Parts {
    /// The door and the reads.
    pub broker: Arc<Broker>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Watches over the city.
    pub watching: Arc<dyn Watching>,
    /// Knows what the store does not.
    pub city: Arc<dyn City>,
    /// The folder of the basemaps; nothing else may stand in it.
    pub basemaps: PathBuf,
    /// The tasks of the node.
    pub tasks: Tasks,
}

/// The broker and the view of the places, as handlers see them.
#[derive(Debug, Clone)]
pub struct ApiConsole {
    pub(crate) broker: Arc<Broker>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) watching: Arc<dyn Watching>,
    pub(crate) city: Arc<dyn City>,
    pub(crate) basemaps: Arc<Path>,
    pub(crate) tasks: Tasks,
    pub(crate) view: Arc<RwLock<View>>,
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) tiles: Arc<Kept>,
    pub(crate) streams: Arc<Semaphore>,
}

impl ApiConsole {
    /// Starts to follow the log. Until all places are read, answers are made of those that are.
    pub fn start(parts: Parts) -> Self {
        let view = Arc::new(RwLock::new(View::default()));
        Follower::start(
            Arc::clone(&parts.broker),
            Arc::clone(&parts.clock),
            Arc::clone(&view),
            &parts.tasks,
        );
        Self {
            broker: parts.broker,
            clock: parts.clock,
            watching: parts.watching,
            city: parts.city,
            basemaps: Arc::from(parts.basemaps),
            tasks: parts.tasks,
            view,
            shapes: Arc::default(),
            tiles: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }

    /// How many places there are on the map, and the change up to which the log has been followed.
    pub fn places(&self) -> (usize, u64) {
        let view = self.view.read();
        (view.len(), view.seq)
    }

    /// Lets in whoever may read, and only to the world of which there is a view.
    pub(crate) fn allow(&self, call: &Call, operation: Operation) -> Result<(), Failure> {
        self.broker.authorize(call, operation)?;
        if call.tenant.is_default() {
            return Ok(());
        }
        // Limit: the view is of the default tenant; other worlds are read by /ngsi-ld/v1.
        Err(fail(
            base::Kind::Unsupported,
            format_args!(
                "the console shows the default tenant, not '{}': leave out NGSILD-Tenant, or read \
                 that tenant at /ngsi-ld/v1",
                call.tenant
            ),
        ))
    }
}
