//! Merge patch: members said are changed, members unsaid stay, nulls delete [CIM-009 §5.5.12].

use base::{Name, Time};
use serde_json::{Map, Value};

use super::{drop_nulls, is_unsaid, strip_nulls};
use crate::entity::{Attribute, AttributeValue, Entity, NULL, Places, Uris};
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
    let mut places = Places::of(&merged.attributes, fragment.attributes.len());
    for attribute in fragment.attributes {
        merge_attribute(&mut merged, &mut places, attribute, options, now)?;
    }
    drop_nulls(&mut merged);
    merged.modified_at = now;
    *entity = merged;
    Ok(())
}

fn merge_attribute(
    entity: &mut Entity,
    places: &mut Places,
    fragment: Attribute,
    options: &MergeOptions,
    now: Time,
) -> Result<(), ParseError> {
    let at = places.find(&entity.attributes, &fragment);
    let old = at.and_then(|at| entity.attributes.get_mut(at));
    if matches!(fragment.value, AttributeValue::Null) {
        if let Some(old) = old {
            // It is taken out at the end, so that the others keep their places.
            old.value = AttributeValue::Null;
        }
        return Ok(());
    }
    match old {
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
            drop_inner_nulls(&mut new.value);
            new.stamp(now, now);
            places.push(&mut entity.attributes, new);
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
        if !is_unsaid(&old.value) && old.value.kind() != fragment.value.kind() {
            // What was said of a value of another kind does not hold for this one.
            (old.unit_code, old.value_type) = (None, None);
            old.object_type.clear();
        }
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
            drop_inner_nulls(&mut new.value);
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
        (old, mut new) => {
            drop_inner_nulls(&mut new);
            *old = new;
        }
    }
}

fn merge_json(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => merge_map(old, new),
        (old, mut new) => {
            drop_nulls_of_json(&mut new);
            *old = new;
        }
    }
}

/// Nulls delete members; where nothing was before, they are left out [RFC 7396].
fn drop_inner_nulls(value: &mut AttributeValue) {
    match value {
        AttributeValue::Property(value) | AttributeValue::Json(value) => drop_nulls_of_json(value),
        AttributeValue::Language(map) => map.retain(|_tag, text| !is_null(text)),
        _ => {}
    }
}

fn drop_nulls_of_json(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_name, value| !is_null(value));
        members.values_mut().for_each(drop_nulls_of_json);
    }
}

fn is_null(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some(NULL)
}

fn merge_map(old: &mut Map<String, Value>, new: Map<String, Value>) {
    for (name, value) in new {
        if is_null(&value) {
            old.shift_remove(&name);
        } else {
            merge_json(old.entry(name).or_insert(Value::Null), value);
        }
    }
}
