//! Decisions about history: what comes of instances that are added, changed or taken out.

use std::collections::HashMap;

use base::{Name, Time};
use ngsi::parse::Fragment;
use ngsi::patch::{Outcome, SCOPE};
use ngsi::temporal::{Bound, Head, HistoryEdit, InstanceId, Span, TimeProperty, scope};
use ngsi::{Attribute, AttributeValue};
use ports::{Act, StoreError};

use super::{Found, Round};
use crate::command::Done;
use crate::decide::{self, Next};
use crate::error::BrokerError;

fn is_scope(attribute: &Attribute) -> bool {
    *attribute.name == *SCOPE
}

impl Round<'_> {
    /// Adds instances to history; those that are newest become the current state.
    pub(super) async fn add_history(
        &mut self,
        id: Name,
        mut fragment: Fragment,
        must_exist: bool,
    ) -> Result<Result<Done, BrokerError>, StoreError> {
        let head = self.head_of(&id).await?;
        let known = head.is_some() || self.made.contains_key(&id);
        if must_exist && !known {
            return Ok(Err(BrokerError::EntityUnknown { id }));
        }
        let found = self.find(&id, false).await?;
        let said = fragment.attributes.len();
        let scope_said = fragment.attributes.iter().any(is_scope);
        if known {
            self.drop_known(&id, &mut fragment).await?;
        }
        let scopes = self
            .take_scopes(&id, &found, &mut fragment, scope_said)
            .await?;
        let types = head.as_ref().map_or(&[][..], |head| &head.types);
        let has_types = fragment.types.iter().all(|name| types.contains(name));
        let nothing_new = fragment.attributes.is_empty() && scopes.is_empty() && has_types;
        if said > 0 && nothing_new {
            return Ok(Ok(Done::Unchanged));
        }
        let done = if known {
            Done::Changed(Outcome::default())
        } else {
            Done::Created
        };
        let entity = decide::current_after_history(found.entity.as_deref(), &fragment, self.now);
        let mut instances = fragment.attributes;
        if let Some(entity) = &entity {
            // What becomes current enters history by that.
            instances.retain(|i| {
                let now_current = entity.attribute(&i.name, i.dataset_id.as_deref());
                !now_current.is_some_and(|c| c.value == i.value && c.observed_at == i.observed_at)
            });
        }
        instances.extend(scopes);
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
            self.put(id, found, Next::Changed(entity));
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

    async fn head_of(&self, id: &Name) -> Result<Option<Head>, StoreError> {
        let none = Span {
            attributes: Some(Vec::new()),
            ..Span::all(0)
        };
        Ok(self
            .store
            .history(self.tenant, id, &none)
            .await?
            .map(|evolution| evolution.head))
    }

    /// Takes the instances of the scope out of the fragment, and its scope if it is not the newest
    /// that is known. A scope without a time of its own holds for all that the fragment tells.
    async fn take_scopes(
        &self,
        id: &Name,
        found: &Found,
        fragment: &mut Fragment,
        scope_said: bool,
    ) -> Result<Vec<Attribute>, StoreError> {
        let all = std::mem::take(&mut fragment.attributes);
        let (scopes, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_scope);
        fragment.attributes = others;
        if scope_said {
            let newest = scopes.iter().filter_map(|scope| scope.observed_at).max();
            if newest.is_none() || newest < self.last_scope(id).await? {
                fragment.scope = None;
            }
            return Ok(scopes);
        }
        Ok(match &fragment.scope {
            Some(scope) if *scope != found.scope => {
                let times = fragment.attributes.iter().filter_map(|a| a.observed_at);
                let at = times.min().unwrap_or(self.now).min(self.now);
                vec![scope::instance(scope, at)]
            }
            _ => Vec::new(),
        })
    }

    /// When the scope is last known to have changed.
    async fn last_scope(&self, id: &Name) -> Result<Option<Time>, StoreError> {
        let span = Span {
            attributes: Some(vec![Name::from(SCOPE)]),
            last: true,
            ..Span::all(1)
        };
        let evolution = self.store.history(self.tenant, id, &span).await?;
        let series = evolution.into_iter().flat_map(|evolution| evolution.series);
        Ok(series
            .flat_map(|series| series.instances)
            .map(|i| i.moment())
            .max())
    }

    pub(super) async fn edit_history(
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
    pub(super) async fn update_instance(
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
