//! Tables written here, and what becomes of them.

use proptest::prelude::*;

use super::*;
use crate::import::{Format, Options, run};
use crate::out::{Quiet, Report};
use crate::testing::{Collect, complaints, import};

fn mapping(text: &str, lookup: &str) -> Result<Mapping, ImportError> {
    Mapping::parse("m.toml", text, &|_| Ok(lookup.as_bytes().to_vec()))
}

fn read(map: &str, lookup: &str, table: &str) -> (Collect, Report) {
    let options = Options {
        mapping: Some(mapping(map, lookup).unwrap()),
        ..Options::default()
    };
    import(Format::Csv, "t.csv", table, &options).unwrap()
}

const AIR: &str = r#"
    [file]
    nulls = ["NA"]
    [entity]
    id = "urn:ngsi-ld:AirQualityObserved:x:{station}"
    type = "AirQualityObserved"
    model = "Environment"
    [time]
    parts = { year = "y", month = "m", day = "d", hour = "h" }
    zone = "Asia/Shanghai"
    [location]
    lon = "lookup.lon"
    lat = "lookup.lat"
    [lookup]
    file = "stations.csv"
    key = "{station}"
    match = "{station}"
    [[attribute]]
    name = "name"
    column = "lookup.zh"
    kind = "text"
    language = "zh"
    [[attribute]]
    name = "name"
    column = "station"
    kind = "text"
    language = "en"
    static = true
    [[attribute]]
    name = "dataProvider"
    value = "UCI"
    [[attribute]]
    name = "pm25"
    column = "PM2.5"
    unit = "GQ"
    [[attribute]]
    name = "windDirection"
    column = "wd"
    unit = "DD"
    words = { N = 0, NNW = 337.5 }
"#;
const STATIONS: &str = "station,zh,lon,lat\nDongsi,东四,116.417,39.929\n";

#[test]
fn a_series_becomes_an_entity_and_its_history() {
    let table = "y,m,d,h,PM2.5,wd,station\n\
        2013,3,1,0,4,NNW,Dongsi\n2013,3,1,1,NA,N,Dongsi\n2013,3,1,2,8.5,NA,Dongsi\n";
    let (sink, report) = read(AIR, STATIONS, table);
    assert_eq!(complaints(&report), Vec::<String>::new());
    let id = "urn:ngsi-ld:AirQualityObserved:x:Dongsi";
    assert_eq!(
        sink.value(id, "name"),
        &json!({"en": "Dongsi", "zh": "东四"})
    );
    assert_eq!(sink.value(id, "dataProvider"), "UCI");
    assert_eq!(
        sink.value(id, "location")["coordinates"],
        json!([116.417, 39.929])
    );
    assert_eq!(sink.value(id, "pm25"), &Value::Null);
    assert_eq!(
        sink.history,
        [json!({
            "id": id,
            "type": "https://smartdatamodels.org/dataModel.Environment/AirQualityObserved",
            "@context": CORE_CONTEXT,
            "https://smartdatamodels.org/dataModel.Environment/pm25": [
                {"type": "Property", "value": 4, "unitCode": "GQ", "observedAt": "2013-02-28T16:00:00Z"},
                {"type": "Property", "value": 8.5, "unitCode": "GQ", "observedAt": "2013-02-28T18:00:00Z"},
            ],
            "https://smartdatamodels.org/dataModel.Environment/windDirection": [
                {"type": "Property", "value": 337.5, "unitCode": "DD", "observedAt": "2013-02-28T16:00:00Z"},
                {"type": "Property", "value": 0, "unitCode": "DD", "observedAt": "2013-02-28T17:00:00Z"},
            ],
        })]
    );
    assert_eq!(report.history_values, 4);
}

#[test]
fn dirty_rows_of_a_series_are_named() {
    let table = "y,m,d,h,PM2.5,wd,station\n\
        2013,3,1,0,4,N,\n2013,13,1,0,4,N,Dongsi\n2013,3,1,0,bad,N,Dongsi\n2013,3,1,0,5,N,Dongsi\n\
        2013,3,1,1,5,up,Nowhere\n2013,3,1,2\n";
    let (sink, report) = read(AIR, STATIONS, table);
    assert_eq!(
        complaints(&report),
        [
            "t.csv:2: station is empty; left out",
            "t.csv:3: [2013, 13, 1, 0, 0, 0] is no moment; left out",
            "t.csv:4: PM2.5: \"bad\" is no number; taken without",
            "t.csv:5: \"urn:ngsi-ld:AirQualityObserved:x:Dongsi\" and its moment come a second time; left out",
            "t.csv:6: \"Nowhere\" is not in the lookup table; taken without",
            "t.csv:6: wd: \"up\" is no number; taken without",
            "t.csv:7: station is empty; left out",
        ]
    );
    assert_eq!(sink.entities.len(), 2);
}

#[test]
fn a_matrix_has_an_entity_a_column_and_the_time_from_the_row() {
    let map = r#"
        entity = { id = "urn:ngsi-ld:TrafficFlowObserved:la:{column}", type = "TrafficFlowObserved", model = "Transportation" }
        time = { start = "2012-03-01T00:00:00", step_seconds = 300, zone = "America/Los_Angeles" }
        location = { lon = "lookup.longitude", lat = "lookup.latitude" }
        lookup = { file = "x", key = "{sensor_id}", match = "{column}" }
        [[attribute]]
        name = "averageVehicleSpeed"
        column = "*"
        except = ["note"]
        unit = "KMH"
        scale = 1.609344
        digits = 2
    "#;
    let places = "sensor_id,latitude,longitude\n7,34.1,-118.3\n8,34.2,-118.2\n";
    let (sink, report) = read(map, places, "7,8,note\n10,20,a\n,30,b\n");
    assert_eq!(report.complaint_count, 0, "{:?}", report.complaints);
    assert_eq!(
        sink.value("urn:ngsi-ld:TrafficFlowObserved:la:8", "location")["coordinates"],
        json!([-118.2, 34.2])
    );
    let speeds = &sink.history[1]["https://smartdatamodels.org/dataModel.Transportation/averageVehicleSpeed"];
    assert_eq!(speeds[1]["value"], 48.28);
    assert_eq!(speeds[1]["observedAt"], "2012-03-01T08:05:00Z");
    assert_eq!(report.history_values, 3);
}

#[test]
fn rows_without_a_moment_are_entities() {
    let map = r#"
        file = { delimiter = ";", decimal = ",", header_rows = 2, encoding = "windows-1251" }
        entity = { id = "urn:ngsi-ld:District:m:{Имя}", type = "District" }
        location = { lon = "x", lat = "y" }
        [[attribute]]
        name = "population"
        column = "Жители"
    "#;
    let table =
        "Имя;Жители;x;y\nназвание;число;;\nАрбат;36,5;37,6;55,75\nАрбат;1;;\nТаганка;;0;0\n";
    let (bytes, _, _) = encoding_rs::WINDOWS_1251.encode(table);
    let options = Options {
        mapping: Some(mapping(map, "").unwrap()),
        ..Options::default()
    };
    let (sink, report) = import(Format::Csv, "t.csv", bytes, &options).unwrap();
    let id = "urn:ngsi-ld:District:m:%D0%90%D1%80%D0%B1%D0%B0%D1%82";
    assert_eq!(sink.value(id, "population"), 36.5);
    assert_eq!(
        sink.value(id, "location")["coordinates"],
        json!([37.6, 55.75])
    );
    assert_eq!(sink.entities[id]["type"], "District");
    assert_eq!(report.complaint_count, 2, "{:?}", report.complaints);
    assert!(sink.history.is_empty());
}

#[test]
fn long_histories_come_in_bounded_parts() {
    let map = r#"
        entity = { id = "urn:x:{s}", type = "T" }
        time = { start = "2020-01-01T00:00:00Z", step_seconds = 60 }
        [[attribute]]
        name = "v"
        column = "v"
    "#;
    let rows = "a,1\n".repeat(50_000);
    let (sink, report) = read(map, "", &format!("s,v\n{rows}"));
    assert_eq!(report.history_values, 50_000);
    let sizes: Vec<usize> = sink
        .history
        .iter()
        .map(|part| part["v"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [2_000; 25]);
}

#[test]
fn a_mapping_that_cannot_be_used_says_why() {
    let base = "entity = { id = \"urn:x:{a}\", type = \"T\" }\n";
    for (text, reason) in [
        ("", "missing field `entity`"),
        (base, "there is no [[attribute]]"),
        (
            &format!("{base}[[attribute]]\nname = 'v'\n"),
            "a column or a value",
        ),
        (
            &format!("{base}[[attribute]]\nname = 'v'\ncolumn = 'v'\nunits = 'x'\n"),
            "unknown field `units`",
        ),
        (
            &format!(
                "file = {{ encoding = 'klingon' }}\n{base}[[attribute]]\nname = 'v'\ncolumn = 'v'\n"
            ),
            "encoding \"klingon\" is unknown",
        ),
        (
            &format!(
                "time = {{ column = 't', zone = 'Mars' }}\n{base}[[attribute]]\nname = 'v'\ncolumn = 'v'\n"
            ),
            "time zone \"Mars\" is unknown",
        ),
    ] {
        let error = mapping(text, "").unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.kind(), base::Kind::Invalid);
    }
    let map = mapping(
        &format!("{base}[[attribute]]\nname = 'v'\ncolumn = 'v'\n"),
        "",
    )
    .unwrap();
    let options = Options {
        mapping: Some(map),
        ..Options::default()
    };
    let error = import(Format::Csv, "t.csv", "a,b\n1,2\n", &options)
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "t.csv: there is no column \"v\"");
}

proptest! {
    #[test]
    fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let map = mapping(AIR, STATIONS).unwrap();
        let options = Options { mapping: Some(map), ..Options::default() };
        let mut table = b"y,m,d,h,PM2.5,wd,station\n".to_vec();
        table.extend(bytes);
        let mut sink = Collect::default();
        let source = Source::bytes("t.csv", table);
        run(Format::Csv, &source, &options, &mut sink, &mut Quiet).unwrap();
    }
}
