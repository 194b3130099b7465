//! What is usual, as charts ask it.

use base::{Kind, Name, Time};
use serde_json::json;
use testkit::name;
use trust::{Access, Call, Principal};

use crate::it::city::{City, DAY, HOUR, NOON, call, plain};

/// The hour of a moment in UTC, a hundred more on weekends.
fn by_hour(at: Time) -> f64 {
    let hours = at.as_micros() / 3_600_000_000;
    let hour = f64::from(i32::try_from(hours % 24).expect("small"));
    // 1970-01-01 was a Thursday.
    let weekend = (hours / 24 + 3) % 7 >= 5;
    hour + if weekend { 100.0 } else { 0.0 }
}

async fn seeded() -> City {
    let mut city = City::new();
    let (kind, short) = ("WeatherObserved", "temperature");
    city.past("urn:w:1", kind, short, (28 * DAY, HOUR / 2), by_hour)
        .await;
    city.watch().await;
    city
}

#[tokio::test]
async fn a_chart_gets_the_usual_range_of_every_hour() {
    let city = seeded().await;
    let (watch, iri) = (city.watched(), name("temperature"));
    let from = Time::from_seconds(NOON - 2 * DAY - HOUR / 2);
    let until = Time::from_seconds(NOON);
    let usual = watch.usual(&call(), "urn:w:1", &iri, from, until).await;
    let usual = usual.expect("there is a history");
    assert_eq!(usual.len(), 2 * 24 + 2);
    assert_eq!(usual[0].at, from);
    assert_eq!(usual[1].at, Time::from_seconds(NOON - 2 * DAY));
    for hour in &usual {
        let value = by_hour(hour.at);
        assert_eq!(
            (hour.low, hour.mid, hour.high),
            (value, value, value),
            "{}",
            hour.at
        );
    }
    let names = [iri, Name::from("urn:other")];
    let now = watch
        .usual_now(&call(), "urn:w:1", &names)
        .await
        .expect("it answers");
    assert!(now[0].is_some_and(|range| range.mid.total_cmp(&12.0).is_eq()) && now[1].is_none());
}

#[tokio::test]
async fn strange_spans_and_unknown_things_have_no_range() {
    let city = seeded().await;
    let (watch, iri) = (city.watched(), name("temperature"));
    let (start, noon) = (Time::from_seconds(0), Time::from_seconds(NOON));
    let backwards = watch.usual(&call(), "urn:w:1", &iri, noon, start).await;
    assert!(backwards.is_err_and(|error| error.kind() == Kind::Invalid));
    for (id, from) in [("urn:w:1", start), ("urn:w:2", noon)] {
        let usual = watch.usual(&call(), id, &iri, from, noon).await;
        assert!(usual.is_ok_and(|usual| usual.is_empty()), "{id}");
    }
}

#[tokio::test]
async fn hours_are_those_of_the_zone_that_the_city_names() {
    let city = seeded().await;
    assert_eq!(city.watched().zone().iana_name(), Some("UTC"));
    let zone = plain("timezone", json!("Asia/Kathmandu"));
    city.put("urn:ngsi-ld:City:x", "City", vec![zone]).await;
    city.settle().await;
    let watch = city.watched();
    assert_eq!(watch.zone().iana_name(), Some("Asia/Kathmandu"));
    let (from, until) = (
        Time::from_seconds(NOON - 3 * HOUR),
        Time::from_seconds(NOON),
    );
    let usual = watch
        .usual(&call(), "urn:w:1", &name("temperature"), from, until)
        .await;
    let usual = usual.expect("there is a history");
    // A quarter to is full there.
    assert_eq!(usual[1].at, Time::from_seconds(NOON - 3 * HOUR + HOUR / 4));
    assert_eq!(usual.len(), 4);
}

#[tokio::test]
async fn a_closed_node_tells_and_obeys_only_who_may_and_still_writes_its_measures() {
    let mut city = City::with(Access::Closed);
    city.say("urn:w:1", "WeatherObserved", "temperature", 7.0)
        .await;
    city.watch().await;
    city.step(61).await;
    let nobody = Call {
        principal: Principal::Public,
        ..call()
    };
    let (watch, noon) = (city.watched(), Time::from_seconds(NOON));
    let refused = [
        watch
            .usual(&nobody, "urn:w:1", "urn:a", noon, noon)
            .await
            .err(),
        watch.usual_now(&nobody, "urn:w:1", &[]).await.err(),
        watch.acknowledge(&nobody, "0").await.err(),
        watch.unacknowledge(&nobody, "0").await.err(),
    ];
    for error in refused {
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(Kind::Unauthenticated));
    }
    let measure = "urn:ngsi-ld:KeyPerformanceIndicator:chorsu:temperature";
    let written = city.broker.retrieve(&call(), measure).await;
    assert_eq!(written.expect("it is written").attributes.len(), 3);
}
