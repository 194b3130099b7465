//! The mapping of a live feed, prepared once: a record becomes a fragment of an entity without a
//! detour through text.

use std::borrow::Cow;
use std::sync::Arc;

use base::limits::URI_BYTES_MAX;
use base::{Name, Time};
use jsonld::Context;
use ngsi::parse::{Fragment, Parser, Purpose, lexical};
use ngsi::{Attribute, AttributeValue};
use serde_json::{Map, Value};
use spatial::{Geometry, Position};

use super::mapping::{AttributeSpec, FileSpec, LocationSpec, Mapping, ValueKind};
use super::moment::Clockwork;
use super::path::{Found, Path};
use super::template::Piece;
use super::value;
use crate::out::shown;
use crate::vocabulary::{Model, escape};

/// Where the geometry of a GeoJSON feature stands.
const GEOMETRY: &str = "geometry";
/// Where its other members stand.
const PROPERTIES: &str = "properties";

/// A mapping with all its names and places found.
#[derive(Debug)]
pub struct Mapper {
    id: Vec<Part>,
    types: Vec<Name>,
    time: Option<Moment>,
    place: Option<Place>,
    fields: Vec<Field>,
    /// What every entity has.
    fixed: Vec<Attribute>,
    pub(crate) file: FileSpec,
    /// Whether records are GeoJSON features, whose columns are their properties.
    features: bool,
}

/// What one record says.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The entity, with all names expanded.
    pub fragment: Fragment,
    /// When it was so.
    pub at: Time,
    /// What could not be read and was left out, each in a sentence.
    pub without: Vec<String>,
}

/// Why a record became nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Useless {
    /// One word for counting: `id`, `time`, `location` or `value`.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub reason: String,
}

#[derive(Debug)]
enum Part {
    Text(String),
    From(String, Path),
}

#[derive(Debug)]
struct Moment {
    clock: Clockwork,
    columns: Vec<(String, Path)>,
}

#[derive(Debug)]
struct Place {
    name: Name,
    from: Spot,
    is_static: bool,
}

#[derive(Debug)]
enum Spot {
    Degrees(Path, Path),
    Geometry(Path),
}

#[derive(Debug)]
struct Field {
    name: Name,
    column: String,
    path: Path,
    unit: Option<Name>,
    how: AttributeSpec,
}

/// One record and where it came from.
#[derive(Clone, Copy)]
struct View<'r> {
    record: &'r Value,
    inner: Option<&'r Value>,
    topic: &'r str,
}

impl<'r> View<'r> {
    fn at(self, path: &Path) -> Option<Found<'r>> {
        path.find(self.record, self.inner, self.topic)
    }

    /// The text of a scalar; empty when there is none.
    fn text(self, path: &Path) -> Cow<'r, str> {
        match self.at(path) {
            Some(Found::Text(text)) => Cow::Borrowed(text.trim()),
            Some(Found::Json(Value::String(text))) => Cow::Borrowed(text.trim()),
            Some(Found::Json(value @ (Value::Number(_) | Value::Bool(_)))) => {
                Cow::Owned(value.to_string())
            }
            _ => Cow::Borrowed(""),
        }
    }
}

impl Mapper {
    /// Prepares a mapping; `features`: the records are GeoJSON features. An error says what to
    /// write otherwise.
    pub fn new(mapping: Mapping, features: bool) -> Result<Self, String> {
        let core = Context::core();
        let model = mapping.entity.model.as_deref();
        let kind = Value::String(full(model, &mapping.entity.kind));
        let parser = Parser::new(&core, Purpose::Whole);
        let types = parser
            .type_names(&kind)
            .map_err(|reason| format!("[entity] type: {reason}"))?;
        let time = mapping.time.map(Moment::new).transpose()?;
        let place = Place::new(mapping.location, features, &core)?;
        let (mut fields, mut fixed) = (Vec::new(), Vec::new());
        for how in mapping.attributes {
            let named = full(how.model.as_deref().or(model), &how.name);
            let name = parser
                .attribute_name(&named)
                .map_err(|reason| format!("[[attribute]] {}: {reason}", how.name))?;
            let unit = how.unit.as_deref().map(Name::from);
            match (&how.column, &how.value) {
                (Some(column), _) => {
                    let path = Path::parse(column)
                        .map_err(|reason| format!("[[attribute]] {}: {reason}", how.name))?;
                    let column = column.clone();
                    fields.push(Field {
                        name,
                        column,
                        path,
                        unit,
                        how,
                    });
                }
                (None, Some(Value::Null) | None) => {
                    return Err(format!("[[attribute]] {}: null is no value", how.name));
                }
                (None, Some(value)) => {
                    put(
                        &mut fixed,
                        name,
                        value.clone(),
                        how.language.as_deref(),
                        |attribute| {
                            attribute.unit_code = unit;
                        },
                    );
                }
            }
        }
        if fields.is_empty() && place.is_none() {
            return Err(
                "no attribute has a column: there is nothing to learn from a record".to_owned(),
            );
        }
        let id = mapping.id.0.into_iter().map(Part::new);
        Ok(Self {
            id: id.collect::<Result<_, _>>()?,
            types,
            time,
            place,
            fields,
            fixed,
            file: mapping.file,
            features,
        })
    }

    /// What a record says; `topic` is where it was published, `arrived` its moment if it names
    /// none.
    pub fn map(&self, record: &Value, topic: &str, arrived: Time) -> Result<Made, Useless> {
        let inner = if self.features {
            record.get(PROPERTIES)
        } else {
            None
        };
        let view = View {
            record,
            inner,
            topic,
        };
        let id = self.id(view)?;
        let at = match &self.time {
            Some(moment) => moment.at(view)?,
            None => arrived,
        };
        let mut attributes = Vec::with_capacity(self.fields.len() + self.fixed.len() + 1);
        let mut without = Vec::new();
        self.measured(view, at, &mut attributes, &mut without);
        self.placed(view, at, &mut attributes, &mut without)?;
        if attributes.is_empty() {
            let nothing = || "none of the columns of the mapping has a value".to_owned();
            let reason = without.into_iter().next().unwrap_or_else(nothing);
            let code = "value";
            return Err(Useless { code, reason });
        }
        self.add_fixed(&mut attributes);
        let fragment = Fragment {
            id: Some(id),
            types: self.types.clone(),
            attributes,
            ..Fragment::default()
        };
        Ok(Made {
            fragment,
            at,
            without,
        })
    }

    /// Adds what the columns say.
    fn measured(
        &self,
        view: View<'_>,
        at: Time,
        attributes: &mut Vec<Attribute>,
        without: &mut Vec<String>,
    ) {
        for field in &self.fields {
            let language = field.how.language.as_deref();
            match field.value(view, &self.file) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    put(
                        attributes,
                        field.name.clone(),
                        value,
                        language,
                        |attribute| {
                            attribute.unit_code.clone_from(&field.unit);
                            attribute.observed_at = (!field.how.is_static).then_some(at);
                        },
                    );
                }
                Err(reason) => without.push(format!("{}: {reason}", field.column)),
            }
        }
    }

    /// Adds where it is; a place that is none is an error where nothing else is said.
    fn placed(
        &self,
        view: View<'_>,
        at: Time,
        attributes: &mut Vec<Attribute>,
        without: &mut Vec<String>,
    ) -> Result<(), Useless> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        match place.value(view, self.file.decimal) {
            Ok(None) => {}
            Ok(Some(geometry)) => {
                let value = AttributeValue::Geo(geometry);
                let mut attribute = Attribute::new(place.name.clone(), value);
                attribute.observed_at = (!place.is_static).then_some(at);
                attributes.push(attribute);
            }
            Err(reason) if attributes.is_empty() => {
                let code = "location";
                return Err(Useless { code, reason });
            }
            Err(reason) => without.push(reason),
        }
        Ok(())
    }

    /// Adds what every entity has; where the record says something itself, that counts.
    fn add_fixed(&self, attributes: &mut Vec<Attribute>) {
        for fixed in &self.fixed {
            let said = attributes.iter_mut().find(|said| said.name == fixed.name);
            match (said.map(|said| &mut said.value), &fixed.value) {
                (None, _) => attributes.push(fixed.clone()),
                (Some(AttributeValue::Language(said)), AttributeValue::Language(texts)) => {
                    for (language, text) in texts {
                        said.entry(language).or_insert_with(|| text.clone());
                    }
                }
                (Some(_), _) => {}
            }
        }
    }

    fn id(&self, view: View<'_>) -> Result<Name, Useless> {
        let mut id = String::with_capacity(64);
        let useless = |reason: String| Useless { code: "id", reason };
        for part in &self.id {
            match part {
                Part::Text(text) => id.push_str(text),
                Part::From(column, path) => {
                    let text = view.text(path);
                    if text.is_empty() {
                        return Err(useless(format!("{column} is empty: the id needs it")));
                    }
                    escape(&text, &mut id);
                }
            }
            if id.len() > URI_BYTES_MAX {
                return Err(useless(format!("id {} is too long", shown(&id))));
            }
        }
        lexical::uri(&id).map_err(|reason| useless(reason.to_string()))
    }
}

fn full(model: Option<&str>, term: &str) -> String {
    match model.filter(|model| !model.is_empty()) {
        Some(model) => Model(model).name(term),
        None => term.to_owned(),
    }
}

/// Adds an attribute; texts of one name in several languages join.
fn put(
    attributes: &mut Vec<Attribute>,
    name: Name,
    value: Value,
    language: Option<&str>,
    finish: impl FnOnce(&mut Attribute),
) {
    let value = match language {
        None => AttributeValue::Property(value),
        Some(language) => {
            let known = attributes.iter_mut().find(|known| known.name == name);
            if let Some(AttributeValue::Language(texts)) = known.map(|known| &mut known.value) {
                texts.insert(language.to_owned(), value);
                return;
            }
            AttributeValue::Language(Map::from_iter([(language.to_owned(), value)]))
        }
    };
    // Two attributes of one name make no entity: the later one is what the mapping ends with.
    attributes.retain(|known| known.name != name);
    let mut attribute = Attribute::new(name, value);
    finish(&mut attribute);
    attributes.push(attribute);
}

impl Part {
    fn new(piece: Piece) -> Result<Self, String> {
        Ok(match piece {
            Piece::Text(text) => Self::Text(text),
            Piece::Column(column) => {
                let path =
                    Path::parse(&column).map_err(|reason| format!("[entity] id: {reason}"))?;
                Self::From(column, path)
            }
        })
    }
}

impl Moment {
    fn new(clock: Clockwork) -> Result<Self, String> {
        if clock.counts_rows() {
            return Err("[time] start and step_seconds are for files: name a column".to_owned());
        }
        let columns = clock.columns().into_iter().map(|column| {
            let path = Path::parse(column).map_err(|reason| format!("[time] {reason}"))?;
            Ok((column.to_owned(), path))
        });
        let columns = columns.collect::<Result<_, String>>()?;
        Ok(Self { clock, columns })
    }

    fn at(&self, view: View<'_>) -> Result<Time, Useless> {
        let texts: Vec<(&str, Cow<'_, str>)> = self
            .columns
            .iter()
            .map(|(column, path)| (column.as_str(), view.text(path)))
            .collect();
        let text = |wanted: &str| {
            let found = texts.iter().find(|(column, _)| *column == wanted);
            found.map_or("", |(_, text)| text)
        };
        self.clock.at(text, 0, None).map_err(|reason| Useless {
            code: "time",
            reason: format!("the time {reason}"),
        })
    }
}

impl Place {
    fn new(
        spec: Option<LocationSpec>,
        features: bool,
        core: &Arc<Context>,
    ) -> Result<Option<Self>, String> {
        let spec = match spec {
            Some(spec) => spec,
            None if features => LocationSpec::default(),
            None => return Ok(None),
        };
        let parse =
            |column: &str| Path::parse(column).map_err(|reason| format!("[location] {reason}"));
        let from = match (&spec.geometry, spec.lon.is_empty(), spec.lat.is_empty()) {
            (Some(geometry), true, true) => Spot::Geometry(parse(geometry)?),
            (None, true, true) if features => Spot::Geometry(parse(GEOMETRY)?),
            (None, false, false) => Spot::Degrees(parse(&spec.lon)?, parse(&spec.lat)?),
            _ => return Err("[location] needs lon and lat, or geometry".to_owned()),
        };
        let name = core
            .expand_name("location")
            .map_err(|reason| reason.to_string())?;
        Ok(Some(Self {
            name,
            from,
            is_static: spec.is_static,
        }))
    }

    fn value(&self, view: View<'_>, decimal: char) -> Result<Option<Geometry>, String> {
        match &self.from {
            Spot::Geometry(path) => match view.at(path) {
                None => Ok(None),
                Some(Found::Json(value)) => Geometry::from_geojson(value)
                    .map(Some)
                    .map_err(|reason| format!("the geometry: {reason}")),
                Some(Found::Text(text)) => Err(format!("{} is no geometry", shown(text))),
            },
            Spot::Degrees(lon, lat) => {
                let (lon, lat) = (view.text(lon), view.text(lat));
                if lon.is_empty() && lat.is_empty() {
                    return Ok(None);
                }
                let place = super::place(&lon, &lat, decimal);
                let point =
                    place.and_then(|(lon, lat)| Geometry::point(Position::new(lon, lat)).ok());
                point
                    .map(Some)
                    .ok_or_else(|| format!("{}, {} is no place on Earth", shown(&lat), shown(&lon)))
            }
        }
    }
}

impl Field {
    /// The value in this record, if there is one.
    fn value(&self, view: View<'_>, file: &FileSpec) -> Result<Option<Value>, String> {
        let how = &self.how;
        let found = match view.at(&self.path) {
            None => return Ok(None),
            Some(Found::Text(text)) => return text_value(text, how, file),
            Some(Found::Json(Value::String(text))) if how.kind != ValueKind::Json => {
                return text_value(text.trim(), how, file);
            }
            Some(Found::Json(found)) => found,
        };
        match (found, how.kind) {
            (_, ValueKind::Json) | (Value::Bool(_), ValueKind::Bool) if how.words.is_empty() => {
                Ok(Some(found.clone()))
            }
            (Value::Number(number), ValueKind::Number) if how.words.is_empty() => {
                if how.scale.is_none() && how.offset.is_none() && how.digits.is_none() {
                    return Ok(Some(found.clone()));
                }
                let value = number
                    .as_f64()
                    .and_then(|number| value::converted(number, how));
                value
                    .map(Some)
                    .ok_or_else(|| format!("{number} is too large"))
            }
            (Value::Number(_) | Value::Bool(_), _) => text_value(&found.to_string(), how, file),
            _ => Err(format!("{} is no single value", shown(&found.to_string()))),
        }
    }
}

fn text_value(text: &str, how: &AttributeSpec, file: &FileSpec) -> Result<Option<Value>, String> {
    if file.nulls.iter().any(|null| null == text) {
        return Ok(None);
    }
    let value = value::value(text, how, file)?;
    Ok((!value.is_null()).then_some(value))
}
