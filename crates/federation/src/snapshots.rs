//! Snapshots: frozen copies of the answers to some questions, which are read, and played with, as
//! the city itself is [CIM-009 §4.3.7, §5.2.41, §5.5.15, §5.16].
//!
//! A snapshot is a world of its own: a tenant that no request can name, so that every operation on
//! it is the ordinary one. A node has a fixed number of such worlds. One is cleared before another
//! snapshot gets it. What is said of a snapshot is a doc of the tenant that it was made in.

mod error;
mod fill;
mod kept;
mod said;
mod tell;
mod world;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use base::{Name, Tenant, Time};
use ngsi::query::QExpr;
use parking_lot::Mutex;
use ports::{Store, StoreError};
use serde_json::{Map, Value};
use trust::Call;

use crate::forward::Route;
use crate::read::Question;
use crate::{Gateway, Parts};

pub use error::SnapshotError;
pub use said::{Said, Status, speaks_of_snapshots};

/// Worlds of a node, those that are being cleared included: the store keeps every tenant's indexes.
const WORLDS_MAX: usize = 64;
/// Entities of one snapshot.
pub const ENTITIES_MAX: usize = 100_000;
/// Bytes of the entities of one snapshot.
const BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of the entities of all snapshots of a node.
const BYTES_IN_ALL_MAX: usize = 1024 * 1024 * 1024;
/// Microseconds between two looks at what has ended.
const LOOK_EVERY_MICROS: i64 = 2_000_000;

/// What a snapshot keeps of an entity that a question found; `None`: nothing.
pub type Shape = Box<dyn Fn(Arc<ngsi::Entity>) -> Option<Arc<ngsi::Entity>> + Send + Sync>;

/// A question whose answer is to be frozen.
pub struct Frozen {
    /// What is asked.
    pub question: Question,
    /// What is kept of each entity.
    pub shape: Shape,
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frozen")
            .field("question", &self.question)
            .finish_non_exhaustive()
    }
}

/// One snapshot.
#[derive(Debug)]
pub struct Snapshot {
    /// Its URI.
    pub id: Name,
    /// In whose world it was made.
    pub tenant: Tenant,
    /// Its own world.
    world: usize,
    said: Mutex<Said>,
}

impl Snapshot {
    /// What is said of it.
    pub fn said(&self) -> Said {
        self.said.lock().clone()
    }

    /// As JSON [CIM-009 §5.2.41].
    pub fn to_json(&self) -> Value {
        self.said.lock().to_json(&self.id)
    }
}

/// All snapshots of a node.
#[derive(Debug)]
pub struct Snapshots {
    parts: Parts,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    all: HashMap<(Tenant, Name), Arc<Snapshot>>,
    /// Worlds that are free.
    free: BTreeSet<usize>,
}

impl Snapshots {
    /// Reads those that are kept, and clears the worlds that nobody owns.
    pub(crate) async fn load(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let snapshots = Arc::new(Self {
            parts,
            state: Mutex::default(),
        });
        let store = snapshots.store();
        let tenants = store.tenants().await?;
        let mut taken = BTreeSet::new();
        for tenant in tenants.iter().filter(|tenant| !tenant.is_hidden()) {
            for snapshot in kept::all(store, tenant).await? {
                taken.insert(snapshot.world);
                snapshots.lend(&snapshot);
                let key = (tenant.clone(), snapshot.id.clone());
                snapshots.state.lock().all.insert(key, Arc::new(snapshot));
            }
        }
        for world in (0..WORLDS_MAX).filter(|world| !taken.contains(world)) {
            if tenants.contains(&world::tenant(world)) {
                snapshots.clear_later(world);
            } else {
                snapshots.state.lock().free.insert(world);
            }
        }
        snapshots.look_after();
        Ok(snapshots)
    }

    fn store(&self) -> &dyn Store {
        &**self.parts.broker.store()
    }

    fn now(&self) -> Time {
        self.parts.clock.now()
    }

    /// Lets the world of a snapshot use the @contexts of its owner.
    fn lend(&self, snapshot: &Snapshot) {
        let world = world::tenant(snapshot.world);
        self.parts.contexts.lend(&world, &snapshot.tenant);
    }

    /// A snapshot that has not ended [CIM-009 §5.16.3].
    pub fn get(&self, tenant: &Tenant, id: &Name) -> Result<Arc<Snapshot>, SnapshotError> {
        let key = (tenant.clone(), id.clone());
        let found = self.state.lock().all.get(&key).cloned();
        found
            .filter(|snapshot| snapshot.said.lock().expires_at > self.now())
            .ok_or_else(|| SnapshotError::Unknown { id: id.clone() })
    }

    /// The world in which an operation on a snapshot is done, which is a use of it
    /// [CIM-009 §6.3.22].
    pub fn enter(&self, tenant: &Tenant, id: &Name) -> Result<Tenant, SnapshotError> {
        let snapshot = self.get(tenant, id)?;
        let mut said = snapshot.said.lock();
        if said.status == Status::Preparing {
            return Err(SnapshotError::Preparing { id: id.clone() });
        }
        said.last_used_at = self.now();
        Ok(world::tenant(snapshot.world))
    }

    /// Begins a snapshot of the answers to questions; they are asked while the caller goes on
    /// [CIM-009 §5.16.1].
    pub async fn create(
        self: &Arc<Self>,
        gateway: &Arc<Gateway>,
        (call, route): (&Call, Route),
        (id, said): (Option<Name>, Said),
        questions: Vec<Frozen>,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        let snapshot = self.begin(&call.tenant, id, said).await?;
        let (made, call) = (Arc::clone(&snapshot), call.clone());
        let (snapshots, gateway) = (Arc::clone(self), Arc::clone(gateway));
        self.parts.tasks.spawn("snapshot", async move {
            let asked = (&*gateway, &call, &route);
            let filled = snapshots.fill(asked, &made, questions).await;
            snapshots.finish(&made, filled).await;
        });
        Ok(snapshot)
    }

    /// Begins a snapshot with all that another holds [CIM-009 §5.16.2].
    pub async fn copy(
        self: &Arc<Self>,
        from: &Arc<Snapshot>,
        id: Option<Name>,
        said: Said,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        if from.said.lock().status == Status::Preparing {
            return Err(SnapshotError::Preparing {
                id: from.id.clone(),
            });
        }
        let snapshot = self.begin(&from.tenant, id, said).await?;
        let (made, from) = (Arc::clone(&snapshot), Arc::clone(from));
        let snapshots = Arc::clone(self);
        self.parts.tasks.spawn("snapshot", async move {
            let filled = snapshots.fill_from(&from, &made).await;
            snapshots.finish(&made, filled).await;
        });
        Ok(snapshot)
    }

    /// Changes what may be changed of a snapshot [CIM-009 §5.16.4].
    pub async fn update(
        &self,
        tenant: &Tenant,
        id: &Name,
        members: &Map<String, Value>,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        let snapshot = self.get(tenant, id)?;
        {
            let mut said = snapshot.said.lock();
            let mut changed = said.clone();
            changed.change(members)?;
            changed.settle(self.now());
            *said = changed;
        }
        kept::put(self.store(), &snapshot, self.now()).await?;
        Ok(snapshot)
    }

    /// Deletes a snapshot with all that it holds [CIM-009 §5.16.5].
    pub async fn delete(self: &Arc<Self>, tenant: &Tenant, id: &Name) -> Result<(), SnapshotError> {
        let snapshot = self.get(tenant, id)?;
        self.end(&snapshot).await
    }

    /// Deletes the snapshots of a tenant that match [CIM-009 §5.16.7].
    pub async fn purge(self: &Arc<Self>, tenant: &Tenant, q: &QExpr) -> Result<(), SnapshotError> {
        let now = self.now();
        let of_tenant: Vec<_> = {
            let state = self.state.lock();
            let all = state.all.values();
            all.filter(|s| s.tenant == *tenant).cloned().collect()
        };
        for snapshot in of_tenant {
            let entity = snapshot.said.lock().as_entity(&snapshot.id);
            if q.holds(&entity, now, &|_| None) {
                self.end(&snapshot).await?;
            }
        }
        Ok(())
    }

    /// Takes a world for a new snapshot, and writes down that it is being made.
    async fn begin(
        &self,
        tenant: &Tenant,
        id: Option<Name>,
        said: Said,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        let id = id.unwrap_or_else(|| self.new_id());
        if self.get(tenant, &id).is_ok() {
            return Err(SnapshotError::Exists { id });
        }
        let world = self.take_world(said.priority).await?;
        let snapshot = Arc::new(Snapshot {
            id: id.clone(),
            tenant: tenant.clone(),
            world,
            said: Mutex::new(said),
        });
        let kept = async {
            world::mark(self.store(), world, self.now()).await?;
            kept::put(self.store(), &snapshot, self.now()).await
        };
        if let Err(error) = kept.await {
            self.state.lock().free.insert(world);
            return Err(error.into());
        }
        self.lend(&snapshot);
        let key = (tenant.clone(), id);
        self.state.lock().all.insert(key, Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn new_id(&self) -> Name {
        let mut random = [0_u8; 16];
        self.parts.entropy.fill(&mut random);
        let number = u128::from_be_bytes(random);
        Name::from(format!("urn:ngsi-ld:Snapshot:{number:032x}"))
    }

    /// A free world. When there is none, the snapshot of the lowest priority below the new one's
    /// gives way; of several the one that was not used for longest [CIM-009 §5.5.15].
    async fn take_world(&self, priority: u8) -> Result<usize, SnapshotError> {
        if let Some(world) = self.state.lock().free.pop_first() {
            return Ok(world);
        }
        let least = {
            let state = self.state.lock();
            let order = |s: &&Arc<Snapshot>| {
                let said = s.said.lock();
                (said.priority, said.last_used_at)
            };
            let least = state.all.values().min_by_key(order).cloned();
            least.filter(|s| s.said.lock().priority < priority)
        };
        if let Some(least) = least {
            tracing::warn!(id = %least.id, "a snapshot gives way to one of higher priority");
            self.forget(&least).await?;
            world::clear(self.store(), least.world, self.now()).await?;
            return Ok(least.world);
        }
        Err(SnapshotError::Full { max: WORLDS_MAX })
    }

    /// Forgets a snapshot and clears its world.
    async fn end(self: &Arc<Self>, snapshot: &Arc<Snapshot>) -> Result<(), SnapshotError> {
        self.forget(snapshot).await?;
        self.clear_later(snapshot.world);
        Ok(())
    }

    async fn forget(&self, snapshot: &Arc<Snapshot>) -> Result<(), SnapshotError> {
        kept::delete(self.store(), snapshot, self.now()).await?;
        let key = (snapshot.tenant.clone(), snapshot.id.clone());
        self.state.lock().all.remove(&key);
        Ok(())
    }

    fn clear_later(self: &Arc<Self>, world: usize) {
        let snapshots = Arc::clone(self);
        self.parts.tasks.spawn("snapshot", async move {
            match world::clear(snapshots.store(), world, snapshots.now()).await {
                Ok(()) => {
                    snapshots.state.lock().free.insert(world);
                }
                // It is cleared when the node starts again.
                Err(error) => {
                    tracing::warn!(%error, world, "the world of a snapshot was not cleared");
                }
            }
        });
    }

    /// Ends the snapshots whose time has come, until the node stops.
    fn look_after(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        let (clock, tasks) = (Arc::clone(&self.parts.clock), self.parts.tasks.clone());
        self.parts.tasks.spawn("snapshots", async move {
            loop {
                let next = clock.now().plus_micros(LOOK_EVERY_MICROS);
                tokio::select! {
                    biased;
                    () = tasks.stopped() => return,
                    () = clock.sleep_until(next) => {}
                }
                let Some(snapshots) = weak.upgrade() else {
                    return;
                };
                snapshots.end_those_due().await;
            }
        });
    }

    async fn end_those_due(self: &Arc<Self>) {
        let now = self.now();
        let due: Vec<_> = {
            let state = self.state.lock();
            let is_due = |s: &&Arc<Snapshot>| {
                let said = s.said.lock();
                said.expires_at <= now && said.status != Status::Preparing
            };
            state.all.values().filter(is_due).cloned().collect()
        };
        for snapshot in due {
            if let Err(error) = self.end(&snapshot).await {
                tracing::warn!(%error, id = %snapshot.id, "a snapshot that has ended was not deleted");
            }
        }
    }

    /// Bytes of all snapshots.
    fn bytes_in_all(&self) -> usize {
        let state = self.state.lock();
        state.all.values().map(|s| s.said.lock().bytes).sum()
    }

    /// Writes down how the filling of a snapshot went, and tells who wanted to know. One that was
    /// deleted meanwhile leaves nothing behind.
    async fn finish(self: &Arc<Self>, snapshot: &Arc<Snapshot>, filled: fill::Filled) {
        let is_kept = self
            .state
            .lock()
            .all
            .contains_key(&(snapshot.tenant.clone(), snapshot.id.clone()));
        if !is_kept {
            return self.clear_later(snapshot.world);
        }
        {
            let mut said = snapshot.said.lock();
            said.status = filled.status();
            said.bytes = filled.bytes;
            said.entities = filled.entities;
            said.details = filled.details;
        }
        if let Err(error) = kept::put(self.store(), snapshot, self.now()).await {
            tracing::warn!(%error, id = %snapshot.id, "the state of a snapshot was not written down");
        }
        self.tell(snapshot).await;
    }
}

/// Entities by id, parts of one entity put together.
type Entities = BTreeMap<Name, Arc<ngsi::Entity>>;

#[cfg(test)]
mod tests;
