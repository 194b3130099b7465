//! The basemap against a reader of its own and against its laws.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::testing::{Feature, Seen, features};
use crate::tile::{BUFFER, EXTENT, Tile};

/// A village by a lake: what each element tests is said by its name.
const VILLAGE: &str = r#"<osm version="0.6">
 <node id="1" lat="41.9000" lon="66.1000"/><node id="2" lat="41.9000" lon="66.1100"/>
 <node id="3" lat="41.9080" lon="66.1100"/><node id="4" lat="41.9080" lon="66.1000"/>
 <node id="5" lat="41.9020" lon="66.1030"/><node id="6" lat="41.9020" lon="66.1060"/>
 <node id="7" lat="41.9040" lon="66.1060"/><node id="8" lat="41.9040" lon="66.1030"/>
 <node id="11" lat="41.9010" lon="66.0950"/><node id="12" lat="41.9010" lon="66.0955"/>
 <node id="13" lat="41.9014" lon="66.0955"/><node id="14" lat="41.9014" lon="66.0950"/>
 <node id="21" lat="41.8950" lon="66.0900"/><node id="22" lat="41.8950" lon="66.1200"/>
 <node id="23" lat="41.8950" lon="66.1500"/>
 <node id="30" lat="41.8990" lon="66.0990">
  <tag k="place" v="town"/><tag k="name" v="Наврӯд"/><tag k="name:en" v="Navrud"/>
  <tag k="name:ru" v="Навруд"/><tag k="name:zh" v="纳夫鲁德"/><tag k="population" v="12 000"/>
 </node>
 <node id="31" lat="41.8995" lon="66.0995"><tag k="amenity" v="bench"/><tag k="name" v="No place"/></node>
 <node id="32" lat="41.8996" lon="66.0996"><tag k="place" v="suburb"/></node>
 <way id="100"><nd ref="1"/><nd ref="2"/><nd ref="3"/></way>
 <way id="101"><nd ref="3"/><nd ref="4"/><nd ref="1"/></way>
 <way id="102"><nd ref="5"/><nd ref="6"/><nd ref="7"/><nd ref="8"/><nd ref="5"/></way>
 <way id="110"><nd ref="11"/><nd ref="12"/><nd ref="13"/><nd ref="14"/><nd ref="11"/>
  <tag k="building" v="yes"/><tag k="building:levels" v="5"/></way>
 <way id="111"><nd ref="11"/><nd ref="12"/><nd ref="13"/><tag k="building" v="yes"/></way>
 <way id="120"><nd ref="21"/><nd ref="22"/><tag k="highway" v="primary"/><tag k="name" v="Main"/></way>
 <way id="121"><nd ref="22"/><nd ref="23"/><tag k="highway" v="primary"/><tag k="name" v="Main"/></way>
 <way id="122"><nd ref="21"/><nd ref="11"/><tag k="highway" v="footway"/></way>
 <way id="123"><nd ref="22"/><nd ref="999"/><nd ref="23"/><tag k="railway" v="tram"/><tag k="bridge" v="yes"/></way>
 <way id="124"><nd ref="21"/><nd ref="22"/><tag k="boundary" v="administrative"/><tag k="admin_level" v="4"/></way>
 <relation id="200"><member type="way" ref="100" role="outer"/><member type="way" ref="101" role="outer"/>
  <member type="way" ref="102" role="inner"/>
  <tag k="type" v="multipolygon"/><tag k="natural" v="water"/><tag k="name" v="Lake"/></relation>
 <relation id="201"><member type="way" ref="100" role="outer"/>
  <tag k="type" v="multipolygon"/><tag k="landuse" v="forest"/></relation>
</osm>"#;

/// The tiles of a file, unpacked, and what was said of them.
struct Atlas {
    tiles: BTreeMap<(u8, u32, u32), Vec<u8>>,
    built: Built,
    file: Vec<u8>,
}

fn try_build(osm: &str) -> Result<Atlas, TileError> {
    try_build_within(TILES_MAX, osm)
}

fn try_build_within(tiles_max: usize, osm: &str) -> Result<Atlas, TileError> {
    let source = Source::bytes("village.osm", osm.as_bytes().to_vec());
    let mut out = Cursor::new(Vec::new());
    let built = build_within(
        tiles_max,
        &source,
        &Settings::simulated("Village"),
        &mut out,
        &mut |_, done, total| {
            assert!(done <= total);
        },
    )?;
    let file = out.into_inner();
    let tiles = pmtiles::tests::tiles(&file)
        .into_iter()
        .map(|(tile, bytes)| ((tile.z(), tile.x(), tile.y()), bytes))
        .collect();
    Ok(Atlas { tiles, built, file })
}

fn atlas(osm: &str) -> Atlas {
    try_build(osm).unwrap()
}

impl Atlas {
    /// The features of a layer in the tile of the village.
    fn features(&self, zoom: u8, layer: &str) -> Vec<Feature> {
        let tile = Tile::at(zoom, 66.098, 41.899);
        let bytes = self.tiles.get(&(tile.z(), tile.x(), tile.y()));
        bytes
            .map(|bytes| features(bytes, layer))
            .unwrap_or_default()
    }

    /// How many features of which kind the tiles of a zoom have together.
    fn counts(&self, zoom: u8) -> String {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for (_, bytes) in self.tiles.iter().filter(|((z, ..), _)| *z == zoom) {
            for layer in Layer::ALL.map(Layer::name) {
                for feature in features(bytes, layer) {
                    let kind = feature.text("kind").unwrap();
                    *counts.entry(format!("{layer}/{kind}")).or_default() += 1;
                }
            }
        }
        let counts = counts.iter().map(|(what, count)| format!("{what} {count}"));
        counts.collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn a_village_is_drawn_as_it_is() {
    let atlas = atlas(VILLAGE);
    let counts = [6, 10, 13, 15].map(|zoom| atlas.counts(zoom));
    // The main road crosses 3 tiles of zoom 13 and 7 of zoom 15; the rest likewise.
    assert_eq!(
        counts,
        [
            "boundary/region 1",
            "boundary/region 2, place/town 1, road/primary 2, water/water 1",
            "boundary/region 2, building/building 1, place/town 1, place/water 1, \
             rail/transit 2, road/primary 3, water/water 2",
            "boundary/region 4, building/building 1, place/town 1, place/water 1, \
             rail/transit 4, road/path 2, road/primary 7, water/water 4",
        ]
    );
    let building = &atlas.features(14, "building")[0];
    assert_eq!(building.number("h"), Some(16.0));
    let town = &atlas.features(14, "place")[0];
    let names = NAMES.map(|key| town.text(key).unwrap());
    assert_eq!(names, ["Наврӯд", "Navrud", "Навруд", "纳夫鲁德"]);
    assert_eq!(town.whole("rank"), Some(14));
}

#[test]
fn a_lake_made_of_two_shores_has_its_island_and_its_name() {
    let atlas = atlas(VILLAGE);
    let lake = &atlas.features(13, "water")[0];
    let Seen::Rings(rings) = &lake.geometry else {
        panic!("{lake:?}")
    };
    assert_eq!(rings.len(), 2, "the shell and the island");
    assert!(atlas.counts(14).contains("place/water 1"));
}

#[test]
fn roads_of_one_name_are_one_feature_and_named_where_there_is_room() {
    let atlas = atlas(VILLAGE);
    let [road] = atlas.features(11, "road").try_into().unwrap();
    assert_eq!(
        road.geometry,
        Seen::Lines(match &road.geometry {
            Seen::Lines(lines) => lines.clone(),
            other => panic!("{other:?}"),
        })
    );
    assert_eq!(road.text("name"), Some("Main"));
    let [road] = atlas.features(9, "road").try_into().unwrap();
    assert_eq!(road.text("name"), None);
}

#[test]
fn what_lacks_parts_is_left_out_and_counted() {
    // The tram lacks a node, the forest a shore; a house that is not closed is no house.
    let atlas = atlas(VILLAGE);
    assert_eq!(atlas.built.broken, 2);
    assert!(atlas.features(14, "landuse").is_empty());
    assert_eq!(atlas.features(15, "building").len(), 1);
}

#[test]
fn the_file_says_what_it_shows_and_whose_it_is() {
    let atlas = atlas(VILLAGE);
    assert_eq!((atlas.built.min_zoom, atlas.built.max_zoom), (6, 15));
    assert_eq!(atlas.built.tiles, atlas.tiles.len() as u64);
    assert_eq!(atlas.built.bytes, atlas.file.len() as u64);
    let expected = [66.09, 41.895, 66.15, 41.908];
    for (is, should) in atlas.built.bounds.iter().zip(expected) {
        assert!((is - should).abs() < 1e-5, "{is} {should}");
    }
    let metadata: Value =
        serde_json::from_slice(&metadata(&Settings::simulated("Village"))).unwrap();
    assert_eq!(metadata["attribution"], "Simulated city");
    assert_eq!(metadata["vector_layers"].as_array().unwrap().len(), 7);
    assert_eq!(
        Settings::openstreetmap("x").attribution,
        "© OpenStreetMap contributors"
    );
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    assert_eq!(atlas(VILLAGE).file, atlas(VILLAGE).file);
}

#[test]
fn no_geometry_leaves_the_buffer() {
    let near = -BUFFER..=EXTENT + BUFFER;
    for bytes in atlas(VILLAGE).tiles.values() {
        for layer in Layer::ALL {
            for [x, y] in features(bytes, layer.name())
                .iter()
                .flat_map(Feature::spots)
            {
                assert!(near.contains(&x) && near.contains(&y), "{x} {y}");
            }
        }
    }
}

#[test]
fn a_file_with_nothing_to_draw_is_said_to_be_empty() {
    let osm = r#"<osm><node id="1" lat="1" lon="1"><tag k="amenity" v="bench"/></node></osm>"#;
    let error = try_build(osm).err().unwrap();
    assert_eq!(error.kind(), base::Kind::Invalid);
    assert!(error.to_string().contains("village.osm"), "{error}");
}

#[test]
fn what_is_no_map_is_refused() {
    for (text, kind) in [
        ("hello", base::Kind::Invalid),
        ("<osm><node", base::Kind::Invalid),
    ] {
        assert_eq!(try_build(text).err().unwrap().kind(), kind);
    }
}

#[test]
fn an_area_as_large_as_the_world_is_refused_rather_than_cut_into_a_billion_tiles() {
    let osm = r#"<osm>
     <node id="1" lat="-85" lon="-179"/><node id="2" lat="-85" lon="179"/><node id="3" lat="85" lon="179"/><node id="4" lat="85" lon="-179"/>
     <way id="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="4"/><nd ref="1"/><tag k="landuse" v="forest"/></way></osm>"#;
    let error = try_build_within(5_000, osm).err().unwrap();
    assert_eq!(error.kind(), base::Kind::Limit);
}

#[test]
fn a_tile_that_would_be_too_large_leaves_the_smallest_buildings_out() {
    let mut osm = String::from("<osm>");
    let mut ways = String::new();
    // A grid of houses of a growing size, each unlike the next, all within one tile of zoom 14.
    let [west, south, ..] = Tile::at(14, 66.1, 41.9).bbox();
    for house in 0..21_000_u32 {
        let column = f64::from(house % 150);
        let row = f64::from(house / 150);
        let (lon, lat) = (west + 1e-4 + column * 1.3e-4, south + 1e-4 + row * 1.1e-4);
        let size = 9e-5 + f64::from(house) * 1e-9;
        for (corner, (x, y)) in [(0.0, 0.0), (size, 0.0), (size, size), (0.0, size)]
            .into_iter()
            .enumerate()
        {
            let id = house as usize * 4 + corner + 1;
            write!(
                osm,
                r#"<node id="{id}" lat="{:.7}" lon="{:.7}"/>"#,
                lat + y,
                lon + x
            )
            .unwrap();
        }
        let first = house * 4 + 1;
        write!(ways, r#"<way id="{}"><nd ref="{first}"/><nd ref="{}"/><nd ref="{}"/><nd ref="{}"/><nd ref="{first}"/><tag k="building" v="yes"/><tag k="height" v="{}"/></way>"#,
            house + 1, first + 1, first + 2, first + 3, 3 + house % 50).unwrap();
    }
    let atlas = atlas(&(osm + &ways + "</osm>"));
    assert!(atlas.built.left_out > 0);
    let largest = atlas.tiles.values().map(Vec::len).max().unwrap();
    assert!(
        largest <= TILE_BYTES_MAX && largest > TILE_BYTES_MAX / 4,
        "{largest}"
    );
    // Half of them fit; the smallest that is kept is larger than the half that is not.
    let tile = Tile::at(14, 66.1, 41.9);
    let kept = features(&atlas.tiles[&(14, tile.x(), tile.y())], "building");
    let area = |ring: &Vec<[i32; 2]>| crate::clip::twice_area(ring);
    let areas = kept.iter().flat_map(|feature| match &feature.geometry {
        Seen::Rings(rings) => rings.iter().map(area).collect(),
        _ => Vec::new(),
    });
    let areas: Vec<i64> = areas.collect();
    assert!((8_000..15_000).contains(&areas.len()), "{}", areas.len());
    assert!(areas.iter().min() >= Some(&900), "{:?}", areas.iter().min());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_shapes_make_a_map_or_an_error(
        ways in prop::collection::vec(
            (prop::collection::vec((60.0..60.06_f64, 40.0..40.06_f64), 2..12), 0..6_usize, any::<bool>()), 1..8),
    ) {
        let tags = [("building", "yes"), ("highway", "primary"), ("natural", "water"), ("landuse", "forest"), ("railway", "rail"), ("waterway", "river")];
        let (mut nodes, mut text, mut id) = (String::new(), String::new(), 0);
        for (number, (places, tag, closed)) in ways.iter().enumerate() {
            let first = id + 1;
            write!(text, r#"<way id="{}">"#, number + 1).unwrap();
            for (lon, lat) in places {
                id += 1;
                write!(nodes, r#"<node id="{id}" lat="{lat}" lon="{lon}"/>"#).unwrap();
                write!(text, r#"<nd ref="{id}"/>"#).unwrap();
            }
            if *closed {
                write!(text, r#"<nd ref="{first}"/>"#).unwrap();
            }
            let (key, value) = tags[*tag];
            write!(text, r#"<tag k="{key}" v="{value}"/></way>"#).unwrap();
        }
        let near = -BUFFER..=EXTENT + BUFFER;
        let Ok(atlas) = try_build(&format!("<osm>{nodes}{text}</osm>")) else { return Ok(()) };
        for (tile, bytes) in &atlas.tiles {
            for layer in Layer::ALL {
                for [x, y] in features(bytes, layer.name()).iter().flat_map(Feature::spots) {
                    prop_assert!(near.contains(&x) && near.contains(&y), "{tile:?} {x} {y}");
                }
            }
        }
    }
}
