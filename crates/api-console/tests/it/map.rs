//! The city, its layers and their tiles.

use serde_json::{Value, json};
use spatial::{Envelope, Geometry};
use tiles::Tile;

use super::node::{Node, air, thing};
use super::tile::features;

const HERE: (f64, f64) = (66.1, 41.9);

/// The path of the tile around a place.
fn tile_path(layer: &str, zoom: u8, (lon, lat): (f64, f64)) -> String {
    let tile = Tile::at(zoom, lon, lat);
    format!(
        "/console/tiles/{layer}/{}/{}/{}.mvt",
        tile.z(),
        tile.x(),
        tile.y()
    )
}

#[tokio::test]
async fn an_empty_node_says_that_it_is_empty() {
    let node = Node::new();
    node.settled().await;
    let city = node.get("/console/city").await;
    assert_eq!(city.status, 200);
    assert_eq!(city.body["empty"], json!(true));
    assert_eq!(city.body["name"], Value::Null);
    assert_eq!(city.body["bounds"], Value::Null);
    assert_eq!(node.get("/console/layers").await.body, json!([]));
    let list = node.get("/console/list").await.body;
    assert_eq!(list, json!({"items": [], "next": null, "total": 0}));
}

#[tokio::test]
async fn the_city_is_named_by_its_entity_and_bounded_by_its_shape() {
    let node = Node::new();
    let mut city = thing("City", "navrud", HERE);
    city["location"]["value"] = json!({
        "type": "Polygon",
        "coordinates": [[[66.0, 41.8], [66.2, 41.8], [66.2, 42.0], [66.0, 42.0], [66.0, 41.8]]],
    });
    city["name"] = json!({"type": "LanguageProperty",
        "languageMap": {"en": "Navrud", "ru": "Навруд", "zh": "纳夫鲁德"}});
    city["timezone"] = json!({"type": "Property", "value": "Asia/Samarkand"});
    city["simulated"] = json!({"type": "Property", "value": true});
    node.put(&[city, air("far", (10.0, 10.0), 5.0)]).await;
    let said = node.get("/console/city").await.body;
    assert_eq!(said["name"]["zh"], "纳夫鲁德");
    assert_eq!(said["bounds"], json!([66.0, 41.8, 66.2, 42.0]));
    assert_eq!(said["centre"], json!([66.1, 41.9]));
    assert_eq!(said["zone"], "Asia/Samarkand");
    assert_eq!(said["simulated"], json!(true));
    assert_eq!(
        (&said["entities"], &said["speed"]),
        (&json!(2), &json!(60.0))
    );
    assert_eq!(said["basemap"]["url"], "/console/basemap/town.pmtiles?v=1a");
    // The city is no layer of its own map.
    let layers = node.get("/console/layers").await.body;
    assert_eq!(layers.as_array().map(Vec::len), Some(1));
    node.write("DELETE", "/entities/urn:ngsi-ld:City:navrud", &Value::Null)
        .await;
    node.settled().await;
    let said = node.get("/console/city").await.body;
    assert_eq!(said["name"], Value::Null);
    assert_eq!(said["bounds"], json!([10.0, 10.0, 10.0, 10.0]));
    assert_eq!(said["zone"], "Asia/Tashkent");
}

#[tokio::test]
async fn layers_are_made_of_what_has_a_place() {
    let node = Node::new();
    let mut line = thing("GtfsShape", "1", HERE);
    line["location"]["value"] =
        json!({"type": "LineString", "coordinates": [[66.1, 41.9], [66.2, 41.95]]});
    let mut hive = thing("Beehive", "1", HERE);
    hive["bees"] = json!({"type": "Property", "value": 300, "observedAt": "2026-01-01T00:00:00Z"});
    hive["floors"] = json!({"type": "Property", "value": 3});
    node.put(&[
        air("1", HERE, 12.0),
        air("2", HERE, 30.0),
        line,
        hive,
        thing("KeyPerformanceIndicator", "1", HERE),
        json!({"id": "urn:ngsi-ld:GtfsTrip:1", "type": "GtfsTrip"}),
    ])
    .await;
    let layers = node.get("/console/layers").await.body;
    let ids: Vec<&str> = layers
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| layer["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids, ["transit-lines", "air", "Beehive"]);
    let (lines, air, bees) = (&layers[0], &layers[1], &layers[2]);
    assert_eq!(
        (&lines["geometry"], &lines["attribute"]),
        (&json!("line"), &Value::Null)
    );
    assert_eq!(air["count"], 2);
    assert_eq!(air["group"], "environment");
    assert_eq!(
        air["types"],
        json!(["https://uri.etsi.org/ngsi-ld/default-context/AirQualityObserved"])
    );
    assert_eq!(air["attribute"]["short"], "pm25");
    assert_eq!(air["attribute"]["unit"], "GQ");
    assert_eq!(air["classes"].as_array().map(Vec::len), Some(5));
    assert_eq!(air["classes"][4], json!({"max": null}));
    assert_eq!(bees["attribute"]["short"], "bees");
    assert_eq!(
        (&bees["group"], &bees["moving"]),
        (&json!("other"), &json!(false))
    );
}

#[tokio::test]
async fn a_tile_shows_what_is_there_and_changes_when_it_does() {
    let node = Node::new();
    let mut station = air("1", HERE, 12.0);
    station["name"] =
        json!({"type": "LanguageProperty", "languageMap": {"en": "Port", "ru": "Порт"}});
    station["simulated"] = json!({"type": "Property", "value": true});
    node.put(&[station, air("far", (10.0, 10.0), 5.0)]).await;
    let path = tile_path("air", 14, HERE);
    let first = node.get(&path).await;
    assert_eq!(first.status, 200);
    assert_eq!(
        first.header("content-type"),
        "application/vnd.mapbox-vector-tile"
    );
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let shown = features(&first.bytes);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["id"], "urn:ngsi-ld:AirQualityObserved:1");
    assert_eq!(
        (&shown[0]["v"], &shown[0]["c"]),
        (&json!(12.0), &json!(1.0))
    );
    assert_eq!(
        (&shown[0]["name:ru"], &shown[0]["sim"]),
        (&json!("Порт"), &json!(true))
    );
    assert!(!shown[0].contains_key("s"));

    let tag = first.header("etag").to_owned();
    let same = node.ask("GET", &path, &[("if-none-match", &tag)]).await;
    assert_eq!((same.status.as_u16(), same.bytes.len()), (304, 0));

    node.write(
        "PATCH",
        "/entities/urn:ngsi-ld:AirQualityObserved:1",
        &json!({"pm25": {"type": "Property", "value": 80, "observedAt": "2026-01-01T00:01:00Z"}}),
    )
    .await;
    node.settled().await;
    let second = node.ask("GET", &path, &[("if-none-match", &tag)]).await;
    assert_eq!(second.status, 200);
    let shown = features(&second.bytes);
    assert_eq!(
        (&shown[0]["v"], &shown[0]["c"]),
        (&json!(80.0), &json!(4.0))
    );

    let tag = second.header("etag").to_owned();
    node.script.say(&json!({"attention": [
        {"entity": "urn:ngsi-ld:AirQualityObserved:1", "severity": "warning"},
        {"entity": null, "severity": "critical",
         "params": {"entities": ["urn:ngsi-ld:AirQualityObserved:1"]}},
    ]}));
    let third = node.ask("GET", &path, &[("if-none-match", &tag)]).await;
    assert_eq!(features(&third.bytes)[0]["s"], "critical");

    node.write(
        "DELETE",
        "/entities/urn:ngsi-ld:AirQualityObserved:1",
        &Value::Null,
    )
    .await;
    node.settled().await;
    let empty = node.get(&path).await;
    assert_eq!((empty.status.as_u16(), empty.bytes.len()), (204, 0));
}

#[tokio::test]
async fn a_thing_that_loses_its_place_its_name_or_its_value_loses_it_on_the_map() {
    let node = Node::new();
    let mut station = air("1", HERE, 12.0);
    station["name"] = json!({"type": "Property", "value": "Old"});
    node.put(&[station]).await;
    let entity = "/entities/urn:ngsi-ld:AirQualityObserved:1";
    let item = async || node.get("/console/list").await.body["items"][0].clone();
    assert_eq!(item().await["names"], json!({"und": "Old"}));
    node.write(
        "PATCH",
        entity,
        &json!({"name": {"type": "Property", "value": "New"}}),
    )
    .await;
    node.settled().await;
    assert_eq!(item().await["names"], json!({"und": "New"}));
    assert_eq!(
        node.get("/console/search?q=old").await.body["items"],
        json!([])
    );
    node.write("DELETE", &format!("{entity}/attrs/pm25"), &Value::Null)
        .await;
    node.settled().await;
    assert_eq!(item().await["value"], Value::Null);
    node.write("DELETE", &format!("{entity}/attrs/location"), &Value::Null)
        .await;
    node.settled().await;
    assert_eq!(node.get("/console/list").await.body["total"], 0);
    let again = json!({"location": {"type": "GeoProperty",
        "value": {"type": "Point", "coordinates": [66.1, 41.9]}}});
    node.write("POST", &format!("{entity}/attrs"), &again).await;
    node.settled().await;
    assert_eq!(item().await["names"], json!({"und": "New"}));
}

#[tokio::test]
async fn clusters_count_every_thing_once() {
    let node = Node::new();
    let many: Vec<Value> = (0_i32..3_000)
        .map(|i| {
            let (x, y) = (f64::from(i % 60), f64::from(i / 60));
            air(
                &i.to_string(),
                (66.0 + x / 300.0, 41.8 + y / 300.0),
                f64::from(i % 90),
            )
        })
        .collect();
    for part in many.chunks(1_000) {
        node.put(part).await;
    }
    let tile = Tile::at(9, HERE.0, HERE.1);
    let mut counted = 0.0;
    for (x, y) in [
        (-1, -1),
        (0, -1),
        (1, -1),
        (-1, 0),
        (0, 0),
        (1, 0),
        (-1, 1),
        (0, 1),
        (1, 1),
    ] {
        let (x, y) = (
            tile.x().saturating_add_signed(x),
            tile.y().saturating_add_signed(y),
        );
        let path = format!("/console/tiles/air/9/{x}/{y}.mvt");
        let answer = node.get(&path).await;
        assert!(answer.bytes.len() < 1_000_000);
        for feature in features(&answer.bytes) {
            counted += feature
                .get("n")
                .map_or(1.0, |n| n.as_f64().expect("a number"));
        }
    }
    assert!((counted - 3_000.0).abs() < 0.1, "{counted}");
}

#[tokio::test]
async fn an_area_is_drawn_whole_when_near_and_as_a_point_from_afar() {
    let node = Node::new();
    let mut house = thing("Building", "1", HERE);
    let ring = [
        [66.1, 41.9],
        [66.101, 41.9],
        [66.101, 41.901],
        [66.1, 41.901],
        [66.1, 41.9],
    ];
    house["location"]["value"] = json!({"type": "Polygon", "coordinates": [ring]});
    node.put(&[house]).await;
    let middle = Geometry::from_geojson(&json!({"type": "Polygon", "coordinates": [ring]}))
        .expect("a polygon")
        .centroid();
    let at = |zoom| tile_path("buildings", zoom, (middle.lon, middle.lat));
    let near = features(&node.get(&at(16)).await.bytes);
    assert_eq!(near[0]["kind"], json!(3));
    let afar = features(&node.get(&at(5)).await.bytes);
    assert_eq!(afar[0]["kind"], json!(1));
    let layers = node.get("/console/layers").await.body;
    assert_eq!(layers[0]["geometry"], "polygon");
    let outside = Envelope {
        min_lon: 66.2,
        min_lat: 41.9,
        max_lon: 66.3,
        max_lat: 42.0,
    };
    let list = format!(
        "/console/list?bbox={},{},{},{}",
        outside.min_lon, outside.min_lat, outside.max_lon, outside.max_lat
    );
    assert_eq!(node.get(&list).await.body["total"], 0);
}

#[tokio::test]
async fn a_tile_of_the_past_has_the_values_and_places_of_then() {
    let node = Node::new();
    let bus = |minute: u32, lon: f64, speed: u32| {
        let at = format!("2026-01-01T00:{minute:02}:00Z");
        json!({"id": "urn:ngsi-ld:Vehicle:1", "type": "Vehicle",
            "location": {"type": "GeoProperty", "observedAt": at,
                "value": {"type": "Point", "coordinates": [lon, 41.9]}},
            "speed": {"type": "Property", "value": speed, "observedAt": at}})
    };
    node.put(&[bus(0, 66.1, 10), air("1", HERE, 12.0)]).await;
    node.clock.advance_seconds(600);
    node.put(&[bus(10, 66.5, 40)]).await;
    node.write(
        "PATCH",
        "/entities/urn:ngsi-ld:AirQualityObserved:1",
        &json!({"pm25": {"type": "Property", "value": 80, "observedAt": "2026-01-01T00:10:00Z"}}),
    )
    .await;
    node.settled().await;
    let tile = |layer, at| tile_path(layer, 12, at);
    let now = node.get(&tile("transit-vehicles", (66.5, 41.9))).await;
    assert_eq!(features(&now.bytes)[0]["v"], json!(40.0));
    let then = "?t=2026-01-01T00:05:00Z";
    let path = format!("{}{then}", tile("transit-vehicles", HERE));
    let shown = features(&node.get(&path).await.bytes);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["v"], json!(10.0));
    let path = format!("{}{then}", tile("transit-vehicles", (66.5, 41.9)));
    assert_eq!(node.get(&path).await.status, 204);
    let path = format!("{}{then}", tile("air", HERE));
    assert_eq!(features(&node.get(&path).await.bytes)[0]["v"], json!(12.0));
    let early = format!("{}?t=2025-12-31T23:59:00Z", tile("air", HERE));
    assert!(!features(&node.get(&early).await.bytes)[0].contains_key("v"));
}

#[tokio::test]
async fn what_is_silent_for_long_is_stale() {
    let node = Node::new();
    let say = |minute: u32| {
        let mut station = air("1", HERE, 12.0);
        station["pm25"]["observedAt"] = json!(format!("2026-01-01T00:{minute:02}:00Z"));
        station
    };
    for minute in 0..4 {
        node.put(&[say(minute)]).await;
        node.clock.advance_seconds(60);
    }
    let path = tile_path("air", 14, HERE);
    let fresh = node.get(&path).await;
    assert!(!features(&fresh.bytes)[0].contains_key("stale"));
    node.clock.advance_seconds(600);
    let tag = fresh.header("etag").to_owned();
    let old = node.ask("GET", &path, &[("if-none-match", &tag)]).await;
    assert_eq!(features(&old.bytes)[0]["stale"], json!(true));
}

#[tokio::test]
async fn what_is_no_tile_is_refused_with_a_reason() {
    let node = Node::new();
    node.put(&[air("1", HERE, 12.0)]).await;
    for (path, status) in [
        ("air/23/0/0.mvt", 400),
        ("air/1/2/0.mvt", 400),
        ("air/1/0/2.mvt", 400),
        ("air/-1/0/0.mvt", 400),
        ("air/a/0/0.mvt", 400),
        ("air/1/0/0", 400),
        ("air/1/0/0.png", 400),
        ("air/1/0/99999999999999.mvt", 400),
        ("air/1/0/0.mvt?t=yesterday", 400),
        ("air/1/0/0.mvt?x=1", 400),
        ("nothing/1/0/0.mvt", 404),
    ] {
        let answer = node.get(&format!("/console/tiles/{path}")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.body["detail"].is_string());
    }
}
