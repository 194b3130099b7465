//! What needs attention: when it comes, when it goes, who looks after it.

use base::{Kind, Tenant, Time};
use ports::Store as _;
use serde_json::json;
use testkit::attribute;
use watch::{Code, FeedCondition, FeedFailure, FeedState, Severity, Status};

use crate::it::city::{City, DAY, HOUR, MINUTE, call, observed};

const METER: &str = "WeatherObserved";

/// Devices speak once a minute for so long.
async fn speak(city: &City, devices: std::ops::Range<u32>, minutes: i64) {
    for _ in 0..minutes {
        for device in devices.clone() {
            let id = format!("urn:w:{device:04}");
            let said = observed("temperature", 10.0, city.time());
            city.put(&id, METER, vec![said]).await;
        }
        city.step(MINUTE).await;
    }
}

#[tokio::test]
async fn a_silent_device_appears_and_goes_when_it_speaks() {
    let mut city = City::new();
    city.watch().await;
    speak(&city, 0..2, 5).await;
    // The second goes on alone.
    speak(&city, 1..2, 4).await;
    assert_eq!(city.rows(Code::DeviceSilent), []);
    speak(&city, 1..2, 3).await;
    let rows = city.rows(Code::DeviceSilent);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.entity.as_deref(), Some("urn:w:0000"));
    assert_eq!(
        (row.severity, &row.params["expectedSeconds"]),
        (Severity::Notice, &json!(60))
    );
    assert_eq!(city.now().counts.notice, 1);
    assert_eq!(
        city.watched().severities().get("urn:w:0000"),
        Some(&Severity::Notice)
    );
    city.say("urn:w:0000", METER, "temperature", 11.0).await;
    city.settle().await;
    assert_eq!(city.rows(Code::DeviceSilent), []);
}

#[tokio::test]
async fn nobody_was_silent_while_the_node_did_not_listen_but_who_stays_so_is_found() {
    let mut city = City::new();
    let (kind, short) = (METER, "temperature");
    for id in ["urn:w:1", "urn:w:2"] {
        city.past(id, kind, short, (DAY, 10 * MINUTE), |_| 10.0)
            .await;
    }
    city.clock.advance_seconds(6 * HOUR);
    city.watch().await;
    city.step(20 * MINUTE).await;
    assert_eq!(city.rows(Code::DeviceSilent), []);
    city.say("urn:w:1", kind, short, 10.0).await;
    city.step(15 * MINUTE).await;
    let rows = city.rows(Code::DeviceSilent);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].entity.as_deref(), Some("urn:w:2"));
    // More than ten of its intervals, and more than an hour.
    assert_eq!(rows[0].severity, Severity::Warning);
    // After a week it counts as given up.
    city.clock.advance_seconds(7 * DAY);
    city.say("urn:w:1", kind, short, 10.0).await;
    city.step(MINUTE).await;
    assert_eq!(city.rows(Code::DeviceSilent), []);
}

#[tokio::test]
async fn many_silent_devices_of_a_type_are_one_row() {
    let mut city = City::new();
    city.watch().await;
    speak(&city, 0..40, 5).await;
    speak(&city, 30..40, 7).await;
    let rows = city.rows(Code::DeviceSilent);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row.params["count"].as_u64(), row.entity.as_ref()),
        (Some(30), None)
    );
    assert_eq!(row.params["entities"].as_array().map(Vec::len), Some(20));
    // More than half of them.
    assert_eq!(
        (row.severity, city.now().counts.critical),
        (Severity::Critical, 1)
    );
    assert_eq!(city.watched().severities().len(), 30);
    let id = row.id.clone();
    // Five are left: still one row, so that rows do not come and go.
    speak(&city, 5..40, 1).await;
    let rows = city.rows(Code::DeviceSilent);
    assert_eq!(
        (rows.len(), &rows[0].id, rows[0].severity),
        (1, &id, Severity::Warning)
    );
    speak(&city, 2..40, 1).await;
    assert_eq!(city.rows(Code::DeviceSilent).len(), 2);
}

#[tokio::test]
async fn no_more_than_two_hundred_rows_are_shown_and_the_rest_is_counted() {
    let mut city = City::new();
    let feed = |number: u32| FeedState {
        name: format!("feed-{number}"),
        state: FeedCondition::Late,
        lag_seconds: Some(100),
        expected_every_seconds: Some(30),
        simulated: false,
        last_error: None,
    };
    city.feeds.lock().extend((0..250).map(feed));
    city.watch().await;
    city.settle().await;
    let now = city.now();
    assert_eq!((now.attention.len(), now.attention_more), (200, 50));
    assert_eq!((now.counts.warning, now.freshness.late_feeds), (250, 250));
}

#[tokio::test]
async fn feeds_that_are_late_or_fail_need_attention() {
    let mut city = City::new();
    let state = |state, lag_seconds| FeedState {
        name: "air".to_owned(),
        state,
        lag_seconds: Some(lag_seconds),
        expected_every_seconds: Some(60),
        simulated: true,
        last_error: Some(FeedFailure {
            at: Time::from_seconds(1_796_000_000),
            reason: "refused".to_owned(),
        }),
    };
    city.feeds.lock().push(state(FeedCondition::Late, 200));
    city.watch().await;
    city.settle().await;
    let late = city.rows(Code::FeedLate);
    assert_eq!(
        (late.len(), late[0].severity, late[0].simulated),
        (1, Severity::Warning, true)
    );
    let params = json!({"feed": "air", "lagSeconds": 200, "expectedSeconds": 60});
    assert_eq!(json!(late[0].params), params);
    *city.feeds.lock() = vec![state(FeedCondition::Failing, 1_000)];
    city.settle().await;
    assert_eq!(city.rows(Code::FeedLate), []);
    let failing = city.rows(Code::FeedFailing);
    assert_eq!(
        (failing[0].severity, &failing[0].params["reason"]),
        (Severity::Critical, &json!("refused"))
    );
    *city.feeds.lock() = vec![state(FeedCondition::Live, 1)];
    city.settle().await;
    assert_eq!(city.now().attention, []);
}

/// A meter whose usual values go from 0 to 100 at every hour, watched and learned.
async fn metered() -> City {
    let mut city = City::new();
    let wave = |at: Time| {
        let step = at.as_micros() / (900 * 1_000_000);
        f64::from(i32::try_from(step * 37 % 101).expect("small"))
    };
    city.past("urn:m:1", METER, "level", (28 * DAY, 15 * MINUTE), wave)
        .await;
    city.watch().await;
    // The first word asks for its history to be read.
    read(&city, &[50.0]).await;
    city.settle().await;
    city
}

async fn read(city: &City, values: &[f64]) {
    for value in values {
        city.step(MINUTE - 6).await;
        city.say("urn:m:1", METER, "level", *value).await;
        city.settle().await;
    }
}

#[tokio::test]
async fn a_value_far_out_of_its_usual_range_needs_attention_and_does_not_flicker() {
    let city = metered().await;
    // The range is about 10 to 90, its width about 80.
    read(&city, &[150.0, 165.0, 150.0]).await;
    assert_eq!(city.rows(Code::ValueHigh), []);
    read(&city, &[200.0, 200.0]).await;
    let rows = city.rows(Code::ValueHigh);
    assert_eq!((rows.len(), rows[0].severity), (1, Severity::Warning));
    let params = &rows[0].params;
    assert_eq!(
        (&params["attribute"], &params["value"]),
        (&json!("level"), &json!(200.0))
    );
    let low = params["low"].as_f64().expect("a number");
    assert!((low - 10.0).abs() < 3.0, "{low}");
    // It trembles at the limit and stays.
    read(&city, &[160.0, 180.0, 150.0, 150.0, 175.0]).await;
    assert_eq!(city.rows(Code::ValueHigh).len(), 1);
    read(&city, &[300.0, 300.0]).await;
    assert_eq!(city.rows(Code::ValueHigh)[0].severity, Severity::Critical);
    assert_eq!(city.rows(Code::ValueHigh)[0].id, rows[0].id);
    read(&city, &[50.0]).await;
    assert_eq!(city.rows(Code::ValueHigh).len(), 1);
    read(&city, &[50.0, 50.0]).await;
    assert_eq!(city.now().attention, []);
    read(&city, &[-120.0, -120.0]).await;
    assert_eq!(city.rows(Code::ValueLow).len(), 1);
}

#[tokio::test]
async fn what_is_gone_or_moves_needs_no_attention() {
    let city = metered().await;
    read(&city, &[400.0, 400.0]).await;
    assert_eq!(city.rows(Code::ValueHigh).len(), 1);
    for lon in [66.1, 66.2, 66.3] {
        let place = spatial_point(lon);
        city.put("urn:m:1", METER, vec![place]).await;
    }
    city.settle().await;
    assert_eq!(city.rows(Code::ValueHigh), []);

    let city = metered().await;
    read(&city, &[400.0, 400.0]).await;
    let delete = broker::Command::Delete {
        id: "urn:m:1".into(),
    };
    city.broker
        .apply_one(&call(), delete)
        .await
        .expect("it is there");
    city.settle().await;
    assert_eq!(city.now().attention, []);
    assert!(city.watched().severities().is_empty());
}

fn spatial_point(lon: f64) -> ngsi::Attribute {
    let point = spatial::Geometry::point(spatial::Position::new(lon, 41.9));
    let value = ngsi::AttributeValue::Geo(point.expect("a place"));
    attribute("location", value).build()
}

#[tokio::test]
async fn a_row_shows_name_place_and_unit_of_its_entity() {
    let city = metered().await;
    let names = json!({"en": "Meter", "ru": "Счётчик"});
    let names = ngsi::AttributeValue::Language(names.as_object().cloned().expect("an object"));
    let name = attribute("name", names).build();
    city.put("urn:m:1", METER, vec![name, spatial_point(66.1)])
        .await;
    for _ in 0..2 {
        city.step(MINUTE).await;
        let level = ngsi::AttributeValue::Property(json!(400.0));
        let level = attribute("level", level)
            .observed(city.time())
            .unit("MTR")
            .build();
        city.put("urn:m:1", METER, vec![level]).await;
        city.settle().await;
    }
    let rows = city.rows(Code::ValueHigh);
    let shown = rows[0].name.as_ref().expect("it has a name");
    assert_eq!(shown["ru"], "Счётчик");
    assert_eq!(
        (rows[0].location, &rows[0].params["unit"]),
        (Some([66.1, 41.9]), &json!("MTR"))
    );
}

async fn docs(city: &City) -> usize {
    let tenant = Tenant::default_tenant();
    let docs = city.store.docs(&tenant, "attention", None, 10).await;
    docs.expect("the store answers").len()
}

#[tokio::test]
async fn an_acknowledgement_lives_as_long_as_its_condition_also_over_a_restart() {
    let mut city = metered().await;
    read(&city, &[400.0, 400.0]).await;
    let row = city.rows(Code::ValueHigh).remove(0);
    let mut versions = city.watched().changed();
    versions.mark_unchanged();
    city.watched()
        .acknowledge(&call(), &row.id)
        .await
        .expect("it is there");
    assert!(versions.has_changed().expect("the watch is there"));
    // At once, and still so after the log has brought it.
    for _ in 0..2 {
        let by = city.rows(Code::ValueHigh)[0].acknowledged.clone();
        assert_eq!(by.map(|ack| ack.by).as_deref(), Some("administrator"));
        city.settle().await;
    }
    assert_eq!(city.now().counts.critical, 1);
    city.watched()
        .unacknowledge(&call(), &row.id)
        .await
        .expect("it is there");
    city.settle().await;
    assert_eq!(
        (
            city.rows(Code::ValueHigh)[0].acknowledged.clone(),
            docs(&city).await
        ),
        (None, 0)
    );

    city.watched()
        .acknowledge(&call(), &row.id)
        .await
        .expect("it is there");
    city.watch().await;
    city.settle().await;
    assert_eq!((city.now().attention.len(), docs(&city).await), (0, 1));
    // The first word is what asks for the history.
    read(&city, &[400.0, 400.0, 400.0]).await;
    let again = city.rows(Code::ValueHigh).remove(0);
    assert_eq!((&again.id, again.since), (&row.id, row.since));
    assert!(again.acknowledged.is_some());
    read(&city, &[50.0, 50.0, 50.0]).await;
    assert_eq!((city.now().attention.len(), docs(&city).await), (0, 0));
    read(&city, &[400.0, 400.0]).await;
    assert_eq!(city.rows(Code::ValueHigh)[0].acknowledged, None);
}

#[tokio::test]
async fn what_needs_no_attention_cannot_be_acknowledged() {
    let mut city = City::new();
    city.watch().await;
    let refused = city
        .watched()
        .acknowledge(&call(), "0123456789abcdef")
        .await;
    assert!(refused.is_err_and(|error| error.kind() == Kind::NotFound));
    assert_eq!(docs(&city).await, 0);
}

#[tokio::test]
async fn a_measure_far_out_of_its_usual_range_needs_attention() {
    let mut city = City::new();
    let (kind, short) = ("AirQualityObserved", "pm25");
    let wave = |at: Time| {
        let step = at.as_micros() / (1_800 * 1_000_000);
        f64::from(i32::try_from(step * 37 % 21).expect("small"))
    };
    city.past("urn:a:1", kind, short, (7 * DAY, HOUR / 2), wave)
        .await;
    city.say("urn:a:1", kind, short, 10.0).await;
    city.watch().await;
    city.step(2 * MINUTE).await;
    assert_eq!(
        city.measure("air-pm25").map(|m| m.status),
        Some(Status::Usual)
    );
    city.say("urn:a:1", kind, short, 200.0).await;
    city.step(MINUTE + 5).await;
    assert_eq!(city.rows(Code::MeasureHigh), []);
    city.step(MINUTE).await;
    let rows = city.rows(Code::MeasureHigh);
    assert_eq!(
        (rows.len(), &rows[0].params["measure"]),
        (1, &json!("air-pm25"))
    );
    assert_eq!(rows[0].severity, Severity::Critical);
    assert!(
        rows[0]
            .name
            .as_ref()
            .is_some_and(|name| name.contains_key("zh"))
    );
    assert_eq!(
        city.measure("air-pm25").map(|m| m.status),
        Some(Status::Critical)
    );
}
