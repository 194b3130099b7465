//! The forms that a name can have: keyword, compact IRI, absolute IRI.

/// The keywords of JSON-LD 1.1 [JSON-LD §1.7].
const KEYWORDS: [&str; 23] = [
    "@base",
    "@container",
    "@context",
    "@direction",
    "@graph",
    "@id",
    "@import",
    "@included",
    "@index",
    "@json",
    "@language",
    "@list",
    "@nest",
    "@none",
    "@prefix",
    "@propagate",
    "@protected",
    "@reverse",
    "@set",
    "@type",
    "@value",
    "@version",
    "@vocab",
];

/// Whether this is a keyword of JSON-LD 1.1, such as `@id`.
pub fn is_keyword(text: &str) -> bool {
    text.starts_with('@') && KEYWORDS.contains(&text)
}

/// Whether this has the form that JSON-LD reserves for keywords: `@` and letters.
pub(crate) fn is_keyword_like(text: &str) -> bool {
    text.strip_prefix('@')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Whether this is an absolute IRI: a scheme, a colon, and no character that no IRI may hold
/// [RFC 3987 §2.2].
pub fn is_iri(text: &str) -> bool {
    let never = |byte| {
        matches!(
            byte,
            b' ' | b'<' | b'>' | b'"' | b'{'..=b'}' | b'\\' | b'^' | b'`'
        )
    };
    has_scheme(text) && !text.bytes().any(never)
}

/// Whether this is to be read as an absolute IRI: a scheme, a colon, and no control character. Published contexts
/// hold IRIs with spaces, so less than [`is_iri`] is asked where names are read.
pub(crate) fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let mut bytes = scheme.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !rest.bytes().any(|byte| byte.is_ascii_control())
}

/// Whether this is a blank node identifier.
pub(crate) fn is_blank(text: &str) -> bool {
    text.starts_with("_:")
}

/// The two sides of what may be a compact IRI; `None` for blank nodes, `scheme://…`, and names without a colon
/// [JSON-LD-API §5.2.2].
pub(crate) fn split_compact(text: &str) -> Option<(&str, &str)> {
    let (prefix, suffix) = text.split_once(':')?;
    (!prefix.is_empty() && prefix != "_" && !suffix.starts_with("//")).then_some((prefix, suffix))
}

/// Whether an IRI ends so that a simple term for it may serve as a prefix [JSON-LD-API §4.2.2].
pub(crate) fn ends_as_prefix(iri: &str) -> bool {
    iri.ends_with([':', '/', '?', '#', '[', ']', '@']) || is_blank(iri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_name_is_seen() {
        assert!(is_iri("urn:ngsi-ld:Vehicle:A1"));
        assert!(is_iri("https://example.org/ü"));
        assert!(!is_iri("speed"));
        assert!(!is_iri("1a:b"));
        assert!(!is_iri("a b:c"));
        assert!(!is_iri("a:b c"));
        assert!(!is_iri(":"));
        assert!(has_scheme("a:b c") && !has_scheme("a b:c") && !has_scheme("a:\n"));
        assert!(is_keyword("@id") && is_keyword_like("@ignored"));
        assert!(!is_keyword("@ignored") && !is_keyword("id") && !is_keyword_like("@1"));
        assert_eq!(split_compact("a:b:c"), Some(("a", "b:c")));
        assert_eq!(split_compact("http://x"), None);
        assert_eq!(split_compact("_:b0"), None);
        assert_eq!(split_compact(":x"), None);
    }
}
