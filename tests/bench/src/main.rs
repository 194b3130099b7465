//! Measures a node through HTTP: `bench --bin PATH` starts the built `chorsu` on an empty folder,
//! loads it, and prints a Markdown table of what it does in a second, as a ratio to what an empty
//! server did in the same run.
//!
//! Start reading at [`suite::run`]. `docs/guide/benchmarks.md` says how to read the figures.

mod city;
mod client;
mod clock;
mod dice;
mod disk;
mod federation;
mod feeds;
mod floor;
mod histogram;
mod history;
mod lake;
mod load;
mod machine;
mod measure;
mod node;
mod records;
mod subscriptions;
mod suite;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Measures a Chorsu node through HTTP")]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Serve nothing, quickly: what the node is compared with
    Floor {
        /// Where
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Measure feeds: readings a second by MQTT and by pushes
    Feeds(feeds::Options),
    /// Measure subscriptions: whether every write is told, how late, and beside dead endpoints
    Subscriptions(subscriptions::Options),
    /// Measure queries over many sources, and beside one that is silent
    Federation(federation::Options),
    /// Measure how long it takes to aggregate long histories
    History(history::Options),
    /// Measure the lake: a simulated year in, its size, questions beside DuckDB, what writes cost
    Lake(lake::Options),
    /// Measure records: rows a second in each format, and many tiny batches
    Records(records::Options),
}

/// What to measure, and how long.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/chorsu")]
    bin: PathBuf,
    /// How many entities, one run for each number
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000")]
    entities: Vec<u64>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Rounds of all measurements; the table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections that ask at once
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Only measurements whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// A further argument for `chorsu serve`; may be given several times
    #[arg(long = "arg", allow_hyphen_values = true)]
    args: Vec<String>,
    /// An argument with which the node keeps no history: measures what history costs
    #[arg(long, allow_hyphen_values = true)]
    without_history: Option<String>,
    /// A folder on the disk to measure, for the data of the node
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.what {
        Some(What::Floor { listen }) => floor::serve(listen),
        Some(What::Feeds(options)) => feeds::run(&options),
        Some(What::Subscriptions(options)) => subscriptions::run(&options),
        Some(What::Federation(options)) => federation::run(&options),
        Some(What::History(options)) => history::run(&options),
        Some(What::Lake(options)) => lake::run(&options),
        Some(What::Records(options)) => records::run(&options),
        None => suite::run(&cli.options),
    }
}
