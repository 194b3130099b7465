//! What is read is shown as it was said; what is wrong is refused with the member that is wrong.

use base::Kind as Why;
use jsonld::Resolution;
use ngsi::render::Format;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// An @context of two terms, and one that calls the same things otherwise.
fn spoken(terms: &Value) -> Spoken {
    let resolved = Context::resolve(terms, &|_| None).expect("a context");
    let Resolution::Ready(context) = resolved else {
        panic!("it needs nothing else");
    };
    let member = terms.clone();
    Spoken { context, member }
}

fn ours() -> Spoken {
    spoken(
        &json!({"Room": "https://x.org/Room", "heat": "https://x.org/heat", "in": "https://x.org/in"}),
    )
}

fn theirs() -> Spoken {
    spoken(
        &json!({"Zimmer": "https://x.org/Room", "warm": "https://x.org/heat", "imHaus": "https://x.org/in"}),
    )
}

fn with(members: Value) -> Value {
    let mut whole = json!({
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": {"uri": "http://a.org/notify"}},
    });
    if let (Value::Object(whole), Value::Object(members)) = (&mut whole, members) {
        whole.extend(members);
    }
    whole
}

fn parse(value: Value) -> Result<Subscription, SubscriptionError> {
    Subscription::parse(value, &ours(), Kind::Entities)
}

fn refused(members: Value) -> String {
    let shown = members.to_string();
    match parse(with(members)) {
        Ok(_) => panic!("taken: {shown}"),
        Err(error) => {
            assert_eq!(error.kind(), Why::Invalid, "{shown}");
            error.to_string()
        }
    }
}

#[test]
fn a_subscription_is_expanded_in_its_context() {
    let read = parse(with(json!({
        "entities": [{"type": "Room|(Hall;Room)", "idPattern": "^urn:a"}, {"type": "*", "id": ["urn:b:1", "urn:b:2"]}],
        "watchedAttributes": ["heat"],
        "q": "heat>20;in==\"x\"",
        "geoQ": {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": "[1,2]"},
        "scopeQ": "/a/#",
        "notificationTrigger": ["entityDeleted"],
        "throttling": 1.5,
        "expiresAt": "2030-01-01T00:00:00Z",
        "lang": "fr;q=0.8,de",
        "datasetId": ["@none", "urn:d:1"],
        "notification": {
            "attributes": ["heat"], "format": "concise", "sysAttrs": true, "showChanges": true,
            "join": "flat", "joinLevel": 2,
            "endpoint": {
                "uri": "mqtts://u:p@h:8883/a/b", "accept": "application/geo+json", "timeout": 500, "cooldown": 1000,
                "receiverInfo": [{"key": "A b", "value": "c"}], "notifierInfo": [{"key": "MQTT-QoS", "value": "2"}],
            },
        },
    })))
    .expect("a subscription");
    let heat = Name::from("https://x.org/heat");
    assert_eq!(read.watched, std::slice::from_ref(&heat));
    assert_eq!(read.query.selectors.len(), 2);
    assert_eq!(read.query.selectors[1].ids.len(), 2);
    assert!(read.query.q.is_some() && read.query.geo.is_some() && read.query.scope.is_some());
    assert_eq!(
        read.triggers,
        Triggers {
            entity_deleted: true,
            ..Triggers::NONE
        }
    );
    assert_eq!(read.throttling, Some(Duration::from_millis(1_500)));
    assert_eq!(read.datasets, Some(vec![None, Some("urn:d:1".into())]));
    let sent = &read.notification;
    assert_eq!(
        (&sent.attributes[..], sent.join),
        (&[heat][..], Join::Flat(2))
    );
    assert!(sent.format == Format::Concise && sent.sys_attrs && sent.show_changes);
    assert_eq!(sent.endpoint.transport, Transport::Mqtt);
    assert_eq!(sent.endpoint.accept.media_type(), "application/geo+json");
    assert_eq!(sent.endpoint.timeout, Some(Duration::from_millis(500)));
    assert_eq!(sent.endpoint.notifier("MQTT-QoS"), Some("2"));
}

#[test]
fn defaults_are_those_of_the_standard() {
    let read = parse(with(json!({}))).expect("a subscription");
    assert_eq!(read.triggers, Triggers::default());
    assert!(read.is_active && read.notification.format == Format::Normalized);
    let shown = read.show(&ours().context, false, Time(0));
    assert_eq!(
        shown["notificationTrigger"],
        json!(["attributeCreated", "attributeUpdated"])
    );
    assert_eq!(shown["status"], "active");
    assert!(shown.get("isActive").is_none() && shown.get("createdAt").is_none());
    assert!(shown["notification"].get("timesSent").is_none());
    let more = json!({"status": "expired", "createdAt": 1, "_of": "the client", "notification": {
        "timesSent": 9, "endpoint": {"uri": "http://a.org/notify"},
    }});
    let same =
        parse(with(more)).expect("what the node says, and what nobody knows, is passed over");
    assert_eq!(same.show(&ours().context, false, Time(0)), shown);
    let of_sources = Subscription::parse(with(json!({})), &ours(), Kind::Sources);
    let shown = of_sources
        .expect("one")
        .show(&ours().context, false, Time(0));
    assert!(shown.get("notificationTrigger").is_none());
}

#[test]
fn what_is_wrong_is_refused_with_its_member() {
    for (members, said) in [
        (json!({"id": "one"}), "id"),
        (json!({"type": "Abo"}), "type"),
        (json!({"entities": []}), "entities"),
        (json!({"entities": [{"id": "urn:a:1"}]}), "entities.type"),
        (
            json!({"entities": [{"type": "Room", "idPattern": "(a"}]}),
            "entities.idPattern",
        ),
        (
            json!({"entities": [{"type": "Room", "typ": "x"}]}),
            "entities.typ",
        ),
        (json!({"entities": null}), "'entities'"),
        (
            json!({"watchedAttributes": ["9lives"]}),
            "watchedAttributes",
        ),
        (
            json!({"watchedAttribute": ["heat"]}),
            "'watchedAttributes' is",
        ),
        (json!({"isactive": false}), "'isActive' is"),
        (
            json!({"notificationTrigger": ["entityMoved"]}),
            "notificationTrigger",
        ),
        (json!({"q": "a=="}), "q"),
        (json!({"scopeQ": "//"}), "scopeQ"),
        (json!({"csf": ";"}), "csf"),
        (
            json!({"geoQ": {"georel": "near", "geometry": "Point"}}),
            "geoQ.coordinates",
        ),
        (
            json!({"temporalQ": {"timerel": "between", "timeAt": "2020-01-01T00:00:00Z"}}),
            "temporalQ.endTimeAt",
        ),
        (json!({"throttling": -1}), "throttling"),
        (json!({"throttling": 0}), "throttling"),
        (json!({"timeInterval": 1e300}), "timeInterval"),
        (json!({"throttling": 1, "timeInterval": 1}), "'throttling'"),
        (
            json!({"timeInterval": 1, "watchedAttributes": ["heat"]}),
            "'watchedAttributes'",
        ),
        (json!({"isActive": "yes"}), "isActive"),
        (json!({"expiresAt": "2030-01-01"}), "expiresAt"),
        (json!({"jsonldContext": "here"}), "jsonldContext"),
        (json!({"datasetId": ["d"]}), "datasetId"),
        (json!({"description": 1}), "description"),
        (json!({"description": "x".repeat(70_000)}), "bytes"),
        (json!({"notification": null}), "notification"),
        (json!({"notification": {}}), "notification.endpoint"),
    ] {
        let message = refused(members.clone());
        assert!(message.contains(said), "{members}: {message}");
    }
}

#[test]
fn a_wrong_notification_is_refused_with_its_member() {
    let endpoint = json!({"uri": "http://a.org/"});
    for (mut members, said) in [
        (json!({"format": "long"}), "notification.format"),
        (
            json!({"format": "keyValues", "showChanges": true}),
            "'showChanges'",
        ),
        (json!({"attributes": []}), "notification.attributes"),
        (json!({"pick": []}), "notification.pick"),
        (json!({"omit": "id"}), "notification.omit"),
        (json!({"pick": ["id"], "omit": ["id"]}), "'pick'"),
        (
            json!({"pick": ["id"], "attributes": ["heat"]}),
            "'attributes'",
        ),
        (json!({"pick": ["in{heat}"]}), "'joinLevel'"),
        (json!({"join": "across"}), "notification.join"),
        (json!({"joinLevel": 1}), "'joinLevel'"),
        (
            json!({"join": "flat", "joinLevel": 0}),
            "notification.joinLevel",
        ),
        (json!({"endpoint": "http://a.org"}), "notification.endpoint"),
        (json!({"endpoint": {}}), "notification.endpoint.uri"),
        (
            json!({"endpoint": {"uri": "ftp://a.org/x"}}),
            "notification.endpoint.uri",
        ),
        (
            json!({"endpoint": {"uri": "http:///x"}}),
            "notification.endpoint.uri",
        ),
        (json!({"endpoint": {"uri": "mqtt://a.org"}}), "topic"),
        (
            json!({"endpoint": {"uri": "http://a.org", "accept": "text/html"}}),
            "accept",
        ),
        (
            json!({"endpoint": {"uri": "http://a.org", "timeout": "1s"}}),
            "timeout",
        ),
        (
            json!({"endpoint": {"uri": "http://a.org", "receiverInfo": [{"key": "A"}]}}),
            "receiverInfo",
        ),
        (
            json!({"endpoint": {"uri": "http://a.org", "receiverInfo": [{"key": "A\r\nB", "value": "c"}]}}),
            "receiverInfo",
        ),
        (
            json!({"endpoint": {"uri": "mqtt://a.org/t", "notifierInfo": [{"key": "MQTT-QoS", "value": "3"}]}}),
            "MQTT-QoS",
        ),
    ] {
        if members.get("endpoint").is_none() {
            members["endpoint"] = endpoint.clone();
        }
        let message = refused(json!({ "notification": members.clone() }));
        assert!(message.contains(said), "{members}: {message}");
    }
}

#[test]
fn a_subscription_is_shown_in_the_words_of_whoever_asks() {
    let said = with(json!({
        "entities": [{"type": "(Room;Hall)|Room"}],
        "watchedAttributes": ["heat"],
        "q": "!heat;(heat>=20.5|in.heat[a.b]==\"x\\\"y\",3);in{Room:heat}!=1..2;heat~=\"a\\\\.b\";in==true",
        "geoQ": {"georel": "within", "geometry": "Point", "coordinates": [1, 2], "geoproperty": "in"},
        "notification": {
            "pick": ["id", "in{heat,type}"], "join": "inline",
            "endpoint": {"uri": "http://a.org/notify"},
        },
    }));
    let read = parse(said.clone()).expect("a subscription");
    let own = read.show(&read.context, false, Time(0));
    assert_eq!(own["q"], said["q"], "unchanged to its owner");
    let other = read.show(&theirs().context, false, Time(0));
    assert_eq!(other["entities"][0]["type"], "(Zimmer;Hall)|Zimmer");
    assert_eq!(other["watchedAttributes"], json!(["warm"]));
    assert_eq!(other["geoQ"]["geoproperty"], "imHaus");
    assert_eq!(
        other["notification"]["pick"],
        json!(["id", "imHaus{warm,type}"])
    );
    let again = Subscription::parse(other, &theirs(), Kind::Entities).expect("readable");
    assert_eq!(again.query, read.query);
    assert_eq!(again.notification.projection, read.notification.projection);
}

#[test]
fn a_fragment_takes_the_place_of_members_and_null_deletes_them() {
    let read = parse(with(json!({"q": "heat>1", "throttling": 5}))).expect("a subscription");
    let changed = read
        .changed(
            json!({"q": "warm<2", "throttling": null, "isActive": false}),
            &theirs(),
        )
        .expect("a change");
    assert_eq!((changed.throttling, changed.is_active), (None, false));
    assert_eq!(changed.status(Time(0)), Status::Paused);
    let shown = changed.show(&ours().context, false, Time(0));
    assert_eq!(shown["q"], "heat<2", "said in other words than the rest");
    assert_eq!(shown["entities"], json!([{"type": "Room"}]));
    for fragment in [
        json!({"id": "urn:other:1"}),
        json!({"type": null}),
        json!({"notification": null}),
        json!({"notification": {"format": "keyValues"}}),
        json!({"entities": null}),
    ] {
        let error = read
            .changed(fragment.clone(), &ours())
            .expect_err("refused");
        assert_eq!(error.kind(), Why::Invalid, "{fragment}");
    }
    let sent_back = read.show(&ours().context, true, Time(0));
    let same = read
        .changed(sent_back, &ours())
        .expect("what was shown can be sent back");
    assert_eq!(same.query, read.query);
}

#[test]
fn a_subscription_expires_and_counts() {
    let read = parse(with(json!({"expiresAt": "2030-01-01T00:00:00Z"}))).expect("a subscription");
    let end = read.expires_at.expect("an end");
    assert_eq!(read.status(end.plus_micros(-1)), Status::Active);
    assert_eq!(read.status(end), Status::Expired);
    read.stats.sent(Time(1_000_000));
    read.stats.failed(Time(2_000_000), true);
    let shown = read.show(&ours().context, true, end);
    assert_eq!(shown["status"], "expired");
    assert_eq!(
        shown["notification"],
        json!({
            "endpoint": {"uri": "http://a.org/notify"}, "status": "failed", "timesSent": 1, "timesFailed": 1,
            "lastNotification": "1970-01-01T00:00:01Z", "lastFailure": "1970-01-01T00:00:02Z",
        })
    );
    assert!(read.stats.take_changed().is_some() && read.stats.take_changed().is_none());
}

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z:/*;|(){}\\[\\]\"=<>~.,0-9é ]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z@]{1,12}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn member_names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "id",
        "type",
        "entities",
        "watchedAttributes",
        "notificationTrigger",
        "timeInterval",
        "q",
        "expandValues",
        "geoQ",
        "csf",
        "scopeQ",
        "temporalQ",
        "isActive",
        "notification",
        "expiresAt",
        "throttling",
        "lang",
        "datasetId",
        "jsonldContext",
        "description",
    ])
}

fn filters() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "heat",
        "in.heat",
        "in",
        "heat[a.b]",
        "heat.observedAt",
    ]);
    let value = prop_oneof![
        any::<i32>().prop_map(|n| n.to_string()),
        (-1e6..1e6_f64).prop_map(|n| n.to_string()),
        "[a-f0-9%\\\\\"é\n]{0,6}"
            .prop_map(|text| Value::from(text).to_string().replace('%', "%25")),
        Just("true".to_owned()),
        Just("2026-11-22T08:30:00.5Z".to_owned()),
        Just("\"a\",2,\"c\"".to_owned()),
        Just("1..20".to_owned()),
    ];
    let term = (name, prop::sample::select(vec!["==", "!="]), value);
    let term = prop_oneof![
        term.prop_map(|(name, operator, value)| format!("{name}{operator}{value}")),
        Just("!heat".to_owned()),
        Just("in{Room:heat}>=3".to_owned()),
        Just("heat~=\"^a[^\\\\.]b\"".to_owned()),
    ];
    let both = (
        term.clone(),
        prop::sample::select(vec![";", "|"]),
        term.clone(),
    );
    prop_oneof![
        term.clone(),
        both.clone()
            .prop_map(|(a, between, b)| format!("{a}{between}{b}")),
        (both, prop::sample::select(vec![";", "|"]), term)
            .prop_map(|((a, within, b), between, c)| format!("({a}{within}{b}){between}{c}")),
    ]
}

proptest! {
    #[test]
    fn hostile_json_is_refused_or_read_and_never_a_panic(
        whole in any_json(),
        name in member_names(),
        value in any_json(),
    ) {
        let _refused = parse(whole).is_err();
        let mut members = json!({ name: value });
        if members["id"].is_null() {
            members["id"] = json!("urn:ngsi-ld:Subscription:1");
        }
        if let Ok(read) = parse(with(members)) {
            let shown = read.show(&read.context, true, Time(0));
            prop_assert!(read.changed(shown, &ours()).is_ok());
        }
    }

    #[test]
    fn what_is_shown_in_any_words_is_read_as_the_same(q in filters(), throttling in 1_u32..1_000) {
        let read = parse(with(json!({ "q": q, "throttling": throttling }))).expect("a subscription");
        for asker in [ours(), theirs()] {
            let shown = read.show(&asker.context, true, Time(0));
            let text = shown["q"].to_string();
            let again = Subscription::parse(shown, &asker, Kind::Entities);
            let again = again.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            prop_assert_eq!(&again.query, &read.query, "{}", text);
            prop_assert_eq!(again.throttling, read.throttling);
        }
    }
}
