//! Moscow, Porto, Helsinki, Krems and Portland.

use ingest::{Format, Options};
use serde_json::Value;

use crate::city::City;

fn import(path: &str) -> Option<City> {
    let (city, report) = City::import(Format::Osm, path, &Options::default())?;
    println!(
        "{path}: {:?}, {} elements, {} complaints, first {:?}",
        report.entities,
        report.rows,
        report.complaint_count,
        report.complaints.first().map(ToString::to_string),
    );
    for entity in city.entities.values() {
        let owner = entity["https://smartdatamodels.org/dataProvider"]["value"].as_str();
        assert!(
            owner.is_some_and(|owner| owner.contains("OpenStreetMap")),
            "{entity}"
        );
    }
    Some(city)
}

fn languages(city: &City, language: &str) -> usize {
    let name = |entity: &&Value| {
        entity["https://smartdatamodels.org/name"]["languageMap"]
            .get(language)
            .is_some()
    };
    city.entities.values().filter(name).count()
}

#[test]
fn the_centre_of_moscow_has_streets_houses_and_names_in_english() {
    let Some(city) = import("osm/moscow-centre-2020.osm.pbf") else {
        return;
    };
    assert!(city.count("RoadSegment") > 500 && city.count("Building") > 500);
    assert!(languages(&city, "en") > 50);
}

#[test]
fn porto_has_its_buildings() {
    let Some(city) = import("osm/porto-2020.osm.pbf") else {
        return;
    };
    let buildings = city.count("Building");
    assert_eq!(buildings, 11_432);
}

#[test]
fn helsinki_speaks_finnish_and_swedish() {
    let Some(city) = import("osm/helsinki-centre.osm.pbf") else {
        return;
    };
    assert!(languages(&city, "sv") > 100, "{}", languages(&city, "sv"));
}

#[test]
fn krems_is_xml_under_gzip() {
    let Some(city) = import("osm/krems.osm.gz") else {
        return;
    };
    assert!(
        city.count("RoadSegment") > 500,
        "{}",
        city.count("RoadSegment")
    );
}

#[test]
fn portland_is_filtered_and_comes_in_as_it_is() {
    let Some(city) = import("osm/portland-central-filtered.osm.pbf") else {
        return;
    };
    assert!(
        city.count("RoadSegment") > 500,
        "{}",
        city.count("RoadSegment")
    );
}
