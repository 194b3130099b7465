//! What went in by any format comes out equal.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::types::Decimal128Type;
use arrow::array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int32Array,
    Int64Array, PrimitiveArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::row::{RowConverter, SortField};
use lake::records::{Definition, Format};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::kit::Node;

fn everything() -> Value {
    let column = |name: &str, kind: &str| json!({"name": name, "type": kind, "nullable": true});
    json!({
        "columns": [
            {"name": "time", "type": "timestamp"},
            {"name": "key", "type": "text"},
            column("flag", "bool"),
            column("small", "int32"),
            column("large", "int64"),
            column("number", "float64"),
            column("words", "text"),
            column("when", "timestamp"),
            column("day", "date"),
            column("money", "decimal(20,4)"),
            column("bytes", "binary"),
            column("cell", "h3"),
            column("lon", "longitude"),
        ],
        "time": "time",
        "sort": ["key", "time"],
    })
}

/// A row of the table.
#[derive(Debug, Clone)]
struct Row {
    time: i64,
    key: String,
    flag: Option<bool>,
    small: Option<i32>,
    large: Option<i64>,
    number: Option<f64>,
    words: Option<String>,
    when: Option<i64>,
    day: Option<i32>,
    money: Option<i128>,
    bytes: Option<Vec<u8>>,
    cell: Option<i64>,
    lon: Option<f64>,
}

const CELLS: [i64; 3] = [
    0x0892_8308_280f_ffff,
    0x0872_8308_28ff_ffff,
    0x0800_1fff_ffff_ffff,
];

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ]{0,12}",
        "[\\PC]{0,8}",
        Just("a,\"b\"\n\r\nc".to_owned()),
        Just("\"".to_owned()),
        Just("null".to_owned()),
        Just("\u{feff}x".to_owned()),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let number = prop_oneof![
        any::<f64>().prop_filter("finite", |n| n.is_finite()),
        Just(-0.0),
        Just(5.0)
    ];
    (
        // A few days of 2026, so that moments meet.
        (0_i64..400_000).prop_map(|n| 1_767_225_600_000_000 + n * 1_000_000),
        words(),
        (
            any::<Option<bool>>(),
            any::<Option<i32>>(),
            any::<Option<i64>>(),
            prop::option::of(number),
            prop::option::of(words()),
            prop::option::of(-62_135_596_800_000_000_i64..=253_402_207_199_999_999),
        ),
        (
            prop::option::of(-719_162_i32..2_932_896),
            prop::option::of(-99_999_999_999_999_999_999_i128..=99_999_999_999_999_999_999),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
            prop::option::of(prop::sample::select(CELLS.to_vec())),
            prop::option::of(-180.0..=180.0),
        ),
    )
        .prop_map(|(time, key, a, b)| Row {
            time,
            key,
            flag: a.0,
            small: a.1,
            large: a.2,
            number: a.3,
            words: a.4,
            when: a.5,
            day: b.0,
            money: b.1,
            bytes: b.2,
            cell: b.3,
            lon: b.4,
        })
}

fn batch(rows: &[Row]) -> RecordBatch {
    let definition: Definition = serde_json::from_value(everything()).expect("a definition");
    let money = rows
        .iter()
        .map(|r| r.money)
        .collect::<PrimitiveArray<Decimal128Type>>();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(
            rows.iter()
                .map(|r| Some(r.time))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(
            rows.iter()
                .map(|r| Some(r.key.as_str()))
                .collect::<StringArray>(),
        ),
        Arc::new(rows.iter().map(|r| r.flag).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| r.small).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|r| r.large).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.number).collect::<Float64Array>()),
        Arc::new(
            rows.iter()
                .map(|r| r.words.as_deref())
                .collect::<StringArray>(),
        ),
        Arc::new(
            rows.iter()
                .map(|r| r.when)
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(rows.iter().map(|r| r.day).collect::<Date32Array>()),
        Arc::new(money.with_precision_and_scale(20, 4).expect("it fits")),
        Arc::new(
            rows.iter()
                .map(|r| r.bytes.as_deref())
                .collect::<BinaryArray>(),
        ),
        Arc::new(rows.iter().map(|r| r.cell).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.lon).collect::<Float64Array>()),
    ];
    RecordBatch::try_new(definition.schema(), columns).expect("rows")
}

fn stream(rows: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &rows.schema()).expect("a writer");
    writer.write(rows).expect("written");
    writer.finish().expect("finished");
    bytes
}

fn file(rows: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &rows.schema()).expect("a writer");
    writer.write(rows).expect("written");
    writer.finish().expect("finished");
    bytes
}

fn parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).expect("a writer");
    writer.write(rows).expect("written");
    writer.close().expect("closed");
    bytes
}

/// Two taps in each format.
pub(super) fn sample(format: Format) -> Vec<u8> {
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC")),
        ),
        ("stop", Arc::new(StringArray::from(vec!["first", "second"]))),
        ("fare", Arc::new(Float64Array::from(vec![Some(1.5), None]))),
    ];
    let rows = RecordBatch::try_from_iter(columns).expect("rows");
    match format {
        Format::Arrow => stream(&rows),
        Format::Parquet => parquet(&rows),
        Format::Csv => {
            b"time,stop,fare\n1970-01-01T00:00:00Z,first,1.5\n1970-01-01T00:00:00.000001Z,second,\n"
                .to_vec()
        }
        Format::Ndjson => {
            b"{\"time\":\"1970-01-01T00:00:00Z\",\"stop\":\"first\",\"fare\":1.5}\n".to_vec()
        }
    }
}

/// Rows as bytes that are equal when they are, in one order.
fn canonical(rows: &RecordBatch) -> Vec<Vec<u8>> {
    let fields = rows
        .columns()
        .iter()
        .map(|c| SortField::new(c.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).expect("a converter");
    let rows = converter.convert_columns(rows.columns()).expect("rows");
    let mut rows: Vec<Vec<u8>> = rows.iter().map(|row| row.as_ref().to_vec()).collect();
    rows.sort_unstable();
    rows
}

async fn read(node: &Node, table: &str) -> RecordBatch {
    let pages = node.pages(table, "arrow", 7).await;
    let pages = pages.iter().flat_map(|page| {
        let reader = StreamReader::try_new(Cursor::new(page.to_vec()), None).expect("a stream");
        reader.map(|rows| rows.expect("rows")).collect::<Vec<_>>()
    });
    let pages: Vec<RecordBatch> = pages.collect();
    let definition: Definition = serde_json::from_value(everything()).expect("a definition");
    concat_batches(&definition.schema(), &pages).expect("rows")
}

async fn text_of(node: &Node, table: &str, format: &str) -> Vec<u8> {
    let pages = node.pages(table, format, 100_000).await;
    pages.concat()
}

async fn all_ways(rows: &[Row], size: usize) {
    let node = Node::new().await;
    let came = batch(rows);
    let wanted = canonical(&came);
    for (table, format, body) in [
        ("a", Format::Arrow, stream(&came)),
        ("b", Format::Arrow, file(&came)),
        ("c", Format::Parquet, parquet(&came)),
    ] {
        node.declare(table, &everything()).await;
        let brought = node.bring_in_parts(table, "1", (format, &body), size).await;
        assert_eq!(brought.expect("a receipt").rows, rows.len() as u64);
        assert_eq!(canonical(&read(&node, table).await), wanted, "{table}");
    }
    // What is read back as text goes in again.
    for (table, from, format) in [("d", "csv", Format::Csv), ("e", "ndjson", Format::Ndjson)] {
        let body = text_of(&node, "a", from).await;
        node.declare(table, &everything()).await;
        let brought = node.bring_in_parts(table, "1", (format, &body), size).await;
        assert_eq!(brought.expect("a receipt").rows, rows.len() as u64);
        let back = read(&node, table).await;
        assert_eq!(canonical(&back), wanted, "{table}");
    }
    node.lake.merge_records(true).await.expect("merged");
    let node = node.restarted().await;
    for table in ["a", "b", "c", "d", "e"] {
        let back = read(&node, table).await;
        assert_eq!(canonical(&back), wanted, "{table} after a restart");
        let times = back
            .column(0)
            .as_any()
            .downcast_ref::<TimestampMicrosecondArray>();
        assert!(times.expect("times").values().is_sorted());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_goes_in_by_any_format_comes_out_equal(
        rows in prop::collection::vec(row(), 0..40),
        size in prop_oneof![1_usize..40, Just(100_000)],
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(all_ways(&rows, size));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_text_and_a_missing_one_are_two_things_in_every_format() {
    let node = Node::new().await;
    let table = json!({"columns": [
        {"name": "a", "type": "text"},
        {"name": "b", "type": "text", "nullable": true},
    ]});
    node.declare("texts", &table).await;
    let body = b"\xef\xbb\xbfb,a\r\n,\r\n\"\",\"x \"\"y\"\"\"\r\n".to_vec();
    let (status, said) = node.bring("texts", "1", (Format::Csv, body)).await;
    assert_eq!(status, 201, "{said}");
    let mut rows = node.rows("texts").await;
    rows.sort_by_key(ToString::to_string);
    assert_eq!(
        rows,
        [
            json!({"a": "", "b": null}),
            json!({"a": "x \"y\"", "b": ""})
        ]
    );
    let text = text_of(&node, "texts", "csv").await;
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(
        text.contains("\"\",\n") && text.contains("\"x \"\"y\"\"\",\"\"\n"),
        "{text}"
    );
}
