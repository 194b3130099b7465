//! Any GeoJSON is a geometry or an error; what is a geometry is printed as the same one.

#![no_main]

use serde_json::Value;
use spatial::Geometry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Ok(geometry) = Geometry::from_geojson(&value) else {
        return;
    };
    let again = Geometry::from_geojson(&geometry.to_geojson()).expect("our own GeoJSON is read");
    assert_eq!(again, geometry);
    let mut bytes = Vec::new();
    geometry.encode(&mut bytes);
    let decoded = Geometry::decode(&mut bytes.as_slice()).expect("our own bytes are read");
    assert_eq!(decoded, geometry);
    let envelope = geometry.envelope();
    assert!(envelope.contains(&envelope));
    let _centre = geometry.centroid();
});
