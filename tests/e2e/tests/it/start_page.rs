//! The start page, as a browser without scripts sees it.

use e2e::{Node, Options};

use super::bench;

#[test]
fn the_page_says_what_is_there_in_three_languages() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    let http = node.http();
    assert!(http.get("/start")?.text().contains("Nothing is here yet"));
    http.post("/ngsi-ld/v1/entities", &bench(1, 3))?;
    http.post("/ngsi-ld/v1/entities", &bench(2, 3))?;
    for (language, headline) in [
        ("en", "2 entities of 1 type"),
        ("ru-RU,ru;q=0.9", "2 сущности, 1 тип"),
        ("zh-CN", "1 种类型，2 个实体"),
    ] {
        let answer = http
            .clone()
            .with("Accept-Language", language)
            .get("/start")?;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(headline), "{}", answer.text());
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'"), "{policy}");
    }
    for asset in ["/start.css", "/start.js", "/favicon.svg"] {
        assert_eq!(http.get(asset)?.status, 200, "{asset}");
    }
    node.finish()
}

#[test]
fn the_lines_that_the_page_shows_work() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    let http = node.http();
    let mut entity = bench(1, 3);
    entity["location"] = serde_json::json!({
        "type": "GeoProperty", "value": { "type": "Point", "coordinates": [23.9, 54.9] }
    });
    entity["type"] = "https://example.org/Bench".into();
    assert_eq!(http.post("/ngsi-ld/v1/entities", &entity)?.status, 201);
    let page = http.get("/start")?.text();
    let mut asked = 0;
    for line in page
        .split("<code>")
        .skip(1)
        .filter_map(|rest| rest.split("</code>").next())
    {
        let line = line
            .replace("&#39;", "'")
            .replace("&amp;", "&")
            .replace("&quot;", "\"");
        let path = line
            .split(&format!(":{}", node.port()))
            .nth(1)
            .unwrap_or_default();
        let answer = http.get(path.trim_end_matches('\''))?;
        assert_eq!(answer.status, 200, "{line}: {}", answer.text());
        let found =
            answer.text().contains("Bench") || answer.header("ngsild-results-count") == Some("1");
        assert!(found, "{line}: {}", answer.text());
        asked += 1;
    }
    assert_eq!(asked, 6);
    node.finish()
}

#[test]
fn a_closed_node_shows_a_token_field_and_nothing_of_the_city() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(
        place.path(),
        Options {
            open: false,
            ..Options::default()
        },
    )?;
    let page = node.http().get("/start")?.text();
    assert!(
        page.contains("id=\"token-form\"") && !page.contains("id=\"types\""),
        "{page}"
    );
    let refused = node
        .http()
        .with_token("chorsu_nonsense")
        .get("/start?part=city")?
        .text();
    assert!(refused.contains("role=\"alert\""), "{refused}");
    node.finish()
}
