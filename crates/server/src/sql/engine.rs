//! The engine and its doors.

use std::sync::Arc;

use analytics::running::{self, Desk};
use analytics::{Analytics, flight};
use anyhow::Context as _;
use axum::Router;
use base::Tasks;
use ports::{Clock, Entropy};
use web::Guard;

use crate::real::{OsEntropy, SystemClock};
use crate::settings::Settings;
use crate::wire_up::Node;

/// The folder, below that of the node, for what queries cannot hold in memory.
const SPILL: &str = "sql-spill";

/// Where queries are handed in.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    desk: Arc<Desk>,
}

impl Sql {
    /// Starts the engine; Flight SQL is heard if the settings say where.
    pub(crate) async fn start(
        node: &Node,
        settings: &Settings,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let limits = limits(node, settings);
        let micros_max = limits.micros_max;
        let engine = Analytics::start(analytics::Parts {
            broker: Arc::clone(&node.broker),
            lake: Arc::clone(&node.lake),
            clock: Arc::clone(&clock),
            tasks: tasks.clone(),
            settings: limits,
        });
        let desk = Desk::new(running::Parts {
            engine: engine.context("the engine of SQL")?,
            broker: Arc::clone(&node.broker),
            clock,
            entropy,
            tasks: tasks.clone(),
            micros_max,
        });
        if let Some(address) = settings.flight {
            let parts = flight::Parts {
                desk: Arc::clone(&desk),
                guard: Arc::clone(&node.tokens) as Arc<dyn Guard>,
                tasks: tasks.clone(),
            };
            let address = flight::listen(address, parts)
                .await
                .with_context(|| format!("the setting 'flight' is {address}"))?;
            tracing::info!("listening for Flight SQL on grpc://{address}");
        }
        Ok(Self { desk })
    }

    /// `/sql`.
    pub(crate) fn routes(&self) -> Router {
        analytics::http::routes(Arc::clone(&self.desk))
    }
}

fn limits(node: &Node, settings: &Settings) -> analytics::Settings {
    analytics::Settings {
        memory_bytes: settings.sql_memory << 20,
        micros_max: i64::from(settings.sql_seconds) * 1_000_000,
        // A test's node has no folder.
        folder: node
            .engine
            .as_ref()
            .map(|_engine| settings.data.join(SPILL)),
        ..analytics::Settings::default()
    }
}
