//! A city that is brought into the node while it runs: the model city, or files of one's own. One
//! loading at a time, with progress that everybody can see; each file passes the same importers as
//! `chorsu import`, and the same door.

mod devices;
mod files;
pub(crate) mod http;
mod maps;
mod model;
mod watching;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use api_console::{Basemap, CityState, Loading};
use axum::Router;
use base::{Kind, Tasks};
use broker::Broker;
use feeds::Feeds;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::watch;

pub(crate) use model::Wish as ModelWish;
pub(crate) use watching::start as watch;

use crate::health::VERSION;

/// Where basemaps lie in the folder of a node.
const BASEMAPS: &str = "basemaps";
/// Where files lie while they are loaded.
const UPLOADS: &str = "uploads";

/// Why nothing is loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// One at a time.
    #[error("'{0}' is being loaded: wait for its end")]
    Busy(String),
    /// One model city a node.
    #[error("a model city lives in this node already")]
    Lives,
    /// The wish was wrong.
    #[error("{0}")]
    Invalid(String),
    /// The file could not be kept.
    #[error("the file cannot be kept: {0}")]
    Disk(#[from] std::io::Error),
}

impl LoadError {
    fn kind(&self) -> Kind {
        match self {
            Self::Busy(_) | Self::Lives => Kind::Conflict,
            Self::Invalid(_) => Kind::Invalid,
            Self::Disk(_) => Kind::Unavailable,
        }
    }
}

/// Loads cities into one node. Clones share their state.
#[derive(Debug, Clone)]
pub(crate) struct Loader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    broker: Arc<Broker>,
    feeds: Arc<Feeds>,
    /// The NGSI-LD API with all rights: an importer's door.
    face: Router,
    data: PathBuf,
    tasks: Tasks,
    handle: Handle,
    state: RwLock<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// How far a loading is, or how the last one ended when it broke off.
    loading: Option<Loading>,
    basemap: Option<Basemap>,
    /// Seconds of the model city that pass in one of ours, once one lives here.
    speed: Option<u32>,
}

impl Loader {
    /// A loader of the node that keeps its files under `data`.
    pub(crate) fn new(
        broker: Arc<Broker>,
        feeds: Arc<Feeds>,
        face: Router,
        data: &Path,
        tasks: Tasks,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                broker,
                feeds,
                face,
                data: data.to_owned(),
                tasks,
                handle: Handle::current(),
                state: RwLock::new(State {
                    basemap: maps::newest(&Self::basemaps(data)),
                    ..State::default()
                }),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// The folder of the basemaps of a node with this data.
    pub(crate) fn basemaps(data: &Path) -> PathBuf {
        data.join(BASEMAPS)
    }

    /// Takes the one place there is for a loading.
    fn begin(&self, what: &'static str) -> Result<Step, LoadError> {
        let state = &mut *self.inner.state.write();
        if let Some(running) = state.loading.as_ref().filter(|it| it.error.is_none()) {
            return Err(LoadError::Busy(running.what.clone()));
        }
        state.loading = Some(Loading {
            what: what.to_owned(),
            stage: "reading".to_owned(),
            done: 0,
            total: 0,
            error: None,
        });
        self.inner.changed();
        Ok(Step {
            loader: self.clone(),
        })
    }
}

impl Inner {
    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

impl api_console::City for Loader {
    fn state(&self) -> CityState {
        let state = self.inner.state.read();
        CityState {
            zone: None,
            speed: state.speed.map_or(1.0, f64::from),
            basemap: state.basemap.clone(),
            loading: state.loading.clone(),
            version: VERSION.to_owned(),
        }
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }
}

/// The loading under way. It says how far it is, and at its end makes place for the next.
#[derive(Debug)]
struct Step {
    loader: Loader,
}

impl Step {
    fn at(&self, stage: &str, done: u64, total: u64) {
        let city = &mut *self.loader.inner.state.write();
        let Some(loading) = &mut city.loading else {
            return;
        };
        // Every half per cent is enough for a bar.
        let grain = (total / 200).max(1);
        let same = loading.stage == stage && loading.total == total;
        if same && loading.done / grain == done / grain {
            return;
        }
        stage.clone_into(&mut loading.stage);
        (loading.done, loading.total) = (done, total);
        self.loader.inner.changed();
    }

    /// The folder of basemaps has another one.
    fn mapped(&self) {
        let map = maps::newest(&Loader::basemaps(&self.loader.inner.data));
        self.loader.inner.state.write().basemap = map;
        self.loader.inner.changed();
    }

    /// It broke off: the reason stands until the next loading begins.
    fn fail(&self, error: &anyhow::Error) {
        let reason = format!("{error:#}");
        tracing::error!(reason, "a city was not loaded to its end");
        if let Some(loading) = &mut self.loader.inner.state.write().loading {
            loading.error = Some(reason);
        }
    }
}

/// However a loading ends, by its end, a panic, or an upload that breaks off: the place is free.
impl Drop for Step {
    fn drop(&mut self) {
        let state = &mut *self.loader.inner.state.write();
        state.loading.take_if(|loading| loading.error.is_none());
        self.loader.inner.changed();
    }
}
