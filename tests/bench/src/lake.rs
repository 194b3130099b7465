//! The lake: how fast a simulated year comes in, how small it becomes, how long questions about it
//! take beside DuckDB on the same files in the same run, and what it costs those who write.

mod duck;
mod ingest;
mod questions;
mod year;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::load::to_float;
use crate::node::{Node, once};
use crate::table::{self, Table};
use crate::{client, clock, machine};
use duck::Duck;
use ingest::{Brought, Door};
use year::Year;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/chorsu")]
    bin: PathBuf,
    /// Sensors; each has a reading every five minutes, so that 10,000 have 2,880,000 a day
    #[arg(long, default_value_t = 10_000)]
    sensors: u64,
    /// How many of the year's readings come in, in the order of time
    #[arg(long, default_value_t = 10_000_000)]
    points: u64,
    /// By which door they come in
    #[arg(long, value_enum, default_value_t = Door::Update)]
    door: Door,
    /// How often each question is asked; the table shows medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A Python that has DuckDB (`pip install duckdb==2.0.0 pytz`); without it there is no comparison
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Points of each run with and without a lake that compare what writes cost; 0: no such run
    #[arg(long, default_value_t = 2_000_000)]
    ratio_points: u64,
    /// An argument with which the node keeps history without a lake
    #[arg(long, allow_hyphen_values = true, default_value = "--lake=off")]
    without_lake: String,
    /// An argument with which the node keeps no history at all: then its cost is measured as well
    #[arg(long, allow_hyphen_values = true)]
    without_history: Option<String>,
    /// A further argument for `chorsu serve`; may be given several times
    #[arg(long = "arg", allow_hyphen_values = true)]
    args: Vec<String>,
    /// A folder on the disk to measure, for the data of the node
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Runs everything and prints the tables.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    say(&format!(
        "{}; load average before the run {}\n",
        machine::name(),
        machine::load_average()
    ));
    if options.points > 0 {
        of_year(options)?;
    }
    if options.ratio_points > 0 {
        costs(options)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are what the bench is for")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "who waits for minutes wants to see what goes on"
)]
fn progress(points: u64, since: Duration) {
    let rate = to_float(points) / since.as_secs_f64();
    eprintln!(
        "{} points, {} a second",
        table::count(to_float(points)),
        table::count(rate)
    );
}

fn folder(options: &Options) -> anyhow::Result<tempfile::TempDir> {
    Ok(match &options.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    })
}

/// The year in, and the questions.
fn of_year(options: &Options) -> anyhow::Result<()> {
    let year = Year {
        sensors: options.sensors,
        points: options.points,
    };
    let data = folder(options)?;
    let node = Node::start(&options.bin, data.path(), &options.args)?;
    ingest::create(node.address, &year)?;
    let brought = ingest::bring(node.address, year, options.door, progress)?;
    let cost = node.core_time();
    let begin = clock::now();
    post(&node, "/lake/seal", &Value::Null)?;
    let sealed = begin.elapsed();
    let begin = clock::now();
    post(&node, "/lake/compact", &Value::Null)?;
    let compacted = begin.elapsed();
    let files = files(data.path())?;
    let mut table = Table::new(&["what", "figure"]);
    let mut row = |what: &str, figure: String| table.row(&[what.to_owned(), figure]);
    let points = to_float(year.points);
    let rate = |length: Duration| format!("{}/s", table::count(points / length.as_secs_f64()));
    row("points", table::count(points));
    row(
        "by the door",
        format!("{:?}, over HTTP", options.door).to_lowercase(),
    );
    row("came in, each acknowledged", rate(brought.length));
    row("came in and sealed", rate(brought.length + sealed));
    row("core time of the node until then", table::time(cost));
    row("sealing the rest", table::time(sealed));
    row("merging files", table::time(compacted));
    sizes(&files, &year, &brought, &mut row);
    row("memory of the node", table::bytes(node.resident_bytes()));
    say(table.text());
    ask_all(options, &node, data.path(), &year, &files)
}

fn sizes(files: &[File], year: &Year, brought: &Brought, row: &mut impl FnMut(&str, String)) {
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    let a_point = to_float(bytes) / to_float(year.points);
    row(
        "files, rows in them",
        format!("{}, {}", files.len(), table::count(to_float(rows))),
    );
    row(
        "bytes of the files, of a point",
        format!("{}, {a_point:.2}", table::bytes(bytes)),
    );
    let json = year.json_row_bytes();
    let times = json / a_point;
    row(
        "bytes of a point as a row of JSON",
        format!("{json:.0}: {times:.0} times as much"),
    );
    let sent = to_float(brought.bytes) / to_float(brought.points);
    row(
        "bytes of a point as it was sent",
        format!("{sent:.0}: {:.0} times as much", sent / a_point),
    );
}

/// A file of history in the lake.
#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    rows: u64,
    bytes: u64,
}

/// The files of the default tenant's history, by the manifest.
fn files(data: &Path) -> anyhow::Result<Vec<File>> {
    let lake = data.join("lake");
    let manifest = std::fs::read(lake.join("manifest.json")).context("the manifest")?;
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let tables = manifest["tables"].as_array().context("tables")?;
    let history = tables
        .iter()
        .filter(|table| table["table"] == "history" && table["tenant"] == "");
    let files = history
        .filter_map(|table| table["files"].as_array())
        .flatten();
    let files = files.map(|file| {
        Ok(File {
            path: lake.join(file["path"].as_str().context("a path")?),
            rows: file["rows"].as_u64().context("rows")?,
            bytes: file["bytes"].as_u64().context("bytes")?,
        })
    });
    files.collect()
}

/// Asks the node and DuckDB in turn and prints medians.
fn ask_all(
    options: &Options,
    node: &Node,
    data: &Path,
    year: &Year,
    files: &[File],
) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut duck = match Duck::start(&options.python, threads) {
        Ok(mut duck) => {
            let sensors = data.join("sensors.csv");
            std::fs::write(&sensors, year.sensors_csv())?;
            let files: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
            duck.open(&files, &sensors)?;
            say(&format!(
                "Beside DuckDB {} on {threads} threads:\n",
                duck.version
            ));
            Some(duck)
        }
        Err(error) => {
            say(&format!("Left out: DuckDB, {error:#}\n"));
            None
        }
    };
    let mut table = Table::new(&["question", "rows", "node", "DuckDB", "node by DuckDB"]);
    let one = year::id(year.sensors / 2);
    for (place, question) in questions::all(&one).iter().enumerate() {
        let (mut node_times, mut duck_times, mut many) = (Vec::new(), Vec::new(), 0);
        for _ in 0..options.rounds.max(1) {
            let begin = clock::now();
            let found = sql(node, &question.node)?;
            node_times.push(begin.elapsed().as_secs_f64());
            many = found.len();
            if place == 0 {
                check(&found, year)?;
            }
            if let Some(duck) = &mut duck {
                let (seconds, rows) = duck.ask(&question.duck)?;
                duck_times.push(seconds);
                questions::agree(&found, &rows, question.tolerance).context(question.name)?;
            }
        }
        let (node, duck) = (table::median(node_times), table::median(duck_times));
        table.row(&[
            question.name.to_owned(),
            many.to_string(),
            seconds(node),
            seconds(duck),
            format!("{:.2}", node / duck),
        ]);
    }
    let time = temporal(options, node, year, &one)?;
    let name = "one sensor by day, by the temporal interface".to_owned();
    table.row(&[name, String::new(), seconds(time), "–".into(), "–".into()]);
    say(table.text());
    Ok(())
}

fn seconds(number: f64) -> String {
    if number.is_finite() {
        table::time(Duration::from_secs_f64(number))
    } else {
        "–".to_owned()
    }
}

/// A fast answer must be a right one: all points, and their sum.
fn check(rows: &[Vec<Value>], year: &Year) -> anyhow::Result<()> {
    let (sum, count) = questions::weighted(rows, 2, 3)?;
    let points = to_float(year.points);
    ensure!(
        (count - points).abs() < 0.5,
        "{count} points in place of {points}"
    );
    let wanted = year.sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let wanted = wanted as f64 / 10.0;
    let is_near = (sum - wanted).abs() <= 1e-9 * wanted.abs().max(points);
    ensure!(is_near, "the sum is {sum}, not {wanted}");
    Ok(())
}

/// Rows of an answer of the node.
fn sql(node: &Node, text: &str) -> anyhow::Result<Vec<Vec<Value>>> {
    let body = json!({ "query": text, "rowsMax": 1_000_000 });
    let answer = post(node, "/sql", &body).context(text.to_owned())?;
    let answer: Value = serde_json::from_slice(&answer)?;
    ensure!(answer["truncated"] != true, "{text}: truncated");
    Ok(serde_json::from_value(answer["rows"].clone())?)
}

fn post(node: &Node, path: &str, body: &Value) -> anyhow::Result<Vec<u8>> {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let (status, answer) = once(node.address, |out| {
        client::send("POST", path, body.as_bytes(), out);
    })?;
    ensure!(
        status == 200,
        "{path}: {status} {}",
        String::from_utf8_lossy(&answer)
    );
    Ok(answer)
}

/// Seconds until the temporal interface has told the daily means of one sensor; the median.
fn temporal(options: &Options, node: &Node, year: &Year, one: &str) -> anyhow::Result<f64> {
    let path = format!(
        "/ngsi-ld/v1/temporal/entities/{one}?attrs=temperature&options=aggregatedValues\
         &aggrMethods=avg,totalCount&aggrPeriodDuration=P1D&timerel=between&timeAt={}&endTimeAt={}",
        year::moment(0),
        year::moment(year.steps() + 1)
    );
    let mut times = Vec::new();
    for _ in 0..options.rounds.max(1) {
        let begin = clock::now();
        let (status, body) = once(node.address, |out| client::get(&path, out))?;
        times.push(begin.elapsed().as_secs_f64());
        ensure!(
            status == 200,
            "{path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        let answer: Value = serde_json::from_slice(&body)?;
        let counts = answer["temperature"]["totalCount"]
            .as_array()
            .context("counts")?;
        let found: f64 = counts.iter().filter_map(|row| row[0].as_f64()).sum();
        let wanted = to_float(year.points / year.sensors);
        ensure!(
            (found - wanted).abs() <= 1.0,
            "{found} points of {one}, not {wanted}"
        );
    }
    Ok(table::median(times))
}

/// What history and the lake cost those who write: nodes with and without them in turn.
fn costs(options: &Options) -> anyhow::Result<()> {
    let year = Year {
        sensors: options.sensors,
        points: options.ratio_points,
    };
    let with = |more: &[&String]| {
        let more = more.iter().map(|argument| (*argument).clone());
        options.args.iter().cloned().chain(more).collect::<Vec<_>>()
    };
    let mut nodes = vec![
        ("history and lake", with(&[])),
        ("history without a lake", with(&[&options.without_lake])),
    ];
    if let Some(argument) = &options.without_history {
        nodes.push(("no history", with(&[argument])));
    }
    let mut rates = vec![Vec::new(); nodes.len()];
    for _ in 0..options.rounds.max(1) {
        for ((_, args), rates) in nodes.iter().zip(&mut rates) {
            let data = folder(options)?;
            let node = Node::start(&options.bin, data.path(), args)?;
            ingest::create(node.address, &year)?;
            let brought = ingest::bring(node.address, year, Door::Update, progress)?;
            rates.push(to_float(brought.points) / brought.length.as_secs_f64());
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(table::median).collect();
    let mut table = Table::new(&[
        "updates of 1,000 sensors",
        "points a second",
        "part of the last",
    ]);
    let least = medians.last().copied().unwrap_or(f64::NAN);
    for ((name, _), median) in nodes.iter().zip(&medians) {
        let part = format!("{:.3}", median / least);
        table.row(&[(*name).to_owned(), table::count(*median), part]);
    }
    say(table.text());
    Ok(())
}
