//! Messages written here, whole and broken.

use proptest::prelude::*;
use prost::Message as _;

use super::proto::*;
use super::*;
use crate::import::{Format, Options};
use crate::testing::{complaints, import, refused};

/// The whole, with entities that may be anything.
#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(message, optional, tag = "1")]
    header: Option<FeedHeader>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    entity: Vec<Vec<u8>>,
}

fn message(entities: Vec<Vec<u8>>) -> Vec<u8> {
    let header = FeedHeader {
        gtfs_realtime_version: Some("2.0".to_owned()),
        timestamp: Some(1_600_000_000),
    };
    Message {
        header: Some(header),
        entity: entities,
    }
    .encode_to_vec()
}

fn vehicle(id: &str, lon: f32, lat: f32) -> FeedEntity {
    FeedEntity {
        id: Some(id.to_owned()),
        vehicle: Some(VehiclePosition {
            trip: Some(TripDescriptor {
                trip_id: Some("t 1".to_owned()),
                route_id: Some("r1".to_owned()),
                ..TripDescriptor::default()
            }),
            position: Some(Position {
                latitude: Some(lat),
                longitude: Some(lon),
                bearing: Some(360.0),
                speed: Some(10.0),
                odometer: None,
            }),
            timestamp: Some(1_600_000_100),
            occupancy_status: Some(2),
            ..VehiclePosition::default()
        }),
        ..FeedEntity::default()
    }
}

fn options() -> Options {
    Options {
        feed: Some("kc".to_owned()),
        ..Options::default()
    }
}

#[test]
fn a_position_is_a_vehicle_observed_at_its_time() {
    let bytes = message(vec![vehicle("7", -122.33, 47.61).encode_to_vec()]);
    let (sink, report) = import(Format::GtfsRealtime, "v.pb", bytes, &options()).unwrap();
    assert_eq!(report.complaint_count, 0);
    let id = "urn:ngsi-ld:Vehicle:kc:7";
    assert_eq!(
        sink.value(id, "location"),
        &json!({"type": "Point", "coordinates": [-122.33, 47.61]})
    );
    assert_eq!(sink.value(id, "speed"), 36.0);
    assert_eq!(sink.value(id, "heading"), 0.0);
    assert_eq!(sink.value(id, "hasTrip"), "urn:ngsi-ld:GtfsTrip:kc:t%201");
    assert_eq!(sink.value(id, "occupancy_status"), "FEW_SEATS_AVAILABLE");
    assert_eq!(
        sink.entities[id]["location"]["observedAt"],
        "2020-09-13T12:28:20Z"
    );
}

#[test]
fn a_broken_entity_costs_only_itself() {
    let nowhere = vehicle("8", 0.0, 0.0).encode_to_vec();
    let good = vehicle("7", -122.0, 47.0).encode_to_vec();
    let bytes = message(vec![vec![0x0a, 0xff], nowhere, good.clone(), good]);
    let (sink, report) = import(Format::GtfsRealtime, "v.pb", bytes, &options()).unwrap();
    assert_eq!(sink.entities.len(), 1);
    let said = complaints(&report);
    assert!(said[0].starts_with("v.pb:1: failed to decode"), "{said:?}");
    assert_eq!(said[1], "v.pb:2: a vehicle at no place on Earth; left out");
    assert_eq!(
        said[2],
        "v.pb:4: urn:ngsi-ld:Vehicle:kc:7 comes a second time; left out"
    );
}

#[test]
fn a_trip_update_is_one_entity_with_its_stops_as_columns() {
    let stop = |id: &str, delay| StopTimeUpdate {
        stop_id: Some(id.to_owned()),
        arrival: Some(StopTimeEvent {
            delay: Some(delay),
            time: None,
            uncertainty: None,
        }),
        ..StopTimeUpdate::default()
    };
    let update = FeedEntity {
        id: Some("u".to_owned()),
        trip_update: Some(TripUpdate {
            trip: Some(TripDescriptor {
                trip_id: Some("t1".to_owned()),
                start_date: Some("20200913".to_owned()),
                schedule_relationship: Some(3),
                ..TripDescriptor::default()
            }),
            stop_time_update: vec![stop("a", 60), stop("b", -30)],
            delay: Some(60),
            ..TripUpdate::default()
        }),
        ..FeedEntity::default()
    };
    let bytes = message(vec![update.encode_to_vec()]);
    let (sink, _) = import(Format::GtfsRealtime, "u.pb", bytes, &options()).unwrap();
    let id = "urn:ngsi-ld:GtfsTripUpdate:kc:t1:20200913";
    assert_eq!(sink.value(id, "schedule_relationship"), "CANCELED");
    let columns = json!({"stops": ["a", "b"], "arrivalDelays": [60, -30]});
    assert_eq!(sink.value(id, "stopTimeUpdates"), &columns);
    assert_eq!(
        sink.entities[id]["stopTimeUpdates"]["observedAt"],
        "2020-09-13T12:26:40Z"
    );
}

#[test]
fn an_alert_speaks_its_languages_and_names_whom_it_concerns() {
    let translation = |language: Option<&str>, text: &str| Translation {
        text: Some(text.to_owned()),
        language: language.map(str::to_owned),
    };
    let texts = vec![
        translation(Some("ru"), "Объезд"),
        translation(None, "Detour"),
    ];
    let selector = |route: &str| EntitySelector {
        route_id: Some(route.to_owned()),
        ..EntitySelector::default()
    };
    let alert = FeedEntity {
        id: Some("a1".to_owned()),
        alert: Some(Alert {
            header_text: Some(TranslatedString { translation: texts }),
            informed_entity: vec![selector("r2"), selector("r1"), selector("r2")],
            active_period: vec![TimeRange {
                start: Some(1_600_000_000),
                end: None,
            }],
            severity_level: Some(3),
            effect: Some(4),
            ..Alert::default()
        }),
        ..FeedEntity::default()
    };
    let bytes = message(vec![alert.encode_to_vec()]);
    let (sink, _) = import(Format::GtfsRealtime, "a.pb", bytes, &options()).unwrap();
    let id = "urn:ngsi-ld:Alert:kc:a1";
    assert_eq!(
        sink.value(id, "name"),
        &json!({"@none": "Detour", "ru": "Объезд"})
    );
    assert_eq!(sink.value(id, "severity"), "medium");
    assert_eq!(sink.value(id, "subCategory"), "DETOUR");
    let routes = json!([
        {"object": "urn:ngsi-ld:GtfsRoute:kc:r1"},
        {"object": "urn:ngsi-ld:GtfsRoute:kc:r2"}
    ]);
    assert_eq!(sink.value(id, "hasRoute"), &routes);
    assert_eq!(sink.value(id, "validTo"), &Value::Null);
}

#[test]
fn an_entity_of_absurd_size_is_left_out() {
    let bytes = message(vec![vec![0x12; 2 * 1024 * 1024]]);
    let (sink, report) = import(Format::GtfsRealtime, "v.pb", bytes, &options()).unwrap();
    assert!(sink.entities.is_empty());
    assert_eq!(complaints(&report), ["v.pb:1: longer than 1 MiB; left out"]);
}

#[test]
fn what_is_no_message_is_refused() {
    for bytes in [&b"<html>"[..], b"", b"{\"a\":1}"] {
        let error = refused(Format::GtfsRealtime, "x.pb", bytes);
        assert!(
            error.to_string().contains("no GTFS-Realtime message"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn damage_never_panics(at in 0usize..400, bit in 0u8..8) {
        let good = vehicle("7", -122.0, 47.0).encode_to_vec();
        let mut bytes = message(vec![good.clone(), good]);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok((sink, _)) = import(Format::GtfsRealtime, "v.pb", bytes, &options()) {
            prop_assert!(sink.entities.len() <= 2);
        }
    }
}
