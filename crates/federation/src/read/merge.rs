//! One entity of the parts that several sources gave [CIM-009 §4.3.6, §4.5.5].

use std::sync::Arc;

use base::Name;
use ngsi::{Attribute, Entity};

use crate::explain::Explain;
use crate::registration::Mode;

/// How much what a source gives counts: the lower prevails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Nobody else has it.
    Exclusive,
    /// It is there and not here.
    Redirect,
    /// Beside others; this node itself as well.
    Additive,
    /// Only what nobody else gave.
    Auxiliary,
}

/// What one source gave of an entity.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) entity: Arc<Entity>,
    pub(super) level: Level,
    /// The registration; `None`: this node itself.
    pub(super) source: Option<Name>,
}

impl Part {
    /// A part of this node itself.
    pub(super) fn own(entity: Arc<Entity>) -> Self {
        Self {
            entity,
            level: Level::Additive,
            source: None,
        }
    }

    pub(super) fn is_own(&self) -> bool {
        self.source.is_none()
    }
}

impl From<Mode> for Level {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Exclusive => Self::Exclusive,
            Mode::Redirect => Self::Redirect,
            Mode::Inclusive => Self::Additive,
            Mode::Auxiliary => Self::Auxiliary,
        }
    }
}

/// Makes one entity of its parts. Of two instances of an attribute in the same dataset the one
/// observed later counts, else the one modified later, else the one of this node, else the one of
/// the registration with the lower id, so that the same parts always make the same whole.
pub(super) fn merge(mut parts: Vec<Part>, explain: &Explain) -> Option<Arc<Entity>> {
    parts.sort_by(|a, b| (a.level, &a.source).cmp(&(b.level, &b.source)));
    if let [only] = parts.as_slice()
        && !explain.wants_origins()
    {
        return Some(Arc::clone(&only.entity));
    }
    let mut parts = parts.into_iter();
    let first = parts.next()?;
    let mut whole = Entity::clone(&first.entity);
    let mut origins: Vec<Option<Name>> = vec![first.source.clone(); whole.attributes.len()];
    let mut main = whole.attributes.len();
    let mut is_main = first.level < Level::Auxiliary;
    for part in parts {
        if is_main && part.level == Level::Auxiliary {
            is_main = false;
            main = whole.attributes.len();
        }
        unite_heads(&mut whole, &part.entity);
        for attribute in &part.entity.attributes {
            let like = |a: &Attribute| a.is(&attribute.name, attribute.dataset_id.as_deref());
            match whole.attributes.iter().position(like) {
                None => {
                    whole.attributes.push(attribute.clone());
                    origins.push(part.source.clone());
                }
                Some(place) if part.level == Level::Auxiliary && place < main && !is_main => {}
                Some(place) if is_newer(attribute, &whole.attributes[place]) => {
                    whole.attributes[place] = attribute.clone();
                    origins[place].clone_from(&part.source);
                }
                Some(_) => {}
            }
        }
    }
    if explain.wants_origins() {
        let names = whole.attributes.iter().map(|a| &a.name);
        explain.origin(&whole.id, names.zip(origins));
    }
    Some(Arc::new(whole))
}

/// Types and scopes together, the first heard of and the last change of all.
fn unite_heads(whole: &mut Entity, part: &Entity) {
    for name in &part.types {
        if !whole.types.contains(name) {
            whole.types.push(name.clone());
        }
    }
    for scope in &part.scope {
        if !whole.scope.contains(scope) {
            whole.scope.push(scope.clone());
        }
    }
    let unknown = base::Time::default();
    if part.created_at != unknown
        && (whole.created_at == unknown || part.created_at < whole.created_at)
    {
        whole.created_at = part.created_at;
    }
    whole.modified_at = whole.modified_at.max(part.modified_at);
    // It ceases to be when the last part of it does.
    whole.expires_at = match (whole.expires_at, part.expires_at) {
        (Some(one), Some(other)) => Some(one.max(other)),
        _ => None,
    };
}

/// Whether `new` says something newer than `old` [CIM-009 §4.5.5].
fn is_newer(new: &Attribute, old: &Attribute) -> bool {
    (new.observed_at, new.modified_at) > (old.observed_at, old.modified_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;
    use ngsi::AttributeValue;
    use serde_json::json;

    fn part(
        source: Option<&str>,
        level: Level,
        attributes: &[(&str, i64, Option<i64>, i64)],
    ) -> Part {
        let attribute = |(name, value, observed, modified): &(&str, i64, Option<i64>, i64)| {
            let mut attribute =
                Attribute::new(Name::from(*name), AttributeValue::Property(json!(value)));
            attribute.observed_at = observed.map(Time::from_seconds);
            attribute.modified_at = Time::from_seconds(*modified);
            attribute
        };
        let entity = Entity {
            id: "urn:e".into(),
            types: vec![source.unwrap_or("T").into()],
            scope: Vec::new(),
            created_at: Time::from_seconds(1),
            modified_at: Time::from_seconds(1),
            expires_at: None,
            attributes: attributes.iter().map(attribute).collect(),
        };
        Part {
            entity: Arc::new(entity),
            level,
            source: source.map(Name::from),
        }
    }

    fn values(parts: Vec<Part>) -> Vec<(String, serde_json::Value)> {
        let whole = merge(parts, &Explain::default()).expect("a whole");
        let mut values: Vec<_> = whole
            .attributes
            .iter()
            .map(|a| match &a.value {
                AttributeValue::Property(value) => (a.name.to_string(), value.clone()),
                other => panic!("{other:?}"),
            })
            .collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }

    #[test]
    fn what_was_observed_or_else_modified_last_counts() {
        let here = part(
            None,
            Level::Additive,
            &[("a", 1, Some(5), 1), ("b", 1, None, 9), ("c", 1, None, 3)],
        );
        let there = part(
            Some("urn:r:1"),
            Level::Additive,
            &[
                ("a", 2, Some(4), 9),
                ("b", 2, None, 8),
                ("c", 2, Some(1), 1),
                ("d", 2, None, 1),
            ],
        );
        let expected = vec![
            ("a".to_owned(), json!(1)),
            ("b".to_owned(), json!(1)),
            ("c".to_owned(), json!(2)),
            ("d".to_owned(), json!(2)),
        ];
        assert_eq!(values(vec![here.clone(), there.clone()]), expected);
        assert_eq!(values(vec![there, here]), expected, "whichever comes first");
    }

    #[test]
    fn an_auxiliary_source_only_fills_what_nobody_else_gave() {
        let here = part(None, Level::Additive, &[("a", 1, None, 1)]);
        let aux = part(
            Some("urn:r:1"),
            Level::Auxiliary,
            &[("a", 2, Some(9), 9), ("b", 2, None, 1)],
        );
        let newer = part(Some("urn:r:2"), Level::Auxiliary, &[("b", 3, None, 2)]);
        assert_eq!(
            values(vec![aux, newer, here]),
            [("a".to_owned(), json!(1)), ("b".to_owned(), json!(3))]
        );
    }

    #[test]
    fn the_types_of_all_parts_are_united() {
        let parts = vec![
            part(None, Level::Additive, &[]),
            part(Some("U"), Level::Redirect, &[]),
        ];
        let whole = merge(parts, &Explain::default()).expect("a whole");
        assert_eq!(whole.types, ["U".into(), Name::from("T")]);
    }
}
