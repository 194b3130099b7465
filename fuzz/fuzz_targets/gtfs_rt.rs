//! Any bytes are a GTFS-Realtime message or an error.

#![no_main]

use chorsu_fuzz::import::import;
use ingest::{Format, Options};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    import(
        Format::GtfsRealtime,
        "fuzz.pb",
        data.to_vec(),
        &Options::default(),
    );
});
