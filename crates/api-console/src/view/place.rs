//! One place: what the map says of an entity, in as few bytes as it needs.

use base::{Name, Time};
use ngsi::{Attribute, AttributeValue, Entity};
use serde_json::{Map, Value};
use spatial::{Envelope, Geometry, GeometryType};

use super::known::short;
use super::words::Span;

/// The attribute that says where an entity is.
pub(crate) const LOCATION: &str = "https://uri.etsi.org/ngsi-ld/location";
/// No attribute, no layer.
pub(crate) const NONE: u16 = u16::MAX;
/// Degrees are kept in ten-millionths: a centimetre on the ground.
const DEGREE: f64 = 1e7;
/// Separates the names of a place from each other.
const NEXT: char = '\u{1e}';
/// Separates a language from the name in it.
const IN: char = '\u{1f}';
/// Languages of one place, and bytes of one name, that are kept.
const LANGUAGES_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 256;

/// What kind of thing a place is on the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dimension {
    /// A point.
    Point,
    /// A line.
    Line,
    /// An area.
    Area,
}

impl Dimension {
    fn of(geometry: &Geometry) -> Self {
        match geometry.geometry_type() {
            GeometryType::Point | GeometryType::MultiPoint => Self::Point,
            GeometryType::LineString | GeometryType::MultiLineString => Self::Line,
            GeometryType::Polygon | GeometryType::MultiPolygon => Self::Area,
        }
    }

    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Line => "line",
            Self::Area => "polygon",
        }
    }
}

/// A box in ten-millionths of a degree, to which many places are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area([i32; 4]);

impl Area {
    /// That of an envelope.
    pub(crate) fn of(envelope: &Envelope) -> Self {
        Self([
            fixed(envelope.min_lon),
            fixed(envelope.min_lat),
            fixed(envelope.max_lon),
            fixed(envelope.max_lat),
        ])
    }
}

/// Where a place is: its middle, and the box around it if it is more than a point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Where {
    lon: i32,
    lat: i32,
    around: Option<Box<[i32; 4]>>,
    /// What it is.
    pub(crate) dimension: Dimension,
}

impl Where {
    /// Where a geometry is.
    pub(crate) fn of(geometry: &Geometry) -> Self {
        let envelope = geometry.envelope();
        let middle = geometry.centroid();
        let is_point = geometry.geometry_type() == GeometryType::Point;
        Self {
            lon: fixed(middle.lon),
            lat: fixed(middle.lat),
            around: (!is_point).then(|| {
                Box::new([
                    fixed(envelope.min_lon),
                    fixed(envelope.min_lat),
                    fixed(envelope.max_lon),
                    fixed(envelope.max_lat),
                ])
            }),
            dimension: Dimension::of(geometry),
        }
    }

    /// Its longitude and latitude.
    pub(crate) fn middle(&self) -> (f64, f64) {
        (degrees(self.lon), degrees(self.lat))
    }

    /// The box around it.
    pub(crate) fn envelope(&self) -> Envelope {
        let [min_lon, min_lat, max_lon, max_lat] = match &self.around {
            Some(around) => **around,
            None => [self.lon, self.lat, self.lon, self.lat],
        };
        Envelope {
            min_lon: degrees(min_lon),
            min_lat: degrees(min_lat),
            max_lon: degrees(max_lon),
            max_lat: degrees(max_lat),
        }
    }

    /// Whether it lies in the box or touches it.
    pub(crate) fn touches(&self, area: &Area) -> bool {
        let Area([west, south, east, north]) = *area;
        let [min_lon, min_lat, max_lon, max_lat] = match &self.around {
            Some(around) => **around,
            None => [self.lon, self.lat, self.lon, self.lat],
        };
        min_lon <= east && max_lon >= west && min_lat <= north && max_lat >= south
    }

    /// Whether there is more to be drawn than a point.
    pub(crate) fn has_shape(&self) -> bool {
        self.dimension != Dimension::Point
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "degrees of the earth fit as ten-millionths, and a cast saturates"
)]
fn fixed(degrees: f64) -> i32 {
    (degrees * DEGREE).round() as i32
}

fn degrees(fixed: i32) -> f64 {
    f64::from(fixed) / DEGREE
}

/// A place of the view.
#[derive(Debug)]
pub(crate) struct Place {
    /// The entity.
    pub(crate) id: Name,
    /// Its names.
    pub(crate) names: Names,
    /// Where it is.
    pub(crate) at: Where,
    /// What its main attribute says; not a number when nothing.
    pub(crate) value: f64,
    /// When the world was so: of the main attribute or of the location, whichever is later.
    pub(crate) time: Time,
    /// Its last change.
    pub(crate) seq: u64,
    /// Its words in the search.
    pub(crate) words: Span,
    /// Its type.
    pub(crate) kind: u16,
    /// Its main attribute.
    pub(crate) attribute: u16,
    /// Whether it is of a simulation.
    pub(crate) simulated: bool,
    /// Whether `time` was observed, not only when the node heard of it.
    pub(crate) observed: bool,
}

impl Place {
    /// What the main attribute says.
    pub(crate) fn value(&self) -> Option<f64> {
        self.value.is_finite().then_some(self.value)
    }

    /// Takes note that the world was seen so then.
    pub(crate) fn see(&mut self, time: Option<Time>) {
        let Some(time) = time else { return };
        self.time = if self.observed {
            self.time.max(time)
        } else {
            time
        };
        self.observed = true;
    }
}

/// The names of a place by language, in one text; a name without a language is `und`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(Box<str>);

impl Names {
    /// The names that an attribute gives, if it is one of names.
    pub(crate) fn of(value: &AttributeValue) -> Self {
        let mut text = String::new();
        match value {
            AttributeValue::Property(Value::String(name)) => push(&mut text, "und", name),
            AttributeValue::Language(map) => {
                for (language, name) in map.iter().take(LANGUAGES_MAX) {
                    let name = match name {
                        Value::Array(names) => names.first().unwrap_or(name),
                        name => name,
                    };
                    let language = if language == "@none" { "und" } else { language };
                    if let Value::String(name) = name {
                        push(&mut text, language, name);
                    }
                }
            }
            _ => {}
        }
        Self(text.into_boxed_str())
    }

    /// Language and name of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split(NEXT).filter_map(|name| name.split_once(IN))
    }

    /// The name in a language, else in English, else any.
    pub(crate) fn best(&self, language: &str) -> Option<&str> {
        let of = |wanted: &str| {
            self.iter()
                .find_map(|(known, name)| (known == wanted).then_some(name))
        };
        of(language)
            .or_else(|| of("und"))
            .or_else(|| of("en"))
            .or_else(|| self.iter().next().map(|(_, name)| name))
    }

    /// The names that a tile carries; one pass, as a tile has many.
    pub(crate) fn drawn(&self) -> tiles::data::Names<'_> {
        let mut names = tiles::data::Names::default();
        let mut first = None;
        for (language, name) in self.iter() {
            first.get_or_insert(name);
            match language {
                "und" => names.plain = Some(name),
                "en" => names.en = Some(name),
                "ru" => names.ru = Some(name),
                "zh" => names.zh = Some(name),
                _ => {}
            }
        }
        // A name in a language that the console does not speak is better than none.
        names.plain = names.plain.or(names.en).or(first);
        names
    }

    /// As an object of the languages.
    pub(crate) fn json(&self) -> Value {
        let names = self.iter().map(|(language, name)| {
            let name = Value::String(name.to_owned());
            (language.to_owned(), name)
        });
        Value::Object(names.collect::<Map<_, _>>())
    }
}

fn push(text: &mut String, language: &str, name: &str) {
    let name: String = name
        .chars()
        .filter(|letter| !letter.is_control())
        .take(NAME_BYTES_MAX / 4)
        .collect();
    if name.trim().is_empty() || language.len() > 35 || language.contains([NEXT, IN]) {
        return;
    }
    if !text.is_empty() {
        text.push(NEXT);
    }
    text.push_str(language);
    text.push(IN);
    text.push_str(name.trim());
}

/// What an attribute is to the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It says where the entity is.
    Location,
    /// It names the entity.
    Name,
    /// It says that the entity is of a simulation.
    Simulated,
    /// Anything else.
    Other,
}

impl Role {
    /// The role of an attribute by its expanded name.
    pub(crate) fn of(iri: &str) -> Self {
        match iri {
            LOCATION => Self::Location,
            _ => match short(iri) {
                "name" => Self::Name,
                "simulated" => Self::Simulated,
                _ => Self::Other,
            },
        }
    }
}

/// The location of an entity.
pub(crate) fn location(entity: &Entity) -> Option<(&Geometry, &Attribute)> {
    let attribute = entity
        .attribute(LOCATION, None)
        .or_else(|| entity.instances(LOCATION).next())?;
    match &attribute.value {
        AttributeValue::Geo(geometry) => Some((geometry, attribute)),
        _ => None,
    }
}

/// The names of an entity.
pub(crate) fn names(entity: &Entity) -> Names {
    let named = entity
        .attributes
        .iter()
        .find(|attribute| Role::of(&attribute.name) == Role::Name);
    named.map_or_else(Names::default, |attribute| Names::of(&attribute.value))
}

/// Whether an entity says that it is of a simulation.
pub(crate) fn is_simulated(entity: &Entity) -> bool {
    let mut attributes = entity.attributes.iter();
    attributes.any(|a| Role::of(&a.name) == Role::Simulated && is_true(&a.value))
}

/// Whether a value is `true`.
pub(crate) fn is_true(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Property(Value::Bool(true)))
}

/// The number that a value is: a number, or a yes as 1 and a no as 0.
pub(crate) fn number(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::Property(Value::Number(number)) => {
            number.as_f64().filter(|number| number.is_finite())
        }
        AttributeValue::Property(Value::Bool(flag)) => Some(f64::from(u8::from(*flag))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_kept_by_language_and_the_best_is_found() {
        let Value::Object(map) = json!({"en": "Port", "ru": "Порт", "zh": ["港口", "港"]})
        else {
            panic!("an object");
        };
        let names = Names::of(&AttributeValue::Language(map));
        assert_eq!(
            names.json(),
            json!({"en": "Port", "ru": "Порт", "zh": "港口"})
        );
        assert_eq!(names.best("zh"), Some("港口"));
        assert_eq!(names.best("uz"), Some("Port"));
        assert_eq!(
            Names::of(&AttributeValue::Property(json!(3))),
            Names::default()
        );
    }

    #[test]
    fn a_place_is_small() {
        assert!(size_of::<Place>() <= 104, "{}", size_of::<Place>());
    }
}
