//! Measures: what they are made from, how they are written, what is known of their past.

use serde_json::json;

use base::Tenant;
use ngsi::Query;
use ports::Store as _;
use watch::Status;

use crate::it::city::{City, DAY, HOUR, MINUTE, call, observed, plain, simulated};

const KPI: &str = "urn:ngsi-ld:KeyPerformanceIndicator:chorsu:";
const KPI_VALUE: &str = "https://smartdatamodels.org/dataModel.KeyPerformanceIndicator/kpiValue";

async fn value_written(city: &City, measure: &str) -> Option<f64> {
    let id = format!("{KPI}{measure}");
    let entity = city.broker.retrieve(&call(), &id).await.ok()?;
    match &entity.attribute(KPI_VALUE, None)?.value {
        ngsi::AttributeValue::Property(value) => value.as_f64(),
        _ => None,
    }
}

/// One of everything that a measure is made from.
async fn everything(city: &City) {
    let at = city.time();
    for (id, speed) in [("urn:t:1", 20.0), ("urn:t:2", 50.0)] {
        city.say(id, "TrafficFlowObserved", "averageVehicleSpeed", speed)
            .await;
    }
    for (id, speed, aboard) in [("urn:v:1", 30.0, 12), ("urn:v:2", 0.0, 30)] {
        let said = vec![
            observed("speed", speed, at),
            observed("passengersAboard", aboard, at),
        ];
        city.put(id, "Vehicle", said).await;
    }
    city.put("urn:v:3", "Vehicle", vec![observed("heading", 90, at)])
        .await;
    city.put(
        "urn:air:1",
        "AirQualityObserved",
        vec![observed("pm25", 31.5, at), simulated()],
    )
    .await;
    let parking = vec![
        observed("availableSpotNumber", 30, at),
        plain("totalSpotNumber", 200),
    ];
    city.put("urn:p:1", "OffStreetParking", parking).await;
    city.put(
        "urn:p:2",
        "OnStreetParking",
        vec![observed("availableSpotNumber", 5, at)],
    )
    .await;
    let power = vec![observed("load", 120.0, at), plain("ratedPower", 160)];
    city.put("urn:tr:1", "TransformerObserved", power).await;
    city.put("urn:b:1", "Berth", vec![observed("occupied", true, at)])
        .await;
    city.put("urn:b:2", "Berth", vec![plain("status", "free")])
        .await;
    city.put("urn:d:1", "Drone", vec![observed("status", "flying", at)])
        .await;
    city.put("urn:d:2", "Drone", vec![observed("status", "charging", at)])
        .await;
    city.say("urn:w:1", "WeatherObserved", "temperature", -3.5)
        .await;
}

#[tokio::test]
async fn every_measure_is_made_from_its_entities() {
    let mut city = City::new();
    everything(&city).await;
    city.watch().await;
    city.step(MINUTE).await;
    let expected = [
        ("traffic-speed", 35.0),
        // One stands; one does not say how fast it is.
        ("vehicles-moving", 2.0),
        ("passengers", 42.0),
        ("air-pm25", 31.5),
        // Of the other parking nobody knows how large it is.
        ("parking-free", 15.0),
        ("grid-load", 75.0),
        ("berths-used", 1.0),
        ("drones-aloft", 1.0),
        ("temperature", -3.5),
    ];
    for (measure, value) in expected {
        assert_eq!(
            value_written(&city, measure).await,
            Some(value),
            "{measure}"
        );
    }
    // Nobody's interval is known yet, so nothing is said of how fresh all is.
    assert_eq!(value_written(&city, "fresh-data").await, None);
    let now = city.now();
    let shown: Vec<&str> = now.measures.iter().map(|measure| measure.id).collect();
    let order = [
        "traffic-speed",
        "vehicles-moving",
        "passengers",
        "air-pm25",
        "parking-free",
        "grid-load",
        "berths-used",
        "drones-aloft",
    ];
    assert_eq!(shown, order);
    let air = city.measure("air-pm25").expect("it is shown");
    assert!(air.simulated && !city.measure("traffic-speed").expect("shown").simulated);
    assert_eq!(
        (air.unit, air.entities, air.status),
        (Some("GQ"), 1, Status::Unknown)
    );
    assert_eq!(
        city.measure("berths-used").map(|berths| berths.entities),
        Some(2)
    );
}

#[tokio::test]
async fn what_is_written_is_no_input_and_is_written_once_a_minute() {
    let mut city = City::new();
    everything(&city).await;
    city.watch().await;
    city.step(MINUTE).await;
    let (before, head) = (city.now(), city.store.head().0);
    city.step(5 * MINUTE).await;
    city.settle().await;
    assert_eq!(city.store.head().0 - head, 5 * 9);
    let now = city.now();
    assert_eq!(now.seq.0, city.store.head().0);
    let values = |now: &watch::Now| {
        let all = now.measures.iter().map(|m| (m.id, m.value, m.entities));
        all.collect::<Vec<_>>()
    };
    assert_eq!(values(&before), values(&now));
    // Also when a new watch reads them as it starts.
    city.watch().await;
    city.step(2).await;
    assert_eq!(values(&city.now()), values(&now));
    let all = city
        .store
        .count(&Tenant::default_tenant(), &Query::default())
        .await;
    assert_eq!(all.expect("the store answers"), 14 + 9);
}

#[tokio::test]
async fn a_measure_without_fresh_inputs_is_stale_and_is_not_written() {
    let mut city = City::new();
    everything(&city).await;
    city.watch().await;
    city.step(MINUTE).await;
    let speed = city.measure("traffic-speed").expect("it is shown");
    assert!(!speed.stale && speed.age_seconds.is_some_and(|age| age <= 2 * MINUTE));
    // Nothing is known of its interval: it is given an hour.
    city.step(HOUR).await;
    let speed = city.measure("traffic-speed").expect("it is shown");
    assert!(speed.stale && speed.value == Some(35.0) && speed.status == Status::Unknown);
    assert!(speed.age_seconds.is_some_and(|age| age >= HOUR));
    assert_eq!(
        city.measure("vehicles-moving").and_then(|m| m.value),
        Some(0.0)
    );
    // A berth that somebody calls free, without a time, is free until somebody says otherwise.
    let written = [("traffic-speed", 35.0), ("berths-used", 0.0)];
    for (measure, value) in written {
        assert_eq!(
            value_written(&city, measure).await,
            Some(value),
            "{measure}"
        );
    }
    let head = city.store.head();
    city.step(3 * MINUTE).await;
    assert_eq!(city.store.head().0, head.0 + 3);
}

#[tokio::test]
async fn fresh_data_is_the_share_of_devices_heard_in_time() {
    let mut city = City::new();
    city.watch().await;
    for minute in 0..20 {
        for device in 0..4 {
            if minute < 8 || device != 3 {
                let id = format!("urn:w:{device}");
                city.say(&id, "WeatherObserved", "temperature", 10.0).await;
            }
        }
        city.step(MINUTE).await;
    }
    let fresh = city.measure("fresh-data").expect("intervals are known");
    assert_eq!((fresh.value, fresh.entities), (Some(75.0), 4));
}

#[tokio::test]
async fn the_past_of_a_measure_is_made_from_that_of_its_inputs() {
    let mut city = City::new();
    for (id, base) in [("urn:t:1", 20.0), ("urn:t:2", 40.0)] {
        let (kind, attribute) = ("TrafficFlowObserved", "averageVehicleSpeed");
        // Slower by day.
        let value = |at: base::Time| {
            let hour = at.as_micros() / 3_600_000_000 % 24;
            base - if (8..20).contains(&hour) { 10.0 } else { 0.0 }
        };
        city.past(id, kind, attribute, (7 * DAY, HOUR / 2), value)
            .await;
        city.say(id, kind, attribute, base - 10.0).await;
    }
    city.watch().await;
    city.step(2 * MINUTE).await;
    let speed = city.measure("traffic-speed").expect("it is shown");
    let usual = speed.usual.expect("a week is enough");
    assert_eq!(
        (speed.value, usual.low, usual.mid, usual.high),
        (Some(20.0), 20.0, 20.0, 20.0)
    );
    assert_eq!(speed.status, Status::Usual);
    assert!((40..=60).contains(&speed.spark.len()), "{:?}", speed.spark);
    let values: Vec<f64> = speed.spark.iter().filter_map(|(_, value)| *value).collect();
    assert!(values.contains(&20.0) && values.contains(&30.0));
    assert!(speed.spark.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[tokio::test]
async fn a_past_that_is_imported_while_it_is_watched_counts_when_it_is_whole() {
    let mut city = City::new();
    let (id, kind, attribute) = ("urn:t:1", "TrafficFlowObserved", "averageVehicleSpeed");
    city.say(id, kind, attribute, 50.0).await;
    city.watch().await;
    city.step(MINUTE).await;
    city.say(id, kind, attribute, 50.0).await;
    city.past(id, kind, attribute, (7 * DAY, HOUR / 2), |_| 50.0)
        .await;
    city.step(4 * MINUTE).await;
    assert_eq!(
        city.measure("traffic-speed").and_then(|speed| speed.usual),
        None
    );
    city.step(3 * MINUTE).await;
    let speed = city.measure("traffic-speed").expect("it is shown");
    assert_eq!(speed.usual.map(|usual| usual.mid), Some(50.0));
}

#[tokio::test]
async fn now_is_told_as_the_console_expects_it() {
    let mut city = City::new();
    everything(&city).await;
    city.watch().await;
    city.step(MINUTE).await;
    let told = serde_json::to_value(&*city.now()).expect("it has a JSON form");
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<String> = value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    let top = "attention attentionMore complete counts feeds freshness measures seq time";
    assert_eq!(keys(&told), top);
    let measure = "ageSeconds at attribute digits entities entity id simulated spark stale status \
                   unit usual value";
    assert_eq!(keys(&told["measures"][0]), measure);
    assert_eq!(keys(&told["freshness"]), "lateFeeds newestSeconds");
    assert_eq!(
        told["counts"],
        json!({"critical": 0, "warning": 0, "notice": 0})
    );
    assert_eq!(told["measures"][0]["id"], "traffic-speed");
    assert_eq!(told["measures"][0]["usual"], json!(null));
    assert_eq!(told["measures"][0]["at"], "2026-11-30T12:00:00Z");
}
