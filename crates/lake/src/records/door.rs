//! How a batch comes in: once, whole, and on disk when it is acknowledged.
//!
//! Ids of batches are docs of the family `record-batch`, keyed by table and batch, whose body is
//! one text: the checksum of the body, the number of rows, the moment of arrival. A batch that
//! comes again with the same bytes is acknowledged again, one with others is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Name, Tenant, Time};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use parking_lot::Mutex;
use ports::{Act, Expect};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::catalog::{Live, doc};
use super::decode::Format;
use super::error::RecordError;
use super::files::Encoded;
use super::intake::{Intake, Piece, Read};
use super::limits::{
    BATCH_BYTES_MAX, BATCH_ID_BYTES_MAX, BATCH_MICROS_MAX, REMEMBERED_MICROS, SILENCE_MICROS_MAX,
};
use super::table::RecordTable;
use super::together::{Waiting, given_up};
use crate::manifest::tenant as own_tenant;
use crate::{Entry, Lake};

/// The family of docs.
const KIND: &str = "record-batch";
/// Docs read at once.
const PAGE: usize = 1_000;
/// Parts of a body that wait to be decoded: some 64 KiB each.
const PIECES_WAITING: usize = 16;

/// A batch as it is announced.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Whose world.
    pub tenant: Tenant,
    /// Into which table.
    pub table: String,
    /// Its id, given by the sender.
    pub id: String,
    /// How it is written.
    pub format: Format,
    /// How many bytes it has, if that is known.
    pub bytes: Option<u64>,
}

/// What is known of a batch that is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Its id.
    pub batch: String,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 of its body, in hexadecimal.
    pub sha256: String,
    /// When it came.
    #[serde(rename = "receivedAt", serialize_with = "as_text")]
    pub received_at: Time,
    /// Whether it was there already.
    pub repeated: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn as_text<S: serde::Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

impl Receipt {
    fn to_body(&self) -> Value {
        let (rows, at) = (self.rows, self.received_at.as_micros());
        Value::String(format!("{} {rows} {at}", self.sha256))
    }

    fn from_body(batch: &str, body: &Value) -> Option<Self> {
        let mut parts = body.as_str()?.split(' ');
        Some(Self {
            batch: batch.to_owned(),
            sha256: parts.next()?.to_owned(),
            rows: parts.next()?.parse().ok()?,
            received_at: Time(parts.next()?.parse().ok()?),
            repeated: true,
        })
    }
}

/// Says that a batch is coming in, until it is dropped.
#[derive(Debug)]
struct UnderWay {
    all: Arc<Mutex<BTreeSet<(String, String)>>>,
    key: (String, String),
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}

/// The bytes of a batch, as they come; an error says that they broke off.
pub type Incoming = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>;

impl Lake {
    /// Takes a batch in. Once it began it goes on to its end, whoever waits for that: so that
    /// nothing is left behind by a caller that goes away.
    pub async fn bring_records(
        self: &Arc<Self>,
        batch: Batch,
        body: Incoming,
    ) -> Result<Receipt, RecordError> {
        check_batch_id(&batch.id)?;
        if batch.bytes.is_some_and(|bytes| bytes > BATCH_BYTES_MAX) {
            return Err(too_large());
        }
        let live = self.records.live(&batch.tenant, &batch.table)?;
        let room = self.records.memory.take(batch.format, batch.bytes)?;
        let under_way = self.under_way(&live.table(), &batch.id)?;
        let (tell, told) = tokio::sync::oneshot::channel();
        let lake = Arc::clone(self);
        self.parts.tasks.spawn("a batch of records", async move {
            let result = lake.take_in(&live, &batch, body).await;
            drop((room, under_way));
            // Who does not wait any more asks again, by the same id.
            drop(tell.send(result));
        });
        told.await.map_err(|_panic| given_up())?
    }

    fn under_way(&self, table: &RecordTable, batch: &str) -> Result<UnderWay, RecordError> {
        let all = Arc::clone(&self.records.under_way);
        let key = (table.id.clone(), batch.to_owned());
        if !all.lock().insert(key.clone()) {
            let reason =
                format!("the batch '{batch}' is coming in just now: ask again in a second");
            return Err(RecordError::Busy(reason));
        }
        Ok(UnderWay { all, key })
    }

    /// A batch that is remembered.
    pub async fn record_batch(
        &self,
        tenant: &Tenant,
        table: &str,
        batch: &str,
    ) -> Result<Receipt, RecordError> {
        let table = self.record_table(tenant, table)?;
        let shown = || batch.chars().filter(|c| !c.is_control()).take(64).collect();
        let known = self.remembered(&table, batch).await?;
        known.ok_or_else(|| RecordError::BatchUnknown(shown()))
    }

    async fn remembered(
        &self,
        table: &RecordTable,
        batch: &str,
    ) -> Result<Option<Receipt>, RecordError> {
        let store = self.parts.broker.store();
        let doc = store
            .doc(&own_tenant(), KIND, &doc_id(table, batch))
            .await?;
        Ok(doc.and_then(|doc| Receipt::from_body(batch, &doc.body)))
    }

    async fn take_in(
        &self,
        live: &Live,
        batch: &Batch,
        body: Incoming,
    ) -> Result<Receipt, RecordError> {
        let table = live.table();
        if let Some(known) = self.remembered(&table, &batch.id).await? {
            let sha256 = self.read_through(body).await?;
            if known.sha256 == sha256 {
                return Ok(known);
            }
            return Err(RecordError::Conflict(format!(
                "the batch '{}' is there with other content (SHA-256 {}): give yours another id",
                batch.id, known.sha256
            )));
        }
        let arrival = self.parts.clock.now();
        let (files, read, sha256) = self.read_in(&table, batch.format, body, arrival).await?;
        let receipt = Receipt {
            batch: batch.id.clone(),
            rows: read.rows,
            sha256,
            received_at: arrival,
            repeated: false,
        };
        let act = Act::Doc {
            kind: Name::from(KIND),
            id: doc_id(&table, &batch.id).into(),
            expect: Expect::Absent,
            body: Some(Arc::new(receipt.to_body())),
        };
        let is_there = live.is_there.read().await;
        if !*is_there {
            self.remove_files(files).await;
            return Err(RecordError::TableUnknown {
                tenant: batch.tenant.clone(),
                name: batch.table.clone(),
            });
        }
        self.commit_together(Waiting {
            table,
            files,
            rows: read.small,
            act,
        })
        .await?;
        drop(is_there);
        self.records.appended.notify_one();
        metrics::counter!("chorsu_records_rows_total").increment(receipt.rows);
        metrics::counter!("chorsu_records_batches_total").increment(1);
        Ok(receipt)
    }

    /// Reads the body, decodes it, and writes what files it fills; of a batch that is refused
    /// nothing stays.
    async fn read_in(
        &self,
        table: &Arc<RecordTable>,
        format: Format,
        body: Incoming,
        arrival: Time,
    ) -> Result<(Vec<Entry>, Read, String), RecordError> {
        let (pieces, to_decode) = mpsc::channel(PIECES_WAITING);
        let (encoded, to_write) = mpsc::channel(1);
        let intake = Intake {
            table: Arc::clone(table),
            format,
            arrival,
        };
        let working = tokio::task::spawn_blocking(move || intake.work(to_decode, &encoded));
        let reading = self.read_body(body, Some(pieces));
        let (hash, worked, (files, written)) =
            tokio::join!(reading, working, self.write_files(table, to_write));
        let worked = worked.unwrap_or_else(|_panic| {
            let reason = "the body cannot be read: it is damaged, or written in an unusual way";
            Err(RecordError::Invalid(reason.to_owned()))
        });
        // What is wrong with the body as such says more than what the decoder makes of it.
        let whole = match (hash, worked, written) {
            (Err(broken), _, _) => Err(broken),
            (_, _, Err(failed)) => Err(failed),
            (_, Err(refused), _) => Err(refused),
            (Ok(hash), Ok(read), Ok(())) => Ok((read, hash)),
        };
        match whole {
            Ok((read, hash)) => Ok((files, read, hash)),
            Err(refused) => {
                self.remove_files(files).await;
                Err(refused)
            }
        }
    }

    /// Writes files as they come; those that are on disk, and why there are not more.
    async fn write_files(
        &self,
        table: &RecordTable,
        mut encoded: mpsc::Receiver<Encoded>,
    ) -> (Vec<Entry>, Result<(), RecordError>) {
        let mut files = Vec::new();
        while let Some(file) = encoded.recv().await {
            match self.write_file(table, file).await {
                Ok(entry) => files.push(entry),
                Err(failed) => return (files, Err(failed)),
            }
        }
        (files, Ok(()))
    }

    /// Removes files that nobody knows of. What cannot be removed goes at the next start.
    async fn remove_files(&self, files: Vec<Entry>) {
        for file in files {
            if let Err(error) = self.objects.remove(&file.path).await {
                tracing::warn!(%error, "a file of a refused batch stays until the next start");
            }
        }
    }

    /// Reads a body for its checksum alone.
    async fn read_through(&self, body: Incoming) -> Result<String, RecordError> {
        self.read_body(body, None).await
    }

    /// Reads a body to its end and hands it on while somebody takes it; its checksum. A caller
    /// that is still sending does not see an answer: so what is refused is read to its end, too.
    async fn read_body(
        &self,
        mut body: Incoming,
        mut pieces: Option<mpsc::Sender<Piece>>,
    ) -> Result<String, RecordError> {
        let clock = &self.parts.clock;
        let end = clock.now().plus_micros(BATCH_MICROS_MAX);
        let mut hash = Sha256::new();
        let mut bytes = 0_u64;
        loop {
            let silent_until = clock.now().plus_micros(SILENCE_MICROS_MAX).min(end);
            let next = tokio::select! {
                biased;
                next = body.next() => next,
                () = clock.sleep_until(silent_until) => {
                    let reason = "the body did not arrive in time: send it faster or in parts";
                    return Err(RecordError::BrokenOff(reason.to_owned()));
                }
            };
            let Some(next) = next else { break };
            let next = next.map_err(|reason| {
                RecordError::BrokenOff(format!("the body broke off ({reason}): send it again"))
            })?;
            bytes += next.len() as u64;
            if bytes > BATCH_BYTES_MAX {
                return Err(too_large());
            }
            if let Some(to) = &pieces {
                hash.update(&next);
                if to.send(Piece::Bytes(next)).await.is_err() {
                    pieces = None;
                }
            } else {
                hash.update(&next);
            }
        }
        if let Some(to) = pieces {
            // Who refused the batch does not listen any more, and says so itself.
            drop(to.send(Piece::End).await);
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// Forgets batches that came long ago, or into tables that are gone.
    pub(super) async fn forget_batches(&self) -> Result<(), RecordError> {
        let store = self.parts.broker.store();
        let oldest = self.parts.clock.now().plus_micros(-REMEMBERED_MICROS);
        let mut after: Option<Name> = None;
        loop {
            let docs = store
                .docs(&own_tenant(), KIND, after.as_deref(), PAGE)
                .await?;
            let Some(last) = docs.last() else {
                return Ok(());
            };
            after = Some(last.id.clone());
            let tables = self.records.ids();
            let is_over = |doc: &ports::Doc| {
                let table = doc.id.split_once('/').map_or("", |(table, _)| table);
                let receipt = Receipt::from_body("", &doc.body);
                !tables.contains(table) || receipt.is_none_or(|r| r.received_at < oldest)
            };
            let over = docs.iter().filter(|doc| is_over(doc));
            let acts: Vec<Act> = over.map(|gone| doc(KIND, &gone.id, None)).collect();
            if !acts.is_empty() {
                self.commit_docs(own_tenant(), acts).await?;
            }
        }
    }
}

fn doc_id(table: &RecordTable, batch: &str) -> String {
    format!("{}/{batch}", table.id)
}

fn too_large() -> RecordError {
    RecordError::TooLarge(BATCH_BYTES_MAX / (1024 * 1024))
}

/// Refuses what is no id of a batch.
fn check_batch_id(id: &str) -> Result<(), RecordError> {
    let fits = !id.is_empty()
        && id.len() <= BATCH_ID_BYTES_MAX
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':'));
    if fits {
        return Ok(());
    }
    Err(RecordError::Invalid(format!(
        "the id of a batch has 1 to {BATCH_ID_BYTES_MAX} letters, digits and '.', '_', '-', ':'"
    )))
}
