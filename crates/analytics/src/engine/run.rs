//! One query on its way: begun, read, and ended by its end, its limits or whoever asked.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use base::Time;
use datafusion::common::ParamValues;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use trust::Call;

use super::Shared;
use crate::SqlError;
use crate::query::Answer;
use crate::threads::{Running, Threads};

/// Batches that are read ahead of who takes them.
const BATCHES_AHEAD: usize = 2;

/// What is asked, by whom, until when.
pub(super) struct Query {
    pub(super) shared: Arc<Shared>,
    pub(super) call: Call,
    pub(super) sql: String,
    pub(super) parameters: Option<ParamValues>,
    pub(super) deadline: Time,
}

/// What is known before the first row.
struct Head {
    schema: SchemaRef,
    history_until: Option<Time>,
}

/// What comes behind the head; a query that ends without [`Row::End`] broke off.
enum Row {
    Batch(RecordBatch),
    Failed(SqlError),
    End,
}

/// Runs a query; returns when it has begun to answer.
pub(super) async fn begin(
    threads: &Threads,
    query: Query,
    place: OwnedSemaphorePermit,
) -> Result<Answer, SqlError> {
    let (head, told) = oneshot::channel();
    let (rows, coming) = mpsc::channel(BATCHES_AHEAD);
    let running = threads.spawn(async move {
        let _until_it_ends = place;
        Box::pin(query.run(head, rows)).await;
    });
    let Some(running) = running else {
        return Err(SqlError::Stopped);
    };
    let head: Head = told.await.map_err(|_ended| SqlError::broke_off())??;
    Ok(Answer {
        schema: head.schema,
        stream: stream::unfold(Some((coming, running)), next).boxed(),
        history_until: head.history_until,
    })
}

type Coming = (mpsc::Receiver<Row>, Running);

async fn next(coming: Option<Coming>) -> Option<(Result<RecordBatch, SqlError>, Option<Coming>)> {
    let (mut rows, running) = coming?;
    match rows.recv().await {
        Some(Row::Batch(batch)) => Some((Ok(batch), Some((rows, running)))),
        Some(Row::Failed(error)) => Some((Err(error), None)),
        Some(Row::End) => None,
        None => Some((Err(SqlError::broke_off()), None)),
    }
}

impl Query {
    /// Plans and reads, until one of the limits comes first.
    async fn run(self, head: oneshot::Sender<Result<Head, SqlError>>, rows: mpsc::Sender<Row>) {
        let clock = Arc::clone(&self.shared.parts.clock);
        let tasks = self.shared.parts.tasks.clone();
        let (deadline, begun) = (self.deadline, clock.now());
        let mut head = Some(head);
        let ended = {
            let reading = Box::pin(self.read(&mut head, &rows));
            tokio::select! {
                biased;
                () = tasks.stopped() => Err(SqlError::Stopped),
                () = clock.sleep_until(deadline) => Err(late(deadline.as_micros() - begun.as_micros())),
                read = reading => read,
            }
        };
        // By now all that the query held is free again, however slowly its rows are taken.
        match (ended, head) {
            (Err(error), Some(head)) => {
                // Nobody may be waiting any more.
                let _gone = head.send(Err(error));
            }
            (Err(error), None) => {
                let _gone = rows.send(Row::Failed(error)).await;
            }
            (Ok(()), _) => {
                let _gone = rows.send(Row::End).await;
            }
        }
    }

    async fn read(
        self,
        head: &mut Option<oneshot::Sender<Result<Head, SqlError>>>,
        rows: &mpsc::Sender<Row>,
    ) -> Result<(), SqlError> {
        let planned = self
            .shared
            .plan(&self.call, &self.sql, self.parameters)
            .await?;
        let physical = planned.state.create_physical_plan(&planned.plan).await?;
        let context = planned.state.task_ctx();
        let mut stream: SendableRecordBatchStream = execute_stream(physical, context)?;
        let known = Head {
            schema: stream.schema(),
            history_until: planned.moment.until,
        };
        let told = head.take().map(|head| head.send(Ok(known)));
        if !matches!(told, Some(Ok(()))) {
            return Ok(());
        }
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            if batch.num_rows() > 0 && rows.send(Row::Batch(batch)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn late(micros: i64) -> SqlError {
    let seconds = micros.max(0) / 1_000_000;
    SqlError::Limit(format!(
        "the query took longer than the {seconds} s it has: ask for less, or of a shorter time"
    ))
}
