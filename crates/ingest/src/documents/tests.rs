//! Files of entities, sound and unsound.

use proptest::prelude::*;

use super::*;
use crate::import::Format;
use crate::testing::{complaints, import, refused};

fn read(text: &str) -> (Vec<String>, Vec<String>) {
    let (sink, report) = import(Format::Ngsi, "f.json", text, &Options::default()).unwrap();
    (sink.entities.into_keys().collect(), complaints(&report))
}

#[test]
fn an_array_a_line_each_or_one_alone_are_all_understood() {
    let (a, b) = (
        r#"{"id":"urn:a","type":"T"}"#,
        r#"{"id":"urn:b","type":["T","U"]}"#,
    );
    let both = vec!["urn:a".to_owned(), "urn:b".to_owned()];
    for text in [
        format!("[{a},{b}]"),
        format!("\u{feff} [\n {a} ,\n {b}\n]\n"),
        format!("{a}\n{b}"),
        format!("{a}\r\n\r\n{b}\r\n"),
    ] {
        assert_eq!(read(&text), (both.clone(), vec![]), "{text}");
    }
    let alone = "{\n  \"id\": \"urn:a\",\n  \"type\": \"T\"\n}\n";
    assert_eq!(read(alone), (vec!["urn:a".to_owned()], vec![]));
    assert_eq!(read("[]"), (vec![], vec![]));
}

#[test]
fn a_bad_entity_is_named_by_line_and_number_and_costs_only_itself() {
    let text = "[\n{\"id\":\"urn:a\",\"type\":\"T\"},\n{\"id\":\"urn:b\",},\n7,\n{\"type\":\"T\"},\n\
        {\"id\":\"no uri\",\"type\":\"T\"},\n{\"id\":\"urn:c\"},\n{\"id\":\"urn:d\",\"type\":\"T\",\"x\":\"],}\\\"\"}]";
    let (ids, said) = read(text);
    assert_eq!(ids, ["urn:a", "urn:d"]);
    assert_eq!(
        said,
        [
            "f.json:3: entity 2: trailing comma at line 1 column 15; left out",
            "f.json:4: entity 3: this is no JSON object; left out",
            "f.json:5: entity 4: there is no id; left out",
            "f.json:6: entity 5: id \"no uri\" is no URI; left out",
            "f.json:7: entity 6: there is no type; left out",
        ]
    );
    let (ids, said) = read("{\"id\":\"urn:a\", oops\n{\"id\":\"urn:b\",\"type\":\"T\"}\n");
    assert_eq!(ids, ["urn:b"]);
    assert!(said[0].starts_with("f.json:1: entity 1: "), "{said:?}");
}

#[test]
fn an_array_that_is_not_closed_is_refused_as_a_whole() {
    for (text, reason) in [
        (
            r#"[{"id":"urn:a","type":"T"},"#,
            "f.json: line 1: the array is not closed",
        ),
        (
            r#"[{"id":"urn:a","type":"T"}"#,
            "f.json: line 1: the array is not closed",
        ),
        (
            r#"[{"id":"urn:a","type":"T"}] x"#,
            "f.json: line 1: something stands behind the array",
        ),
        (
            "hello",
            "f.json: this is neither an entity nor an array of entities",
        ),
        (" \n ", "f.json: there is nothing in this file"),
    ] {
        assert_eq!(refused(Format::Ngsi, "f.json", text).to_string(), reason);
    }
}

#[test]
fn deep_nesting_is_a_bad_entity_and_no_overflow() {
    let deep = format!(
        r#"[{{"id":"urn:a","type":"T","x":{}{}}}]"#,
        "[".repeat(99_999),
        "]".repeat(99_999)
    );
    let (ids, said) = read(&deep);
    assert!(ids.is_empty());
    assert!(said[0].contains("recursion limit"), "{said:?}");
}

#[test]
fn an_entity_too_long_is_passed_over_in_bounded_memory() {
    let long = "x".repeat(ENTITY_BYTES_MAX);
    let text = format!(r#"[{{"id":"urn:a","type":"T","x":"{long}"}},{{"id":"urn:b","type":"T"}}]"#);
    let (ids, said) = read(&text);
    assert_eq!(ids, ["urn:b"]);
    assert_eq!(said, ["f.json:1: entity 1: longer than 4 MiB; left out"]);
}

#[test]
fn a_context_is_kept_or_added() {
    let text = r#"[{"id":"urn:a","type":"T"},{"id":"urn:b","type":"T","@context":"http://c"}]"#;
    let options = Options {
        context: Some("http://d".to_owned()),
        ..Options::default()
    };
    let (sink, _) = import(Format::Ngsi, "f.json", text, &options).unwrap();
    assert_eq!(sink.entities["urn:a"]["@context"], "http://d");
    assert_eq!(sink.entities["urn:b"]["@context"], "http://c");
}

#[test]
fn temporal_entities_are_handed_on_as_history() {
    let text = r#"[{"id":"urn:a","type":["T"],"x":[{"value":1},{"value":2}]}]"#;
    let options = Options {
        temporal: true,
        ..Options::default()
    };
    let (sink, report) = import(Format::Ngsi, "f.json", text, &options).unwrap();
    assert_eq!((sink.history.len(), report.history_values), (1, 2));
}

proptest! {
    #[test]
    fn any_text_comes_to_an_end(text in "[\\[\\]{},:\"\\\\a1 \n]{0,60}") {
        if let Ok((sink, _)) = import(Format::Ngsi, "f.json", text, &Options::default()) {
            prop_assert!(sink.entities.is_empty());
        }
    }
}
