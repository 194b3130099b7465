//! Any bytes are an extract of OpenStreetMap, as PBF, XML or gzip of it, or an error.

#![no_main]

use chorsu_fuzz::import::import;
use ingest::{Format, Options};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    import(Format::Osm, "fuzz.osm", data.to_vec(), &Options::default());
});
