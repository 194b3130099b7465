//! The naive model: every instance in a list, edits done at once.

use std::collections::BTreeMap;

use base::{Name, Seq, Time};
use ngsi::temporal::{Evolution, Head, HistoryEdit, Instance, InstanceId, Series, Span};
use ngsi::{Attribute, AttributeKey, AttributeValue, Entity};
use ports::{Change, EntityChange, Fact};

use super::head;

/// One entity of the naive model.
#[derive(Debug, Default, Clone)]
pub(super) struct Plain {
    pub(super) live: Option<(Entity, Seq)>,
    pub(super) head: Option<Head>,
    series: BTreeMap<(Name, Option<Name>), Vec<Instance>>,
}

impl Plain {
    fn insert(&mut self, id: InstanceId, attribute: Attribute) {
        let key = (attribute.name.clone(), attribute.dataset_id.clone());
        let series = self.series.entry(key).or_default();
        let at = attribute.observed_at;
        series.retain(|i| at.is_none() || i.attribute.observed_at != at);
        series.push(Instance { id, attribute });
        series.sort_by_key(|i| (i.moment(), i.id));
    }

    fn set(&mut self, seq: Seq, modified: Time, set: &[Attribute], gone: &[AttributeKey]) {
        let deletions = gone.iter().map(|key| {
            let mut deletion = Attribute::new(key.name.clone(), AttributeValue::Null);
            deletion.dataset_id.clone_from(&key.dataset_id);
            deletion.stamp(modified, modified);
            deletion
        });
        for (index, attribute) in (0..).zip(set.iter().cloned().chain(deletions)) {
            self.insert(InstanceId { seq, index }, attribute);
        }
    }

    pub(super) fn ids(&self) -> Vec<(Name, InstanceId)> {
        let all = self.series.iter();
        all.flat_map(|((name, _), list)| list.iter().map(|i| (name.clone(), i.id)))
            .collect()
    }

    pub(super) fn apply(&mut self, change: &Change) {
        let before = self.live.take();
        match &change.fact {
            Fact::Entity { change: what, .. } => self.apply_entity(change.seq, what, before),
            Fact::History { id, edit } => {
                self.live = before;
                self.edit(change, id, edit);
            }
            Fact::Doc { .. } => self.live = before,
        }
    }

    fn apply_entity(&mut self, seq: Seq, what: &EntityChange, before: Option<(Entity, Seq)>) {
        let before = before.map(|(entity, _)| entity);
        match what {
            EntityChange::Put(after) => {
                let old = before.iter().flat_map(|b| &b.attributes);
                let gone = keys(old.filter(|a| !has(after, a)));
                self.set(seq, after.modified_at, &after.attributes, &gone);
                self.live = Some((Entity::clone(after), seq));
            }
            EntityChange::Patch { delta, .. } => {
                self.set(seq, delta.modified_at, &delta.set, &delta.remove);
                let mut entity = before.expect("a patch of what is there");
                delta.apply(&mut entity);
                self.live = Some((entity, seq));
            }
            EntityChange::Delete { at, .. } => {
                let old = before.expect("a deletion of what is there");
                let gone = keys(old.attributes.iter());
                self.set(seq, *at, &[], &gone);
                self.head = Some(Head {
                    deleted_at: Some(*at),
                    ..head::of(&old)
                });
                return;
            }
        }
        self.head = self.live.as_ref().map(|(entity, _)| head::of(entity));
    }

    fn edit(&mut self, change: &Change, id: &Name, edit: &HistoryEdit) {
        match edit {
            HistoryEdit::Add {
                types,
                scope,
                instances,
            } => {
                let new = || new_head(id.clone(), change.time);
                let head = self.head.get_or_insert_with(new);
                head.types.extend(
                    types
                        .iter()
                        .filter(|t| !head.types.contains(t))
                        .cloned()
                        .collect::<Vec<_>>(),
                );
                if !scope.is_empty() {
                    head.scope.clone_from(scope);
                }
                self.set(change.seq, change.time, instances, &[]);
            }
            HistoryEdit::RemoveAttribute { name, dataset_id } => self.series.retain(|(n, d), _| {
                n != name || dataset_id.as_ref().is_some_and(|dataset| dataset != d)
            }),
            HistoryEdit::RemoveInstance { name, instance } => {
                for ((n, _), list) in &mut self.series {
                    list.retain(|i| n != name || i.id != *instance);
                }
            }
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            } => {
                let mut found = false;
                for ((n, _), list) in &mut self.series {
                    let len = list.len();
                    list.retain(|i| *n != attribute.name || i.id != *instance);
                    found |= list.len() < len;
                }
                if found {
                    self.insert(*instance, attribute.clone());
                }
            }
            HistoryEdit::RemoveEntity => {
                self.series.clear();
                self.head = None;
            }
        }
    }

    pub(super) fn read(&self, span: &Span) -> Option<Evolution> {
        let head = self.head.clone()?;
        let series = self.series.iter().filter_map(|((name, dataset_id), list)| {
            let within = list.iter().filter(|i| span.holds(&i.attribute)).cloned();
            let mut instances: Vec<Instance> = within.collect();
            if span
                .attributes
                .as_ref()
                .is_some_and(|wanted| !wanted.contains(name))
            {
                return None;
            }
            let is_cut = instances.len() > span.limit;
            if is_cut && span.last {
                instances.drain(..instances.len() - span.limit);
            }
            instances.truncate(span.limit);
            let series = Series {
                name: name.clone(),
                dataset_id: dataset_id.clone(),
                instances,
                is_cut,
            };
            (!series.instances.is_empty()).then_some(series)
        });
        let series = series.collect();
        Some(Evolution { head, series })
    }
}

fn new_head(id: Name, at: Time) -> Head {
    Head {
        id,
        types: Vec::new(),
        scope: Vec::new(),
        created_at: at,
        modified_at: at,
        deleted_at: None,
        expires_at: None,
    }
}

fn has(entity: &Entity, attribute: &Attribute) -> bool {
    entity.attributes.iter().any(|a| a.key() == attribute.key())
}

/// By name and dataset, as the attributes of a state have no order.
fn keys<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Vec<AttributeKey> {
    let mut keys: Vec<AttributeKey> = attributes.map(Attribute::key).collect();
    keys.sort();
    keys
}
