//! The task that drives one query: from its text to its last row, or to why there is none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use trust::Call;

use crate::Options;
use crate::running::entry::Entry;
use crate::running::{Desk, Head, Outcome, QueryError, Wish};

/// A query that is driven.
pub(super) struct Drive {
    pub(super) desk: Arc<Desk>,
    pub(super) entry: Arc<Entry>,
    pub(super) call: Call,
    pub(super) wish: Wish,
    pub(super) out: mpsc::Sender<RecordBatch>,
}

/// Takes the query off the desk, whatever happens: a panic of the engine too.
struct Leaving {
    desk: Arc<Desk>,
    entry: Arc<Entry>,
    outcome: Option<Outcome>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        let outcome = outcome.unwrap_or_else(|| Outcome::Failed(QueryError::GivenUp.to_string()));
        self.desk.leave(&self.entry, outcome);
    }
}

impl Drive {
    pub(super) async fn run(self, begun: oneshot::Sender<Head>) {
        let mut leaving = Leaving {
            desk: Arc::clone(&self.desk),
            entry: Arc::clone(&self.entry),
            outcome: None,
        };
        // Held back: who waits for it is told the reason when it is dropped.
        let mut begun = Some(begun);
        let outcome = self.work(&mut begun).await;
        leaving.outcome = Some(match outcome {
            Ok(()) => Outcome::Done,
            Err(_) if self.entry.enough.load(Ordering::Relaxed) => Outcome::Done,
            Err(error) => {
                let outcome = match error {
                    QueryError::Cancelled => Outcome::Cancelled,
                    _ => Outcome::Failed(error.to_string()),
                };
                self.entry.fail(error);
                outcome
            }
        });
        // Before `begun` and `out`: whoever sees these end finds how it ended.
        drop(leaving);
        drop(begun);
    }

    async fn work(&self, begun: &mut Option<oneshot::Sender<Head>>) -> Result<(), QueryError> {
        let parts = &self.desk.parts;
        let micros = self.wish.micros_max.unwrap_or(i64::MAX);
        let micros = micros.min(parts.micros_max);
        let deadline = parts.clock.now().plus_micros(micros);
        tokio::select! {
            biased;
            () = self.entry.cancel.cancelled() => Err(QueryError::Cancelled),
            // Nobody reads any more.
            () = self.out.closed() => Err(QueryError::Cancelled),
            () = parts.tasks.stopped() => Err(crate::SqlError::Stopped.into()),
            () = parts.clock.sleep_until(deadline) => {
                Err(QueryError::TooSlow { seconds: micros / 1_000_000 })
            }
            worked = self.answer(begun, deadline, micros) => worked,
        }
    }

    async fn answer(
        &self,
        begun: &mut Option<oneshot::Sender<Head>>,
        deadline: base::Time,
        micros: i64,
    ) -> Result<(), QueryError> {
        let call = Call {
            deadline,
            ..self.call.clone()
        };
        let options = Options {
            parameters: self.wish.parameters.clone(),
            micros_max: Some(micros),
        };
        let engine = &self.desk.parts.engine;
        let mut answer = engine.query(&call, &self.entry.sql, options).await?;
        let head = Head {
            schema: Arc::clone(&answer.schema),
            history_until: answer.history_until,
        };
        let told = begun.take().is_some_and(|begun| begun.send(head).is_ok());
        if !told {
            return Err(QueryError::Cancelled);
        }
        let mut left = self.wish.rows_max.unwrap_or(u64::MAX);
        while let Some(batch) = answer.stream.next().await {
            let batch = batch?;
            let rows = batch.num_rows() as u64;
            if rows == 0 {
                continue;
            }
            if left == 0 {
                self.entry.truncated.store(true, Ordering::Relaxed);
                break;
            }
            let (batch, given) = cut(batch, left);
            if given < rows {
                self.entry.truncated.store(true, Ordering::Relaxed);
            }
            left -= given;
            self.entry.rows.fetch_add(given, Ordering::Relaxed);
            if self.out.send(batch).await.is_err() {
                return Err(QueryError::Cancelled);
            }
            if given < rows {
                break;
            }
        }
        Ok(())
    }
}

/// At most so many rows of a batch, and how many these are.
fn cut(batch: RecordBatch, rows_max: u64) -> (RecordBatch, u64) {
    let rows = batch.num_rows();
    let wanted = usize::try_from(rows_max).unwrap_or(usize::MAX);
    if wanted >= rows {
        return (batch, rows as u64);
    }
    (batch.slice(0, wanted), wanted as u64)
}
