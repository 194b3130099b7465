//! A round of decisions that becomes one batch: what an earlier command of the round made of an
//! entity is what a later one finds.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Tenant, Time};
use ngsi::parse::Fragment;
use ngsi::patch::Outcome;
use ngsi::temporal::{Bound, HistoryEdit, InstanceId, Span, TimeProperty};
use ngsi::{Attribute, AttributeValue, Delta, Entity};
use ports::{Act, Batch, EntityChange, Expect, Store, StoreError};

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
            });
        }
        let Some(versioned) = self.store.read(self.tenant, id).await? else {
            return Ok(Found {
                entity: None,
                expect: Expect::Absent,
            });
        };
        let expect = Expect::At(versioned.seq);
        let expired = versioned.entity.is_expired(self.now) && !even_expired;
        Ok(Found {
            entity: (!expired).then_some(versioned.entity),
            expect,
        })
    }

    fn write(&mut self, id: Name, found: Found, next: Next) {
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
                        after: Some(Arc::clone(&after)),
                    },
                    None => EntityChange::Put(Arc::clone(&after)),
                };
                (change, Some(after))
            }
            Next::Gone => {
                let types = found.entity.map(|e| e.types.clone()).unwrap_or_default();
                (
                    EntityChange::Delete {
                        at: self.now,
                        types,
                    },
                    None,
                )
            }
        };
        self.made.insert(id.clone(), entity);
        self.acts.push(Act::Entity {
            id,
            expect: found.expect,
            change,
        });
    }

    /// Adds instances to history; those that are newest become the current state.
    async fn add_history(
        &mut self,
        id: Name,
        mut fragment: Fragment,
        must_exist: bool,
    ) -> Result<Result<Done, BrokerError>, StoreError> {
        let known = self.knows_history_of(&id).await?;
        if must_exist && !known {
            return Ok(Err(BrokerError::EntityUnknown { id }));
        }
        let found = self.find(&id, false).await?;
        let all = fragment.attributes.len();
        if known {
            self.drop_known(&id, &mut fragment).await?;
        }
        let dropped = all > 0 && fragment.attributes.is_empty();
        let done = if known {
            Done::Changed(Outcome::default())
        } else {
            Done::Created
        };
        if dropped {
            return Ok(Ok(Done::Unchanged));
        }
        let entity = decide::current_after_history(found.entity.as_deref(), &fragment, self.now);
        let mut instances = fragment.attributes;
        if let Some(entity) = &entity {
            // What becomes current enters history by that.
            instances.retain(|i| {
                let now_current = entity.attribute(&i.name, i.dataset_id.as_deref());
                !now_current.is_some_and(|c| c.value == i.value && c.observed_at == i.observed_at)
            });
        }
        for instance in &mut instances {
            instance.stamp(self.now, self.now);
        }
        if !instances.is_empty() {
            let edit = HistoryEdit::Add {
                types: fragment.types,
                scope: fragment.scope.unwrap_or_default(),
                instances,
            };
            self.acts.push(Act::History {
                id: id.clone(),
                edit,
            });
        }
        if let Some(entity) = entity {
            self.write(id, found, Next::Changed(entity));
        }
        Ok(Ok(done))
    }

    /// Takes out instances that history has already: a second import adds nothing.
    async fn drop_known(&self, id: &str, fragment: &mut Fragment) -> Result<(), StoreError> {
        let observed = fragment.attributes.iter().filter_map(|a| a.observed_at);
        let (Some(first), Some(last)) = (observed.clone().min(), observed.max()) else {
            return Ok(());
        };
        let mut names: Vec<Name> = fragment.attributes.iter().map(|a| a.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let span = Span {
            attributes: Some(names),
            property: TimeProperty::ObservedAt,
            from: Some(Bound {
                time: first,
                inclusive: true,
            }),
            until: Some(Bound {
                time: last,
                inclusive: true,
            }),
            limit: usize::MAX,
            last: false,
        };
        let Some(evolution) = self.store.history(self.tenant, id, &span).await? else {
            return Ok(());
        };
        let mut known: HashMap<_, &Attribute> = HashMap::new();
        for series in &evolution.series {
            for instance in &series.instances {
                let attribute = &instance.attribute;
                known.insert(
                    (&series.name, &series.dataset_id, attribute.observed_at),
                    attribute,
                );
            }
        }
        fragment.attributes.retain(|new| {
            let key = (&new.name, &new.dataset_id, new.observed_at);
            new.observed_at.is_none()
                || !known
                    .get(&key)
                    .is_some_and(|old| old.value == new.value && old.unit_code == new.unit_code)
        });
        Ok(())
    }

    async fn knows_history_of(&self, id: &Name) -> Result<bool, StoreError> {
        if self.made.contains_key(id) {
            return Ok(true);
        }
        let none = Span {
            attributes: Some(Vec::new()),
            ..Span::all(0)
        };
        Ok(self.store.history(self.tenant, id, &none).await?.is_some())
    }

    async fn edit_history(
        &mut self,
        id: Name,
        edit: HistoryEdit,
    ) -> Result<Result<Done, BrokerError>, StoreError> {
        let (name, dataset, instance) = match &edit {
            HistoryEdit::RemoveAttribute { name, dataset_id } => (Some(name), dataset_id, None),
            HistoryEdit::RemoveInstance { name, instance } => (Some(name), &None, Some(*instance)),
            _ => (None, &None, None),
        };
        let span = Span {
            attributes: Some(name.into_iter().cloned().collect()),
            ..Span::all(usize::MAX)
        };
        let Some(evolution) = self.store.history(self.tenant, &id, &span).await? else {
            return Ok(Err(BrokerError::EntityUnknown { id }));
        };
        if let Some(name) = name {
            let there = evolution.series.iter().any(|series| {
                dataset.as_ref().is_none_or(|d| *d == series.dataset_id)
                    && instance.is_none_or(|i| series.instances.iter().any(|s| s.id == i))
            });
            if !there {
                return Ok(Err(BrokerError::AttributeUnknown {
                    id,
                    name: name.clone(),
                }));
            }
        }
        self.acts.push(Act::History { id, edit });
        Ok(Ok(Done::Deleted))
    }

    /// Changes members of one instance; what the fragment does not say stays.
    async fn update_instance(
        &mut self,
        id: Name,
        instance: InstanceId,
        fragment: Attribute,
    ) -> Result<Result<Done, BrokerError>, StoreError> {
        let name = fragment.name.clone();
        let span = Span {
            attributes: Some(vec![name.clone()]),
            ..Span::all(usize::MAX)
        };
        let Some(evolution) = self.store.history(self.tenant, &id, &span).await? else {
            return Ok(Err(BrokerError::EntityUnknown { id }));
        };
        let old = evolution
            .series
            .iter()
            .flat_map(|series| &series.instances)
            .find(|candidate| candidate.id == instance);
        let Some(old) = old else {
            return Ok(Err(BrokerError::AttributeUnknown { id, name }));
        };
        let mut attribute = old.attribute.clone();
        if matches!(fragment.value, AttributeValue::Null) {
            self.acts.push(Act::History {
                id,
                edit: HistoryEdit::RemoveInstance { name, instance },
            });
            return Ok(Ok(Done::Deleted));
        }
        ngsi::patch::update_instance(&mut attribute, fragment, self.now);
        let edit = HistoryEdit::ReplaceInstance {
            instance,
            attribute,
        };
        self.acts.push(Act::History { id, edit });
        Ok(Ok(Done::Changed(Outcome::default())))
    }
}
