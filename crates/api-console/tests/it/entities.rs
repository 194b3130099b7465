//! One entity, its history, the list and the search.

use serde_json::{Value, json};

use super::node::{Node, air, thing};

const HERE: (f64, f64) = (66.1, 41.9);
const PM25: &str = "https://uri.etsi.org/ngsi-ld/default-context/pm25";

#[tokio::test]
async fn an_entity_shows_its_attributes_its_relations_and_what_needs_attention() {
    let node = Node::new();
    let mut station = air("1", HERE, 12.0);
    station["name"] = json!({"type": "LanguageProperty", "languageMap": {"en": "Port"}});
    station["motto"] = json!({"type": "LanguageProperty", "languageMap": {"ru": "Дыши"}});
    station["inside"] = json!({"type": "Relationship", "object": "urn:ngsi-ld:District:1"});
    node.put(&[station]).await;
    let item = json!({"id": "x", "severity": "warning",
        "entity": "urn:ngsi-ld:AirQualityObserved:1"});
    node.script.say(&json!({"attention": [item]}));
    node.clock.advance_seconds(90);
    let said = node
        .get("/console/entities/urn:ngsi-ld:AirQualityObserved:1")
        .await;
    assert_eq!(said.status, 200);
    let said = said.body;
    assert_eq!(
        (&said["short"], &said["layer"]),
        (&json!("AirQualityObserved"), &json!("air"))
    );
    assert_eq!(said["names"], json!({"en": "Port"}));
    assert_eq!(said["location"]["coordinates"], json!([66.1, 41.9]));
    assert_eq!(said["simulated"], json!(false));
    assert_eq!(said["attention"], json!([item]));
    let pm25 = &said["attributes"][0];
    assert_eq!(pm25["iri"], PM25);
    assert_eq!(
        (&pm25["value"], &pm25["unit"]),
        (&json!(12.0), &json!("GQ"))
    );
    assert_eq!(
        (&pm25["ageSeconds"], &pm25["chartable"]),
        (&json!(90), &json!(true))
    );
    assert_eq!(pm25["usual"], json!({"low": 1.0, "mid": 2.0, "high": 3.0}));
    let motto = &said["attributes"][1];
    assert_eq!(
        (&motto["languages"], &motto["usual"]),
        (&json!({"ru": "Дыши"}), &Value::Null)
    );
    assert_eq!(said["attributes"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        said["relations"][0]["objects"],
        json!(["urn:ngsi-ld:District:1"])
    );
    assert_eq!(node.get("/console/entities/urn:none").await.status, 404);
}

#[tokio::test]
async fn a_series_keeps_its_peaks_and_its_gaps() {
    let node = Node::new();
    node.put(&[air("1", HERE, 0.0)]).await;
    // A value a minute, two hours missing, and one peak.
    let values: Vec<Value> = (0_i64..600)
        .filter(|minute| !(200..320).contains(minute))
        .map(|minute| {
            let at = base::Time::from_seconds(1_767_225_600 + minute * 60);
            let value = if minute == 444 { 999 } else { minute % 7 };
            json!({"type": "Property", "value": value, "unitCode": "GQ",
                "observedAt": at.to_string()})
        })
        .collect();
    let path = "/temporal/entities/urn:ngsi-ld:AirQualityObserved:1/attrs";
    node.write("POST", path, &json!({ "pm25": values })).await;
    node.clock.advance_seconds(600 * 60);
    let path = "/console/entities/urn:ngsi-ld:AirQualityObserved:1/series";
    let asked = format!("{path}?attribute={PM25}&points=100");
    let answer = node.get(&asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = answer.body;
    let points = said["points"].as_array().expect("points");
    assert!(points.len() <= 110, "{}", points.len());
    assert_eq!(said["raw"], 480);
    assert!(
        points.iter().any(|point| point[1] == json!(999.0)),
        "{points:?}"
    );
    assert!(points.iter().any(|point| point[1].is_null()));
    assert_eq!(
        (&said["unit"], &said["simulated"]),
        (&json!("GQ"), &json!(false))
    );
    assert_eq!(said["usual"][0][1], json!(1.0));
    let part = format!("{asked}&from=2026-01-01T00:00:00Z&to=2026-01-01T00:09:00Z");
    assert_eq!(node.get(&part).await.body["raw"], 10);
    let short = format!("{path}?attribute=pm25");
    assert_eq!(node.get(&short).await.body["attribute"], PM25);
    for wrong in [
        "",
        "?attribute=a&from=tomorrow",
        "?attribute=a&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "?attribute=a&points=0",
        "?attribute=a&points=1000000",
    ] {
        assert_eq!(
            node.get(&format!("{path}{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
    let unknown = format!("/console/entities/urn:none/series?attribute={PM25}");
    assert_eq!(node.get(&unknown).await.status, 404);
}

#[tokio::test]
async fn the_list_gives_everything_once_page_by_page() {
    let node = Node::new();
    let mut all: Vec<Value> = (0_u32..25)
        .map(|i| air(&format!("{i:02}"), (66.0 + f64::from(i) / 100.0, 41.9), 5.0))
        .collect();
    all.push(thing("Bench", "1", HERE));
    node.put(&all).await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = node
            .get(&format!("/console/list?layer=air&limit=10{after}"))
            .await
            .body;
        assert_eq!(page["total"], 25);
        for item in page["items"].as_array().expect("items") {
            seen.push(item["id"].as_str().expect("an id").to_owned());
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..25)
        .map(|i| format!("urn:ngsi-ld:AirQualityObserved:{i:02}"))
        .collect();
    assert_eq!(seen, expected);
    let count = async |asked: &str| {
        let body = node.get(&format!("/console/list?{asked}")).await.body;
        body["total"].clone()
    };
    assert_eq!(count("").await, 26);
    assert_eq!(count("bbox=66.005,41.8,66.035,42.0").await, 3);
    assert_eq!(count("q=Bench").await, 1);
    assert_eq!(count("q=Bench&layer=air").await, 0);
    for wrong in ["limit=0", "limit=5000", "bbox=1,2,3", "layer=none", "x=1"] {
        let status = node.get(&format!("/console/list?{wrong}")).await.status;
        assert!(status.is_client_error(), "{wrong}");
    }
}

#[tokio::test]
async fn the_search_finds_names_in_three_languages_and_in_other_letters() {
    let node = Node::new();
    let mut port = thing("Berth", "7", HERE);
    port["name"] = json!({"type": "LanguageProperty",
        "languageMap": {"en": "River port", "ru": "Речной порт", "zh": "内河港"}});
    let mut metro = thing("GtfsStation", "x", HERE);
    metro["name"] = json!({"type": "Property", "value": "Чорсу"});
    node.put(&[port, metro]).await;
    let first = async |asked: &str| {
        let found = node
            .get(&format!("/console/search?q={asked}&lang=ru"))
            .await;
        assert_eq!(found.status, 200, "{asked}");
        found.body["items"][0]["id"].clone()
    };
    for asked in [
        "river",
        "port",
        "%D0%A0%D0%95%D0%A7",
        "%E6%B2%B3%E6%B8%AF",
        "rechnoy",
        "Berth:7",
    ] {
        assert_eq!(first(asked).await, "urn:ngsi-ld:Berth:7", "{asked}");
    }
    assert_eq!(first("chorsu").await, "urn:ngsi-ld:GtfsStation:x");
    assert_eq!(
        first("urn:ngsi-ld:GtfsStation:x").await,
        "urn:ngsi-ld:GtfsStation:x"
    );
    assert_eq!(first("nowhere").await, Value::Null);
    let at = node.get("/console/search?q=41.3,%2069.2").await.body;
    assert_eq!(at["items"][0]["kind"], "coordinates");
    assert_eq!(at["items"][0]["location"], json!([69.2, 41.3]));
    assert_eq!(node.get("/console/search").await.status, 400);
    let long = format!("/console/search?q={}", "a".repeat(300));
    assert_eq!(node.get(&long).await.status, 400);
}

#[tokio::test]
async fn an_entity_without_a_place_is_found_by_its_id() {
    let node = Node::new();
    node.put(&[json!({"id": "urn:ngsi-ld:GtfsTrip:9", "type": "GtfsTrip"})])
        .await;
    let found = node
        .get("/console/search?q=urn:ngsi-ld:GtfsTrip:9")
        .await
        .body;
    assert_eq!(found["items"][0]["short"], "GtfsTrip");
    assert_eq!(found["items"][0]["location"], Value::Null);
}
