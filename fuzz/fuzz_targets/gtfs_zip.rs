//! Any bytes are a GTFS zip or an error.

#![no_main]

use chorsu_fuzz::import::import;
use ingest::{Format, Options};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    import(Format::Gtfs, "fuzz.zip", data.to_vec(), &Options::default());
});
