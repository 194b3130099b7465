//! Any text in the tables of a GTFS feed is imported or complained of. The zip around them is sound:
//! a line `--- NAME` begins the file NAME.

#![no_main]

use std::io::{Cursor, Write as _};

use chorsu_fuzz::import::import;
use ingest::{Format, Options};
use zip::write::SimpleFileOptions;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for part in text.split("--- ").skip(1) {
        let (name, table) = part.split_once('\n').unwrap_or((part, ""));
        // A name that comes twice, or is too long, is no zip of this writer.
        if zip.start_file(name, plain).is_err() || zip.write_all(table.as_bytes()).is_err() {
            return;
        }
    }
    let Ok(bytes) = zip.finish() else { return };
    import(
        Format::Gtfs,
        "fuzz.zip",
        bytes.into_inner(),
        &Options::default(),
    );
});
