//! Merge patch: members said are changed, members unsaid stay, nulls delete [CIM-009 §5.5.12].

use base::{Name, Time};
use serde_json::{Map, Value};

use super::{Instances, delete_attribute, is_unsaid, strip_nulls};
use crate::entity::{Attribute, AttributeValue, Entity, NULL, Uris};
use crate::parse::{Fragment, ParseError, lexical};

/// What the query string of a merge adds [CIM-009 §6.5.3.4].
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// `observedAt` of every merged attribute that had one and names none now.
    pub observed_at: Option<Time>,
    /// The language of a plain string that is merged into a LanguageProperty.
    pub lang: Option<String>,
}

/// Merges a fragment into an entity. The entity is as it was when the answer is an error.
pub fn merge(
    entity: &mut Entity,
    fragment: Fragment,
    options: &MergeOptions,
    now: Time,
) -> Result<(), ParseError> {
    let mut merged = entity.clone();
    for name in &fragment.types {
        if !merged.types.contains(name) {
            merged.types.push(name.clone());
        }
    }
    if let Some(scope) = fragment.scope {
        merged.scope = scope;
    }
    if let Some(expires_at) = fragment.expires_at {
        merged.expires_at = expires_at;
    }
    for attribute in fragment.attributes {
        merge_attribute(&mut merged, attribute, options, now)?;
    }
    merged.modified_at = now;
    *entity = merged;
    Ok(())
}

fn merge_attribute(
    entity: &mut Entity,
    fragment: Attribute,
    options: &MergeOptions,
    now: Time,
) -> Result<(), ParseError> {
    let key = fragment.dataset_id.as_deref();
    if matches!(fragment.value, AttributeValue::Null) {
        let which = Instances::One(fragment.dataset_id.clone());
        let _was_there = delete_attribute(entity, &fragment.name, &which, now);
        return Ok(());
    }
    match entity
        .attributes
        .iter_mut()
        .find(|a| a.is(&fragment.name, key))
    {
        Some(old) => {
            let fragment = like_old(fragment, old, options)?;
            let keeps_observed = fragment.observed_at.is_none() && old.observed_at.is_some();
            change_members(old, fragment, now);
            if let (true, Some(observed_at)) = (keeps_observed, options.observed_at) {
                old.observed_at = Some(observed_at);
            }
            Ok(())
        }
        None if is_unsaid(&fragment.value) => Err(ParseError::new(
            &fragment.name,
            "has no value, and there is no such attribute whose value could stay",
        )),
        None => {
            let mut new = strip_nulls(fragment);
            if let AttributeValue::Language(map) = &mut new.value {
                map.retain(|_tag, text| text.as_str() != Some(NULL));
            }
            new.stamp(now, now);
            entity.attributes.push(new);
            Ok(())
        }
    }
}

/// Plain JSON merged into an attribute of another kind takes that kind, as in the simplified
/// representation: a URI for a Relationship, a text in `lang` for a LanguageProperty.
fn like_old(
    mut fragment: Attribute,
    old: &Attribute,
    options: &MergeOptions,
) -> Result<Attribute, ParseError> {
    let AttributeValue::Property(plain) = &fragment.value else {
        return Ok(fragment);
    };
    if plain.is_null() {
        return Ok(fragment);
    }
    let within = |e: ParseError| e.within(&fragment.name);
    let value = match &old.value {
        AttributeValue::Relationship(_) => match plain {
            Value::String(text) => {
                AttributeValue::Relationship(Uris::One(lexical::uri(text).map_err(within)?))
            }
            Value::Array(items) => AttributeValue::Relationship(Uris::Many(
                items
                    .iter()
                    .map(lexical::uri_value)
                    .collect::<Result<_, _>>()
                    .map_err(within)?,
            )),
            _ => return Ok(fragment),
        },
        AttributeValue::Language(_) => match plain {
            Value::String(_) => {
                let lang = options.lang.clone().unwrap_or_else(|| "@none".to_owned());
                AttributeValue::Language(Map::from_iter([(lang, plain.clone())]))
            }
            _ => return Ok(fragment),
        },
        AttributeValue::Json(_) if plain.is_object() => AttributeValue::Json(plain.clone()),
        AttributeValue::Vocab(_) => match plain.as_str() {
            Some(text) => AttributeValue::Vocab(Uris::One(Name::from(text))),
            None => return Ok(fragment),
        },
        AttributeValue::List(_) => match plain {
            Value::Array(items) => AttributeValue::List(items.clone()),
            _ => return Ok(fragment),
        },
        _ => return Ok(fragment),
    };
    fragment.value = value;
    Ok(fragment)
}

/// Changes the members of an attribute that the fragment says.
pub(super) fn change_members(old: &mut Attribute, fragment: Attribute, now: Time) {
    if !is_unsaid(&fragment.value) {
        change_value(&mut old.value, fragment.value);
    }
    old.observed_at = fragment.observed_at.or(old.observed_at);
    old.expires_at = fragment.expires_at.or(old.expires_at);
    old.value_type = fragment.value_type.or(old.value_type.take());
    if !fragment.object_type.is_empty() {
        old.object_type = fragment.object_type;
    }
    match fragment.unit_code.as_deref() {
        Some(NULL) => old.unit_code = None,
        Some(_) => old.unit_code = fragment.unit_code,
        None => {}
    }
    for sub in fragment.sub {
        change_sub(old, sub, now);
    }
    old.modified_at = now;
}

fn change_sub(attribute: &mut Attribute, sub: Attribute, now: Time) {
    let at = attribute
        .sub
        .iter()
        .position(|s| s.is(&sub.name, sub.dataset_id.as_deref()));
    match (at, &sub.value) {
        (Some(at), AttributeValue::Null) => {
            attribute.sub.remove(at);
        }
        (None, AttributeValue::Null) => {}
        (Some(at), _) => change_members(&mut attribute.sub[at], sub, now),
        (None, value) if is_unsaid(value) => {}
        (None, _) => {
            let mut new = strip_nulls(sub);
            new.stamp(now, now);
            attribute.sub.push(new);
        }
    }
}

/// Objects are merged member by member, everything else is replaced.
fn change_value(old: &mut AttributeValue, new: AttributeValue) {
    match (old, new) {
        (AttributeValue::Property(old), AttributeValue::Property(new))
        | (AttributeValue::Json(old), AttributeValue::Json(new)) => merge_json(old, new),
        (AttributeValue::Language(old), AttributeValue::Language(new)) => merge_map(old, new),
        (old, AttributeValue::Language(mut new)) => {
            new.retain(|_tag, text| text.as_str() != Some(NULL));
            *old = AttributeValue::Language(new);
        }
        (old, new) => *old = new,
    }
}

fn merge_json(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => merge_map(old, new),
        (old, new) => *old = new,
    }
}

fn merge_map(old: &mut Map<String, Value>, new: Map<String, Value>) {
    for (name, value) in new {
        if value.is_null() || value.as_str() == Some(NULL) {
            old.shift_remove(&name);
        } else if let Some(there) = old.get_mut(&name) {
            merge_json(there, value);
        } else {
            old.insert(name, value);
        }
    }
}
