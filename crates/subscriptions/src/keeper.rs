//! Where subscriptions are kept: docs of the store, read into memory at the start.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{Name, Tenant};
use broker::Contexts;
use parking_lot::RwLock;
use ports::{Clock, Entropy, Store};
use tokio::sync::watch;

use crate::error::SubscriptionError;
use crate::model::{Kind, Subscription};

/// Updates remembered for those who follow; who is further behind reads everything anew.
const UPDATES_MAX: usize = 65_536;

/// What a keeper is made of.
#[derive(Debug, Clone)]
pub struct KeeperParts {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// The @contexts that they are said in.
    pub contexts: Arc<Contexts>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub entropy: Arc<dyn Entropy>,
}

/// Subscriptions of one kind, of all tenants.
#[derive(Debug)]
pub struct Keeper {
    parts: KeeperParts,
    kind: Kind,
    lists: RwLock<Lists>,
    version: watch::Sender<u64>,
}

/// What is in memory.
#[derive(Debug, Default)]
struct Lists {
    by_tenant: BTreeMap<Tenant, BTreeMap<Name, Arc<Subscription>>>,
    /// The last updates; the newest has the number of the version.
    updates: VecDeque<Update>,
    version: u64,
}

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

impl Keeper {
    /// A subscription.
    pub fn get(&self, tenant: &Tenant, id: &str) -> Result<Arc<Subscription>, SubscriptionError> {
        let lists = self.lists.read();
        let found = lists.by_tenant.get(tenant).and_then(|list| list.get(id));
        let unknown = || SubscriptionError::Unknown(id.chars().take(200).collect());
        found.cloned().ok_or_else(unknown)
    }

    /// All subscriptions of a tenant, by id.
    pub fn all(&self, tenant: &Tenant) -> Vec<Arc<Subscription>> {
        let lists = self.lists.read();
        let list = lists.by_tenant.get(tenant);
        list.into_iter()
            .flat_map(|list| list.values().cloned())
            .collect()
    }

    /// The subscriptions of every tenant, and the version at which they are these: follow it with
    /// [`Keeper::since`].
    pub fn everything(&self) -> (u64, Vec<(Tenant, Arc<Subscription>)>) {
        let lists = self.lists.read();
        let of = |(tenant, list): (&Tenant, &BTreeMap<Name, Arc<Subscription>>)| {
            let tenant = tenant.clone();
            let each = list.values().cloned();
            each.map(move |one| (tenant.clone(), one))
                .collect::<Vec<_>>()
        };
        (lists.version, lists.by_tenant.iter().flat_map(of).collect())
    }

    /// The updates after a version, oldest first, and the version that they lead to. `None`: they
    /// are not remembered so far back; begin with [`Keeper::everything`].
    pub fn since(&self, version: u64) -> Option<(u64, Vec<Update>)> {
        let lists = self.lists.read();
        let behind = usize::try_from(lists.version.checked_sub(version)?).ok()?;
        let start = lists.updates.len().checked_sub(behind)?;
        Some((
            lists.version,
            lists.updates.iter().skip(start).cloned().collect(),
        ))
    }

    /// Tells of every new version.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What the subscriptions are about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Puts an update into memory and tells those who follow.
    fn tell(&self, update: Update) {
        let version = {
            let mut lists = self.lists.write();
            let list = lists.by_tenant.entry(update.tenant.clone()).or_default();
            match &update.now {
                Some(now) => list.insert(update.id.clone(), Arc::clone(now)),
                None => list.remove(&update.id),
            };
            if lists.updates.len() >= UPDATES_MAX {
                lists.updates.pop_front();
            }
            lists.updates.push_back(update);
            lists.version += 1;
            lists.version
        };
        self.version.send_replace(version);
    }
}
