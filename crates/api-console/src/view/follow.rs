//! Following the log: the view reads all there is once, and then every change.

use std::sync::Arc;

use base::{Seq, Tasks, Tenant};
use broker::Broker;
use ngsi::Query;
use parking_lot::RwLock;
use ports::{Change, EntityChange, Fact, StoreError};

use super::{Taken, View};

/// Entities and changes that are read at once.
const PAGE: usize = 1_000;
/// How long to wait when the store does not answer, in microseconds.
const RETRY_MICROS: i64 = 1_000_000;

/// Keeps a view in step with the log.
#[derive(Debug)]
pub(crate) struct Follower {
    broker: Arc<Broker>,
    view: Arc<RwLock<View>>,
    tenant: Tenant,
}

impl Follower {
    /// Starts to follow; ends with `tasks`.
    pub(crate) fn start(
        broker: Arc<Broker>,
        clock: Arc<dyn ports::Clock>,
        view: Arc<RwLock<View>>,
        tasks: &Tasks,
    ) {
        let follower = Self {
            broker,
            view,
            tenant: Tenant::default_tenant(),
        };
        let stop = tasks.clone();
        tasks.spawn("console-view", async move {
            let run = async {
                loop {
                    if let Err(error) = follower.run().await {
                        tracing::warn!(%error, "the map cannot read the store; it tries again");
                    }
                    let later = clock.now().plus_micros(RETRY_MICROS);
                    clock.sleep_until(later).await;
                }
            };
            tokio::select! {
                biased;
                () = stop.stopped() => {}
                () = run => {}
            }
        });
    }

    /// Reads and follows until the store fails.
    async fn run(&self) -> Result<(), StoreError> {
        let is_complete = self.view.read().is_complete;
        if !is_complete {
            self.read_all().await?;
        }
        let store = self.broker.store();
        loop {
            let after = Seq(self.view.read().seq);
            let changes = store.changes(after, PAGE).await?;
            if changes.is_empty() {
                store.beyond(after).await?;
                continue;
            }
            for change in &changes {
                self.take(change).await?;
            }
        }
    }

    async fn read_all(&self) -> Result<(), StoreError> {
        let store = self.broker.store();
        let head = store.head();
        {
            let mut view = self.view.write();
            *view = View::default();
            view.recent.begin(head.0);
            view.seq = head.0;
        }
        let mut after = None;
        loop {
            let query = Query {
                now: self.broker.now(),
                ..Query::default()
            };
            let page = store
                .find(&self.tenant, &query, after.as_deref(), PAGE)
                .await?;
            let mut view = self.view.write();
            for found in &page {
                let entity = &found.entity;
                // What is newer than the beginning comes again by the log.
                let seq = found.seq.0.min(head.0);
                view.put(entity, seq, entity.modified_at);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.entity.id.clone()),
                _ => break,
            }
        }
        self.view.write().is_complete = true;
        Ok(())
    }

    /// Takes in one change.
    async fn take(&self, change: &Change) -> Result<(), StoreError> {
        let seq = change.seq.0;
        let again = match &change.fact {
            Fact::Entity {
                id, change: what, ..
            } if change.tenant == self.tenant => {
                let mut view = self.view.write();
                let taken = match what {
                    EntityChange::Put(entity) => {
                        view.put(entity, seq, change.time);
                        Taken::Done
                    }
                    EntityChange::Patch { delta, .. } => view.patch(id, delta, seq, change.time),
                    EntityChange::Delete { .. } => {
                        view.remove(id, seq);
                        Taken::Done
                    }
                };
                (taken == Taken::ReadAgain).then_some(id)
            }
            _ => None,
        };
        if let Some(id) = again {
            let found = self.broker.store().read(&self.tenant, id).await?;
            let mut view = self.view.write();
            match found {
                // It may be newer than this change; then the changes between come again and
                // lead to the same.
                Some(found) => view.put(&found.entity, seq, change.time),
                None => view.remove(id, seq),
            }
        }
        self.view.write().seq = seq;
        Ok(())
    }
}
