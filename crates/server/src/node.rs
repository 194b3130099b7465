//! The life of a node: listen, open the store, answer, and on request stop in good order.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use base::Tasks;
use ports::Clock as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use trust::Access;

use crate::city::ModelWish;
use crate::health::{self, Progress};
use crate::listen::{self, Face, Manners};
use crate::real::SystemClock;
use crate::settings::Settings;
use crate::wire_up::{self, Node};

/// Serves until the operating system asks to stop, with a model city if one is wanted or lives here
/// already. `/health` and `/ready` answer from the first
/// moment on, everything else when the store is open.
pub(crate) async fn serve(
    settings: Settings,
    model_city: Option<ModelWish>,
) -> anyhow::Result<ExitCode> {
    let started_at = SystemClock.now();
    let mut signals = Signals::new()?;
    // Two groups, because connections must end while what they need still works.
    let (connections, inner) = (Tasks::new(), Tasks::new());
    let metrics = health::start_metrics(&inner)?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("the setting 'listen' is {}", settings.listen))?;
    let address = listener.local_addr()?;
    tracing::info!("listening on http://{address}");

    let progress = Progress::default();
    let face: Face = Arc::new(ArcSwap::from_pointee(health::loading_routes(
        progress.clone(),
    )));
    let manners = Manners {
        connections_max: settings.connections,
        loopback_names_only: settings.open,
    };
    let accepting = listen::accept(listener, Arc::clone(&face), manners, connections.clone());
    connections.spawn("accept", accepting);

    let node = tokio::select! {
        biased;
        name = signals.next() => {
            tracing::info!(signal = name, "stopping before the store was open");
            return Ok(ExitCode::SUCCESS);
        }
        node = wire_up::open(&settings, &inner, progress) => node?,
    };
    let living = wire_up::enliven(&node, &settings, &inner).await?;
    face.store(Arc::new(wire_up::face(
        &node, &living, &settings, metrics, started_at,
    )));
    let millis = (SystemClock.now().as_micros() - started_at.as_micros()) / 1_000;
    tracing::info!(
        head = node.broker.store().head().0,
        millis,
        "ready at http://{address}"
    );
    welcome(&node, &address.to_string());
    match (living.loader.resume().await?, model_city) {
        (true, _) => tracing::info!("the model city that lives here lives on as it is"),
        (false, Some(wish)) => living.loader.load_model(wish)?,
        (false, None) => {}
    }

    let ended = tokio::select! {
        biased;
        name = signals.next() => {
            tracing::info!(signal = name, "stopping: no new connections; a second signal ends at once");
            ExitCode::SUCCESS
        }
        reason = node.poisoned() => {
            // Nothing may be acknowledged any more; what was, is on disk.
            tracing::error!(reason, "the store cannot be written to: the node ends; start it again");
            ExitCode::FAILURE
        }
    };
    tokio::select! {
        biased;
        stopped = stop(node, connections, inner, &settings) => stopped.map(|()| ended),
        _again = signals.next() => Ok(ExitCode::FAILURE),
    }
}

/// Connections first, then what they use, then the store.
async fn stop(
    node: Node,
    connections: Tasks,
    inner: Tasks,
    settings: &Settings,
) -> anyhow::Result<()> {
    connections.stop();
    let patience = SystemClock
        .now()
        .plus_micros(i64::from(settings.shutdown_seconds) * 1_000_000);
    tokio::select! {
        biased;
        () = connections.ended() => {}
        () = SystemClock.sleep_until(patience) => {
            tracing::warn!("some connections did not end in time and are broken off");
        }
    }
    inner.stop();
    inner.ended().await;
    node.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// What a person who started the node wants to know, on standard output.
#[expect(
    clippy::print_stdout,
    reason = "the setup token is for the eyes of who starts the node"
)]
fn welcome(node: &Node, address: &str) {
    match node.access {
        Access::Open => {
            println!("\nChorsu is open to everybody on this machine: http://{address}\n");
        }
        Access::Closed => {
            if let Some(token) = node.tokens.setup_token() {
                println!(
                    "\nThis node is closed and has no administrator yet. To become it, once:\n\n  \
                     curl -X POST http://{address}/setup -H 'Authorization: Bearer {token}'\n\n\
                     The answer holds the administrator's token. Keep it: it is shown once.\n"
                );
            }
        }
    }
}

/// What the operating system may ask for.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _some = self.terminate.recv() => "SIGTERM",
            _some = self.interrupt.recv() => "SIGINT",
        }
    }
}
