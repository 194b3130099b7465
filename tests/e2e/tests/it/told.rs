//! Subscriptions and `kill -9`: whoever subscribed hears of every acknowledged change.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use e2e::node::pause;
use e2e::{Http, Node, Options, Receiver};
use serde_json::{Value, json};

const WRITERS: u64 = 3;
const STEP: Duration = Duration::from_millis(50);
/// A minute: machines may be busy.
const STEPS_MAX: u32 = 1_200;
const LOOPBACK: [&str; 2] = ["--outbound", "loopback"];

/// Kills of one run: 5, or what `CHORSU_KILLS` says.
fn kills() -> u64 {
    std::env::var_os("CHORSU_KILLS")
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(5)
}

fn start(place: &std::path::Path) -> anyhow::Result<Node> {
    let flags = &LOOPBACK;
    Node::start_with(
        place,
        Options {
            flags,
            ..Options::default()
        },
    )
}

fn subscribe(http: &Http, id: &str, uri: &str) -> anyhow::Result<()> {
    let subscription = json!({
        "id": id,
        "type": "Subscription",
        "entities": [{ "type": "Gauge" }],
        "notificationTrigger": ["entityCreated"],
        "notification": { "endpoint": { "uri": uri, "accept": "application/json" } },
    });
    let answer = http.post("/ngsi-ld/v1/subscriptions", &subscription)?;
    anyhow::ensure!(answer.status == 201, "{}", answer.text());
    Ok(())
}

/// The numbers of the gauges of which somebody was told.
fn gauges(receiver: &Receiver) -> BTreeSet<u64> {
    let told = receiver.told();
    let data = told.iter().filter_map(|said| said["data"].as_array());
    let ids = data.flatten().filter_map(|entity| entity["id"].as_str());
    ids.filter_map(|id| id.rsplit(':').next()?.parse().ok())
        .collect()
}

/// Creates gauges until told to stop; the numbers of those that were acknowledged.
fn write(http: &Http, next: &AtomicU64, is_over: &AtomicBool) -> Vec<u64> {
    let mut done = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let gauge = json!({
            "id": format!("urn:ngsi-ld:Gauge:{number}"),
            "type": "Gauge",
            "level": { "type": "Property", "value": number },
        });
        let answer = http.post("/ngsi-ld/v1/entities", &gauge);
        if answer.is_ok_and(|answer| answer.status == 201) {
            done.push(number);
        }
    }
    done
}

/// Writes until the node is killed at the moment; what was acknowledged.
fn load(node: Node, next: &AtomicU64, moment: Duration) -> anyhow::Result<Vec<u64>> {
    let http = node.http();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(|| write(&http, next, &is_over)))
            .collect();
        pause(moment);
        node.kill()?;
        is_over.store(true, Ordering::Relaxed);
        let done = writers.into_iter().map(|writer| {
            writer
                .join()
                .map_err(|_panic| anyhow::anyhow!("a writer panicked"))
        });
        Ok(done.collect::<anyhow::Result<Vec<_>>>()?.concat())
    })
}

#[test]
fn nothing_acknowledged_is_lost_to_subscribers_by_kill_9() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let receiver = Receiver::start()?;
    let mut node = start(place.path())?;
    subscribe(
        &node.http(),
        "urn:ngsi-ld:Subscription:all",
        &receiver.url(),
    )?;
    let next = AtomicU64::new(1);
    let mut acknowledged = BTreeSet::new();
    for round in 0..kills() {
        let moment = Duration::from_millis(100 + (round * 73) % 300);
        acknowledged.extend(load(node, &next, moment)?);
        node = start(place.path())?;
    }
    assert!(
        acknowledged.len() > 20,
        "the load wrote only {acknowledged:?}"
    );
    let mut missing: BTreeSet<u64> = acknowledged.clone();
    for _ in 0..STEPS_MAX {
        let told = gauges(&receiver);
        missing.retain(|number| !told.contains(number));
        if missing.is_empty() {
            break;
        }
        pause(STEP);
    }
    assert!(missing.is_empty(), "nobody was told of {missing:?}");
    super::say(&format!(
        "{} gauges acknowledged over {} kills, {} notifications",
        acknowledged.len(),
        kills(),
        receiver.told().len()
    ));
    let path = "/ngsi-ld/v1/subscriptions/urn:ngsi-ld:Subscription:all";
    let kept: Value = node.http().get(path)?.json()?;
    assert_eq!(kept["entities"], json!([{ "type": "Gauge" }]), "{kept}");
    node.finish()
}
