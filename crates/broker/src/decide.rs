//! Decisions: what comes of a command, given the entity as it is. Pure.

use base::{Name, Time, limits};
use ngsi::parse::{Fragment, ParseError};
use ngsi::patch::{self, Instances, Outcome};
use ngsi::{Attribute, AttributeValue, Entity};

use crate::command::{Command, Done, Upsert};
use crate::error::BrokerError;

/// What an entity shall be after a command.
#[derive(Debug)]
pub(crate) enum Next {
    /// As it is.
    Same,
    /// This, whatever was there.
    Put(Entity),
    /// This, changed from what was there.
    Changed(Entity),
    /// Gone.
    Gone,
}

type Decision = Result<(Next, Done), BrokerError>;

/// Decides a command that is about current state.
pub(crate) fn decide(command: Command, current: Option<&Entity>, now: Time) -> Decision {
    match command {
        Command::IfType { types, command } => {
            let current = current.filter(|entity| types.matches(&entity.types));
            decide(*command, current, now)
        }
        Command::Create(fragment) => match current {
            Some(entity) => Err(BrokerError::EntityExists {
                id: entity.id.clone(),
            }),
            None => create(fragment, now),
        },
        Command::Upsert {
            fragment,
            how,
            skip_unchanged,
        } => match current {
            None => create(fragment, now),
            Some(entity) => upsert(entity, fragment, how, skip_unchanged, now),
        },
        Command::Replace { id, fragment } => changed(&id, current, |entity| {
            patch::replace(entity, fragment, now);
            Ok(Outcome::default())
        }),
        Command::Append {
            id,
            fragment,
            overwrite,
        } => changed(&id, current, |e| {
            Ok(patch::append(e, fragment, overwrite, now))
        }),
        Command::Update { id, fragment } => {
            changed(&id, current, |e| Ok(patch::update(e, fragment, now)))
        }
        Command::Merge {
            id,
            fragment,
            options,
        } => changed(&id, current, |e| {
            patch::merge(e, fragment, &options, now)?;
            Ok(Outcome::default())
        }),
        Command::UpdateAttribute { id, instances } => {
            let name = name_of(&instances);
            of_attribute(&id, name, current, |e| {
                patch::update_attribute(e, instances, now)
            })
        }
        Command::ReplaceAttribute { id, instances } => {
            let name = name_of(&instances);
            of_attribute(&id, name, current, |e| {
                Ok(patch::replace_attribute(e, instances, now))
            })
        }
        Command::DeleteAttribute { id, name, which } => {
            of_attribute(&id, name.clone(), current, |e| {
                Ok(patch::delete_attribute(e, &name, &which, now))
            })
        }
        Command::Delete { id } => match current {
            Some(_) => Ok((Next::Gone, Done::Deleted)),
            None => Err(BrokerError::EntityUnknown { id }),
        },
        Command::Purge { id, names, keep } => purge(&id, &names, keep, current, now),
        Command::Sweep { .. } => Ok(sweep(current, now)),
        // History is decided in the door, which has to read more than the entity.
        Command::AddHistory { .. }
        | Command::EditHistory { .. }
        | Command::UpdateInstance { .. } => Ok((Next::Same, Done::Unchanged)),
    }
}

fn create(fragment: Fragment, now: Time) -> Decision {
    let entity = fragment
        .into_entity(now)
        .ok_or(BrokerError::EntityUnknown { id: "".into() })?;
    within_limits(&entity)?;
    Ok((Next::Put(entity), Done::Created))
}

fn upsert(
    current: &Entity,
    fragment: Fragment,
    how: Upsert,
    skip_unchanged: bool,
    now: Time,
) -> Decision {
    let mut entity = current.clone();
    let outcome = match how {
        Upsert::Replace => {
            patch::replace(&mut entity, fragment, now);
            Outcome::default()
        }
        Upsert::Update => patch::append(&mut entity, fragment, true, now),
    };
    if skip_unchanged && same_but_for_times(current, &entity) {
        return Ok((Next::Same, Done::Unchanged));
    }
    within_limits(&entity)?;
    Ok((Next::Changed(entity), Done::Changed(outcome)))
}

fn changed(
    id: &Name,
    current: Option<&Entity>,
    change: impl FnOnce(&mut Entity) -> Result<Outcome, BrokerError>,
) -> Decision {
    let current = current.ok_or_else(|| BrokerError::EntityUnknown { id: id.clone() })?;
    let mut entity = current.clone();
    let outcome = change(&mut entity)?;
    within_limits(&entity)?;
    let next = if entity == *current {
        Next::Same
    } else {
        Next::Changed(entity)
    };
    Ok((next, Done::Changed(outcome)))
}

fn of_attribute(
    id: &Name,
    name: Name,
    current: Option<&Entity>,
    change: impl FnOnce(&mut Entity) -> Result<Option<()>, ParseError>,
) -> Decision {
    changed(id, current, |entity| {
        change(entity)?.ok_or(BrokerError::AttributeUnknown {
            id: id.clone(),
            name: name.clone(),
        })?;
        Ok(Outcome {
            updated: vec![name],
            not_updated: Vec::new(),
        })
    })
}

fn name_of(instances: &[Attribute]) -> Name {
    instances
        .first()
        .map_or_else(|| Name::from(""), |a| a.name.clone())
}

fn purge(id: &Name, names: &[Name], keep: bool, current: Option<&Entity>, now: Time) -> Decision {
    changed(id, current, |entity| {
        let mut outcome = Outcome::default();
        let gone: Vec<Name> = entity
            .attributes
            .iter()
            .map(|a| a.name.clone())
            .filter(|name| names.contains(name) != keep)
            .collect();
        for name in gone {
            if patch::delete_attribute(entity, &name, &Instances::All, now).is_some() {
                outcome.updated.push(name);
            }
        }
        Ok(outcome)
    })
}

fn sweep(current: Option<&Entity>, now: Time) -> (Next, Done) {
    let Some(current) = current else {
        return (Next::Same, Done::Unchanged);
    };
    if current.is_expired(now) {
        return (Next::Gone, Done::Deleted);
    }
    let mut entity = current.clone();
    entity.drop_expired(now);
    if entity == *current {
        return (Next::Same, Done::Unchanged);
    }
    entity.modified_at = now;
    (Next::Changed(entity), Done::Changed(Outcome::default()))
}

/// Many small changes must not make what one change may not.
fn within_limits(entity: &Entity) -> Result<(), BrokerError> {
    fn has_too_many(attribute: &Attribute) -> bool {
        attribute.sub.len() > limits::SUB_ATTRIBUTES_MAX || attribute.sub.iter().any(has_too_many)
    }
    let names = entity.types.len().max(entity.scope.len());
    let (what, max) = if entity.attributes.len() > limits::ATTRIBUTES_MAX {
        ("attribute instances", limits::ATTRIBUTES_MAX)
    } else if names > limits::TYPES_MAX {
        ("types and as many scopes", limits::TYPES_MAX)
    } else if entity.attributes.iter().any(has_too_many) {
        (
            "sub-attributes of each attribute",
            limits::SUB_ATTRIBUTES_MAX,
        )
    } else if entity.bytes() > limits::ENTITY_BYTES_MAX {
        ("bytes", limits::ENTITY_BYTES_MAX)
    } else {
        return Ok(());
    };
    let reason = format!("an entity has at most {max} {what}");
    Err(BrokerError::Limit { reason })
}

/// Whether two states of an entity differ in nothing but `createdAt` and `modifiedAt`.
fn same_but_for_times(a: &Entity, b: &Entity) -> bool {
    fn same(a: &Attribute, b: &Attribute) -> bool {
        a.name == b.name
            && a.dataset_id == b.dataset_id
            && a.value == b.value
            && a.observed_at == b.observed_at
            && a.unit_code == b.unit_code
            && a.value_type == b.value_type
            && a.object_type == b.object_type
            && a.expires_at == b.expires_at
            && same_all(&a.sub, &b.sub)
    }
    fn same_all(a: &[Attribute], b: &[Attribute]) -> bool {
        a.len() == b.len()
            && a.iter()
                .all(|a| b.iter().any(|b| a.key() == b.key() && same(a, b)))
    }
    a.types == b.types
        && a.scope == b.scope
        && a.expires_at == b.expires_at
        && same_all(&a.attributes, &b.attributes)
}

/// What instances added to history make of the current state: the newest of each series, where it
/// is newer than what is there. `None`: nothing changes.
pub(crate) fn current_after_history(
    current: Option<&Entity>,
    fragment: &Fragment,
    now: Time,
) -> Option<Entity> {
    let id = fragment.id.clone()?;
    let mut entity = current.cloned().unwrap_or_else(|| Entity {
        id,
        types: Vec::new(),
        scope: Vec::new(),
        created_at: now,
        modified_at: now,
        expires_at: None,
        attributes: Vec::new(),
    });
    for name in &fragment.types {
        if !entity.types.contains(name) {
            entity.types.push(name.clone());
        }
    }
    if let Some(scope) = &fragment.scope {
        entity.scope.clone_from(scope);
    }
    for instance in &fragment.attributes {
        if matches!(instance.value, AttributeValue::Null) {
            continue;
        }
        let key = (&*instance.name, instance.dataset_id.as_deref());
        match entity.attributes.iter_mut().find(|a| a.is(key.0, key.1)) {
            Some(old) if newer(instance, old) => {
                let created_at = old.created_at;
                *old = instance.clone();
                old.stamp(created_at, now);
            }
            Some(_) => {}
            None => {
                let mut new = instance.clone();
                new.stamp(now, now);
                entity.attributes.push(new);
            }
        }
    }
    if current.is_some_and(|c| *c == entity) {
        return None;
    }
    entity.modified_at = now;
    Some(entity)
}

fn newer(instance: &Attribute, old: &Attribute) -> bool {
    match (instance.observed_at, old.observed_at) {
        (Some(new), Some(old)) => new > old,
        (None, Some(_)) => false,
        (_, None) => true,
    }
}
