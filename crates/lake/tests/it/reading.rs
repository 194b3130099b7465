//! Reading what is large: row groups, pages and days are entered where they have to be, in both
//! directions, and the answers are those that the store gave before the lake took anything over.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use lake::Table;
use ngsi::temporal::{Bound, Evolution, HistoryEdit, Samples, Span, TimeProperty};
use ngsi::{Attribute, AttributeValue};
use ports::{Act, Batch, Store};
use serde_json::json;
use store_embedded::{EmbeddedStore, Progress, Settings};
use testkit::{Random, name};

use super::ledger::{Ledger, Life};

const DAY: i64 = 86_400;
/// Sensors with few readings around the one with many.
const SENSORS: i64 = 40;
/// Readings of the large one: more than a row group of a day has.
const READINGS: i64 = 150_000;

fn reading(of: &str, at: i64, value: AttributeValue) -> Attribute {
    let mut attribute = Attribute::new(name(of), value);
    attribute.stamp(Time::from_seconds(at), Time::from_seconds(at));
    attribute.observed_at = Some(Time(at * 1_000_000 + at % 7));
    attribute
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::Property(if value % 3 == 0 {
        json!(value)
    } else {
        json!(f64::from(i32::try_from(value).expect("small")) / 8.0)
    })
}

async fn add(store: &dyn Store, id: &str, instances: Vec<Attribute>) {
    for part in instances.chunks(2_000) {
        let edit = HistoryEdit::Add {
            types: vec![name("Sensor")],
            scope: Vec::new(),
            instances: part.to_vec(),
        };
        let batch = Batch {
            tenant: Tenant::default(),
            time: Time::from_seconds(DAY * 20),
            acts: vec![Act::History {
                id: id.into(),
                edit,
            }],
            cursor: None,
        };
        store.commit(batch).await.expect("it is taken");
    }
}

/// Some sensors over ten days, and in the midst of them one with very many readings on two.
async fn fill(store: &dyn Store) {
    for sensor in 0..SENSORS {
        let id = format!("urn:sensor:{sensor:03}");
        let mut instances = Vec::new();
        for at in (0..DAY * 10).step_by(7_200) {
            instances.push(reading("temperature", at + sensor, number(at % 1_000)));
            let text = AttributeValue::Property(json!(format!("state {}", at % 5)));
            let mut state = reading("state", at, text);
            if at % 3 == 0 {
                state.dataset_id = Some("urn:dataset:b".into());
                state.unit_code = Some("C62".into());
            }
            instances.push(state);
        }
        add(store, &id, instances).await;
    }
    let many = (0..READINGS).map(|n| reading("level", DAY * 3 + n * 1_100 / 1_000, number(n)));
    let mut instances: Vec<Attribute> = many.collect();
    instances.dedup_by_key(|attribute| attribute.observed_at);
    instances.push(reading("a", DAY * 3 + 5, number(1)));
    instances.push(reading("z", DAY * 4 + 5, number(2)));
    add(store, "urn:sensor:020", instances).await;
}

fn random_span(random: &mut Random) -> Span {
    let bound = |random: &mut Random| {
        random.percent(70).then(|| Bound {
            time: Time::from_seconds(random.between(0, DAY * 10)),
            inclusive: random.percent(50),
        })
    };
    let names: Vec<Name> = ["temperature", "state", "level", "a", "z", "none"]
        .into_iter()
        .filter(|_| random.percent(40))
        .map(name)
        .collect();
    let property = if random.percent(80) {
        TimeProperty::ObservedAt
    } else {
        TimeProperty::ModifiedAt
    };
    Span {
        attributes: random.percent(60).then_some(names),
        property,
        from: bound(random),
        until: bound(random),
        limit: [1, 3, 100, 9_000, usize::MAX][random.below(5)],
        last: random.percent(50),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_files_are_read_as_the_store_read_before() {
    let dir = tempfile::tempdir().expect("a folder");
    let progress = tokio::sync::watch::Sender::new(Progress::Log {
        at: base::Seq::ZERO,
    });
    let settings = Settings::default();
    let data = dir.path().join("data");
    let files = Arc::new(store_embedded::files::RealFiles);
    let store = EmbeddedStore::open_in(files, &data, settings, &progress);
    let store = Arc::new(store.expect("the store opens"));
    fill(&*store).await;
    let mut random = Random::new(7);
    let mut asked = Vec::new();
    for _ in 0..120 {
        let sensor = if random.percent(40) {
            20
        } else {
            random.between(0, SENSORS + 1)
        };
        let id = format!("urn:sensor:{sensor:03}");
        let span = random_span(&mut random);
        let answer = answer(&*store, &id, &span).await;
        asked.push((id, span, answer));
    }
    let folder = dir.path().join("lake");
    let life = Life::begin(Arc::new(Ledger::default()), &store, &folder, 1).await;
    life.lake.seal_now().await.expect("it seals");
    let manifest = life.lake.manifest();
    let sealed: u64 = manifest.table(&Table::History, "").map(|f| f.rows).sum();
    assert!(sealed > 140_000, "{sealed}");
    for (id, span, before) in asked {
        let after = answer(&*store, &id, &span).await;
        assert!(after == before, "{id}, {span:?}");
    }
    life.end().await;
}

type Answer = (Option<Evolution>, Option<Vec<Samples>>);

async fn answer(store: &dyn Store, id: &str, span: &Span) -> Answer {
    let tenant = Tenant::default();
    let history = store.history(&tenant, id, span).await.expect("history");
    let samples = store.samples(&tenant, id, span).await.expect("samples");
    (history, samples)
}
