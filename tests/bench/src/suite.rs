//! The suite: a node from its first start to its return after `kill -9`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::dice::Dice;
use crate::load::{self, Ask, Force, Outcome, to_float};
use crate::measure::{self, Empty, Goal, Measure};
use crate::node::{Node, once};
use crate::table::{self, Table};
use crate::{Options, city, client, clock, disk, machine};

/// Runs everything and prints the tables.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    say(&format!(
        "{}; load average before the run {}\n",
        machine::name(),
        machine::load_average()
    ));
    for entities in &options.entities {
        let folder = match &options.folder {
            Some(folder) => tempfile::tempdir_in(folder)?,
            None => tempfile::tempdir()?,
        };
        of_size(options, *entities, folder.path())?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what the bench is for")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "who waits for minutes wants to see what goes on"
)]
fn progress(text: &str) {
    eprintln!("{text}");
}

/// One figure of a round.
#[derive(Debug)]
struct Figure {
    /// Units a second, and requests a second as a part of the empty server's.
    per_second: f64,
    ratio: f64,
    outcome: Outcome,
}

fn of_size(options: &Options, entities: u64, folder: &Path) -> anyhow::Result<()> {
    say(&format!(
        "### {} entities\n",
        table::count(to_float(entities))
    ));
    let data = folder.join("data");
    let sync = disk::sync_of_a_page(folder)?;
    let node = Node::start(&options.bin, &data, &options.args)?;
    let mut summary = Table::new(&["what", "figure", "goal"]);
    let mut line = |what: &str, figure: String, goal: &str| {
        summary.row(&[what.to_owned(), figure, goal.to_owned()]);
    };
    line("sync of 4 KiB (floor of the disk)", table::time(sync), "");
    line("start on an empty folder", table::time(node.start), "");
    let idle = node.resident_bytes();
    line("memory of an empty node", table::bytes(idle), "");
    let loading = clock::now();
    fill(&node, entities)?;
    let seconds = loading.elapsed().as_secs_f64();
    line(
        "loading",
        format!("{} entities/s", table::count(to_float(entities) / seconds)),
        "",
    );
    let full = node.resident_bytes();
    line("memory after loading", table::bytes(full), "");
    let each = full.saturating_sub(idle) / entities.max(1);
    line(
        "memory per entity of five attributes",
        format!("{each} bytes"),
        "≤ 1,024 bytes",
    );
    check(&node, entities)?;
    let figures = rounds(options, &node, entities)?;
    line(
        "memory after all measurements",
        table::bytes(node.resident_bytes()),
        "",
    );
    let back = restart(options, node, &data, entities)?;
    let goal = if entities >= 1_000_000 { "≤ 2 s" } else { "" };
    line(
        "restart after `kill -9`, nothing lost",
        table::time(back.start),
        goal,
    );
    line(
        "memory after the restart",
        table::bytes(back.resident_bytes()),
        "",
    );
    drop(back);
    if let Some(argument) = &options.without_history {
        let cost = history(options, argument, entities, folder)?;
        line(
            "cost of history in batches of 100",
            format!("{:.1} %", cost * 100.0),
            "≤ 10 %",
        );
    }
    say(&figures);
    say(summary.text());
    Ok(())
}

/// Loads the city in batches of a thousand over a few connections.
fn fill(node: &Node, entities: u64) -> anyhow::Result<()> {
    struct Create {
        next: AtomicU64,
        entities: u64,
    }
    impl Ask for Create {
        fn request(&self, _turn: u64, _dice: &mut Dice, out: &mut Vec<u8>) {
            let from = self.next.fetch_add(1_000, Ordering::Relaxed);
            if from >= self.entities {
                return client::get("/ready", out);
            }
            let body = city::entities(from, (from + 1_000).min(self.entities));
            client::send(
                "POST",
                "/ngsi-ld/v1/entityOperations/create",
                body.as_bytes(),
                out,
            );
        }
        fn status(&self, out: &[u8]) -> u16 {
            if out.starts_with(b"GET") { 200 } else { 201 }
        }
    }
    let ask = Arc::new(Create {
        next: AtomicU64::new(0),
        entities,
    });
    // Slices of time, so that it ends soon after the last entity.
    while ask.next.load(Ordering::Relaxed) < entities {
        let force = Force {
            connections: 8,
            length: Duration::from_millis(250),
        };
        let ask: Arc<dyn Ask> = Arc::<Create>::clone(&ask);
        load::run(node.address, ask, force).context("while loading")?;
    }
    Ok(())
}

/// The node says what was loaded into it, and pages are full: nothing is measured that is wrong.
fn check(node: &Node, entities: u64) -> anyhow::Result<()> {
    let get = |path: String| -> anyhow::Result<Value> {
        let (status, body) = once(node.address, |out| client::get(&path, out))?;
        ensure!(
            status == 200,
            "{status} to {path}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body)?)
    };
    for n in [0, entities / 2, entities - 1] {
        let found = get(format!("/ngsi-ld/v1/entities/{}", city::id(n)))?;
        let mut text = String::new();
        city::entity(n, &mut Dice(n), &mut text);
        let expected: Value = serde_json::from_str(&text)?;
        let same = |name: &str| {
            found.pointer(&format!("/{name}/value")) == expected.pointer(&format!("/{name}/value"))
        };
        ensure!(
            same("temperature") && same("status") && same("location"),
            "entity {n}: {found}"
        );
    }
    let page = get("/ngsi-ld/v1/entities?type=Sensor3&limit=20".to_owned())?;
    ensure!(
        page.as_array().is_some_and(|page| page.len() == 20),
        "the page is not full"
    );
    Ok(())
}

/// All measurements, several times; the rows are medians.
fn rounds(options: &Options, node: &Node, entities: u64) -> anyhow::Result<String> {
    let mut measures = measure::all(entities);
    measures.retain(|m| {
        options
            .only
            .as_ref()
            .is_none_or(|only| m.name.contains(only.as_str()))
    });
    let mut figures: Vec<Vec<Figure>> = measures.iter().map(|_| Vec::new()).collect();
    let mut floors = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let empty = Node::floor()?;
        let force = force(options, None);
        let get = load::run(empty.address, Arc::new(Empty { patch: false }), force)?.per_second;
        let patch = load::run(empty.address, Arc::new(Empty { patch: true }), force)?.per_second;
        drop(empty);
        floors.0.push(get);
        floors.1.push(patch);
        progress(&format!(
            "round {}: the empty server {}/s",
            round + 1,
            table::count(get)
        ));
        for (measure, figures) in measures.iter().zip(&mut figures) {
            let figure = once_measured(options, node, measure, get)?;
            progress(&format!(
                "  {}: {}/s",
                measure.name,
                table::count(figure.per_second)
            ));
            figures.push(figure);
        }
    }
    let head = [
        "measurement",
        "per second",
        "p50",
        "p99",
        "answer",
        "ratio to floor",
        "goal",
        "met",
    ];
    let mut table = Table::new(&head);
    let blank = || String::new();
    for (name, floor) in [
        ("empty server, GET of 1 KB", floors.0),
        ("empty server, PATCH", floors.1),
    ] {
        let floor = table::count(table::median(floor));
        table.row(&[
            name.to_owned(),
            floor,
            blank(),
            blank(),
            blank(),
            blank(),
            blank(),
            blank(),
        ]);
    }
    for (measure, figures) in measures.iter().zip(&figures) {
        table.row(&row(measure, figures));
    }
    Ok(table.text().to_owned())
}

fn force(options: &Options, connections: Option<usize>) -> Force {
    let connections = connections.unwrap_or(options.connections);
    Force {
        connections,
        length: Duration::from_secs_f64(options.seconds),
    }
}

fn once_measured(
    options: &Options,
    node: &Node,
    measure: &Measure,
    floor: f64,
) -> anyhow::Result<Figure> {
    let force = force(options, measure.connections);
    let outcome = load::run(node.address, Arc::clone(&measure.ask), force);
    let outcome = outcome.with_context(|| format!("while measuring '{}'", measure.name))?;
    Ok(Figure {
        per_second: outcome.per_second * to_float(measure.unit.1),
        ratio: outcome.per_second / floor,
        outcome,
    })
}

fn row(measure: &Measure, figures: &[Figure]) -> Vec<String> {
    let per_second = table::median(figures.iter().map(|f| f.per_second).collect());
    let ratio = table::median(figures.iter().map(|f| f.ratio).collect());
    let quantile = |per_mille| {
        let all = figures
            .iter()
            .map(|f| f.outcome.latency.quantile(per_mille).as_secs_f64());
        table::time(Duration::from_secs_f64(table::median(all.collect())))
    };
    let answer = table::median(figures.iter().map(|f| f.outcome.bytes_per_answer).collect());
    let (goal, met) = match measure.goal {
        Goal::None => (String::new(), ""),
        Goal::Ratio(goal) => (format!("≥ {goal:.2}"), yes_or_no(ratio >= goal)),
        Goal::PerSecond(goal) => (
            format!("≥ {}/s", table::count(goal)),
            yes_or_no(per_second >= goal),
        ),
    };
    vec![
        measure.name.to_owned(),
        format!("{} {}", table::count(per_second), measure.unit.0),
        quantile(500),
        quantile(990),
        format!("{answer:.0} bytes"),
        format!("{ratio:.3}"),
        goal,
        met.to_owned(),
    ]
}

fn yes_or_no(met: bool) -> &'static str {
    if met { "yes" } else { "no" }
}

/// Writes to a hundred entities, kills the node at once, starts it again: all must be there.
fn restart(options: &Options, node: Node, data: &Path, entities: u64) -> anyhow::Result<Node> {
    let marked = entities.min(100);
    let path = |n| format!("/ngsi-ld/v1/entities/{}", city::id(n * (entities / marked)));
    for n in 0..marked {
        let body = format!(r#"{{"mark":{{"type":"Property","value":{n}}}}}"#);
        let path = format!("{}/attrs", path(n));
        let send = |out: &mut Vec<u8>| client::send("POST", &path, body.as_bytes(), out);
        let (status, body) = once(node.address, send)?;
        ensure!(
            status == 204,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    node.kill()?;
    let node = Node::start(&options.bin, data, &options.args)?;
    for n in 0..marked {
        let (status, body) = once(node.address, |out| client::get(&path(n), out))?;
        ensure!(status == 200, "{status} after the restart");
        let entity: Value = serde_json::from_slice(&body)?;
        let mark = entity.pointer("/mark/value").and_then(Value::as_u64);
        ensure!(mark == Some(n), "an acknowledged write was lost: {entity}");
    }
    Ok(node)
}

/// What history costs: batches with it and without it, in turns, on fresh nodes.
fn history(options: &Options, argument: &str, entities: u64, folder: &Path) -> anyhow::Result<f64> {
    let without: Vec<String> = options
        .args
        .iter()
        .cloned()
        .chain([argument.to_owned()])
        .collect();
    let measures = measure::all(entities);
    let batch = measures
        .iter()
        .find(|m| m.name.starts_with("batch of 100 "));
    let batch = batch.context("no batch is measured")?;
    let with = Node::start(&options.bin, &folder.join("with"), &options.args)?;
    let plain = Node::start(&options.bin, &folder.join("without"), &without)?;
    fill(&with, entities)?;
    fill(&plain, entities)?;
    let mut costs = Vec::new();
    for _ in 0..options.rounds {
        let with = once_measured(options, &with, batch, 1.0)?.per_second;
        let plain = once_measured(options, &plain, batch, 1.0)?.per_second;
        costs.push(plain / with - 1.0);
    }
    Ok(table::median(costs))
}
