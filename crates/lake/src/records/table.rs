//! What a table of records looks like: declared once, extended by columns that may be null.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use base::Time;
use serde::{Deserialize, Serialize};

use super::error::RecordError;
use super::limits::{COLUMNS_MAX, DESCRIPTION_BYTES_MAX, NAME_BYTES_MAX};

/// The key in a field's metadata under which its declared type stands.
const TYPE_KEY: &str = "chorsu:type";

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ColumnType {
    /// `true` or `false`.
    Bool,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number, neither infinite nor none.
    Float64,
    /// Text.
    Text,
    /// A moment, in microseconds of UTC, of the years 1 to 9999.
    Timestamp,
    /// A day of the years 1 to 9999.
    Date,
    /// A decimal number.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// Bytes.
    Binary,
    /// A cell of H3, kept as a whole number of 64 bits.
    H3,
    /// Degrees from -180 to 180.
    Longitude,
    /// Degrees from -90 to 90.
    Latitude,
}

const PLAIN: &[(&str, ColumnType)] = &[
    ("bool", ColumnType::Bool),
    ("int32", ColumnType::Int32),
    ("int64", ColumnType::Int64),
    ("float64", ColumnType::Float64),
    ("text", ColumnType::Text),
    ("timestamp", ColumnType::Timestamp),
    ("date", ColumnType::Date),
    ("binary", ColumnType::Binary),
    ("h3", ColumnType::H3),
    ("longitude", ColumnType::Longitude),
    ("latitude", ColumnType::Latitude),
];

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Decimal { precision, scale } = self {
            return write!(f, "decimal({precision},{scale})");
        }
        let word = PLAIN.iter().find(|(_, plain)| plain == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

impl FromStr for ColumnType {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, plain)) = PLAIN.iter().find(|(word, _)| *word == text) {
            return Ok(*plain);
        }
        let decimal = || {
            let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = inner.split_once(',')?;
            let precision: u8 = precision.trim().parse().ok()?;
            let scale: u8 = scale.trim().parse().ok()?;
            ((1..=38).contains(&precision) && scale <= precision)
                .then_some(Self::Decimal { precision, scale })
        };
        decimal().ok_or_else(|| {
            let shown: String = text.chars().take(32).collect();
            let known: Vec<_> = PLAIN.iter().map(|(word, _)| *word).collect();
            format!(
                "'{shown}' is no type of a column; these are: {}, decimal(P,S) with S <= P <= 38",
                known.join(", ")
            )
        })
    }
}

impl TryFrom<String> for ColumnType {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ColumnType> for String {
    fn from(of: ColumnType) -> Self {
        of.to_string()
    }
}

impl ColumnType {
    /// As what it is kept.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int32 => DataType::Int32,
            Self::Int64 | Self::H3 => DataType::Int64,
            Self::Float64 | Self::Longitude | Self::Latitude => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::Decimal { precision, scale } => {
                DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(0))
            }
            Self::Binary => DataType::Binary,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name: a letter, then letters, digits and `_`, all in lower case.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a value may be missing.
    #[serde(default)]
    pub nullable: bool,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What somebody declares a table to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The column that says when: by its day rows are put into files. Without it the day of
    /// arrival counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// By which columns the rows of a file are ordered; none: by the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<String>,
    /// The column that says whom a row is about, for erasure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// Refuses what is no name of a table or column.
pub fn check_name(what: &str, name: &str) -> Result<(), RecordError> {
    let fits = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits {
        return Ok(());
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    Err(RecordError::Invalid(format!(
        "'{shown}' is no name of a {what}: write a lower-case letter, then up to \
         {NAME_BYTES_MAX} of a-z, 0-9 and '_'"
    )))
}

impl Definition {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), RecordError> {
        let wrong = |reason: String| Err(RecordError::Invalid(reason));
        if self.columns.is_empty() || self.columns.len() > COLUMNS_MAX {
            return wrong(format!("a table has 1 to {COLUMNS_MAX} columns"));
        }
        let mut names = BTreeSet::new();
        for column in &self.columns {
            check_name("column", &column.name)?;
            if !names.insert(column.name.as_str()) {
                return wrong(format!("the column '{}' comes twice", column.name));
            }
        }
        let texts = self.columns.iter().map(|column| &column.description);
        let too_long = |text: &Option<String>| {
            text.as_ref()
                .is_some_and(|text| text.len() > DESCRIPTION_BYTES_MAX)
        };
        if texts.chain([&self.description]).any(too_long) {
            return wrong(format!(
                "a description has at most {DESCRIPTION_BYTES_MAX} bytes"
            ));
        }
        if let Some(time) = &self.time {
            let column = self.named("time", time)?;
            if !matches!(column.kind, ColumnType::Timestamp | ColumnType::Date) || column.nullable {
                return wrong(format!(
                    "the time column '{time}' must be a timestamp or a date, and not nullable"
                ));
            }
        }
        let mut sorted = BTreeSet::new();
        for name in &self.sort {
            self.named("sort", name)?;
            if !sorted.insert(name) {
                return wrong(format!("'sort' names '{name}' twice"));
            }
        }
        if let Some(subject) = &self.subject {
            let column = self.named("subject", subject)?;
            if !matches!(
                column.kind,
                ColumnType::Text | ColumnType::Int64 | ColumnType::Int32
            ) {
                return wrong(format!(
                    "the subject column '{subject}' must be a text or a whole number"
                ));
            }
        }
        Ok(())
    }

    fn named(&self, member: &str, name: &str) -> Result<&Column, RecordError> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            RecordError::Invalid(format!("'{member}' names '{shown}', which is no column"))
        })
    }

    /// Whether a table of this definition can become one of `next`: by further columns at the end
    /// that may be null, or by other descriptions.
    pub fn can_become(&self, next: &Self) -> Result<(), RecordError> {
        let stands = |what: String| {
            Err(RecordError::Conflict(format!(
                "{what}: a table that is there can only get further nullable columns at its end; \
                 declare another table, or delete this one"
            )))
        };
        for (place, column) in self.columns.iter().enumerate() {
            let Some(other) = next.columns.get(place) else {
                return stands(format!("the column '{}' would be gone", column.name));
            };
            if other.name != column.name {
                return stands(format!(
                    "column {} is '{}' and would be '{}'",
                    place + 1,
                    column.name,
                    other.name
                ));
            }
            if other.kind != column.kind || other.nullable != column.nullable {
                let shown = |column: &Column| {
                    let may = if column.nullable { ", nullable" } else { "" };
                    format!("{}{may}", column.kind)
                };
                return stands(format!(
                    "the column '{}' is {} and would be {}",
                    column.name,
                    shown(column),
                    shown(other)
                ));
            }
        }
        let further = next.columns.iter().skip(self.columns.len());
        for column in further {
            if !column.nullable {
                return stands(format!(
                    "the new column '{}' is not nullable, and older rows have no value for it",
                    column.name
                ));
            }
        }
        for (what, is, would) in [
            ("time", &self.time, &next.time),
            ("subject", &self.subject, &next.subject),
        ] {
            if is != would {
                return stands(format!("'{what}' would change"));
            }
        }
        if self.sort != next.sort {
            return stands("'sort' would change".to_owned());
        }
        Ok(())
    }

    /// The columns as Arrow has them.
    pub fn schema(&self) -> SchemaRef {
        let field = |column: &Column| {
            let mut metadata = HashMap::new();
            if matches!(
                column.kind,
                ColumnType::H3 | ColumnType::Longitude | ColumnType::Latitude
            ) {
                metadata.insert(TYPE_KEY.to_owned(), column.kind.to_string());
            }
            Field::new(&column.name, column.kind.arrow(), column.nullable).with_metadata(metadata)
        };
        Arc::new(Schema::new(
            self.columns.iter().map(field).collect::<Vec<_>>(),
        ))
    }
}

/// A table of records that is there.
#[derive(Debug, Clone)]
pub struct RecordTable {
    /// Whose world: the name of a tenant, empty for the default one.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// Tells it from others that had the name before.
    pub id: String,
    /// When it was declared.
    pub created_at: Time,
    /// When it was declared as it is.
    pub modified_at: Time,
    /// What it looks like.
    pub definition: Definition,
    schema: SchemaRef,
}

/// A table as the store keeps it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) tenant: String,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) created_at: Time,
    pub(super) modified_at: Time,
    pub(super) definition: Definition,
}

impl From<Kept> for RecordTable {
    fn from(kept: Kept) -> Self {
        Self {
            schema: kept.definition.schema(),
            tenant: kept.tenant,
            name: kept.name,
            id: kept.id,
            created_at: kept.created_at,
            modified_at: kept.modified_at,
            definition: kept.definition,
        }
    }
}

impl RecordTable {
    /// The columns as Arrow has them; files from before a column was added lack it.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Its columns.
    pub fn columns(&self) -> &[Column] {
        &self.definition.columns
    }

    /// Where the column stands that says when.
    pub fn time_column(&self) -> Option<usize> {
        let time = self.definition.time.as_deref()?;
        self.place(time)
    }

    /// Where a column stands.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// Where the columns stand by which the rows of a file are ordered.
    pub fn sort_columns(&self) -> Vec<usize> {
        if self.definition.sort.is_empty() {
            return self.time_column().into_iter().collect();
        }
        let names = self.definition.sort.iter();
        names.filter_map(|name| self.place(name)).collect()
    }

    pub(super) fn kept(&self) -> Kept {
        Kept {
            tenant: self.tenant.clone(),
            name: self.name.clone(),
            id: self.id.clone(),
            created_at: self.created_at,
            modified_at: self.modified_at,
            definition: self.definition.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taps() -> Definition {
        serde_json::from_value(json!({
            "columns": [
                {"name": "time", "type": "timestamp"},
                {"name": "stop", "type": "text"},
                {"name": "fare", "type": "decimal(9, 2)", "nullable": true},
            ],
            "time": "time",
        }))
        .expect("a definition")
    }

    fn refusal(change: impl FnOnce(&mut Definition)) -> String {
        let mut definition = taps();
        change(&mut definition);
        definition.check().expect_err("refused").to_string()
    }

    #[test]
    fn the_word_of_a_type_reads_back() {
        for text in ["bool", "text", "h3", "decimal(38,0)", "latitude"] {
            let kind: ColumnType = text.parse().expect("a type");
            assert_eq!(kind.to_string(), text);
        }
        for text in ["string", "decimal(39,0)", "decimal(3,4)", "decimal", ""] {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_definition_that_makes_no_sense_is_refused_with_the_reason() {
        taps().check().expect("it makes sense");
        assert!(refusal(|d| d.columns[1].name = "time".to_owned()).contains("comes twice"));
        assert!(refusal(|d| d.columns[1].name = "Stop".to_owned()).contains("'Stop'"));
        assert!(refusal(|d| d.columns.clear()).contains("1 to 256"));
        assert!(refusal(|d| d.time = Some("stop".to_owned())).contains("timestamp"));
        assert!(refusal(|d| d.columns[0].nullable = true).contains("not nullable"));
        assert!(refusal(|d| d.sort = vec!["line".to_owned()]).contains("'line'"));
        assert!(refusal(|d| d.subject = Some("fare".to_owned())).contains("subject"));
    }

    #[test]
    fn a_table_only_grows_by_nullable_columns_at_its_end() {
        let column = |name: &str, nullable| Column {
            name: name.to_owned(),
            kind: ColumnType::Int32,
            nullable,
            description: None,
        };
        let may = |change: fn(&mut Definition)| {
            let mut next = taps();
            change(&mut next);
            taps().can_become(&next)
        };
        let mut grown = taps();
        grown.columns.push(column("zone", true));
        taps().can_become(&grown).expect("it grows");
        grown.can_become(&taps()).expect_err("it would shrink");
        let mut grown = taps();
        grown.columns.push(column("zone", false));
        let refused = taps().can_become(&grown).expect_err("older rows have none");
        assert!(refused.to_string().contains("'zone'"));
        may(|d| d.description = Some("Taps".to_owned())).expect("other words");
        may(|d| d.columns[1].kind = ColumnType::Binary).expect_err("another type");
        may(|d| d.columns[1].nullable = true).expect_err("another promise");
        may(|d| d.columns.swap(1, 2)).expect_err("another order");
        may(|d| d.sort = vec!["stop".to_owned()]).expect_err("another order of rows");
    }
}
