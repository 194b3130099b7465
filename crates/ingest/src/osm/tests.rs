//! Extracts written here, in both formats, whole and broken.

use std::io::Write as _;

use proptest::prelude::*;
use serde_json::json;

use crate::import::{Format, Options};
use crate::testing::{complaints, import, refused};

const TOWN: &str = r#"<?xml version="1.0"?>
<osm version="0.6">
 <node id="1" lat="55.75" lon="37.62"/>
 <node id="2" lat="55.75" lon="37.63"/>
 <node id="3" lat="55.76" lon="37.63"/>
 <node id="4" lat="55.76" lon="37.62"/>
 <node id="5" lat="55.755" lon="37.625">
  <tag k="amenity" v="cafe"/><tag k="name" v="Caf&#233; &quot;Ч&quot;"/>
  <tag k="name:ru" v="Кафе"/><tag k="name:etymology" v="x"/><tag k="phone" v="+7 1"/>
 </node>
 <node id="6" lat="99" lon="37.62"/>
 <node id="7" visible="false" lat="55.7" lon="37.6"><tag k="shop" v="books"/></node>
 <node id="11" lat="55.752" lon="37.622"/><node id="12" lat="55.752" lon="37.624"/>
 <node id="13" lat="55.754" lon="37.624"/>
 <way id="20"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/>
  <tag k="name" v="Ильинка"/><tag k="name:en" v="Ilyinka"/><tag k="oneway" v="yes"/>
  <tag k="maxspeed" v="60"/><tag k="lanes" v="2"/></way>
 <way id="21"><nd ref="2"/><nd ref="99"/><nd ref="3"/><tag k="highway" v="footway"/>
  <tag k="name" v="Ильинка"/></way>
 <way id="22"><nd ref="1"/><nd ref="4"/><nd ref="3"/><nd ref="2"/><nd ref="1"/>
  <tag k="building" v="apartments"/><tag k="building:levels" v="5"/>
  <tag k="addr:street" v="Ильинка"/><tag k="addr:housenumber" v="4"/><tag k="shop" v="mall"/></way>
 <way id="23"><nd ref="1"/><nd ref="2"/><tag k="building" v="yes"/></way>
 <way id="24"><nd ref="1"/><nd ref="2"/><nd ref="3"/></way>
 <way id="25"><nd ref="3"/><nd ref="4"/><nd ref="1"/></way>
 <way id="26"><nd ref="11"/><nd ref="12"/><nd ref="13"/><nd ref="11"/></way>
 <relation id="30"><member type="way" ref="24" role="outer"/><member type="way" ref="25" role="outer"/>
  <member type="way" ref="26" role="inner"/><tag k="type" v="multipolygon"/><tag k="building" v="yes"/></relation>
 <relation id="31"><member type="way" ref="24" role="outer"/><tag k="type" v="multipolygon"/>
  <tag k="leisure" v="park"/></relation>
</osm>"#;

#[test]
fn a_town_becomes_streets_buildings_and_places() {
    let options = Options::default();
    let (sink, report) = import(Format::Osm, "t.osm", TOWN, &options).unwrap();
    let ids: Vec<&str> = sink.entities.keys().map(String::as_str).collect();
    assert_eq!(
        ids,
        [
            "urn:ngsi-ld:Building:osm:relation:30",
            "urn:ngsi-ld:Building:osm:way:22",
            "urn:ngsi-ld:PointOfInterest:osm:node:5",
            "urn:ngsi-ld:PointOfInterest:osm:way:22",
            "urn:ngsi-ld:Road:osm:way:20",
            "urn:ngsi-ld:RoadSegment:osm:way:20",
            "urn:ngsi-ld:RoadSegment:osm:way:21",
        ]
    );
    assert_eq!(
        complaints(&report),
        [
            "t.osm: way 21: 1 of its nodes are not in the file; taken without them",
            "t.osm: way 23: a building whose outline is not closed or not whole; left out",
            "t.osm: relation 31: its outline is not closed or not whole; left out",
        ]
    );
    let cafe = ids[2];
    assert_eq!(
        sink.value(cafe, "name"),
        &json!({"@none": "Café \"Ч\"", "ru": "Кафе"})
    );
    assert_eq!(
        sink.value(cafe, "contactPoint"),
        &json!({"telephone": "+7 1"})
    );
    assert_eq!(sink.value(cafe, "amenity"), "cafe");
    assert_eq!(
        sink.value(cafe, "dataProvider"),
        "© OpenStreetMap contributors, ODbL 1.0"
    );
    let house = ids[1];
    assert_eq!(sink.value(house, "floorsAboveGround"), 5);
    assert_eq!(
        sink.value(house, "address"),
        &json!({"streetAddress": "Ильинка", "streetNr": "4"})
    );
    let yard = sink.value(ids[0], "location");
    assert_eq!(yard["type"], "Polygon");
    assert_eq!(yard["coordinates"].as_array().unwrap().len(), 2);
    let street = ids[5];
    assert_eq!(
        sink.value(street, "name"),
        &json!({"@none": "Ильинка", "en": "Ilyinka"})
    );
    assert_eq!(sink.value(street, "refRoad"), ids[4]);
    assert_eq!(sink.value(street, "maximumAllowedSpeed"), 60.0);
    assert_eq!(sink.value(street, "length"), 0.626);
    assert_eq!(sink.value(street, "category"), &json!(["oneway"]));
    assert_eq!(
        sink.value(ids[4], "refRoadSegment")
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn gzip_changes_nothing() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(TOWN.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let (plain, _) = import(Format::Osm, "t.osm", TOWN, &Options::default()).unwrap();
    let (unpacked, _) = import(Format::Osm, "t.osm", packed, &Options::default()).unwrap();
    assert_eq!(plain.entities, unpacked.entities);
}

#[test]
fn broken_xml_is_refused_before_anything_is_handed_on() {
    let half = TOWN.split_at(900).0.to_owned();
    let long = format!(
        "<osm><node id=\"1\" lat=\"{}\"/></osm>",
        "1".repeat(3_000_000)
    );
    let deep = format!("<osm>{}", "<a>".repeat(50));
    for (text, reason) in [
        (half.as_str(), ""),
        ("<gpx/>", "this is \"gpx\", not osm"),
        (
            "<osm><node lat='1' lon='1'/></osm>",
            "an element without id",
        ),
        ("<osm><way id='x'/></osm>", "id \"x\" is no number"),
        ("<osm><way id='1'><nd ref='&lol;'/></way></osm>", "lol"),
        ("<osm></way></osm>", ""),
        (long.as_str(), "longer than 1 MiB"),
        (deep.as_str(), "nested too deeply"),
        ("hello", "neither OSM PBF nor OSM XML"),
    ] {
        let error = refused(Format::Osm, "x.osm", text);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// Writes protocol buffers: enough of PBF to test the reader.
#[derive(Default)]
struct Proto(Vec<u8>);

impl Proto {
    fn varint(&mut self, mut number: u64) -> &mut Self {
        while number > 127 {
            self.0.push(u8::try_from(number & 127).unwrap() | 128);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap());
        self
    }

    fn number(&mut self, field: u64, number: u64) -> &mut Self {
        self.varint(field << 3).varint(number)
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2).varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn packed(&mut self, field: u64, numbers: &[u64]) -> &mut Self {
        let mut list = Self::default();
        for number in numbers {
            list.varint(*number);
        }
        self.bytes(field, &list.0)
    }
}

fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned()
}

fn block(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    let mut blob = Proto::default();
    blob.number(2, content.len() as u64)
        .bytes(3, &encoder.finish().unwrap());
    let mut header = Proto::default();
    header.bytes(1, kind).number(3, blob.0.len() as u64);
    let mut bytes = u32::try_from(header.0.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    bytes.extend(header.0);
    bytes.extend(blob.0);
    bytes
}

/// Two nodes, of which one is a shop, and a street between them.
fn pbf() -> Vec<u8> {
    let mut strings = Proto::default();
    for text in ["", "shop", "books", "highway", "primary", "name", "Ильинка"] {
        strings.bytes(1, text.as_bytes());
    }
    let degree = |number: i64| zigzag(number * 10_000_000);
    let mut dense = Proto::default();
    dense
        .packed(1, &[zigzag(10), zigzag(1)])
        .packed(8, &[degree(55), degree(1)])
        .packed(9, &[degree(37), degree(-1)])
        .packed(10, &[0, 1, 2, 0]);
    let mut way = Proto::default();
    way.number(1, 7)
        .packed(2, &[3, 5])
        .packed(3, &[4, 6])
        .packed(8, &[zigzag(10), zigzag(1)]);
    let mut group = Proto::default();
    group.bytes(2, &dense.0).bytes(3, &way.0);
    let mut data = Proto::default();
    data.bytes(1, &strings.0).bytes(2, &group.0);
    let mut header = Proto::default();
    header.bytes(4, b"OsmSchema-V0.6").bytes(4, b"DenseNodes");
    [block(b"OSMHeader", &header.0), block(b"OSMData", &data.0)].concat()
}

#[test]
fn of_a_way_that_comes_twice_the_first_counts() {
    let way = |name: &str| {
        format!(
            r#"<way id="7"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/>
            <tag k="name" v="{name}"/></way>"#
        )
    };
    let nodes = r#"<node id="1" lat="1" lon="1"/><node id="2" lat="2" lon="2"/>"#;
    let text = format!("<osm>{nodes}{}{}</osm>", way("First"), way("Second"));
    let (sink, _) = import(Format::Osm, "t.osm", text, &Options::default()).unwrap();
    assert_eq!(sink.value("urn:ngsi-ld:Road:osm:way:7", "name"), "First");
    assert_eq!(sink.entities.len(), 2);
}

#[test]
fn pbf_is_read_like_xml() {
    let (sink, report) = import(Format::Osm, "t.pbf", pbf(), &Options::default()).unwrap();
    assert_eq!(report.complaint_count, 0, "{:?}", report.complaints);
    let shop = "urn:ngsi-ld:PointOfInterest:osm:node:11";
    assert_eq!(
        sink.value(shop, "location")["coordinates"],
        json!([36.0, 56.0])
    );
    assert_eq!(sink.value("urn:ngsi-ld:Road:osm:way:7", "name"), "Ильинка");
    let street = sink.value("urn:ngsi-ld:RoadSegment:osm:way:7", "location");
    assert_eq!(street["coordinates"], json!([[37.0, 55.0], [36.0, 56.0]]));
}

#[test]
fn a_cut_pbf_is_refused_before_anything_is_handed_on() {
    let whole = pbf();
    let header = 4 + usize::from(whole[3]);
    let first = block(b"OSMHeader", &{
        let mut header = Proto::default();
        header.bytes(4, b"OsmSchema-V0.6").bytes(4, b"DenseNodes");
        header.0
    })
    .len();
    for length in (0..whole.len()).filter(|length| *length != first) {
        let error = refused(Format::Osm, "cut.pbf", whole.get(..length).unwrap());
        assert!(
            length < header || error.kind() == base::Kind::Invalid,
            "{error}"
        );
    }
}

#[test]
fn a_pbf_that_needs_more_or_unpacks_to_more_is_refused() {
    let mut header = Proto::default();
    header.bytes(4, b"HistoricalInformation");
    let error = refused(Format::Osm, "x.pbf", block(b"OSMHeader", &header.0));
    assert!(
        error
            .to_string()
            .contains("the file needs \"HistoricalInformation\""),
        "{error}"
    );
    let header = block(b"OSMHeader", &[]);
    let bomb = [header, block(b"OSMData", &vec![0; 33 * 1024 * 1024])].concat();
    let error = refused(Format::Osm, "x.pbf", bomb);
    assert!(
        error.to_string().contains("unpacks to more than 32 MiB"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn damage_never_panics(at in 0usize..1_000, bit in 0u8..8) {
        let mut bytes = pbf();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok((sink, _)) = import(Format::Osm, "t.pbf", bytes, &Options::default()) {
            prop_assert!(sink.entities.len() <= 3);
        }
        let mut bytes = TOWN.as_bytes().to_vec();
        let at = (at * 3) % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok((sink, _)) = import(Format::Osm, "t.osm", bytes, &Options::default()) {
            prop_assert!(sink.entities.len() <= 8);
        }
    }
}
