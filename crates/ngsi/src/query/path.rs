//! Attribute paths: what of an entity a query or an ordering speaks of [CIM-009 §4.9].

use base::{Name, Time};
use jsonld::Context;
use serde_json::{Map, Value};

use super::QueryError;
use super::cursor::Cursor;
use crate::entity::{Attribute, AttributeValue, Entity};

/// `sensor.rawdata[airquality.particulate]`, `name.observedAt`, `color[en]`, `createdAt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Expanded names from the entity's attribute down to the sub-attribute; empty when the path speaks of
    /// a member of the entity itself.
    pub attributes: Vec<Name>,
    /// The member of the entity or (sub-)attribute, if not its value.
    pub member: Option<Member>,
    /// The members within a compound value, or the language; empty when there are no brackets.
    pub trail: Vec<String>,
}

/// A member that is not an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// `id`, of an entity.
    Id,
    /// `type`, of an entity.
    Type,
    /// `scope`, of an entity.
    Scope,
    /// `createdAt`.
    CreatedAt,
    /// `modifiedAt`.
    ModifiedAt,
    /// `expiresAt`.
    ExpiresAt,
    /// `observedAt`, of an attribute.
    ObservedAt,
    /// `unitCode`, of an attribute.
    UnitCode,
    /// `datasetId`, of an attribute.
    DatasetId,
    /// `valueType`, of an attribute.
    ValueType,
    /// `objectType`, of an attribute.
    ObjectType,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'e> {
    /// A JSON value that is no array.
    Json(&'e Value),
    /// The elements of an array.
    Array(&'e [Value]),
    /// A language map with the values of every language.
    Languages(&'e Map<String, Value>),
    /// URIs.
    Uris(&'e [Name]),
    /// Texts.
    Texts(&'e [Name]),
    /// A moment.
    Moment(Time),
    /// A place.
    Geo(&'e spatial::Geometry),
}

impl Member {
    /// A member of an entity, by its name.
    pub(super) fn of_entity(name: &str) -> Option<Self> {
        Some(match name {
            "id" | "@id" => Self::Id,
            "type" | "@type" => Self::Type,
            "scope" => Self::Scope,
            "createdAt" => Self::CreatedAt,
            "modifiedAt" => Self::ModifiedAt,
            "expiresAt" => Self::ExpiresAt,
            _ => return None,
        })
    }

    fn of_attribute(name: &str) -> Option<Self> {
        Some(match name {
            "createdAt" => Self::CreatedAt,
            "modifiedAt" => Self::ModifiedAt,
            "expiresAt" => Self::ExpiresAt,
            "observedAt" => Self::ObservedAt,
            "unitCode" => Self::UnitCode,
            "datasetId" => Self::DatasetId,
            "valueType" => Self::ValueType,
            "objectType" => Self::ObjectType,
            _ => return None,
        })
    }
}

/// Whether the character may stand in a name. The standard allows letters, numbers and `_`; a colon between
/// prefix and name comes from §4.6.2, a hyphen from @contexts seen in the field.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '@')
}

impl Path {
    /// Reads a path whose first name was read already.
    pub(super) fn read_after(
        first: &str,
        cursor: &mut Cursor<'_>,
        context: &Context,
    ) -> Result<Self, QueryError> {
        let mut path = Self {
            attributes: Vec::new(),
            member: None,
            trail: Vec::new(),
        };
        let mut name = first;
        loop {
            // `..` belongs to a range, but no range can begin here: one dot at a time.
            let last = !cursor.rest().starts_with('.');
            path.member = match (last, path.attributes.is_empty()) {
                (true, true) => Member::of_entity(name),
                (true, false) => Member::of_attribute(name),
                (false, _) => None,
            };
            if path.member.is_none() {
                path.attributes.push(cursor.expand(name, context)?);
            }
            if path.attributes.len() > base::limits::ATTRIBUTE_DEPTH_MAX + 1 {
                return Err(cursor.limit("has a path that is deeper than attributes can be"));
            }
            if !cursor.eat(".") {
                break;
            }
            name = cursor.take_while(is_name_char);
            if name.is_empty() {
                return Err(cursor.wrong("expected a name after the dot"));
            }
        }
        if cursor.eat("[") {
            let trail = cursor.take_while(|c| c != ']');
            path.trail = trail.split('.').map(str::to_owned).collect();
            if path.trail.iter().any(String::is_empty) || !cursor.eat("]") {
                return Err(cursor.wrong("expected names and then ']'"));
            }
        }
        Ok(path)
    }

    /// Whether `wanted` holds for anything that the path leads to in the entity at `now`; of several
    /// instances of an attribute any may do.
    pub(super) fn any(
        &self,
        entity: &Entity,
        now: Time,
        wanted: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> bool {
        match self.attributes.split_first() {
            Some((first, below)) => self.any_below(first, below, &entity.attributes, now, wanted),
            None => self.of_entity(entity).is_some_and(wanted),
        }
    }

    fn any_below(
        &self,
        name: &Name,
        below: &[Name],
        attributes: &[Attribute],
        now: Time,
        wanted: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> bool {
        let mut instances = attributes
            .iter()
            .filter(|a| a.name == *name && !a.is_expired(now));
        match below.split_first() {
            Some((next, below)) => {
                instances.any(|a| self.any_below(next, below, &a.sub, now, wanted))
            }
            None => instances.any(|a| self.with_target(a, wanted)),
        }
    }

    fn of_entity<'e>(&self, entity: &'e Entity) -> Option<Found<'e>> {
        let scopes = || (!entity.scope.is_empty()).then_some(Found::Texts(&entity.scope));
        match self.member? {
            Member::Id => Some(Found::Uris(std::slice::from_ref(&entity.id))),
            Member::Type => Some(Found::Uris(&entity.types)),
            Member::Scope => scopes(),
            Member::CreatedAt => Some(Found::Moment(entity.created_at)),
            Member::ModifiedAt => Some(Found::Moment(entity.modified_at)),
            Member::ExpiresAt => entity.expires_at.map(Found::Moment),
            _ => None,
        }
    }

    fn with_target(&self, a: &Attribute, wanted: &mut dyn FnMut(Found<'_>) -> bool) -> bool {
        let found = match self.member {
            None => match (&a.value, self.trail.is_empty()) {
                (AttributeValue::Geo(geometry), false) => {
                    let json = geometry.to_geojson();
                    return member_of(&json, &self.trail)
                        .map(of_json)
                        .is_some_and(wanted);
                }
                _ => self.value_of(a),
            },
            Some(Member::CreatedAt) => Some(Found::Moment(a.created_at)),
            Some(Member::ModifiedAt) => Some(Found::Moment(a.modified_at)),
            Some(Member::ExpiresAt) => a.expires_at.map(Found::Moment),
            Some(Member::ObservedAt) => a.observed_at.map(Found::Moment),
            Some(Member::ObjectType) => {
                (!a.object_type.is_empty()).then_some(Found::Uris(&a.object_type))
            }
            Some(Member::UnitCode) => one(a.unit_code.as_ref()).map(Found::Texts),
            Some(Member::DatasetId) => one(a.dataset_id.as_ref()).map(Found::Uris),
            Some(Member::ValueType) => one(a.value_type.as_ref()).map(Found::Uris),
            Some(Member::Id | Member::Type | Member::Scope) => None,
        };
        found.is_some_and(wanted)
    }

    /// The value of an attribute, or what the trail leads to within it.
    fn value_of<'e>(&self, a: &'e Attribute) -> Option<Found<'e>> {
        let plain = self.trail.is_empty();
        match &a.value {
            AttributeValue::Property(value) | AttributeValue::Json(value) => {
                member_of(value, &self.trail).map(of_json)
            }
            AttributeValue::Language(map) => match self.trail.as_slice() {
                [] => Some(Found::Languages(map)),
                [any] if any == "*" => Some(Found::Languages(map)),
                [tag] => map
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(tag))
                    .map(|(_, value)| of_json(value)),
                _ => None,
            },
            AttributeValue::Relationship(uris) | AttributeValue::Vocab(uris) => {
                plain.then_some(Found::Uris(uris.as_slice()))
            }
            AttributeValue::ListRelationship(uris) => plain.then_some(Found::Uris(uris)),
            AttributeValue::List(values) => plain.then_some(Found::Array(values)),
            AttributeValue::Geo(geometry) => plain.then_some(Found::Geo(geometry)),
            AttributeValue::Null => None,
        }
    }
}

/// Follows member names into a value, as ECMAScript's dot notation would.
fn member_of<'v>(value: &'v Value, trail: &[String]) -> Option<&'v Value> {
    trail
        .iter()
        .try_fold(value, |value, name| value.as_object()?.get(name))
}

fn one(name: Option<&Name>) -> Option<&[Name]> {
    name.map(std::slice::from_ref)
}

fn of_json(value: &Value) -> Found<'_> {
    match value {
        Value::Array(elements) => Found::Array(elements),
        other => Found::Json(other),
    }
}
