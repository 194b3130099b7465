//! The mapping of a table to entities, as a TOML file says it; those in `fixtures/mappings` show how.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::path::Path;

use base::limits::ATTRIBUTES_MAX;
use encoding_rs::Encoding;
use serde::Deserialize;
use serde_json::Value;

use super::moment::{Clockwork, TimeSpec};
use super::template::Template;
use crate::error::ImportError;
use crate::rows::{Row, Rows, Step};

/// Rows of a lookup table: it lists places, not measurements.
const LOOKUP_ROWS_MAX: usize = 1_000_000;
/// Bytes of a mapping file: written by hand.
const MAPPING_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of a lookup table.
const LOOKUP_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How columns of the lookup table are named in the mapping.
pub(super) const LOOKUP: &str = "lookup.";
/// The column of an attribute in a matrix.
const WIDE: &str = "*";

/// How a table becomes entities.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) file: FileSpec,
    pub(super) entity: EntitySpec,
    pub(super) id: Template,
    pub(super) time: Option<Clockwork>,
    pub(super) location: Option<LocationSpec>,
    pub(super) attributes: Vec<AttributeSpec>,
    pub(super) lookup: Option<Lookup>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    #[serde(default)]
    file: FileSpec,
    entity: EntitySpec,
    time: Option<TimeSpec>,
    location: Option<LocationSpec>,
    #[serde(default)]
    attribute: Vec<AttributeSpec>,
    lookup: Option<LookupSpec>,
}

/// How the text is to be read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FileSpec {
    /// One ASCII character; `\t` for tabs.
    pub(crate) delimiter: char,
    /// A name from the WHATWG list, such as `windows-1251` or `gb18030`.
    pub(crate) encoding: Option<String>,
    /// Rows before the header.
    pub(crate) skip_rows: usize,
    /// Rows of the header: the first has the names, the others are passed over.
    pub(crate) header_rows: usize,
    /// Texts that mean "no value".
    pub(crate) nulls: Vec<String>,
    /// The decimal sign.
    pub(crate) decimal: char,
    /// The sign between thousands.
    pub(crate) thousands: Option<char>,
}

impl Default for FileSpec {
    fn default() -> Self {
        Self {
            delimiter: ',',
            encoding: None,
            skip_rows: 0,
            header_rows: 1,
            nulls: vec![String::new()],
            decimal: '.',
            thousands: None,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntitySpec {
    id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The Smart Data Model of type and attributes; without it they stay plain terms.
    pub(super) model: Option<String>,
}

/// Where a thing is: the columns of longitude and latitude in degrees, or in a live feed of a
/// GeoJSON geometry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LocationSpec {
    pub(super) lon: String,
    pub(super) lat: String,
    pub(super) geometry: Option<String>,
    /// In a live feed: it stands still, its place has no moment.
    #[serde(rename = "static")]
    pub(super) is_static: bool,
}

/// One attribute, and how a text becomes its value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AttributeSpec {
    pub(super) name: String,
    /// The column of its values; `*` makes every column an entity of its own that no other part of
    /// the mapping names, and `{column}` its name in templates.
    pub(super) column: Option<String>,
    /// Columns that `*` does not mean.
    pub(super) except: Vec<String>,
    /// Or the one value that every entity has.
    pub(super) value: Option<Value>,
    pub(super) kind: ValueKind,
    /// A unit by its UN/CEFACT code.
    pub(super) unit: Option<String>,
    /// The value is multiplied by this …
    pub(super) scale: Option<f64>,
    /// … this is added …
    pub(super) offset: Option<f64>,
    /// … and it is rounded to so many decimals.
    pub(super) digits: Option<u8>,
    /// Another Smart Data Model than the entity's; empty for a plain term.
    pub(super) model: Option<String>,
    /// The language of the text: texts of one name in several languages join.
    pub(super) language: Option<String>,
    /// What words mean.
    pub(super) words: BTreeMap<String, Value>,
    /// It belongs to the entity and has no history.
    #[serde(rename = "static")]
    pub(super) is_static: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ValueKind {
    #[default]
    Number,
    Text,
    Bool,
    /// Any JSON, as it is.
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupSpec {
    /// The table: beside the mapping, or beside the data.
    file: String,
    /// What names a row of it.
    key: String,
    /// What names the same thing in the data.
    #[serde(rename = "match")]
    wanted: String,
    delimiter: Option<char>,
    encoding: Option<String>,
}

/// A second table with one row for each thing of the first.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub(super) wanted: Template,
    pub(super) columns: HashMap<String, usize>,
    pub(super) rows: HashMap<String, Row>,
}

impl Mapping {
    /// Reads a mapping file; a lookup table is looked for beside it, then beside the data.
    pub fn load(path: &Path, data: Option<&Path>) -> Result<Self, ImportError> {
        let text = crate::source::Source::file(path).whole(MAPPING_BYTES_MAX)?;
        let name = path.display().to_string();
        let text =
            String::from_utf8(text).map_err(|reason| ImportError::mapping(&name, &reason))?;
        let read = |file: &str| {
            let folders = [path.parent(), data.and_then(Path::parent)];
            let found = folders
                .into_iter()
                .flatten()
                .map(|folder| folder.join(file));
            let found = found.into_iter().find(|file| file.is_file());
            let Some(found) = found else {
                let reason =
                    format!("lookup table {file} is neither beside it nor beside the data");
                return Err(ImportError::mapping(&name, &reason));
            };
            crate::source::Source::file(found).whole(LOOKUP_BYTES_MAX)
        };
        Self::parse(&name, &text, &read)
    }

    /// Reads a mapping from its text; `read` gives the bytes of a lookup table by its name.
    pub fn parse(
        name: &str,
        text: &str,
        read: &dyn Fn(&str) -> Result<Vec<u8>, ImportError>,
    ) -> Result<Self, ImportError> {
        let wrong = |reason: &dyn std::fmt::Display| ImportError::mapping(name, &reason);
        let spec: Spec = toml::from_str(text).map_err(|reason| wrong(&reason))?;
        if spec.attribute.is_empty() {
            return Err(wrong(&"there is no [[attribute]]"));
        }
        if let Some(location) = &spec.location
            && (location.geometry.is_some() || location.lon.is_empty() || location.lat.is_empty())
        {
            return Err(wrong(&"[location] of a table needs lon and lat"));
        }
        Self::build(name, spec, read)
    }

    /// The mapping of a live feed: the same words, as JSON and without a lookup table.
    pub fn live(name: &str, spec: Value) -> Result<Self, ImportError> {
        let wrong = |reason: &dyn std::fmt::Display| ImportError::mapping(name, &reason);
        let spec: Spec = serde_json::from_value(spec).map_err(|reason| wrong(&reason))?;
        if spec.lookup.is_some() {
            return Err(wrong(&"a live feed has no [lookup]"));
        }
        if spec.attribute.is_empty() && spec.location.is_none() {
            return Err(wrong(&"there is neither [[attribute]] nor [location]"));
        }
        if spec.attribute.len() > ATTRIBUTES_MAX {
            return Err(wrong(&format!("more than {ATTRIBUTES_MAX} attributes")));
        }
        if spec.attribute.iter().any(AttributeSpec::is_wide) {
            return Err(wrong(&"the column * is for files: name the columns"));
        }
        Self::build(name, spec, &|_| Err(wrong(&"a live feed has no [lookup]")))
    }

    fn build(
        name: &str,
        spec: Spec,
        read: &dyn Fn(&str) -> Result<Vec<u8>, ImportError>,
    ) -> Result<Self, ImportError> {
        let wrong = |reason: &dyn std::fmt::Display| ImportError::mapping(name, &reason);
        for attribute in &spec.attribute {
            if attribute.column.is_some() == attribute.value.is_some() || attribute.name.is_empty()
            {
                let reason = format!(
                    "attribute {:?}: a name, and a column or a value",
                    attribute.name
                );
                return Err(wrong(&reason));
            }
        }
        if !spec.file.delimiter.is_ascii() || spec.file.header_rows == 0 {
            return Err(wrong(
                &"delimiter is one ASCII character, header_rows at least 1",
            ));
        }
        if spec
            .attribute
            .iter()
            .filter(|attribute| attribute.is_wide())
            .count()
            > 1
        {
            return Err(wrong(&"one attribute at most can have the column *"));
        }
        encoding(spec.file.encoding.as_deref()).map_err(|reason| wrong(&reason))?;
        let lookup = match &spec.lookup {
            Some(lookup) => Some(Lookup::read(name, lookup, &read(&lookup.file)?)?),
            None => None,
        };
        let time = spec
            .time
            .map(Clockwork::new)
            .transpose()
            .map_err(|reason| wrong(&reason))?;
        let id = Template::parse(&spec.entity.id).map_err(|reason| wrong(&reason))?;
        Ok(Self {
            file: spec.file,
            id,
            entity: spec.entity,
            time,
            location: spec.location,
            attributes: spec.attribute,
            lookup,
        })
    }
}

impl AttributeSpec {
    /// Every column is an entity of its own.
    pub(super) fn is_wide(&self) -> bool {
        self.column.as_deref() == Some(WIDE)
    }
}

/// An encoding by its name.
pub(crate) fn encoding(name: Option<&str>) -> Result<Option<&'static Encoding>, String> {
    let Some(name) = name else { return Ok(None) };
    Encoding::for_label(name.as_bytes())
        .map(Some)
        .ok_or_else(|| format!("encoding {name:?} is unknown"))
}

impl Lookup {
    fn read(name: &str, spec: &LookupSpec, bytes: &[u8]) -> Result<Self, ImportError> {
        let wrong = |reason: &dyn std::fmt::Display| {
            ImportError::mapping(name, &format!("lookup table {}: {reason}", spec.file))
        };
        let delimiter = spec.delimiter.unwrap_or(',');
        let delimiter = u8::try_from(delimiter).map_err(|reason| wrong(&reason))?;
        let encoding = encoding(spec.encoding.as_deref()).map_err(|reason| wrong(&reason))?;
        let input = Box::new(Cursor::new(bytes.to_vec()));
        let mut rows = Rows::open(input, delimiter, encoding).map_err(|reason| wrong(&reason))?;
        let key = Template::parse(&spec.key).map_err(|reason| wrong(&reason))?;
        let wanted = Template::parse(&spec.wanted).map_err(|reason| wrong(&reason))?;
        let mut lookup = Self {
            wanted,
            columns: HashMap::new(),
            rows: HashMap::new(),
        };
        let mut row = Row::default();
        let mut header = true;
        loop {
            match rows.next(&mut row).map_err(|reason| wrong(&reason))? {
                Step::End => break,
                Step::Bad(line, reason) => return Err(wrong(&format!("line {line}: {reason}"))),
                Step::Row if row.is_empty() => {}
                Step::Row if header => {
                    header = false;
                    for index in 0..row.len() {
                        lookup.columns.insert(row.at(Some(index)).to_owned(), index);
                    }
                }
                Step::Row => {
                    let key = key.plain(|name| row.at(lookup.columns.get(name).copied()));
                    lookup.rows.entry(key).or_insert_with(|| row.clone());
                }
            }
            if lookup.rows.len() > LOOKUP_ROWS_MAX {
                return Err(wrong(&"more than a million rows"));
            }
        }
        for name in key.names() {
            if !lookup.columns.contains_key(name) {
                return Err(wrong(&format!("there is no column {name:?}")));
            }
        }
        Ok(lookup)
    }
}
