//! Subscribers under load: every write concerns one of many subscriptions and has to be told, in order,
//! to its receiver; then the same beside endpoints that are dead. Whatever is not told is lost, and said.

mod receiver;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::client::{self, Client};
use crate::node::Node;
use crate::table::Table;
use crate::{clock, machine, table};
use receiver::Receiver;

/// How long is waited for what was not told yet.
const PATIENCE: Duration = Duration::from_secs(60);
/// Entities in one batch.
const BATCH: u64 = 1_000;

/// What to do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/chorsu")]
    bin: PathBuf,
    /// Subscriptions, each to one entity
    #[arg(long, default_value_t = 10_000)]
    subscriptions: u64,
    /// Subscriptions whose endpoint is dead, each to one further entity: half of the endpoints refuse
    /// connections, half take them and never answer
    #[arg(long, default_value_t = 1_000)]
    dead: u64,
    /// Writes a second, spread over all entities
    #[arg(long, default_value_t = 2_000)]
    writes: u64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Rounds, without and with dead endpoints in turn
    #[arg(long, default_value_t = 2)]
    rounds: u64,
    /// Connections that write at once
    #[arg(long, default_value_t = 16)]
    connections: u64,
}

/// Loads a node and prints what became of the notifications.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    println!(
        "{}; load average before the run {}; {} subscriptions, {} writes/s\n",
        machine::name(),
        machine::load_average(),
        options.subscriptions,
        options.writes,
    );
    let folder = tempfile::tempdir()?;
    let args = ["--outbound".to_owned(), "loopback".to_owned()];
    let node = Node::start(&options.bin, folder.path(), &args)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let text = runtime.block_on(measure(options, &node))?;
    println!("{text}");
    Ok(())
}

async fn measure(options: &Options, node: &Node) -> anyhow::Result<String> {
    let receiver = Arc::new(Receiver::new(
        options.writes * options.seconds * options.rounds * 2,
        options.subscriptions + options.dead,
    ));
    let listening = TcpListener::bind("127.0.0.1:0").await?;
    let live = listening.local_addr()?;
    // It is bound and never accepts: connections are made by the system and never answered.
    let hanging = TcpListener::bind("127.0.0.1:0").await?;
    let refusing = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let mut serving = JoinSet::new();
    serving.spawn(Arc::clone(&receiver).serve(listening));
    let dead = [hanging.local_addr()?, refusing];
    prepare(options, node.address, live).await?;
    let mut table = Table::new(&[
        "endpoints",
        "writes",
        "a second",
        "told",
        "lost",
        "twice",
        "out of order",
        "p50",
        "p99",
        "p99 of a write",
        "memory",
    ]);
    let mut first = 0;
    for round in 0..options.rounds {
        for with_dead in [false, true] {
            bring_dead(options, node.address, &dead, (round, with_dead)).await?;
            let name = if with_dead { "live and dead" } else { "live" };
            let last = first + options.writes * options.seconds;
            let begun = clock::now();
            let answers = write_all(options, node.address, &receiver, first..last).await?;
            let seconds = begun.elapsed().as_secs_f64();
            let told = receiver
                .wait_for(first..last, options.subscriptions, PATIENCE)
                .await;
            table.row(&[
                name.to_owned(),
                table::count(crate::load::to_float(last - first)),
                table::count(crate::load::to_float(last - first) / seconds),
                told.heard.to_string(),
                told.lost.to_string(),
                told.twice.to_string(),
                told.disordered.to_string(),
                table::time(told.latencies.quantile(500)),
                table::time(told.latencies.quantile(990)),
                table::time(answers.quantile(990)),
                table::bytes(node.resident_bytes()),
            ]);
            first = last;
        }
    }
    Ok(table.text().to_owned())
}

/// The entity that a write is of.
pub(super) fn entity(number: u64) -> String {
    format!("urn:ngsi-ld:Sensor:bench:{number:06}")
}

fn subscription(number: u64, endpoint: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:Subscription:bench:{number:06}"),
        "type": "Subscription",
        "entities": [{"type": "Sensor", "id": entity(number)}],
        "watchedAttributes": ["n"],
        "notification": {
            "attributes": ["n"],
            "endpoint": {"uri": endpoint, "accept": "application/json"},
        },
    })
}

/// Asks, and expects a status.
async fn ask(
    client: &mut Client,
    (method, path): (&str, &str),
    body: &Value,
    expected: u16,
) -> anyhow::Result<()> {
    let mut request = Vec::new();
    let path = format!("/ngsi-ld/v1{path}");
    client::send(method, &path, body.to_string().as_bytes(), &mut request);
    let answer = client.ask(&request).await?;
    let text = String::from_utf8_lossy(answer.body);
    ensure!(
        answer.status == expected,
        "{method} {path}: {} {text}",
        answer.status
    );
    Ok(())
}

/// Makes the entities, and the subscriptions with a living endpoint.
async fn prepare(options: &Options, node: SocketAddr, live: SocketAddr) -> anyhow::Result<()> {
    let mut client = Client::connect(node).await?;
    let all = options.subscriptions + options.dead;
    for begin in (0..all).step_by(usize::try_from(BATCH)?) {
        let numbers = begin..(begin + BATCH).min(all);
        let made = numbers.map(|number| {
            json!({"id": entity(number), "type": "Sensor", "n": {"type": "Property", "value": 0}})
        });
        let made = Value::Array(made.collect());
        ask(
            &mut client,
            ("POST", "/entityOperations/create"),
            &made,
            201,
        )
        .await?;
    }
    for number in 0..options.subscriptions {
        let endpoint = format!("http://{live}/notify/{number}");
        let made = subscription(number, &endpoint);
        ask(&mut client, ("POST", "/subscriptions"), &made, 201).await?;
    }
    Ok(())
}

/// Makes the subscriptions with a dead endpoint, or lets them rest.
async fn bring_dead(
    options: &Options,
    node: SocketAddr,
    dead: &[SocketAddr; 2],
    (round, are_wanted): (u64, bool),
) -> anyhow::Result<()> {
    if round == 0 && !are_wanted {
        return Ok(());
    }
    let mut client = Client::connect(node).await?;
    for number in options.subscriptions..options.subscriptions + options.dead {
        if round == 0 {
            let [hanging, refusing] = dead;
            let host = if number % 2 == 0 { hanging } else { refusing };
            let made = subscription(number, &format!("http://{host}/{number}"));
            ask(&mut client, ("POST", "/subscriptions"), &made, 201).await?;
        } else {
            let path = format!("/subscriptions/urn:ngsi-ld:Subscription:bench:{number:06}");
            let wanted = json!({ "isActive": are_wanted });
            ask(&mut client, ("PATCH", &path), &wanted, 204).await?;
        }
    }
    Ok(())
}

/// Writes at the pace that is wanted; how long the answers took.
async fn write_all(
    options: &Options,
    node: SocketAddr,
    receiver: &Arc<Receiver>,
    numbers: std::ops::Range<u64>,
) -> anyhow::Result<crate::histogram::Histogram> {
    let mut writers = JoinSet::new();
    let begun = clock::now();
    for writer in 0..options.connections {
        let (options, receiver, numbers) = (options.clone(), Arc::clone(receiver), numbers.clone());
        writers.spawn(async move {
            let mut client = Client::connect(node).await?;
            let mut answers = crate::histogram::Histogram::default();
            let mut request = Vec::new();
            let first = numbers.start;
            for number in numbers.filter(|number| number % options.connections == writer) {
                let nanos = (number - first) * 1_000_000_000 / options.writes;
                clock::until(begun + Duration::from_nanos(nanos)).await;
                let of = number % (options.subscriptions + options.dead);
                let body = format!("{{\"n\":{{\"type\":\"Property\",\"value\":{number}}}}}");
                let path = format!("/ngsi-ld/v1/entities/{}/attrs", entity(of));
                request.clear();
                client::send("PATCH", &path, body.as_bytes(), &mut request);
                let sent = receiver.note_sent(number);
                let answer = client.ask(&request).await?;
                ensure!(answer.status == 204, "{}", answer.status);
                answers.add(sent.elapsed());
            }
            Ok(answers)
        });
    }
    let mut all = crate::histogram::Histogram::default();
    while let Some(answers) = writers.join_next().await {
        all.merge(&answers??);
    }
    Ok(all)
}
