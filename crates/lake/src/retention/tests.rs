//! Retention against a plain model, with faults between any two steps.

mod model;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Tenant;
use proptest::prelude::*;
use serde_json::json;
use testkit::Random;

use super::{Heading, Policy, Report};
use crate::rollup::DAY;
use crate::{Lake, Table};
use model::{Instance, Model, Value};
use world::World;

fn policy(wire: &serde_json::Value) -> Policy {
    Policy::from_json(wire.to_string().as_bytes()).expect("a policy")
}

const CLASSES: [&str; 2] = ["https://a.org/Room", "https://a.org/Street"];
const ATTRIBUTES: [&str; 3] = ["https://a.org/temperature", "https://a.org/level", "name"];

/// Instances of some days before `now`, each at a moment of its own.
fn instances(random: &mut Random, seq: &mut i64, now: i64, count: usize) -> Vec<Instance> {
    let mut one = |random: &mut Random| {
        *seq += 1;
        let ago = random.between(0, 12 * 24 * 60) * 60_000_000;
        let entity = format!("urn:e{}", random.below(4));
        let class = CLASSES[usize::from(entity.ends_with('3'))];
        let value = match random.below(10) {
            0 => Value::Deleted,
            1 => Value::Text(random.word(&["open", "closed", ""]).to_owned()),
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            _ => Value::Number(random.between(-50, 50) as f64),
        };
        Instance {
            class,
            entity,
            attribute: random.word(&ATTRIBUTES),
            dataset: random.percent(10).then(|| "urn:d".to_owned()),
            time: now - ago + *seq,
            observed: random.percent(80),
            unit: random.percent(10).then(|| "CEL".to_owned()),
            value,
            seq: *seq,
        }
    };
    (0..count).map(|_| one(random)).collect()
}

fn some_policy(random: &mut Random) -> serde_json::Value {
    let mut days = random.between(0, 3);
    let mut wire = json!({ "raw": format!("P{days}D") });
    let mut steps = Vec::new();
    for period in ["PT1M", "PT1H", "P1D"] {
        if random.percent(60) {
            days += random.between(1, 3);
            steps.push(json!({ "period": period, "keep": format!("P{days}D") }));
        }
    }
    if let Some(last) = steps.last_mut().filter(|_| random.percent(50)) {
        last["keep"] = json!("forever");
    }
    wire["steps"] = json!(steps);
    if random.percent(50) {
        wire["type"] = json!(random.word(&["Room", "https://a.org/Street"]));
    }
    if random.percent(50) {
        wire["attribute"] = json!(random.word(&["temperature", "https://a.org/level"]));
    }
    wire
}

/// What a report says of rows: files are merged meanwhile.
fn told(report: &Report) -> Vec<(Heading, [u64; 3], BTreeMap<i64, u64>)> {
    let lines = report.lines.clone().into_iter();
    lines
        .map(|(heading, line)| (heading, [line.days, line.rows, line.left_rows], line.rolled))
        .collect()
}

/// A tenant that the clock does not look after.
fn unattended() -> Tenant {
    Tenant::hidden("test")
}

async fn nothing_is_lost_or_counted_twice(seed: u64) {
    let mut random = Random::new(seed);
    let mut world = World::of(unattended()).await;
    let tenant = unattended();
    let mut model = Model::default();
    for name in ["a", "b", "c"].into_iter().take(1 + random.below(3)) {
        let wire = some_policy(&mut random);
        // Two of the same reach are refused: then there is one less.
        if world
            .lake
            .put_policy(&tenant, name, &policy(&wire))
            .await
            .is_ok()
        {
            model.policies.push(wire);
        }
    }
    let mut seq = 0;
    for _ in 0..4 {
        let count = 1 + random.below(150);
        let came = instances(&mut random, &mut seq, world.now(), count);
        for part in came.chunks(1 + random.below(80)) {
            world.seal(part).await;
        }
        model.instances.extend(came.into_iter().map(|one| (one, 0)));
        world.advance(random.between(0, 3) * DAY + random.between(0, DAY - 1));
        if random.percent(50) {
            world.fault(&mut random).await;
        }
        let dry = world
            .lake
            .would_retain(&tenant, None)
            .await
            .expect("a dry run");
        let before = world.rows();
        let untouched = world.untouched(&model);
        let made = world.lake.retain(&tenant).await.expect("a run");
        assert_eq!(
            told(&dry.0),
            told(&made.0),
            "the dry run says what the run does"
        );
        assert_eq!(made.0.failures, 0, "{:?}", made.0.failed);
        let gone: u64 = made.0.lines.values().map(|line| line.rows).sum();
        let left: u64 = made.0.lines.values().map(|line| line.left_rows).sum();
        assert_eq!(left + gone, before - untouched, "all rows are told");
        model.run(world.now());
        model.compare(&world.contents().await);
    }
    world.reopen().await;
    model.compare(&world.contents().await);
    assert_eq!(world.orphans().await, Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn what_is_kept_is_what_a_plain_model_keeps(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(nothing_is_lost_or_counted_twice(seed));
    }
}

fn reading(entity: &str, time: i64, number: f64) -> Instance {
    Instance {
        class: CLASSES[0],
        entity: entity.to_owned(),
        attribute: ATTRIBUTES[0],
        dataset: None,
        time,
        observed: true,
        unit: None,
        value: Value::Number(number),
        seq: time,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_join_the_roll_up_of_their_day() {
    let world = World::of(unattended()).await;
    let tenant = unattended();
    let wire = json!({ "raw": "P1D", "steps": [{ "period": "PT1H", "keep": "forever" }] });
    world
        .lake
        .put_policy(&tenant, "all", &policy(&wire))
        .await
        .expect("kept");
    let day = world.now() - world.now().rem_euclid(DAY);
    world
        .seal(&[
            reading("urn:a", day + 5, 1.0),
            reading("urn:a", day + 9, 3.0),
        ])
        .await;
    world.advance(2 * DAY);
    let (_, said) = world.lake.retain(&tenant).await.expect("a run");
    assert_eq!(said["lines"][0]["rolledUp"], json!({ "PT1H": 2 }));
    world
        .seal(&[reading("urn:a", day + 7, 8.0), reading("urn:b", day, 1.0)])
        .await;
    let (report, _) = world.lake.retain(&tenant).await.expect("a run");
    assert_eq!((report.made.0, report.made.1), (1, 2), "one file with both");
    let contents = world.contents().await;
    let row = contents
        .iter()
        .find(|row| row.entity == "urn:a")
        .expect("a row");
    assert_eq!((row.period, row.time, row.count), (3_600_000_000, day, 3));
    assert_eq!(
        row.numbers,
        Some([1.0, 8.0, 12.0, 74.0, 3.0]),
        "the latest is the last, not the latecomer"
    );
    let (report, _) = world.lake.retain(&tenant).await.expect("a run");
    assert_eq!(report.made.0, 0, "there is nothing more to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_runs_it_every_night_and_at_the_start_if_a_night_was_missed() {
    let mut world = World::new().await;
    let tenant = Tenant::default_tenant();
    let wire = json!({ "raw": "P1D" });
    world
        .lake
        .put_policy(&tenant, "all", &policy(&wire))
        .await
        .expect("kept");
    let now = world.now();
    world.seal(&[reading("urn:a", now, 1.0)]).await;
    world.advance(3 * DAY);
    world
        .until(|lake| lake.manifest().partitions().next().is_none())
        .await;
    let now = world.now();
    world.seal(&[reading("urn:a", now, 1.0)]).await;
    world.stop().await;
    world.advance(3 * DAY);
    world.reopen().await;
    world
        .until(|lake| lake.manifest().partitions().next().is_none())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_of_records_go_by_a_policy_that_names_their_table() {
    let world = World::of(unattended()).await;
    let tenant = unattended();
    let all = policy(&json!({ "raw": "P0D" }));
    world
        .lake
        .put_policy(&tenant, "all", &all)
        .await
        .expect("kept");
    let trips = Table::Records("trips".to_owned());
    let now = world.now();
    world
        .put_file(&trips, &[reading("urn:a", now - 5 * DAY, 1.0)])
        .await;
    world.put_file(&trips, &[reading("urn:a", now, 1.0)]).await;
    world
        .put_file(
            &Table::Records("stops".to_owned()),
            &[reading("urn:a", now - 5 * DAY, 1.0)],
        )
        .await;
    world.lake.retain(&tenant).await.expect("a run");
    assert_eq!(world.rows(), 3, "no policy of history is of records");
    let own = policy(&json!({ "table": "trips", "raw": "P3D" }));
    world
        .lake
        .put_policy(&tenant, "trips", &own)
        .await
        .expect("kept");
    let (_, said) = world.lake.retain(&tenant).await.expect("a run");
    assert_eq!(said["lines"][0]["table"], "records.trips");
    assert_eq!(
        (said["lines"][0]["rows"].as_u64(), world.rows()),
        (Some(1), 2)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_told_and_done_by_the_next_run() {
    let world = World::of(unattended()).await;
    let tenant = unattended();
    let wire = json!({ "raw": "P0D" });
    world
        .lake
        .put_policy(&tenant, "all", &policy(&wire))
        .await
        .expect("kept");
    let then = world.now() - 3 * DAY;
    world.seal(&[reading("urn:a", then, 1.0)]).await;
    world.store.inject(world::refusal());
    let (report, said) = world.lake.retain(&tenant).await.expect("a run");
    assert_eq!(report.failures, 1);
    assert!(
        said["failed"][0]
            .as_str()
            .is_some_and(|text| text.contains("https://a.org/Room"))
    );
    assert_eq!(world.rows(), 1);
    let last = world.lake.last_retention(&tenant).await.expect("read");
    assert_eq!(last.as_deref(), Some(&said));
    let lake = Arc::clone(&world.lake);
    let (report, _) = lake.retain(&tenant).await.expect("a run");
    assert_eq!((report.failures, world.rows()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_to_the_byte_what_the_run_then_does() {
    let world = World::of(unattended()).await;
    let tenant = unattended();
    let wire = json!({
        "type": "Room",
        "attribute": "temperature",
        "raw": "P1D",
        "steps": [{ "period": "PT1M", "keep": "P4D" }, { "period": "P1D", "keep": "P6D" }],
    });
    let all = policy(&json!({ "type": "Room", "raw": "P5D" }));
    world
        .lake
        .put_policy(&tenant, "all", &all)
        .await
        .expect("kept");
    let start = world.now();
    let mut came = Vec::new();
    for day in 0..8 {
        let time = start - day * DAY;
        let mut level = reading("urn:a", time + 1, 2.0);
        level.attribute = ATTRIBUTES[1];
        came.extend([reading("urn:a", time, 1.0), level]);
    }
    world.seal(&came).await;
    let before = world.rows();
    let mut dry = world
        .lake
        .would_retain(&tenant, Some(policy(&wire)))
        .await
        .expect("a dry run");
    assert_eq!(world.rows(), before, "nothing went");
    world
        .lake
        .put_policy(&tenant, "own", &policy(&wire))
        .await
        .expect("kept");
    for _ in 0..3 {
        let bytes = |lake: &Lake| -> u64 {
            let manifest = lake.manifest();
            let files = manifest.partitions().flat_map(|(_, files)| files);
            files.map(|entry| entry.bytes).sum()
        };
        let before = bytes(&world.lake);
        let (report, said) = world.lake.retain(&tenant).await.expect("a run");
        assert_eq!(dry.0.lines, report.lines);
        let total = &said["total"];
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        let gone = number(&total["bytes"]) + number(&total["rewritten"]["bytes"]);
        assert_eq!(bytes(&world.lake), before - gone + report.made.2);
        world.advance(2 * DAY);
        dry = world
            .lake
            .would_retain(&tenant, None)
            .await
            .expect("a dry run");
    }
}
