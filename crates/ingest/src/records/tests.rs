//! Tests of payloads: what the mapping of a live feed makes of each format.

use base::Time;
use expect_test::{Expect, expect};
use jsonld::Context;
use ngsi::render::{Format, Out, Renderer};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn mapper(text: &str, features: bool) -> Result<Mapper, String> {
    let spec: Value = toml::from_str(text).unwrap();
    let mapping = Mapping::live("test", spec).map_err(|error| error.to_string())?;
    Mapper::new(mapping, features)
}

const ARRIVED: Time = Time(1_767_225_600_000_000);

/// What a payload becomes: an entity or a reason a line.
fn made(mapping: &str, topic: &str, shape: Shape, pointer: &str, payload: &str) -> String {
    let mapper = mapper(mapping, shape == Shape::GeoJson).unwrap();
    let core = Context::core();
    let mut lines = Vec::new();
    for record in mapper.records(payload.as_bytes(), shape, pointer) {
        let made = record
            .map_err(|bad| format!("bad: {}", bad.reason))
            .and_then(|record| {
                let made = mapper.map(&record, topic, ARRIVED);
                made.map_err(|useless| format!("{}: {useless}", useless.code))
            });
        match made {
            Err(reason) => lines.push(reason),
            Ok(made) => {
                let mut out = Out::with_capacity(256);
                let renderer = Renderer {
                    format: Format::Concise,
                    ..Renderer::new(&core, ARRIVED)
                };
                renderer.entity(&mut out, &made.fragment.into_entity(ARRIVED).unwrap(), None);
                lines.push(out.into_string());
                lines.extend(
                    made.without
                        .iter()
                        .map(|reason| format!("  without {reason}")),
                );
            }
        }
    }
    lines.join("\n")
}

fn check(got: &str, expected: &Expect) {
    expected.assert_eq(got);
}

const AIR: &str = r#"
[entity]
id = "urn:ngsi-ld:AirQualityObserved:navrud:{topic.3}"
type = "AirQualityObserved"
model = "Environment"
[time]
column = "t"
[location]
lon = "at.lon"
lat = "at.lat"
static = true
[[attribute]]
name = "pm25"
column = "values.pm25"
unit = "GQ"
digits = 1
[[attribute]]
name = "status"
column = "ok"
kind = "bool"
[[attribute]]
name = "raw"
column = "/values"
kind = "json"
model = ""
[[attribute]]
name = "name"
column = "name"
kind = "text"
language = "ru"
static = true
[[attribute]]
name = "name"
value = "Air"
language = "en"
"#;

#[test]
fn json_of_a_device_becomes_an_entity_with_moments() {
    let payload = json!([
        {"t": "2026-01-01T00:00:00Z", "at": {"lon": 66.1, "lat": 41.9}, "values": {"pm25": 12.345}, "ok": 1, "name": "Воздух"},
        {"t": "2026-01-01T00:00:00Z", "values": {"pm25": "high"}},
        {"t": "yesterday", "values": {"pm25": 1}},
        {"t": "2026-01-01T00:00:00Z"},
        7,
    ]);
    let got = made(AIR, "city/air/s 1", Shape::Json, "", &payload.to_string());
    check(
        &got,
        &expect![[r#"
        {"id":"urn:ngsi-ld:AirQualityObserved:navrud:s%201","type":"https://smartdatamodels.org/dataModel.Environment/AirQualityObserved","https://smartdatamodels.org/dataModel.Environment/pm25":{"value":12.3,"observedAt":"2026-01-01T00:00:00Z","unitCode":"GQ"},"status":{"value":true,"observedAt":"2026-01-01T00:00:00Z"},"raw":{"value":{"pm25":12.345},"observedAt":"2026-01-01T00:00:00Z"},"https://smartdatamodels.org/name":{"languageMap":{"ru":"Воздух","en":"Air"}},"location":{"type":"Point","coordinates":[66.1,41.9]}}
        {"id":"urn:ngsi-ld:AirQualityObserved:navrud:s%201","type":"https://smartdatamodels.org/dataModel.Environment/AirQualityObserved","raw":{"value":{"pm25":"high"},"observedAt":"2026-01-01T00:00:00Z"},"https://smartdatamodels.org/name":{"languageMap":{"en":"Air"}}}
          without values.pm25: "high" is no number
        time: the time "yesterday" is no moment
        value: none of the columns of the mapping has a value
        time: the time "" is no moment"#]],
    );
    let got = made(AIR, "city/air", Shape::Json, "", "{}");
    check(&got, &expect!["id: topic.3 is empty: the id needs it"]);
}

#[test]
fn a_bare_number_an_epoch_and_a_pointer_to_records_are_understood() {
    let bare =
        "[entity]\nid = 'urn:x:{topic.2}'\ntype = 'T'\n[[attribute]]\nname = 'level'\ncolumn = '.'";
    check(
        &made(bare, "tank/7", Shape::Json, "", "21.5"),
        &expect![[
            r#"{"id":"urn:x:7","type":"T","level":{"value":21.5,"observedAt":"2026-01-01T00:00:00Z"}}"#
        ]],
    );
    let epoch = "[entity]\nid = 'urn:x:{id}'\ntype = 'T'\n[time]\ncolumn = 'ts'\nformat = 'epoch-ms'\n[[attribute]]\nname = 'level'\ncolumn = 'v'\nscale = 0.1\ndigits = 2";
    let payload = r#"{"data": {"items": [{"id": 1, "ts": 1767225600500, "v": 15}, {"id": 2, "ts": "x", "v": 1}]}}"#;
    check(
        &made(epoch, "", Shape::Json, "/data/items", payload),
        &expect![[r#"
            {"id":"urn:x:1","type":"T","level":{"value":1.5,"observedAt":"2026-01-01T00:00:00.500Z"}}
            time: the time "x" is no moment"#]],
    );
    check(
        &made(epoch, "", Shape::Json, "/data/nothing", payload),
        &expect![[r#"bad: there is nothing at records = "/data/nothing""#]],
    );
    let lines = "{\"id\": 1, \"ts\": 1, \"v\": 1}\n{\"id\": 2, \"ts\":\n{\"id\": 3, \"ts\": 3000, \"v\": 3}\n";
    check(
        &made(epoch, "", Shape::Json, "", lines),
        &expect![[r#"
        {"id":"urn:x:1","type":"T","level":{"value":0.1,"observedAt":"1970-01-01T00:00:00.001Z"}}
        bad: no JSON: EOF while parsing a value at line 1 column 15
        {"id":"urn:x:3","type":"T","level":{"value":0.3,"observedAt":"1970-01-01T00:00:03Z"}}"#]],
    );
}

#[test]
fn delimited_text_becomes_entities_row_by_row() {
    let csv = "[file]\ndelimiter = ';'\ndecimal = ','\nnulls = ['', '-']\n[entity]\nid = 'urn:x:{id}'\ntype = 'T'\n[time]\ncolumn = 'when'\nformat = '%d.%m.%Y %H:%M'\nzone = 'Asia/Tashkent'\n[location]\nlon = 'x'\nlat = 'y'\n[[attribute]]\nname = 'level'\ncolumn = 'v'";
    let payload = "id;when;x;y;v\n1;01.01.2026 05:00;66,1;41,9;1,5\n2;01.01.2026 05:00;;;-\n3;;1;1;1\n4;01.01.2026 05:00;400;0;2\n5;a;b;c;d;e\n";
    check(
        &made(csv, "", Shape::Csv, "", payload),
        &expect![[r#"
        {"id":"urn:x:1","type":"T","level":{"value":1.5,"observedAt":"2026-01-01T00:00:00Z"},"location":{"value":{"type":"Point","coordinates":[66.1,41.9]},"observedAt":"2026-01-01T00:00:00Z"}}
        value: none of the columns of the mapping has a value
        time: the time "" is no moment
        {"id":"urn:x:4","type":"T","level":{"value":2,"observedAt":"2026-01-01T00:00:00Z"}}
          without "0", "400" is no place on Earth
        bad: 6 fields under 5 columns"#]],
    );
    check(
        &made(csv, "", Shape::Csv, "", "id;when\n"),
        &expect!["bad: there is no row under the header"],
    );
}

#[test]
fn features_of_geojson_have_their_geometry_and_properties() {
    let geo =
        "[entity]\nid = 'urn:x:{id}'\ntype = 'T'\n[[attribute]]\nname = 'free'\ncolumn = 'free'";
    let payload = json!({"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [66.1, 41.9]}, "properties": {"free": 3}},
        {"type": "Feature", "properties": {"free": 3, "id": "b"}, "geometry": null},
        {"type": "Feature", "properties": {"free": 3, "id": "c"}, "geometry": {"type": "Point", "coordinates": [1000, 0]}},
    ]});
    check(
        &made(geo, "", Shape::GeoJson, "", &payload.to_string()),
        &expect![[r#"
            {"id":"urn:x:a","type":"T","free":{"value":3,"observedAt":"2026-01-01T00:00:00Z"},"location":{"value":{"type":"Point","coordinates":[66.1,41.9]},"observedAt":"2026-01-01T00:00:00Z"}}
            {"id":"urn:x:b","type":"T","free":{"value":3,"observedAt":"2026-01-01T00:00:00Z"}}
            {"id":"urn:x:c","type":"T","free":{"value":3,"observedAt":"2026-01-01T00:00:00Z"}}
              without the geometry: 1000 is no WGS84 longitude: it lies between -180 and 180 degrees"#]],
    );
}

#[test]
fn a_mapping_that_cannot_work_says_what_to_write() {
    let mut said = Vec::new();
    for text in [
        "[entity]\nid = 'x'\ntype = 'T'",
        "[entity]\nid = 'x'\ntype = 'T'\n[[attribute]]\nname = 'a'\ncolumn = '*'",
        "[entity]\nid = 'x'\ntype = 'T'\n[[attribute]]\nname = 'a'\nvalue = 1",
        "[entity]\nid = 'x{'\ntype = 'T'\n[[attribute]]\nname = 'a'\ncolumn = 'a'",
        "[entity]\nid = 'x'\ntype = 'T'\n[time]\nstart = '2020-01-01T00:00:00'\nstep_seconds = 1\n[[attribute]]\nname = 'a'\ncolumn = 'a'",
        "[entity]\nid = 'x'\ntype = 'T'\n[[attribute]]\nname = 'createdAt'\ncolumn = 'a'",
        "[entity]\nid = 'x'\ntype = 'T'\n[location]\nlon = 'x'\n[[attribute]]\nname = 'a'\ncolumn = 'a'",
        "[entity]\nid = 'x'\ntype = 'T'\n[[attribute]]\nname = 'a'\ncolumn = 'topic.0'",
        "[entity]\nid = 'x'\ntype = 'T'\n[lookup]\nfile = 'a'\nkey = 'a'\nmatch = 'b'\n[[attribute]]\nname = 'a'\ncolumn = 'a'",
    ] {
        said.push(mapper(text, false).unwrap_err());
    }
    check(
        &said.join("\n"),
        &expect![[r#"
        mapping test: there is neither [[attribute]] nor [location]
        mapping test: the column * is for files: name the columns
        no attribute has a column: there is nothing to learn from a record
        mapping test: "x{": a brace is not closed
        [time] start and step_seconds are for files: name a column
        [[attribute]] createdAt: the input: stands for a term of the core @context and cannot name an attribute
        [location] needs lon and lat, or geometry
        [[attribute]] a: "topic.0": levels of a topic are topic.1, topic.2 …
        mapping test: a live feed has no [lookup]"#]],
    );
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![Just(Shape::Json), Just(Shape::Csv), Just(Shape::GeoJson)]
}

proptest! {
    #[test]
    fn whatever_comes_is_a_record_or_a_reason(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[\\[\\]{}\",:0-9a-z\\n.eE;-]{0,120}",
        shape in shape(),
    ) {
        let mapper = mapper(AIR, shape == Shape::GeoJson).unwrap();
        for payload in [&bytes[..], text.as_bytes()] {
            for record in mapper.records(payload, shape, "") {
                match record {
                    Err(bad) => prop_assert!(!bad.reason.is_empty()),
                    Ok(record) => match mapper.map(&record, "a/b/c", ARRIVED) {
                        Err(useless) => prop_assert!(!useless.reason.is_empty()),
                        Ok(made) => prop_assert!(!made.fragment.attributes.is_empty()),
                    },
                }
            }
        }
    }

    #[test]
    fn whatever_stands_in_a_record_its_values_survive_or_are_named(
        t in "[0-9TZ:+-]{0,25}", lon in any::<f64>(), number in any::<f64>(), name in ".{0,40}",
    ) {
        let record = json!({"t": t, "at": {"lon": lon, "lat": 1.0}, "values": {"pm25": number}, "name": name});
        let mapper = mapper(AIR, false).unwrap();
        if let Ok(made) = mapper.map(&record, "a/b/c", ARRIVED) {
            prop_assert!(made.fragment.id.is_some());
        }
    }
}
