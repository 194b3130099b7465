//! Rows of records, a second: taps of cards through HTTP, each batch acknowledged when it is on disk; beside
//! it, in the same run, what it costs to write the same rows as Parquet within a process. Then many tiny
//! batches, then `kill -9`, and a look whether anything acknowledged is lost or counts twice.

use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::ipc::writer::StreamWriter;
use base::Time;
use clap::Args;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{self, Client};
use crate::dice::Dice;
use crate::node::{Node, once};
use crate::{clock, machine, table};

/// The moment of the first tap, in microseconds of Unix time: 2026-01-01.
const EPOCH: i64 = 1_767_225_600_000_000;
/// Different bodies that are made before they are sent, again and again under other ids.
const BODIES: u64 = 12;

const TABLE: &str = r#"{
    "columns": [
        {"name": "time", "type": "timestamp"},
        {"name": "stop", "type": "text"},
        {"name": "line", "type": "text"},
        {"name": "card", "type": "int64"},
        {"name": "fare", "type": "float64"},
        {"name": "kind", "type": "text"}
    ],
    "time": "time"
}"#;

/// What to send.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/chorsu")]
    bin: PathBuf,
    /// Rows of each round
    #[arg(long, default_value_t = 12_000_000)]
    rows: u64,
    /// Rows of a batch
    #[arg(long, default_value_t = 500_000)]
    batch: u64,
    /// Connections that send at once
    #[arg(long, default_value_t = 2)]
    connections: u64,
    /// Rounds of each format
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Formats, one after the other
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "arrow,parquet,csv,ndjson"
    )]
    formats: Vec<String>,
    /// Tiny batches, of ten rows each
    #[arg(long, default_value_t = 2_000)]
    tiny: u64,
    /// A folder on the disk to measure, for the data of the node
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Sends the rows and prints what became of them.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    println!(
        "{}; load average before the run {}\n",
        machine::name(),
        machine::load_average()
    );
    let folder = match &options.folder {
        Some(at) => tempfile::tempdir_in(at)?,
        None => tempfile::tempdir()?,
    };
    let data = folder.path().join("data");
    let node = Node::start(&options.bin, &data, &[])?;
    let runtime = tokio::runtime::Runtime::new()?;
    let batches: Vec<RecordBatch> = (0..BODIES)
        .map(|number| taps(number, options.batch))
        .collect::<anyhow::Result<_>>()?;
    let mut wanted = 0;
    println!("| what | round | rows a second | of the floor | bytes a row | memory |");
    println!("|---|---|---|---|---|---|");
    for round in 0..options.rounds {
        let floor = floor(options, &batches, folder.path())?;
        println!(
            "| the floor: Parquet within a process | {round} | {} | 1 |  |  |",
            table::count(floor)
        );
        for format in &options.formats {
            let name = format!("{format}_{round}");
            declare(node.address, &name)?;
            let bodies = batches.iter().map(|rows| body(format, rows));
            let bodies: Vec<Vec<u8>> = bodies.collect::<anyhow::Result<_>>()?;
            let begun = clock::now();
            runtime.block_on(send(options, node.address, (&name, format), bodies))?;
            let seconds = begun.elapsed().as_secs_f64();
            let rate = crate::load::to_float(options.rows) / seconds;
            let (rows, bytes) = stored(node.address, &name)?;
            ensure!(rows == options.rows, "{name} has {rows} rows");
            wanted += rows;
            println!(
                "| {format} through HTTP, durable | {round} | {} | {:.2} | {:.1} | {} |",
                table::count(rate),
                rate / floor,
                crate::load::to_float(bytes) / crate::load::to_float(rows),
                table::bytes(node.resident_bytes()),
            );
        }
    }
    wanted += tiny(options, &runtime, node.address)?;
    node.kill()?;
    let node = Node::start(&options.bin, &data, &[])?;
    let (_, body) = once(node.address, |out| client::get("/records", out))?;
    let tables: Vec<Value> = serde_json::from_slice(&body)?;
    let rows = tables.iter().filter_map(|t| t.get("rows")?.as_u64());
    let rows: u64 = rows.sum();
    ensure!(rows == wanted, "{rows} rows of {wanted} after kill -9");
    println!("\nkilled and started again: {rows} rows, none lost, none twice");
    Ok(())
}

/// Many tiny batches, one after the other and at once.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn tiny(
    options: &Options,
    runtime: &tokio::runtime::Runtime,
    address: SocketAddr,
) -> anyhow::Result<u64> {
    let mut wanted = 0;
    for connections in [1, 32] {
        let name = format!("tiny_{connections}");
        declare(address, &name)?;
        let few = Options {
            rows: options.tiny * 10,
            batch: 10,
            connections,
            ..options.clone()
        };
        let bodies = (0..BODIES).map(|number| body("csv", &taps(number, 10)?));
        let bodies = bodies.collect::<anyhow::Result<_>>()?;
        let begun = clock::now();
        runtime.block_on(send(&few, address, (&name, "csv"), bodies))?;
        let seconds = begun.elapsed().as_secs_f64();
        let (rows, _) = stored(address, &name)?;
        ensure!(rows == few.rows, "{name} has {rows} rows");
        wanted += rows;
        clock::pause(std::time::Duration::from_secs(3));
        let (_, said) = once(address, |out| client::get(&format!("/records/{name}"), out))?;
        let said: Value = serde_json::from_slice(&said)?;
        println!(
            "\n{} batches of ten rows on {connections} connections: {} a second; {} files later",
            options.tiny,
            table::count(crate::load::to_float(options.tiny) / seconds),
            said.get("files").unwrap_or(&Value::Null),
        );
    }
    Ok(wanted)
}

fn declare(address: SocketAddr, name: &str) -> anyhow::Result<()> {
    let path = format!("/records/{name}");
    let put = |out: &mut Vec<u8>| client::send("PUT", &path, TABLE.as_bytes(), out);
    let (status, said) = once(address, put)?;
    ensure!(status == 201, "{}", String::from_utf8_lossy(&said));
    Ok(())
}

/// Rows and bytes of a table.
fn stored(address: SocketAddr, name: &str) -> anyhow::Result<(u64, u64)> {
    let (_, said) = once(address, |out| client::get(&format!("/records/{name}"), out))?;
    let said: Value = serde_json::from_slice(&said)?;
    let number = |name| said.get(name).and_then(Value::as_u64);
    number("rows").zip(number("bytes")).context("no rows")
}

/// The taps of some minutes: a batch of its own day part, so that days are as full as in a city.
fn taps(number: u64, rows: u64) -> anyhow::Result<RecordBatch> {
    let mut dice = Dice(number);
    let mut times = Vec::new();
    let (mut stops, mut lines, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cards, mut fares) = (Vec::new(), Vec::new());
    let mut time = EPOCH + i64::try_from(number)? * 600_000_000;
    for _row in 0..rows {
        time += i64::try_from(dice.below(2_000))?;
        times.push(time);
        let stop = dice.below(4_000);
        stops.push(format!("stop:{stop:05}"));
        lines.push(format!("L{:03}", stop % 180));
        cards.push(i64::try_from(dice.below(1 << 62))?);
        fares.push(
            [0.0, 1.2, 2.4, 2.8]
                .get(usize::try_from(dice.below(4))?)
                .copied(),
        );
        kinds.push(
            ["adult", "child", "senior", "pass"]
                .get(usize::try_from(dice.below(4))?)
                .copied(),
        );
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
        ),
        ("stop", Arc::new(StringArray::from(stops))),
        ("line", Arc::new(StringArray::from(lines))),
        ("card", Arc::new(Int64Array::from(cards))),
        ("fare", Arc::new(Float64Array::from(fares))),
        ("kind", Arc::new(StringArray::from(kinds))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn media(format: &str) -> anyhow::Result<&'static str> {
    Ok(match format {
        "arrow" => "application/vnd.apache.arrow.stream",
        "parquet" => "application/vnd.apache.parquet",
        "csv" => "text/csv",
        "ndjson" => "application/x-ndjson",
        other => anyhow::bail!("'{other}' is no format"),
    })
}

fn properties() -> anyhow::Result<WriterProperties> {
    let level = ZstdLevel::try_new(1)?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build())
}

/// The body of a batch.
fn body(format: &str, rows: &RecordBatch) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match format {
        "arrow" => {
            let mut writer = StreamWriter::try_new(&mut bytes, &rows.schema())?;
            let mut at = 0;
            while at < rows.num_rows() {
                let some = (rows.num_rows() - at).min(65_536);
                writer.write(&rows.slice(at, some))?;
                at += some;
            }
            writer.finish()?;
            drop(writer);
        }
        "parquet" => {
            let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties()?))?;
            writer.write(rows)?;
            writer.close()?;
        }
        _ => bytes = text(format == "csv", rows)?.into_bytes(),
    }
    Ok(bytes)
}

fn text(is_csv: bool, rows: &RecordBatch) -> anyhow::Result<String> {
    use arrow::array::AsArray as _;
    use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
    let column = |name: &str| rows.column_by_name(name).context("no such column");
    let times = column("time")?.as_primitive::<TimestampMicrosecondType>();
    let (stops, lines) = (
        column("stop")?.as_string::<i32>(),
        column("line")?.as_string::<i32>(),
    );
    let kinds = column("kind")?.as_string::<i32>();
    let cards = column("card")?.as_primitive::<Int64Type>();
    let fares = column("fare")?.as_primitive::<Float64Type>();
    let mut text = String::new();
    if is_csv {
        text.push_str("time,stop,line,card,fare,kind\n");
    }
    for row in 0..rows.num_rows() {
        let (time, stop, line) = (Time(times.value(row)), stops.value(row), lines.value(row));
        let (card, fare, kind) = (cards.value(row), fares.value(row), kinds.value(row));
        if is_csv {
            writeln!(text, "{time},{stop},{line},{card},{fare},{kind}")?;
        } else {
            writeln!(
                text,
                r#"{{"time":"{time}","stop":"{stop}","line":"{line}","card":{card},"fare":{fare:?},"kind":"{kind}"}}"#
            )?;
        }
    }
    Ok(text)
}

/// Sends all rows of a round.
async fn send(
    options: &Options,
    address: SocketAddr,
    (name, format): (&str, &str),
    bodies: Vec<Vec<u8>>,
) -> anyhow::Result<()> {
    let bodies = Arc::new(bodies);
    let batches = options.rows / options.batch;
    let mut senders = JoinSet::new();
    for sender in 0..options.connections {
        let (bodies, media) = (Arc::clone(&bodies), media(format)?);
        let (name, connections) = (name.to_owned(), options.connections);
        senders.spawn(async move {
            let mut client = Client::connect(address).await?;
            let own = (0..batches).filter(|batch| batch % connections == sender);
            for batch in own {
                let body = bodies.get(usize::try_from(batch % BODIES)?);
                let body = body.context("no body")?;
                let head = format!(
                    "POST /records/{name}/batches/{batch} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                     Content-Type: {media}\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let answer = client.send_long(head.as_bytes(), body).await?;
                let said = String::from_utf8_lossy(answer.body);
                ensure!(answer.status == 201, "{}: {said}", answer.status);
            }
            anyhow::Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

/// Rows a second when the same batches are written as Parquet by as many threads as there are
/// connections, each file synced.
fn floor(options: &Options, batches: &[RecordBatch], folder: &Path) -> anyhow::Result<f64> {
    let begun = clock::now();
    let all = options.rows / options.batch;
    std::thread::scope(|scope| {
        let threads = (0..options.connections).map(|thread| {
            scope.spawn(move || -> anyhow::Result<()> {
                for batch in (0..all).filter(|batch| batch % options.connections == thread) {
                    let rows = batches.get(usize::try_from(batch % BODIES)?);
                    let rows = rows.context("no batch")?;
                    let path = folder.join(format!("floor-{thread}.parquet"));
                    let file = File::create(&path)?;
                    let mut writer =
                        ArrowWriter::try_new(file, rows.schema(), Some(properties()?))?;
                    writer.write(rows)?;
                    writer.into_inner()?.sync_all()?;
                }
                Ok(())
            })
        });
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            let ended = thread.join().ok().context("a thread panicked")?;
            ended?;
        }
        anyhow::Ok(())
    })?;
    Ok(crate::load::to_float(options.rows) / begun.elapsed().as_secs_f64())
}
