//! `kill -9` under load: every acknowledged write is there after the restart.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use e2e::node::pause;
use e2e::{Http, Node, chorsu};
use serde_json::{Value, json};

use super::bench;

const WRITERS: u64 = 4;
/// Entities in one batch of the load.
const BATCH: u64 = 50;

/// What a writer was told is done.
#[derive(Debug, Default)]
struct Acknowledged {
    /// Ids created alone.
    single: Vec<u64>,
    /// First ids of batches created.
    batches: Vec<u64>,
    /// The value of the writer's counter, and the last one sent.
    counter: u64,
    sent: u64,
}

/// Kills of one run: 50, or what `CHORSU_KILLS` says.
fn kills() -> u64 {
    std::env::var_os("CHORSU_KILLS")
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(50)
}

#[test]
fn every_acknowledged_write_survives_kill_9_under_load() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let mut node = Node::start(place.path())?;
    for writer in 0..WRITERS {
        assert_eq!(
            node.http()
                .post("/ngsi-ld/v1/entities", &counter(writer, 0))?
                .status,
            201
        );
    }
    let next_id = AtomicU64::new(1_000);
    let mut counters: BTreeMap<u64, u64> = BTreeMap::new();
    let mut written = 0;
    for round in 0..kills() {
        // Moments spread over what a start, a group and a checkpoint take.
        let moment = Duration::from_millis(20 + (round * 37) % 180);
        let told = load(node, &next_id, &counters, moment)?;
        e2e::node::assert_log_clean(
            &std::fs::read_to_string(place.path().join("chorsu.log"))?,
            &[],
        )?;
        node = Node::start(place.path())?;
        written += verify(&node.http(), &told, &mut counters)?;
    }
    node.finish()?;
    assert!(written > kills(), "the load wrote only {written} times");
    let check = chorsu(&[
        "check",
        "--data",
        &place.path().join("data").display().to_string(),
    ])?;
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    Ok(())
}

fn counter(writer: u64, value: u64) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:Counter:{writer}"),
        "type": "Counter",
        "value": { "type": "Property", "value": value },
    })
}

/// Writes until the node is killed at the moment; what was acknowledged.
fn load(
    node: Node,
    next_id: &AtomicU64,
    counters: &BTreeMap<u64, u64>,
    moment: Duration,
) -> anyhow::Result<Vec<Acknowledged>> {
    let http = node.http();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (http, is_over) = (&http, &is_over);
                let from = counters.get(&writer).copied().unwrap_or(0);
                scope.spawn(move || write(http, writer, from, next_id, is_over))
            })
            .collect();
        pause(moment);
        node.kill()?;
        is_over.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .map(|writer| {
                writer
                    .join()
                    .map_err(|_panic| anyhow::anyhow!("a writer panicked"))
            })
            .collect()
    })
}

/// One writer: a single entity, a batch, its counter; and again.
fn write(
    http: &Http,
    writer: u64,
    from: u64,
    next_id: &AtomicU64,
    is_over: &AtomicBool,
) -> Acknowledged {
    let mut told = Acknowledged {
        counter: from,
        sent: from,
        ..Acknowledged::default()
    };
    let is_done = |answer: anyhow::Result<e2e::Answer>| {
        answer.is_ok_and(|answer| (200..300).contains(&answer.status) && answer.status != 207)
    };
    while !is_over.load(Ordering::Relaxed) {
        let id = next_id.fetch_add(1, Ordering::Relaxed);
        if is_done(http.post("/ngsi-ld/v1/entities", &bench(id, id))) {
            told.single.push(id);
        }
        let first = next_id.fetch_add(BATCH, Ordering::Relaxed);
        let batch: Vec<Value> = (first..first + BATCH).map(|id| bench(id, id)).collect();
        if is_done(http.post("/ngsi-ld/v1/entityOperations/create", &json!(batch))) {
            told.batches.push(first);
        }
        let value = told.sent + 1;
        told.sent = value;
        let path = format!("/ngsi-ld/v1/entities/urn:ngsi-ld:Counter:{writer}/attrs/value");
        if is_done(http.patch(&path, &json!({ "type": "Property", "value": value }))) {
            told.counter = value;
        }
    }
    told
}

/// Looks for everything that was acknowledged; how many acknowledgements there were.
fn verify(
    http: &Http,
    told: &[Acknowledged],
    counters: &mut BTreeMap<u64, u64>,
) -> anyhow::Result<u64> {
    let mut acknowledged = 0;
    for (writer, told) in (0..).zip(told) {
        for id in &told.single {
            let answer = http.get(&format!("/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:{id}"))?;
            assert_eq!(
                answer.status, 200,
                "entity {id} was acknowledged and is gone"
            );
            assert_eq!(answer.json()?["seats"]["value"], *id);
            acknowledged += 1;
        }
        for first in &told.batches {
            let ids: Vec<String> = (*first..first + BATCH)
                .map(|id| format!("urn:ngsi-ld:Bench:{id}"))
                .collect();
            let path = format!(
                "/ngsi-ld/v1/entities?type=Bench&id={}&limit={BATCH}",
                ids.join(",")
            );
            let found = http.get(&path)?.json()?.as_array().map_or(0, Vec::len);
            assert_eq!(
                found,
                ids.len(),
                "the batch at {first} was acknowledged and is not whole"
            );
            acknowledged += 1;
        }
        let path = format!("/ngsi-ld/v1/entities/urn:ngsi-ld:Counter:{writer}");
        let value = http.get(&path)?.json()?["value"]["value"]
            .as_u64()
            .expect("a number");
        let range = told.counter..=told.sent;
        assert!(
            range.contains(&value),
            "counter {writer} is {value} and not within {range:?}"
        );
        acknowledged += value - counters.get(&writer).copied().unwrap_or(0);
        counters.insert(writer, value);
    }
    Ok(acknowledged)
}
