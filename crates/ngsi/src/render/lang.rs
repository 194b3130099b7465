//! The natural language of an answer [CIM-009 §4.15, RFC 4647 lookup].

use serde_json::{Map, Value};

/// The languages that a reader wants, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Languages(Vec<String>);

impl Languages {
    /// Reads an `Accept-Language` style list: `fr-CH, fr;q=0.9, *;q=0.5`.
    /// Weights that cannot be read count as 1.
    pub fn parse(text: &str) -> Self {
        let mut ranked: Vec<(f32, &str)> = text
            .split(',')
            .take(32)
            .filter_map(|part| {
                let mut pieces = part.split(';');
                let tag = pieces.next()?.trim();
                let weight = pieces
                    .find_map(|p| p.trim().strip_prefix("q="))
                    .and_then(|q| q.parse().ok())
                    .unwrap_or(1.0);
                (!tag.is_empty()).then_some((weight, tag))
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self(ranked.into_iter().map(|(_, tag)| tag.to_owned()).collect())
    }

    /// The best entry of a language map: tag and text. An exact tag comes before a longer or
    /// shorter one of the same language; without any match `@none`, then the first entry.
    pub fn choose<'m>(&self, map: &'m Map<String, Value>) -> Option<(&'m String, &'m Value)> {
        for wanted in &self.0 {
            if wanted == "*" {
                break;
            }
            let exact = map.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(wanted));
            let kin = || {
                map.iter()
                    .find(|(tag, _)| primary(tag).eq_ignore_ascii_case(primary(wanted)))
            };
            if let Some(found) = exact.or_else(kin) {
                return Some(found);
            }
        }
        map.iter()
            .find(|(tag, _)| *tag == "@none")
            .or_else(|| map.iter().next())
    }
}

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_best_language_that_is_there_is_chosen() {
        let Value::Object(map) = json!({"en": "e", "fr-CH": "f", "@none": "n"}) else {
            return;
        };
        let tag = |wanted: &str| {
            Languages::parse(wanted)
                .choose(&map)
                .map(|(t, _)| t.as_str())
        };
        assert_eq!(tag("fr"), Some("fr-CH"));
        assert_eq!(tag("de;q=0.9, en;q=0.5"), Some("en"));
        assert_eq!(tag("de"), Some("@none"));
        assert_eq!(tag("en-GB, fr;q=0.9"), Some("en"));
    }
}
