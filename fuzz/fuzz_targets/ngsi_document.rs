//! Any bytes are NGSI-LD entities, in an array or one a line, or an error.

#![no_main]

use chorsu_fuzz::import::import;
use ingest::{Format, Options};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    import(
        Format::Ngsi,
        "fuzz.json",
        data.to_vec(),
        &Options::default(),
    );
});
