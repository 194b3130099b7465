//! The parts of a node, put together: this is the one place that names the real ones.

use std::sync::Arc;

use anyhow::Context as _;
use api_console::ApiConsole;
use api_ngsi::Api;
use axum::Router;
use base::{Tasks, Tenant, Time};
use broker::contexts::Folder;
use broker::{Broker, Contexts};
use federation::Gateway;
use feeds::Feeds;
use lake::{Lake, Place};
use metrics_exporter_prometheus::PrometheusHandle;
use outbound::Client;
use ports::{Clock, Entropy, Outbound, Past, Store};
use store_embedded::{EmbeddedStore, Health, Opened};
use subscriptions::Subscriptions;
use tokio::sync::watch;
use trust::{Access, Denied, Principal};
use web::{Guard, Kit};

use crate::admin::{self, Admin};
use crate::alias;
use crate::city::{self, Loader};
use crate::console;
use crate::devices::{self, TokenDoor};
use crate::health::{self, Progress};
use crate::openapi;
use crate::real::{OsEntropy, SystemClock};
use crate::settings::Settings;
use crate::sql::Sql;
use crate::start::{self, Start};
use crate::tokens::Tokens;

/// A node whose store is open.
#[derive(Debug)]
pub(crate) struct Node {
    /// The store as an engine to be closed and copied; a test's model store is none.
    pub(crate) engine: Option<Arc<EmbeddedStore>>,
    pub(crate) access: Access,
    pub(crate) broker: Arc<Broker>,
    pub(crate) contexts: Arc<Contexts>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) lake: Arc<Lake>,
    pub(crate) tokens: Arc<Tokens>,
    outbound: Arc<dyn Outbound>,
}

/// What lives in a node that serves: it follows the log, hears devices, and loads cities.
#[derive(Debug)]
pub(crate) struct Living {
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) loader: Loader,
    console: ApiConsole,
    sql: Sql,
}

impl Node {
    /// Writes what makes the next start quick, and closes the store.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        if let Some(engine) = self.engine {
            tokio::task::spawn_blocking(move || engine.close()).await?;
        }
        Ok(())
    }

    /// Returns, with the reason, when the store can take no more writes.
    pub(crate) async fn poisoned(&self) -> String {
        let Some(engine) = &self.engine else {
            return std::future::pending().await;
        };
        let mut health = engine.health();
        loop {
            if let Health::Poisoned(reason) = &*health.borrow_and_update() {
                return reason.clone();
            }
            if health.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// Opens the store and everything above it. Tasks of the node end with `tasks`.
pub(crate) async fn open(
    settings: &Settings,
    tasks: &Tasks,
    progress: Progress,
) -> anyhow::Result<Node> {
    let engine = Arc::new(open_engine(settings, progress).await?);
    let under = Under {
        store: Arc::clone(&engine) as Arc<dyn Store>,
        past: Some(Arc::clone(&engine) as Arc<dyn Past>),
        place: settings.lake.place.clone(),
    };
    let node = above(under, settings, tasks).await?;
    Ok(Node {
        engine: Some(engine),
        ..node
    })
}

/// What a node stands on.
struct Under {
    store: Arc<dyn Store>,
    /// The side of it that gives history away.
    past: Option<Arc<dyn Past>>,
    place: Place,
}

/// Everything above a store.
async fn above(under: Under, settings: &Settings, tasks: &Tasks) -> anyhow::Result<Node> {
    let store = under.store;
    let access = if settings.open {
        Access::Open
    } else {
        Access::Closed
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let tokens = Tokens::load(
        access,
        Arc::clone(&store),
        Arc::clone(&clock),
        Arc::clone(&entropy),
    );
    let tokens = Arc::new(tokens.await?);
    let outbound = outbound(settings, &clock)?;
    let contexts = contexts(settings, &store, &clock, &entropy, &outbound)?;
    let broker = Broker::new(store, Arc::clone(&clock), access, tasks.clone());
    let parts = lake::Parts {
        broker: Arc::clone(&broker),
        past: under.past,
        place: under.place,
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        tasks: tasks.clone(),
    };
    let lake = Lake::start_with(parts, settings.lake.rules.clone()).await;
    let lake = lake.context("the lake")?;
    let subscriptions = Subscriptions::start(subscriptions::Parts {
        broker: Arc::clone(&broker),
        contexts: Arc::clone(&contexts),
        outbound: Arc::clone(&outbound),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        tasks: tasks.clone(),
    });
    let subscriptions = subscriptions.await?;
    let said = settings.alias.as_deref();
    let alias = alias::alias(said, &**broker.store(), &*entropy, clock.now()).await?;
    let gateway = Gateway::start(federation::Parts {
        broker: Arc::clone(&broker),
        contexts: Arc::clone(&contexts),
        subscriptions: Arc::clone(&subscriptions),
        outbound: Arc::clone(&outbound),
        clock,
        entropy,
        alias,
        tasks: tasks.clone(),
    });
    let gateway = gateway.await?;
    Ok(Node {
        engine: None,
        access,
        broker,
        contexts,
        gateway,
        subscriptions,
        lake,
        tokens,
        outbound,
    })
}

/// Brings a node to life: its feeds, its watch, its view of the city; devices are heard if the
/// settings say where.
pub(crate) async fn enliven(
    node: &Node,
    settings: &Settings,
    tasks: &Tasks,
) -> anyhow::Result<Living> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let feeds = Feeds::start(feeds::Parts {
        broker: Arc::clone(&node.broker),
        contexts: Arc::clone(&node.contexts),
        outbound: Arc::clone(&node.outbound),
        clock: Arc::clone(&clock),
        entropy: Arc::new(OsEntropy),
        tasks: tasks.clone(),
    });
    let feeds = feeds.await?;
    let face = holders_face(node, settings);
    let loader = Loader::new(
        Arc::clone(&node.broker),
        Arc::clone(&feeds),
        face,
        &settings.data,
        tasks.clone(),
    );
    let watching = city::watch(&node.broker, &clock, &feeds, tasks);
    let console = ApiConsole::start(api_console::Parts {
        broker: Arc::clone(&node.broker),
        clock,
        watching,
        city: Arc::new(loader.clone()),
        basemaps: Loader::basemaps(&settings.data),
        tasks: tasks.clone(),
    });
    if let Some(address) = settings.mqtt {
        let door = Arc::new(TokenDoor {
            guard: Arc::clone(&node.tokens) as Arc<dyn Guard>,
            access: node.access,
        });
        let address = devices::listen(address, door, Arc::clone(&feeds), tasks).await?;
        tracing::info!("listening for devices on mqtt://{address}");
    }
    let sql = Sql::start(node, settings, tasks).await?;
    Ok(Living {
        feeds,
        loader,
        console,
        sql,
    })
}

/// Opens the store on a thread of its own and says meanwhile how far it is.
async fn open_engine(settings: &Settings, progress: Progress) -> anyhow::Result<EmbeddedStore> {
    let dir = settings.data.clone();
    let (said, mut heard) =
        watch::channel(store_embedded::Progress::Checkpoint { done: 0, total: 0 });
    let opening = tokio::task::spawn_blocking(move || {
        EmbeddedStore::open(&dir, store_embedded::Settings::default(), &said)
    });
    while heard.changed().await.is_ok() {
        match *heard.borrow_and_update() {
            store_embedded::Progress::Checkpoint { done, total } => {
                progress.at("checkpoint", done, total);
            }
            store_embedded::Progress::Log { at } => progress.at("log", at.0, 0),
            store_embedded::Progress::Ready => {}
        }
    }
    let engine = opening.await?;
    let engine = engine.with_context(|| format!("the folder {}", settings.data.display()))?;
    let Opened {
        torn,
        passed_over,
        replayed,
    } = engine.opened();
    if let Some(torn) = torn {
        tracing::info!(
            ?torn,
            "the last write was cut off before it was acknowledged; it is dropped"
        );
    }
    for file in passed_over {
        tracing::warn!(
            file,
            "a checkpoint cannot be read; an older one was used: see chorsu check"
        );
    }
    tracing::debug!(replayed, "the log is replayed");
    Ok(engine)
}

fn contexts(
    settings: &Settings,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    outbound: &Arc<dyn Outbound>,
) -> anyhow::Result<Arc<Contexts>> {
    let folder = settings.contexts.as_deref().map(Folder::open).transpose();
    let folder = folder.context("the setting 'contexts'")?;
    let contexts = Contexts::new(
        Arc::clone(store),
        Arc::clone(clock),
        Arc::clone(entropy),
        Arc::clone(outbound),
        folder,
    );
    Ok(Arc::new(contexts))
}

/// The way to other hosts, as far as the settings open it.
fn outbound(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Outbound>> {
    let roots_pem = match &settings.outbound_roots {
        Some(path) => std::fs::read(path)
            .with_context(|| format!("the setting 'outbound-roots' is {}", path.display()))?,
        None => Vec::new(),
    };
    let settings = outbound::Settings {
        allow: settings.outbound,
        hosts_allowed: settings.outbound_hosts.clone(),
        roots_pem,
        ..outbound::Settings::default()
    };
    Ok(Arc::new(Client::new(&settings, Arc::clone(clock))?))
}

/// Lets everybody do everything: whoever holds the folder of a stopped node holds the node.
#[derive(Debug)]
struct Holder;

impl Guard for Holder {
    fn identify(&self, _bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
        Ok(Principal::Administrator)
    }
}

/// The NGSI-LD API for whoever holds the folder of the node: it is asked within the process.
pub(crate) fn holders_face(node: &Node, settings: &Settings) -> Router {
    let kit = kit(Arc::new(Holder), settings);
    web::app(
        api_ngsi::routes(api(node, settings, SystemClock.now())),
        kit,
    )
}

/// Tables of records, likewise.
pub(crate) fn holders_records(node: &Node, settings: &Settings) -> Router {
    let kit = kit(Arc::new(Holder), settings);
    web::app(lake::http::routes(Arc::clone(&node.lake)), kit)
}

fn api(node: &Node, settings: &Settings, started_at: Time) -> Api {
    Api {
        broker: Arc::clone(&node.broker),
        contexts: Arc::clone(&node.contexts),
        gateway: Arc::clone(&node.gateway),
        subscriptions: Arc::clone(&node.subscriptions),
        alias: Arc::from(node.gateway.alias(&Tenant::default_tenant())),
        started_at,
        temporal_instances_max: settings.temporal_instances,
    }
}

fn kit(guard: Arc<dyn Guard>, settings: &Settings) -> Arc<Kit> {
    let micros = i64::from(settings.request_seconds) * 1_000_000;
    Arc::new(Kit::new(guard, Arc::new(SystemClock), &OsEntropy, micros))
}

/// Everything that a node answers over HTTP.
pub(crate) fn face(
    node: &Node,
    living: &Living,
    settings: &Settings,
    metrics: PrometheusHandle,
    started_at: Time,
) -> Router {
    let admin = Admin {
        broker: Arc::clone(&node.broker),
        tokens: Arc::clone(&node.tokens),
        engine: node.engine.clone(),
        lake: Arc::clone(&node.lake),
    };
    let start = Start {
        broker: Arc::clone(&node.broker),
        access: node.access,
    };
    let routes = Router::new()
        .merge(health::routes(
            Arc::clone(&node.broker),
            metrics,
            started_at,
        ))
        .merge(admin::routes(admin))
        .merge(openapi::routes())
        .merge(start::routes(start))
        .merge(console::routes())
        .merge(api_console::routes(living.console.clone()))
        .merge(city::http::routes(living.loader.clone()))
        .merge(feeds::http::routes(Arc::clone(&living.feeds)))
        .merge(lake::http::routes(Arc::clone(&node.lake)))
        .merge(living.sql.routes())
        .merge(api_ngsi::routes(api(node, settings, started_at)));
    let routes = console::pages(routes);
    let guard = Arc::clone(&node.tokens) as Arc<dyn Guard>;
    web::app(routes, kit(guard, settings))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The face of an open node over the model store.
    pub(crate) async fn open_face() -> Router {
        let settings = Settings {
            open: true,
            ..Settings::default()
        };
        let under = Under {
            store: Arc::new(store_memory::MemoryStore::new()),
            past: None,
            place: Place::Memory,
        };
        let tasks = Tasks::new();
        let node = above(under, &settings, &tasks).await.expect("a node");
        let living = enliven(&node, &settings, &tasks)
            .await
            .expect("a living node");
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        face(&node, &living, &settings, recorder.handle(), Time(0))
    }
}
