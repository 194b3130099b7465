//! A sink that holds importers to what they promise of everything they hand on.

use std::collections::HashSet;

use ingest::{Format, Options, Quiet, Refused, Sink, Source};
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use serde_json::Value;

/// Imports the bytes. Whatever is handed on must be NGSI-LD, and an id come once.
pub fn import(format: Format, name: &str, bytes: Vec<u8>, options: &Options) {
    let source = Source::bytes(name, bytes);
    let ours = !matches!(format, Format::Ngsi | Format::Csv);
    let mut sink = Strict {
        ids: HashSet::new(),
        ours,
    };
    // What cannot be imported is an error or a complaint; only that it ends is asked here.
    drop(ingest::run(format, &source, options, &mut sink, &mut Quiet));
}

struct Strict {
    ids: HashSet<String>,
    /// Whether names and values are the importer's own, and not those of a document or a mapping.
    ours: bool,
}

impl Sink for Strict {
    fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        assert!(!batch.is_empty(), "a batch has entities");
        for entity in batch.into_iter().filter(|_| self.ours) {
            let id = entity["id"]
                .as_str()
                .expect("an entity has an id")
                .to_owned();
            readable(entity, Purpose::Whole);
            assert!(self.ids.insert(id.clone()), "{id} came twice");
        }
        Ok(())
    }

    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        assert!(!batch.is_empty(), "a batch has entities");
        for entity in batch.into_iter().filter(|_| self.ours) {
            readable(entity, Purpose::Temporal);
        }
        Ok(())
    }
}

fn readable(entity: Value, purpose: Purpose) {
    let shown = entity.to_string();
    let context = Context::core();
    if let Err(problem) = Parser::new(&context, purpose).entity(entity) {
        panic!("{problem} in {shown}");
    }
}
