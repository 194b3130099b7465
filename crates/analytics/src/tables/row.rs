//! Entities as rows: each column is made from a page of entities.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, ListBuilder, StringBuilder, StringViewBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field};
use base::{Name, Time};
use jsonld::Context;
use lake::history::schema::short;
use ngsi::query::{Member, Projected, Projection, ProjectionMember};
use ngsi::render::{Format, Out, Renderer};
use ngsi::{Attribute, AttributeValue, Entity, Uris};
use serde_json::Value;

use super::shape::{self, Column, Shape, moments};
use crate::SqlError;

/// The expanded name of the attribute that says where an entity is.
const LOCATION: &str = "https://uri.etsi.org/ngsi-ld/location";

/// What a column of entities says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The URI.
    Id,
    /// The first type, short.
    Type,
    /// The first type, whole.
    TypeUri,
    /// All types, short.
    Types,
    /// The scopes.
    Scope,
    /// When the node first heard of it.
    CreatedAt,
    /// When it last changed.
    ModifiedAt,
    /// When the youngest of its attributes was observed.
    ObservedAt,
    /// The middle of its location.
    Longitude,
    /// The middle of its location.
    Latitude,
    /// Its location.
    Location,
    /// All its attributes.
    Attributes,
    /// One attribute.
    Attribute(Column),
}

fn texts() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

impl Cell {
    /// The field of the column.
    pub(crate) fn field(&self) -> Field {
        let (name, data_type, nullable) = match self {
            Self::Id => ("id", DataType::Utf8View, false),
            Self::Type => ("type", DataType::Utf8View, false),
            Self::TypeUri => ("type_uri", DataType::Utf8View, false),
            Self::Types => ("types", texts(), false),
            Self::Scope => ("scope", texts(), false),
            Self::CreatedAt => ("created_at", moments(), false),
            Self::ModifiedAt => ("modified_at", moments(), false),
            Self::ObservedAt => ("observed_at", moments(), true),
            Self::Longitude => ("longitude", DataType::Float64, true),
            Self::Latitude => ("latitude", DataType::Float64, true),
            Self::Location => ("location", DataType::Utf8View, true),
            Self::Attributes => ("attributes", DataType::Utf8View, false),
            Self::Attribute(column) => (column.name.as_str(), column.shape.data_type(), true),
        };
        Field::new(name, data_type, nullable)
    }

    /// The sentence about the column.
    pub(crate) fn description(&self) -> &'static str {
        match self {
            Self::Id => "The URI of the entity",
            Self::Type => "Its first type, as the last part of the expanded name",
            Self::TypeUri => "Its first type, expanded",
            Self::Types => "All its types, each as the last part of the expanded name",
            Self::Scope => "Its scopes",
            Self::CreatedAt => "When the node first heard of it",
            Self::ModifiedAt => "When it last changed",
            Self::ObservedAt => "When the youngest of its attributes was observed",
            Self::Longitude | Self::Latitude => "The middle of its location, in degrees",
            Self::Location => "Its location as GeoJSON",
            Self::Attributes => "All its attributes as JSON, normalized; see attribute(…)",
            Self::Attribute(column) => column.shape.description(),
        }
    }

    /// The column of these entities.
    pub(crate) fn array(&self, entities: &[Arc<Entity>], now: Time) -> Result<ArrayRef, SqlError> {
        let each = entities.iter().map(|entity| &**entity);
        Ok(match self {
            Self::Id => view(each.map(|entity| Some(entity.id.as_str()))),
            Self::Type => view(each.map(|entity| first_type(entity).map(short))),
            Self::TypeUri => view(each.map(first_type)),
            Self::Types => list(each.map(|entity| (entity.types.as_slice(), true))),
            Self::Scope => list(each.map(|entity| (entity.scope.as_slice(), false))),
            Self::CreatedAt => times(each.map(|entity| Some(entity.created_at))),
            Self::ModifiedAt => times(each.map(|entity| Some(entity.modified_at))),
            Self::ObservedAt => times(each.map(|entity| {
                let kept = entity.attributes.iter().filter(|a| !a.is_expired(now));
                kept.filter_map(|attribute| attribute.observed_at).max()
            })),
            Self::Longitude => numbers(each.map(|entity| middle(entity, now).map(|at| at.lon))),
            Self::Latitude => numbers(each.map(|entity| middle(entity, now).map(|at| at.lat))),
            Self::Location => owned(each.map(|entity| {
                let geometry = location(entity, now)?;
                Some(geometry.to_geojson().to_string())
            })),
            Self::Attributes => owned(each.map(|entity| Some(attributes(entity, now)))),
            Self::Attribute(column) => return attribute(column, entities, now),
        })
    }
}

fn first_type(entity: &Entity) -> Option<&str> {
    entity.types.first().map(Name::as_str)
}

fn view<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
    let mut builder = StringViewBuilder::new();
    texts.for_each(|text| builder.append_option(text));
    Arc::new(builder.finish())
}

fn owned(texts: impl Iterator<Item = Option<String>>) -> ArrayRef {
    let mut builder = StringViewBuilder::new();
    texts.for_each(|text| builder.append_option(text));
    Arc::new(builder.finish())
}

fn numbers(numbers: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    let mut builder = Float64Builder::new();
    numbers.for_each(|number| builder.append_option(number));
    Arc::new(builder.finish())
}

fn times(times: impl Iterator<Item = Option<Time>>) -> ArrayRef {
    let mut builder = TimestampMicrosecondBuilder::new();
    times.for_each(|time| builder.append_option(time.map(Time::as_micros)));
    Arc::new(builder.finish().with_timezone("UTC"))
}

fn list<'n>(lists: impl Iterator<Item = (&'n [Name], bool)>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for (names, shortened) in lists {
        for name in names {
            let name = if shortened { short(name) } else { name };
            builder.values().append_value(name);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// The instance of an attribute that a column shows. Limit: of several datasets it is the default
/// one, else the first; `attributes` has all.
fn instance<'e>(entity: &'e Entity, name: &str, now: Time) -> Option<&'e Attribute> {
    let mut first = None;
    for attribute in &entity.attributes {
        if attribute.name == *name && !attribute.is_expired(now) {
            if attribute.dataset_id.is_none() {
                return Some(attribute);
            }
            first = first.or(Some(attribute));
        }
    }
    first
}

fn location(entity: &Entity, now: Time) -> Option<&spatial::Geometry> {
    match &instance(entity, LOCATION, now)?.value {
        AttributeValue::Geo(geometry) => Some(geometry),
        _ => None,
    }
}

fn middle(entity: &Entity, now: Time) -> Option<spatial::Position> {
    location(entity, now).map(spatial::Geometry::centroid)
}

/// All attributes as JSON.
fn attributes(entity: &Entity, now: Time) -> String {
    static CORE: LazyLock<Arc<Context>> = LazyLock::new(Context::core);
    static ATTRIBUTES: LazyLock<Projection> = LazyLock::new(|| {
        let others = [Member::Id, Member::Type, Member::Scope, Member::ExpiresAt];
        let omit = others.map(|member| ProjectionMember {
            name: Projected::Member(member),
            linked: Vec::new(),
        });
        Projection {
            pick: None,
            omit: Some(omit.to_vec()),
        }
    });
    let mut renderer = Renderer::new(&CORE, now);
    renderer.format = Format::Normalized;
    renderer.projection = Some(&ATTRIBUTES);
    let mut out = Out::with_capacity(entity.bytes());
    renderer.entity(&mut out, entity, None);
    out.into_string()
}

/// The column of an attribute. Its shape was found before this page was read: what does not fit
/// came in between.
fn attribute(column: &Column, entities: &[Arc<Entity>], now: Time) -> Result<ArrayRef, SqlError> {
    let each = entities
        .iter()
        .map(|entity| instance(entity, &column.attribute, now));
    let changed = || {
        let name = &column.name;
        SqlError::Changed(format!(
            "a value of another kind came for '{name}' meanwhile"
        ))
    };
    Ok(match column.shape {
        Shape::Number => {
            let mut builder = Float64Builder::with_capacity(entities.len());
            for attribute in each {
                builder.append_option(
                    attribute
                        .map(|a| number(a).ok_or_else(changed))
                        .transpose()?,
                );
            }
            Arc::new(builder.finish())
        }
        Shape::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(entities.len());
            for attribute in each {
                builder.append_option(
                    attribute
                        .map(|a| truth(a).ok_or_else(changed))
                        .transpose()?,
                );
            }
            Arc::new(builder.finish())
        }
        Shape::Moment => {
            let mut builder = TimestampMicrosecondBuilder::with_capacity(entities.len());
            for attribute in each {
                let moment = attribute.map(|a| shape::moment(a).ok_or_else(changed));
                builder.append_option(moment.transpose()?.map(Time::as_micros));
            }
            Arc::new(builder.finish().with_timezone("UTC"))
        }
        Shape::Text | Shape::Geometry => {
            let mut builder = StringViewBuilder::with_capacity(entities.len());
            for attribute in each {
                builder.append_option(attribute.map(|a| text(a).ok_or_else(changed)).transpose()?);
            }
            Arc::new(builder.finish())
        }
        Shape::Json => owned(each.map(|attribute| attribute.map(json))),
    })
}

fn number(attribute: &Attribute) -> Option<f64> {
    match &attribute.value {
        AttributeValue::Property(Value::Number(number)) => number.as_f64(),
        _ => None,
    }
}

fn truth(attribute: &Attribute) -> Option<bool> {
    match &attribute.value {
        AttributeValue::Property(Value::Bool(truth)) => Some(*truth),
        _ => None,
    }
}

fn text(attribute: &Attribute) -> Option<String> {
    match &attribute.value {
        AttributeValue::Property(Value::String(text)) => Some(text.clone()),
        AttributeValue::Property(value) => shape::typed(value).map(|(_, text)| text.to_owned()),
        AttributeValue::Relationship(Uris::One(uri)) => Some(uri.to_string()),
        AttributeValue::Vocab(Uris::One(term)) => Some(short(term).to_owned()),
        AttributeValue::Geo(geometry) => Some(geometry.to_geojson().to_string()),
        _ => None,
    }
}

fn json(attribute: &Attribute) -> String {
    let texts = |names: &[Name]| Value::from(names.iter().map(Name::as_str).collect::<Vec<_>>());
    match &attribute.value {
        AttributeValue::Property(value) | AttributeValue::Json(value) => value.to_string(),
        AttributeValue::Relationship(Uris::One(uri)) => Value::from(uri.as_str()).to_string(),
        AttributeValue::Relationship(Uris::Many(uris)) | AttributeValue::ListRelationship(uris) => {
            texts(uris).to_string()
        }
        AttributeValue::Vocab(Uris::One(term)) => Value::from(short(term)).to_string(),
        AttributeValue::Vocab(Uris::Many(terms)) => {
            Value::from(terms.iter().map(|term| short(term)).collect::<Vec<_>>()).to_string()
        }
        AttributeValue::Geo(geometry) => geometry.to_geojson().to_string(),
        AttributeValue::Language(map) => Value::Object(map.clone()).to_string(),
        AttributeValue::List(items) => Value::Array(items.clone()).to_string(),
        AttributeValue::Null => "null".to_owned(),
    }
}
