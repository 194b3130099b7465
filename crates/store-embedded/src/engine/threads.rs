//! The store's two threads. They are plain threads because they block on the disk; this is the
//! one place that starts any, and the store joins them when it is closed or dropped.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::Shared;
use super::committer::Committer;
use crate::error::Error;
use crate::log::Log;

/// Starts the committer and the checkpointer.
pub(super) fn start(shared: &Arc<Shared>, log: Log) -> Result<Vec<JoinHandle<()>>, Error> {
    let committer = Committer::new(Arc::clone(shared), log);
    let committer = spawn(shared, "chorsu-commit", move || committer.run())?;
    let checkpoints = Arc::clone(shared);
    let checkpointer = spawn(shared, "chorsu-checkpoint", move || {
        checkpoints.run_checkpoints();
    });
    match checkpointer {
        Ok(checkpointer) => Ok(vec![committer, checkpointer]),
        Err(error) => {
            shared.queue.close();
            Err(error)
        }
    }
}

fn spawn(
    shared: &Shared,
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let started = Builder::new().name(name.to_owned()).spawn(run);
    started.map_err(Error::io("start a thread for", &shared.folder.dir))
}
