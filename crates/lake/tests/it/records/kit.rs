//! A node with a lake: the model store with faults on order, a clock that steps, a folder.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base::{Tasks, Tenant, Time};
use broker::Broker;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use lake::records::{Batch, Format, Receipt, RecordError};
use lake::{Lake, Parts, Place};
use ports::Store;
use serde_json::{Value, json};
use store_memory::{Faulty, MemoryStore};
use tempfile::TempDir;
use testkit::{SeededEntropy, StepClock};
use tower::ServiceExt as _;
use trust::{Access, Denied, Operation, Principal};
use web::{Guard, Kit};

/// Lets in whoever says what it may do: `Bearer read,write`.
#[derive(Debug)]
struct ByWord;

impl Guard for ByWord {
    fn identify(&self, bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
        let words = bearer.unwrap_or_default().split(',');
        Ok(Principal::Token {
            id: "a".into(),
            name: "test".into(),
            operations: words.filter_map(Operation::from_word).collect(),
        })
    }
}

pub(crate) struct Node {
    pub(crate) store: Arc<Faulty>,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) tasks: Tasks,
    pub(crate) lake: Arc<Lake>,
    app: Router,
    life: u64,
}

pub(crate) const ALL: &str = "read,write,administer";

/// Taps of cards, the table of most tests.
pub(crate) fn taps() -> Value {
    json!({
        "columns": [
            {"name": "time", "type": "timestamp"},
            {"name": "stop", "type": "text"},
            {"name": "fare", "type": "float64", "nullable": true},
        ],
        "time": "time",
    })
}

impl Node {
    pub(crate) async fn new() -> Self {
        let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new())));
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let clock = Arc::new(StepClock::default());
        Self::over(store, folder, clock, 1).await
    }

    async fn over(
        store: Arc<Faulty>,
        folder: Arc<TempDir>,
        clock: Arc<StepClock>,
        life: u64,
    ) -> Self {
        let entropy = Arc::new(SeededEntropy::new(life));
        let tasks = Tasks::new();
        let broker = Broker::new(
            Arc::<Faulty>::clone(&store) as Arc<dyn Store>,
            Arc::<StepClock>::clone(&clock),
            Access::Closed,
            tasks.clone(),
        );
        let lake = Lake::start(Parts {
            broker,
            past: None,
            place: Place::Folder(folder.path().to_owned()),
            clock: Arc::<StepClock>::clone(&clock),
            entropy: Arc::<SeededEntropy>::clone(&entropy),
            tasks: tasks.clone(),
        });
        let lake = lake.await.expect("a lake");
        let guard = Arc::new(ByWord);
        let kit = Kit::new(
            guard,
            Arc::<StepClock>::clone(&clock),
            &*entropy,
            30_000_000,
        );
        let app = web::app(lake::http::routes(Arc::clone(&lake)), Arc::new(kit));
        Self {
            store,
            clock,
            folder,
            tasks,
            lake,
            app,
            life,
        }
    }

    /// The same folder and store in another process.
    pub(crate) async fn restarted(self) -> Self {
        self.tasks.stop();
        self.tasks.ended().await;
        let Self {
            store,
            folder,
            clock,
            life,
            ..
        } = self;
        Self::over(store, folder, clock, life + 1).await
    }

    pub(crate) async fn ask(
        &self,
        (method, path): (&str, &str),
        rights: &str,
        (kind, body): (&str, Vec<u8>),
    ) -> (StatusCode, Bytes, Option<String>) {
        self.ask_as("", (method, path), rights, (kind, body)).await
    }

    /// Status, body, and the path of the next page.
    pub(crate) async fn ask_as(
        &self,
        tenant: &str,
        (method, path): (&str, &str),
        rights: &str,
        (kind, body): (&str, Vec<u8>),
    ) -> (StatusCode, Bytes, Option<String>) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {rights}"))
            .header("content-type", kind)
            .header("content-length", body.len());
        if !tenant.is_empty() {
            request = request.header("ngsild-tenant", tenant);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let answer = self.app.clone().oneshot(request).await.expect("an answer");
        let status = answer.status();
        let next = answer.headers().get("link").map(|link| {
            let link = link.to_str().expect("ASCII");
            let (path, _) = link.split_once('>').expect("a link");
            path.trim_start_matches('<').to_owned()
        });
        let body = answer.into_body().collect().await.expect("a body");
        (status, body.to_bytes(), next)
    }

    pub(crate) async fn declare(&self, table: &str, definition: &Value) {
        let path = format!("/records/{table}");
        let body = ("application/json", definition.to_string().into_bytes());
        let (status, said, _) = self.ask(("PUT", &path), ALL, body).await;
        assert!(status.is_success(), "{said:?}");
    }

    /// Brings a batch; status and what was said.
    pub(crate) async fn bring(
        &self,
        table: &str,
        batch: &str,
        (format, body): (Format, Vec<u8>),
    ) -> (u16, Value) {
        let path = format!("/records/{table}/batches/{batch}");
        let body = (format.media(), body);
        let (status, said, _) = self.ask(("POST", &path), "write", body).await;
        (
            status.as_u16(),
            serde_json::from_slice(&said).unwrap_or_default(),
        )
    }

    /// Brings a batch in parts of so many bytes.
    pub(crate) async fn bring_in_parts(
        &self,
        table: &str,
        batch: &str,
        (format, body): (Format, &[u8]),
        size: usize,
    ) -> Result<Receipt, RecordError> {
        let parts = body.chunks(size.max(1)).map(Bytes::copy_from_slice);
        let parts: Vec<Result<Bytes, String>> = parts.map(Ok).collect();
        let batch = Batch {
            tenant: Tenant::default_tenant(),
            table: table.to_owned(),
            id: batch.to_owned(),
            format,
            bytes: Some(body.len() as u64),
        };
        let body = Box::pin(stream::iter(parts));
        self.lake.bring_records(batch, body).await
    }

    /// All rows of a table in a shape, page by page.
    pub(crate) async fn pages(&self, table: &str, format: &str, limit: usize) -> Vec<Bytes> {
        let mut pages = Vec::new();
        let mut path = Some(format!(
            "/records/{table}/rows?format={format}&limit={limit}"
        ));
        while let Some(next) = path {
            let none = ("text/plain", Vec::new());
            let (status, body, link) = self.ask(("GET", &next), "read", none).await;
            assert_eq!(status, 200, "{body:?}");
            pages.push(body);
            path = link;
            assert!(pages.len() < 10_000, "pages without end");
        }
        pages
    }

    /// All rows of a table as JSON.
    pub(crate) async fn rows(&self, table: &str) -> Vec<Value> {
        let pages = self.pages(table, "json", 1_000).await;
        let pages = pages.iter();
        let rows = pages.map(|page| serde_json::from_slice::<Vec<Value>>(page).expect("rows"));
        rows.flatten().collect()
    }

    /// The files of the lake on the disk, but for its list of them.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        walk(self.folder.path(), &mut files);
        files.retain(|file| !file.ends_with("manifest.json"));
        files.sort_unstable();
        files
    }
}

fn walk(dir: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path.display().to_string());
        }
    }
}

/// Taps as delimited text: minute, stop, fare.
pub(crate) fn csv(rows: &[(u32, &str, &str)]) -> (Format, Vec<u8>) {
    let mut text = "time,stop,fare\n".to_owned();
    for (minute, stop, fare) in rows {
        let (day, hour, minute) = (1 + minute / 1_440, minute / 60 % 24, minute % 60);
        let time = format!("2026-03-{day:02}T{hour:02}:{minute:02}:00Z");
        text.push_str(&[&time, *stop, *fare].join(","));
        text.push('\n');
    }
    (Format::Csv, text.into_bytes())
}
