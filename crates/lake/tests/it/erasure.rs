//! Erasure in a node with a real store and lake: afterwards no file of it names the subject, whoever
//! reads them by whatever means, and everybody else's data is as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray as _;
use base::{Name, Tasks, Tenant, Time};
use broker::Broker;
use bytes::Bytes;
use lake::erasure::{Standing, Wish};
use lake::records::Format;
use lake::{Lake, Parts, Place};
use ngsi::temporal::{Evolution, HistoryEdit, Span};
use ngsi::{Attribute, AttributeValue, Entity};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ports::{Act, Around, Batch, EntityChange, Expect, Past, Store};
use serde_json::json;
use store_embedded::{EmbeddedStore, Progress, Settings, check};
use testkit::{SeededEntropy, StepClock, name};
use trust::Access;

const SUBJECT: &str = "urn:ngsi-ld:Person:7";
const OTHER: &str = "urn:ngsi-ld:Person:77";
const SECRET: &str = "lives in the third house";

struct Node {
    store: Arc<EmbeddedStore>,
    lake: Arc<Lake>,
    tasks: Tasks,
}

impl Node {
    async fn open(dir: &Path) -> Self {
        let progress = tokio::sync::watch::Sender::new(Progress::Ready);
        let store = EmbeddedStore::open(dir, Settings::default(), &progress);
        let store = Arc::new(store.expect("a store"));
        let clock = Arc::new(StepClock::at(Time::from_seconds(86_400 * 30)));
        let tasks = Tasks::new();
        let broker = Broker::new(
            Arc::<EmbeddedStore>::clone(&store) as Arc<dyn Store>,
            Arc::<StepClock>::clone(&clock),
            Access::Closed,
            tasks.clone(),
        );
        let lake = Lake::start(Parts {
            broker,
            past: Some(Arc::<EmbeddedStore>::clone(&store) as Arc<dyn Past>),
            place: Place::Folder(dir.join("lake")),
            clock,
            entropy: Arc::new(SeededEntropy::new(5)),
            tasks: tasks.clone(),
        });
        let lake = lake.await.expect("a lake");
        Self { store, lake, tasks }
    }

    async fn close(self) {
        self.tasks.stop();
        self.tasks.ended().await;
        drop(self.lake);
        self.store.close();
    }

    async fn commit(&self, tenant: &Tenant, acts: Vec<Act>) {
        let batch = Batch {
            tenant: tenant.clone(),
            time: Time::from_seconds(86_400 * 29),
            acts,
            cursor: None,
        };
        self.store.commit(batch).await.expect("it is taken");
    }

    async fn evolution(&self, id: &str) -> Option<Evolution> {
        let all = Span::all(usize::MAX);
        let read = self.store.history(&Tenant::default(), id, &all).await;
        read.expect("it reads")
    }
}

fn attribute(of: &str, value: serde_json::Value, day: i64) -> Attribute {
    let mut attribute = Attribute::new(name(of), AttributeValue::Property(value));
    let at = Time::from_seconds(86_400 * day);
    attribute.stamp(at, at);
    attribute.observed_at = Some(at);
    attribute
}

fn put(id: &str, day: i64) -> Act {
    let at = Time::from_seconds(86_400 * day);
    let entity = Entity {
        id: Name::from(id),
        types: vec![name("Person")],
        scope: Vec::new(),
        created_at: at,
        modified_at: at,
        expires_at: None,
        attributes: vec![
            attribute("steps", json!(day * 100), day),
            attribute("note", json!(format!("{id} {SECRET}")), day),
        ],
    };
    Act::Entity {
        id: Name::from(id),
        expect: Expect::Any,
        change: EntityChange::Put(Arc::new(entity)),
        around: Around::default(),
    }
}

/// Days of two people, sealed now and then; a snapshot's copy, a letter, and visits.
async fn fill(node: &Node) {
    let tenant = Tenant::default();
    for day in 1..12 {
        node.commit(&tenant, vec![put(SUBJECT, day), put(OTHER, day)])
            .await;
        if day % 4 == 0 {
            node.lake.seal_now().await.expect("it seals");
        }
        if day == 6 {
            node.store.checkpoint().expect("a checkpoint");
        }
    }
    node.commit(&Tenant::hidden("snapshot1"), vec![put(SUBJECT, 3)])
        .await;
    for id in [SUBJECT, OTHER] {
        let letter = Act::Doc {
            kind: Name::from("dead-letter"),
            id: Name::from(format!("urn:s#{}", id.len())),
            expect: Expect::Any,
            body: Some(Arc::new(json!({ "data": [{ "id": id, "note": SECRET }] }))),
        };
        node.commit(&tenant, vec![letter]).await;
    }
    let definition = json!({
        "columns": [
            {"name": "person", "type": "text"},
            {"name": "at", "type": "timestamp"},
        ],
        "time": "at",
        "subject": "person",
    });
    let definition = serde_json::from_value(definition).expect("a definition");
    let declared = node
        .lake
        .declare_records(&tenant, "visits", definition)
        .await;
    declared.expect("a table");
    let rows = [SUBJECT, OTHER, SUBJECT].map(|id| format!("{id},1970-01-12T00:00:00Z\n"));
    let body = format!("person,at\n{}", rows.concat());
    let batch = lake::records::Batch {
        tenant,
        table: "visits".to_owned(),
        id: "one".to_owned(),
        format: Format::of_media("text/csv").expect("CSV"),
        bytes: Some(body.len() as u64),
    };
    let body = futures_util::stream::iter([Ok(Bytes::from(body))]);
    let brought = node.lake.bring_records(batch, Box::pin(body)).await;
    brought.expect("a batch");
}

fn all_files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all_files(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// The text of a file: as its bytes are, and of Parquet also its values.
fn text_of(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("a file");
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if path.extension().is_some_and(|end| end == "parquet") {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes));
        for batch in reader.expect("Parquet").build().expect("a reader") {
            let batch = batch.expect("rows");
            for column in batch.columns() {
                if let Some(texts) = column.as_string_opt::<i32>() {
                    texts.iter().flatten().for_each(|value| {
                        text += value;
                        text.push('\n');
                    });
                } else if let Some(bytes) = column.as_binary_opt::<i32>() {
                    let texts = bytes.iter().flatten().map(String::from_utf8_lossy);
                    texts.for_each(|value| {
                        text += &value;
                        text.push('\n');
                    });
                }
            }
        }
    }
    text
}

/// The files that name the subject, and not only somebody whose name begins alike.
fn naming(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    all_files(dir, &mut files);
    files.retain(|path| text_of(path).replace(OTHER, "").contains(SUBJECT));
    files
}

fn wish(offline: bool) -> Wish {
    Wish {
        tenant: Tenant::default(),
        subjects: vec![Name::from(SUBJECT)],
        reason: "asked for on paper".to_owned(),
        by: "administrator".to_owned(),
        offline,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_is_in_no_file_of_any_tier_and_the_receipt_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::open(dir.path()).await;
    fill(&node).await;
    let before = node.evolution(OTHER).await.expect("somebody else");
    assert!(naming(dir.path()).len() > 6, "{:?}", naming(dir.path()));
    let receipt = node.lake.erase(wish(false)).await.expect("it erases");
    assert_eq!(receipt.state(), Standing::Done, "{:#}", receipt.to_json());
    assert_eq!(naming(dir.path()), [] as [PathBuf; 0]);
    assert_eq!(
        (receipt.entities, receipt.copies, receipt.letters),
        (1, 1, 1)
    );
    assert_eq!(receipt.records.first().map(|tier| tier.rows), Some(2));
    let sealed = receipt.history.first().expect("sealed history");
    assert!(sealed.rows >= 16 && sealed.files >= 8, "{sealed:?}");
    assert!(!receipt.to_json().to_string().contains(SUBJECT));
    assert_eq!(node.evolution(SUBJECT).await, None);
    assert_eq!(node.evolution(OTHER).await.as_ref(), Some(&before));
    let kept = node.lake.receipts(&Tenant::default(), None, 10).await;
    assert_eq!(*kept.expect("receipts")[0], receipt.to_json());
    node.close().await;
    let node = Node::open(dir.path()).await;
    assert_eq!(node.evolution(OTHER).await.as_ref(), Some(&before));
    assert_eq!(node.evolution(SUBJECT).await, None);
    node.close().await;
    assert_eq!(naming(dir.path()), [] as [PathBuf; 0]);
    let files = Arc::new(store_embedded::files::RealFiles);
    let report = check(files, dir.path()).expect("a report");
    assert!(report.is_sound(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_forgets_too_though_nobody_reads_its_log_any_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::open(dir.path()).await;
    fill(&node).await;
    let batch = Batch {
        tenant: Tenant::default(),
        time: Time::from_seconds(86_400 * 29),
        acts: Vec::new(),
        cursor: Some((Name::from("subscriptions"), base::Seq(3))),
    };
    node.store.commit(batch).await.expect("a tail that lags");
    let receipt = node.lake.erase(wish(true)).await.expect("it erases");
    assert_eq!(receipt.state(), Standing::Done, "{:#}", receipt.to_json());
    assert_eq!(naming(dir.path()), [] as [PathBuf; 0]);
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_say_of_the_subject_is_told_and_not_passed_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::open(dir.path()).await;
    fill(&node).await;
    let edit = HistoryEdit::Add {
        types: vec![name("Person")],
        scope: Vec::new(),
        instances: vec![attribute("friend", json!(SUBJECT), 13)],
    };
    let id = Name::from(OTHER);
    node.commit(&Tenant::default(), vec![Act::History { id, edit }])
        .await;
    let receipt = node.lake.erase(wish(true)).await.expect("it erases");
    assert_eq!(receipt.state(), Standing::Found);
    assert!(!naming(dir.path()).is_empty());
    node.close().await;
}
