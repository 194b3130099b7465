//! What each format becomes, as the dry run shows it, and what of a definition is refused.

use expect_test::{Expect, expect};
use feeds::{Definition, Sample};
use ingest::gtfs_rt::proto::{
    FeedEntity, FeedHeader, Position, VehicleDescriptor, VehiclePosition,
};
use prost::Message as _;

use super::kit::Node;

const SECTIONS: &str = "
[entity]
id = 'urn:x:{id}'
type = 'Parking'
[time]
column = 't'
format = 'epoch'
[[attribute]]
name = 'free'
column = 'free'
";

async fn check(source: &str, payload: impl Into<Vec<u8>>, expected: Expect) {
    let node = Node::new().await;
    let definition = Definition::parse(source).expect("a definition");
    let sample = Sample {
        topic: String::new(),
        payload: payload.into().into(),
        form: None,
    };
    let tried = node.feeds.try_out(&definition, &[sample]).await;
    let tried = tried.expect("a dry run");
    let lines = tried.iter().flat_map(|tried| {
        let entities = tried.entities.iter().map(ToString::to_string);
        entities.chain(tried.reasons.iter().map(|reason| format!("not: {reason}")))
    });
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn json_becomes_entities() {
    let source = format!("[source]\nkind = 'push'\nrecords = '/lots'\n{SECTIONS}");
    let payload = r#"{"lots":[{"id":"a","t":1767225600,"free":3},{"id":"b","t":"noon","free":3}]}"#;
    check(&source, payload, expect![[r#"
        {"id":"urn:x:a","type":"Parking","free":{"type":"Property","value":3,"observedAt":"2026-01-01T00:00:00Z"}}
        not: the time "noon" is no moment"#]]).await;
}

#[tokio::test]
async fn delimited_text_becomes_entities() {
    let source = format!("[source]\nkind = 'push'\nformat = 'csv'\n{SECTIONS}");
    check(
        &source,
        "id,t,free\na,1767225600,3\n,1767225600,3\n",
        expect![[r#"
            {"id":"urn:x:a","type":"Parking","free":{"type":"Property","value":3,"observedAt":"2026-01-01T00:00:00Z"}}
            not: id is empty: the id needs it"#]],
    )
    .await;
}

#[tokio::test]
async fn geojson_becomes_entities() {
    let source = format!(
        "[source]\nkind = 'push'\nformat = 'geojson'\n{SECTIONS}[location]\nstatic = true\n"
    );
    let payload = r#"{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[66.1,41.9]},"properties":{"t":1767225600,"free":3}}"#;
    check(&source, payload, expect![[r#"{"id":"urn:x:a","type":"Parking","free":{"type":"Property","value":3,"observedAt":"2026-01-01T00:00:00Z"},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[66.1,41.9]}}}"#]]).await;
}

/// A message of GTFS-Realtime.
#[derive(Clone, PartialEq, prost::Message)]
struct Whole {
    #[prost(message, optional, tag = "1")]
    header: Option<FeedHeader>,
    #[prost(message, repeated, tag = "2")]
    entity: Vec<FeedEntity>,
}

fn tram(id: &str, latitude: f32) -> FeedEntity {
    FeedEntity {
        id: Some(id.to_owned()),
        vehicle: Some(VehiclePosition {
            vehicle: Some(VehicleDescriptor {
                id: Some(id.to_owned()),
                ..VehicleDescriptor::default()
            }),
            position: Some(Position {
                latitude: Some(latitude),
                longitude: Some(66.1),
                ..Position::default()
            }),
            timestamp: Some(1_767_225_600),
            ..VehiclePosition::default()
        }),
        ..FeedEntity::default()
    }
}

#[tokio::test]
async fn gtfs_realtime_becomes_entities_of_its_schedule() {
    let source =
        "[source]\nkind = 'push'\nformat = 'gtfs-rt'\nschedule = 'navrud'\nsimulated = true";
    let message = Whole {
        header: Some(FeedHeader {
            gtfs_realtime_version: Some("2.0".to_owned()),
            timestamp: Some(1_767_225_600),
        }),
        entity: vec![tram("t1", 41.9), tram("t2", 91.0)],
    };
    check(source, message.encode_to_vec(), expect![[r#"
        {"id":"urn:ngsi-ld:Vehicle:navrud:t1","type":"https://smartdatamodels.org/dataModel.Transportation/Vehicle","https://smartdatamodels.org/dataModel.Transportation/category":{"type":"Property","value":["public","tracked"]},"https://smartdatamodels.org/dataModel.Transportation/fleetVehicleId":{"type":"Property","value":"t1"},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[66.1,41.9]},"observedAt":"2026-01-01T00:00:00Z"},"https://smartdatamodels.org/dataModel.Transportation/observationDateTime":{"type":"Property","value":{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}},"https://smartdatamodels.org/dataProvider":{"type":"Property","value":"navrud"},"simulated":{"type":"Property","value":true}}
        not: a vehicle at no place on Earth; left out"#]]).await;
    check(
        source,
        "no protobuf",
        expect!["not: payload: no GTFS-Realtime message: broken protocol buffer"],
    )
    .await;
}

#[tokio::test]
async fn entities_of_ngsi_ld_are_taken_as_they_are() {
    let source = "[source]\nkind = 'push'\nformat = 'ngsi'";
    let payload = r#"[{"id":"urn:x:1","type":"Room","temperature":{"type":"Property","value":20.5,"observedAt":"2026-01-01T00:00:00Z"}},
        {"id":"urn:x:2","type":"Room","temperature":{"type":"Property"}},
        {"id":"urn:x:3","type":"Room","n":1,"@context":"https://example.org/none.jsonld"}]"#;
    check(source, payload, expect![[r#"
        {"id":"urn:x:1","type":"Room","temperature":{"type":"Property","value":20.5,"observedAt":"2026-01-01T00:00:00Z"}}
        not: temperature.value: is missing; a Property needs it
        not: the @context 'https://example.org/none.jsonld' cannot be had: 'https://example.org/none.jsonld' cannot be reached: the script says nothing of it"#]]).await;
}

#[test]
fn a_definition_that_cannot_work_says_what_to_write() {
    let mut said = Vec::new();
    for source in [
        "",
        "kind = 'carrier-pigeon'",
        "kind = 'push'\ncolour = 1",
        "kind = 'push'\ntopic = 'a'",
        "kind = 'listener'",
        "kind = 'listener'\ntopic = 'a/#/b'",
        "kind = 'mqtt'\nurl = 'mqtt://host'",
        "kind = 'mqtt'\nurl = 'http://host'\ntopics = ['a']",
        "kind = 'mqtt'\nurl = 'mqtt://u:p@host'\ntopics = ['a']",
        "kind = 'poll'\nurl = 'https://host/'",
        "kind = 'poll'\nurl = 'ftp://host/'\nevery_seconds = 1",
        "kind = 'sse'\nurl = 'https://host/'\nheaders = {'a b' = 'x'}",
        "kind = 'push'\nrecords = 'a.b'",
        "kind = 'push'\nformat = 'ngsi'",
        "kind = 'push'\nexpected_every_seconds = 0",
        "kind = 'push'\ntenant = 'a/b'",
    ] {
        let text = format!("[source]\n{source}\n{SECTIONS}");
        let error = Definition::parse(&text).expect_err("no definition");
        said.push(error.to_string());
    }
    expect![[r#"
        the definition of the feed: [source]: missing field `kind`
        the definition of the feed: [source]: unknown variant `carrier-pigeon`, expected one of `listener`, `mqtt`, `push`, `poll`, `sse`
        the definition of the feed: [source]: unknown field `colour`, expected one of `kind`, `format`, `records`, `expected_every_seconds`, `simulated`, `tenant`, `enabled`, `ahead_max_seconds`, `topic`, `topics`, `url`, `version`, `client_id`, `user`, `password`, `qos`, `every_seconds`, `headers`, `events`, `schedule`
        the definition of the feed: [source] topic means nothing for kind = "push": take it out
        the definition of the feed: [source] a listener needs a topic, such as city/air/+
        the definition of the feed: [source] 'a/#/b' is no topic filter: '#' stands at the end
        the definition of the feed: [source] mqtt needs 1 to 100 topics, such as ["city/#"]
        the definition of the feed: [source] url is one such as mqtt://example.org/…
        the definition of the feed: [source] url: write user and password as keys of their own
        the definition of the feed: [source] poll needs every_seconds: how often the URL is asked
        the definition of the feed: [source] url is one such as https://example.org/…
        the definition of the feed: [source] "a b" is no name of a header
        the definition of the feed: [source] records is a JSON pointer such as /data/items
        the definition of the feed: [attribute]: payloads of this format say themselves what they are; take the section out
        the definition of the feed: [source] expected_every_seconds is at least 1
        the definition of the feed: [source] the tenant name must be 1 to 64 characters of letters, digits, '_', '-', '.' or ':'"#]].assert_eq(&said.join("\n"));
}

#[test]
fn the_definitions_of_the_guide_can_be_used() {
    let guide = include_str!("../../../../docs/guide/feeds.md");
    let blocks = guide.split("```toml\n").skip(1);
    let texts: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert_eq!(texts.len(), 5);
    for text in texts {
        let error = Definition::parse(text).err();
        assert!(error.is_none(), "{error:?}\n{text}");
    }
}
