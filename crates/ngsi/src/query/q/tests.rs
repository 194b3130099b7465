//! What each construct of the language says of an entity that has an attribute of every kind.

use super::*;
use crate::entity::{Attribute, Uris};
use crate::query::Query;
use base::Kind;
use proptest::prelude::*;
use serde_json::json;
use spatial::Geometry;

fn name(short: &str) -> Name {
    Context::core().expand_name(short).expect("a name")
}

fn attribute(short: &str, value: AttributeValue) -> Attribute {
    Attribute::new(name(short), value)
}

fn property(short: &str, value: Value) -> Attribute {
    attribute(short, AttributeValue::Property(value))
}

fn one(uri: &str) -> Uris {
    Uris::One(uri.into())
}

fn object(value: &Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

/// A building with an attribute of every kind.
fn building() -> Entity {
    let mut temperature = property("temperature", json!(20));
    temperature.observed_at = Some(Time::from_seconds(1_000));
    temperature.unit_code = Some("CEL".into());
    temperature.sub.push(property("accuracy", json!(0.5)));
    let mut second = property("level", json!(9));
    second.dataset_id = Some("urn:d:2".into());
    let mut expired = property("gone", json!(1));
    expired.expires_at = Some(Time(0));
    let location = json!({"type": "Point", "coordinates": [8, 40]});
    let location = Geometry::from_geojson(&location).expect("a point");
    Entity {
        id: "urn:ngsi-ld:Building:1".into(),
        types: vec![name("Building")],
        scope: vec!["/Madrid".into()],
        created_at: Time::from_seconds(500),
        modified_at: Time::from_seconds(900),
        expires_at: None,
        attributes: vec![
            temperature,
            property("level", json!(4)),
            second,
            expired,
            property("name", json!("Eiffel \"Tower\"")),
            property("tags", json!(["blue", "red", 7])),
            property("open", json!(true)),
            property(
                "address",
                json!({"city": "Berlin", "geo": {"lat": 52.5}, "none": null}),
            ),
            property(
                "since",
                json!({"@type": "DateTime", "@value": "2020-01-01T12:00:00Z"}),
            ),
            property("day", json!("2020-06-01")),
            property("closes", json!("18:30:00Z")),
            attribute(
                "color",
                AttributeValue::Language(object(&json!({"en": "red", "fr": ["rouge", "vif"]}))),
            ),
            attribute("category", AttributeValue::Vocab(one(&name("commercial")))),
            attribute(
                "managedBy",
                AttributeValue::Relationship(one("urn:ngsi-ld:Person:1")),
            ),
            attribute(
                "floors",
                AttributeValue::ListRelationship(vec!["urn:f:1".into(), "urn:f:2".into()]),
            ),
            attribute("series", AttributeValue::List(vec![json!(1), json!(2)])),
            attribute(
                "raw",
                AttributeValue::Json(json!({"id": "x", "value": "Overstay"})),
            ),
            attribute("location", AttributeValue::Geo(location)),
        ],
    }
}

fn person(id: &str) -> Option<Arc<Entity>> {
    let mut entity = building();
    entity.id = id.into();
    entity.types = vec![name("Person")];
    entity.attributes = vec![
        property("name", json!("Anna")),
        attribute(
            "worksAt",
            AttributeValue::Relationship(one("urn:ngsi-ld:Person:2")),
        ),
    ];
    (id.starts_with("urn:ngsi-ld:Person:")).then(|| Arc::new(entity))
}

fn parsed(text: &str) -> Result<QExpr, QueryError> {
    QExpr::parse(text, QOptions::default(), &Context::core())
}

fn holds(text: &str) -> bool {
    let q = parsed(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let query = Query {
        q: Some(q),
        now: Time::from_seconds(2_000),
        ..Query::default()
    };
    let entity = building();
    assert!(
        query.unlinked().matches(&entity) || !query.matches_with(&entity, &person),
        "{text}"
    );
    query.matches_with(&entity, &person)
}

#[track_caller]
fn check(yes: &[&str], no: &[&str]) {
    for text in yes {
        assert!(holds(text), "should hold: {text}");
    }
    for text in no {
        assert!(!holds(text), "should not hold: {text}");
    }
}

#[test]
fn existence_is_of_the_attribute_whatever_its_value() {
    check(
        &[
            "temperature",
            "location",
            "temperature.accuracy",
            "!nothing",
            "address[city]",
            "color[en]",
            "raw",
        ],
        &[
            "nothing",
            "!temperature",
            "gone",
            "temperature.nothing",
            "address[street]",
            "color[de]",
            "name[x]",
        ],
    );
    check(
        &["!gone", "temperature.unitCode", "level.datasetId"],
        &["temperature.expiresAt"],
    );
}

#[test]
fn equality_is_by_type_and_reaches_into_arrays() {
    check(
        &[
            "temperature==20",
            "temperature==20.0",
            "tags==\"red\"",
            "tags==7",
            "open==true",
            "series==2",
        ],
        &[
            "temperature==\"20\"",
            "temperature==21",
            "tags==\"green\"",
            "open==\"true\"",
            "name==20",
            "series==3",
        ],
    );
    check(
        &[
            "name==\"Eiffel \\\"Tower\\\"\"",
            "name==\"\\u0045iffel \\\"Tower\\\"\"",
            "address[geo.lat]==52.5",
        ],
        &[
            "name==\"eiffel\"",
            "address==\"Berlin\"",
            "address[none]==0",
            "location==8",
        ],
    );
    check(
        &[
            "temperature==10..20",
            "temperature==19,20",
            "name==\"x\",\"Eiffel \\\"Tower\\\"\"",
            "tags==1..7",
        ],
        &[
            "temperature==21..30",
            "temperature==1,2",
            "name==10..20",
            "gone==1",
        ],
    );
}

#[test]
fn inequality_needs_the_attribute_and_no_equal_element() {
    check(
        &[
            "temperature!=21",
            "name!=20",
            "tags!=\"green\"",
            "temperature!=21..30",
            "location!=8",
            "level!=4",
        ],
        &[
            "nothing!=1",
            "temperature!=20",
            "tags!=\"red\"",
            "temperature!=1,20",
            "temperature!=20..30",
        ],
    );
    check(
        &["managedBy!=\"urn:x\"", "floors!=\"urn:f:3\""],
        &["floors!=\"urn:f:1\"", "managedBy!=urn:ngsi-ld:Person:1"],
    );
}

#[test]
fn order_is_within_one_type() {
    check(
        &[
            "temperature>19",
            "temperature>=20",
            "temperature<=20",
            "temperature<20.5",
            "name>\"D\"",
            "level>8",
        ],
        &[
            "temperature>20",
            "name>5",
            "tags>1",
            "open>\"a\"",
            "series>0",
            "managedBy>\"urn:a\"",
            "location<9",
        ],
    );
}

#[test]
fn dates_and_times_are_compared_in_time() {
    check(
        &[
            "since==2020-01-01T13:00:00+01:00",
            "since>2020-01-01",
            "since<2020-01-01T12:00:00,5Z",
            "day==2020-06-01",
            "day==2020-05-01..2020-07-01",
            "closes>18:00:00Z",
            "temperature.observedAt==1970-01-01T00:16:40Z",
            "temperature.observedAt>=\"1970-01-01T00:16:40Z\"",
            "createdAt>1970-01-01T00:00:00Z",
            "modifiedAt>\"1970-01-01T00:00:00Z\"",
            "closes==18:30:00,0Z,19:00:00Z",
        ],
        &[
            "since<2020-01-01",
            "day>2020-06-01",
            "closes>2020-01-01",
            "temperature.observedAt>2020-01-01",
            "name>2020-01-01",
        ],
    );
    check(
        &[
            "modifiedAt>\"1970-01-01T00:00:00Z\"",
            "closes==19:00:00Z,18:30:00,0Z",
        ],
        &["expiresAt", "modifiedAt>\"soon\""],
    );
}

#[test]
fn patterns_are_found_in_texts_only() {
    check(
        &[
            "name~=\"^Eiffel\"",
            "name~=^E.*(l|x);temperature",
            "name!~=\"^Pisa\"",
            "tags~=\"^r\"",
            "color~=\"vif\"",
            "temperature.unitCode~=\"\\bCEL\\b\"",
        ],
        &[
            "name~=\"^Pisa\"",
            "name!~=\"^Eiffel\"",
            "temperature~=\"2\"",
            "temperature!~=\"3\"",
            "managedBy~=\"urn\"",
        ],
    );
    check(
        &["color~=\"vif\"", "name~=\"Tower\\\"$\""],
        &["color[en]~=\"vif\"", "nothing!~=\"x\""],
    );
}

#[test]
fn a_language_is_addressed_by_its_tag_or_any_by_an_asterisk() {
    check(
        &[
            "color[en]==\"red\"",
            "color[*]==\"rouge\"",
            "color==\"vif\"",
            "color[FR]==\"vif\"",
            "color[en]!=\"rouge\"",
        ],
        &[
            "color[en]==\"rouge\"",
            "color[*]!=\"red\"",
            "color!=\"vif\"",
            "color[de]!=\"x\"",
            "color[fr]!=\"vif\"",
        ],
    );
}

#[test]
fn relationships_and_vocabularies_are_uris() {
    check(
        &[
            "managedBy==\"urn:ngsi-ld:Person:1\"",
            "managedBy==urn:ngsi-ld:Person:1",
            "floors==\"urn:f:2\"",
            "category",
        ],
        &[
            "category==commercial",
            "managedBy==\"urn:ngsi-ld:Person:2\"",
            "floors>\"urn:f:0\"",
        ],
    );
    let options = QOptions {
        expand_values: &["category"],
        json_keys: &["raw"],
    };
    let q = QExpr::parse(
        "category==commercial;raw[value]==\"Overstay\"",
        options,
        &Context::core(),
    );
    assert!(q.expect("a query").holds(&building(), Time(1), &|_| None));
}

#[test]
fn linked_entities_are_asked_through_relationships() {
    check(
        &[
            "managedBy{name}==\"Anna\"",
            "managedBy{Person:name}==\"Anna\"",
            "managedBy{Robot,Person:worksAt{name}}==\"Anna\"",
            "!managedBy{age}",
        ],
        &[
            "managedBy{name}==\"Otto\"",
            "managedBy{Vehicle:name}==\"Anna\"",
            "floors{name}",
            "!managedBy{name}",
        ],
    );
    assert_eq!(parsed("a;b{c{d}}").map(|q| q.depth()), Ok(2));
    assert_eq!(
        parsed("createdAt>2020-01-01").map(|q| q.names_attribute()),
        Ok(false)
    );
}

#[test]
fn and_binds_more_than_or_and_brackets_most() {
    check(
        &[
            "nothing;nothing|temperature",
            "temperature|nothing;nothing",
            "((temperature>5|nothing);name)",
            "(((name)))",
        ],
        &[
            "(temperature|nothing);nothing",
            "nothing|nothing;temperature",
        ],
    );
}

#[test]
fn what_the_grammar_does_not_admit_is_refused_at_its_place() {
    for (text, said) in [
        (
            "",
            "at character 1, its end: expected the name of an attribute",
        ),
        ("speed>", "at character 7, its end: expected a value"),
        ("speed>4..5", "at character 8 ('..5'): expected ';' or '|'"),
        (
            "(speed",
            "at character 7, its end: expected ';', '|' or ')'",
        ),
        ("speed=5", "at character 6 ('=5'): expected ';' or '|'"),
        (
            "a==\"x",
            "at character 4 ('\"x'): the quoted text has no end",
        ),
        (
            "a>true",
            "at character 3 ('true'): an order cannot be asked of true or false",
        ),
        (
            "a>b",
            "at character 3 ('b'): expected a number, a quoted text, a date or a time",
        ),
        (
            "a==1..\"x\"",
            "at character 10, its end: the ends of a range are of one type",
        ),
        (
            "a.",
            "at character 3, its end: expected a name after the dot",
        ),
        (
            "a[b",
            "at character 4, its end: expected names and then ']'",
        ),
        ("r{a", "at character 4, its end: expected '}'"),
        (
            "a==1;",
            "at character 6, its end: expected the name of an attribute",
        ),
        (
            "a==\"\\x\"",
            "at character 7 ('\"'): there is no such escape in a JSON string",
        ),
    ] {
        let error = parsed(text).expect_err(text);
        assert_eq!(error.to_string(), format!("'q' is wrong {said}"), "{text}");
        assert_eq!(error.kind(), Kind::Invalid);
    }
    assert!(parsed("a~=\"(\"").is_err() && parsed("a;;b").is_err() && parsed("a==1)").is_err());
}

#[test]
fn a_query_is_bounded_in_length_terms_and_depth() {
    for text in [
        "a;".repeat(300) + "a",
        "(".repeat(100) + "a" + &")".repeat(100),
        "a{".repeat(100) + "a" + &"}".repeat(100),
        format!("a=={}1", "1,".repeat(300)),
        "a.".repeat(100) + "a",
        "a".repeat(10_000),
    ] {
        assert_eq!(parsed(&text).expect_err("refused").kind(), Kind::Limit);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z\\[\\]{}()\"\\\\.,;:|!~=<>0-9éT+-]{0,40}") {
        if let Ok(q) = parsed(&text) {
            let _any = q.holds(&building(), Time(1), &person);
        }
    }

    #[test]
    fn any_quoted_text_equals_itself(text in "\\PC{0,20}") {
        let mut entity = building();
        entity.attributes = vec![property("a", json!(text))];
        let quoted = json!(text).to_string();
        let q = parsed(&format!("a=={quoted}")).expect("a query");
        prop_assert!(q.holds(&entity, Time(1), &|_| None));
    }

    #[test]
    fn a_range_is_the_two_orders(value in -50..50_i32, low in -50..50_i32, high in -50..50_i32) {
        let mut entity = building();
        entity.attributes = vec![property("a", json!(value))];
        let holds = |text: String| parsed(&text).expect("a query").holds(&entity, Time(1), &|_| None);
        let within = holds(format!("a=={low}..{high}"));
        prop_assert_eq!(within, holds(format!("a>={low};a<={high}")));
        prop_assert_eq!(!within, holds(format!("a!={low}..{high}")));
    }
}
