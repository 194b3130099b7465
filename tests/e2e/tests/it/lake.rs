//! `kill -9` while history is sealed, compacted and let go: every acknowledged point is there once,
//! and no file that the manifest does not name.

mod meter;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::node::{assert_log_clean, pause};
use e2e::{Http, Node, Options, chorsu};
use meter::Meter;
use serde_json::{Value, json};

/// Between two writes of a writer: a hundred rounds shall not fill the disk.
const REST: Duration = Duration::from_millis(10);

/// Between two looks at the lake's files, and how many there are: half a minute.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 600;

/// A node that lets go of merged files at once.
fn start(place: &Path) -> Result<Node> {
    let flags = &["--lake-grace", "0s"];
    Node::start_with(
        place,
        Options {
            flags,
            ..Options::default()
        },
    )
}

/// Kills of one run: 9, or what `CHORSU_KILLS` says.
fn kills() -> u64 {
    std::env::var_os("CHORSU_KILLS")
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(9)
}

/// What the node is kept busy with when it is killed.
const WORKS: [&[&str]; 3] = [
    &["/lake/seal"],
    &["/lake/seal", "/lake/compact"],
    &["/lake/seal", "/history/retention/runs"],
];

/// What is written, and how much of it was acknowledged.
#[derive(Debug)]
struct Written {
    /// Whose points stay, some of them corrected later.
    kept: Vec<Meter>,
    /// Whose points are taken out again and again.
    fleeting: Meter,
    /// Whose days go, but for sums of hours.
    rolled: Meter,
}

#[test]
fn every_acknowledged_point_is_there_once_after_kill_9_of_a_busy_lake() -> Result<()> {
    let place = tempfile::tempdir()?;
    let mut node = start(place.path())?;
    let policy = json!({
        "type": "Rolled", "raw": "P30D", "steps": [{ "period": "PT1H", "keep": "forever" }],
    });
    let answer = node.http().send(
        "PUT",
        "/history/retention/rolled",
        Some(("application/json", policy.to_string().as_bytes())),
    )?;
    ensure!([201, 204].contains(&answer.status), "{}", answer.text());
    let mut written = Written {
        kept: vec![Meter::new("Kept", 0), Meter::new("Kept", 1)],
        fleeting: Meter::new("Fleeting", 0),
        rolled: Meter::new("Rolled", 0),
    };
    let done: Vec<AtomicU64> = WORKS.iter().map(|_| AtomicU64::new(0)).collect();
    for round in 0..kills() {
        // Moments spread over what each of the works takes.
        let moment = Duration::from_millis(60 + (round * 73) % 500);
        let work = usize::try_from(round)? % WORKS.len();
        load(node, &mut written, (WORKS[work], &done[work]), moment)?;
        assert_log_clean(
            &std::fs::read_to_string(place.path().join("chorsu.log"))?,
            &[],
        )?;
        node = start(place.path())?;
        assert_no_orphan(place.path())?;
        verify(&node.http(), &mut written).with_context(|| {
            format!(
                "after round {round}, killed {moment:?} into {:?}",
                WORKS[work]
            )
        })?;
    }
    let points: u64 = written.kept.iter().map(|meter| meter.totals().0).sum();
    super::say(&format!(
        "{} kills; {points} points kept, {} rolled up; finished before a kill: {done:?}",
        kills(),
        written.rolled.totals().0
    ));
    ensure!(
        done.iter().all(|done| done.load(Ordering::Relaxed) > 0),
        "{done:?}"
    );
    ensure!(points > 0, "the load wrote nothing");
    compare_with_sql(&node.http(), &written)?;
    node.finish()?;
    let data = place.path().join("data").display().to_string();
    let check = chorsu(&["check", "--data", &data])?;
    ensure!(check.code == 0, "{}{}", check.out, check.err);
    Ok(())
}

/// Writes and works until the node is killed at the moment.
fn load(
    node: Node,
    written: &mut Written,
    (works, done): (&[&str], &AtomicU64),
    moment: Duration,
) -> Result<()> {
    let http = node.http();
    let is_over = AtomicBool::new(false);
    let Written {
        kept,
        fleeting,
        rolled,
    } = written;
    std::thread::scope(|scope| {
        let (http, is_over) = (&http, &is_over);
        for meter in kept.iter_mut().chain([rolled]) {
            scope.spawn(move || grow(meter, http, is_over));
        }
        scope.spawn(move || come_and_go(fleeting, http, is_over));
        scope.spawn(move || {
            for path in works.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let answer = http.send("POST", path, None);
                if answer.is_ok_and(|answer| answer.status == 200) {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        pause(moment);
        let killed = node.kill();
        is_over.store(true, Ordering::Relaxed);
        killed
    })
}

/// Writes batch after batch until one is not acknowledged; what stays is corrected now and then.
fn grow(meter: &mut Meter, http: &Http, is_over: &AtomicBool) {
    let may_correct = !meter.id().contains("Rolled");
    for turn in 1_usize.. {
        let is_done = if may_correct && turn.is_multiple_of(4) {
            meter.correct(http, turn * 7_919)
        } else {
            meter.write_next(http)
        };
        if !is_done || is_over.load(Ordering::Relaxed) {
            break;
        }
        pause(REST);
    }
}

/// Writes some batches and takes all out, again and again.
fn come_and_go(meter: &mut Meter, http: &Http, is_over: &AtomicBool) {
    for turn in 1_usize.. {
        let is_done = if turn.is_multiple_of(3) {
            meter.take_out(http)
        } else {
            meter.write_next(http)
        };
        if !is_done || is_over.load(Ordering::Relaxed) {
            break;
        }
        pause(REST);
    }
}

/// Looks for every point by the temporal interface.
fn verify(http: &Http, written: &mut Written) -> Result<()> {
    for meter in written.kept.iter_mut().chain([&mut written.fleeting]) {
        let found = meter.read(http)?;
        meter.settle_by(&found)?;
    }
    written.rolled.check_hours(http)
}

/// The files below the lake's folder are those of the manifest, as soon as the node rests: what it
/// writes of its own accord is named a moment later. What a crash left behind would stay.
fn assert_no_orphan(place: &Path) -> Result<()> {
    let mut found = look_for_orphans(place);
    for _ in 0..LOOKS_MAX {
        if found.is_ok() {
            break;
        }
        pause(LOOK);
        found = look_for_orphans(place);
    }
    found
}

fn look_for_orphans(place: &Path) -> Result<()> {
    let lake = place.join("data/lake");
    // Before the first file there may be no list: then nothing may be there.
    let manifest = std::fs::read(lake.join("manifest.json")).unwrap_or_else(|_none| b"{}".to_vec());
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let tables = manifest["tables"].as_array().cloned().unwrap_or_default();
    let named: BTreeSet<String> = tables
        .iter()
        .filter_map(|table| table["files"].as_array())
        .flatten()
        .filter_map(|file| Some(file["path"].as_str()?.to_owned()))
        .collect();
    let mut found = BTreeSet::new();
    if lake.exists() {
        walk(&lake, &lake, &mut found)?;
    }
    found.remove("manifest.json");
    let orphans: Vec<_> = found.difference(&named).collect();
    let missing: Vec<_> = named.difference(&found).collect();
    ensure!(
        orphans.is_empty() && missing.is_empty(),
        "files that the manifest does not name: {orphans:?}; that it names and are gone: {missing:?}"
    );
    Ok(())
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, found)?;
        } else {
            found.insert(path.strip_prefix(root)?.display().to_string());
        }
    }
    Ok(())
}

/// What SQL counts and sums, of raw points and of rolled ones, is what was acknowledged.
fn compare_with_sql(http: &Http, written: &Written) -> Result<()> {
    let answer = http.send("POST", "/lake/seal", None)?;
    ensure!(answer.status == 200, "{}", answer.text());
    let raw = sql(
        http,
        "SELECT entity, count(*), sum(number) FROM history WHERE kind <> 2 GROUP BY entity",
    )?;
    let rolled = sql(
        http,
        "SELECT entity, sum(count), sum(sum) FROM rolled GROUP BY entity",
    )?;
    let meters = written
        .kept
        .iter()
        .chain([&written.fleeting, &written.rolled]);
    for meter in meters {
        let of =
            |sums: &BTreeMap<String, (u64, u64)>| sums.get(meter.id()).copied().unwrap_or_default();
        let (raw, rolled) = (of(&raw), of(&rolled));
        let found = (raw.0 + rolled.0, raw.1 + rolled.1);
        ensure!(
            found == meter.totals(),
            "{}: SQL finds {raw:?} and rolled up {rolled:?}, not {:?}",
            meter.id(),
            meter.totals()
        );
    }
    Ok(())
}

/// Count and sum by entity.
fn sql(http: &Http, text: &str) -> Result<BTreeMap<String, (u64, u64)>> {
    let answer = http.post("/sql", &json!({ "query": text }))?;
    ensure!(answer.status == 200, "{text}: {}", answer.text());
    let answer = answer.json()?;
    let rows = answer["rows"].as_array().context("rows")?;
    let sums = rows.iter().map(|row| {
        let number = |cell: &Value| cell.as_f64().map_or(0, meter::whole);
        let entity = row[0].as_str().unwrap_or_default().to_owned();
        (entity, (number(&row[1]), number(&row[2])))
    });
    Ok(sums.collect())
}
