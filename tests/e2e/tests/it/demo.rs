//! The model city: what `./run` shows a stranger, from an empty folder to a moving map.

use std::io::{BufRead as _, BufReader, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use e2e::node::pause;
use e2e::{Http, Node, Options};
use serde_json::Value;

/// Steps of a tenth of a second that something may take: two minutes, for a loaded machine.
const STEPS_MAX: u32 = 1_200;

/// Asks until the answer is as wanted.
fn until(
    http: &Http,
    path: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let mut last = Value::Null;
    for _ in 0..STEPS_MAX {
        last = http.get(path)?.json().unwrap_or(Value::Null);
        if wanted(&last) {
            return Ok(last);
        }
        pause(Duration::from_millis(100));
    }
    bail!("{what} does not come about; the last answer was {last}")
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// The head of the live stream as a browser would read it: until so many changes have come.
fn changes_of_the_live_stream(http: &Http, wanted: usize) -> anyhow::Result<usize> {
    let mut stream = http.connect()?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "GET /console/live HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: text/event-stream\r\n\r\n",
        http.port
    )?;
    let mut seen = 0;
    let mut event = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut event);
        }
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        if event == "changes" {
            let changes: Vec<Value> = serde_json::from_str(data)?;
            ensure!(
                changes.iter().all(|change| change["id"].is_string()),
                "{data}"
            );
            seen += changes.len();
        }
        if seen >= wanted {
            return Ok(seen);
        }
    }
    bail!("the stream ended after {seen} changes")
}

#[test]
fn the_model_city_comes_to_life_and_lives_on_after_a_restart() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), Options::default())?;
    let http = node.http();
    let empty = http.get("/console/city")?.json()?;
    assert_eq!(empty["empty"], true, "{empty}");

    let wish = serde_json::json!({ "inhabitants": 1_000, "seed": 7 });
    assert_eq!(http.post("/console/load/model", &wish)?.status, 202);
    assert_eq!(
        http.post("/console/load/model", &wish)?.status,
        409,
        "one at a time"
    );

    let city = until(&http, "/console/city", "a whole city", |city| {
        city["basemap"].is_object() && city["loading"].is_null() && city["simulated"] == true
    })?;
    assert!(city["name"]["zh"].is_string(), "{city}");
    let second = http.post("/console/load/model", &wish)?;
    assert_eq!(second.status, 409, "one lives here: {}", second.text());
    let map = city.pointer("/basemap/url").and_then(Value::as_str);
    let range = http.clone().with("Range", "bytes=0-6");
    let head = range.get(map.context("a basemap")?)?;
    assert_eq!(
        (head.status, head.body.as_slice()),
        (206, b"PMTiles".as_slice())
    );

    let feeds = until(&http, "/feeds", "life of the feeds", |feeds| {
        let all = feeds.as_array().map_or(&[][..], Vec::as_slice);
        all.iter()
            .map(|feed| number(feed, "/health/accepted"))
            .sum::<u64>()
            > 100
    })?;
    assert!(
        feeds.as_array().is_some_and(|all| all.len() >= 5),
        "{feeds}"
    );
    changes_of_the_live_stream(&http, 20)?;
    let now = until(&http, "/console/now", "a measure", |now| {
        now["measures"]
            .as_array()
            .is_some_and(|measures| !measures.is_empty())
    })?;
    assert!(
        now["measures"].as_array().is_some_and(|all| all.len() <= 8),
        "{now}"
    );
    node.finish()?;

    let node = Node::start(place.path())?;
    let before = node.http().get("/console/city")?.json()?;
    assert_eq!(before["basemap"]["url"], city["basemap"]["url"]);
    changes_of_the_live_stream(&node.http(), 20)?;
    node.finish()
}

#[test]
fn a_city_of_ones_own_is_loaded_from_the_first_page() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    let http = node.http();
    let osm = br#"<osm version="0.6">
      <node id="1" lat="41.30" lon="69.20"/><node id="2" lat="41.31" lon="69.21"/>
      <node id="3" lat="41.32" lon="69.20"/>
      <way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/>
        <tag k="highway" v="primary"/><tag k="name" v="Navoiy"/></way></osm>"#;
    let body = Some(("application/octet-stream", osm.as_slice()));
    let refused = http.send("POST", "/console/load/osm", body)?;
    assert_eq!(refused.status, 400, "it has no name: {}", refused.text());
    let empty = http.send(
        "POST",
        "/console/load/osm?name=a.osm",
        Some(("text/xml", b"")),
    )?;
    assert_eq!(empty.status, 400, "{}", empty.text());
    // An upload that breaks off leaves the place free for the next.
    let mut broken = http.connect()?;
    broken.write_all(
        b"POST /console/load/osm?name=a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n<osm",
    )?;
    until(&http, "/console/city", "an upload", |city| {
        city["loading"].is_object()
    })?;
    drop(broken);
    until(&http, "/console/city", "its end", |city| {
        city["loading"].is_null()
    })?;
    let taken = http.send("POST", "/console/load/osm?name=../old.town.osm", body)?;
    assert_eq!(taken.status, 202, "{}", taken.text());
    let city = until(&http, "/console/city", "a map", |city| {
        city["basemap"].is_object() && city["loading"].is_null()
    })?;
    assert_eq!(city["simulated"], false);
    assert!(number(&city, "/entities") > 0, "{city}");
    node.finish()
}
