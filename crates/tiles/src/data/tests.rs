//! Tiles of data against a reader of their own and against their laws.

use std::collections::BTreeSet;

use proptest::prelude::*;
use spatial::{Geometry, Position};

use super::*;
use crate::testing::{Seen, features};
use crate::tile::{BUFFER, EXTENT};

fn thing<'a>(id: &'a str, place: Place<'a>) -> Thing<'a> {
    Thing {
        id,
        type_name: "Device",
        place,
        names: Names::default(),
        value: None,
        class: None,
        severity: None,
        stale: false,
        simulated: false,
    }
}

fn ids(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("urn:ngsi-ld:Device:{number}"))
        .collect()
}

#[test]
fn a_single_thing_says_all_that_is_known_of_it() {
    let tile_there = Tile::at(14, 66.1, 41.9);
    let known = Thing {
        names: Names {
            plain: Some("Bridge"),
            en: Some("Bridge"),
            ru: Some("Мост"),
            zh: Some("桥"),
        },
        value: Some(12.5),
        class: Some(3),
        severity: Some(Severity::Warning),
        stale: true,
        simulated: true,
        ..thing("urn:ngsi-ld:Device:1", Place::Point([66.1, 41.9]))
    };
    let made = tile(tile_there, [known], &Clusters::default());
    let [feature] = features(&made.bytes, "things").try_into().unwrap();
    let texts = ["id", "type", "name", "name:en", "name:ru", "name:zh", "s"]
        .map(|key| feature.text(key).unwrap());
    assert_eq!(
        texts,
        [
            "urn:ngsi-ld:Device:1",
            "Device",
            "Bridge",
            "Bridge",
            "Мост",
            "桥",
            "warning"
        ]
    );
    assert_eq!(
        (feature.number("v"), feature.whole("c")),
        (Some(12.5), Some(3))
    );
    assert!(feature.flag("stale") && feature.flag("sim"));
    let bare = tile(
        tile_there,
        [thing("urn:ngsi-ld:Device:2", known.place)],
        &Clusters::default(),
    );
    let [feature] = features(&bare.bytes, "things").try_into().unwrap();
    assert_eq!(feature.tags.keys().collect::<Vec<_>>(), ["id", "type"]);
}

#[test]
fn many_points_become_clusters_with_count_worst_and_mean() {
    let ids = ids(10);
    let things = ids.iter().zip(0_u8..).map(|(id, number)| Thing {
        value: Some(f64::from(number)),
        severity: (number == 4)
            .then_some(Severity::Critical)
            .or((number == 5).then_some(Severity::Notice)),
        stale: number < 9,
        simulated: true,
        ..thing(id, Place::Point([10.0 + f64::from(number) * 1e-6, 50.0]))
    });
    let clusters = Clusters {
        singles_max: 9,
        ..Clusters::default()
    };
    let made = tile(Tile::at(10, 10.0, 50.0), things, &clusters);
    assert_eq!((made.points, made.clusters), (10, 1));
    let [feature] = features(&made.bytes, "things").try_into().unwrap();
    assert_eq!(
        (feature.whole("n"), feature.text("s"), feature.number("v")),
        (Some(10), Some("critical"), Some(4.5))
    );
    assert!(feature.flag("sim") && !feature.flag("stale"));
    assert_eq!(feature.text("id"), None);
}

#[test]
fn nothing_to_show_is_no_bytes() {
    let far = thing("urn:ngsi-ld:Device:1", Place::Point([0.0, 0.0]));
    let nowhere = thing("urn:ngsi-ld:Device:2", Place::Point([f64::NAN, 95.0]));
    let made = tile(
        Tile::at(14, 66.1, 41.9),
        [far, nowhere],
        &Clusters::default(),
    );
    assert!(made.bytes.is_empty());
}

#[test]
fn a_shape_too_small_to_see_counts_as_a_point() {
    let ring = [[0.0, 0.0], [1e-4, 0.0], [1e-4, 1e-4], [0.0, 0.0]];
    let ring = ring
        .map(|[lon, lat]| Position::new(66.1 + lon, 41.9 + lat))
        .to_vec();
    let area = Geometry::polygon(vec![ring]).unwrap();
    let make = |zoom| {
        let parking = Thing {
            place: Place::Shape(&area),
            ..thing("urn:ngsi-ld:Parking:1", Place::Point([0.0; 2]))
        };
        tile(
            Tile::at(zoom, 66.100_05, 41.900_05),
            [parking],
            &Clusters::default(),
        )
    };
    assert_eq!((make(12).points, make(12).shapes), (1, 0));
    assert_eq!((make(18).points, make(18).shapes), (0, 1));
    assert!(matches!(
        features(&make(18).bytes, "things")[0].geometry,
        Seen::Rings(_)
    ));
}

#[test]
fn a_tile_never_passes_its_limit_and_says_what_it_left_out() {
    let wave = |at: f64| -> Vec<Position> {
        let steps = 0..4_000_u32;
        let point = |step: u32| {
            let across = f64::from(step) / 4_000.0 * 0.02;
            Position::new(10.0 + across, 50.0 + at + f64::from(step % 2) * 0.002)
        };
        steps.map(point).collect()
    };
    let lines: Vec<Geometry> = (0..60_u8)
        .map(|line| Geometry::line(wave(f64::from(line) * 1e-4)).unwrap())
        .collect();
    let names = ids(60);
    let long = "ж".repeat(5_000);
    let things = names.iter().zip(&lines).map(|(id, line)| Thing {
        place: Place::Shape(line),
        names: Names {
            plain: Some(&long),
            ..Names::default()
        },
        ..thing(id, Place::Point([0.0; 2]))
    });
    let made = tile(Tile::at(14, 10.01, 50.003), things, &Clusters::default());
    assert!(made.bytes.len() <= BYTES_MAX, "{}", made.bytes.len());
    assert!(made.shapes > 0 && made.left_out > 0 && made.shapes + made.left_out == 60);
    assert_eq!(features(&made.bytes, "things").len(), made.shapes);

    let huge: Vec<String> = (0..1_900)
        .map(|number| format!("urn:{number}:{}", "x".repeat(4_000)))
        .collect();
    let points = huge.iter().zip(0_u16..).map(|(id, number)| {
        thing(
            id,
            Place::Point([
                10.0 + f64::from(number) * 1e-5,
                50.0 + f64::from(number % 100) * 1e-4,
            ]),
        )
    });
    let clusters = Clusters {
        cells: 64,
        ..Clusters::default()
    };
    let made = tile(Tile::at(14, 10.01, 50.003), points, &clusters);
    assert!(made.bytes.len() <= BYTES_MAX, "{}", made.bytes.len());
    let shown = features(&made.bytes, "things");
    let sum: u64 = shown
        .iter()
        .map(|feature| feature.whole("n").unwrap_or(1))
        .sum();
    assert_eq!(sum, made.points as u64);
}

#[test]
fn severities_are_ordered_and_have_words() {
    assert!(Severity::Critical > Severity::Warning && Severity::Warning > Severity::Notice);
    assert_eq!(Severity::parse("warning"), Some(Severity::Warning));
    assert_eq!(Severity::parse("bad"), None);
}

/// All tiles of a zoom that hold one of the places.
fn tiles(places: &[[f64; 2]], zoom: u8) -> BTreeSet<Tile> {
    places
        .iter()
        .map(|[lon, lat]| Tile::at(zoom, *lon, *lat))
        .collect()
}

fn anywhere() -> impl Strategy<Value = [f64; 2]> {
    prop_oneof![
        4 => [60.0..60.5_f64, 40.0..40.5_f64],
        1 => [-180.0..=180.0_f64, -90.0..=90.0_f64],
        1 => Just([180.0, 90.0]),
    ]
}

fn places() -> impl Strategy<Value = Vec<[f64; 2]>> {
    prop::collection::vec(anywhere(), 1..80)
}

proptest! {
    #[test]
    fn every_point_is_counted_once_at_every_zoom(
        places in places(), zoom in 0..=22_u8, below_zoom in 0..=22_u8, singles_max in 0..20_usize, cells in 0..=200_u16,
    ) {
        let ids = ids(places.len());
        let things = ids.iter().zip(&places).map(|(id, place)| thing(id, Place::Point(*place)));
        let clusters = Clusters { below_zoom, singles_max, cells };
        let mut sum = 0;
        for at in tiles(&places, zoom) {
            let made = tile(at, things.clone(), &clusters);
            let shown = features(&made.bytes, "things");
            sum += shown.iter().map(|feature| feature.whole("n").unwrap_or(1)).sum::<u64>();
            for [x, y] in shown.iter().flat_map(crate::testing::Feature::spots) {
                prop_assert!((0..EXTENT).contains(&x) && (0..EXTENT).contains(&y));
            }
        }
        prop_assert_eq!(sum, places.len() as u64);
    }

    #[test]
    fn the_order_of_things_does_not_matter(places in places(), singles_max in 0..100_usize) {
        let ids = ids(places.len());
        let things: Vec<_> = ids.iter().zip(&places).map(|(id, place)| thing(id, Place::Point(*place))).collect();
        let clusters = Clusters { singles_max, ..Clusters::default() };
        let at = Tile::at(6, places[0][0], places[0][1]);
        let forward = tile(at, things.iter().copied(), &clusters);
        prop_assert_eq!(forward, tile(at, things.iter().rev().copied(), &clusters));
    }

    #[test]
    fn any_shape_stays_within_the_buffer(
        mut ring in prop::collection::vec(anywhere(), 3..60), hole in prop::collection::vec(anywhere(), 3..9),
        zoom in 0..=22_u8, line: bool,
    ) {
        let at = Tile::at(zoom, ring[0][0], ring[0][1]);
        let positions = |mut places: Vec<[f64; 2]>| {
            places.push(places[0]);
            places.into_iter().map(|[lon, lat]| Position::new(lon, lat)).collect::<Vec<_>>()
        };
        ring.dedup();
        let geometry = if line {
            Geometry::line(positions(ring))
        } else {
            Geometry::polygon(vec![positions(ring), positions(hole)])
        };
        // A ring of one place repeated is no ring; the geometry says so itself.
        let Ok(geometry) = geometry else { return Ok(()) };
        let shown = Thing { place: Place::Shape(&geometry), ..thing("urn:ngsi-ld:Zone:1", Place::Point([0.0; 2])) };
        let made = tile(at, [shown], &Clusters::default());
        let near = -BUFFER..=EXTENT + BUFFER;
        for [x, y] in features(&made.bytes, "things").iter().flat_map(crate::testing::Feature::spots) {
            prop_assert!(near.contains(&x) && near.contains(&y), "{x} {y}");
        }
    }
}
