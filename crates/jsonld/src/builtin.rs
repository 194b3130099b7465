//! The core contexts that ETSI has published, built in.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::context::Context;
use crate::define::Definer;
use crate::document::{ContextDocument, Part};

/// The URL of the core context that this node uses.
pub const CORE_URL: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld";

const V1_3: &str = include_str!("../contexts/ngsi-ld-core-context-v1.3.jsonld");
const V1_4: &str = include_str!("../contexts/ngsi-ld-core-context-v1.4.jsonld");
const V1_6: &str = include_str!("../contexts/ngsi-ld-core-context-v1.6.jsonld");
const V1_7: &str = include_str!("../contexts/ngsi-ld-core-context-v1.7.jsonld");
const V1_8: &str = include_str!("../contexts/ngsi-ld-core-context-v1.8.jsonld");
const V1_9: &str = include_str!("../contexts/ngsi-ld-core-context-v1.9.jsonld");

/// The JSON text of a core context by its URL, `http` or `https`; `None` for any other URL, also of a version that
/// was never published. A version of which there is no copy is served by the next later one, which only adds terms.
pub fn builtin(url: &str) -> Option<&'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let rest = rest.strip_prefix("uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")?;
    match rest.strip_suffix(".jsonld")? {
        "" | "-v1.9" => Some(V1_9),
        "-v1.0" | "-v1.1" | "-v1.2" | "-v1.3" => Some(V1_3),
        "-v1.4" => Some(V1_4),
        "-v1.5" | "-v1.6" => Some(V1_6),
        "-v1.7" => Some(V1_7),
        "-v1.8" => Some(V1_8),
        _ => None,
    }
}

/// Whether a URL names a published core context. Wherever one is referenced, the core that is in force anyway is meant.
pub fn is_core(url: &str) -> bool {
    builtin(url).is_some()
}

/// The core context, parsed once.
pub(crate) fn core() -> &'static Arc<Context> {
    static CORE: OnceLock<Arc<Context>> = OnceLock::new();
    CORE.get_or_init(|| Arc::new(parse(V1_9).expect("a test reads every built-in context")))
}

/// Reads a core context; `None` if it is none.
fn parse(text: &str) -> Option<Context> {
    let value: Value = serde_json::from_str(text).ok()?;
    let document = ContextDocument::parse_remote(&value).ok()?;
    let [Part::Local(terms)] = document.parts() else {
        return None;
    };
    let mut definer = Definer::new(None);
    definer.apply(terms).ok()?;
    let (layer, vocab) = definer.finish();
    Some(Context::of_core(layer, vocab?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_context_is_read() {
        for text in [V1_3, V1_4, V1_6, V1_7, V1_8, V1_9] {
            let context = parse(text).expect("a core context");
            assert_eq!(
                context.expand_term("location").unwrap(),
                "https://uri.etsi.org/ngsi-ld/location"
            );
            assert_eq!(
                context.vocab(),
                "https://uri.etsi.org/ngsi-ld/default-context/"
            );
        }
    }

    #[test]
    fn only_published_urls_are_core() {
        for url in [
            "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
            "http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.0.jsonld",
            "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.5.jsonld",
            CORE_URL,
        ] {
            assert!(is_core(url), "{url}");
        }
        for url in [
            "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-non-existing.jsonld",
            "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v2.0.jsonld",
            "https://evil.example/uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
            "ftp://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        ] {
            assert!(!is_core(url), "{url}");
        }
    }
}
