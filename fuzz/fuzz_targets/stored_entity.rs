//! Any bytes are a stored entity or damaged; what is an entity is stored as the same one.

#![no_main]

use base::Name;
use store_embedded::state::{Dictionary, decode, encode};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut dictionary = Dictionary::default();
    for name in [
        "urn:a", "/scope", "Type", "speed", "en", "GQ", "name", "kind",
    ] {
        dictionary.number(&Name::from(name));
    }
    let Ok(entity) = decode(data, &dictionary) else {
        return;
    };
    let mut bytes = Vec::new();
    encode(&entity, &mut dictionary, &mut bytes);
    let again = decode(&bytes, &dictionary).expect("our own bytes are read");
    let mut twice = Vec::new();
    encode(&again, &mut dictionary, &mut twice);
    assert_eq!(twice, bytes);
});
