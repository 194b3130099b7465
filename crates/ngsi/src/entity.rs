//! The model of an entity: what is known now of one thing of the city [CIM-009 §4.5].

use std::collections::HashMap;

use base::{Name, Time};
use serde_json::{Map, Value};
use spatial::Geometry;

/// The URI that stands for "delete this" in fragments and for "was deleted" in history
/// [CIM-009 §4.5.0].
pub const NULL: &str = "urn:ngsi-ld:null";

/// An entity with all names expanded. Attributes stand in the order in which they came;
/// no two have the same name and dataset id.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// The URI.
    pub id: Name,
    /// Expanded types, at least one, none twice.
    pub types: Vec<Name>,
    /// Scopes such as `/Madrid/Gardens` [CIM-009 §4.18].
    pub scope: Vec<Name>,
    /// When the node first heard of it.
    pub created_at: Time,
    /// When it last changed.
    pub modified_at: Time,
    /// When it ceases to be, if it is transient [CIM-009 §4.22].
    pub expires_at: Option<Time>,
    /// What is known of it.
    pub attributes: Vec<Attribute>,
}

/// One attribute instance: a property, relationship or one of their kin.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Expanded name.
    pub name: Name,
    /// Which of several instances of the name; the default one has none [CIM-009 §4.5.5].
    pub dataset_id: Option<Name>,
    /// Kind and value.
    pub value: AttributeValue,
    /// When the world was so.
    pub observed_at: Option<Time>,
    /// UN/CEFACT code of the unit.
    pub unit_code: Option<Name>,
    /// `valueType` of a property: expanded name of the native JSON-LD type.
    pub value_type: Option<Name>,
    /// Expanded `objectType`s of a relationship.
    pub object_type: Vec<Name>,
    /// When the node first heard of it.
    pub created_at: Time,
    /// When it last changed.
    pub modified_at: Time,
    /// When it ceases to be, if it is transient.
    pub expires_at: Option<Time>,
    /// Attributes of the attribute.
    pub sub: Vec<Self>,
}

/// Kind and value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// `value` of a Property: any JSON but null.
    Property(Value),
    /// `object` of a Relationship.
    Relationship(Uris),
    /// `value` of a GeoProperty.
    Geo(Geometry),
    /// `languageMap` of a LanguageProperty: language tag → string or array of strings.
    Language(Map<String, Value>),
    /// `json` of a JsonProperty: any JSON, never expanded.
    Json(Value),
    /// `vocab` of a VocabProperty: expanded terms.
    Vocab(Uris),
    /// `valueList` of a ListProperty.
    List(Vec<Value>),
    /// `objectList` of a ListRelationship.
    ListRelationship(Vec<Name>),
    /// [`NULL`]: delete it (in a fragment), it was deleted (in history); never in an entity.
    Null,
}

/// One URI or an array of them, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uris {
    /// A single one.
    One(Name),
    /// An array.
    Many(Vec<Name>),
}

/// The eight kinds of attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeKind {
    /// A Property.
    Property,
    /// A Relationship.
    Relationship,
    /// A GeoProperty.
    GeoProperty,
    /// A LanguageProperty.
    LanguageProperty,
    /// A JsonProperty.
    JsonProperty,
    /// A VocabProperty.
    VocabProperty,
    /// A ListProperty.
    ListProperty,
    /// A ListRelationship.
    ListRelationship,
}

/// Which instance of an attribute: its name and dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeKey {
    /// Expanded name.
    pub name: Name,
    /// The dataset; `None` is the default instance.
    pub dataset_id: Option<Name>,
}

impl Entity {
    /// The instance of this name and dataset.
    pub fn attribute(&self, name: &str, dataset_id: Option<&str>) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.is(name, dataset_id))
    }

    /// All instances of this name.
    pub fn instances<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Attribute> {
        self.attributes.iter().filter(move |a| a.name == *name)
    }

    /// About how many bytes the entity takes when it is written.
    pub fn bytes(&self) -> usize {
        let names = self.types.iter().chain(&self.scope).map(|name| name.len());
        let attributes = self.attributes.iter().map(Attribute::bytes);
        self.id.len() + names.chain(attributes).sum::<usize>()
    }

    /// Whether the entity has ceased to be at `now`.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Takes out the attributes that have ceased to be at `now`.
    pub fn drop_expired(&mut self, now: Time) {
        self.attributes.retain(|a| !a.is_expired(now));
    }
}

impl Attribute {
    /// A bare attribute: no dataset, no times, no sub-attributes.
    pub fn new(name: Name, value: AttributeValue) -> Self {
        Self {
            name,
            dataset_id: None,
            value,
            observed_at: None,
            unit_code: None,
            value_type: None,
            object_type: Vec::new(),
            created_at: Time::default(),
            modified_at: Time::default(),
            expires_at: None,
            sub: Vec::new(),
        }
    }

    /// Whether this is the instance of that name and dataset.
    pub fn is(&self, name: &str, dataset_id: Option<&str>) -> bool {
        self.name == *name && self.dataset_id.as_deref() == dataset_id
    }

    /// Name and dataset.
    pub fn key(&self) -> AttributeKey {
        AttributeKey {
            name: self.name.clone(),
            dataset_id: self.dataset_id.clone(),
        }
    }

    /// About how many bytes the attribute takes when it is written.
    pub fn bytes(&self) -> usize {
        let dataset = self.dataset_id.as_ref().map_or(0, |id| id.len());
        let below: usize = self.sub.iter().map(Self::bytes).sum();
        self.name.len() + dataset + self.value.bytes() + below + METADATA_BYTES
    }

    /// Whether the attribute has ceased to be at `now`.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Gives this attribute and all below it their system times.
    pub fn stamp(&mut self, created_at: Time, modified_at: Time) {
        self.created_at = created_at;
        self.modified_at = modified_at;
        for sub in &mut self.sub {
            sub.stamp(created_at, modified_at);
        }
    }
}

impl AttributeValue {
    fn bytes(&self) -> usize {
        let names = |names: &[Name]| names.iter().map(|name| name.len() + SCALAR_BYTES).sum();
        match self {
            Self::Property(value) | Self::Json(value) => json_bytes(value),
            Self::Relationship(uris) | Self::Vocab(uris) => names(uris.as_slice()),
            Self::ListRelationship(uris) => names(uris),
            Self::Geo(geometry) => geometry.positions().count() * 2 * SCALAR_BYTES,
            Self::Language(map) => map_bytes(map),
            Self::List(items) => items.iter().map(json_bytes).sum(),
            Self::Null => SCALAR_BYTES,
        }
    }

    /// The kind; `None` for [`AttributeValue::Null`].
    pub fn kind(&self) -> Option<AttributeKind> {
        Some(match self {
            Self::Property(_) => AttributeKind::Property,
            Self::Relationship(_) => AttributeKind::Relationship,
            Self::Geo(_) => AttributeKind::GeoProperty,
            Self::Language(_) => AttributeKind::LanguageProperty,
            Self::Json(_) => AttributeKind::JsonProperty,
            Self::Vocab(_) => AttributeKind::VocabProperty,
            Self::List(_) => AttributeKind::ListProperty,
            Self::ListRelationship(_) => AttributeKind::ListRelationship,
            Self::Null => return None,
        })
    }
}

impl AttributeKind {
    /// The standard's word: `Property`, `GeoProperty` …
    pub fn word(self) -> &'static str {
        match self {
            Self::Property => "Property",
            Self::Relationship => "Relationship",
            Self::GeoProperty => "GeoProperty",
            Self::LanguageProperty => "LanguageProperty",
            Self::JsonProperty => "JsonProperty",
            Self::VocabProperty => "VocabProperty",
            Self::ListProperty => "ListProperty",
            Self::ListRelationship => "ListRelationship",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "Property" => Self::Property,
            "Relationship" => Self::Relationship,
            "GeoProperty" => Self::GeoProperty,
            "LanguageProperty" => Self::LanguageProperty,
            "JsonProperty" => Self::JsonProperty,
            "VocabProperty" => Self::VocabProperty,
            "ListProperty" => Self::ListProperty,
            "ListRelationship" => Self::ListRelationship,
            _ => return None,
        })
    }

    /// The member that carries the value: `value`, `object`, `languageMap` …
    pub fn member(self) -> &'static str {
        match self {
            Self::Property | Self::GeoProperty => "value",
            Self::Relationship => "object",
            Self::LanguageProperty => "languageMap",
            Self::JsonProperty => "json",
            Self::VocabProperty => "vocab",
            Self::ListProperty => "valueList",
            Self::ListRelationship => "objectList",
        }
    }
}

impl Uris {
    /// The URIs, one or many.
    pub fn as_slice(&self) -> &[Name] {
        match self {
            Self::One(uri) => std::slice::from_ref(uri),
            Self::Many(uris) => uris,
        }
    }
}

/// Bytes that a number, a flag or the marks around a text count as.
const SCALAR_BYTES: usize = 8;
/// Bytes that times and other metadata of an attribute count as.
const METADATA_BYTES: usize = 64;

fn json_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + SCALAR_BYTES,
        Value::Array(items) => items.iter().map(json_bytes).sum::<usize>() + SCALAR_BYTES,
        Value::Object(members) => map_bytes(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => SCALAR_BYTES,
    }
}

fn map_bytes(members: &Map<String, Value>) -> usize {
    let member = |(name, value): (&String, &Value)| name.len() + SCALAR_BYTES + json_bytes(value);
    members.iter().map(member).sum::<usize>() + SCALAR_BYTES
}

/// Comparisons up to which looking through the instances is faster than an index of them.
const COMPARISONS_MAX: usize = 4_096;

/// Where the instances of an entity stand. Of many instances and many questions an index is made,
/// so that the work does not grow with the square of an entity.
pub(crate) struct Places(Option<HashMap<AttributeKey, usize>>);

impl Places {
    /// The places in `attributes`, for so many questions.
    pub(crate) fn of(attributes: &[Attribute], questions: usize) -> Self {
        let many = attributes
            .len()
            .saturating_add(questions)
            .saturating_mul(questions)
            > COMPARISONS_MAX;
        Self(many.then(|| {
            let places = attributes.iter().enumerate();
            places.map(|(at, a)| (a.key(), at)).collect()
        }))
    }

    /// The place of the instance of the same name and dataset.
    pub(crate) fn find(&self, attributes: &[Attribute], like: &Attribute) -> Option<usize> {
        match &self.0 {
            Some(places) => places.get(&like.key()).copied(),
            None => attributes
                .iter()
                .position(|a| a.is(&like.name, like.dataset_id.as_deref())),
        }
    }

    /// Puts a new instance at the end.
    pub(crate) fn push(&mut self, attributes: &mut Vec<Attribute>, new: Attribute) {
        if let Some(places) = &mut self.0 {
            places.insert(new.key(), attributes.len());
        }
        attributes.push(new);
    }
}
