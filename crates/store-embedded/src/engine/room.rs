//! The rooms of the tenants: state and docs of each, behind locks of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Name, Tenant};
use parking_lot::RwLock;
use ports::Doc;

use crate::state::World;

/// Docs by kind and id.
pub(crate) type Docs = BTreeMap<Name, BTreeMap<Name, Doc>>;

/// What one tenant has.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) world: RwLock<World>,
    pub(crate) docs: RwLock<Docs>,
}

/// The rooms.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: RwLock<BTreeMap<Tenant, Arc<Room>>>,
}

impl Rooms {
    /// The room of a tenant, if it was ever written to.
    pub(crate) fn get(&self, tenant: &Tenant) -> Option<Arc<Room>> {
        self.rooms.read().get(tenant).cloned()
    }

    /// The room of a tenant, made if need be.
    pub(crate) fn of(&self, tenant: &Tenant) -> Arc<Room> {
        if let Some(room) = self.get(tenant) {
            return room;
        }
        Arc::clone(self.rooms.write().entry(tenant.clone()).or_default())
    }

    /// Puts a room in place while the store is being opened.
    pub(crate) fn put(&self, tenant: Tenant, room: Room) {
        self.rooms.write().insert(tenant, Arc::new(room));
    }

    /// How many rooms there are.
    pub(crate) fn len(&self) -> usize {
        self.rooms.read().len()
    }

    /// All rooms, by tenant.
    pub(crate) fn all(&self) -> Vec<(Tenant, Arc<Room>)> {
        self.rooms
            .read()
            .iter()
            .map(|(t, room)| (t.clone(), Arc::clone(room)))
            .collect()
    }
}
