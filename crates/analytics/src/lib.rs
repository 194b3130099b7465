//! SQL over what the city is (entities), what it was (history) and what it counted (records).
//!
//! - [`query`]: what is asked and answered; `engine`: how it runs.
//! - `names`: which tables and columns a text speaks of, whatever the case it is written in.
//! - `session`: the engine under a query: memory, threads, what a call may see.
//! - `tables`: entities, history, records as tables.
//! - `functions`: what SQL lacks for a city: places, buckets of time, gaps, sketches.

mod engine;
pub mod error;
pub mod flight;
pub mod formats;
mod functions;
pub mod http;
mod names;
pub mod query;
pub mod running;
mod session;
mod statement;
mod tables;
mod threads;

use std::path::PathBuf;
use std::sync::Arc;

use base::Tasks;
use broker::Broker;
use lake::Lake;
use ports::Clock;

use engine::Engine;
pub use error::SqlError;
pub use query::{Answer, ColumnInfo, Options, Prepared, TableInfo};

/// What the engine is made of.
#[derive(Debug)]
pub struct Parts {
    /// The door: rights, entities.
    pub broker: Arc<Broker>,
    /// History and records.
    pub lake: Arc<Lake>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The tasks of the node.
    pub tasks: Tasks,
    /// How much queries may take.
    pub settings: Settings,
}

/// How much all queries together, or one of them, may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of memory for what all queries hold at once.
    pub memory_bytes: usize,
    /// Bytes on disk for what does not fit into memory.
    pub spill_bytes_max: u64,
    /// Queries that run at once.
    pub queries_max: usize,
    /// Microseconds that one query may take.
    pub micros_max: i64,
    /// Where what does not fit into memory goes; `None`: nowhere, such a query ends.
    pub folder: Option<PathBuf>,
    /// Threads that queries run on.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory_bytes: 1 << 30,
            spill_bytes_max: 10 << 30,
            queries_max: 8,
            micros_max: 300_000_000,
            folder: None,
            threads,
        }
    }
}

/// The query engine of a node.
#[derive(Debug)]
pub struct Analytics {
    engine: Engine,
}

impl Analytics {
    /// The engine. Its folder is emptied: nobody else may use it.
    pub fn start(parts: Parts) -> Result<Arc<Self>, SqlError> {
        let engine = Engine::start(parts)?;
        Ok(Arc::new(Self { engine }))
    }
}
