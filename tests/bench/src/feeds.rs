//! Readings of devices, a second: by MQTT with QoS 1 and by pushes over HTTP, each acknowledged when
//! it is on disk; then `kill -9`, and a look whether anything acknowledged is lost.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use base::Time;
use bytes::Bytes;
use clap::Args;
use mqtt::{ClientSettings, Publisher, Qos};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{self, Client};
use crate::dice::Dice;
use crate::node::{Node, once};
use crate::{clock, machine, table};

/// The moment of the first reading, in seconds of Unix time: 2026-01-01.
const EPOCH: i64 = 1_767_225_600;
/// Readings that are made before they are sent.
const AT_ONCE: usize = 5_000;

const DEFINITION: &str = r#"
[source]
SOURCE

[entity]
id = "urn:ngsi-ld:AirQualityObserved:bench:{id}"
type = "AirQualityObserved"
model = "Environment"

[time]
column = "at"

[[attribute]]
name = "pm25"
column = "pm25"
unit = "GQ"

[[attribute]]
name = "temperature"
column = "temperature"
unit = "CEL"
"#;

/// What to send.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/chorsu")]
    bin: PathBuf,
    /// Readings of each round
    #[arg(long, default_value_t = 300_000)]
    readings: u64,
    /// Devices that they come from
    #[arg(long, default_value_t = 20_000)]
    devices: u64,
    /// Rounds, by MQTT and by pushes in turn
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Connections that send at once
    #[arg(long, default_value_t = 8)]
    connections: u64,
    /// Readings of one push
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
}

/// Sends the readings and prints what became of them.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    println!(
        "{}; load average before the run {}\n",
        machine::name(),
        machine::load_average()
    );
    let folder = tempfile::tempdir()?;
    let mqtt = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let args = ["--mqtt".to_owned(), mqtt.to_string()];
    let node = Node::start(&options.bin, folder.path(), &args)?;
    let listener = "kind = \"listener\"\ntopic = \"bench/air/+\"";
    for (name, source) in [("by-mqtt", listener), ("by-push", "kind = \"push\"")] {
        let definition = DEFINITION.replace("SOURCE", source);
        let path = format!("/feeds/{name}");
        let put = |out: &mut Vec<u8>| client::send("PUT", &path, definition.as_bytes(), out);
        let (status, body) = once(node.address, put)?;
        ensure!(status == 201, "{}", String::from_utf8_lossy(&body));
    }
    println!("| round | readings | a second | memory |\n|---|---|---|---|");
    let runtime = tokio::runtime::Runtime::new()?;
    for round in 0..options.rounds {
        for how in [How::Mqtt(mqtt), How::Push(node.address)] {
            let begun = clock::now();
            runtime.block_on(all(options, how, round))?;
            let seconds = begun.elapsed().as_secs_f64();
            let readings = crate::load::to_float(options.readings);
            println!(
                "| {} | {} | {} | {} |",
                how.name(),
                table::count(readings),
                table::count(readings / seconds),
                table::bytes(node.resident_bytes()),
            );
        }
    }
    let wanted = options.readings * options.rounds;
    for name in ["by-mqtt", "by-push"] {
        let (_, body) = once(node.address, |out| {
            client::get(&format!("/feeds/{name}"), out);
        })?;
        let feed: Value = serde_json::from_slice(&body)?;
        let accepted = feed.pointer("/health/accepted").and_then(Value::as_u64);
        ensure!(accepted == Some(wanted), "{name} accepted {accepted:?}");
    }
    node.kill()?;
    let node = Node::start(&options.bin, folder.path(), &args)?;
    let looked = last_readings(&node, options)?;
    println!("\nkilled and started again: of {looked} devices the last reading is there");
    Ok(())
}

/// The way of a reading into the node.
#[derive(Debug, Clone, Copy)]
enum How {
    Mqtt(SocketAddr),
    Push(SocketAddr),
}

impl How {
    fn name(self) -> &'static str {
        match self {
            Self::Mqtt(_) => "MQTT, QoS 1",
            Self::Push(_) => "pushes",
        }
    }

    /// Which of two entities a device has, so that neither way overwrites the other's readings.
    fn device(self, device: u64) -> String {
        match self {
            Self::Mqtt(_) => format!("m-{device:05}"),
            Self::Push(_) => format!("p-{device:05}"),
        }
    }
}

/// Sends the readings of one round; each device has one sender, so that they come in order.
async fn all(options: &Options, how: How, round: u64) -> anyhow::Result<()> {
    let mut senders = JoinSet::new();
    for sender in 0..options.connections {
        let options = options.clone();
        senders.spawn(async move {
            let numbers = round * options.readings..(round + 1) * options.readings;
            let own = numbers.filter(|n| n % options.devices % options.connections == sender);
            let own: Vec<u64> = own.collect();
            match how {
                How::Mqtt(address) => publish(&options, how, address, sender, &own).await,
                How::Push(address) => push(&options, how, address, &own).await,
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

fn reading(options: &Options, how: How, number: u64) -> (String, String) {
    let id = how.device(number % options.devices);
    let micros = i64::try_from(number).unwrap_or(0) * 1_000;
    let at = Time::from_seconds(EPOCH).plus_micros(micros);
    let pm25 = number % 97;
    let payload = format!(
        r#"{{"id":"{id}","at":"{at}","pm25":{pm25}.5,"temperature":21.{number},"battery":91}}"#
    );
    (format!("bench/air/{id}"), payload)
}

async fn publish(
    options: &Options,
    how: How,
    address: SocketAddr,
    sender: u64,
    numbers: &[u64],
) -> anyhow::Result<()> {
    let settings = ClientSettings::new(
        Arc::new(clock::Machine(clock::now())),
        Arc::new(Dice(sender)),
        &format!("mqtt://{address}"),
        &format!("bench-{sender}"),
    );
    let mut publisher = Publisher::connect(&settings).await?;
    for some in numbers.chunks(AT_ONCE) {
        let messages = some.iter().map(|number| reading(options, how, *number));
        let messages: Vec<(String, Bytes)> =
            messages.map(|(topic, text)| (topic, text.into())).collect();
        let unwanted = publisher.publish(&messages, Qos::AtLeastOnce).await?;
        ensure!(unwanted.is_empty(), "{unwanted:?}");
    }
    Ok(())
}

async fn push(
    options: &Options,
    how: How,
    address: SocketAddr,
    numbers: &[u64],
) -> anyhow::Result<()> {
    let mut client = Client::connect(address).await?;
    for some in numbers.chunks(options.batch) {
        let records = some.iter().map(|number| reading(options, how, *number).1);
        let body = format!("[{}]", records.collect::<Vec<_>>().join(","));
        let mut request = Vec::new();
        client::send("POST", "/feeds/by-push/push", body.as_bytes(), &mut request);
        let answer = client.ask(&request).await?;
        let text = String::from_utf8_lossy(answer.body);
        ensure!(answer.status == 204, "{} {text}", answer.status);
    }
    Ok(())
}

/// Whether the last acknowledged reading of some devices is there; how many were looked at.
fn last_readings(node: &Node, options: &Options) -> anyhow::Result<u64> {
    const LOOKED_AT: u64 = 500;
    let mut dice = Dice(7);
    let all = options.readings * options.rounds;
    for _ in 0..LOOKED_AT {
        let number = all - 1 - dice.below(options.devices.min(options.readings));
        for how in [How::Mqtt(node.address), How::Push(node.address)] {
            let id = how.device(number % options.devices);
            let path = format!(
                "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:bench:{id}?options=keyValues"
            );
            let (status, body) = once(node.address, |out| client::get(&path, out))?;
            let text = String::from_utf8_lossy(&body);
            let pm25 = format!("{}.5", number % 97);
            ensure!(
                status == 200 && text.contains(&pm25),
                "{id} lost {pm25}: {text}"
            );
        }
    }
    Ok(LOOKED_AT * 2)
}
