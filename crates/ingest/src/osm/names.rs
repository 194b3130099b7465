//! Names in languages, addresses and ways to get in touch, from the tags of an element.

use serde_json::{Map, Value};

use super::element::Tags;
use crate::entity::{Text, is_language};

/// `name` and `name:xx` as one text; the plain name stands under `@none`, since the map does not
/// say which language it is in.
pub(super) fn name(tags: &Tags<'_>) -> Option<Text> {
    let translations: Vec<(String, String)> = tags
        .0
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("name:")?, *value)))
        .filter(|(language, value)| is_language(language) && !value.is_empty())
        .map(|(language, value)| (language.to_owned(), value.to_owned()))
        .collect();
    let plain = tags.text("name");
    (!plain.is_empty() || !translations.is_empty()).then(|| Text::with(plain, None, &translations))
}

/// The address in the terms of schema.org; `None` if there is none.
pub(super) fn address(tags: &Tags<'_>) -> Option<Value> {
    let mut map = Map::new();
    let mut put = |term: &str, value: &str| {
        if !value.is_empty() {
            map.insert(term.to_owned(), Value::from(value));
        }
    };
    put(
        "streetAddress",
        [tags.text("addr:street"), tags.text("addr:place")]
            .concat()
            .trim(),
    );
    put("streetNr", tags.text("addr:housenumber"));
    put("postalCode", tags.text("addr:postcode"));
    put("addressLocality", tags.text("addr:city"));
    put("district", tags.text("addr:district"));
    put("addressCountry", tags.text("addr:country"));
    (!map.is_empty()).then_some(Value::Object(map))
}

/// Telephone, e-mail and web site; `None` if there are none.
pub(super) fn contact(tags: &Tags<'_>) -> Option<Value> {
    let mut map = Map::new();
    for (term, key) in [
        ("telephone", "phone"),
        ("email", "email"),
        ("url", "website"),
    ] {
        let value = tags
            .get(key)
            .or_else(|| tags.get(&format!("contact:{key}")));
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            map.insert(term.to_owned(), Value::from(value));
        }
    }
    (!map.is_empty()).then_some(Value::Object(map))
}
