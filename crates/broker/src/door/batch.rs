//! A round of decisions that becomes one batch: what an earlier command of the round made of an
//! entity is what a later one finds.

mod history;

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Tenant, Time};
use ngsi::temporal::{HistoryEdit, scope};
use ngsi::{Delta, Entity};
use ports::{Act, Around, Batch, EntityChange, Expect, Store, StoreError};

use crate::command::{Command, Done};
use crate::decide::{self, Next};
use crate::error::BrokerError;

/// Decisions under way.
pub(crate) struct Round<'a> {
    tenant: &'a Tenant,
    store: &'a dyn Store,
    now: Time,
    acts: Vec<Act>,
    /// Entities as this round has made them.
    made: HashMap<Name, Option<Arc<Entity>>>,
}

/// An entity as a command finds it, and what its write must expect.
struct Found {
    entity: Option<Arc<Entity>>,
    expect: Expect,
    /// The scope that the entity has, even if it has expired.
    scope: Vec<Name>,
}

impl<'a> Round<'a> {
    pub(crate) fn new(tenant: &'a Tenant, store: &'a dyn Store, now: Time) -> Self {
        Self {
            tenant,
            store,
            now,
            acts: Vec::new(),
            made: HashMap::new(),
        }
    }

    /// What was decided, if it changes anything.
    pub(crate) fn into_batch(self) -> Option<Batch> {
        (!self.acts.is_empty()).then(|| Batch {
            tenant: self.tenant.clone(),
            time: self.now,
            acts: self.acts,
            cursor: None,
        })
    }

    /// Decides one command. The outer error is the store's and ends the round.
    pub(crate) async fn decide(
        &mut self,
        command: Command,
    ) -> Result<Result<Done, BrokerError>, StoreError> {
        let Some(id) = command.id().cloned() else {
            return Ok(Err(BrokerError::EntityUnknown { id: Name::from("") }));
        };
        match command {
            Command::AddHistory {
                fragment,
                must_exist,
            } => self.add_history(id, fragment, must_exist).await,
            Command::EditHistory { edit, .. } => self.edit_history(id, edit).await,
            Command::UpdateInstance {
                instance,
                attribute,
                ..
            } => self.update_instance(id, instance, attribute).await,
            command => {
                let found = self
                    .find(&id, matches!(command, Command::Sweep { .. }))
                    .await?;
                let decided = decide::decide(command, found.entity.as_deref(), self.now);
                Ok(decided.map(|(next, done)| {
                    self.write(id, found, next);
                    done
                }))
            }
        }
    }

    /// The entity as it is for a command: what has expired is not there, but for a sweep.
    async fn find(&self, id: &Name, even_expired: bool) -> Result<Found, StoreError> {
        if let Some(made) = self.made.get(id) {
            return Ok(Found {
                entity: made.clone(),
                expect: Expect::Any,
                scope: made.as_ref().map(|e| e.scope.clone()).unwrap_or_default(),
            });
        }
        let Some(versioned) = self.store.read(self.tenant, id).await? else {
            return Ok(Found {
                entity: None,
                expect: Expect::Absent,
                scope: Vec::new(),
            });
        };
        let expect = Expect::At(versioned.seq);
        let expired = versioned.entity.is_expired(self.now) && !even_expired;
        let scope = versioned.entity.scope.clone();
        Ok(Found {
            entity: (!expired).then_some(versioned.entity),
            expect,
            scope,
        })
    }

    /// Writes what was decided, and into history what that makes of the scope [CIM-009 §4.5.6].
    fn write(&mut self, id: Name, found: Found, next: Next) {
        let after = match &next {
            Next::Same => return,
            Next::Put(entity) | Next::Changed(entity) => entity.scope.as_slice(),
            Next::Gone => &[],
        };
        let change = (*found.scope != *after).then(|| HistoryEdit::Add {
            types: Vec::new(),
            scope: Vec::new(),
            instances: vec![scope::instance(after, self.now)],
        });
        let change = change.map(|edit| Act::History {
            id: id.clone(),
            edit,
        });
        // The end of an entity must be the last that its history hears.
        let (before, after) = if matches!(next, Next::Gone) {
            (change, None)
        } else {
            (None, change)
        };
        self.acts.extend(before);
        self.put(id, found, next);
        self.acts.extend(after);
    }

    fn put(&mut self, id: Name, found: Found, next: Next) {
        let (change, entity) = match next {
            Next::Same => return,
            Next::Put(entity) => {
                let entity = Arc::new(entity);
                (EntityChange::Put(Arc::clone(&entity)), Some(entity))
            }
            Next::Changed(entity) => {
                let after = Arc::new(entity);
                let change = match &found.entity {
                    Some(before) => EntityChange::Patch {
                        delta: Delta::between(before, &after),
                    },
                    None => EntityChange::Put(Arc::clone(&after)),
                };
                (change, Some(after))
            }
            Next::Gone => {
                let types = found.entity.as_ref();
                let types = types.map(|e| e.types.clone()).unwrap_or_default();
                (
                    EntityChange::Delete {
                        at: self.now,
                        types,
                    },
                    None,
                )
            }
        };
        let around = Around {
            before: found.entity,
            after: entity.clone(),
        };
        self.made.insert(id.clone(), entity);
        self.acts.push(Act::Entity {
            id,
            expect: found.expect,
            change,
            around,
        });
    }
}
