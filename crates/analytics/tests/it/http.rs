//! Questions over HTTP: forms of answers, parameters, problems, what runs, what is cancelled.

use std::io::Cursor;
use std::sync::Arc;

use analytics::http::routes;
use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use testkit::{SeededEntropy, entity};
use tower::ServiceExt as _;
use web::Kit;

use crate::doors::Words;
use crate::world::{Plan, World};

/// Values that are hard to write: quotes, line ends, numbers beyond 2^53, none, lists.
const HARD: &str = "SELECT * FROM (VALUES
    (1, 9007199254740993, 'a \"b\", c', CAST(1.10 AS decimal(6,2)), 0.1, true, [1, 2]),
    (2, 5, '', NULL, NULL, false, NULL),
    (3, -9007199254740993, E'x\\r\\ny', CAST(-0.05 AS decimal(6,2)), 1e300, NULL, [])
  ) AS t(n, big, word, price, ratio, fine, some) ORDER BY n";

async fn world() -> World {
    let rooms = (0..50).map(|n| {
        entity(&format!("urn:{n:02}"))
            .of("Room")
            .property("t", n)
            .build()
    });
    let mut plan = Plan::of(rooms);
    plan.closed = true;
    plan.build().await
}

fn face(world: &World) -> Router {
    let clock = Arc::clone(&world.clock) as _;
    let kit = Kit::new(Arc::new(Words), clock, &SeededEntropy::new(9), 30_000_000);
    web::app(routes(Arc::clone(&world.desk)), Arc::new(kit))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
    fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("UTF-8")
    }
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("ASCII")
    }
}

fn request(method: &str, path: &str, token: &str) -> http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    builder.header(AUTHORIZATION, format!("Bearer {token}"))
}

async fn send(face: &Router, request: Request<Body>) -> Answer {
    let response = face.clone().oneshot(request).await.expect("infallible");
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.expect("a whole body").to_bytes(),
    }
}

/// Asks as somebody who may read, in SQL text, and wants that media type.
async fn ask(face: &Router, sql: &str, accept: &str) -> Answer {
    let request = request("POST", "/sql", "read")
        .header(ACCEPT, accept)
        .header("content-length", sql.len());
    send(
        face,
        request.body(Body::from(sql.to_owned())).expect("a request"),
    )
    .await
}

async fn ask_json(face: &Router, question: Value, token: &str) -> Answer {
    let body = question.to_string();
    let request = request("POST", "/sql", token)
        .header(CONTENT_TYPE, "application/json")
        .header("content-length", body.len());
    send(face, request.body(Body::from(body)).expect("a request")).await
}

async fn get(face: &Router, path: &str, token: &str) -> Answer {
    let request = request("GET", path, token).body(Body::empty());
    send(face, request.expect("a request")).await
}

#[tokio::test]
async fn json_says_columns_rows_and_how_it_went() {
    let world = world().await;
    let face = face(&world);
    let answer = ask(&face, HARD, "*/*").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    let said = answer.json();
    let types: Vec<&str> = said["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| column["type"].as_str().expect("a word"))
        .collect();
    assert_eq!(
        types,
        ["int", "int", "text", "decimal", "float", "bool", "list"]
    );
    assert_eq!(
        said["rows"],
        json!([
            [
                1,
                "9007199254740993",
                "a \"b\", c",
                "1.10",
                0.1,
                true,
                [1, 2]
            ],
            [2, 5, "", null, null, false, null],
            [3, "-9007199254740993", "x\r\ny", "-0.05", 1e300, null, []],
        ])
    );
    assert_eq!(
        (&said["rowCount"], &said["truncated"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(said["historyUntil"], Value::Null);
    let none = ask(
        &face,
        "SELECT id FROM entity WHERE id = 'none'",
        "application/json",
    )
    .await;
    assert_eq!(none.json()["rows"], json!([]));
    assert_eq!(none.json()["columns"][0]["name"], "id");
}

#[tokio::test]
async fn lines_and_tables_have_every_value_too() {
    let world = world().await;
    let face = face(&world);
    let lines = ask(&face, HARD, "application/x-ndjson").await;
    let second: Value =
        serde_json::from_str(lines.text().lines().nth(1).expect("a line")).expect("JSON");
    assert_eq!(lines.text().lines().count(), 3);
    let wanted = json!({
        "n": 2, "big": 5, "word": "", "price": null, "ratio": null, "fine": false, "some": null
    });
    assert_eq!(second, wanted);
    let table = ask(&face, HARD, "text/csv").await;
    assert_eq!(
        table.text(),
        "n,big,word,price,ratio,fine,some\r\n\
         1,9007199254740993,\"a \"\"b\"\", c\",1.10,0.1,true,\"[1,2]\"\r\n\
         2,5,\"\",,,false,\r\n\
         3,-9007199254740993,\"x\r\ny\",-0.05,1e+300,,[]\r\n"
    );
    let none = ask(&face, "SELECT id FROM entity WHERE id = 'none'", "text/csv").await;
    assert_eq!(none.text(), "id\r\n");
}

fn sums(batches: &[RecordBatch]) -> (i64, f64) {
    let whole = batches
        .iter()
        .flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values());
    let halves = batches
        .iter()
        .flat_map(|batch| batch.column(2).as_primitive::<Float64Type>().values());
    (whole.sum(), halves.sum())
}

#[tokio::test]
async fn arrow_and_parquet_hold_what_json_holds() {
    let world = world().await;
    let face = face(&world);
    let sql = "SELECT concat('w', value) AS word, value AS n, value / 2.0 AS half
               FROM generate_series(1, 200000)";
    let wanted = (200_000 * 200_001 / 2, 200_000.0 * 200_001.0 / 4.0);
    let stream = ask(&face, sql, "application/vnd.apache.arrow.stream").await;
    let reader = StreamReader::try_new(Cursor::new(stream.body), None).expect("a stream");
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().expect("batches");
    assert_eq!(sums(&batches), wanted);
    let file = ask(&face, sql, "application/vnd.apache.parquet").await;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.body).expect("a file");
    assert!(reader.metadata().num_row_groups() > 1);
    let said = reader.metadata().file_metadata().key_value_metadata();
    let said = said
        .expect("metadata")
        .iter()
        .find(|pair| pair.key == "chorsu.truncated");
    assert_eq!(said.and_then(|pair| pair.value.as_deref()), Some("false"));
    let batches = reader.build().expect("a reader");
    let batches: Vec<RecordBatch> = batches.collect::<Result<_, _>>().expect("batches");
    assert_eq!(sums(&batches), wanted);
    let empty = ask(
        &face,
        "SELECT 1 AS n WHERE false",
        "application/vnd.apache.parquet",
    )
    .await;
    let reader = ParquetRecordBatchReaderBuilder::try_new(empty.body).expect("a file");
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}

#[tokio::test]
async fn an_answer_ends_where_it_is_wished_to_and_says_so() {
    let world = world().await;
    let face = face(&world);
    let sql = "SELECT value FROM generate_series(1, 100000)";
    for (rows, truncated) in [(0, true), (9_000, true), (100_000, false), (200_000, false)] {
        let answer = ask_json(&face, json!({"query": sql, "rowsMax": rows}), "read").await;
        let said = answer.json();
        let given = rows.min(100_000);
        assert_eq!(said["rowCount"], given);
        assert_eq!(said["rows"].as_array().map(Vec::len), Some(given));
        assert_eq!(said["truncated"], truncated, "{rows}");
    }
    let answer = ask_json(&face, json!({"query": sql, "bytesMax": 1_000}), "read").await;
    let said = answer.json();
    assert_eq!(said["truncated"], true);
    let count = said["rows"].as_array().map(|rows| rows.len() as u64);
    assert_eq!(said["rowCount"].as_u64(), count);
    assert!(count.is_some_and(|rows| rows < 100_000));
    let by_url = request("POST", "/sql?rowsMax=2&format=csv", "read")
        .header("content-length", sql.len())
        .body(Body::from(sql));
    let by_url = send(&face, by_url.expect("a request")).await;
    assert_eq!(by_url.text(), "value\r\n1\r\n2\r\n");
}

#[tokio::test]
async fn parameters_are_values_and_never_text() {
    let world = world().await;
    let face = face(&world);
    let evil = "x' OR '1' = '1";
    let question = json!({"query": "SELECT $1 AS word, count(*) AS n FROM entity WHERE id = $1", "parameters": [evil]});
    let answer = ask_json(&face, question, "read").await;
    assert_eq!(
        answer.json()["rows"],
        json!([[evil, 0]]),
        "{}",
        answer.text()
    );
    let named = json!({"query": "SELECT count(*) FROM now.Room WHERE t >= $low AND t < $high",
                       "parameters": {"low": 10, "high": 12.5}});
    let answer = ask_json(&face, named, "read").await;
    assert_eq!(answer.json()["rows"], json!([[3]]), "{}", answer.text());
    let missing = ask_json(
        &face,
        json!({"query": "SELECT $2", "parameters": [1]}),
        "read",
    )
    .await;
    assert_eq!(missing.status, 400, "{}", missing.text());
}

#[tokio::test]
async fn a_problem_says_where_the_text_is_wrong() {
    let world = world().await;
    let face = face(&world);
    let wrong = ask(&face, "SELECT id\nFROM entity\nWHERE id = = 'a'", "*/*").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    assert_eq!(wrong.header("content-type"), "application/problem+json");
    let problem = wrong.json();
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&json!(3), &json!(12)),
        "{problem}"
    );
    let unknown = ask(&face, "SELECT nothing FROM entity", "*/*").await;
    assert_eq!(unknown.status, 400);
    // What goes wrong while rows are made, before the first ones are there, is a problem as well.
    let late = ask(
        &face,
        "SELECT 1 / (value - 1) FROM generate_series(1, 3)",
        "*/*",
    )
    .await;
    assert_eq!(late.status, 400, "{}", late.text());
    for (sql, status) in [
        ("DELETE FROM entity", 403),
        ("COPY entity TO 'x.csv'", 403),
        ("SET datafusion.execution.batch_size = 1", 403),
        ("", 400),
        ("SELECT 1; SELECT 2", 400),
    ] {
        let refused = ask(&face, sql, "*/*").await;
        assert_eq!(refused.status, status, "{sql}: {}", refused.text());
    }
    let long = format!("SELECT '{}'", "x".repeat(200_000));
    assert_eq!(ask(&face, &long, "*/*").await.status, 403);
    let media = ask(&face, "SELECT 1", "text/html").await;
    assert_eq!(media.status, 406);
}

#[tokio::test]
async fn a_token_asks_what_it_may_and_sees_its_own_queries() {
    let world = world().await;
    let face = face(&world);
    let question = json!({"query": "SELECT count(*) FROM entity"});
    assert_eq!(ask_json(&face, question.clone(), "write").await.status, 403);
    assert_eq!(
        ask_json(&face, question.clone(), "nonsense").await.status,
        401
    );
    assert_eq!(get(&face, "/sql/tables", "subscribe").await.status, 403);
    assert_eq!(get(&face, "/sql/queries", "write").await.status, 403);
    let mine = ask_json(&face, question.clone(), "anna:read").await;
    assert_eq!(mine.status, 200, "{}", mine.text());
    let id = mine.header("chorsu-query").to_owned();
    let shown = get(&face, &format!("/sql/queries/{id}"), "anna:read")
        .await
        .json();
    assert_eq!(shown["state"], "done");
    assert_eq!((&shown["who"], &shown["rows"]), (&json!("anna"), &json!(1)));
    let others = get(&face, &format!("/sql/queries/{id}"), "ben:read").await;
    assert_eq!(others.status, 404);
    assert_eq!(
        get(&face, "/sql/queries", "ben:read").await.json(),
        json!([])
    );
    let all = get(&face, "/sql/queries", "chief:administer").await.json();
    assert!(
        all.as_array()
            .expect("a list")
            .iter()
            .any(|query| query["id"] == json!(id))
    );
}

#[tokio::test]
async fn the_schema_browser_shows_what_may_be_asked() {
    let world = world().await;
    let face = face(&world);
    let tables = get(&face, "/sql/tables", "read").await.json();
    let find = |name: &str| {
        let tables = tables.as_array().expect("a list").iter();
        tables
            .clone()
            .find(|table| table["name"] == json!(name))
            .cloned()
    };
    let room = find("Room").expect("a table of rooms");
    assert_eq!(room["schema"], "now");
    assert_eq!(room["rows"], 50, "{room}");
    let columns = room["columns"].as_array().expect("columns");
    assert!(columns.iter().any(|column| column["name"] == "t"), "{room}");
    assert!(find("history").is_none(), "history needs its own right");
    assert!(
        find("entity").expect("entities")["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
}

/// A query that would take longer than anybody waits.
const ENDLESS: &str =
    "SELECT a.value FROM generate_series(1, 3000000) a, generate_series(1, 3000000) b";

#[tokio::test]
async fn a_query_is_cancelled_by_its_owner_or_an_administrator() {
    let world = world().await;
    let face = face(&world);
    for (token, status) in [
        ("ben:read", 404),
        ("anna:read", 204),
        ("chief:administer", 204),
    ] {
        let body = json!({"query": ENDLESS, "format": "csv"}).to_string();
        let asked = request("POST", "/sql", "anna:read")
            .header(CONTENT_TYPE, "application/json")
            .header("content-length", body.len())
            .body(Body::from(body));
        let response = face
            .clone()
            .oneshot(asked.expect("a request"))
            .await
            .expect("infallible");
        assert_eq!(response.status(), 200);
        let id = response.headers()["chorsu-query"]
            .to_str()
            .expect("ASCII")
            .to_owned();
        let path = format!("/sql/queries/{id}");
        let wish = request("DELETE", &path, token).body(Body::empty());
        assert_eq!(
            send(&face, wish.expect("a request")).await.status,
            status,
            "{token}"
        );
        if status == 404 {
            drop(response);
        } else {
            // The body breaks off: no reader takes it for the whole.
            response
                .into_body()
                .collect()
                .await
                .expect_err("a body that broke off");
        }
        ended(&face, &path, "cancelled").await;
    }
}

#[tokio::test]
async fn whoever_goes_away_ends_the_query() {
    let world = world().await;
    let face = face(&world);
    let body = json!({"query": "SELECT count(*) FROM (SELECT a.value FROM generate_series(1, 3000000) a, generate_series(1, 3000000) b) WHERE value = -1"}).to_string();
    let asked = request("POST", "/sql", "anna:read")
        .header(CONTENT_TYPE, "application/json")
        .header("content-length", body.len())
        .body(Body::from(body))
        .expect("a request");
    // It has no first row for a long time: the request itself is given up.
    let mut asking = Box::pin(face.clone().oneshot(asked));
    let id = loop {
        tokio::select! {
            biased;
            _answer = asking.as_mut() => panic!("it cannot be answered so soon"),
            shown = get(&face, "/sql/queries", "anna:read") => {
                if let Some(id) = shown.json()[0]["id"].as_str() {
                    break id.to_owned();
                }
            }
        }
        tokio::task::yield_now().await;
    };
    let path = format!("/sql/queries/{id}");
    assert_eq!(
        get(&face, &path, "anna:read").await.json()["state"],
        "running"
    );
    drop(asking);
    ended(&face, &path, "cancelled").await;
}

#[tokio::test]
async fn a_query_that_takes_too_long_ends_and_says_so() {
    let world = world().await;
    let face = face(&world);
    let body = json!({"query": ENDLESS, "format": "csv", "secondsMax": 5}).to_string();
    let asked = request("POST", "/sql", "anna:read")
        .header(CONTENT_TYPE, "application/json")
        .header("content-length", body.len())
        .body(Body::from(body));
    let response = face
        .clone()
        .oneshot(asked.expect("a request"))
        .await
        .expect("infallible");
    let id = response.headers()["chorsu-query"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    world.clock.advance_seconds(6);
    response
        .into_body()
        .collect()
        .await
        .expect_err("a body that broke off");
    let path = format!("/sql/queries/{id}");
    ended(&face, &path, "failed").await;
    let shown = get(&face, &path, "anna:read").await.json();
    let error = shown["error"].as_str().expect("a reason");
    assert!(error.contains("5 seconds"), "{error}");
}

/// Waits until a query has ended so.
async fn ended(face: &Router, path: &str, state: &str) {
    let mut shown = Value::Null;
    for _ in 0..100_000 {
        shown = get(face, path, "chief:administer").await.json();
        if shown["state"] == json!(state) {
            return;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(shown["state"], json!(state), "{shown}");
}
