//! What the attributes of a type look like as columns: found by looking at the entities.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::{DataType, TimeUnit};
use base::{Name, Time};
use lake::history::schema::short;
use ngsi::{Attribute, AttributeValue, Entity, Uris};
use serde_json::Value;

/// Columns of one type. Limit: attributes beyond them, in the order of their names, are found in
/// `entity.attributes` alone.
const COLUMNS_MAX: usize = 2_000;

/// What all values of an attribute have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Numbers.
    Number,
    /// True or false.
    Boolean,
    /// Texts, or URIs.
    Text,
    /// Moments.
    Moment,
    /// GeoJSON, as text.
    Geometry,
    /// All else: JSON, as text.
    Json,
}

/// The type of moments.
pub(crate) fn moments() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Shape {
    /// The type of the column.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Number => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Moment => moments(),
            Self::Text | Self::Geometry | Self::Json => DataType::Utf8View,
        }
    }

    /// The sentence about the column.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Number | Self::Boolean | Self::Text | Self::Moment => "",
            Self::Geometry => "GeoJSON",
            Self::Json => "JSON",
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (one, two) if one == two => one,
            // A moment is a text that reads as one.
            (Self::Text, Self::Moment) | (Self::Moment, Self::Text) => Self::Text,
            _ => Self::Json,
        }
    }

    /// The shape of one value.
    pub(crate) fn of(attribute: &Attribute) -> Self {
        match &attribute.value {
            AttributeValue::Property(value) => match value {
                Value::Number(_) => Self::Number,
                Value::Bool(_) => Self::Boolean,
                _ if moment(attribute).is_some() => Self::Moment,
                Value::String(_) => Self::Text,
                _ if typed(value).is_some() => Self::Text,
                _ => Self::Json,
            },
            AttributeValue::Relationship(Uris::One(_)) | AttributeValue::Vocab(Uris::One(_)) => {
                Self::Text
            }
            AttributeValue::Geo(_) => Self::Geometry,
            _ => Self::Json,
        }
    }
}

/// Type and text of a value such as `{"@type": "Date", "@value": "2026-11-22"}`.
pub(crate) fn typed(value: &Value) -> Option<(&str, &str)> {
    let members = value.as_object().filter(|members| members.len() == 2)?;
    Some((
        members.get("@type")?.as_str()?,
        members.get("@value")?.as_str()?,
    ))
}

/// The value as a moment, if it says of itself that it is one.
pub(crate) fn moment(attribute: &Attribute) -> Option<Time> {
    let AttributeValue::Property(value) = &attribute.value else {
        return None;
    };
    let (class, text) = match typed(value) {
        Some(typed) => typed,
        None => (attribute.value_type.as_deref()?, value.as_str()?),
    };
    (short(class) == "DateTime")
        .then(|| Time::parse(text).ok())
        .flatten()
}

/// A column made of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// What it is called.
    pub(crate) name: String,
    /// Expanded name of the attribute.
    pub(crate) attribute: Name,
    /// What its values have in common.
    pub(crate) shape: Shape,
}

/// Looks at entities, and says what columns they make.
#[derive(Debug, Default)]
pub(crate) struct Shapes(HashMap<Name, Shape>);

impl Shapes {
    /// Looks at one more entity.
    pub(crate) fn see(&mut self, entity: &Entity, now: Time) {
        for attribute in &entity.attributes {
            if attribute.is_expired(now) {
                continue;
            }
            let shape = Shape::of(attribute);
            match self.0.get_mut(&attribute.name) {
                Some(known) => *known = known.join(shape),
                None => {
                    self.0.insert(attribute.name.clone(), shape);
                }
            }
        }
    }

    /// The columns, by name. `reserved` are the names of others: what is called so is named whole,
    /// as are attributes that differ only in what stands before the short name.
    pub(crate) fn columns(&self, reserved: &[&str]) -> Vec<Column> {
        let mut by_short: BTreeMap<&str, usize> = BTreeMap::new();
        for name in self.0.keys() {
            *by_short.entry(short(name)).or_default() += 1;
        }
        let mut columns: Vec<_> = self.0.iter().collect();
        columns.sort_unstable_by_key(|(name, _)| (short(name), *name));
        let columns = columns.into_iter().map(|(attribute, shape)| {
            let brief = short(attribute);
            let is_clear =
                by_short.get(brief) == Some(&1) && !brief.is_empty() && !reserved.contains(&brief);
            Column {
                name: if is_clear { brief } else { attribute }.to_owned(),
                attribute: attribute.clone(),
                shape: *shape,
            }
        });
        columns.take(COLUMNS_MAX).collect()
    }
}
