//! The operations on tables of records.

use super::{Operation, operation};

const ROWS: &[&str] = &[
    "from",
    "to",
    "records.limit",
    "records.after",
    "records.format",
];

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/records", "recordTables")
        .says("The tables of records, and how much is in them")
        .takes(&[&[]])
        .answers(&[(200, "RecordTables")]),
    operation("get", "/records/{table}", "recordTable")
        .says("One table of records")
        .takes(&[&[]])
        .answers(&[(200, "RecordTable")]),
    operation("put", "/records/{table}", "declareRecordTable")
        .says("Declare a table of records, or add nullable columns to it")
        .takes(&[&[]])
        .reads("RecordTableWish")
        .answers(&[(201, ""), (204, "")]),
    operation("delete", "/records/{table}", "deleteRecordTable")
        .says("Delete a table with all its rows")
        .takes(&[&[]]),
    operation(
        "post",
        "/records/{table}/batches/{batch}",
        "bringRecordBatch",
    )
    .says("Bring a batch of rows: on disk when it is answered, once however often it is sent")
    .takes(&[&[]])
    .reads("RecordBatch")
    .answers(&[(200, "RecordReceipt"), (201, "RecordReceipt")]),
    operation("get", "/records/{table}/batches/{batch}", "recordBatch")
        .says("Whether a batch is there; its id is remembered for a week")
        .takes(&[&[]])
        .answers(&[(200, "RecordReceipt")]),
    operation("get", "/records/{table}/rows", "recordRows")
        .says("Rows of a table by time, a page at a time")
        .takes(&[ROWS])
        .answers(&[(200, "RecordRows")]),
];
