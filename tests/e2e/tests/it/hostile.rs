//! Bad input, from the careless to the hostile: a clear problem each time, no crash, nothing
//! written.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use e2e::http::read_answer;
use e2e::node::pause;
use e2e::{Answer, Node, Options};
use serde_json::{Value, json};

use super::bench;

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";

/// A node that is asked in bad ways, and must stay as it is.
struct Sufferer {
    node: Node,
    _place: tempfile::TempDir,
}

impl Sufferer {
    fn new(flags: &[&str]) -> anyhow::Result<Self> {
        let place = tempfile::tempdir()?;
        let node = Node::start_with(
            place.path(),
            Options {
                flags,
                ..Options::default()
            },
        )?;
        assert_eq!(node.http().post(ENTITIES, &bench(1, 3))?.status, 201);
        Ok(Self {
            node,
            _place: place,
        })
    }

    fn refuses_body(&self, what: &str, body: &[u8], statuses: &[u16]) -> anyhow::Result<()> {
        for (method, path) in [
            ("POST", ENTITIES),
            ("POST", UPSERT),
            ("PATCH", "/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:1/attrs"),
        ] {
            let answer = self
                .node
                .http()
                .send(method, path, Some(("application/json", body)))?;
            refuses(&format!("{what} to {path}"), &answer, statuses);
        }
        Ok(())
    }

    /// Nothing was written, the node answers, and its log is clean.
    fn end_unharmed(self) -> anyhow::Result<()> {
        let http = self.node.http();
        assert_eq!(
            http.get("/ready")?.json()?["head"],
            1,
            "something was written"
        );
        let entity = http.get("/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:1")?;
        assert_eq!(entity.json()?["seats"]["value"], 3);
        self.node.finish()
    }
}

/// The answer is a problem of one of these statuses, and says what to do about it.
fn refuses(what: &str, answer: &Answer, statuses: &[u16]) {
    assert!(
        statuses.contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    let problem = answer
        .json()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    for member in ["type", "title", "detail"] {
        let text = problem[member].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{what}: no {member} in {problem}");
    }
    assert_eq!(problem["status"], answer.status, "{what}: {problem}");
    assert!(
        answer.body.len() < 4_096,
        "{what}: a problem of {} bytes",
        answer.body.len()
    );
}

#[test]
fn malformed_json_is_refused() -> anyhow::Result<()> {
    let node = Sufferer::new(&[])?;
    let bodies: [&[u8]; 14] = [
        b"",
        b" ",
        b"{",
        b"[",
        b"{]",
        b"nul",
        b"{\"id\":}",
        b"{\"id\":\"urn:a\",}",
        b"{'id': 1}",
        b"{\"id\": NaN}",
        b"{\"a\":1}{\"b\":2}",
        b"\xff\xfe{\0",
        b"{\"id\": \"\xff\"}",
        b"\0",
    ];
    for body in bodies {
        node.refuses_body(&String::from_utf8_lossy(body), body, &[400])?;
    }
    node.end_unharmed()
}

#[test]
fn wrong_types_are_refused() -> anyhow::Result<()> {
    let node = Sufferer::new(&[])?;
    let with = |name: &str, value: Value| {
        let mut entity = bench(2, 3);
        entity[name] = value;
        entity
    };
    let geo = |value: Value| with("location", json!({ "type": "GeoProperty", "value": value }));
    let entities = [
        json!([]),
        json!("x"),
        json!(1),
        json!(null),
        json!(true),
        json!({}),
        with("id", json!(7)),
        with("id", json!("no uri")),
        with("id", json!("")),
        with("id", json!(["urn:a"])),
        with("type", json!(7)),
        with("type", json!([])),
        with("type", json!("")),
        with("type", json!({})),
        with("seats", json!({ "type": "Property" })),
        with("seats", json!({ "type": "Property", "value": null })),
        with("seats", json!({ "type": "Nonsense", "value": 1 })),
        with("seats", json!({ "type": "Relationship", "object": 7 })),
        with(
            "seats",
            json!({ "type": "Relationship", "object": "no uri" }),
        ),
        with(
            "seats",
            json!({ "type": "Property", "value": 1, "observedAt": "yesterday" }),
        ),
        with(
            "seats",
            json!({ "type": "Property", "value": 1, "unitCode": 7 }),
        ),
        with(
            "seats",
            json!({ "type": "Property", "value": 1, "datasetId": 7 }),
        ),
        with(
            "seats",
            json!({ "type": "LanguageProperty", "languageMap": "x" }),
        ),
        with("seats", json!({ "type": "VocabProperty", "vocab": 7 })),
        with("seats", json!({ "type": "ListProperty", "valueList": 7 })),
        with("scope", json!(7)),
        with("expiresAt", json!("tomorrow")),
        geo(json!("x")),
        geo(json!({ "type": "Point" })),
        geo(json!({ "type": "Point", "coordinates": ["a", "b"] })),
        geo(json!({ "type": "Point", "coordinates": [1] })),
        geo(json!({ "type": "Point", "coordinates": [1000, 1000] })),
        geo(json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 1]]] })),
        geo(json!({ "type": "Sphere", "coordinates": [1, 2] })),
    ];
    for entity in entities {
        let answer = node.node.http().post(ENTITIES, &entity)?;
        refuses(&entity.to_string(), &answer, &[400]);
        // In a batch the wrong one is said; being alone, nothing is done.
        let answer = node.node.http().post(UPSERT, &json!([entity]))?;
        assert!(
            matches!(answer.status, 207 | 400),
            "{entity}: {} {}",
            answer.status,
            answer.text()
        );
    }
    node.end_unharmed()
}

#[test]
fn bodies_that_are_too_large_are_refused() -> anyhow::Result<()> {
    let node = Sufferer::new(&[])?;
    let mut large = vec![b' '; 10 * 1024 * 1024 + 1];
    node.refuses_body("11 MB of spaces", &large, &[413])?;
    large.truncate(10 * 1024 * 1024);
    node.refuses_body("10 MB of spaces", &large, &[400])?;
    let mut entity = bench(2, 3);
    entity["seats"]["value"] = "x".repeat(9 * 1024 * 1024).into();
    let answer = node.node.http().post(ENTITIES, &entity)?;
    refuses("an entity of 9 MB", &answer, &[400, 403, 413]);
    let many: Vec<Value> = (0..10_001)
        .map(|id| json!({ "id": format!("urn:x:{id}"), "type": "T" }))
        .collect();
    let answer = node.node.http().post(UPSERT, &json!(many))?;
    refuses("10,001 entities", &answer, &[400, 403, 413]);
    let mut wide = bench(2, 3);
    for number in 0..2_001 {
        wide[format!("a{number}")] = json!({ "type": "Property", "value": 1 });
    }
    let answer = node.node.http().post(ENTITIES, &wide)?;
    refuses("2,001 attributes", &answer, &[400, 403]);
    node.end_unharmed()
}

#[test]
fn deep_nesting_is_refused() -> anyhow::Result<()> {
    let node = Sufferer::new(&[])?;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [100, 10_000, 1_000_000] {
            let middle = if open == "[" { "" } else { "1" };
            let body = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            node.refuses_body(&format!("{depth} times {open}"), body.as_bytes(), &[400])?;
            let unclosed = open.repeat(depth);
            node.refuses_body(&format!("{depth} open {open}"), unclosed.as_bytes(), &[400])?;
        }
    }
    let mut attribute = json!({ "type": "Property", "value": 1 });
    for _ in 0..30 {
        attribute = json!({ "type": "Property", "value": 1, "sub": attribute });
    }
    let mut entity = bench(2, 3);
    entity["deep"] = attribute;
    let answer = node.node.http().post(ENTITIES, &entity)?;
    refuses("30 levels of sub-attributes", &answer, &[400, 403]);
    node.end_unharmed()
}

#[test]
fn hostile_contexts_are_refused_and_nobody_is_called() -> anyhow::Result<()> {
    let trap = TcpListener::bind("127.0.0.1:0")?;
    trap.set_nonblocking(true)?;
    let port = trap.local_addr()?.port();
    let node = Sufferer::new(&[])?;
    let long = format!("https://e.example/{}", "x".repeat(100_000));
    let contexts = [
        json!(format!("http://127.0.0.1:{port}/context.jsonld")),
        json!(format!("http://localhost:{port}/context.jsonld")),
        json!(format!("http://[::1]:{port}/")),
        json!(format!("http://[::ffff:127.0.0.1]:{port}/")),
        json!(format!("http://0.0.0.0:{port}/")),
        json!(format!("http://2130706433:{port}/")),
        json!(format!("http://user:pass@127.0.0.1:{port}/")),
        json!(format!(
            "http://127.0.0.1:{}/ngsi-ld/v1/types",
            node.node.port()
        )),
        json!("http://169.254.169.254/latest/meta-data/"),
        json!("http://10.0.0.1/"),
        json!("file:///etc/passwd"),
        json!("gopher://127.0.0.1:70/"),
        json!("javascript:alert(1)"),
        json!("not a url"),
        json!(""),
        json!(long),
        json!(7),
        json!([[[["http://127.0.0.1/"]]]]),
        json!({ "@import": format!("http://127.0.0.1:{port}/") }),
        json!({ "a": { "@id": "a", "@context": format!("http://127.0.0.1:{port}/") } }),
        json!({ "a": "b", "b": "a:x" , "c": { "@id": 7 } }),
        json!({ "@vocab": 7 }),
    ];
    for context in contexts {
        let mut entity = bench(2, 3);
        entity["@context"] = context.clone();
        let answer = node.node.http().post(ENTITIES, &entity)?;
        let shown: String = context.to_string().chars().take(80).collect();
        refuses(&shown, &answer, &[400, 403, 422, 503, 504]);
        if let Some(url) = context
            .as_str()
            .filter(|url| url.starts_with("http") && url.len() < 1_000)
        {
            let link = format!(
                "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
            );
            let answer = node
                .node
                .http()
                .with("Link", &link)
                .get("/ngsi-ld/v1/entities?type=Bench")?;
            refuses(
                &format!("Link {shown}"),
                &answer,
                &[400, 403, 422, 503, 504],
            );
        }
    }
    let called = trap.accept().map(|(_, peer)| peer);
    assert!(called.is_err(), "the node called {called:?}");
    node.end_unharmed()
}

#[test]
fn slow_clients_do_not_keep_the_node_from_others() -> anyhow::Result<()> {
    let node = Sufferer::new(&["--request-seconds", "1", "--connections", "64"])?;
    let http = node.node.http();
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut head = http.connect()?;
        head.write_all(b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: local")?;
        let mut body = http.connect()?;
        body.write_all(b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")?;
        slow.push((head, body));
    }
    for _ in 0..10 {
        assert_eq!(http.get("/ngsi-ld/v1/types")?.status, 200);
    }
    for (_, body) in &mut slow {
        let answer = read_answer(body)?;
        refuses("a slow body", &answer, &[408]);
    }
    // A body that breaks off.
    let mut broken = http.connect()?;
    broken.write_all(b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")?;
    drop(broken);
    drop(slow);
    pause(Duration::from_millis(50));
    node.end_unharmed()
}

#[test]
fn heads_that_are_too_large_or_no_http_are_refused() -> anyhow::Result<()> {
    let node = Sufferer::new(&[])?;
    let http = node.node.http();
    let answer = http
        .clone()
        .with("X-Large", &"x".repeat(200_000))
        .get("/ngsi-ld/v1/types")?;
    assert_eq!(answer.status, 431);
    let mut many = http.clone();
    for number in 0..1_000 {
        many = many.with(&format!("X-{number}"), "x");
    }
    assert_eq!(many.get("/ngsi-ld/v1/types")?.status, 431);
    let long = format!("/ngsi-ld/v1/entities?q={}", "a".repeat(60_000));
    let answer = http.get(&long)?;
    refuses("a long query", &answer, &[400, 414]);
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Header: 1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
    ] {
        let mut stream = http.connect()?;
        stream.write_all(bytes)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        // No HTTP: either it is told so, or the connection ends.
        let answer = read_answer(&mut stream);
        assert!(answer.as_ref().map_or(true, |answer| answer.status == 400), "{answer:?}");
    }
    let chunked = b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let answer = http.send_raw(chunked)?;
    assert_eq!(answer.status, 411);
    node.end_unharmed()
}

#[test]
fn paths_that_play_tricks_are_refused() -> anyhow::Result<()> {
    let node = Sufferer::new(&[])?;
    let long = format!("/ngsi-ld/v1/entities/urn:{}", "x".repeat(5_000));
    for path in [
        "/ngsi-ld/v1/entities/%FF%FE",
        "/ngsi-ld/v1/entities/..%2f..%2fetc%2fpasswd",
        "/ngsi-ld/v1/../../etc/passwd",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/ngsi-ld/v1/entities/%00",
        "/ngsi-ld/v1/entities/no-uri",
        "/ngsi-ld/v1//entities//",
        "/ngsi-ld/v1/jsonldContexts/..%2f..%2fformat",
        "//evil.example/",
        "/ngsi-ld/v2/entities",
        "/admin/tokens/%FF",
        long.as_str(),
    ] {
        let answer = node.node.http().get(path)?;
        refuses(path, &answer, &[400, 404, 405]);
        let answer = node.node.http().delete(path)?;
        refuses(path, &answer, &[400, 404, 405]);
    }
    node.end_unharmed()
}

#[test]
fn questions_that_cost_too_much_or_mean_nothing_are_refused() -> anyhow::Result<()> {
    let node = Sufferer::new(&[])?;
    let deep = format!("q={}a==1{}", "(".repeat(1_000), ")".repeat(1_000));
    let wide = format!("q={}", vec!["a==1"; 2_000].join(";"));
    let regex = format!("idPattern=({}){{1000}}", "a?".repeat(100));
    for query in [
        "nonsense=1",
        "limit=-1",
        "limit=100000",
        "limit=x",
        "limit=0",
        "offset=-1",
        "count=maybe",
        "type=Bench&type=Bench",
        "q=%FF",
        "q=",
        "q=a==",
        "q===1",
        "q=(a==1",
        "q=a==%22open",
        "idPattern=(",
        "idPattern=%5B",
        "georel=near;maxDistance==500",
        "georel=near&geometry=Point&coordinates=%5B1,2%5D",
        "georel=near;maxDistance==x&geometry=Point&coordinates=%5B1,2%5D",
        "georel=within&geometry=Point&coordinates=%5B1,%22a%22%5D",
        "georel=within&geometry=Cube&coordinates=%5B1,2%5D",
        "scopeQ=%2F%2F",
        "options=fast",
        "format=xml",
        "orderBy=",
        "id=no-uri",
        "join=sideways&joinLevel=x",
        "pick=a&attrs=b",
        deep.as_str(),
        wide.as_str(),
        regex.as_str(),
    ] {
        let path = if query.starts_with("type=") {
            query.to_owned()
        } else {
            format!("type=Bench&{query}")
        };
        let answer = node.node.http().get(&format!("{ENTITIES}?{path}"))?;
        let shown: String = query.chars().take(60).collect();
        refuses(&shown, &answer, &[400, 403]);
    }
    let answer = node
        .node
        .http()
        .with("NGSILD-Tenant", "../../etc")
        .get("/ngsi-ld/v1/types")?;
    refuses("a tenant that is a path", &answer, &[400]);
    let answer = node
        .node
        .http()
        .with("Accept", "text/html")
        .get("/ngsi-ld/v1/types")?;
    refuses("a type that is not there", &answer, &[406]);
    let answer = node
        .node
        .http()
        .send("POST", ENTITIES, Some(("text/plain", b"{}")))?;
    refuses("a body that is no JSON by its name", &answer, &[415]);
    let answer = node.node.http().send("TRACE", ENTITIES, None)?;
    refuses("an unknown method", &answer, &[405]);
    node.end_unharmed()
}
