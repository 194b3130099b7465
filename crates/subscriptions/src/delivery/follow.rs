//! The subscriptions as delivery sees them: which are there, and which are no more.

use std::sync::Arc;

use base::{Name, Tenant};
use hashbrown::HashSet;

use crate::keeper::Keeper;

use super::Outbox;

impl Outbox {
    /// Follows a keeper: what waits for a subscription goes where it says now, and what waits for
    /// one that is no more is dropped.
    pub fn follow(self: &Arc<Self>, keeper: &Arc<Keeper>) {
        let mut versions = keeper.versions();
        let mut version = self.begin(keeper);
        let (outbox, keeper) = (Arc::clone(self), Arc::clone(keeper));
        self.means.tasks.spawn("endpoints", async move {
            loop {
                tokio::select! {
                    biased;
                    () = outbox.means.tasks.stopped() => return,
                    changed = versions.changed() => if changed.is_err() {
                        return;
                    },
                }
                let Some((newer, updates)) = keeper.since(version) else {
                    version = outbox.begin(&keeper);
                    continue;
                };
                version = newer;
                for update in updates {
                    match &update.now {
                        Some(now) => outbox.introduce(&update.tenant, now),
                        None => outbox.forget(&update.tenant, keeper.kind(), &update.id),
                    }
                }
            }
        });
    }

    fn begin(self: &Arc<Self>, keeper: &Keeper) -> u64 {
        let (version, all) = keeper.everything();
        let mut there: HashSet<(Tenant, Name)> = HashSet::with_capacity(all.len());
        for (tenant, subscription) in all {
            self.introduce(&tenant, &subscription);
            there.insert((tenant, subscription.id.clone()));
        }
        let lanes = self.lanes.read();
        let keys = lanes.keys().filter(|key| key.kind == keeper.kind());
        let gone = keys.filter(|key| !there.contains(&(key.tenant.clone(), key.id.clone())));
        let gone: Vec<_> = gone.cloned().collect();
        drop(lanes);
        for key in gone {
            self.forget(&key.tenant, key.kind, &key.id);
        }
        version
    }
}
