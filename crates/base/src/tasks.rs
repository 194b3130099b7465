//! Tasks: every task of the node is known, so that shutdown can wait for it.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of a node and the signal that asks them to end. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task; its name stands in the log when it ends by a panic.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let inner = self.tracker.track_future(task);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that spawns"
        )]
        let handle = tokio::spawn(inner);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that spawns"
        )]
        let _watcher = tokio::spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(
                    task = name,
                    "a task ended by a panic: this is a defect, please report it"
                );
            }
        });
    }

    /// Asks every task to end.
    pub fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Returns when the tasks were asked to end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the tasks were asked to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until every task has ended; call [`Tasks::stop`] first.
    pub async fn ended(&self) {
        self.tracker.wait().await;
    }
}
