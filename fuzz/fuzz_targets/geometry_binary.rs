//! Any bytes are a stored geometry or an error; what is a geometry is stored as the same one.

#![no_main]

use spatial::Geometry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let Ok(geometry) = Geometry::decode(&mut rest) else {
        return;
    };
    let mut bytes = Vec::new();
    geometry.encode(&mut bytes);
    let again = Geometry::decode(&mut bytes.as_slice()).expect("our own bytes are read");
    assert_eq!(again, geometry);
});
