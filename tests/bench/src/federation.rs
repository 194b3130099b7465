//! Queries over many sources: each is asked at once, and one answer is made of what they give. Then
//! the same while one of them takes connections and never answers: it may cost its deadline, no more.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;
use clap::Args;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::client::{self, Client};
use crate::histogram::Histogram;
use crate::node::Node;
use crate::table::Table;
use crate::{clock, machine, table};

/// What is asked.
const QUERY: &str = "/ngsi-ld/v1/entities?type=Sensor&limit=1000";
/// Milliseconds that the silent source has to answer.
const TIMEOUT_MILLIS: u64 = 200;

/// What to do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/chorsu")]
    bin: PathBuf,
    /// Sources that one query asks
    #[arg(long, default_value_t = 34)]
    sources: u64,
    /// Entities of each source; one of them is the same everywhere
    #[arg(long, default_value_t = 5)]
    entities: u64,
    /// Queries a second
    #[arg(long, default_value_t = 50)]
    queries: u64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Connections that ask, in turn
    #[arg(long, default_value_t = 64)]
    connections: u64,
}

/// Asks a node that asks the sources, and prints how long that took.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    println!(
        "{}; load average before the run {}; {} sources, {} queries/s\n",
        machine::name(),
        machine::load_average(),
        options.sources,
        options.queries,
    );
    let runtime = tokio::runtime::Runtime::new()?;
    let text = runtime.block_on(measure(options))?;
    println!("{text}");
    Ok(())
}

async fn measure(options: &Options) -> anyhow::Result<String> {
    let mut serving = JoinSet::new();
    let mut addresses = Vec::new();
    for source in 0..options.sources {
        let listening = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listening.local_addr()?);
        serving.spawn(serve(listening, body_of(options, source)));
    }
    // It is bound and never accepts: connections are made by the system and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let mut table = Table::new(&[
        "sources",
        "queries",
        "entities",
        "not whole",
        "p50",
        "p99",
        "max",
        "memory",
    ]);
    for is_one_silent in [false, true] {
        let folder = tempfile::tempdir()?;
        let args = ["--outbound".to_owned(), "loopback".to_owned()];
        let bin = options.bin.clone();
        let path = folder.path().to_owned();
        // It is waited for by blocking.
        let node = tokio::task::spawn_blocking(move || Node::start(&bin, &path, &args)).await??;
        let mut sources = addresses.clone();
        let mut silenced = 0;
        if is_one_silent && let Some(last) = sources.last_mut() {
            *last = silent.local_addr()?;
            silenced = 1;
        }
        register(node.address, &sources, silenced).await?;
        let wanted = (options.sources - silenced) * (options.entities - 1) + 1;
        let (latencies, partial) = ask_all(options, node.address, wanted).await?;
        table.row(&[
            if is_one_silent {
                "one is silent"
            } else {
                "all answer"
            }
            .to_owned(),
            latencies.total().to_string(),
            wanted.to_string(),
            partial.to_string(),
            table::time(latencies.quantile(500)),
            table::time(latencies.quantile(990)),
            table::time(latencies.quantile(1_000)),
            table::bytes(node.resident_bytes()),
        ]);
    }
    Ok(table.text().to_owned())
}

/// What a source has.
fn body_of(options: &Options, source: u64) -> Bytes {
    let one = |number: u64| {
        let id = if number == 0 {
            "urn:ngsi-ld:Sensor:shared".to_owned()
        } else {
            format!("urn:ngsi-ld:Sensor:{source}:{number}")
        };
        json!({
            "id": id, "type": "Sensor",
            format!("value{source}"): {
                "type": "Property", "value": number, "observedAt": "2026-01-01T00:00:00Z",
                "modifiedAt": "2026-01-01T00:00:00Z",
            },
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [4, 52]}},
        })
    };
    let all: Vec<Value> = (0..options.entities).map(one).collect();
    Bytes::from(json!(all).to_string())
}

async fn serve(listening: TcpListener, body: Bytes) {
    let answer = async move || ([(header::CONTENT_TYPE, "application/json")], body.clone());
    let router = Router::new().route("/ngsi-ld/v1/entities", get(answer));
    // It serves until the bench ends.
    let _served = axum::serve(listening, router).await;
}

/// Registers the sources; so many of the last ones have little time.
async fn register(node: SocketAddr, sources: &[SocketAddr], silenced: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(node).await?;
    for (number, source) in sources.iter().enumerate() {
        let mut registration = json!({
            "id": format!("urn:ngsi-ld:ContextSourceRegistration:{number}"),
            "type": "ContextSourceRegistration",
            "information": [{"entities": [{"type": "Sensor"}]}],
            "endpoint": format!("http://{source}"),
        });
        if silenced > 0 && number + 1 == sources.len() {
            registration["management"] = json!({"timeout": TIMEOUT_MILLIS});
        }
        let mut request = Vec::new();
        let body = registration.to_string();
        let path = "/ngsi-ld/v1/csourceRegistrations";
        client::send("POST", path, body.as_bytes(), &mut request);
        let answer = client.ask(&request).await?;
        ensure!(
            answer.status == 201,
            "{}",
            String::from_utf8_lossy(answer.body)
        );
    }
    Ok(())
}

/// Asks at a steady pace, whether or not earlier answers are there; a latency begins when the
/// question was due.
async fn ask_all(
    options: &Options,
    node: SocketAddr,
    wanted: u64,
) -> anyhow::Result<(Histogram, u64)> {
    let total = options.queries * options.seconds;
    let begun = clock::now() + Duration::from_millis(500);
    let mut asking: JoinSet<anyhow::Result<(Histogram, u64)>> = JoinSet::new();
    for connection in 0..options.connections {
        let (step, queries) = (options.connections, options.queries);
        asking.spawn(async move {
            let mut client = Client::connect(node).await?;
            let mut request = Vec::new();
            client::get(QUERY, &mut request);
            let mut latencies = Histogram::default();
            let mut partial = 0_u64;
            let mut number = connection;
            while number < total {
                let due = begun + Duration::from_micros(number * 1_000_000 / queries);
                clock::until(due).await;
                let answer = client.ask(&request).await?;
                ensure!(answer.status == 200, "status {}", answer.status);
                let found = memmem::find_iter(answer.body, br#""id":"#).count();
                partial += u64::from(u64::try_from(found)? != wanted);
                latencies.add(due.elapsed());
                number += step;
            }
            Ok((latencies, partial))
        });
    }
    let (mut all, mut partial) = (Histogram::default(), 0);
    while let Some(done) = asking.join_next().await {
        let (latencies, of_one) = done??;
        all.merge(&latencies);
        partial += of_one;
    }
    Ok((all, partial))
}
