//! What is wrong is refused whole, with the row and the column, and leaves nothing behind.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::DataType;
use arrow::ipc::writer::StreamWriter;
use lake::records::Format;
use proptest::prelude::*;
use serde_json::json;

use super::kit::{Node, csv, taps};

fn text(format: Format, text: &str) -> (Format, Vec<u8>) {
    (format, text.as_bytes().to_vec())
}

fn arrow(columns: Vec<(&str, ArrayRef)>) -> (Format, Vec<u8>) {
    let rows = RecordBatch::try_from_iter(columns).expect("rows");
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &rows.schema()).expect("a writer");
    writer.write(&rows).expect("written");
    writer.finish().expect("finished");
    (Format::Arrow, bytes)
}

/// A case: what is sent, and what is said of it.
type Case = ((Format, Vec<u8>), &'static str);

const TIME: &str = "2026-03-01T00:00:00Z";

fn wrong_csv() -> Vec<Case> {
    let all = |body: &str| text(Format::Csv, body);
    let line = |rest: &str| all(&format!("time,stop,fare\n{TIME},a,1\n{rest}"));
    let cells = |rest: &str| line(&format!("{TIME},{rest}\n"));
    vec![
        (cells("b,x"), "row 2, column 'fare': 'x' is no number"),
        (cells("b,inf"), "row 2, column 'fare': 'inf'"),
        (
            line("2026-03-01,b,1\n"),
            "column 'time': '2026-03-01' is no date-time",
        ),
        (line("2026-03-01T00:00:00,b,1\n"), "row 2, column 'time'"),
        (line(",b,1\n"), "row 2, column 'time': a value is missing"),
        (cells("b"), "row 2: it has 2 cells, and the header 3"),
        (cells("b,1,"), "row 2: it has 4 cells"),
        (cells("\"b,1"), "row 2: a quote is opened"),
        (cells("\"b\"c,1"), "row 2: behind a quoted cell"),
        (cells("b\"c,1"), "row 2: a quote stands within"),
        (
            all("time,stop,price\n"),
            "no column 'price'; it has: time, stop, fare",
        ),
        (all("time,stop,stop\n"), "'stop' comes twice"),
        (all("time,fare\n"), "'stop' is missing and not nullable"),
        (all(""), "the first line names the columns"),
    ]
}

fn wrong_ndjson() -> Vec<Case> {
    let json = |rest: &str| {
        let first = format!(r#"{{"time": "{TIME}", "stop": "a"}}"#);
        text(Format::Ndjson, &format!("{first}\n{rest}\n"))
    };
    let timed = format!(r#"{{"time": "{TIME}"}}"#);
    vec![
        (json("{"), "row 2: it is no object of JSON"),
        (json("[]"), "row 2: it is no object of JSON"),
        (json("{} {}"), "row 2: it is no object of JSON"),
        (json("{}"), "row 2, column 'time': a value is missing"),
        (json(&timed), "row 2, column 'stop': a value is missing"),
        (
            json(r#"{"stop": 7}"#),
            "row 2, column 'stop': '7' is no text",
        ),
        (
            json(r#"{"stop": {"a": 1}}"#),
            "row 2, column 'stop': an object is no value",
        ),
        (
            json(r#"{"stop": "a", "stop": "b"}"#),
            "row 2, column 'stop': it comes twice",
        ),
        (
            json(r#"{"fare": "1.5"}"#),
            "row 2, column 'fare': '\"1.5\"' is no number",
        ),
        (
            json(r#"{"price": 1}"#),
            "row 2: the table 'taps' has no column 'price'",
        ),
    ]
}

fn wrong_columns() -> Vec<Case> {
    let micros = |second: i64, zone: Option<&str>| -> ArrayRef {
        let times = TimestampMicrosecondArray::from(vec![0, second]);
        Arc::new(times.with_timezone_opt(zone))
    };
    let stops =
        |second: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![Some("a"), second])) };
    let fares: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
    let (utc, b) = (Some("UTC"), Some("b"));
    let taps = |time, stop| arrow(vec![("time", time), ("stop", stop)]);
    vec![
        (
            taps(micros(1, utc), stops(None)),
            "row 2, column 'stop': a value is missing",
        ),
        (
            taps(micros(1, None), stops(b)),
            "the column 'time': the times have no time zone",
        ),
        (
            taps(stops(b), stops(b)),
            "the column 'time': it is timestamp, and Utf8 came",
        ),
        (
            arrow(vec![
                ("time", micros(1, utc)),
                ("stop", stops(b)),
                ("fare", fares),
            ]),
            "row 2, column 'fare': NaN is no number",
        ),
        (
            taps(micros(i64::MAX, utc), stops(b)),
            "row 2, column 'time': 9223372036854775807 µs is not within the years",
        ),
        (
            text(Format::Arrow, "\u{1}\0\0\0time,stop"),
            "no stream of Arrow",
        ),
        (text(Format::Arrow, ""), "ends before its end"),
        (
            text(Format::Parquet, "PAR1 nothing PAR1"),
            "no file of Parquet",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_value_is_named_by_row_and_column() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let cases = [wrong_csv(), wrong_ndjson(), wrong_columns()].concat();
    for (number, ((format, body), wanted)) in cases.into_iter().enumerate() {
        let id = format!("b{number}");
        let (status, said) = node.bring("taps", &id, (format, body)).await;
        let detail = said["detail"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{wanted}: {said}");
        assert!(detail.contains(wanted), "wanted: {wanted}\nsaid: {detail}");
        let (status, _) = node.bring("taps", &id, csv(&[])).await;
        assert_eq!(status, 201, "the id of a refused batch is free");
    }
    assert_eq!(node.rows("taps").await.len(), 0);
    assert_eq!(node.files(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_row_of_many_files_takes_all_of_them_away() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let mut body = "time,stop,fare\n".to_owned();
    for row in 0..1_100_000 {
        let (minute, second) = (row / 60 % 60, row % 60);
        writeln!(body, "2026-03-01T00:{minute:02}:{second:02}Z,stop,{row}").expect("a text");
    }
    body += "2026-03-01T00:00:00Z,stop,much\n";
    let (status, said) = node.bring("taps", "1", text(Format::Csv, &body)).await;
    assert_eq!(status, 400);
    let detail = said["detail"].as_str().expect("a detail");
    assert!(detail.starts_with("row 1100001, column 'fare'"), "{detail}");
    assert_eq!(
        (&said["row"], &said["column"]),
        (&json!(1_100_001), &json!("fare"))
    );
    assert_eq!(node.files(), Vec::<String>::new());
    assert_eq!(node.rows("taps").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_cells_and_decimals_have_their_bounds() {
    let node = Node::new().await;
    let table = json!({"columns": [
        {"name": "lon", "type": "longitude", "nullable": true},
        {"name": "lat", "type": "latitude", "nullable": true},
        {"name": "cell", "type": "h3", "nullable": true},
        {"name": "sum", "type": "decimal(4,2)", "nullable": true},
        {"name": "small", "type": "int32", "nullable": true},
        {"name": "day", "type": "date", "nullable": true},
    ]});
    node.declare("places", &table).await;
    let good = r#"{"lon": 180, "lat": -90, "cell": "8928308280fffff", "sum": 12.5, "small": -1, "day": "2026-02-28"}"#;
    let (status, said) = node
        .bring("places", "good", text(Format::Ndjson, good))
        .await;
    assert_eq!(status, 201, "{said}");
    let rows = node.rows("places").await;
    let wanted = json!({"lon": 180.0, "lat": -90.0, "cell": "8928308280fffff", "sum": "12.50",
        "small": -1, "day": "2026-02-28"});
    assert_eq!(rows, [wanted]);
    for (number, bad) in [
        r#"{"lon": 180.1}"#,
        r#"{"lat": -91}"#,
        r#"{"cell": "8928308280ffff"}"#,
        r#"{"sum": 123.4}"#,
        r#"{"sum": 1.234}"#,
        r#"{"small": 2147483648}"#,
        r#"{"day": "2026-02-29"}"#,
        r#"{"lon": true}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let batch = text(Format::Ndjson, bad);
        let (status, said) = node.bring("places", &format!("{number}"), batch).await;
        assert_eq!(status, 400, "{bad}");
        let detail = said["detail"].as_str().expect("a detail");
        assert!(detail.starts_with("row 1, column '"), "{detail}");
    }
    assert_eq!(node.rows("places").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_wrongly_says_how_to_ask() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let nothing = || ("text/plain", Vec::new());
    let status = async |method: &str, path: String, body| {
        let (status, ..) = node.ask((method, &path), super::kit::ALL, body).await;
        status.as_u16()
    };
    for (question, wanted) in [
        ("?limit=0", 400),
        ("?limit=100001", 400),
        ("?from=yesterday", 400),
        ("?after=x", 400),
        ("?format=xml", 400),
        ("?offset=3", 400),
        ("?limit=1", 200),
    ] {
        let path = format!("/records/taps/rows{question}");
        assert_eq!(status("GET", path, nothing()).await, wanted, "{question}");
    }
    let batch = |kind| (kind, b"time,stop\n".to_vec());
    let at = |rest: &str| format!("/records/{rest}");
    assert_eq!(
        status("POST", at("taps/batches/1"), batch("text/plain")).await,
        415
    );
    assert_eq!(
        status("POST", at("taps/batches/a%20b"), batch("text/csv")).await,
        400
    );
    assert_eq!(
        status("POST", at("none/batches/1"), batch("text/csv")).await,
        404
    );
    let wrong = (
        "application/json",
        br#"{"columns": [], "colour": 1}"#.to_vec(),
    );
    assert_eq!(status("PUT", at("other"), wrong).await, 400);
    let good = ("application/json", taps().to_string().into_bytes());
    assert_eq!(status("PUT", at("Other"), good).await, 400);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_bodies_are_refused_or_read_and_never_end_the_node(
        place in 0_usize..2_000, byte in any::<u8>(), cut in 0_usize..2_000,
        format in prop::sample::select(vec![Format::Arrow, Format::Parquet, Format::Csv, Format::Ndjson]),
    ) {
        runtime().block_on(async {
            let node = Node::new().await;
            node.declare("taps", &taps()).await;
            let mut body = super::formats::sample(format);
            let at = place % body.len();
            body[at] = byte;
            body.truncate(body.len() - cut % 3 * (cut % body.len()) / 3);
            let (status, said) = node.bring("taps", "1", (format, body)).await;
            assert!(matches!(status, 201 | 400 | 403), "{status}: {said}");
            let rows = node.rows("taps").await.len();
            if status != 201 {
                assert_eq!(rows, 0);
                assert_eq!(node.files(), Vec::<String>::new());
            }
        });
    }
}

#[test]
fn a_type_of_arrow_that_is_lossless_is_taken() {
    // What the door takes for each type of a column; the rest is refused by name.
    let wide = DataType::LargeUtf8;
    assert_ne!(wide, DataType::Utf8);
    runtime().block_on(async {
        let node = Node::new().await;
        node.declare("taps", &taps()).await;
        let times = TimestampMicrosecondArray::from(vec![0]).with_timezone("Asia/Tokyo");
        let stop: ArrayRef = Arc::new(arrow::array::LargeStringArray::from(vec!["a"]));
        let fare: ArrayRef = Arc::new(arrow::array::Float32Array::from(vec![1.5]));
        let batch = arrow(vec![
            ("time", Arc::new(times)),
            ("stop", stop),
            ("fare", fare),
        ]);
        let (status, said) = node.bring("taps", "1", batch).await;
        assert_eq!(status, 201, "{said}");
        let seconds = arrow::array::TimestampSecondArray::from(vec![60]).with_timezone("UTC");
        let keys = vec!["b"].into_iter();
        let stop: arrow::array::DictionaryArray<arrow::datatypes::Int8Type> = keys.collect();
        let batch = arrow(vec![("stop", Arc::new(stop)), ("time", Arc::new(seconds))]);
        let (status, said) = node.bring("taps", "2", batch).await;
        assert_eq!(status, 201, "{said}");
        let rows = node.rows("taps").await;
        assert_eq!(
            rows[0],
            json!({"time": "1970-01-01T00:00:00Z", "stop": "a", "fare": 1.5})
        );
        assert_eq!(
            rows[1],
            json!({"time": "1970-01-01T00:01:00Z", "stop": "b", "fare": null})
        );
        let nanos = arrow::array::TimestampNanosecondArray::from(vec![1_000, 1_001]);
        let stop: ArrayRef = Arc::new(StringArray::from(vec!["c", "c"]));
        let batch = arrow(vec![
            ("time", Arc::new(nanos.with_timezone("UTC"))),
            ("stop", stop),
        ]);
        let (status, said) = node.bring("taps", "3", batch).await;
        assert_eq!(status, 400);
        assert!(
            said["detail"]
                .as_str()
                .is_some_and(|d| d.starts_with("row 2, column 'time'"))
        );
    });
}
