//! Patch semantics: what append, update, merge and replace make of an entity [CIM-009 §5.6].
//!
//! Every function changes a copy of the current entity in memory; what changed is found
//! afterwards by [`crate::Delta::between`]. A fragment that changes nothing leaves `modifiedAt`.

mod merge;

use base::{Name, Time};
use serde_json::Value;

use crate::entity::{Attribute, AttributeKind, AttributeValue, Entity, Places};
use crate::parse::{Fragment, ParseError};

pub use merge::{MergeOptions, merge};

/// The expanded name under which the scope is deleted or found missing [CIM-009 §4.18].
pub const SCOPE: &str = "https://uri.etsi.org/ngsi-ld/scope";

/// Which attributes an operation changed, and which not and why [CIM-009 §5.2.18].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Expanded names of attributes that were written or deleted.
    pub updated: Vec<Name>,
    /// Those that were not.
    pub not_updated: Vec<NotUpdated>,
}

/// An attribute that was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUpdated {
    /// Expanded name.
    pub name: Name,
    /// The dataset that was meant.
    pub dataset_id: Option<Name>,
    /// Why.
    pub reason: &'static str,
}

/// Which instances of an attribute are meant [CIM-009 §5.6.5].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instances {
    /// All, whatever their dataset.
    All,
    /// One: the default instance or that of a dataset.
    One(Option<Name>),
}

/// The value of an attribute in a fragment that says nothing of it: it stays as it is.
/// JSON null is no value of a Property, so that nothing else looks like it.
pub(crate) fn unsaid() -> AttributeValue {
    AttributeValue::Property(Value::Null)
}

fn is_unsaid(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Property(Value::Null))
}

impl Outcome {
    /// Instances of one name come together, so that the last name is the one to look at.
    fn updated(&mut self, name: &Name) {
        if self.updated.last() != Some(name) {
            self.updated.push(name.clone());
        }
    }

    fn not_updated(&mut self, attribute: &Attribute, reason: &'static str) {
        self.not_updated.push(NotUpdated {
            name: attribute.name.clone(),
            dataset_id: attribute.dataset_id.clone(),
            reason,
        });
    }
}

/// Appends attributes; existing ones are overwritten if so said [CIM-009 §5.6.3].
pub fn append(entity: &mut Entity, fragment: Fragment, overwrite: bool, now: Time) -> Outcome {
    let mut outcome = Outcome::default();
    let mut changed = unite_types(entity, &fragment.types);
    if let Some(scope) = fragment.scope {
        changed |= append_scope(entity, scope, overwrite);
    }
    if let Some(expires_at) = fragment.expires_at {
        changed |= std::mem::replace(&mut entity.expires_at, expires_at) != expires_at;
    }
    let mut places = Places::of(&entity.attributes, fragment.attributes.len());
    for attribute in fragment.attributes {
        let position = places.find(&entity.attributes, &attribute);
        match position {
            Some(_) if !overwrite => {
                outcome.not_updated(&attribute, "the attribute is already there");
            }
            _ => {
                outcome.updated(&attribute.name);
                put(entity, &mut places, position, attribute, now);
            }
        }
    }
    finish(entity, &outcome, changed, now);
    outcome
}

/// Updates attributes, whole; those that are not there are added, nulls delete [CIM-009 §5.6.2].
pub fn update(entity: &mut Entity, fragment: Fragment, now: Time) -> Outcome {
    let mut outcome = Outcome::default();
    let mut changed = unite_types(entity, &fragment.types);
    match fragment.scope {
        Some(_) if entity.scope.is_empty() => {
            outcome.not_updated(&scope_itself(), "the entity has no scope");
        }
        Some(scope) => changed |= append_scope(entity, scope, true),
        None => {}
    }
    if let Some(expires_at) = fragment.expires_at {
        changed |= std::mem::replace(&mut entity.expires_at, expires_at) != expires_at;
    }
    let mut places = Places::of(&entity.attributes, fragment.attributes.len());
    for attribute in fragment.attributes {
        match places.find(&entity.attributes, &attribute) {
            // What is not there yet is added [CIM-009 §5.6.2.4, §5.5.8].
            None if !matches!(attribute.value, AttributeValue::Null)
                && !is_unsaid(&attribute.value) =>
            {
                outcome.updated(&attribute.name);
                put(entity, &mut places, None, strip_nulls(attribute), now);
            }
            None => outcome.not_updated(&attribute, "the attribute is not there"),
            Some(at) if matches!(attribute.value, AttributeValue::Null) => {
                outcome.updated(&attribute.name);
                // It is taken out at the end, so that the others keep their places.
                entity.attributes[at].value = AttributeValue::Null;
            }
            Some(_) if is_unsaid(&attribute.value) => {
                outcome.not_updated(&attribute, "the attribute has no value");
            }
            at => {
                outcome.updated(&attribute.name);
                put(entity, &mut places, at, strip_nulls(attribute), now);
            }
        }
    }
    drop_nulls(entity);
    finish(entity, &outcome, changed, now);
    outcome
}

/// The scope as an attribute, to be named in an outcome.
fn scope_itself() -> Attribute {
    Attribute::new(Name::from(SCOPE), unsaid())
}

/// Replaces the entity but for its id and birth [CIM-009 §5.6.18].
/// Types that the fragment does not name stay.
pub fn replace(entity: &mut Entity, fragment: Fragment, now: Time) {
    if !fragment.types.is_empty() {
        entity.types = fragment.types;
    }
    entity.scope = fragment.scope.unwrap_or_default();
    entity.expires_at = fragment.expires_at.flatten();
    entity.modified_at = now;
    entity.attributes = fragment.attributes;
    for attribute in &mut entity.attributes {
        attribute.stamp(now, now);
    }
}

/// Changes members of one attribute, of each instance that the fragments name [CIM-009 §5.6.4].
/// `None`: an instance is not there and nothing was changed.
///
/// A value is replaced whole; an attribute of another kind is refused.
pub fn update_attribute(
    entity: &mut Entity,
    fragments: Vec<Attribute>,
    now: Time,
) -> Result<Option<()>, ParseError> {
    if fragments.iter().any(|f| position(entity, f).is_none()) {
        return Ok(None);
    }
    let mut changed = entity.clone();
    for fragment in fragments {
        let Some(at) = position(&changed, &fragment) else {
            continue;
        };
        let old = &mut changed.attributes[at];
        if matches!(fragment.value, AttributeValue::Null) {
            changed.attributes.remove(at);
        } else if !is_unsaid(&fragment.value) && fragment.value.kind() != old.value.kind() {
            let kind = old.value.kind().map_or("null", AttributeKind::word);
            return Err(ParseError::new(
                &fragment.name,
                format!("is a {kind} and stays one"),
            ));
        } else {
            if !is_unsaid(&fragment.value) {
                old.value = unsaid();
            }
            merge::change_members(old, fragment, now);
        }
    }
    changed.modified_at = now;
    *entity = changed;
    Ok(Some(()))
}

/// Puts other instances in the place of those of one attribute [CIM-009 §5.6.19].
/// `None`: an instance is not there and nothing was changed.
pub fn replace_attribute(entity: &mut Entity, instances: Vec<Attribute>, now: Time) -> Option<()> {
    if instances.iter().any(|i| position(entity, i).is_none()) {
        return None;
    }
    let mut places = Places::of(&entity.attributes, instances.len());
    for instance in instances {
        let at = places.find(&entity.attributes, &instance);
        put(entity, &mut places, at, instance, now);
    }
    entity.modified_at = now;
    Some(())
}

/// Deletes instances of one attribute. `None`: there are none such.
pub fn delete_attribute(
    entity: &mut Entity,
    name: &str,
    which: &Instances,
    now: Time,
) -> Option<()> {
    if name == SCOPE {
        let there = !entity.scope.is_empty();
        entity.scope.clear();
        return there.then(|| entity.modified_at = now);
    }
    let before = entity.attributes.len();
    entity.attributes.retain(|a| match which {
        Instances::All => a.name != *name,
        Instances::One(dataset_id) => !a.is(name, dataset_id.as_deref()),
    });
    (entity.attributes.len() < before).then(|| entity.modified_at = now)
}

/// Changes the members of an instance in history that the fragment says.
pub fn update_instance(instance: &mut Attribute, fragment: Attribute, now: Time) {
    merge::change_members(instance, fragment, now);
}

fn position(entity: &Entity, like: &Attribute) -> Option<usize> {
    entity
        .attributes
        .iter()
        .position(|a| a.is(&like.name, like.dataset_id.as_deref()))
}

/// Takes out the instances that an operation deleted.
fn drop_nulls(entity: &mut Entity) {
    entity
        .attributes
        .retain(|a| !matches!(a.value, AttributeValue::Null));
}

/// Puts an instance in the place of another, whose birth it keeps, or at the end.
fn put(
    entity: &mut Entity,
    places: &mut Places,
    at: Option<usize>,
    mut attribute: Attribute,
    now: Time,
) {
    if let Some(at) = at {
        let old = &mut entity.attributes[at];
        stamp_over(&mut attribute, old, now);
        *old = attribute;
    } else {
        attribute.stamp(now, now);
        places.push(&mut entity.attributes, attribute);
    }
}

/// Stamps an attribute that takes the place of `old`: whatever was there before keeps its birth.
fn stamp_over(attribute: &mut Attribute, old: &Attribute, now: Time) {
    attribute.created_at = old.created_at;
    attribute.modified_at = now;
    for sub in &mut attribute.sub {
        match old
            .sub
            .iter()
            .find(|o| o.is(&sub.name, sub.dataset_id.as_deref()))
        {
            Some(old) => stamp_over(sub, old, now),
            None => sub.stamp(now, now),
        }
    }
}

/// Without the sub-attributes that a fragment deletes.
fn strip_nulls(mut attribute: Attribute) -> Attribute {
    attribute
        .sub
        .retain(|s| !matches!(s.value, AttributeValue::Null) && !is_unsaid(&s.value));
    attribute.sub = attribute.sub.into_iter().map(strip_nulls).collect();
    attribute
}

fn unite_types(entity: &mut Entity, types: &[Name]) -> bool {
    let before = entity.types.len();
    for name in types {
        if !entity.types.contains(name) {
            entity.types.push(name.clone());
        }
    }
    entity.types.len() > before
}

/// Scopes are replaced when overwriting, else united [CIM-009 §4.18].
fn append_scope(entity: &mut Entity, scope: Vec<Name>, overwrite: bool) -> bool {
    let before = entity.scope.clone();
    if overwrite {
        entity.scope = scope;
    } else {
        entity
            .scope
            .extend(scope.into_iter().filter(|s| !before.contains(s)));
    }
    entity.scope != before
}

fn finish(entity: &mut Entity, outcome: &Outcome, changed: bool, now: Time) {
    if changed || !outcome.updated.is_empty() {
        entity.modified_at = now;
    }
}
