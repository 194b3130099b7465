//! Beijing, Los Angeles, a transformer and the Moscow metro, under the mappings of the project.

use std::path::{Path, PathBuf};

use ingest::tabular::Mapping;
use ingest::{Format, Options, Report};

use crate::city::{City, data};

fn mapping(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/mappings")
        .join(name)
}

fn import(map: &str, table: &str) -> Option<(City, Report)> {
    let file = data(table)?;
    let map = Mapping::load(&mapping(map), Some(&file)).expect(map);
    City::import(
        Format::Csv,
        table,
        &Options {
            mapping: Some(map),
            ..Options::default()
        },
    )
}

#[test]
fn six_stations_of_beijing_have_four_years_of_hours() {
    let stations = [
        "Aotizhongxin",
        "Changping",
        "Dingling",
        "Dongsi",
        "Guanyuan",
        "Gucheng",
    ];
    for station in stations {
        let table = format!("timeseries/beijing_air/PRSA_Data_{station}_20130301-20170228.csv.gz");
        let Some((city, report)) = import("beijing_air.toml", &table) else {
            return;
        };
        assert_eq!(report.complaint_count, 0, "{:?}", report.complaints.first());
        assert_eq!(report.rows, 35_064);
        let id = format!("urn:ngsi-ld:AirQualityObserved:beijing:{station}");
        let place = &city.entities[&id]["location"]["value"]["coordinates"];
        let (lon, lat) = (
            place[0].as_f64().expect("lon"),
            place[1].as_f64().expect("lat"),
        );
        assert!(
            (116.1..116.5).contains(&lon) && (39.8..40.4).contains(&lat),
            "{place}"
        );
        let pm25 = &city.history[&(
            id.clone(),
            "https://smartdatamodels.org/dataModel.Environment/pm25".to_owned(),
        )];
        assert!(
            pm25.len() > 33_000 && pm25.len() < 35_064,
            "gaps stay gaps: {}",
            pm25.len()
        );
        assert_eq!(
            pm25.first().map(|(time, _)| time.as_str()),
            Some("2013-02-28T16:00:00Z")
        );
        assert_eq!(
            pm25.last().map(|(time, _)| time.as_str()),
            Some("2017-02-28T15:00:00Z")
        );
    }
}

#[test]
fn the_detectors_of_los_angeles_have_a_week_each() {
    let table = "timeseries/los_loop/los_speed.csv.gz";
    let Some((city, report)) = import("los_loop.toml", table) else {
        return;
    };
    assert_eq!(report.complaint_count, 0, "{:?}", report.complaints.first());
    assert_eq!(city.entities.len(), 207);
    assert_eq!(report.history_values, 207 * 2_016);
    let speeds = &city.history[&(
        "urn:ngsi-ld:TrafficFlowObserved:los-angeles:773869".to_owned(),
        "https://smartdatamodels.org/dataModel.Transportation/averageVehicleSpeed".to_owned(),
    )];
    // 64.375 miles an hour.
    assert_eq!(
        speeds.first(),
        Some(&("2012-03-01T08:00:00Z".to_owned(), 103.6.into()))
    );
    assert_eq!(
        speeds.last().map(|(time, _)| time.as_str()),
        Some("2012-03-08T07:55:00Z")
    );
    assert!(
        city.entities
            .values()
            .all(|entity| entity.get("location").is_some())
    );
}

#[test]
fn the_transformer_has_seven_series() {
    let Some((city, report)) = import("etth1.toml", "timeseries/ett/ETTh1.csv.gz") else {
        return;
    };
    assert_eq!(report.complaint_count, 0, "{:?}", report.complaints.first());
    assert_eq!(
        (city.entities.len(), report.history_values),
        (1, 17_420 * 7)
    );
}

#[test]
fn the_moscow_metro_has_quarters_and_places() {
    let table = "transit_demand/moscow_metro/metro_traffic.csv";
    let Some((city, report)) = import("moscow_metro.toml", table) else {
        return;
    };
    let placed = city
        .entities
        .values()
        .filter(|entity| entity.get("location").is_some())
        .count();
    println!(
        "{} stations, {placed} with places, {:?}",
        city.entities.len(),
        report.complaints.first()
    );
    let id = "urn:ngsi-ld:PublicTransportStop:moscow-metro:\
        %D0%90%D1%80%D0%B1%D0%B0%D1%82%D1%81%D0%BA%D0%BE-%D0%9F%D0%BE%D0%BA%D1%80%D0%BE%D0%B2%D1%81%D0%BA%D0%B0%D1%8F%20\
        %D0%BB%D0%B8%D0%BD%D0%B8%D1%8F:%D0%9C%D0%B8%D1%82%D0%B8%D0%BD%D0%BE";
    let entries = &city.history[&(id.to_owned(), "incomingPassengers".to_owned())];
    assert_eq!(
        entries.first(),
        Some(&("2020-12-31T21:00:00Z".to_owned(), 1_913_498.into()))
    );
    assert!(placed > 200, "{placed}");
}
