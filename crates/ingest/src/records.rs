//! Payloads of live feeds: cut into records, and records made into fragments of entities.
//!
//! A payload is a message of a device, the body of a push or what a polled URL answered. One bad
//! record costs only itself, as far as the format tells records apart.

use serde_json::{Map, Value};

use crate::error::ImportError;
use crate::import::{Format, Options, run};
use crate::out::{Quiet, Refused, Sink};
use crate::rows::{Row, Rows, Step};
use crate::source::Source;
pub use crate::tabular::Mapping;
pub use crate::tabular::live::{Made, Mapper, Useless};

/// Records of one payload.
pub const RECORDS_MAX: usize = 100_000;

/// How a payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// JSON: one record, an array of them, or one a line.
    Json,
    /// Delimited text with a header.
    Csv,
    /// A GeoJSON feature, or a collection of them.
    GeoJson,
}

/// A piece of a payload: a record, or what is none and why.
pub type Record = Result<Value, Bad>;

/// A piece of a payload that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// What is wrong, in a sentence.
    pub reason: String,
    /// The beginning of it, if it is not the whole payload.
    pub sample: Option<String>,
}

impl Bad {
    fn whole(reason: impl Into<String>) -> Vec<Record> {
        vec![Err(Self {
            reason: reason.into(),
            sample: None,
        })]
    }
}

impl Mapper {
    /// The records of a payload, at least one or a reason why there is none. `pointer` leads to
    /// the records in JSON.
    pub fn records(&self, payload: &[u8], shape: Shape, pointer: &str) -> Vec<Record> {
        let payload = payload.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(payload);
        match shape {
            Shape::Csv => self.rows(payload),
            Shape::Json | Shape::GeoJson => json(payload, shape, pointer),
        }
    }

    fn rows(&self, payload: &[u8]) -> Vec<Record> {
        match self.read_rows(payload) {
            Ok(records) if records.is_empty() => Bad::whole("there is no row under the header"),
            Ok(records) => records,
            Err(reason) => Bad::whole(reason),
        }
    }

    fn read_rows(&self, payload: &[u8]) -> Result<Vec<Record>, String> {
        let file = &self.file;
        let encoding = crate::tabular::encoding(file.encoding.as_deref())?;
        let delimiter = u8::try_from(file.delimiter).map_err(|reason| reason.to_string())?;
        let input = Box::new(payload);
        let mut rows =
            Rows::open(input, delimiter, encoding).map_err(|reason| reason.to_string())?;
        let (mut row, mut records) = (Row::default(), Vec::new());
        let mut names: Option<Vec<String>> = None;
        let mut passed_over = file.skip_rows;
        let mut header_rows = 0;
        loop {
            match rows.next(&mut row).map_err(|reason| reason.to_string())? {
                Step::End => return Ok(records),
                Step::Bad(line, reason) => records.push(Err(Bad {
                    reason: format!("line {line}: {reason}"),
                    sample: None,
                })),
                Step::Row if passed_over > 0 => passed_over -= 1,
                Step::Row if row.is_empty() => {}
                Step::Row => match &names {
                    None => {
                        let fields = (0..row.len()).map(|index| row.at(Some(index)).to_owned());
                        names = Some(fields.collect());
                        header_rows = 1;
                    }
                    Some(_) if header_rows < file.header_rows => header_rows += 1,
                    Some(names) => records.push(record(names, &row)),
                },
            }
            if records.len() > RECORDS_MAX {
                return Err(format!("more than {RECORDS_MAX} rows: send fewer at once"));
            }
        }
    }
}

/// A row as a record: texts by the names of the columns.
fn record(names: &[String], row: &Row) -> Record {
    if row.len() > names.len() {
        let sample: Vec<&str> = (0..row.len()).map(|index| row.at(Some(index))).collect();
        return Err(Bad {
            reason: format!("{} fields under {} columns", row.len(), names.len()),
            sample: Some(sample.join(",")),
        });
    }
    let mut members = Map::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        members.insert(name.clone(), Value::from(row.at(Some(index))));
    }
    Ok(Value::Object(members))
}

fn json(payload: &[u8], shape: Shape, pointer: &str) -> Vec<Record> {
    let whole = match serde_json::from_slice::<Value>(payload) {
        Ok(whole) => whole,
        Err(reason) => {
            return lines(payload).unwrap_or_else(|| Bad::whole(format!("no JSON: {reason}")));
        }
    };
    let Some(at) = take(whole, pointer) else {
        return Bad::whole(format!("there is nothing at records = {pointer:?}"));
    };
    let records = match at {
        Value::Array(items) => items,
        Value::Object(mut members) if shape == Shape::GeoJson => match members.remove("features") {
            Some(Value::Array(features)) => features,
            Some(_) => return Bad::whole("the features are no array"),
            None => vec![Value::Object(members)],
        },
        one => vec![one],
    };
    if records.is_empty() {
        return Vec::new();
    }
    if records.len() > RECORDS_MAX {
        return Bad::whole(format!(
            "more than {RECORDS_MAX} records: send fewer at once"
        ));
    }
    records.into_iter().map(Ok).collect()
}

/// The part of a value to which a JSON pointer leads.
fn take(mut whole: Value, pointer: &str) -> Option<Value> {
    if pointer.is_empty() {
        return Some(whole);
    }
    whole.pointer_mut(pointer).map(Value::take)
}

/// JSON values one a line, each on its own; nothing if the payload is not of that form.
fn lines(payload: &[u8]) -> Option<Vec<Record>> {
    let mut lines = payload
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let several = lines.clone().nth(1).is_some();
    let alike = lines
        .clone()
        .take(8)
        .all(|line| line.starts_with(b"{") && line.ends_with(b"}"));
    // A value over many lines begins its lines otherwise; one bad line in many is bad alone.
    let read_one = lines
        .clone()
        .take(8)
        .any(|line| serde_json::from_slice::<Value>(line).is_ok());
    if !several || !(alike || read_one) {
        return None;
    }
    if lines.clone().count() > RECORDS_MAX {
        return Some(Bad::whole(format!(
            "more than {RECORDS_MAX} lines: send fewer at once"
        )));
    }
    let read = |line: &[u8]| {
        serde_json::from_slice(line).map_err(|reason| Bad {
            reason: format!("no JSON: {reason}"),
            sample: Some(String::from_utf8_lossy(line.get(..400).unwrap_or(line)).into_owned()),
        })
    };
    Some(lines.by_ref().map(read).collect())
}

/// Entities of a payload in normalized form, each with its `@context`, and reasons for what was
/// left out.
#[derive(Debug, Default)]
pub struct Entities {
    /// The entities.
    pub made: Vec<Value>,
    /// Why others are none.
    pub complaints: Vec<String>,
    /// How many more were left out, for which no reason is kept.
    pub more: u64,
}

impl Sink for Entities {
    fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        self.made.extend(batch);
        Ok(())
    }

    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        self.entities(batch)
    }
}

/// Reads a message of GTFS-Realtime; `feed` is the name that the ids of its schedule carry.
pub fn gtfs_realtime(payload: &[u8], feed: &str) -> Result<Entities, ImportError> {
    read(Format::GtfsRealtime, payload, feed)
}

/// Reads entities of NGSI-LD: an array, one, or one a line.
pub fn ngsi(payload: &[u8]) -> Result<Entities, ImportError> {
    read(Format::Ngsi, payload, "")
}

fn read(format: Format, payload: &[u8], feed: &str) -> Result<Entities, ImportError> {
    let mut made = Entities::default();
    let options = Options {
        feed: Some(feed.to_owned()),
        ..Options::default()
    };
    let source = Source::bytes("payload", payload);
    let report = run(format, &source, &options, &mut made, &mut Quiet)?;
    let told = u64::try_from(report.complaints.len()).unwrap_or(u64::MAX);
    made.complaints = report
        .complaints
        .into_iter()
        .map(|complaint| complaint.reason)
        .collect();
    if report.complaint_count > told {
        made.more = report.complaint_count - told;
    }
    Ok(made)
}

#[cfg(test)]
#[path = "records/tests.rs"]
mod tests;
