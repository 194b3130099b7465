//! Where an importer puts its results: batches to a [`Sink`], complaints and progress to whoever
//! watches, counts into a [`Report`].

use std::collections::BTreeMap;

use base::Kind;
use serde_json::Value;

/// Receives what an import found. Every value is one NGSI-LD entity in normalized form that
/// carries its own `@context`, so a batch is sent as `application/ld+json`.
pub trait Sink {
    /// Entities to create or update, as for `entityOperations/upsert?options=update`. Within one
    /// import an id comes once, save in files of NGSI-LD that repeat it themselves.
    fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused>;

    /// Past values: temporal entities `{id, type, attribute: [{type, value, observedAt}, …]}`.
    /// The history of one entity comes in as many parts as it needs.
    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused>;
}

/// The receiving side gave up, and the import with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// What the caller can do.
    pub kind: Kind,
    /// Why, in a sentence.
    pub reason: String,
}

/// Watches an import: for a progress bar, and to print complaints as they come.
pub trait Progress {
    /// `done` of `total` bytes of `stage` are read; `total` is an estimate where the file is
    /// compressed, never less than `done`.
    fn at(&mut self, stage: &str, done: u64, total: u64);

    /// A row was left out, or taken with a part missing.
    fn complaint(&mut self, complaint: &Complaint);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn at(&mut self, _stage: &str, _done: u64, _total: u64) {}
    fn complaint(&mut self, _complaint: &Complaint) {}
}

/// Something in the file that could not be used as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file, or the file inside an archive.
    pub file: String,
    /// The line in it, from 1; for binary formats the number of the element where there is one.
    pub line: Option<u64>,
    /// What is wrong and what was done, in a sentence.
    pub reason: String,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Entities handed on, by the short name of their type.
    pub entities: BTreeMap<String, u64>,
    /// Values with their moment handed on as history.
    pub history_values: u64,
    /// Rows read from tables, or elements from other formats.
    pub rows: u64,
    /// All complaints.
    pub complaint_count: u64,
    /// The first [`COMPLAINTS_KEPT_MAX`] of them.
    pub complaints: Vec<Complaint>,
    /// Parts of the file that are known and not imported, each with its reason.
    pub left_out: Vec<String>,
}

impl Report {
    /// Entities handed on, of all types.
    pub fn entity_count(&self) -> u64 {
        self.entities.values().sum()
    }
}

/// Complaints kept in a report: enough to see what is wrong; the rest is counted.
pub const COMPLAINTS_KEPT_MAX: usize = 1_000;
/// Bytes of JSON, roughly, in one batch: well below the body that a node takes.
pub const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Entities in one batch unless the caller says otherwise.
pub const BATCH_ENTITIES_DEFAULT: usize = 1_000;
/// Characters of an offending value shown in a complaint.
const SHOWN_CHARS_MAX: usize = 60;

/// The desk of one import: gathers batches and counts.
pub(crate) struct Out<'a> {
    sink: &'a mut dyn Sink,
    progress: &'a mut dyn Progress,
    report: Report,
    batch: Vec<Value>,
    batch_bytes: usize,
    history: Vec<Value>,
    history_bytes: usize,
    batch_entities_max: usize,
}

impl<'a> Out<'a> {
    pub(crate) fn new(
        sink: &'a mut dyn Sink,
        progress: &'a mut dyn Progress,
        batch_entities_max: usize,
    ) -> Self {
        Self {
            sink,
            progress,
            report: Report::default(),
            batch: Vec::new(),
            batch_bytes: 0,
            history: Vec::new(),
            history_bytes: 0,
            batch_entities_max: batch_entities_max.clamp(1, base::limits::BATCH_ENTITIES_MAX),
        }
    }

    /// Hands on one entity, sooner or later.
    pub(crate) fn entity(&mut self, file: &str, entity: Value) -> Result<(), Refused> {
        let bytes = size(&entity);
        if bytes > base::limits::ENTITY_BYTES_MAX {
            let id = entity.get("id").and_then(Value::as_str).unwrap_or_default();
            self.complain(
                file,
                None,
                format!("{} is larger than 4 MiB; left out", shown(id)),
            );
            return Ok(());
        }
        self.count(&entity);
        if self.batch_bytes + bytes > BATCH_BYTES_MAX {
            self.send_entities()?;
        }
        self.batch_bytes += bytes;
        self.batch.push(entity);
        if self.batch.len() >= self.batch_entities_max {
            self.send_entities()?;
        }
        Ok(())
    }

    /// Hands on a part of one entity's history that holds `values` values. Entities come first, so
    /// that the node knows the entity when its history arrives.
    pub(crate) fn history(&mut self, part: Value, values: u64) -> Result<(), Refused> {
        self.send_entities()?;
        let bytes = size(&part);
        self.report.history_values += values;
        if self.history_bytes + bytes > BATCH_BYTES_MAX {
            self.send_history()?;
        }
        self.history_bytes += bytes;
        self.history.push(part);
        if self.history.len() >= self.batch_entities_max {
            self.send_history()?;
        }
        Ok(())
    }

    fn count(&mut self, entity: &Value) {
        let kind = match entity.get("type") {
            Some(Value::Array(kinds)) => kinds.first(),
            other => other,
        };
        let name = kind.and_then(Value::as_str).unwrap_or("?");
        let short = name.rsplit(['/', '#']).next().unwrap_or(name);
        if let Some(count) = self.report.entities.get_mut(short) {
            *count += 1;
        } else {
            self.report.entities.insert(short.to_owned(), 1);
        }
    }

    fn send_entities(&mut self) -> Result<(), Refused> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            Ok(())
        } else {
            self.sink.entities(batch)
        }
    }

    fn send_history(&mut self) -> Result<(), Refused> {
        self.history_bytes = 0;
        let batch = std::mem::take(&mut self.history);
        if batch.is_empty() {
            Ok(())
        } else {
            self.sink.history(batch)
        }
    }

    /// Counts a row or element read.
    pub(crate) fn row(&mut self) {
        self.report.rows += 1;
    }

    /// Says that something could not be used.
    pub(crate) fn complain(&mut self, file: &str, line: Option<u64>, reason: impl Into<String>) {
        let complaint = Complaint {
            file: file.to_owned(),
            line,
            reason: reason.into(),
        };
        self.progress.complaint(&complaint);
        self.report.complaint_count += 1;
        if self.report.complaints.len() < COMPLAINTS_KEPT_MAX {
            self.report.complaints.push(complaint);
        }
    }

    /// Names a known part of the file that is not imported.
    pub(crate) fn left_out(&mut self, what: impl Into<String>) {
        self.report.left_out.push(what.into());
    }

    pub(crate) fn at(&mut self, stage: &str, done: u64, total: u64) {
        self.progress.at(stage, done, total.max(done));
    }

    /// Sends what is still here and closes the account.
    pub(crate) fn finish(mut self) -> Result<Report, Refused> {
        self.send_entities()?;
        self.send_history()?;
        Ok(self.report)
    }
}

/// A value from a file as a complaint shows it: quoted and short.
pub(crate) fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    format!("{text:?}")
}

/// Bytes of the value as JSON, roughly and never far below: what a batch is bounded by.
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 12,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(|item| 1 + size(item)).sum::<usize>(),
        Value::Object(map) => {
            2 + map
                .iter()
                .map(|(name, item)| name.len() + 4 + size(item))
                .sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Default)]
    struct Sizes(Vec<usize>);

    impl Sink for Sizes {
        fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
            self.0.push(batch.len());
            Ok(())
        }
        fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
            self.entities(batch)
        }
    }

    #[test]
    fn batches_are_bounded_by_number_and_by_bytes() {
        let mut sink = Sizes::default();
        let mut quiet = Quiet;
        let mut out = Out::new(&mut sink, &mut quiet, 3);
        for n in 0..7 {
            out.entity("f", json!({"id": format!("urn:x:{n}"), "type": "T"}))
                .unwrap();
        }
        let big = "x".repeat(BATCH_BYTES_MAX - 60);
        out.entity("f", json!({"id": "urn:x:big", "type": "T", "v": big}))
            .unwrap();
        let report = out.finish().unwrap();
        assert_eq!(sink.0, [3, 3, 1, 1]);
        assert_eq!(report.entities.get("T"), Some(&8));
    }

    #[test]
    fn an_entity_beyond_the_limit_is_left_out_and_said() {
        let mut sink = Sizes::default();
        let mut quiet = Quiet;
        let mut out = Out::new(&mut sink, &mut quiet, 3);
        let huge = "x".repeat(base::limits::ENTITY_BYTES_MAX);
        out.entity("f", json!({"id": "urn:x:huge", "type": "T", "v": huge}))
            .unwrap();
        let report = out.finish().unwrap();
        assert!(sink.0.is_empty());
        assert_eq!(
            report.complaints[0].to_string(),
            r#"f: "urn:x:huge" is larger than 4 MiB; left out"#
        );
    }

    #[test]
    fn complaints_beyond_the_first_thousand_are_only_counted() {
        let mut sink = Sizes::default();
        let mut quiet = Quiet;
        let mut out = Out::new(&mut sink, &mut quiet, 3);
        for line in 0..1_500 {
            out.complain("f", Some(line), "bad");
        }
        let report = out.finish().unwrap();
        assert_eq!(
            (report.complaint_count, report.complaints.len()),
            (1_500, 1_000)
        );
    }
}
