//! Builds one NGSI-LD entity in normalized form, attribute by attribute.

use base::Time;
use serde_json::{Map, Value, json};

use crate::vocabulary::{CORE_CONTEXT, Model};

/// An entity under construction.
#[derive(Debug, Clone)]
pub struct Entity {
    model: Model<'static>,
    map: Map<String, Value>,
}

/// A text in one or more languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// In whatever language the city speaks.
    Plain(String),
    /// Language tag (or `@none`) and text; sorted, no tag twice.
    Languages(Vec<(String, String)>),
}

impl Entity {
    /// An entity of a type of the model.
    pub fn new(model: Model<'static>, kind: &str, id: String) -> Self {
        Self::of(model, model.name(kind), id)
    }

    /// An entity of a type that no model has: the type stays a plain term.
    pub fn plain(model: Model<'static>, kind: &str, id: String) -> Self {
        Self::of(model, kind.to_owned(), id)
    }

    fn of(model: Model<'static>, kind: String, id: String) -> Self {
        let mut map = Map::new();
        map.insert("id".to_owned(), Value::String(id));
        map.insert("type".to_owned(), Value::String(kind));
        Self { model, map }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.map
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Sets an attribute under its name as it is.
    pub fn set(&mut self, name: String, attribute: Value) {
        self.map.insert(name, attribute);
    }

    /// A Property of the model.
    pub fn property(&mut self, term: &str, value: impl Into<Value>) {
        self.set(
            self.model.name(term),
            json!({"type": "Property", "value": value.into()}),
        );
    }

    /// A Property of the model, unless the text is empty.
    pub fn optional(&mut self, term: &str, text: &str) {
        if !text.is_empty() {
            self.property(term, text);
        }
    }

    /// A Property that the model lacks: the name stays a plain term.
    pub fn extra(&mut self, term: &str, value: impl Into<Value>) {
        self.set(
            term.to_owned(),
            json!({"type": "Property", "value": value.into()}),
        );
    }

    /// A Property with a unit (UN/CEFACT code).
    pub fn measure(&mut self, term: &str, value: impl Into<Value>, unit: &str) {
        let attribute = json!({"type": "Property", "value": value.into(), "unitCode": unit});
        self.set(self.model.name(term), attribute);
    }

    /// A calendar date [CIM-009 §4.6.3].
    pub fn date(&mut self, term: &str, date: &str) {
        self.property(term, json!({"@type": "Date", "@value": date}));
    }

    /// A moment [CIM-009 §4.6.3].
    pub fn moment(&mut self, term: &str, time: Time) {
        self.property(
            term,
            json!({"@type": "DateTime", "@value": time.to_string()}),
        );
    }

    /// A text: a Property, or a LanguageProperty where there are translations.
    pub fn text(&mut self, term: &str, text: Option<Text>) {
        let name = self.model.name(term);
        match text {
            None => {}
            Some(Text::Plain(text)) if text.is_empty() => {}
            Some(Text::Plain(text)) => {
                self.set(name, json!({"type": "Property", "value": text}));
            }
            Some(Text::Languages(texts)) => {
                let map: Map<String, Value> = texts
                    .into_iter()
                    .map(|(language, text)| (language, Value::String(text)))
                    .collect();
                self.set(
                    name,
                    json!({"type": "LanguageProperty", "languageMap": map}),
                );
            }
        }
    }

    /// A Relationship to one entity.
    pub fn relationship(&mut self, term: &str, object: &str) {
        self.set(
            self.model.name(term),
            json!({"type": "Relationship", "object": object}),
        );
    }

    /// A Relationship that the model lacks: the name stays a plain term.
    pub fn extra_relationship(&mut self, term: &str, object: &str) {
        self.set(
            term.to_owned(),
            json!({"type": "Relationship", "object": object}),
        );
    }

    /// A ListRelationship to several entities, in order.
    pub fn relationships(&mut self, term: &str, objects: Vec<String>) {
        let list: Vec<Value> = objects
            .into_iter()
            .map(|object| json!({"object": object}))
            .collect();
        let attribute = json!({"type": "ListRelationship", "objectList": list});
        self.set(self.model.name(term), attribute);
    }

    /// A GeoProperty; the geometry is GeoJSON.
    pub fn geometry(&mut self, term: &str, geometry: &Value) {
        let attribute = json!({"type": "GeoProperty", "value": geometry});
        self.set(self.model.name(term), attribute);
    }

    /// Where it is: a point of longitude and latitude in degrees.
    pub fn place(&mut self, lon: f64, lat: f64) {
        self.geometry("location", &point(lon, lat));
    }

    /// A JsonProperty that the model lacks: data that is read as a whole, never by its parts.
    pub fn extra_json(&mut self, term: &str, value: &Value) {
        self.set(
            term.to_owned(),
            json!({"type": "JsonProperty", "json": value}),
        );
    }

    /// Says when the attribute was observed.
    pub fn observed(&mut self, term: &str, time: Time) {
        let name = self.model.name(term);
        let attribute = match self.map.get_mut(&name) {
            Some(attribute) => Some(attribute),
            None => self.map.get_mut(term),
        };
        if let Some(Value::Object(attribute)) = attribute {
            attribute.insert("observedAt".to_owned(), Value::String(time.to_string()));
        }
    }

    /// The finished JSON-LD, with its context.
    pub fn into_value(mut self) -> Value {
        self.map.insert(
            "@context".to_owned(),
            Value::String(CORE_CONTEXT.to_owned()),
        );
        Value::Object(self.map)
    }
}

impl Text {
    /// A plain text with its translations. `language` is the language of the plain text, where it
    /// is known; a translation into that same language replaces it.
    pub fn with(plain: &str, language: Option<&str>, translations: &[(String, String)]) -> Self {
        if translations.is_empty() {
            return Self::Plain(plain.to_owned());
        }
        let mut texts: Vec<(String, String)> = translations.to_vec();
        let own = language.unwrap_or("@none");
        if !plain.is_empty() && !texts.iter().any(|(language, _)| language == own) {
            texts.push((own.to_owned(), plain.to_owned()));
        }
        texts.sort();
        texts.dedup_by(|later, earlier| later.0 == earlier.0);
        Self::Languages(texts)
    }
}

/// A GeoJSON point of longitude and latitude in degrees.
pub fn point(lon: f64, lat: f64) -> Value {
    json!({"type": "Point", "coordinates": [lon, lat]})
}

/// The shortest decimal of a number kept in single precision.
pub(crate) fn decimal(number: f32) -> f64 {
    number
        .to_string()
        .parse()
        .unwrap_or_else(|_| f64::from(number))
}

/// A language tag of the shape that BCP 47 gives to languages with scripts and regions.
pub fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_lowercase())
        && tag.len() <= 35
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn an_entity_is_normalized_json_ld() {
        let mut entity = Entity::new(Model::URBAN_MOBILITY, "GtfsStop", "urn:x:1".to_owned());
        entity.text("name", Some(Text::Plain("Chorsu".to_owned())));
        entity.place(69.23, 41.32);
        entity.observed("location", Time(0));
        entity.optional("code", "");
        entity.date("startDate", "2026-11-22");
        let text = serde_json::to_string_pretty(&entity.into_value()).unwrap();
        expect![[r#"
            {
              "id": "urn:x:1",
              "type": "https://smartdatamodels.org/dataModel.UrbanMobility/GtfsStop",
              "https://smartdatamodels.org/name": {
                "type": "Property",
                "value": "Chorsu"
              },
              "location": {
                "type": "GeoProperty",
                "value": {
                  "type": "Point",
                  "coordinates": [
                    69.23,
                    41.32
                  ]
                },
                "observedAt": "1970-01-01T00:00:00Z"
              },
              "https://smartdatamodels.org/startDate": {
                "type": "Property",
                "value": {
                  "@type": "Date",
                  "@value": "2026-11-22"
                }
              },
              "@context": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
            }"#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_plain_text_joins_its_translations_under_its_own_language() {
        let translations = [
            ("zh-CN".to_owned(), "福田".to_owned()),
            ("en".to_owned(), "Futian".to_owned()),
        ];
        assert_eq!(
            Text::with("福田", Some("zh-HK"), &translations),
            Text::Languages(vec![
                ("en".to_owned(), "Futian".to_owned()),
                ("zh-CN".to_owned(), "福田".to_owned()),
                ("zh-HK".to_owned(), "福田".to_owned()),
            ])
        );
        assert_eq!(Text::with("x", None, &[]), Text::Plain("x".to_owned()));
    }

    #[test]
    fn a_suffix_of_a_name_is_a_language_only_if_it_looks_like_one() {
        for tag in ["en", "zh-Hans", "sr-Latn", "zh-CN", "gsw"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in ["left", "EN", "", "e", "zh_CN", "etymology:wikidata", "en-"] {
            assert!(!is_language(tag), "{tag}");
        }
    }

    #[test]
    fn single_precision_does_not_show() {
        assert!((decimal(12.3) - 12.3).abs() < f64::EPSILON);
    }
}
