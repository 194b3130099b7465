//! Applying: what each change of the log means for history.

use base::{Name, Tenant, Time};
use ngsi::temporal::{Head, HistoryEdit, InstanceId, Span};
use ngsi::{Attribute, AttributeKey, AttributeValue, Entity};
use ports::{Change, EntityChange, Fact};

use super::grave::{Grave, Reach};
use super::head::{self, Note};
use super::names::Names;
use super::row::{Row, SeriesKey};
use super::view::View;
use super::{History, Inner, Live, owner_key};
use crate::Error;

/// Where an instance was found.
#[derive(Debug)]
struct Found {
    series: SeriesKey,
    row: Row,
}

impl History {
    /// Adds what a change means for history. `before` is the entity before the change; it is needed
    /// for a put over an existing entity, a delete and [`HistoryEdit::Add`], and not for a patch.
    /// A change that is already covered is passed over.
    pub(crate) fn apply(&self, change: &Change, before: Live<'_>) -> Result<(), Error> {
        if change.seq <= self.inner.read().applied {
            return Ok(());
        }
        match &change.fact {
            Fact::Entity { id, change: what } => self.apply_entity(change, id, what, before),
            Fact::History { id, edit } => self.apply_edit(change, id, edit, before)?,
            Fact::Doc { .. } => {}
        }
        self.inner.write().applied = change.seq;
        Ok(())
    }

    fn apply_entity(&self, change: &Change, id: &Name, what: &EntityChange, before: Live<'_>) {
        let mut inner = self.inner.write();
        let mut names = self.names.write();
        let before = before.map(|(entity, _)| entity);
        match what {
            EntityChange::Put(entity) => {
                let gone = before.into_iter().flat_map(|b| &b.attributes);
                let gone = gone.filter(|a| !has(entity, a)).map(Attribute::key);
                let modified = entity.modified_at;
                inner.append(change, id, modified, (&entity.attributes, gone), &mut names);
                inner.notes.forget(&change.tenant, id);
            }
            EntityChange::Patch { delta, .. } => {
                let gone = delta.remove.iter().cloned();
                inner.append(
                    change,
                    id,
                    delta.modified_at,
                    (&delta.set, gone),
                    &mut names,
                );
            }
            EntityChange::Delete { at, types } => {
                let gone = before
                    .into_iter()
                    .flat_map(|b| &b.attributes)
                    .map(Attribute::key);
                inner.append(change, id, *at, (&[], gone), &mut names);
                let head = match before {
                    Some(entity) => Head {
                        deleted_at: Some(*at),
                        ..head::of(entity)
                    },
                    None => Head {
                        deleted_at: Some(*at),
                        ..new_head(id.clone(), types.clone(), Vec::new(), *at)
                    },
                };
                inner.note(change, id, Some(head), &mut names);
            }
        }
    }

    fn apply_edit(
        &self,
        change: &Change,
        id: &Name,
        edit: &HistoryEdit,
        before: Live<'_>,
    ) -> Result<(), Error> {
        match edit {
            HistoryEdit::Add {
                types,
                scope,
                instances,
            } => {
                let mut inner = self.inner.write();
                let mut names = self.names.write();
                inner.add_head(change, id, (types, scope), before, &mut names);
                let modified = instances.first().map_or(change.time, |a| a.modified_at);
                inner.append(
                    change,
                    id,
                    modified,
                    (instances, std::iter::empty()),
                    &mut names,
                );
            }
            HistoryEdit::RemoveAttribute { name, dataset_id } => {
                let Some(name) = self.names.read().known(name) else {
                    return Ok(());
                };
                let dataset = match dataset_id {
                    None => None,
                    Some(None) => Some(0),
                    Some(Some(dataset)) => match self.names.read().known(dataset) {
                        Some(dataset) => Some(dataset),
                        None => return Ok(()),
                    },
                };
                self.inner
                    .write()
                    .bury(change, id, Reach::Attribute(name, dataset));
            }
            HistoryEdit::RemoveInstance { name, instance } => {
                if let Some(found) = self.locate(&change.tenant, id, name, *instance)? {
                    self.inner.write().bury(change, id, found.reach());
                }
            }
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            } => {
                let found = self.locate(&change.tenant, id, &attribute.name, *instance)?;
                let Some(found) = found else { return Ok(()) };
                let mut inner = self.inner.write();
                inner.bury(change, id, found.reach());
                let owner = inner.tail.owner(&change.tenant, id);
                inner.tail.begin(change.seq, attribute.modified_at.0);
                inner
                    .tail
                    .replace(owner, attribute, *instance, &mut self.names.write());
            }
            HistoryEdit::RemoveEntity => {
                let mut inner = self.inner.write();
                inner.bury(change, id, Reach::Entity);
                inner.note(change, id, None, &mut self.names.write());
            }
        }
        Ok(())
    }

    /// The instance of that identity among those that count.
    fn locate(
        &self,
        tenant: &Tenant,
        id: &Name,
        name: &Name,
        instance: InstanceId,
    ) -> Result<Option<Found>, Error> {
        let Some(number) = self.names.read().known(name) else {
            return Ok(None);
        };
        let span = Span::all(usize::MAX);
        let view = View::new(&self.inner.read(), tenant, id, Some(&[number]), &span);
        let mut found = None;
        for series in view.series(Some(&[number]))? {
            view.read(series, &span, |row| {
                if row.id == instance {
                    found = Some(Found { series, row });
                }
                found.is_none()
            })?;
        }
        Ok(found)
    }
}

impl Inner {
    /// Appends the instances of a change: those set, then a deletion of each that is gone.
    fn append(
        &mut self,
        change: &Change,
        id: &Name,
        modified: Time,
        (set, gone): (&[Attribute], impl Iterator<Item = AttributeKey>),
        names: &mut Names,
    ) {
        let owner = self.tail.owner(&change.tenant, id);
        self.tail.begin(change.seq, modified.0);
        for attribute in set {
            self.tail.push(owner, attribute, names);
        }
        for key in gone {
            let mut deletion = Attribute::new(key.name, AttributeValue::Null);
            deletion.dataset_id = key.dataset_id;
            deletion.stamp(modified, modified);
            self.tail.push(owner, &deletion, names);
        }
    }

    fn bury(&mut self, change: &Change, id: &Name, reach: Reach) {
        let graves = self
            .tail
            .graves
            .entry(owner_key(&change.tenant, id))
            .or_default();
        graves.push(Grave {
            at: change.seq,
            reach,
        });
    }

    fn note(&mut self, change: &Change, id: &Name, head: Option<Head>, names: &mut Names) {
        for name in head.iter().flat_map(|head| &head.types) {
            names.number(name);
        }
        let note = Note {
            at: change.seq,
            head,
        };
        self.tail
            .notes
            .insert(owner_key(&change.tenant, id), note.clone());
        self.notes.put(&change.tenant, id, note);
    }

    /// Makes or widens the head of an entity that gets instances from outside.
    fn add_head(
        &mut self,
        change: &Change,
        id: &Name,
        (types, scope): (&[Name], &[Name]),
        live: Live<'_>,
        names: &mut Names,
    ) {
        let old = self.notes.head(&change.tenant, id, live);
        let mut head = old
            .clone()
            .unwrap_or_else(|| new_head(id.clone(), Vec::new(), Vec::new(), change.time));
        for name in types {
            if !head.types.contains(name) {
                head.types.push(name.clone());
            }
        }
        if !scope.is_empty() {
            head.scope = scope.to_vec();
        }
        if old.as_ref() != Some(&head) {
            self.note(change, id, Some(head), names);
        }
    }
}

fn new_head(id: Name, types: Vec<Name>, scope: Vec<Name>, at: Time) -> Head {
    let (created_at, modified_at) = (at, at);
    Head {
        id,
        types,
        scope,
        created_at,
        modified_at,
        deleted_at: None,
        expires_at: None,
    }
}

fn has(entity: &Entity, attribute: &Attribute) -> bool {
    entity
        .attribute(&attribute.name, attribute.dataset_id.as_deref())
        .is_some()
}

impl Found {
    /// Hides it, and with it what it hid.
    fn reach(&self) -> Reach {
        if self.row.observed {
            Reach::Observed(self.series, self.row.moment)
        } else {
            Reach::Instance(self.series, self.row.id)
        }
    }
}
