//! Any mapping and any table are imported or complained of: the mapping, `--- lookup` and a lookup
//! table, `--- table` and the table.

#![no_main]

use chorsu_fuzz::import::import;
use ingest::tabular::Mapping;
use ingest::{Format, Options};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (mapping, rest) = split(data, b"--- lookup\n");
    let (lookup, table) = split(rest, b"--- table\n");
    let Ok(mapping) = std::str::from_utf8(mapping) else {
        return;
    };
    let Ok(mapping) = Mapping::parse("fuzz.toml", mapping, &|_| Ok(lookup.to_vec())) else {
        return;
    };
    let options = Options {
        mapping: Some(mapping),
        ..Options::default()
    };
    import(Format::Csv, "fuzz.csv", table.to_vec(), &options);
});

fn split<'a>(data: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    match data.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&data[..at], &data[at + mark.len()..]),
        None => (data, &[]),
    }
}
