//! What a caller would like of an answer, if it can be had: the `Prefer` header
//! [RFC 7240; CIM-009 §4.3.6.8, §6.3.6].

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use ngsi::conform::Version;

/// The header of a request.
static PREFER: HeaderName = HeaderName::from_static("prefer");
/// The header of an answer that says what was done.
static APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preferences that the node knows; others are passed over, as the RFC says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// `ngsi-ld=1.5`: the edition of the standard that the caller reads.
    pub(crate) version: Option<Version>,
    /// `body=json`: GeoJSON without an `@context` in it.
    pub(crate) plain_body: bool,
}

impl Preferences {
    /// Reads the headers. Of a preference that comes twice the first counts.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(&PREFER).iter();
        let words = lines.filter_map(|line| line.to_str().ok());
        let words = words.flat_map(|line| line.split(','));
        let mut preferences = Self::default();
        for word in words {
            let pair = word.split(';').next().unwrap_or("").split_once('=');
            let Some((name, value)) = pair else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "ngsi-ld" if preferences.version.is_none() => {
                    preferences.version = value.parse().ok();
                }
                "body" => preferences.plain_body |= value == "json",
                _ => {}
            }
        }
        preferences
    }

    /// Says in the headers of an answer with entities which edition it conforms to.
    pub(crate) fn say_version(self, headers: &mut HeaderMap) {
        if let Some(version) = self.version
            && let Ok(applied) = HeaderValue::try_from(format!("ngsi-ld={version}"))
        {
            headers.insert(APPLIED.clone(), applied);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_preferences_are_read_and_others_passed_over() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER.clone(), text.parse().expect("a header"));
            Preferences::read(&headers)
        };
        assert_eq!(read("respond-async, wait=10"), Preferences::default());
        let both = read("Body=\"json\"; x=1, ngsi-ld=1.5");
        assert!(both.plain_body && both.version == "1.5".parse().ok());
        assert_eq!(read("ngsi-ld=2.0").version, None);
        assert_eq!(read("body=ld+json"), Preferences::default());
    }
}
