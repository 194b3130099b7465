//! The registrations of a node, and which of them concern an operation [CIM-009 §5.9, §5.12].

mod conflict;
pub(crate) mod discovery;
mod kept;
mod matching;
mod world;

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Tenant, Time};
use broker::Broker;
use jsonld::Context;
use parking_lot::RwLock;
use ports::{Entropy, Store, StoreError};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::registration::{REGISTRATIONS_MAX, Registration, RegistrationError};
use world::World;

pub use discovery::Discovery;
pub use matching::{Match, Wanted};

/// The registrations of a node.
#[derive(Debug)]
pub struct Registry {
    broker: Arc<Broker>,
    entropy: Arc<dyn Entropy>,
    worlds: RwLock<HashMap<Tenant, World>>,
    /// One write at a time, so that what does not conflict when it is checked does not when it is
    /// kept, and changes are told in their order.
    writing: tokio::sync::Mutex<()>,
    /// Who is told of changes; nobody, once the node stops.
    changes: mpsc::Sender<(Tenant, RegistryChange)>,
    /// Grows with every change.
    version: watch::Sender<u64>,
}

/// What became of a registration.
#[derive(Debug, Clone)]
pub struct RegistryChange {
    /// What it was; `None`: it was not there.
    pub before: Option<Arc<Registration>>,
    /// What it is; `None`: it is gone.
    pub after: Option<Arc<Registration>>,
}

impl Registry {
    /// Reads what is kept. Every change is told through `changes`.
    pub async fn load(
        broker: Arc<Broker>,
        entropy: Arc<dyn Entropy>,
        changes: mpsc::Sender<(Tenant, RegistryChange)>,
    ) -> Result<Self, StoreError> {
        let mut worlds = HashMap::new();
        for tenant in broker.store().tenants().await? {
            let mut world = World::default();
            for registration in kept::all(&**broker.store(), &tenant).await? {
                world.put(Arc::new(registration));
            }
            if !world.is_empty() {
                worlds.insert(tenant, world);
            }
        }
        Ok(Self {
            broker,
            entropy,
            worlds: RwLock::new(worlds),
            writing: tokio::sync::Mutex::default(),
            changes,
            version: watch::Sender::new(0),
        })
    }

    fn store(&self) -> &dyn Store {
        &**self.broker.store()
    }

    fn now(&self) -> Time {
        self.broker.now()
    }

    /// The sources that an operation concerns: those that may be asked for it, have some of what it
    /// wants and have not expired; by id of the registration.
    pub fn matching(&self, tenant: &Tenant, wanted: &Wanted<'_>) -> Vec<Match> {
        let now = self.now();
        let worlds = self.worlds.read();
        let found = worlds.get(tenant).map(|world| world.matching(wanted, now));
        found.unwrap_or_default()
    }

    /// The exclusive and redirect ones that have some of what is wanted, whether or not they may be
    /// asked for the operation ([`Match::is_allowed`]): what they have is not done here
    /// [CIM-009 §4.3.6.3].
    pub fn proxies(&self, tenant: &Tenant, wanted: &Wanted<'_>) -> Vec<Match> {
        let now = self.now();
        let worlds = self.worlds.read();
        let found = worlds.get(tenant).map(|world| world.covering(wanted, now));
        let mut found = found.unwrap_or_default();
        found.retain(|m| m.registration.mode.is_proxied());
        found
    }

    /// The sources that have some of what is wanted, whether or not they may be asked for the
    /// operation ([`Match::is_allowed`]); by id of the registration.
    pub fn covering(&self, tenant: &Tenant, wanted: &Wanted<'_>) -> Vec<Match> {
        let now = self.now();
        let worlds = self.worlds.read();
        let found = worlds.get(tenant).map(|world| world.covering(wanted, now));
        found.unwrap_or_default()
    }

    /// Whether a tenant has no registrations, so that nothing is ever asked elsewhere.
    pub fn is_empty(&self, tenant: &Tenant) -> bool {
        self.worlds.read().get(tenant).is_none_or(World::is_empty)
    }

    /// One registration [CIM-009 §5.10.1].
    pub fn get(&self, tenant: &Tenant, id: &str) -> Option<Arc<Registration>> {
        let found = self.worlds.read().get(tenant)?.get(id)?;
        (!found.is_expired(self.now())).then_some(found)
    }

    /// All that have not expired, by id.
    pub fn all(&self, tenant: &Tenant) -> Vec<Arc<Registration>> {
        let now = self.now();
        let worlds = self.worlds.read();
        let all = worlds.get(tenant).map(World::all);
        let all = all.into_iter().flatten();
        all.filter(|r| !r.is_expired(now)).cloned().collect()
    }

    /// Registers a source [CIM-009 §5.9.2].
    pub async fn create(
        &self,
        tenant: &Tenant,
        document: &Value,
        context: &Context,
    ) -> Result<Arc<Registration>, RegistrationError> {
        let mut random = [0_u8; 16];
        self.entropy.fill(&mut random);
        let random = u128::from_be_bytes(random);
        let id = Name::from(format!(
            "urn:ngsi-ld:ContextSourceRegistration:{random:032x}"
        ));
        let made = Registration::read(document, context, &id, self.now())?;
        let _one_at_a_time = self.writing.lock().await;
        let before = self.get(tenant, &made.id);
        if before.is_some() {
            return Err(RegistrationError::Exists { id: made.id });
        }
        self.must_have_room(tenant)?;
        let made = self.settle(tenant, made).await?;
        self.tell(tenant, None, Some(Arc::clone(&made))).await;
        Ok(made)
    }

    /// Changes a registration [CIM-009 §5.9.3].
    pub async fn update(
        &self,
        tenant: &Tenant,
        id: &str,
        fragment: &Value,
        context: &Context,
    ) -> Result<Arc<Registration>, RegistrationError> {
        let _one_at_a_time = self.writing.lock().await;
        let before = self.get(tenant, id).ok_or_else(|| unknown(id))?;
        let after = before.merged(fragment, context, self.now())?;
        let after = self.settle(tenant, after).await?;
        self.tell(tenant, Some(before), Some(Arc::clone(&after)))
            .await;
        Ok(after)
    }

    /// Takes a registration away [CIM-009 §5.9.4].
    pub async fn delete(&self, tenant: &Tenant, id: &str) -> Result<(), RegistrationError> {
        let _one_at_a_time = self.writing.lock().await;
        let before = self.get(tenant, id).ok_or_else(|| unknown(id))?;
        kept::put(self.store(), tenant, &before.id, None, self.now()).await?;
        if let Some(world) = self.worlds.write().get_mut(tenant) {
            world.remove(id);
        }
        self.tell(tenant, Some(before), None).await;
        Ok(())
    }

    /// Grows with every change.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Tells of a change. Nobody hears it in a node that stops.
    async fn tell(
        &self,
        tenant: &Tenant,
        before: Option<Arc<Registration>>,
        after: Option<Arc<Registration>>,
    ) {
        self.version.send_modify(|version| *version += 1);
        let change = RegistryChange { before, after };
        let told = self.changes.send((tenant.clone(), change)).await;
        if told.is_err() {
            tracing::debug!("nobody is told of a change of a registration: the node stops");
        }
    }

    /// Takes away what has expired, and says what: it is not told otherwise.
    pub async fn sweep(&self) -> Result<Vec<(Tenant, Arc<Registration>)>, RegistrationError> {
        let _one_at_a_time = self.writing.lock().await;
        let now = self.now();
        let expired: Vec<(Tenant, Arc<Registration>)> = {
            let worlds = self.worlds.read();
            let all = worlds
                .iter()
                .flat_map(|(tenant, world)| world.all().map(move |r| (tenant, r)));
            let expired = all.filter(|(_, r)| r.is_expired(now));
            expired.map(|(t, r)| (t.clone(), Arc::clone(r))).collect()
        };
        for (tenant, registration) in &expired {
            kept::put(self.store(), tenant, &registration.id, None, now).await?;
            if let Some(world) = self.worlds.write().get_mut(tenant) {
                world.remove(&registration.id);
            }
        }
        Ok(expired)
    }

    /// Keeps what conflicts with nothing.
    async fn settle(
        &self,
        tenant: &Tenant,
        made: Registration,
    ) -> Result<Arc<Registration>, RegistrationError> {
        self.must_not_conflict(tenant, &made).await?;
        kept::put(self.store(), tenant, &made.id, Some(&made), self.now()).await?;
        let made = Arc::new(made);
        let mut worlds = self.worlds.write();
        let world = worlds.entry(tenant.clone()).or_default();
        world.put(Arc::clone(&made));
        Ok(made)
    }

    async fn must_not_conflict(
        &self,
        tenant: &Tenant,
        made: &Registration,
    ) -> Result<(), RegistrationError> {
        let others = self.all(tenant);
        if let Some(other) = others.iter().find(|other| conflict::between(made, other)) {
            return Err(RegistrationError::Overlaps {
                with: other.id.clone(),
                mode: other.mode.word(),
            });
        }
        for query in conflict::local(made, self.now()) {
            let found = self.store().find(tenant, &query, None, 1).await?;
            if let Some(first) = found.first() {
                return Err(RegistrationError::KeptHere {
                    id: first.entity.id.clone(),
                });
            }
        }
        Ok(())
    }

    fn must_have_room(&self, tenant: &Tenant) -> Result<(), RegistrationError> {
        let worlds = self.worlds.read();
        let number = worlds.get(tenant).map_or(0, World::len);
        if number >= REGISTRATIONS_MAX {
            return Err(RegistrationError::Limit {
                max: REGISTRATIONS_MAX,
            });
        }
        Ok(())
    }
}

fn unknown(id: &str) -> RegistrationError {
    RegistrationError::Unknown {
        id: id.chars().take(128).collect(),
    }
}

#[cfg(test)]
mod tests;
