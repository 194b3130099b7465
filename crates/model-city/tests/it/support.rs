//! What the tests share.

use std::io::Cursor;

use base::Time;
use ingest::{Format, Options, Quiet, Refused, Report, Sink, Source};
use model_city::{City, Plan};
use ngsi::parse::{Parser, Purpose};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub(super) fn city(seed: u64, inhabitants: u32) -> City {
    City::build(&Plan {
        seed,
        inhabitants,
        sensors: None,
    })
}

pub(super) fn osm(city: &City) -> Vec<u8> {
    let mut bytes = Vec::new();
    city.write_osm(&mut bytes).unwrap();
    bytes
}

pub(super) fn gtfs(city: &City) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    city.write_gtfs(&mut bytes).unwrap();
    bytes.into_inner()
}

pub(super) fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) fn time(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// A node will understand it: the parser of the standard does.
pub(super) fn understood(entity: &Value, purpose: Purpose) {
    let mut plain = entity.clone();
    plain.as_object_mut().unwrap().remove("@context").unwrap();
    let core = jsonld::Context::core();
    if let Err(reason) = Parser::new(&core, purpose).entity(plain) {
        panic!("{reason:?}: {:.500}", entity.to_string());
    }
}

#[derive(Debug, Default)]
pub(super) struct Collect(pub(crate) Vec<Value>);

impl Sink for Collect {
    fn entities(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        self.0.extend(batch);
        Ok(())
    }
    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        self.0.extend(batch);
        Ok(())
    }
}

/// Imports bytes as `chorsu import` would.
pub(super) fn import(format: Format, name: &str, bytes: Vec<u8>) -> (Vec<Value>, Report) {
    let mut sink = Collect::default();
    let options = Options {
        feed: (format != Format::Osm).then(|| "navrud".to_owned()),
        ..Options::default()
    };
    let report = ingest::run(
        format,
        &Source::bytes(name, bytes),
        &options,
        &mut sink,
        &mut Quiet,
    )
    .unwrap();
    (sink.0, report)
}
