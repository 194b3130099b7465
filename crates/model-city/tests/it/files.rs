//! Map and timetable.

use ingest::Format;
use ngsi::parse::Purpose;

use super::support::{city, gtfs, hash, import, osm, understood};

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (one, same, other) = (city(7, 20_000), city(7, 20_000), city(8, 20_000));
    assert_eq!(hash(&osm(&one)), hash(&osm(&same)));
    assert_eq!(hash(&gtfs(&one)), hash(&gtfs(&same)));
    assert_ne!(hash(&osm(&one)), hash(&osm(&other)));
    assert_ne!(hash(&gtfs(&one)), hash(&gtfs(&other)));
}

#[test]
fn the_map_is_imported_without_a_complaint_whatever_the_seed_and_size() {
    for (seed, inhabitants) in [(1, 1_000), (2, 30_000), (3, 100_000), (42, 30_000)] {
        let (entities, report) = import(Format::Osm, "navrud.osm", osm(&city(seed, inhabitants)));
        assert_eq!(report.complaints, Vec::new());
        assert!(report.entities["RoadSegment"] > 50, "{report:?}");
        assert!(report.entities["Building"] > 40, "{report:?}");
        assert!(report.entities["PointOfInterest"] > 10, "{report:?}");
        for entity in entities.iter().step_by(17) {
            understood(entity, Purpose::Whole);
        }
    }
}

#[test]
fn the_timetable_is_imported_without_a_complaint_whatever_the_seed_and_size() {
    for (seed, inhabitants) in [(1, 1_000), (2, 30_000), (3, 100_000), (42, 30_000)] {
        let (entities, report) = import(Format::Gtfs, "navrud.zip", gtfs(&city(seed, inhabitants)));
        assert_eq!(report.complaints, Vec::new());
        assert!(report.entities["GtfsRoute"] >= 8, "{report:?}");
        assert!(report.entities["GtfsFrequency"] >= 40, "{report:?}");
        let text = entities
            .iter()
            .find(|entity| entity["type"].as_str().unwrap().ends_with("GtfsStop"))
            .unwrap();
        let name = &text["https://smartdatamodels.org/name"]["languageMap"];
        assert!(
            name["en"].is_string() && name["ru"].is_string() && name["zh"].is_string(),
            "{text}"
        );
        for entity in &entities {
            understood(entity, Purpose::Whole);
        }
    }
}

#[test]
fn a_city_of_ten_millions_stays_within_its_bounds() {
    let large = city(3, 10_000_000);
    let map = String::from_utf8(osm(&large)).unwrap();
    assert!((20_000..=60_000).contains(&map.matches("k=\"building\"").count()));
    assert!(map.matches("<way ").count() < 80_000);
    assert!(map.len() < 40_000_000, "{}", map.len());
    assert_eq!(large.sensors(), 20_000);
    assert!((200..2_000).contains(&large.vehicles()));
}
