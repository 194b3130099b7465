//! Readings a second through feeds, durable, into an embedded store in a new folder.
//!
//! `cargo run --release -p feeds --example measure -- [readings] [sensors]`

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::{Tasks, Time};
use broker::{Broker, Contexts};
use feeds::{Definition, Feeds, Parts};
use mqtt::Message;
use ports::{Clock, Outbound, OutboundError, Reply, Request, Store};
use store_embedded::{EmbeddedStore, Progress, Settings};
use testkit::SeededEntropy;
use trust::Access;

const DEFINITION: &str = r#"
[source]
kind = "listener"
topic = "city/air/+"

[entity]
id = "urn:ngsi-ld:AirQualityObserved:navrud:{topic.3}"
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

/// The clock of the machine.
#[derive(Debug)]
struct Machine(Instant);

#[async_trait]
impl Clock for Machine {
    fn now(&self) -> Time {
        let micros = i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX);
        Time::from_seconds(1_767_225_600).plus_micros(micros)
    }

    async fn sleep_until(&self, time: Time) {
        let micros = time.as_micros().saturating_sub(self.now().as_micros());
        let micros = u64::try_from(micros).unwrap_or(0);
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

/// Nobody is outside.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Outbound for Nobody {
    async fn send(&self, request: Request) -> Result<Reply, OutboundError> {
        Err(OutboundError::Unreachable {
            host: request.url,
            reason: "there is no outside here".to_owned(),
        })
    }
}

fn argument(place: usize, otherwise: u64) -> u64 {
    let given = std::env::args().nth(place);
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn reading(number: u64, sensors: u64) -> (String, String) {
    let sensor = number % sensors;
    let at =
        Time::from_seconds(1_767_225_600).plus_micros(i64::try_from(number).unwrap_or(0) * 1_000);
    let topic = format!("city/air/a-{sensor:05}");
    let pm25 = number % 97;
    let payload =
        format!(r#"{{"at":"{at}","pm25":{pm25}.5,"temperature":21.{sensor},"battery":91}}"#);
    (topic, payload)
}

/// Feeds over a store in a folder.
async fn node(
    folder: &Path,
    clock: &Arc<dyn Clock>,
    tasks: &Tasks,
) -> Result<Arc<Feeds>, Box<dyn std::error::Error>> {
    let (progress, _heard) = tokio::sync::watch::channel(Progress::Ready);
    let store = EmbeddedStore::open(folder, Settings::default(), &progress)?;
    let store: Arc<dyn Store> = Arc::new(store);
    let entropy = Arc::new(SeededEntropy::new(1));
    let broker = Broker::new(
        Arc::clone(&store),
        Arc::clone(clock),
        Access::Open,
        tasks.clone(),
    );
    let outbound: Arc<dyn Outbound> = Arc::new(Nobody);
    let contexts = Contexts::new(
        store,
        Arc::clone(clock),
        Arc::clone(&entropy) as _,
        Arc::clone(&outbound),
        None,
    );
    let feeds = Feeds::start(Parts {
        broker,
        contexts: Arc::new(contexts),
        outbound,
        clock: Arc::clone(clock),
        entropy,
        tasks: tasks.clone(),
    });
    let feeds = feeds.await?;
    feeds.put("air", Definition::parse(DEFINITION)?).await?;
    Ok(feeds)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (readings, sensors) = (argument(1, 300_000), argument(2, 10_000));
    let folder = tempfile::tempdir()?;
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let clock: Arc<dyn Clock> = Arc::new(Machine(Instant::now()));
    let tasks = Tasks::new();
    let feeds = node(folder.path(), &clock, &tasks).await?;
    for round in 0..2 {
        let began = clock.now();
        let mut witness = None;
        for number in round * readings..(round + 1) * readings {
            let (topic, payload) = reading(number, sensors);
            let (message, seen) = Message::watched(&topic, payload, "d");
            feeds.message(message).await;
            witness = Some(seen);
        }
        while witness
            .as_ref()
            .is_some_and(|witness| witness.verdict().is_none())
        {
            tokio::task::yield_now().await;
        }
        let micros = (clock.now().as_micros() - began.as_micros()).max(1);
        let micros = u64::try_from(micros).unwrap_or(1);
        let rate = readings * 1_000_000 / micros;
        #[expect(clippy::print_stdout, reason = "this is what it is for")]
        {
            println!(
                "round {round}: {readings} readings of {sensors} sensors in {} ms: {rate} a second",
                micros / 1_000
            );
        }
    }
    let health = feeds.health();
    #[expect(clippy::print_stdout, reason = "this is what it is for")]
    for feed in &health {
        println!(
            "{}: received {}, accepted {}, refused {} {:?}",
            feed.name,
            feed.received,
            feed.accepted,
            feed.refused,
            feed.refusals.last()
        );
    }
    tasks.stop();
    tasks.ended().await;
    Ok(())
}
