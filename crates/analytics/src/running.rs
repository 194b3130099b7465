//! The desk where queries are handed in. It knows what runs, for whom and how far it is, ends what
//! takes too long or is not wanted any more, and remembers for a while how each ended.

mod drive;
mod entry;
mod error;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use base::{Tasks, Time};
use broker::Broker;
use bytes::Bytes;
use datafusion::common::ParamValues;
use futures_util::Stream;
use parking_lot::Mutex;
use ports::{Clock, Entropy};
use tokio::sync::{mpsc, oneshot};
use trust::{Call, Operation};

use crate::{Analytics, Prepared, TableInfo};

pub use entry::{Outcome, Shown};
pub use error::QueryError;

use entry::Entry;

/// Bytes of the text of a query: what tools generate is longer than what people write.
pub const SQL_BYTES_MAX: usize = 128 * 1024;
/// Bytes of all values bound to one query.
pub const PARAMETER_BYTES_MAX: usize = 1024 * 1024;
/// Queries that ended and are still told of.
const ENDED_MAX: usize = 256;
/// Batches between the engine and a slow reader.
const WAITING_MAX: usize = 2;

/// What a desk is made of.
#[derive(Debug)]
pub struct Parts {
    /// What answers.
    pub engine: Arc<Analytics>,
    /// Rights and tenants.
    pub broker: Arc<Broker>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Chance: ids cannot be guessed.
    pub entropy: Arc<dyn Entropy>,
    /// The tasks of the node.
    pub tasks: Tasks,
    /// Microseconds that a query may take, the reading of its answer included.
    pub micros_max: i64,
}

/// The desk of a node.
#[derive(Debug)]
pub struct Desk {
    pub(crate) parts: Parts,
    board: Mutex<Board>,
}

/// What runs, and what ended lately.
#[derive(Debug, Default)]
struct Board {
    running: BTreeMap<String, Arc<Entry>>,
    ended: VecDeque<Arc<Entry>>,
}

/// How a query is to be answered.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The values of its parameters.
    pub parameters: Option<ParamValues>,
    /// Rows after which the answer ends.
    pub rows_max: Option<u64>,
    /// Microseconds that it may take; the node's own limit stands above.
    pub micros_max: Option<i64>,
    /// The ticket that it is fetched by, by which it may be cancelled too.
    pub ticket: Option<Bytes>,
}

/// What is known when an answer begins.
#[derive(Debug)]
struct Head {
    schema: SchemaRef,
    history_until: Option<Time>,
}

/// A query that is being answered: a stream of its rows. Dropping it ends the query.
pub struct Running {
    schema: SchemaRef,
    history_until: Option<Time>,
    entry: Arc<Entry>,
    batches: mpsc::Receiver<RecordBatch>,
    /// The first batch, once it was waited for.
    first: Option<RecordBatch>,
    clock: Arc<dyn Clock>,
}

impl Desk {
    /// A desk.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            board: Mutex::default(),
        })
    }

    /// Refuses whoever may ask nothing at all; the engine looks at each table.
    pub(crate) async fn admit(&self, call: &Call) -> Result<(), QueryError> {
        let broker = &self.parts.broker;
        broker.authorize(call, Operation::Read).or_else(|denied| {
            let history = broker.authorize(call, Operation::History);
            history.map_err(|_denied| denied)
        })?;
        Ok(broker.known_tenant(&call.tenant).await?)
    }

    /// Begins to answer a query. It returns when the columns are known.
    pub async fn begin(
        self: &Arc<Self>,
        call: &Call,
        sql: &str,
        wish: Wish,
    ) -> Result<Running, QueryError> {
        self.admit(call).await?;
        if sql.len() > SQL_BYTES_MAX {
            return Err(QueryError::TooLong);
        }
        let entry = Arc::new(Entry::new(self, call, sql, &wish));
        self.enter(&entry);
        let (out, batches) = mpsc::channel(WAITING_MAX);
        let (begun, begins) = oneshot::channel();
        let drive = drive::Drive {
            desk: Arc::clone(self),
            entry: Arc::clone(&entry),
            call: call.clone(),
            wish,
            out,
        };
        self.parts.tasks.spawn("query", drive.run(begun));
        // It is held meanwhile: whoever goes away while the query is planned ends it.
        let head = match begins.await {
            Ok(head) => head,
            Err(_ended) => return Err(entry.failure()),
        };
        let Head {
            schema,
            history_until,
        } = head;
        Ok(Running {
            schema,
            history_until,
            entry,
            batches,
            first: None,
            clock: Arc::clone(&self.parts.clock),
        })
    }

    /// What a query would answer with these parameters.
    pub async fn prepare(
        &self,
        call: &Call,
        sql: &str,
        parameters: Option<ParamValues>,
    ) -> Result<Prepared, QueryError> {
        self.admit(call).await?;
        if sql.len() > SQL_BYTES_MAX {
            return Err(QueryError::TooLong);
        }
        let call = self.with_time(call);
        let preparing = self.parts.engine.prepare(&call, sql, parameters);
        tokio::select! {
            biased;
            prepared = preparing => Ok(prepared?),
            () = self.parts.clock.sleep_until(call.deadline) => Err(self.too_slow()),
        }
    }

    /// The tables that the caller may ask.
    pub async fn tables(&self, call: &Call) -> Result<Vec<TableInfo>, QueryError> {
        self.admit(call).await?;
        Ok(self.parts.engine.tables(&self.with_time(call)).await?)
    }

    /// A query may take longer than a request.
    fn with_time(&self, call: &Call) -> Call {
        Call {
            deadline: self.parts.clock.now().plus_micros(self.parts.micros_max),
            ..call.clone()
        }
    }

    fn too_slow(&self) -> QueryError {
        QueryError::TooSlow {
            seconds: self.parts.micros_max / 1_000_000,
        }
    }

    /// What runs and what ended lately, newest first: the caller's own, an administrator's: all.
    pub fn list(&self, call: &Call) -> Vec<Shown> {
        let now = self.parts.clock.now();
        let all = self.may_see_all(call);
        let board = self.board.lock();
        let entries = board.running.values().chain(&board.ended);
        let mut shown: Vec<Shown> = entries
            .filter(|entry| all || entry.is_of(call))
            .map(|entry| entry.shown(now))
            .collect();
        shown.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        shown
    }

    /// One query that runs or ended lately.
    pub fn get(&self, call: &Call, id: &str) -> Result<Shown, QueryError> {
        let mut all = self.list(call);
        let place = all.iter().position(|shown| shown.id == id);
        let place = place.ok_or_else(|| QueryError::Unknown(id.to_owned()))?;
        Ok(all.swap_remove(place))
    }

    /// Ends a query of the caller's, or anybody's for an administrator. One that ended is unknown.
    pub fn cancel(&self, call: &Call, id: &str) -> Result<(), QueryError> {
        let all = self.may_see_all(call);
        let board = self.board.lock();
        let entry = board.running.get(id);
        let entry = entry.filter(|entry| all || entry.is_of(call));
        let entry = entry.ok_or_else(|| QueryError::Unknown(id.to_owned()))?;
        entry.cancel.cancel();
        Ok(())
    }

    /// Ends what is being fetched by that ticket; says whether there was anything.
    pub fn cancel_ticket(&self, call: &Call, ticket: &[u8]) -> bool {
        let board = self.board.lock();
        let mut found = false;
        for entry in board.running.values() {
            if entry.is_of(call) && entry.ticket.as_deref() == Some(ticket) {
                entry.cancel.cancel();
                found = true;
            }
        }
        found
    }

    fn may_see_all(&self, call: &Call) -> bool {
        let allowed = self.parts.broker.authorize(call, Operation::Administer);
        allowed.is_ok()
    }

    fn enter(&self, entry: &Arc<Entry>) {
        let mut board = self.board.lock();
        board.running.insert(entry.id.clone(), Arc::clone(entry));
        metrics::gauge!("chorsu_sql_queries_running").increment(1.0);
    }

    /// Notes how a query ended, in the log without its text: that may hold what is private.
    fn leave(&self, entry: &Arc<Entry>, outcome: Outcome) {
        let now = self.parts.clock.now();
        entry.end(now, outcome);
        let shown = entry.shown(now);
        tracing::info!(
            id = shown.id,
            who = entry.who(),
            tenant = shown.tenant,
            state = shown.state,
            rows = shown.rows,
            millis = shown.elapsed_ms,
            "a query ended"
        );
        metrics::gauge!("chorsu_sql_queries_running").decrement(1.0);
        metrics::counter!("chorsu_sql_queries_total", "state" => shown.state).increment(1);
        metrics::counter!("chorsu_sql_rows_total").increment(shown.rows);
        let mut board = self.board.lock();
        board.running.remove(&entry.id);
        board.ended.push_back(Arc::clone(entry));
        if board.ended.len() > ENDED_MAX {
            board.ended.pop_front();
        }
    }
}

impl Running {
    /// Its id, by which it can be looked at and cancelled.
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Up to when history is surely in it; `None`: it was not asked.
    pub fn history_until(&self) -> Option<Time> {
        self.history_until
    }

    /// Rows given so far.
    pub fn rows(&self) -> u64 {
        self.entry.rows.load(Ordering::Relaxed)
    }

    /// Whether there would have been more rows.
    pub fn is_truncated(&self) -> bool {
        self.entry.truncated.load(Ordering::Relaxed)
    }

    /// Milliseconds since it was handed in.
    pub fn elapsed_ms(&self) -> i64 {
        self.entry.elapsed_ms(self.clock.now())
    }

    /// Notes that the reader wants no more; the query then ends well when this is dropped.
    pub fn truncate(&self) {
        self.entry.truncated.store(true, Ordering::Relaxed);
        self.entry.enough.store(true, Ordering::Relaxed);
    }

    /// Waits for the first rows, or the end: what goes wrong before can still be said properly.
    pub async fn first(&mut self) -> Result<(), QueryError> {
        match self.batches.recv().await {
            Some(batch) => self.first = Some(batch),
            None if self.entry.is_done() => {}
            None => return Err(self.entry.failure()),
        }
        Ok(())
    }
}

impl Stream for Running {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(batch) = this.first.take() {
            return Poll::Ready(Some(Ok(batch)));
        }
        this.batches.poll_recv(context).map(|batch| match batch {
            Some(batch) => Some(Ok(batch)),
            None if this.entry.is_done() => None,
            // Told once: the stream is over after it.
            None => this.entry.take_failure().map(Err),
        })
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("id", &self.entry.id)
            .finish_non_exhaustive()
    }
}
