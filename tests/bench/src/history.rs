//! Aggregation of long histories: 10,000 and 1,000,000 points of one attribute, through the HTTP
//! API, while they are in memory and after they were read back from the disk.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::Value;

use crate::client::{self, Client};
use crate::node::Node;
use crate::{clock, machine, table};

/// The moment of the first point, in seconds of Unix time: 2024-01-01.
const EPOCH: i64 = 1_704_067_200;
/// Seconds between two points.
const STEP: i64 = 30;
/// Points of one request: as many as one is read with.
const BATCH: u64 = 2_000;

/// What to aggregate.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/chorsu")]
    bin: PathBuf,
    /// How many points; several numbers, with commas, are several histories
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000")]
    points: Vec<u64>,
    /// How often each question is asked; the table shows medians
    #[arg(long, default_value_t = 15)]
    rounds: usize,
}

/// A question about a history: the length of a period, and the methods.
const QUESTIONS: [(&str, &str); 4] = [
    ("P1D", "avg,min,max"),
    ("P1M", "avg,min,max,stddev"),
    ("PT1H", "avg,min,max"),
    (
        "PT0S",
        "totalCount,distinctCount,sum,avg,min,max,stddev,sumsq",
    ),
];

/// What the goal says of so many points.
fn goal(points: u64) -> Option<Duration> {
    match points {
        10_000 => Some(Duration::from_millis(20)),
        1_000_000 => Some(Duration::from_millis(200)),
        _ => None,
    }
}

/// Writes the histories, asks, and prints how long the answers took.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    println!(
        "{}; load average before the run {}\n",
        machine::name(),
        machine::load_average()
    );
    let folder = tempfile::tempdir()?;
    // One worker, so that nothing is done by several cores at once.
    let args = ["--workers".to_owned(), "1".to_owned()];
    let node = Node::start(&options.bin, folder.path(), &args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for points in &options.points {
        runtime.block_on(write(&node, *points))?;
    }
    println!("| points | period | methods | when | on one core | until the answer | goal | |");
    println!("|---|---|---|---|---|---|---|---|");
    runtime.block_on(ask_all(&node, options, "just written"))?;
    node.kill()?;
    let node = Node::start(&options.bin, folder.path(), &args)?;
    runtime.block_on(ask_all(&node, options, "after `kill -9`"))
}

fn id(points: u64) -> String {
    format!("urn:ngsi-ld:Sensor:{points}")
}

/// The value of a point: a number of two places that wanders.
fn hundredths(point: u64) -> u64 {
    2_000 + point.wrapping_mul(7_919) % 1_000
}

async fn write(node: &Node, points: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(node.address).await?;
    let mut first = 0;
    while first < points {
        let last = points.min(first + BATCH);
        let mut body = format!(r#"{{"id":"{}","type":"Sensor","temperature":["#, id(points));
        for point in first..last {
            let separator = if point == first { "" } else { "," };
            let value = hundredths(point);
            let time = base::Time::from_seconds(EPOCH + STEP * i64::try_from(point)?);
            // Writing to a String cannot fail.
            let _infallible = write!(
                body,
                r#"{separator}{{"type":"Property","value":{}.{:02},"observedAt":"{time}"}}"#,
                value / 100,
                value % 100
            );
        }
        body.push_str("]}");
        let mut request = Vec::new();
        let path = "/ngsi-ld/v1/temporal/entities";
        client::send("POST", path, body.as_bytes(), &mut request);
        let answer = client.ask(&request).await?;
        let said = String::from_utf8_lossy(answer.body).into_owned();
        ensure!([201, 204].contains(&answer.status), "{said}");
        first = last;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn ask_all(node: &Node, options: &Options, place: &str) -> anyhow::Result<()> {
    let mut client = Client::connect(node.address).await?;
    for points in &options.points {
        for (period, methods) in QUESTIONS {
            let (mut times, mut costs) = (Vec::new(), Vec::new());
            for _ in 0..options.rounds.max(1) {
                let (begun, before) = (clock::now(), node.core_time());
                let body = ask(&mut client, *points, period, methods).await?;
                times.push(begun.elapsed());
                costs.push(node.core_time().saturating_sub(before));
                check(&body, *points, period)?;
            }
            let (time, cost) = (middle(times)?, middle(costs)?);
            let goal = goal(*points);
            // The goal is for one core; on a machine that is shared the answer may take longer.
            let verdict = match goal {
                Some(goal) if cost < goal => "met",
                Some(_) => "missed",
                None => "",
            };
            println!(
                "| {} | {period} | {methods} | {place} | {} | {} | {} | {verdict} |",
                table::count(crate::load::to_float(*points)),
                table::time(cost),
                table::time(time),
                goal.map_or_else(String::new, table::time),
            );
        }
    }
    Ok(())
}

fn middle(mut times: Vec<Duration>) -> anyhow::Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("no round")
}

async fn ask(
    client: &mut Client,
    points: u64,
    period: &str,
    methods: &str,
) -> anyhow::Result<Vec<u8>> {
    let path = format!(
        "/ngsi-ld/v1/temporal/entities/{}?options=aggregatedValues&attrs=temperature\
         &timerel=after&timeAt=2023-12-31T23:59:59Z\
         &aggrMethods={methods}&aggrPeriodDuration={period}",
        id(points)
    );
    let mut request = Vec::new();
    client::get(&path, &mut request);
    let answer = client.ask(&request).await?;
    let body = answer.body.to_vec();
    ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&body));
    Ok(body)
}

/// A fast answer must be a right one: the number of periods, and the count of all points.
fn check(body: &[u8], points: u64, period: &str) -> anyhow::Result<()> {
    let answer: Value = serde_json::from_slice(body)?;
    let rows = |method: &str| {
        answer
            .pointer(&format!("/temperature/{method}"))?
            .as_array()
    };
    // The time asked for begins a second before the first point.
    let seconds = u64::try_from(STEP)? * (points - 1) + 1;
    let wanted = match period {
        "P1D" => seconds / 86_400 + 1,
        "PT1H" => seconds / 3_600 + 1,
        "PT0S" => 1,
        _ => return Ok(()),
    };
    let found = rows("avg").map_or(0, Vec::len) as u64;
    ensure!(found == wanted, "{found} periods in place of {wanted}");
    if let Some(count) = rows("totalCount") {
        let count = count.first().and_then(|row| row.get(0)?.as_u64());
        ensure!(
            count == Some(points),
            "{count:?} points in place of {points}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_too_few_periods_or_points_is_no_figure() {
        let answer = |points: u64| {
            let row = format!(r#"[[{points},"a","b"]]"#);
            format!(r#"{{"temperature":{{"avg":{row},"totalCount":{row}}}}}"#)
        };
        check(answer(5).as_bytes(), 5, "PT0S").unwrap();
        check(answer(4).as_bytes(), 5, "PT0S").unwrap_err();
        check(answer(5).as_bytes(), 500, "PT1H").unwrap_err();
    }
}
