//! Tables and batches as a client meets them.

use futures_util::future::join_all;
use lake::records::Format;
use serde_json::{Value, json};

use super::kit::{ALL, Node, csv, taps};

fn none() -> (&'static str, Vec<u8>) {
    ("text/plain", Vec::new())
}

fn body(definition: &Value) -> (&'static str, Vec<u8>) {
    ("application/json", definition.to_string().into_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_lives_its_life_over_http() {
    let node = Node::new().await;
    let path = "/records/taps";
    let (status, ..) = node.ask(("GET", path), "read", none()).await;
    assert_eq!(status, 404);
    for rights in ["read", "write", "read,write,history"] {
        let (status, ..) = node.ask(("PUT", path), rights, body(&taps())).await;
        assert_eq!(status, 403, "{rights}");
    }
    let (status, ..) = node.ask(("PUT", path), "administer", body(&taps())).await;
    assert_eq!(status, 201);
    let (status, ..) = node.ask(("PUT", path), "administer", body(&taps())).await;
    assert_eq!(status, 204);
    let batch = csv(&[(0, "a", "1.5"), (1, "b", ""), (1_440, "c", "2")]);
    let (status, said) = node.bring("taps", "1", batch).await;
    assert_eq!((status, &said["rows"]), (201, &json!(3)), "{said}");
    let (_, said, _) = node.ask(("GET", path), "read", none()).await;
    let said: Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!((&said["rows"], &said["files"]), (&json!(3), &json!(2)));
    assert_eq!(said["last"], "2026-03-02T00:00:00Z");
    assert_eq!(
        node.rows("taps").await,
        [
            json!({"time": "2026-03-01T00:00:00Z", "stop": "a", "fare": 1.5}),
            json!({"time": "2026-03-01T00:01:00Z", "stop": "b", "fare": null}),
            json!({"time": "2026-03-02T00:00:00Z", "stop": "c", "fare": 2.0}),
        ]
    );
    let node = node.restarted().await;
    assert_eq!(node.rows("taps").await.len(), 3);
    let (status, ..) = node.ask(("DELETE", path), "read,write", none()).await;
    assert_eq!(status, 403);
    let (status, ..) = node.ask(("DELETE", path), "administer", none()).await;
    assert_eq!(status, 204);
    let (status, ..) = node.ask(("GET", path), "read", none()).await;
    assert_eq!(status, 404);
    let node = node.restarted().await;
    assert_eq!(node.files(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_counts_once_whoever_sends_it_again() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let batch = csv(&[(0, "a", "1")]);
    assert_eq!(node.bring("taps", "x", batch.clone()).await.0, 201);
    let (status, said) = node.bring("taps", "x", batch.clone()).await;
    assert_eq!((status, &said["repeated"]), (200, &json!(true)));
    let (status, said) = node.bring("taps", "x", csv(&[(0, "b", "1")])).await;
    assert_eq!(status, 409, "{said}");
    let node = node.restarted().await;
    assert_eq!(node.bring("taps", "x", batch.clone()).await.0, 200);
    assert_eq!(node.rows("taps").await.len(), 1);
    let (status, said, _) = node
        .ask(("GET", "/records/taps/batches/x"), "read", none())
        .await;
    let said: Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!((status.as_u16(), &said["rows"]), (200, &json!(1)));
    let (status, ..) = node
        .ask(("GET", "/records/taps/batches/y"), "read", none())
        .await;
    assert_eq!(status, 404);
    // A table that is made anew knows nothing of the batches of the old one.
    node.ask(("DELETE", "/records/taps"), ALL, none()).await;
    node.declare("taps", &taps()).await;
    assert_eq!(node.rows("taps").await.len(), 0);
    assert_eq!(node.bring("taps", "x", batch).await.0, 201);
    assert_eq!(node.rows("taps").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_do_not_see_each_others_tables() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    node.bring("taps", "1", csv(&[(0, "a", "1")])).await;
    let path = ("GET", "/records/taps/rows");
    let (status, ..) = node.ask_as("north", path, "read", none()).await;
    assert_eq!(status, 404);
    let (status, ..) = node
        .ask_as("north", ("GET", "/records"), "read", none())
        .await;
    assert_eq!(status, 404, "nobody ever wrote to it");
    let (status, ..) = node
        .ask_as("north", ("PUT", "/records/taps"), ALL, body(&taps()))
        .await;
    assert_eq!(status, 201);
    let (status, rows, _) = node.ask_as("north", path, "read", none()).await;
    assert_eq!((status.as_u16(), &rows[..]), (200, &b"[]\n"[..]));
    let (status, all, _) = node
        .ask_as("north", ("GET", "/records"), "read", none())
        .await;
    let all: Vec<Value> = serde_json::from_slice(&all).expect("JSON");
    assert_eq!((status.as_u16(), all.len()), (200, 1));
    let (_, batch) = csv(&[(0, "b", "1")]);
    let bring = ("POST", "/records/taps/batches/1");
    let (status, ..) = node
        .ask_as("north", bring, "write", ("text/csv", batch))
        .await;
    assert_eq!(status, 201, "the ids of batches are a table's own");
    assert_eq!(node.rows("taps").await[0]["stop"], "a");
    let gone = ("DELETE", "/records/taps");
    node.ask_as("north", gone, ALL, none()).await;
    assert_eq!(node.rows("taps").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_grows_and_its_older_rows_are_null_there() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    node.bring("taps", "1", csv(&[(0, "a", "1")])).await;
    let mut grown = taps();
    let columns = grown["columns"].as_array_mut().expect("columns");
    columns.push(json!({"name": "zone", "type": "int32", "nullable": true}));
    node.declare("taps", &grown).await;
    let lines = r#"{"time": "2026-03-01T00:00:01Z", "stop": "b", "zone": 7}"#;
    let (status, said) = node
        .bring("taps", "2", (Format::Ndjson, lines.as_bytes().to_vec()))
        .await;
    assert_eq!(status, 201, "{said}");
    let wanted = [
        json!({"time": "2026-03-01T00:00:00Z", "stop": "a", "fare": 1.0, "zone": null}),
        json!({"time": "2026-03-01T00:00:01Z", "stop": "b", "fare": null, "zone": 7}),
    ];
    assert_eq!(node.rows("taps").await, wanted);
    node.lake.merge_records(true).await.expect("merged");
    assert_eq!(node.rows("taps").await, wanted);
    let node = node.restarted().await;
    assert_eq!(node.rows("taps").await, wanted);
    let (status, said, _) = node.ask(("PUT", "/records/taps"), ALL, body(&taps())).await;
    assert_eq!(status, 409, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_come_at_once_are_all_there_and_share_files() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let bringing = (0..40).map(|number| {
        let node = &node;
        let stop = format!("s{number}");
        async move {
            let batch = csv(&[(number, &stop, "1"), (number + 1_440, &stop, "")]);
            node.bring("taps", &format!("b{number}"), batch).await.0
        }
    });
    assert_eq!(join_all(bringing).await, [201; 40]);
    let rows = node.rows("taps").await;
    assert_eq!(rows.len(), 80);
    let stops: std::collections::BTreeSet<_> = rows.iter().map(|r| r["stop"].to_string()).collect();
    assert_eq!(stops.len(), 40);
    assert!(node.files().len() < 80, "{}", node.files().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_read_by_time_page_by_page() {
    let node = Node::new().await;
    // The files are ordered by something else than the time.
    let mut table = taps();
    table["sort"] = json!(["stop", "time"]);
    node.declare("taps", &table).await;
    let stops = ["z", "y", "x", "w", "v"];
    for batch in 0..4_u32 {
        let rows: Vec<_> = (0..100)
            .map(|n| (n * 37 % 3_000 + batch, stops[n as usize % 5], "1"))
            .collect();
        node.bring("taps", &format!("{batch}"), csv(&rows)).await;
    }
    let whole = node.rows("taps").await;
    assert_eq!(whole.len(), 400);
    let times: Vec<_> = whole.iter().map(|row| row["time"].to_string()).collect();
    assert!(times.is_sorted());
    for limit in [1, 7, 399, 400] {
        let pages = node.pages("taps", "ndjson", limit).await;
        assert_eq!(pages.len(), 400_usize.div_ceil(limit), "{limit}");
        let text = pages.concat();
        let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let rows: Vec<Value> = lines
            .map(|l| serde_json::from_slice(l).expect("a row"))
            .collect();
        assert_eq!(rows, whole, "{limit}");
    }
    let part = "/records/taps/rows?from=2026-03-01T01:00:00Z&to=2026-03-01T02:00:00Z";
    let (_, part, _) = node.ask(("GET", part), "read", none()).await;
    let part: Vec<Value> = serde_json::from_slice(&part).expect("rows");
    let within = |row: &&Value| {
        let time = row["time"].as_str().expect("a time");
        ("2026-03-01T01:00:00Z".."2026-03-01T02:00:00Z").contains(&time)
    };
    let wanted: Vec<Value> = whole.iter().filter(within).cloned().collect();
    assert!(!wanted.is_empty());
    assert_eq!(part, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_on_where_they_ended_while_files_are_merged_and_rows_say_the_same() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    for batch in 0..20_u32 {
        let rows = [(5, "a", "1"), (5, "a", "1"), (5, "b", "2"), (6, "c", "")];
        node.bring("taps", &format!("{batch}"), csv(&rows)).await;
    }
    let mut seen = Vec::new();
    let mut path = Some("/records/taps/rows?limit=3".to_owned());
    while let Some(next) = path {
        let (_, page, link) = node.ask(("GET", &next), "read", none()).await;
        seen.extend(serde_json::from_slice::<Vec<Value>>(&page).expect("rows"));
        path = link;
        node.lake
            .merge_records(seen.len() > 30)
            .await
            .expect("merged");
    }
    assert_eq!(seen.len(), 80);
    let count = |stop: &str| seen.iter().filter(|row| row["stop"] == stop).count();
    assert_eq!((count("a"), count("b"), count("c")), (40, 20, 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_a_time_column_has_the_day_of_arrival() {
    let node = Node::new().await;
    let table = json!({"columns": [{"name": "n", "type": "int64"}], "sort": ["n"]});
    node.declare("counts", &table).await;
    let (status, _) = node
        .bring("counts", "1", (Format::Csv, b"n\n3\n1\n2".to_vec()))
        .await;
    assert_eq!(status, 201);
    node.clock.advance_seconds(86_400);
    node.bring("counts", "2", (Format::Csv, b"n\n9\n".to_vec()))
        .await;
    let files = node.files();
    assert!(
        files[0].contains("/table=counts/day=2026-01-01/"),
        "{files:?}"
    );
    assert!(files[1].contains("/day=2026-01-02/"), "{files:?}");
    let rows = node.rows("counts").await;
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[3], json!({"n": 9}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_ids_of_batches_are_forgotten_and_fresh_ones_are_not() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    node.bring("taps", "old", csv(&[(0, "a", "1")])).await;
    node.clock.advance_seconds(6 * 86_400);
    node.bring("taps", "fresh", csv(&[(1, "a", "1")])).await;
    node.clock.advance_seconds(2 * 86_400);
    let known = |batch: &'static str| {
        let node = &node;
        async move {
            let path = format!("/records/taps/batches/{batch}");
            node.ask(("GET", &path), "read", none()).await.0 == 200
        }
    };
    let mut tries = 0;
    while known("old").await {
        tokio::task::yield_now().await;
        tries += 1;
        assert!(tries < 100_000, "it is never forgotten");
    }
    assert!(known("fresh").await);
    assert_eq!(node.rows("taps").await.len(), 2, "its rows stay");
}
