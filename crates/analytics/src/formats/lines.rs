//! JSON, NDJSON and CSV.

use std::io::Write as _;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::json;

use crate::formats::cell::{self, Column};
use crate::formats::{Ending, Writer, refused, type_word};
use crate::running::QueryError;

fn columns(batch: &RecordBatch) -> Result<Vec<Column>, QueryError> {
    let columns = batch.columns().iter().map(Column::new);
    columns.collect::<Result<_, _>>().map_err(refused)
}

/// One object: columns, rows, and what there is to say of them.
pub(super) struct Json {
    /// What stands before the rows, until it is written.
    head: Option<String>,
    /// Whether a row was written.
    begun: bool,
}

impl Json {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let columns = schema.fields().iter().map(|field| {
            json!({
                "name": field.name(),
                "type": type_word(field.data_type()),
                "nullable": field.is_nullable(),
            })
        });
        let columns: Vec<_> = columns.collect();
        Self {
            head: Some(format!("{{\"columns\":{},\"rows\":[", json!(columns))),
            begun: false,
        }
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        if let Some(head) = self.head.take() {
            out.extend_from_slice(head.as_bytes());
        }
    }
}

impl Writer for Json {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), QueryError> {
        self.head(out);
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            out.extend_from_slice(if self.begun { b",\n[" } else { b"\n[" });
            self.begun = true;
            for (place, column) in columns.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                column.json(row, out);
            }
            out.push(b']');
        }
        Ok(())
    }

    fn end(&mut self, ending: &Ending, out: &mut Vec<u8>) -> Result<(), QueryError> {
        self.head(out);
        let until = ending.history_until.map(|time| time.to_string());
        let Ending {
            rows,
            truncated,
            elapsed_ms,
            ..
        } = ending;
        write!(
            out,
            "\n],\"rowCount\":{rows},\"truncated\":{truncated},\"elapsedMs\":{elapsed_ms},\
             \"historyUntil\":{}}}\n",
            json!(until)
        )
        .map_err(refused)
    }
}

/// An object a row, a row a line.
pub(super) struct NdJson;

impl Writer for NdJson {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let schema = batch.schema();
        let names = schema
            .fields()
            .iter()
            .map(|field| cell::quoted(field.name()));
        let columns: Vec<(String, Column)> = names.zip(columns(batch)?).collect();
        for row in 0..batch.num_rows() {
            out.push(b'{');
            for (place, (name, column)) in columns.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(name.as_bytes());
                out.push(b':');
                column.json(row, out);
            }
            out.extend_from_slice(b"}\n");
        }
        Ok(())
    }

    fn end(&mut self, _ending: &Ending, _out: &mut Vec<u8>) -> Result<(), QueryError> {
        Ok(())
    }
}

/// RFC 4180, in UTF-8, with a line of names.
pub(super) struct Csv {
    /// The line of names, until it is written.
    head: Vec<u8>,
}

impl Csv {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let mut head = Vec::new();
        for (place, field) in schema.fields().iter().enumerate() {
            if place > 0 {
                head.push(b',');
            }
            cell::field(&mut head, field.name());
        }
        head.extend_from_slice(b"\r\n");
        Self { head }
    }
}

impl Writer for Csv {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), QueryError> {
        out.append(&mut self.head);
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let line = out.len();
            for (place, column) in columns.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                column.csv(row, out);
            }
            if out.len() == line {
                // A line of nothing would be passed over as none: a null alone is a field in quotes.
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn end(&mut self, _ending: &Ending, out: &mut Vec<u8>) -> Result<(), QueryError> {
        out.append(&mut self.head);
        Ok(())
    }
}
