//! What reads as a registration, and what does not.

use serde_json::json;

use super::*;
use crate::registration::{ENTRIES_MAX, TimeInterval};

const NOW: Time = Time(1_767_225_600_000_000);

fn read(document: impl Into<Value>) -> Result<Registration, RegistrationError> {
    let document: Value = document.into();
    let given = Name::from("urn:ngsi-ld:ContextSourceRegistration:given");
    Registration::read(&document, &Context::core(), &given, NOW)
}

fn with(member: &str, value: Value) -> Value {
    let mut document = json!({
        "type": "ContextSourceRegistration",
        "information": [{ "entities": [{ "type": "Vehicle" }] }],
        "endpoint": "http://partner.example:1026/ngsi-ld/v1/",
    });
    document[member] = value;
    document
}

fn refused(member: &str, value: Value) -> String {
    let shown = value.to_string();
    let error = read(with(member, value)).expect_err(&shown);
    assert_eq!(error.kind(), base::Kind::Invalid, "{shown}: {error}");
    error.to_string()
}

fn vehicle(id: &str, attributes: &[&str]) -> Value {
    json!([{ "entities": [{ "id": id, "type": "Vehicle" }], "propertyNames": attributes }])
}

#[test]
fn what_is_left_out_is_what_the_standard_says() {
    let read = read(with("description", json!("all vehicles"))).expect("a registration");
    assert_eq!(read.id, "urn:ngsi-ld:ContextSourceRegistration:given");
    assert_eq!(read.mode, Mode::Inclusive);
    assert_eq!(read.operations, OperationSet::federation());
    assert_eq!(read.endpoint, "http://partner.example:1026");
    assert_eq!(read.management, Management::default());
    assert!(read.is_of_now() && !read.is_expired(Time::MAX));
    let types = &read.information[0].entities[0].types;
    assert_eq!(
        types[0],
        "https://uri.etsi.org/ngsi-ld/default-context/Vehicle"
    );
}

#[test]
fn every_member_of_the_standard_is_read() {
    let read = read(json!({
        "id": "urn:x:r", "type": "ContextSourceRegistration", "registrationName": "partner",
        "information": vehicle("urn:x:v", &["speed"]),
        "endpoint": "https://partner.example", "mode": "exclusive", "operations": ["updateOps", "queryTemporal"],
        "tenant": "blue", "contextSourceAlias": "partner-1", "datasetId": ["urn:x:d", "@none"],
        "contextSourceInfo": [
            { "key": "Authorization", "value": "Bearer x" },
            { "key": "jsonldContext", "value": "https://partner.example/context.jsonld" },
        ],
        "management": { "localOnly": true, "cacheDuration": "PT5M", "timeout": 1500, "cooldown": 2.5 },
        "observationInterval": { "startAt": "2020-01-01T00:00:00Z" },
        "managementInterval": { "startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z" },
        "location": { "type": "Point", "coordinates": [8.0, 40.0] }, "scope": ["/A/B", "C"],
        "expiresAt": "2027-01-01T00:00:00Z", "refreshRate": "PT1H", "rank": 3,
    }));
    let read = read.expect("a registration");
    assert!(read.operations.has("replaceAttrs") && read.operations.has("queryTemporal"));
    assert_eq!(read.tenant.as_ref().map(base::Tenant::as_str), Some("blue"));
    assert_eq!(read.headers, [("authorization".into(), "Bearer x".into())]);
    assert_eq!(
        read.jsonld_context.as_deref(),
        Some("https://partner.example/context.jsonld")
    );
    let management = Management {
        local_only: true,
        cache_micros: Some(300_000_000),
        timeout_micros: Some(1_500_000),
        cooldown_micros: Some(2_500),
    };
    assert_eq!(read.management, management);
    assert_eq!(read.alias.as_deref(), Some("partner-1"));
    assert_eq!(read.datasets.len(), 2);
    let since = TimeInterval {
        start_at: Time::parse("2020-01-01T00:00:00Z").expect("a time"),
        end_at: None,
    };
    assert_eq!(read.observation_interval, Some(since));
    assert_eq!(read.scope, ["/A/B", "/C"]);
    let end = read.expires_at.expect("an end");
    assert!(read.is_expired(end) && !read.is_expired(end.plus_micros(-1)));
}

/// A member, a value that it must not have, and a part of what is said of it.
type Wrong = (&'static str, Value, &'static str);

fn refuses(all: impl IntoIterator<Item = Wrong>) {
    for (member, value, said) in all {
        let reason = refused(member, value);
        assert!(reason.contains(said), "{reason}");
    }
}

#[test]
fn what_a_source_cannot_have_is_refused_with_its_reason() {
    let entity = |entity: Value| json!([{ "entities": [entity] }]);
    let parts = [
        (json!(null), "must be an array"),
        (json!([]), "must be an array"),
        (json!([{}]), "says nothing"),
        (json!([{ "attrs": ["x"] }]), "no member 'attrs'"),
        (entity(json!({ "idPattern": ".*" })), "'type' each"),
        (
            entity(json!({ "type": "V", "idPattern": "(" })),
            "idPattern",
        ),
        (entity(json!({ "type": "V", "id": "v" })), "no URI"),
        (json!([{ "propertyNames": ["a b"] }]), "no name"),
        (json!([{ "propertyNames": [3] }]), "names alone"),
    ];
    refuses(parts.map(|(value, said)| ("information", value, said)));
}

#[test]
fn what_is_no_registration_is_refused_with_its_reason() {
    let info = |key: Value, value: Value| json!([{ "key": key, "value": value }]);
    refuses([
        (
            "type",
            json!("Building"),
            "must be ContextSourceRegistration",
        ),
        ("id", json!("no uri"), "no URI"),
        ("endpoint", json!("ftp://partner.example"), "http or https"),
        ("endpoint", json!("http://"), "http or https"),
        ("endpoint", json!("http://a/?q=1"), "without a query"),
        ("mode", json!("proxy"), "must be inclusive"),
        ("operations", json!(["everything"]), "no operation"),
        ("operations", json!([]), "must be an array"),
        ("tenant", json!("a/b"), "tenant"),
        ("contextSourceAlias", json!("a b"), "a word"),
        ("datasetId", json!(["x"]), "no URI"),
        ("management", json!("yes"), "JSON object"),
        ("management", json!({ "timeout": -5 }), "greater than 0"),
        (
            "management",
            json!({ "cacheDuration": "bogus" }),
            "cacheDuration",
        ),
        ("observationInterval", json!({}), "'startAt'"),
        ("location", json!({ "type": "Point" }), "location"),
        ("scope", json!("/9"), "scope"),
        ("expiresAt", json!("2025-12-31T23:59:59Z"), "in the past"),
        ("expiresAt", json!(" 2027-11-29T14:53:15Z"), "expiresAt"),
        ("a b", json!(1), "no name"),
    ]);
    refuses(
        [
            (info(json!("X"), json!(5)), "string 'value'"),
            (info(json!("a b"), json!("x")), "no header"),
            (info(json!("X"), json!("a\r\nB: c")), "stand in a header"),
        ]
        .map(|(value, said)| ("contextSourceInfo", value, said)),
    );
}

#[test]
fn headers_that_the_node_sets_itself_are_passed_over() {
    let info = json!([{ "key": "Host", "value": "other" }, { "key": "X-A", "value": "b" }]);
    let read = read(with("contextSourceInfo", info)).expect("a registration");
    assert_eq!(read.headers, [("x-a".into(), "b".into())]);
}

#[test]
fn that_a_source_answers_alone_is_said_beside_its_management_or_in_it() {
    let beside = read(with("localOnly", json!(true))).expect("a registration");
    let within = read(with("management", json!({ "localOnly": true }))).expect("a registration");
    assert!(beside.management.local_only && within.management.local_only);
    refused("localOnly", json!("yes"));
}

#[test]
fn a_registration_has_bounds() {
    let names = vec!["p"; ENTRIES_MAX + 1];
    refused("information", json!([{ "propertyNames": names }]));
    refused("note", json!("x".repeat(REGISTRATION_BYTES_MAX)));
}

#[test]
fn a_mode_asks_for_what_it_needs() {
    let mode = |mode: &str, information: Value| {
        let mut document = with("information", information);
        document["mode"] = json!(mode);
        read(document)
    };
    mode("exclusive", vehicle("urn:x:v", &["speed"])).expect("exclusive");
    mode("exclusive", json!([{ "propertyNames": ["speed"] }])).expect_err("no entities");
    mode(
        "exclusive",
        json!([{ "entities": [{ "type": "V", "id": "urn:x:v" }] }]),
    )
    .expect_err("no attributes");
    mode(
        "exclusive",
        json!([{ "entities": [{ "type": "V", "idPattern": "." }], "propertyNames": ["a"] }]),
    )
    .expect_err("a pattern");
    mode("redirect", json!([{ "propertyNames": ["speed"] }])).expect("redirect");
    let auxiliary = |operations: Value| {
        let mut document = with("operations", operations);
        document["mode"] = json!("auxiliary");
        read(document)
    };
    auxiliary(json!(["retrieveEntity", "queryEntity"])).expect("it reads alone");
    auxiliary(json!(["retrieveOps", "updateEntity"])).expect_err("it writes");
    let unsaid = mode("auxiliary", vehicle("urn:x:v", &[])).err();
    assert!(unsaid.is_some(), "an empty list names nothing");
}

#[test]
fn a_change_is_merged_and_null_takes_away() {
    let before = read(with("expiresAt", json!("2027-01-01T00:00:00Z"))).expect("a registration");
    before.traffic.note(true, NOW);
    let change = |fragment: Value| before.merged(&fragment, &Context::core(), Time(NOW.0 + 5));
    let after = change(json!({ "expiresAt": null, "endpoint": "http://other.example" }));
    let after = after.expect("a change");
    assert_eq!(
        (after.expires_at, &*after.endpoint),
        (None, "http://other.example")
    );
    assert_eq!(after.information, before.information);
    assert_eq!(
        (after.created_at, after.modified_at),
        (NOW, Time(NOW.0 + 5))
    );
    assert_eq!(after.traffic.times_sent(), 1, "it is the same source");
    let gone = change(json!({ "expiresAt": "urn:ngsi-ld:null" })).expect("a change");
    assert_eq!(gone.expires_at, None);
    for wrong in [
        json!({ "information": null }),
        json!({ "type": "building" }),
        json!({ "id": "urn:x:other" }),
        json!({ "mode": "exclusive" }),
        json!({ "expiresAt": "2020-01-01T00:00:00Z" }),
    ] {
        change(wrong.clone()).expect_err(&wrong.to_string());
    }
}

#[test]
fn it_is_shown_in_the_words_of_whoever_asks() {
    let terms = json!({ "V": "https://x.org/Vehicle", "speed": "https://x.org/speed", "rank": "https://x.org/rank" });
    let theirs = match Context::resolve(&terms, &|_| None).expect("a context") {
        jsonld::Resolution::Ready(context) => context,
        jsonld::Resolution::Needs(_) => unreachable!("no document is named"),
    };
    let given = Name::from("urn:x:r");
    let mut document = with(
        "information",
        json!([{ "entities": [{ "type": ["V", "Car"] }], "propertyNames": ["speed"] }]),
    );
    document["rank"] = json!(3);
    document["createdAt"] = json!("it is not theirs to say");
    let read = Registration::read(&document, &theirs, &given, NOW).expect("a registration");
    let mut same = document.clone();
    same["id"] = json!("urn:x:r");
    same.as_object_mut().expect("an object").remove("createdAt");
    assert_eq!(read.show(&theirs, false), same);
    let shown = read.show(&Context::core(), true);
    assert_eq!(
        shown["information"][0],
        json!({ "entities": [{ "type": ["https://x.org/Vehicle", "Car"] }], "propertyNames": ["https://x.org/speed"] })
    );
    assert_eq!(shown["https://x.org/rank"], 3);
    assert_eq!(shown["createdAt"], NOW.to_string());
    assert_eq!(shown.get("status"), None);
    read.traffic.note(false, NOW);
    assert_eq!(read.show(&theirs, false)["status"], "failed");
}

#[test]
fn what_is_said_of_a_source_can_be_asked_for() {
    let core = Context::core();
    let mut document = with(
        "location",
        json!({ "type": "Point", "coordinates": [8.68, 49.41] }),
    );
    document["scope"] = json!("/Madrid/Centro");
    document["vendor"] = json!({ "type": "Property", "value": "sensor" });
    document["rank"] = json!(3);
    let read = read(document).expect("a registration");
    let says = |text: &str| {
        let q = ngsi::query::QExpr::parse(text, ngsi::query::QOptions::default(), &core);
        let filter = ngsi::Query {
            q: Some(q.expect("a filter")),
            ..ngsi::Query::default()
        };
        read.is_described_by(&filter)
    };
    assert!(says(r#"vendor=="sensor""#) && says("rank>2") && !says("rank>3"));
    assert!(says(r#"endpoint~="partner""#) && !says("nothing"));
}
