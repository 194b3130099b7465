//! Answers over time, as they are written.

use super::*;
use crate::aggregate::{Aggregation, Method, Period};
use crate::temporal::{InstanceId, TimeProperty};
use base::{Name, Seq};
use jsonld::Context;
use serde_json::{Value, json};

fn instance(seq: u64, name: &str, value: AttributeValue) -> Instance {
    let mut attribute = Attribute::new(Name::from(name), value);
    let time = Time::from_seconds(i64::try_from(seq).expect("small"));
    attribute.stamp(time, time);
    attribute.observed_at = Some(time);
    Instance {
        id: InstanceId {
            seq: Seq(seq),
            index: 0,
        },
        attribute,
    }
}

fn deletion(seq: u64, name: &str) -> Instance {
    let mut deletion = instance(seq, name, AttributeValue::Null);
    deletion.attribute.observed_at = None;
    deletion
}

fn evolution(instances: &[Instance]) -> Evolution {
    let series = instances
        .chunk_by(|a, b| a.attribute.name == b.attribute.name)
        .map(|series| Series {
            name: series[0].attribute.name.clone(),
            dataset_id: None,
            instances: series.to_vec(),
            is_cut: false,
        })
        .collect();
    let head = Head {
        id: "urn:a".into(),
        types: vec!["https://uri.etsi.org/ngsi-ld/default-context/T".into()],
        scope: Vec::new(),
        created_at: Time(0),
        modified_at: Time(0),
        deleted_at: None,
        expires_at: None,
    };
    Evolution { head, series }
}

const A: &str = "https://uri.etsi.org/ngsi-ld/default-context/a";
const B: &str = "https://uri.etsi.org/ngsi-ld/default-context/b";

fn number(n: i64) -> AttributeValue {
    AttributeValue::Property(json!(n))
}

fn written(
    evolution: &Evolution,
    format: TemporalFormat,
    cut: Option<Cut>,
    kind: AttributeKind,
) -> Value {
    let context = Context::core();
    let renderer = Renderer::new(&context, Time::from_seconds(1_000));
    let key = AttributeKey {
        name: A.into(),
        dataset_id: None,
    };
    let kinds = HashMap::from([(key, kind)]);
    let span = Span::all(10);
    let shown = Shown {
        evolution,
        scope: &[],
        kinds: &kinds,
        span: &span,
        cut,
    };
    let mut out = Out::default();
    renderer.evolution(&mut out, &shown, format, None);
    serde_json::from_str(&out.into_string()).expect("JSON")
}

#[test]
fn a_deletion_is_a_null_of_the_attribute_s_own_kind() {
    let all = evolution(&[deletion(7, A)]);
    let show = |format, kind| written(&all, format, None, kind)["a"].clone();
    let id = "urn:ngsi-ld:Instance:7-0";
    let at = "1970-01-01T00:00:07Z";
    assert_eq!(
        show(TemporalFormat::Normalized, AttributeKind::Relationship),
        json!([{"type": "Relationship", "object": NULL, "deletedAt": at, "instanceId": id}])
    );
    assert_eq!(
        show(TemporalFormat::Normalized, AttributeKind::LanguageProperty),
        json!([{
            "type": "LanguageProperty", "languageMap": {"@none": NULL},
            "deletedAt": at, "instanceId": id,
        }])
    );
    assert_eq!(
        show(TemporalFormat::Values, AttributeKind::LanguageProperty),
        json!({"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"@none": NULL}}, at]]})
    );
    assert_eq!(
        show(TemporalFormat::Values, AttributeKind::Property),
        json!({"type": "Property", "values": [[NULL, at]]})
    );
}

#[test]
fn a_cut_answer_names_what_it_has_no_room_for() {
    let all = evolution(&[
        instance(1, A, number(1)),
        instance(2, A, number(2)),
        instance(
            5,
            B,
            AttributeValue::Relationship(crate::Uris::One("urn:b".into())),
        ),
    ]);
    let cut = Some(Cut {
        edge: Time::from_seconds(1),
        is_start: false,
    });
    let shown = written(
        &all,
        TemporalFormat::Normalized,
        cut,
        AttributeKind::Property,
    );
    assert_eq!(
        (shown["a"].as_array().map(Vec::len), &shown["b"]),
        (Some(1), &json!([]))
    );
    let cut = Some(Cut {
        edge: Time::from_seconds(2),
        is_start: true,
    });
    let shown = written(
        &all,
        TemporalFormat::Normalized,
        cut,
        AttributeKind::Property,
    );
    assert_eq!(
        (
            shown["a"].as_array().map(Vec::len),
            shown["b"].as_array().map(Vec::len)
        ),
        (Some(1), Some(1))
    );
    let cut = Some(Cut {
        edge: Time::from_seconds(1),
        is_start: false,
    });
    let shown = written(&all, TemporalFormat::Values, cut, AttributeKind::Property);
    assert_eq!(shown["b"], json!({"type": "Relationship", "objects": []}));
}

#[test]
fn what_has_expired_is_not_shown() {
    let mut gone = instance(1, A, number(1));
    gone.attribute.expires_at = Some(Time::from_seconds(999));
    let shown = written(
        &evolution(&[gone, instance(2, B, number(2))]),
        TemporalFormat::Values,
        None,
        AttributeKind::Property,
    );
    assert_eq!((shown.get("a"), shown.get("b").is_some()), (None, true));
}

#[test]
fn the_scope_is_a_property_over_time() {
    use crate::temporal::scope;
    let all = evolution(&[instance(1, A, number(1))]);
    let at = |seq| InstanceId {
        seq: Seq(seq),
        index: 0,
    };
    let history = [
        Instance {
            id: at(1),
            attribute: scope::instance(&["/A".into(), "/B".into()], Time(0)),
        },
        Instance {
            id: at(2),
            attribute: scope::instance(&[], Time(1_000_000)),
        },
    ];
    let context = Context::core();
    let span = Span {
        property: TimeProperty::ModifiedAt,
        ..Span::all(10)
    };
    let kinds = HashMap::new();
    let shown = Shown {
        evolution: &all,
        scope: &history,
        kinds: &kinds,
        span: &span,
        cut: None,
    };
    let scope = |format| {
        let mut out = Out::default();
        Renderer::new(&context, Time(0)).evolution(&mut out, &shown, format, None);
        serde_json::from_str::<Value>(&out.into_string()).expect("JSON")["scope"].clone()
    };
    let times = ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"];
    assert_eq!(
        scope(TemporalFormat::Normalized),
        json!([
            {"type": "Property", "value": ["/A", "/B"], "observedAt": times[0],
             "instanceId": "urn:ngsi-ld:Instance:1-0"},
            {"type": "Property", "value": [], "deletedAt": times[1],
             "instanceId": "urn:ngsi-ld:Instance:2-0"},
        ])
    );
    assert_eq!(
        scope(TemporalFormat::Values),
        json!({"type": "Property", "values": [[["/A", "/B"], times[0]], [[], times[1]]]})
    );
}

#[test]
fn aggregated_values_stand_by_method() {
    let aggregation = Aggregation {
        methods: vec![Method::Avg, Method::Max],
        period: Period::default(),
        last: None,
    };
    let mut values = Aggregated::new(&aggregation, Time(0));
    for value in [1, 2] {
        values
            .add(Time::from_seconds(value), &number(value), 10)
            .expect("room");
    }
    let key = AttributeKey {
        name: A.into(),
        dataset_id: Some("urn:d".into()),
    };
    let head = evolution(&[]).head;
    let context = Context::core();
    let mut out = Out::default();
    Renderer::new(&context, Time(0)).aggregated(&mut out, &head, &[(key, values)], None, None);
    let times = ["1970-01-01T00:00:00Z", "1970-01-01T00:00:02Z"];
    assert_eq!(
        serde_json::from_str::<Value>(&out.into_string()).expect("JSON"),
        json!({
            "id": "urn:a",
            "type": "T",
            "a": {
                "type": "Property", "datasetId": "urn:d",
                "avg": [[1.5, times[0], times[1]]], "max": [[2, times[0], times[1]]],
            },
        })
    );
}

#[test]
fn what_was_rolled_up_is_not_passed_off_as_measured() {
    use crate::temporal::{Rolled, RolledNumbers, RolledValue};
    let hour = Rolled {
        period: 3_600_000_000,
        count: 2,
        value: RolledValue::Numbers(RolledNumbers {
            min: 1.0,
            max: 4.0,
            sum: 5.0,
            sum_of_squares: 17.0,
            last: 4.0,
        }),
        last_at: Time::from_seconds(1_800),
    };
    let rolled = |hours: i64| {
        let mut like = Attribute::new(Name::from(A), AttributeValue::Null);
        like.observed_at = Some(Time::from_seconds(hours * 3_600));
        Instance::rolled(InstanceId::rolled(0), &hour, like)
    };
    let late = instance(9_000, A, number(7));
    let mut all = evolution(&[rolled(0), rolled(1), late, rolled(3)]);
    for series in &mut all.series {
        series.arrange(&Span::all(10));
    }
    let show = |format| written(&all, format, None, AttributeKind::Property)["a"].clone();
    let values = show(TemporalFormat::Values);
    assert_eq!(
        values["rolledUp"],
        json!([
            ["PT1H", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"],
            ["PT1H", "1970-01-01T03:00:00Z", "1970-01-01T03:00:00Z"],
        ])
    );
    assert_eq!(values["values"][0], json!([2.5, "1970-01-01T00:00:00Z"]));
    let first = &show(TemporalFormat::Normalized)[0];
    for (name, value) in [
        ("rolledUp", json!("PT1H")),
        ("count", json!(2)),
        ("minimum", json!(1.0)),
        ("maximum", json!(4.0)),
        ("total", json!(5.0)),
        ("sumOfSquares", json!(17.0)),
    ] {
        assert_eq!(first[name], json!({"type": "Property", "value": value}));
    }
    assert_eq!(first["last"]["observedAt"], json!("1970-01-01T00:30:00Z"));
    assert_eq!(first["instanceId"], json!("urn:ngsi-ld:Instance:0-0"));
}
