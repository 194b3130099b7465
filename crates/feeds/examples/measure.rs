//! Readings a second through feeds, durable, into an embedded store in a new folder.
//!
//! `cargo run --release -p feeds --example measure -- [readings] [sensors]`

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::{Tasks, Time};
use broker::{Broker, Contexts};
use feeds::{Definition, Feeds, Parts};
use mqtt::{ClientSettings, ListenSettings, OpenDoor, Publisher, Qos};
use ports::{Clock, Outbound, OutboundError, Reply, Request, Store};
use store_embedded::{EmbeddedStore, Progress, Settings};
use testkit::SeededEntropy;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
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

/// Connections of devices, or senders of pushes.
const CONNECTIONS: u64 = 8;
/// Records of one push.
const RECORDS: usize = 1_000;

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
    let pushed = DEFINITION.replace("\"listener\"\ntopic = \"city/air/+\"", "\"push\"");
    let pushed = pushed.replace("{topic.3}", "{id}");
    feeds.put("pushed", Definition::parse(&pushed)?).await?;
    Ok(feeds)
}

/// The readings of one sender: each sensor has one, so that its readings come in order.
fn own(numbers: &Range<u64>, sender: u64) -> impl Iterator<Item = u64> {
    let first = numbers.start.next_multiple_of(CONNECTIONS) + sender;
    let senders = usize::try_from(CONNECTIONS).unwrap_or(1);
    (first..numbers.end).step_by(senders)
}

/// Publishes by MQTT with QoS 1 over so many connections, and returns when all is acknowledged.
async fn by_mqtt(
    feeds: &Arc<Feeds>,
    clock: &Arc<dyn Clock>,
    tasks: &Tasks,
    numbers: Range<u64>,
    sensors: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("mqtt://{}", listener.local_addr()?);
    let entropy = Arc::new(SeededEntropy::new(2));
    let settings = ListenSettings::new(Arc::clone(clock), Arc::clone(&entropy) as _);
    let (out, mut messages) = mpsc::channel(1_024);
    let listening = mqtt::listen(listener, settings, Arc::new(OpenDoor), out, tasks.clone());
    tasks.spawn("listen", listening);
    let feeds = Arc::clone(feeds);
    tasks.spawn("messages", async move {
        while let Some(message) = messages.recv().await {
            feeds.message(message).await;
        }
    });
    let senders = Tasks::new();
    for connection in 0..CONNECTIONS {
        let client = format!("sender-{connection}");
        let settings =
            ClientSettings::new(Arc::clone(clock), Arc::clone(&entropy) as _, &url, &client);
        let numbers: Vec<u64> = own(&numbers, connection).collect();
        senders.spawn("sender", async move {
            let connected = Publisher::connect(&settings).await;
            let mut publisher = connected.expect("the listener is there");
            for some in numbers.chunks(5_000) {
                let messages = some.iter().map(|number| reading(*number, sensors));
                let messages: Vec<_> = messages.map(|(topic, text)| (topic, text.into())).collect();
                let unwanted = publisher.publish(&messages, Qos::AtLeastOnce).await;
                assert_eq!(unwanted.expect("all are answered").len(), 0);
            }
        });
    }
    senders.stop();
    senders.ended().await;
    Ok(())
}

/// Pushes arrays of records, several at a time.
async fn by_push(feeds: &Arc<Feeds>, numbers: Range<u64>, sensors: u64) {
    let senders = Tasks::new();
    for sender in 0..CONNECTIONS {
        let numbers: Vec<u64> = own(&numbers, sender).collect();
        let feeds = Arc::clone(feeds);
        senders.spawn("sender", async move {
            for some in numbers.chunks(RECORDS) {
                let records = some.iter().map(|number| {
                    let (topic, text) = reading(*number, sensors);
                    let id = topic.rsplit('/').next().unwrap_or_default().to_owned();
                    text.replacen('{', &format!("{{\"id\":\"{id}\","), 1)
                });
                let payload = format!("[{}]", records.collect::<Vec<_>>().join(","));
                let receipt = feeds.push("pushed", None, payload.into()).await;
                assert_eq!(receipt.expect("a receipt").refused, 0);
            }
        });
    }
    senders.stop();
    senders.ended().await;
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (readings, sensors) = (argument(1, 200_000), argument(2, 10_000));
    let folder = tempfile::tempdir()?;
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let clock: Arc<dyn Clock> = Arc::new(Machine(Instant::now()));
    let tasks = Tasks::new();
    let feeds = node(folder.path(), &clock, &tasks).await?;
    for round in 0..4 {
        let began = clock.now();
        let numbers = round * readings..(round + 1) * readings;
        let how = if round % 2 == 0 {
            by_mqtt(&feeds, &clock, &tasks, numbers, sensors).await?;
            "by MQTT, QoS 1"
        } else {
            by_push(&feeds, numbers, sensors).await;
            "by pushes of 1,000"
        };
        let micros = (clock.now().as_micros() - began.as_micros()).max(1);
        let rate = readings * 1_000_000 / u64::try_from(micros).unwrap_or(1);
        #[expect(clippy::print_stdout, reason = "this is what it is for")]
        {
            println!(
                "{readings} readings {how}: {} ms, {rate} a second",
                micros / 1_000
            );
        }
    }
    #[expect(clippy::print_stdout, reason = "this is what it is for")]
    for feed in &feeds.health() {
        let counts = (feed.received, feed.accepted, feed.refused);
        println!("{}: received, accepted, refused {counts:?}", feed.name);
    }
    tasks.stop();
    tasks.ended().await;
    Ok(())
}
