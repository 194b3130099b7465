//! What is in memory: the subscriptions by tenant and id, and the last updates.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{Name, Seq, Tenant};

use crate::model::Subscription;

/// Updates remembered for those who follow; who is further behind reads everything anew.
const UPDATES_MAX: usize = 65_536;

/// A subscription was made, changed or deleted.
#[derive(Debug, Clone)]
pub struct Update {
    /// Whose world.
    pub tenant: Tenant,
    /// Which.
    pub id: Name,
    /// What it is now; `None`: deleted.
    pub now: Option<Arc<Subscription>>,
}

#[derive(Debug, Default)]
pub(super) struct Lists {
    by_tenant: BTreeMap<Tenant, BTreeMap<Name, Arc<Subscription>>>,
    /// The newest has the number of the version.
    updates: VecDeque<Update>,
    version: u64,
}

impl Lists {
    pub(super) fn get(&self, tenant: &Tenant, id: &str) -> Option<&Arc<Subscription>> {
        self.by_tenant.get(tenant)?.get(id)
    }

    pub(super) fn of(&self, tenant: &Tenant) -> impl Iterator<Item = &Arc<Subscription>> {
        let list = self.by_tenant.get(tenant);
        list.into_iter().flat_map(BTreeMap::values)
    }

    pub(super) fn count(&self, tenant: &Tenant) -> usize {
        self.by_tenant.get(tenant).map_or(0, BTreeMap::len)
    }

    pub(super) fn everything(&self) -> (u64, Vec<(Tenant, Arc<Subscription>)>) {
        let mut all = Vec::new();
        for (tenant, list) in &self.by_tenant {
            all.extend(list.values().map(|one| (tenant.clone(), Arc::clone(one))));
        }
        (self.version, all)
    }

    pub(super) fn since(&self, version: u64) -> Option<(u64, Vec<Update>)> {
        let behind = usize::try_from(self.version.checked_sub(version)?).ok()?;
        let start = self.updates.len().checked_sub(behind)?;
        let updates = self.updates.iter().skip(start).cloned();
        Some((self.version, updates.collect()))
    }

    /// Takes an update that was committed as `seq`, unless a later one of the same subscription
    /// was faster. Returns the new version.
    pub(super) fn tell(&mut self, update: Update, seq: Seq) -> Option<u64> {
        let list = self.by_tenant.entry(update.tenant.clone()).or_default();
        let known = list.get(&update.id).map(|known| known.revision);
        let is_late = match (&update.now, known) {
            (_, Some(revision)) => revision > seq,
            // A change of what was deleted meanwhile; what is made anew was never there.
            (Some(now), None) => now.since != seq,
            (None, None) => true,
        };
        if is_late {
            return None;
        }
        match &update.now {
            Some(now) => list.insert(update.id.clone(), Arc::clone(now)),
            None => list.remove(&update.id),
        };
        if self.updates.len() >= UPDATES_MAX {
            self.updates.pop_front();
        }
        self.updates.push_back(update);
        self.version += 1;
        Some(self.version)
    }

    /// Takes what was read from the store, unless it is known already.
    pub(super) fn load(&mut self, tenant: &Tenant, read: Arc<Subscription>) {
        let list = self.by_tenant.entry(tenant.clone()).or_default();
        if list.contains_key(&read.id) {
            return;
        }
        list.insert(read.id.clone(), Arc::clone(&read));
        if self.updates.len() >= UPDATES_MAX {
            self.updates.pop_front();
        }
        self.updates.push_back(Update {
            tenant: tenant.clone(),
            id: read.id.clone(),
            now: Some(read),
        });
        self.version += 1;
    }
}
