//! The lexical rules: names, URIs, scopes, date-times [CIM-009 §4.6].

use base::{Name, Time, limits};
use serde_json::Value;

use super::ParseError;

/// Terms of the core @context for members that are no attributes and never name one
/// [CIM-009 §4.5.1].
const RESERVED: [&str; 27] = [
    "@graph",
    "@id",
    "@json",
    "@language",
    "@list",
    "@none",
    "@set",
    "@type",
    "@value",
    "coordinates",
    "createdAt",
    "datasetId",
    "dataset",
    "deletedAt",
    "entity",
    "entityIdSealed",
    "entityList",
    "entityTypeSealed",
    "expiresAt",
    "instanceId",
    "modifiedAt",
    "objectType",
    "observedAt",
    "previousObject",
    "previousValue",
    "unitCode",
    "valueType",
];

/// Whether the name is a term of the core @context that cannot name an attribute.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether the name is that of a member of an entity or attribute, which another name must not
/// become when it is shown.
pub fn is_member(name: &str) -> bool {
    matches!(
        name,
        "id" | "type"
            | "scope"
            | "value"
            | "object"
            | "languageMap"
            | "vocab"
            | "json"
            | "valueList"
            | "objectList"
    )
}

/// Checks the name of a type or an attribute [CIM-009 §4.6.2]: a letter, then letters, digits and
/// `_`, perhaps after a prefix and a colon; or a whole URI.
/// `-` and `.` are let through too: names in the field carry them, and nothing is ambiguous.
pub fn name(text: &str) -> Result<(), ParseError> {
    let bad = || {
        let shown: String = text.chars().take(64).collect();
        ParseError::here(format!(
            "'{shown}' is no name: it must begin with a letter and have letters, digits and '_'"
        ))
    };
    if text.len() > limits::URI_BYTES_MAX {
        return Err(bad());
    }
    if text.contains("://") || text.starts_with("urn:") {
        return if is_uri(text) { Ok(()) } else { Err(bad()) };
    }
    let parts = text.split(':');
    let mut count = 0;
    for part in parts {
        count += 1;
        let mut chars = part.chars();
        let first = chars.next().ok_or_else(bad)?;
        let rest_fits = chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !first.is_alphabetic() && first != '_' || !rest_fits {
            return Err(bad());
        }
    }
    if count > 2 { Err(bad()) } else { Ok(()) }
}

/// Whether the text is an absolute URI or IRI without characters that hide or quote
/// [RFC 3986, RFC 3987].
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    scheme_fits
        && !rest.is_empty()
        && text.len() <= limits::URI_BYTES_MAX
        && rest.chars().all(is_uri_char)
}

fn is_uri_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic()
            && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
    }
    !is_hidden(c)
}

/// Characters that show as nothing or as something else, so that two ids would look the same.
fn is_hidden(c: char) -> bool {
    let code = u32::from(c);
    c.is_control()
        || c.is_whitespace()
        || code & 0xFFFE == 0xFFFE
        || matches!(
            code,
            0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
                | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
                | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
                | 0xFFF0..=0xFFFF | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF | 0xF0000..=0x0010_FFFF
        )
}

/// A URI, or why it is none.
pub fn uri(text: &str) -> Result<Name, ParseError> {
    if is_uri(text) {
        Ok(Name::from(text))
    } else {
        let shown: String = text.chars().take(64).collect();
        Err(ParseError::here(format!(
            "'{}' is no URI: write it as urn:ngsi-ld:Room:12",
            shown.escape_debug()
        )))
    }
}

/// A URI in a JSON string.
pub fn uri_value(value: &Value) -> Result<Name, ParseError> {
    match value.as_str() {
        Some(text) => uri(text),
        None => Err(ParseError::here("must be a URI in a string")),
    }
}

/// A scope: `/` before each level, a level being a letter and then letters, digits and `_`
/// [CIM-009 §4.18]. The first `/` may be left out; it is put in.
pub fn scope(text: &str) -> Result<Name, ParseError> {
    let levels = text.strip_prefix('/').unwrap_or(text);
    let fits = text.len() <= limits::URI_BYTES_MAX
        && levels.split('/').all(|level| {
            level.starts_with(char::is_alphabetic)
                && level.chars().all(|c| c.is_alphanumeric() || c == '_')
        });
    if !fits {
        let shown: String = text.chars().take(64).collect();
        return Err(ParseError::here(format!(
            "'{shown}' is no scope: write it as /Madrid/Gardens, each level beginning with a letter"
        )));
    }
    Ok(if text.starts_with('/') {
        Name::from(text)
    } else {
        Name::from(format!("/{text}"))
    })
}

/// A date-time in UTC, ending in `Z` [CIM-009 §4.6.3].
pub fn date_time(value: &Value) -> Result<Time, ParseError> {
    let must = || ParseError::here("must be a UTC date-time such as 2026-11-22T08:30:00Z");
    let text = value.as_str().ok_or_else(must)?;
    if !text.ends_with('Z') {
        return Err(must());
    }
    Time::parse(text).map_err(|_no_time| must())
}

/// A language tag of a languageMap: not empty, letters, digits and `-`, or `@none`.
pub fn is_language(tag: &str) -> bool {
    tag == "@none"
        || (!tag.is_empty()
            && tag.len() <= 64
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_a_letter() {
        for good in [
            "speed",
            "výška_1",
            "ngsi-ld:thing",
            "https://example.org/a#b",
            "温度",
        ] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "9lives",
            "my attr",
            "a:b:c",
            "a:",
            ":a",
            "http://a b",
            "<x>",
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_uri_hides_nothing() {
        for good in [
            "urn:ngsi-ld:Room:1",
            "urn:x:Par\u{ed}s",
            "http://a/b?c=d#e",
            "did:web:x",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in [
            "Room1",
            "urn:",
            "urn:a b",
            "urn:a\u{200b}",
            "urn:a<b",
            "1a:b",
            "urn:\u{ffa0}",
        ] {
            assert!(!is_uri(bad), "{}", bad.escape_debug());
        }
    }

    #[test]
    fn a_scope_has_levels_of_letters() {
        assert_eq!(scope("Madrid/Gardens").as_deref(), Ok("/Madrid/Gardens"));
        for bad in ["", "/", "/a//b", "9bad", "a-b", crate::NULL] {
            assert!(scope(bad).is_err(), "{bad}");
        }
    }
}
