//! Records under `kill -9`: each batch counts once, whatever its sender saw; and files from the command
//! line go the same way.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use e2e::node::pause;
use e2e::{Http, Node, chorsu};
use serde_json::json;

const SENDERS: u64 = 3;

/// Kills of one run: 6, or what `CHORSU_KILLS` says.
fn kills() -> u64 {
    std::env::var_os("CHORSU_KILLS")
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(6)
}

fn declare(http: &Http) -> anyhow::Result<()> {
    let table = json!({
        "columns": [{"name": "time", "type": "timestamp"}, {"name": "batch", "type": "int64"}],
        "time": "time",
    });
    let body = table.to_string();
    let put = http.send(
        "PUT",
        "/records/taps",
        Some(("application/json", body.as_bytes())),
    )?;
    assert_eq!(put.status, 201, "{}", put.text());
    Ok(())
}

/// How many rows a batch has: now and then more than are written together with others'.
fn rows_of(batch: u64) -> u64 {
    if batch % 9 == 4 {
        25_000
    } else {
        1 + batch % 40
    }
}

/// Its rows, of two days.
fn body_of(batch: u64) -> String {
    let mut body = "time,batch\n".to_owned();
    for row in 0..rows_of(batch) {
        let (day, second) = (1 + row % 2, row % 60);
        writeln!(body, "2026-03-0{day}T00:00:{second:02}Z,{batch}").expect("a text");
    }
    body
}

/// Sends a batch until it is said to be there, or the test is over.
fn send(http: &Http, batch: u64, is_over: &AtomicBool) -> bool {
    let (path, body) = (format!("/records/taps/batches/b{batch}"), body_of(batch));
    while !is_over.load(Ordering::Relaxed) {
        match http.send("POST", &path, Some(("text/csv", body.as_bytes()))) {
            Ok(answer) if matches!(answer.status, 200 | 201) => return true,
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_broken) => return false,
        }
        pause(Duration::from_millis(10));
    }
    false
}

/// Sends batches until the node is killed; those that nobody said were there.
fn load(node: Node, next: &AtomicU64, moment: Duration) -> anyhow::Result<Vec<u64>> {
    let (http, is_over) = (node.http(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sending = || {
            let mut unsaid = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let batch = next.fetch_add(1, Ordering::Relaxed);
                if !send(&http, batch, &is_over) {
                    unsaid.push(batch);
                }
            }
            unsaid
        };
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(sending)).collect();
        pause(moment);
        node.kill()?;
        is_over.store(true, Ordering::Relaxed);
        let unsaid = senders.into_iter().map(std::thread::ScopedJoinHandle::join);
        let unsaid: Result<Vec<Vec<u64>>, _> = unsaid.collect();
        let unsaid = unsaid.map_err(|_panic| anyhow::anyhow!("a sender panicked"))?;
        Ok(unsaid.concat())
    })
}

/// How many rows each batch has in the node.
fn counted(http: &Http, batches: u64) -> anyhow::Result<Vec<u64>> {
    let mut counts = vec![0; usize::try_from(batches)?];
    let mut path = Some("/records/taps/rows?format=csv&limit=100000".to_owned());
    while let Some(next) = path {
        let answer = http.get(&next)?;
        for line in answer.text().lines().skip(1) {
            let (_, batch) = line.split_once(',').unwrap_or_default();
            let count = counts.get_mut(batch.parse::<usize>()?);
            *count.expect("a batch that was sent") += 1;
        }
        let link = answer.header("link");
        path = link.and_then(|link| Some(link.split_once('>')?.0.replacen('<', "", 1)));
    }
    Ok(counts)
}

fn files(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    let count = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path) } else { 1 }
    });
    count.sum()
}

#[test]
fn each_batch_of_records_counts_once_under_kill_9() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let mut node = Node::start(place.path())?;
    declare(&node.http())?;
    let next = AtomicU64::new(0);
    for round in 0..kills() {
        let moment = Duration::from_millis(30 + (round * 71) % 400);
        let unsaid = load(node, &next, moment)?;
        node = Node::start(place.path())?;
        // What nobody answered for is sent again: it may be there or not.
        for batch in unsaid {
            assert!(send(&node.http(), batch, &AtomicBool::new(false)));
        }
    }
    let batches = next.load(Ordering::Relaxed);
    assert!(batches > kills(), "only {batches} batches were sent");
    let wanted: Vec<u64> = (0..batches).map(rows_of).collect();
    assert_eq!(counted(&node.http(), batches)?, wanted);
    node.finish()?;
    let node = Node::start(place.path())?;
    assert_eq!(counted(&node.http(), batches)?, wanted);
    let table = node.http().get("/records/taps")?.json()?;
    let lake = place.path().join("data/lake/records");
    assert_eq!(table["rows"], wanted.iter().sum::<u64>());
    assert!(table["files"].as_u64().is_some_and(|named| named > 0));
    assert!(files(&lake) >= 2, "{} files", files(&lake));
    node.finish()
}

#[test]
fn files_of_rows_are_loaded_once_into_a_stopped_and_a_running_node() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    declare(&node.http())?;
    node.finish()?;
    let file = place.path().join("taps.csv");
    std::fs::write(&file, body_of(4))?;
    let (file, data) = (file.display().to_string(), place.path().join("data"));
    let data = data.display().to_string();
    let loaded = chorsu(&["records", "load", "taps", &file, "--data", &data])?;
    assert_eq!(loaded.code, 0, "{}{}", loaded.out, loaded.err);
    assert!(
        loaded.out.contains("25000 rows in 1 batches, 0 of which"),
        "{}",
        loaded.out
    );
    let node = Node::start(place.path())?;
    let url = node.url();
    let again = chorsu(&["records", "load", "taps", &file, "--to", &url])?;
    assert!(
        again.out.contains("25000 rows in 1 batches, 1 of which"),
        "{}",
        again.out
    );
    assert_eq!(node.http().get("/records/taps")?.json()?["rows"], 25_000);
    let wrong = place.path().join("wrong.csv");
    std::fs::write(&wrong, "time,batch\nnoon,1\n")?;
    let wrong = wrong.display().to_string();
    let refused = chorsu(&["records", "load", "taps", &wrong, "--to", &url])?;
    assert_ne!(refused.code, 0);
    assert!(
        refused.err.contains("row 1, column 'time'"),
        "{}",
        refused.err
    );
    node.finish()
}
