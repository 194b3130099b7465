//! The folder of real data, and a sink that counts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ingest::{Format, Options, Quiet, Refused, Report, Sink, Source};
use ngsi::parse::{Parser, Purpose};
use serde_json::Value;

/// A file of the real data; `None`, said aloud, when it is not here.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no settings to take the folder from"
)]
pub(crate) fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var("CHORSU_DATA").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = folder.join(path);
    if file.exists() {
        return Some(file);
    }
    println!("SKIPPED: {} is not here; set CHORSU_DATA", file.display());
    None
}

/// A node will understand it: the parser of the standard does.
fn understood(entity: &Value, purpose: Purpose) {
    let mut plain = entity.clone();
    plain
        .as_object_mut()
        .expect("an object")
        .remove("@context")
        .expect("a context");
    let core = jsonld::Context::core();
    if let Err(reason) = Parser::new(&core, purpose).entity(plain) {
        panic!("{reason:?}: {:.500}", entity.to_string());
    }
}

/// Keeps the latest of every entity, and all history by id and attribute.
#[derive(Debug, Default)]
pub(crate) struct City {
    pub(crate) entities: BTreeMap<String, Value>,
    pub(crate) history: BTreeMap<(String, String), Vec<(String, Value)>>,
}

impl Sink for City {
    fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        for entity in batch {
            understood(&entity, Purpose::Whole);
            let id = entity["id"].as_str().expect("an id").to_owned();
            assert_eq!(
                self.entities.insert(id.clone(), entity),
                None,
                "{id} came twice"
            );
        }
        Ok(())
    }

    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        // The parts of a history are alike: some of them show what a node makes of all.
        batch
            .iter()
            .step_by(16)
            .for_each(|part| understood(part, Purpose::Temporal));
        for entity in batch {
            let id = entity["id"].as_str().expect("an id").to_owned();
            for (name, instances) in entity.as_object().expect("an object") {
                for instance in instances.as_array().into_iter().flatten() {
                    let time = instance["observedAt"].as_str().expect("a time").to_owned();
                    let values = self.history.entry((id.clone(), name.clone())).or_default();
                    values.push((time, instance["value"].clone()));
                }
            }
        }
        Ok(())
    }
}

impl City {
    /// Imports a real file, or says that it is skipped.
    pub(crate) fn import(format: Format, path: &str, options: &Options) -> Option<(Self, Report)> {
        let source = Source::file(data(path)?);
        let mut city = Self::default();
        let report = ingest::run(format, &source, options, &mut city, &mut Quiet).expect(path);
        Some((city, report))
    }

    /// How many entities have this type.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let end = format!("/{kind}");
        let is = |entity: &&Value| {
            entity["type"]
                .as_str()
                .is_some_and(|name| name == kind || name.ends_with(&end))
        };
        self.entities.values().filter(is).count()
    }
}

/// Options that name the feed.
pub(crate) fn feed(name: &str) -> Options {
    Options {
        feed: Some(name.to_owned()),
        ..Options::default()
    }
}
