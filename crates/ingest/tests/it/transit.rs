//! Kaunas, Hong Kong and King County.

use ingest::Format;
use serde_json::json;

use crate::city::{City, feed};

#[test]
fn kaunas_comes_in_whole() {
    let path = "gtfs/kaunas_2018.gtfs.zip";
    let Some((city, report)) = City::import(Format::Gtfs, path, &feed("kaunas")) else {
        return;
    };
    assert_eq!(city.count("GtfsRoute"), 69);
    assert_eq!(city.count("GtfsStop"), 876);
    assert_eq!(city.count("GtfsTrip"), 9_618);
    assert_eq!(city.count("GtfsAgency"), 1);
    assert_eq!(city.count("GtfsCalendarRule"), 116);
    let times: Vec<i64> = city
        .entities
        .values()
        .filter_map(|entity| entity["stopTimes"]["json"]["departures"].as_array())
        .flatten()
        .map(|time| time.as_i64().expect("seconds"))
        .collect();
    assert_eq!(times.len(), 275_700);
    assert_eq!(times.iter().filter(|time| **time >= 86_400).count(), 1_988);
    assert_eq!(report.complaint_count, 0, "{:?}", report.complaints.first());
    let name =
        &city.entities["urn:ngsi-ld:GtfsStop:kaunas:14803"]["https://smartdatamodels.org/name"];
    assert_eq!(name["value"], "9-ojo Forto g.");
}

#[test]
fn hong_kong_speaks_its_languages() {
    let path = "gtfs/hk_highspeedrail_zh-en_2026.gtfs.zip";
    let Some((city, report)) = City::import(Format::Gtfs, path, &feed("hk")) else {
        return;
    };
    assert_eq!(city.count("GtfsTrip"), 82);
    assert_eq!(city.count("GtfsLevel"), 5);
    let station = &city.entities["urn:ngsi-ld:GtfsStation:hk:WEK"];
    assert_eq!(
        station["https://smartdatamodels.org/name"],
        json!({"type": "LanguageProperty", "languageMap": {
            "en": "Hong Kong West Kowloon", "zh-CN": "香港西九龙", "zh-HK": "香港西九龍"
        }})
    );
    let platform = &city.entities["urn:ngsi-ld:GtfsStop:hk:WEK_pf"];
    assert_eq!(platform["level"]["object"], "urn:ngsi-ld:GtfsLevel:hk:B4");
    println!(
        "{} complaints: {:?}",
        report.complaint_count, report.complaints
    );
}

#[test]
fn king_county_has_627_vehicles() {
    let path = "gtfs-rt/king-county-metro-1.pb";
    let Some((city, report)) = City::import(Format::GtfsRealtime, path, &feed("kc")) else {
        return;
    };
    assert_eq!(city.count("Vehicle"), 627);
    assert_eq!(report.complaint_count, 0, "{:?}", report.complaints.first());
    for vehicle in city.entities.values() {
        let time = vehicle["location"]["observedAt"].as_str().expect("a time");
        assert!(time.starts_with("2021-09-02T"), "{time}");
    }
}
