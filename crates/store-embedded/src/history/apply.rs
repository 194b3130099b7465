//! Applying: what each change of the log means for history.

use base::{Name, Tenant, Time};
use ngsi::temporal::{Head, HistoryEdit, InstanceId, Span};
use ngsi::{Attribute, AttributeKey, AttributeValue, Entity};
use ports::{Change, EntityChange, Fact};

use super::grave::{Grave, Reach};
use super::head::{self, Note};
use super::names::Names;
use super::row::{Row, RowValue, SeriesKey};
use super::view::View;
use super::{History, Inner, Live, owner_key};
use crate::Error;

/// What is known of an instance that an edit speaks of and the archive had when the edit was made.
/// The log keeps it: whoever replays the edit has no archive to look into.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) dataset_id: Option<Name>,
    pub(crate) moment: Time,
    pub(crate) observed: bool,
    /// The change that wrote it.
    pub(crate) arrived: InstanceId,
}

/// Where an instance was found.
#[derive(Debug)]
struct Found {
    series: SeriesKey,
    row: Row,
}

impl History {
    /// Adds what a change means for history. `before` is the entity before the change; it is needed
    /// for a put over an existing entity, a delete and [`HistoryEdit::Add`], and not for a patch.
    /// A change that is already there is passed over. `seen`: where the instance is that the change
    /// is of, if the archive has it.
    pub(crate) fn apply(
        &self,
        change: &Change,
        before: Live<'_>,
        seen: Option<&Sighting>,
    ) -> Result<(), Error> {
        let found = self.found(change, seen)?;
        let mut inner = self.inner.write();
        if change.seq <= inner.applied {
            return Ok(());
        }
        inner.applied = change.seq;
        let mut names = self.names.write();
        match &change.fact {
            Fact::Entity {
                id, change: what, ..
            } => {
                let before = before.map(|(entity, _)| entity);
                inner.apply_entity(change, id, what, before, &mut names);
            }
            Fact::History { id, edit } => match (edit, found) {
                (
                    HistoryEdit::Add {
                        types,
                        scope,
                        instances,
                    },
                    _,
                ) => {
                    inner.add_head(change, id, (types, scope), before, &mut names);
                    let modified = instances.first().map_or(change.time, |a| a.modified_at);
                    let set = (&**instances, std::iter::empty());
                    inner.append(change, id, modified, set, &mut names);
                }
                (edit, found) => inner.apply_edit(change, id, edit, found, &mut names),
            },
            Fact::Doc { .. } => {}
        }
        Ok(())
    }

    /// The instance that a change takes out or replaces.
    fn found(&self, change: &Change, seen: Option<&Sighting>) -> Result<Option<Found>, Error> {
        let Fact::History { id, edit } = &change.fact else {
            return Ok(None);
        };
        let Some((name, instance)) = instance_of(edit) else {
            return Ok(None);
        };
        if change.seq <= self.inner.read().applied {
            return Ok(None);
        }
        let whose = (&change.tenant, id);
        let here = self.here(whose, name, instance)?;
        match seen {
            Some(seen) if here.is_none() => self.elsewhere(whose, name, instance, seen),
            _ => Ok(here),
        }
    }

    /// The instance of that identity among those of the store that count.
    fn here(
        &self,
        whose: (&Tenant, &Name),
        name: &Name,
        instance: InstanceId,
    ) -> Result<Option<Found>, Error> {
        let Some(number) = self.names.read().known(name) else {
            return Ok(None);
        };
        let span = Span::all(usize::MAX);
        let (tenant, id) = whose;
        let wanted = Some(vec![number]);
        let mut view = View::new(&self.inner.read(), (tenant, id), wanted, &span, None);
        locate(&mut view, &span, instance)
    }

    /// An instance that the archive had, unless something in the store hides it now.
    fn elsewhere(
        &self,
        (tenant, id): (&Tenant, &Name),
        name: &Name,
        instance: InstanceId,
        seen: &Sighting,
    ) -> Result<Option<Found>, Error> {
        let series = {
            let mut names = self.names.write();
            SeriesKey {
                name: names.number(name),
                dataset: names.number_of(seen.dataset_id.as_ref()),
            }
        };
        let row = Row {
            moment: seen.moment.0,
            observed: seen.observed,
            modified: seen.moment.0,
            created: seen.moment.0,
            unit: 0,
            value_type: 0,
            id: instance,
            arrived: seen.arrived,
            value: RowValue::Deleted,
        };
        let span = Span::all(usize::MAX);
        let wanted = Some(vec![series.name]);
        let mut view = View::new(&self.inner.read(), (tenant, id), wanted, &span, None);
        view.keys(&span)?;
        let counts = view.leaves(series, &row, &span)?;
        Ok(counts.then_some(Found { series, row }))
    }

    /// What is known of the instance that an edit speaks of, once history may be elsewhere. Reads
    /// files.
    pub(crate) fn sight(
        &self,
        tenant: &Tenant,
        id: &Name,
        edit: &HistoryEdit,
    ) -> Result<Option<Sighting>, Error> {
        let Some((name, instance)) = instance_of(edit) else {
            return Ok(None);
        };
        let mut found = self.here((tenant, id), name, instance)?;
        if found.is_none() {
            let span = Span {
                attributes: Some(vec![name.clone()]),
                ..Span::all(usize::MAX)
            };
            let mut view = self.at_one_moment(tenant, id, &span, |inner, archived| {
                View::new(inner, (tenant, id), self.wanted(&span), &span, archived)
            })?;
            found = locate(&mut view, &span, instance)?;
        }
        let names = self.names.read();
        Ok(found.map(|Found { series, row }| Sighting {
            dataset_id: names.text(series.dataset).cloned(),
            moment: Time(row.moment),
            observed: row.observed,
            arrived: row.arrived,
        }))
    }

    /// Whether an edit speaks of an instance that may have been given away.
    pub(crate) fn may_be_elsewhere(&self, edit: &HistoryEdit) -> bool {
        self.archive.get().is_some() && instance_of(edit).is_some()
    }
}

/// The instance that an edit takes out or replaces, and the attribute it is of.
fn instance_of(edit: &HistoryEdit) -> Option<(&Name, InstanceId)> {
    match edit {
        HistoryEdit::RemoveInstance { name, instance } => Some((name, *instance)),
        HistoryEdit::ReplaceInstance {
            instance,
            attribute,
        } => Some((&attribute.name, *instance)),
        _ => None,
    }
}

fn locate(view: &mut View, span: &Span, instance: InstanceId) -> Result<Option<Found>, Error> {
    let mut found = None;
    for series in view.keys(span)? {
        view.read(series, span, |_, row| {
            if row.id == instance && row.is_instance() {
                found = Some(Found { series, row });
            }
            Ok(found.is_none())
        })?;
    }
    Ok(found)
}

impl Inner {
    fn apply_entity(
        &mut self,
        change: &Change,
        id: &Name,
        what: &EntityChange,
        before: Option<&Entity>,
        names: &mut Names,
    ) {
        // By name and dataset, as attributes of a state have no order that a replay would repeat.
        let gone_but = |after: Option<&Entity>| {
            let old = before.into_iter().flat_map(|entity| &entity.attributes);
            let gone = old.filter(|a| !after.is_some_and(|after| has(after, a)));
            let mut gone: Vec<AttributeKey> = gone.map(Attribute::key).collect();
            gone.sort_unstable();
            gone.into_iter()
        };
        match what {
            EntityChange::Put(entity) => {
                let set = (&*entity.attributes, gone_but(Some(entity)));
                self.append(change, id, entity.modified_at, set, names);
                self.notes.forget(&change.tenant, id);
            }
            EntityChange::Patch { delta, .. } => {
                let set = (&*delta.set, delta.remove.iter().cloned());
                self.append(change, id, delta.modified_at, set, names);
            }
            EntityChange::Delete { at, types } => {
                self.append(change, id, *at, (&[], gone_but(None)), names);
                let head = match before {
                    Some(entity) => head::of(entity),
                    None => new_head(id.clone(), types.clone(), Vec::new(), *at),
                };
                self.note(
                    change,
                    id,
                    Some(Head {
                        deleted_at: Some(*at),
                        ..head
                    }),
                    names,
                );
            }
        }
    }

    fn apply_edit(
        &mut self,
        change: &Change,
        id: &Name,
        edit: &HistoryEdit,
        found: Option<Found>,
        names: &mut Names,
    ) {
        match edit {
            HistoryEdit::RemoveAttribute { name, dataset_id } => {
                let known = |text: &Name| names.known(text);
                let dataset = match dataset_id {
                    None => Some(None),
                    Some(None) => Some(Some(0)),
                    Some(Some(dataset)) => known(dataset).map(Some),
                };
                if let (Some(name), Some(dataset)) = (known(name), dataset) {
                    self.bury(change, id, Reach::Attribute(name, dataset));
                }
            }
            HistoryEdit::RemoveInstance { .. } => {
                if let Some(found) = found {
                    self.bury(change, id, found.reach());
                }
            }
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            } => {
                let Some(found) = found else { return };
                self.bury(change, id, found.reach());
                let owner = self.tail.owner(&change.tenant, id);
                self.tail.begin(change.seq, attribute.modified_at.0);
                self.tail.replace(owner, attribute, *instance, names);
            }
            HistoryEdit::RemoveEntity => {
                self.bury(change, id, Reach::Entity);
                self.note(change, id, None, names);
            }
            HistoryEdit::Add { .. } => {}
        }
    }

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
