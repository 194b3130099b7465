//! Any JSON is an entity or an error; an entity that is rendered reads as the same entity.

#![no_main]

use chorsu_fuzz::NOW;
use jsonld::Context;
use ngsi::parse::{Parser, Purpose, lexical};
use ngsi::render::{Format, Out, Renderer};
use ngsi::{Attribute, Entity};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let context = Context::core();
    for purpose in [Purpose::Update, Purpose::Merge, Purpose::Temporal] {
        // Only that it ends: what a fragment does is decided elsewhere.
        drop(Parser::new(&context, purpose).fragment(value.clone()));
    }
    let Ok(fragment) = Parser::new(&context, Purpose::Whole).entity(value) else {
        return;
    };
    let entity = fragment.into_entity(NOW).expect("a whole entity has an id");
    for format in [Format::Normalized, Format::Concise] {
        let first = rendered(&context, &entity, format);
        let value = serde_json::from_str(&first).expect("what is rendered is JSON");
        let again = Parser::new(&context, Purpose::Whole).entity(value);
        // A whole IRI may name an attribute or a type; its short form need not be a name.
        let of_its_own = entity.attributes.iter().any(has_an_iri_of_its_own)
            || entity.types.iter().any(|name| is_an_iri_of_its_own(name));
        if again.is_err() && of_its_own {
            continue;
        }
        let again = again.unwrap_or_else(|e| panic!("{e} in our own {first}"));
        let again = again.into_entity(NOW).expect("a whole entity has an id");
        assert_eq!(rendered(&context, &again, format), first);
    }
    let simplified = rendered(&context, &entity, Format::Simplified);
    serde_json::from_str::<Value>(&simplified).expect("what is rendered is JSON");
});

fn has_an_iri_of_its_own(attribute: &Attribute) -> bool {
    is_an_iri_of_its_own(&attribute.name) || attribute.sub.iter().any(has_an_iri_of_its_own)
}

fn is_an_iri_of_its_own(name: &str) -> bool {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let core = name.strip_prefix("https://uri.etsi.org/ngsi-ld/");
    !core.is_some_and(|name| match name.strip_prefix("default-context/") {
        Some(name) => plain(name) && !lexical::is_reserved(name),
        None => plain(name),
    })
}

fn rendered(context: &Context, entity: &Entity, format: Format) -> String {
    let mut renderer = Renderer::new(context, NOW);
    renderer.format = format;
    let mut out = Out::with_capacity(256);
    renderer.entity(&mut out, entity, None);
    out.into_string()
}
