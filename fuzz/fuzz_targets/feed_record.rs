//! Any mapping and any payload of a feed give fragments or reasons: the mapping, `--- json`,
//! `--- csv` or `--- geojson`, and the payload.

#![no_main]

use chorsu_fuzz::NOW;
use ingest::records::{Mapper, Mapping, Shape};

const SHAPES: [(&str, Shape); 3] = [
    ("--- json\n", Shape::Json),
    ("--- csv\n", Shape::Csv),
    ("--- geojson\n", Shape::GeoJson),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((mapping, shape, payload)) = split(data) else {
        return;
    };
    let Ok(mapping) = Mapping::parse("fuzz.toml", mapping, &|_| Ok(Vec::new())) else {
        return;
    };
    let Ok(mapper) = Mapper::new(mapping, matches!(shape, Shape::GeoJson)) else {
        return;
    };
    let records = mapper.records(payload, shape, "");
    assert!(!records.is_empty(), "a payload without records says why");
    for record in records.into_iter().flatten() {
        let _made = mapper.map(&record, "city/air/1", NOW);
    }
});

fn split(data: &[u8]) -> Option<(&str, Shape, &[u8])> {
    SHAPES.into_iter().find_map(|(mark, shape)| {
        let at = data
            .windows(mark.len())
            .position(|part| part == mark.as_bytes())?;
        let mapping = std::str::from_utf8(&data[..at]).ok()?;
        Some((mapping, shape, &data[at + mark.len()..]))
    })
}
