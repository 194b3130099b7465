//! The parts of a node, put together: this is the one place that names the real ones.

use std::sync::Arc;

use anyhow::Context as _;
use api_ngsi::Api;
use axum::Router;
use base::{Tasks, Time};
use broker::contexts::Folder;
use broker::{Broker, Contexts};
use metrics_exporter_prometheus::PrometheusHandle;
use outbound::Client;
use ports::{Clock, Entropy, Store};
use trust::{Access, Denied, Principal};
use web::{Guard, Kit};

use crate::admin::{self, Admin};
use crate::health::{self, Progress};
use crate::real::{OsEntropy, SystemClock};
use crate::settings::Settings;
use crate::start::{self, Start};
use crate::tokens::Tokens;

/// A node whose store is open.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) access: Access,
    pub(crate) broker: Arc<Broker>,
    pub(crate) contexts: Arc<Contexts>,
    pub(crate) tokens: Arc<Tokens>,
}

impl Node {
    /// Writes what makes the next start quick, and closes the store.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Opens the store and everything above it. Tasks of the node end with `tasks`.
pub(crate) async fn open(
    settings: &Settings,
    tasks: &Tasks,
    progress: Progress,
) -> anyhow::Result<Node> {
    let access = if settings.open {
        Access::Open
    } else {
        Access::Closed
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let store = open_store(settings, progress).await?;
    let tokens = Tokens::load(
        access,
        Arc::clone(&store),
        Arc::clone(&clock),
        Arc::clone(&entropy),
    );
    let tokens = Arc::new(tokens.await?);
    let contexts = contexts(settings, &store, &clock, &entropy)?;
    let broker = Broker::new(store, clock, access, tasks.clone());
    Ok(Node {
        access,
        broker,
        contexts,
        tokens,
    })
}

async fn open_store(settings: &Settings, progress: Progress) -> anyhow::Result<Arc<dyn Store>> {
    progress.at("open", 0, 0);
    let _ = settings;
    Ok(Arc::new(store_memory::MemoryStore::new()))
}

fn contexts(
    settings: &Settings,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> anyhow::Result<Arc<Contexts>> {
    let folder = settings.contexts.as_deref().map(Folder::open).transpose();
    let folder = folder.context("the setting 'contexts'")?;
    let roots_pem = match &settings.outbound_roots {
        Some(path) => std::fs::read(path)
            .with_context(|| format!("the setting 'outbound-roots' is {}", path.display()))?,
        None => Vec::new(),
    };
    let outbound = outbound::Settings {
        allow: settings.outbound,
        hosts_allowed: settings.outbound_hosts.clone(),
        roots_pem,
        ..outbound::Settings::default()
    };
    let client = Client::new(&outbound, Arc::clone(clock))?;
    let contexts = Contexts::new(
        Arc::clone(store),
        Arc::clone(clock),
        Arc::clone(entropy),
        Arc::new(client),
        folder,
    );
    Ok(Arc::new(contexts))
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
    web::app(api_ngsi::routes(api(node, SystemClock.now())), kit)
}

fn api(node: &Node, started_at: Time) -> Api {
    Api {
        broker: Arc::clone(&node.broker),
        contexts: Arc::clone(&node.contexts),
        alias: Arc::from("chorsu"),
        started_at,
    }
}

fn kit(guard: Arc<dyn Guard>, settings: &Settings) -> Arc<Kit> {
    let micros = i64::from(settings.request_seconds) * 1_000_000;
    Arc::new(Kit::new(guard, Arc::new(SystemClock), &OsEntropy, micros))
}

/// Everything that a node answers over HTTP.
pub(crate) fn face(
    node: &Node,
    settings: &Settings,
    metrics: PrometheusHandle,
    started_at: Time,
) -> Router {
    let admin = Admin {
        broker: Arc::clone(&node.broker),
        tokens: Arc::clone(&node.tokens),
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
        .merge(start::routes(start))
        .merge(api_ngsi::routes(api(node, started_at)));
    let guard = Arc::clone(&node.tokens) as Arc<dyn Guard>;
    web::app(routes, kit(guard, settings))
}
