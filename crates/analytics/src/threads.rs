//! The threads that queries run on: their own, so that a query that counts for minutes does not
//! keep the node from answering and writing.

use std::fmt;
use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::SqlError;

/// Bytes of the stack of a thread: a query as deep as one may be is walked by recursion. Only what is
/// used of it takes memory.
const STACK_BYTES: usize = 128 << 20;

/// The threads of all queries; whoever drops them ends what runs on them.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    /// So many threads.
    pub(crate) fn start(count: usize) -> Result<Self, SqlError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(count.max(1))
            .thread_name("query")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| SqlError::Engine(format!("threads for queries: {error}")))?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a task that ends when its handle is dropped.
    pub(crate) fn spawn<F>(&self, task: F) -> Option<Running>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Some(Running(self.0.as_ref()?.spawn(task)))
    }

    /// Runs a task, and returns what comes of it.
    pub(crate) async fn run<F, T>(&self, task: F) -> Result<T, SqlError>
    where
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
        T: Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let _until_it_ends = self.spawn(async move {
            // Nobody may be waiting any more.
            let _gone = tell.send(task.await).is_ok();
        });
        told.await.map_err(|_ended| SqlError::broke_off())?
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Threads")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that waits for its tasks must not be dropped where one may not block.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
