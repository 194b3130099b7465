//! One attribute instance: its kind, value, metadata and sub-attributes [CIM-009 §4.5.2].

use base::{Name, limits};
use serde_json::{Map, Value};
use spatial::Geometry;

use super::{ParseError, Parser, Purpose, instances, lexical};
use crate::entity::{Attribute, AttributeKind, AttributeValue, NULL, Uris};
use crate::proof;

/// Members that carry values, of which an attribute has only that of its kind.
const CARRIERS: [&str; 7] = [
    "value",
    "object",
    "languageMap",
    "vocab",
    "json",
    "valueList",
    "objectList",
];

/// Members that only ever stand in answers.
const OUTPUT_ONLY: [&str; 9] = [
    "previousValue",
    "previousObject",
    "previousLanguageMap",
    "previousVocab",
    "previousJson",
    "previousValueList",
    "previousObjectList",
    "entityIdSealed",
    "entityTypeSealed",
];

pub(super) fn read(
    parser: &Parser<'_>,
    name: &Name,
    mut members: Map<String, Value>,
    depth: usize,
) -> Result<Attribute, ParseError> {
    let sealed = if proof::is_proof(name) {
        proof::take_sealed(parser, &mut members)?
    } else {
        Vec::new()
    };
    let kind = kind_of(&members)?;
    refuse_foreign(&members, kind)?;
    let value = match kind {
        Some(kind) => match members.shift_remove(kind.member()) {
            Some(value) => carried(parser, kind, value)?,
            None => without_value(parser, kind)?,
        },
        None => without_value(parser, AttributeKind::Property)?,
    };
    if depth > 0 && parser.purpose == Purpose::Temporal && matches!(value, AttributeValue::Null) {
        return Err(ParseError::here(
            "only an attribute of the entity can be said to have been deleted",
        ));
    }
    let mut attribute = of_its_kind(name, value)?;
    attribute.sub = sealed;
    for (member, value) in members {
        metadata(parser, &mut attribute, &member, value, depth).map_err(|e| e.within(&member))?;
    }
    if attribute.sub.len() > limits::SUB_ATTRIBUTES_MAX {
        let max = limits::SUB_ATTRIBUTES_MAX;
        return Err(ParseError::limit("sub-attributes", max));
    }
    super::refuse_twins(&attribute.sub)?;
    Ok(attribute)
}

/// The kind that the type says or, in concise form, the member that carries the value.
fn kind_of(members: &Map<String, Value>) -> Result<Option<AttributeKind>, ParseError> {
    if let Some(word) = members.get("type").or_else(|| members.get("@type")) {
        let kind = word.as_str().and_then(AttributeKind::from_word);
        let unknown =
            || ParseError::new("type", "must be Property, Relationship or one of their kin");
        return kind.ok_or_else(unknown).map(Some);
    }
    let carried = |member: &str| members.contains_key(member);
    Ok(if let Some(value) = members.get("value") {
        let is_place = looks_like_geometry(value);
        Some(if is_place {
            AttributeKind::GeoProperty
        } else {
            AttributeKind::Property
        })
    } else if carried("object") {
        Some(AttributeKind::Relationship)
    } else if carried("languageMap") {
        Some(AttributeKind::LanguageProperty)
    } else if carried("vocab") {
        Some(AttributeKind::VocabProperty)
    } else if carried("json") {
        Some(AttributeKind::JsonProperty)
    } else if carried("valueList") {
        Some(AttributeKind::ListProperty)
    } else if carried("objectList") {
        Some(AttributeKind::ListRelationship)
    } else {
        None
    })
}

/// Members that an attribute of this kind shall never include [CIM-009 §4.5.2.2 and its kin].
fn refuse_foreign(
    members: &Map<String, Value>,
    kind: Option<AttributeKind>,
) -> Result<(), ParseError> {
    let own = kind.map(AttributeKind::member);
    let foreign = CARRIERS
        .iter()
        .find(|m| Some(**m) != own && members.contains_key(**m));
    let output = OUTPUT_ONLY.iter().find(|m| members.contains_key(**m));
    if let Some(member) = foreign.or(output) {
        let word = kind.map_or("an attribute", AttributeKind::word);
        return Err(ParseError::new(member, format!("cannot stand in a {word}")));
    }
    let unitless = !matches!(
        kind,
        None | Some(
            AttributeKind::Property | AttributeKind::ListProperty | AttributeKind::GeoProperty
        )
    );
    if unitless && members.contains_key("unitCode") {
        return Err(ParseError::new(
            "unitCode",
            "only properties with a value have a unit",
        ));
    }
    if members.contains_key("@context") {
        return Err(ParseError::new(
            "@context",
            "cannot stand within an attribute",
        ));
    }
    Ok(())
}

fn without_value(parser: &Parser<'_>, kind: AttributeKind) -> Result<AttributeValue, ParseError> {
    if parser.purpose.is_fragment() {
        // The value stays as it is: [`crate::patch`] fills it from the attribute that it changes.
        return Ok(crate::patch::unsaid());
    }
    Err(ParseError::missing(
        kind.member(),
        &format!("a {} needs it", kind.word()),
    ))
}

/// Whether the NGSI-LD Null may stand here [CIM-009 §5.2.1].
pub(super) fn null_allowed(parser: &Parser<'_>) -> Result<(), ParseError> {
    if parser.purpose.is_fragment() {
        return Ok(());
    }
    Err(ParseError::here(format!(
        "'{NULL}' can only delete in an update or merge"
    )))
}

/// Plain JSON in concise form: a geometry is a GeoProperty, anything else a Property.
pub(super) fn plain(
    parser: &Parser<'_>,
    name: &Name,
    value: Value,
) -> Result<Attribute, ParseError> {
    let value = if looks_like_geometry(&value) {
        geometry(&value)?
    } else {
        refuse_inner_nulls(parser, &value)?;
        property(value)?
    };
    of_its_kind(name, value)
}

/// The attribute, unless it is a place that carries no geometry or a proof that is none.
fn of_its_kind(name: &Name, value: AttributeValue) -> Result<Attribute, ParseError> {
    if proof::is_proof(name) {
        proof::check(&value)?;
    }
    if is_place(name) && !matches!(value, AttributeValue::Geo(_) | AttributeValue::Null) {
        return Err(ParseError::here("is a GeoProperty by the core @context"));
    }
    Ok(Attribute::new(name.clone(), value))
}

fn carried(
    parser: &Parser<'_>,
    kind: AttributeKind,
    value: Value,
) -> Result<AttributeValue, ParseError> {
    if is_null(&value) {
        if parser.purpose == Purpose::Temporal {
            return Ok(AttributeValue::Null);
        }
        null_allowed(parser).map_err(|e| e.within(kind.member()))?;
        return Ok(AttributeValue::Null);
    }
    let read = match kind {
        AttributeKind::Property => {
            refuse_inner_nulls(parser, &value)?;
            property(value)
        }
        AttributeKind::Relationship => uris(&value, lexical::uri).map(AttributeValue::Relationship),
        AttributeKind::GeoProperty => geometry(&value),
        AttributeKind::LanguageProperty => language_map(parser, value),
        AttributeKind::JsonProperty => json(value),
        AttributeKind::VocabProperty => {
            uris(&value, |text| Ok(parser.context.expand_name(text)?)).map(AttributeValue::Vocab)
        }
        AttributeKind::ListProperty => list(value).map(AttributeValue::List),
        AttributeKind::ListRelationship => object_list(value),
    };
    read.map_err(|e| e.within(kind.member()))
}

/// The NGSI-LD Null in any of its encodings; the one of a language map deletes the whole map.
fn is_null(value: &Value) -> bool {
    match value {
        Value::String(text) => text == NULL,
        Value::Object(map) => {
            map.len() == 1 && map.get("@none").and_then(Value::as_str) == Some(NULL)
        }
        Value::Array(items) => items.len() == 1 && items[0].as_str() == Some(NULL),
        _ => false,
    }
}

/// Only a merge goes into the value of a Property, so only there a null may stand within it
/// [CIM-009 §5.5.4].
fn refuse_inner_nulls(parser: &Parser<'_>, value: &Value) -> Result<(), ParseError> {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::String(text) => text == NULL,
            Value::Array(items) => items.iter().any(has_null),
            Value::Object(members) => members.values().any(has_null),
            _ => false,
        }
    }
    if parser.purpose != Purpose::Merge && has_null(value) {
        return Err(ParseError::new(
            "value",
            format!("'{NULL}' cannot stand within a value"),
        ));
    }
    Ok(())
}

fn property(value: Value) -> Result<AttributeValue, ParseError> {
    if value.is_null() {
        return Err(ParseError::here("null is no value"));
    }
    Ok(AttributeValue::Property(value))
}

const GEOMETRIES: [&str; 6] = [
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
];

fn looks_like_geometry(value: &Value) -> bool {
    let Value::Object(members) = value else {
        return false;
    };
    members.contains_key("coordinates")
        && members
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|t| GEOMETRIES.contains(&t))
}

/// A GeoJSON geometry, perhaps within a JSON string [CIM-009 §4.7.2].
fn geometry(value: &Value) -> Result<AttributeValue, ParseError> {
    let read =
        |value: &Value| Geometry::from_geojson(value).map_err(|e| ParseError::here(e.to_string()));
    if let Value::String(text) = value {
        let inner: Value = serde_json::from_str(text)
            .map_err(|_no_json| ParseError::here("must be a GeoJSON geometry"))?;
        return read(&inner).map(AttributeValue::Geo);
    }
    read(value).map(AttributeValue::Geo)
}

fn uris(
    value: &Value,
    read: impl Fn(&str) -> Result<Name, ParseError>,
) -> Result<Uris, ParseError> {
    let must = || ParseError::here("must be a string or an array of strings");
    match value {
        Value::String(text) => read(text).map(Uris::One),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().ok_or_else(must).and_then(&read))
            .collect::<Result<_, _>>()
            .map(Uris::Many),
        _ => Err(must()),
    }
}

fn language_map(parser: &Parser<'_>, value: Value) -> Result<AttributeValue, ParseError> {
    let Value::Object(map) = value else {
        return Err(ParseError::here("must be an object of language tags"));
    };
    for (tag, text) in &map {
        if !lexical::is_language(tag) {
            return Err(ParseError::new(
                tag,
                "is no language tag such as en, zh-CN or @none",
            ));
        }
        let fits = match text {
            Value::String(text) => text != NULL || parser.purpose.is_fragment(),
            Value::Array(items) => items.iter().all(Value::is_string),
            _ => false,
        };
        if !fits {
            return Err(ParseError::new(
                tag,
                "must be a string or an array of strings",
            ));
        }
    }
    Ok(AttributeValue::Language(map))
}

fn json(value: Value) -> Result<AttributeValue, ParseError> {
    let fits = match &value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().all(|i| i.is_object() || i.is_array()),
        _ => false,
    };
    if fits {
        Ok(AttributeValue::Json(value))
    } else {
        Err(ParseError::here(
            "must be a JSON object or an array of objects",
        ))
    }
}

fn list(value: Value) -> Result<Vec<Value>, ParseError> {
    match value {
        Value::Array(items) => Ok(items.into_iter().map(unwrap_value).collect()),
        _ => Err(ParseError::here("must be an array")),
    }
}

/// `{"value": x}` as an entry of a list is x.
fn unwrap_value(item: Value) -> Value {
    match item {
        Value::Object(mut members) if members.len() == 1 && members.contains_key("value") => {
            members.shift_remove("value").unwrap_or_default()
        }
        other => other,
    }
}

fn object_list(value: Value) -> Result<AttributeValue, ParseError> {
    let Value::Array(items) = value else {
        return Err(ParseError::here("must be an array of URIs"));
    };
    let uri_of = |item: &Value| match item {
        Value::Object(members) => members.get("object").map_or_else(
            || {
                Err(ParseError::here(
                    "each entry must be a URI or an object with 'object'",
                ))
            },
            lexical::uri_value,
        ),
        other => lexical::uri_value(other),
    };
    let uris = items.iter().map(uri_of).collect::<Result<_, _>>()?;
    Ok(AttributeValue::ListRelationship(uris))
}

/// The three places that the core @context defines [CIM-009 §4.7.1].
fn is_place(name: &str) -> bool {
    name.strip_prefix("https://uri.etsi.org/ngsi-ld/")
        .is_some_and(|n| matches!(n, "location" | "observationSpace" | "operationSpace"))
}

fn metadata(
    parser: &Parser<'_>,
    attribute: &mut Attribute,
    member: &str,
    value: Value,
    depth: usize,
) -> Result<(), ParseError> {
    match member {
        // Times and identities that only the node gives are passed over [CIM-009 §5.2.2].
        "type" | "@type" | "createdAt" | "modifiedAt" | "deletedAt" | "instanceId" => {}
        "datasetId" => attribute.dataset_id = dataset_id(&value)?,
        "observedAt" => attribute.observed_at = Some(lexical::date_time(&value)?),
        "expiresAt" => attribute.expires_at = Some(lexical::date_time(&value)?),
        "unitCode" => attribute.unit_code = Some(text(&value)?),
        "valueType" => attribute.value_type = Some(value_type(parser, attribute, &value)?),
        "objectType" => attribute.object_type = parser.type_names(&value)?,
        "entity" | "entityList" => {
            return Err(ParseError::here("a linked entity is written on its own"));
        }
        _ if lexical::is_reserved(member) => {
            return Err(ParseError::here("cannot name an attribute"));
        }
        _ => {
            let name = parser.attribute_name(member)?;
            instances::read(parser, &name, value, depth + 1, &mut attribute.sub)?;
        }
    }
    Ok(())
}

/// A dataset; `@none` is the default one [CIM-009 §4.5.5.1].
fn dataset_id(value: &Value) -> Result<Option<Name>, ParseError> {
    match value.as_str() {
        Some("@none") => return Ok(None),
        Some(NULL) => return Err(ParseError::here("a dataset cannot be deleted by its id")),
        _ => {}
    }
    lexical::uri_value(value).map(Some)
}

fn text(value: &Value) -> Result<Name, ParseError> {
    match value.as_str() {
        Some(text) if text.len() <= limits::URI_BYTES_MAX => Ok(Name::from(text)),
        _ => Err(ParseError::here("must be a short string")),
    }
}

fn value_type(
    parser: &Parser<'_>,
    attribute: &Attribute,
    value: &Value,
) -> Result<Name, ParseError> {
    let word = text(value)?;
    if matches!(attribute.value, AttributeValue::Language(_)) && word != "langString" {
        return Err(ParseError::here("of a LanguageProperty is langString"));
    }
    Ok(parser.context.expand_name(&word)?)
}
