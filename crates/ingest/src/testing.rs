//! What the tests of importers share: a sink that keeps everything, and small archives.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use ngsi::parse::{Parser, Purpose};
use serde_json::Value;

use crate::error::ImportError;
use crate::import::{Format, Options, run};
use crate::out::{Progress, Quiet, Refused, Report, Sink};
use crate::source::Source;

/// A node will understand it: the parser of the standard does.
fn understood(entity: &Value, purpose: Purpose) {
    let mut plain = entity.clone();
    plain.as_object_mut().unwrap().remove("@context").unwrap();
    let core = jsonld::Context::core();
    if let Err(reason) = Parser::new(&core, purpose).entity(plain) {
        panic!("{reason:?}: {:.500}", entity.to_string());
    }
}

/// Keeps what it is given.
#[derive(Debug, Default)]
pub(crate) struct Collect {
    pub(crate) entities: BTreeMap<String, Value>,
    pub(crate) history: Vec<Value>,
    pub(crate) batches: usize,
}

impl Sink for Collect {
    fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        self.batches += 1;
        for entity in batch {
            understood(&entity, Purpose::Whole);
            let id = entity["id"].as_str().unwrap().to_owned();
            assert_eq!(
                self.entities.insert(id.clone(), entity),
                None,
                "{id} came twice"
            );
        }
        Ok(())
    }

    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        self.batches += 1;
        for entity in &batch {
            understood(entity, Purpose::Temporal);
        }
        self.history.extend(batch);
        Ok(())
    }
}

impl Collect {
    /// The JSON of an attribute, without its type.
    pub(crate) fn value(&self, id: &str, name: &str) -> &Value {
        let entity = self.entities.get(id).unwrap_or_else(|| panic!("no {id}"));
        let full = [
            name.to_owned(),
            format!("https://smartdatamodels.org/{name}"),
            format!("https://smartdatamodels.org/dataModel.UrbanMobility/{name}"),
            format!("https://smartdatamodels.org/dataModel.Transportation/{name}"),
            format!("https://smartdatamodels.org/dataModel.Building/{name}"),
            format!("https://smartdatamodels.org/dataModel.PointOfInterest/{name}"),
            format!("https://smartdatamodels.org/dataModel.Environment/{name}"),
            format!("https://smartdatamodels.org/dataModel.Alert/{name}"),
        ];
        let attribute = full
            .iter()
            .find_map(|name| entity.get(name))
            .unwrap_or(&Value::Null);
        ["value", "object", "json", "languageMap", "objectList"]
            .iter()
            .find_map(|key| attribute.get(key))
            .unwrap_or(&Value::Null)
    }
}

/// Imports bytes with the given options.
pub(crate) fn import(
    format: Format,
    name: &str,
    bytes: impl Into<Vec<u8>>,
    options: &Options,
) -> Result<(Collect, Report), ImportError> {
    let mut sink = Collect::default();
    let source = Source::bytes(name, bytes.into());
    let report = run(format, &source, options, &mut sink, &mut Quiet)?;
    Ok((sink, report))
}

/// The complaints as text.
pub(crate) fn complaints(report: &Report) -> Vec<String> {
    report.complaints.iter().map(ToString::to_string).collect()
}

/// Imports, and fails if anything reached the sink though the import ended with an error.
pub(crate) fn refused(format: Format, name: &str, bytes: impl Into<Vec<u8>>) -> ImportError {
    let mut sink = Collect::default();
    let source = Source::bytes(name, bytes.into());
    let error = run(format, &source, &Options::default(), &mut sink, &mut Quiet).unwrap_err();
    assert_eq!(sink.batches, 0, "something was handed on before {error}");
    error
}

/// A zip of these files.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Remembers the last state of progress and that it never ran backwards.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

impl Progress for Watch {
    fn at(&mut self, _stage: &str, done: u64, total: u64) {
        assert!(
            done >= self.done && done <= total,
            "{done} of {total} after {}",
            self.done
        );
        (self.done, self.total) = (done, total);
    }
    fn complaint(&mut self, _complaint: &crate::out::Complaint) {}
}
