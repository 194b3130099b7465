//! The history of one entity: its head and its instances, by series.

use std::collections::BTreeMap;

use base::{Name, Seq, Time};
use ngsi::temporal::{Evolution, Head, HistoryEdit, Instance, InstanceId, Series, Span};
use ngsi::{Attribute, AttributeKey, AttributeValue, Entity};
use ports::{Change, EntityChange};

/// What is known of one entity over time. It stays, perhaps empty, when the entity goes.
#[derive(Debug, Default, Clone)]
pub(crate) struct History {
    /// `None`: it was taken out, and the entity has not changed since.
    pub(crate) head: Option<Head>,
    series: BTreeMap<AttributeKey, Vec<Instance>>,
}

impl History {
    /// What a change of the entity means for its history.
    pub(crate) fn follow(
        &mut self,
        seq: Seq,
        id: &Name,
        change: &EntityChange,
        before: Option<&Entity>,
        after: Option<&Entity>,
    ) {
        let old = before.map_or(&[][..], |before| &before.attributes);
        let (set, gone, time): (&[Attribute], Vec<AttributeKey>, Time) = match change {
            EntityChange::Put(entity) => {
                let kept = |a: &&Attribute| !entity.attributes.iter().any(|b| b.key() == a.key());
                (
                    &entity.attributes,
                    keys(old.iter().filter(kept)),
                    entity.modified_at,
                )
            }
            EntityChange::Patch { delta, .. } => {
                (&delta.set, delta.remove.clone(), delta.modified_at)
            }
            EntityChange::Delete { at, .. } => (&[], keys(old.iter()), *at),
        };
        let deletions = gone.into_iter().map(|key| deletion(key, time));
        self.append(seq, set.iter().cloned().chain(deletions));
        self.head = match (after, before, change) {
            (Some(entity), _, _) => Some(head_of(entity)),
            (None, Some(entity), _) => Some(Head {
                deleted_at: Some(time),
                ..head_of(entity)
            }),
            (None, None, EntityChange::Delete { types, .. }) => {
                let head = new_head(id, types.clone(), time);
                Some(Head {
                    deleted_at: Some(time),
                    ..head
                })
            }
            (None, None, _) => None,
        };
    }

    /// What an edit of history itself does.
    pub(crate) fn edit(&mut self, change: &Change, id: &Name, edit: &HistoryEdit) {
        match edit {
            HistoryEdit::Add {
                types,
                scope,
                instances,
            } => {
                let head = self
                    .head
                    .get_or_insert_with(|| new_head(id, Vec::new(), change.time));
                for name in types {
                    if !head.types.contains(name) {
                        head.types.push(name.clone());
                    }
                }
                if !scope.is_empty() {
                    head.scope.clone_from(scope);
                }
                self.append(change.seq, instances.iter().cloned());
            }
            HistoryEdit::RemoveAttribute { name, dataset_id } => {
                self.series.retain(|key, _| {
                    key.name != *name || dataset_id.as_ref().is_some_and(|d| key.dataset_id != *d)
                });
            }
            HistoryEdit::RemoveInstance { name, instance } => {
                self.take(name, *instance);
            }
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            } => {
                if self.take(&attribute.name, *instance).is_some() {
                    self.insert(Instance {
                        id: *instance,
                        attribute: attribute.clone(),
                    });
                }
            }
            HistoryEdit::RemoveEntity => *self = Self::default(),
        }
    }

    fn append(&mut self, seq: Seq, attributes: impl Iterator<Item = Attribute>) {
        for (index, attribute) in (0..).zip(attributes) {
            self.insert(Instance {
                id: InstanceId { seq, index },
                attribute,
            });
        }
    }

    /// Of instances with the same `observedAt` the last one stays.
    fn insert(&mut self, instance: Instance) {
        let series = self.series.entry(instance.attribute.key()).or_default();
        if let Some(observed_at) = instance.attribute.observed_at {
            series.retain(|old| old.attribute.observed_at != Some(observed_at));
        }
        series.push(instance);
        series.sort_by_key(|instance| (instance.moment(), instance.id));
    }

    fn take(&mut self, name: &Name, id: InstanceId) -> Option<Instance> {
        let mut series = self.series.iter_mut().filter(|(key, _)| key.name == *name);
        series.find_map(|(_, instances)| {
            let place = instances.iter().position(|instance| instance.id == id)?;
            Some(instances.remove(place))
        })
    }

    /// The evolution within a span; `None` when there is no head.
    pub(crate) fn evolution(&self, span: &Span) -> Option<Evolution> {
        let head = self.head.clone()?;
        let series = self.series.iter().map(|(key, instances)| {
            let mut instances: Vec<Instance> = instances
                .iter()
                .filter(|i| span.holds(&i.attribute))
                .cloned()
                .collect();
            let excess = instances.len().saturating_sub(span.limit);
            if span.last {
                instances.drain(..excess);
            } else {
                instances.truncate(span.limit);
            }
            Series {
                name: key.name.clone(),
                dataset_id: key.dataset_id.clone(),
                instances,
                is_cut: excess > 0,
            }
        });
        let series = series.filter(|series| !series.instances.is_empty());
        Some(Evolution {
            head,
            series: series.collect(),
        })
    }
}

/// By name and dataset, as the attributes of a state have no order.
fn keys<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Vec<AttributeKey> {
    let mut keys: Vec<AttributeKey> = attributes.map(Attribute::key).collect();
    keys.sort();
    keys
}

fn deletion(key: AttributeKey, time: Time) -> Attribute {
    let mut deletion = Attribute::new(key.name, AttributeValue::Null);
    deletion.dataset_id = key.dataset_id;
    deletion.stamp(time, time);
    deletion
}

fn head_of(entity: &Entity) -> Head {
    Head {
        id: entity.id.clone(),
        types: entity.types.clone(),
        scope: entity.scope.clone(),
        created_at: entity.created_at,
        modified_at: entity.modified_at,
        deleted_at: None,
        expires_at: entity.expires_at,
    }
}

fn new_head(id: &Name, types: Vec<Name>, time: Time) -> Head {
    Head {
        id: id.clone(),
        types,
        scope: Vec::new(),
        created_at: time,
        modified_at: time,
        deleted_at: None,
        expires_at: None,
    }
}
