//! The model of an entity: what is known now of one thing of the city [CIM-009 §4.5].

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
    pub sub: Vec<Attribute>,
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
