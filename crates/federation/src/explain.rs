//! Which source gave what, how long it took, and why one is missing.
//!
//! Every ask of an operation is noted here. From the notes come the `NGSILD-Warning` headers of an
//! answer [CIM-009 §6.3.17] and the report of `POST /federation/explain`.

use std::collections::BTreeMap;

use base::{Name, Time};
use http::{HeaderMap, HeaderName};
use ngsi::Entity;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::forward::SourceError;

/// Asks that one operation notes; what is beyond them is counted alone.
const ASKS_MAX: usize = 10_000;

/// Warnings of sources that one answer passes on.
const PASSED_ON_MAX: usize = 100;
/// What is missing of an answer [CIM-009 §6.3.17].
const WARNING: HeaderName = HeaderName::from_static("ngsild-warning");

/// One ask: what a source was asked, and what came of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The registration by which the source is known; none: this node itself.
    pub registration: Option<Name>,
    /// Where it is.
    pub endpoint: String,
    /// `inclusive`, `exclusive`, `redirect` or `auxiliary`.
    pub mode: &'static str,
    /// Method and target; empty for this node itself.
    pub request: String,
    /// When it was asked.
    pub at: Time,
    /// How long it took, in microseconds.
    pub took_micros: i64,
    /// Entities that it gave.
    pub entities: usize,
    /// Attributes that it gave, by expanded name; each once.
    pub attributes: Vec<Name>,
    /// Why it gave nothing.
    pub missing: Option<SourceError>,
    /// Whether that belongs into a warning: a source that is passed over because the request came
    /// by it is not missing [CIM-009 §6.3.18].
    pub is_warning: bool,
}

/// The notes of one operation.
#[derive(Debug, Default)]
pub struct Explain {
    asked: Mutex<Vec<Asked>>,
    origins: Mutex<Option<Origins>>,
    /// Warnings that sources gave with their answers.
    passed_on: Mutex<Vec<String>>,
}

/// Of each entity, which source gave each of its attributes; none: this node itself.
type Origins = BTreeMap<Name, Vec<(Name, Option<Name>)>>;

impl Explain {
    /// Notes an ask; the answer is its place, for [`Explain::gave`].
    pub fn note(&self, asked: Asked) -> usize {
        let mut all = self.asked.lock();
        if all.len() < ASKS_MAX {
            all.push(asked);
        }
        all.len() - 1
    }

    /// Notes what an ask brought.
    pub fn gave(&self, place: usize, entities: &[Entity]) {
        if let Some(asked) = self.asked.lock().get_mut(place) {
            asked.entities += entities.len();
            for attribute in entities.iter().flat_map(|entity| &entity.attributes) {
                if !asked.attributes.contains(&attribute.name) {
                    asked.attributes.push(attribute.name.clone());
                }
            }
        }
    }

    /// Notes that what an ask brought cannot be used.
    pub fn failed(&self, place: usize, error: SourceError) {
        if let Some(asked) = self.asked.lock().get_mut(place) {
            asked.missing = Some(error);
            asked.is_warning = true;
        }
    }

    /// Notes that who gave which attribute is to be kept as well.
    pub fn want_origins(&self) {
        self.origins.lock().get_or_insert_default();
    }

    pub(crate) fn wants_origins(&self) -> bool {
        self.origins.lock().is_some()
    }

    /// Notes who gave the attributes of an entity.
    pub(crate) fn origin<'n>(
        &self,
        id: &Name,
        origins: impl Iterator<Item = (&'n Name, Option<Name>)>,
    ) {
        if let Some(all) = &mut *self.origins.lock() {
            let origins = origins.map(|(name, source)| (name.clone(), source));
            // A whole that was made of parts once is a single part when it is looked at again.
            all.entry(id.clone()).or_insert_with(|| origins.collect());
        }
    }

    /// Which source gave each attribute of the entities, as JSON; names as `short` writes them.
    pub fn origins(&self, short: &dyn Fn(&str) -> String) -> Value {
        let mut report = Map::new();
        for (id, attributes) in self.origins.lock().iter().flatten() {
            let mut of_one = Map::new();
            for (name, source) in attributes {
                let sources = of_one.entry(short(name)).or_insert_with(|| json!([]));
                let source = source.as_deref().unwrap_or("here");
                if let Value::Array(sources) = sources
                    && !sources.iter().any(|known| known == source)
                {
                    sources.push(json!(source));
                }
            }
            report.insert(id.to_string(), Value::Object(of_one));
        }
        Value::Object(report)
    }

    /// Notes the warnings that a source gave with its answer: what is missing there is missing here.
    pub(crate) fn pass_on(&self, headers: &HeaderMap) {
        let warnings = headers.get_all(WARNING).iter();
        for warning in warnings.filter_map(|value| value.to_str().ok()) {
            let mut passed_on = self.passed_on.lock();
            if passed_on.len() < PASSED_ON_MAX && !passed_on.iter().any(|known| known == warning) {
                passed_on.push(warning.to_owned());
            }
        }
    }

    /// Every ask so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// Whether nothing that was asked for is missing.
    pub fn is_whole(&self) -> bool {
        !self.asked.lock().iter().any(|asked| asked.is_warning) && self.passed_on.lock().is_empty()
    }

    /// The values of the `NGSILD-Warning` headers: one for every source that is missing, and those
    /// that sources gave themselves.
    pub fn warnings(&self, agent: &str) -> Vec<String> {
        let mut warnings = self.passed_on.lock().clone();
        for asked in self.asked.lock().iter().filter(|asked| asked.is_warning) {
            let Some(missing) = &asked.missing else {
                continue;
            };
            let source = asked.registration.as_deref().unwrap_or_default();
            let text = quotable(&format!("{source}: {missing}"));
            let warning = format!("{} {agent} \"{text}\"", missing.code());
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        warnings
    }

    /// The report as JSON; names as `short` writes them.
    pub fn report(&self, short: &dyn Fn(&str) -> String) -> Value {
        let one = |asked: &Asked| {
            let mut report = json!({
                "endpoint": asked.endpoint,
                "mode": asked.mode,
                "request": asked.request,
                "askedAt": asked.at.to_string(),
                "tookMilliseconds": millis(asked.took_micros),
                "entities": asked.entities,
                "attributes": asked.attributes.iter().map(|name| short(name)).collect::<Vec<_>>(),
            });
            if let Some(id) = &asked.registration {
                report["registrationId"] = json!(id);
            }
            if let Some(missing) = &asked.missing {
                report["missing"] =
                    json!({ "reason": missing.word(), "detail": missing.to_string() });
            }
            report
        };
        Value::Array(self.asked.lock().iter().map(one).collect())
    }
}

/// Milliseconds with three decimals, as JSON.
pub fn millis(micros: i64) -> Value {
    let micros = i32::try_from(micros.max(0)).unwrap_or(i32::MAX);
    json!(f64::from(micros) / 1_000.0)
}

/// What may stand within the quotes of a header.
fn quotable(text: &str) -> String {
    let fit = |c: char| match c {
        '"' | '\\' => '\'',
        c if c.is_ascii_graphic() || c == ' ' => c,
        _ => '?',
    };
    text.chars().take(300).map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ngsi::{Attribute, AttributeValue};

    fn asked(missing: Option<SourceError>, is_warning: bool) -> Asked {
        Asked {
            registration: Some("urn:r:1".into()),
            endpoint: "http://a".to_owned(),
            mode: "inclusive",
            request: "GET /entities".to_owned(),
            at: Time::default(),
            took_micros: 1_500,
            entities: 0,
            attributes: Vec::new(),
            missing,
            is_warning,
        }
    }

    #[test]
    fn every_missing_source_makes_one_warning_that_a_header_can_hold() {
        let explain = Explain::default();
        explain.note(asked(None, false));
        explain.note(asked(Some(SourceError::Loop), false));
        let spoilt = explain.note(asked(None, false));
        explain.note(asked(
            Some(SourceError::Unreachable("\"x\"\n".to_owned())),
            true,
        ));
        explain.note(asked(Some(SourceError::Refused(403)), true));
        assert!(!explain.is_whole());
        explain.failed(spoilt, SourceError::BadReply("no JSON".to_owned()));
        assert_eq!(
            explain.warnings("here"),
            [
                "111 here \"urn:r:1: its answer cannot be used: no JSON\"",
                "199 here \"urn:r:1: it cannot be reached: 'x'?\"",
                "299 here \"urn:r:1: it answered with status 403\"",
            ]
        );
    }

    #[test]
    fn the_report_says_who_gave_what_and_who_is_missing() {
        let explain = Explain::default();
        let place = explain.note(asked(None, false));
        let attribute = Attribute::new("https://a/x".into(), AttributeValue::Property(json!(1)));
        let entity = Entity {
            id: "urn:e".into(),
            types: Vec::new(),
            scope: Vec::new(),
            created_at: Time::default(),
            modified_at: Time::default(),
            expires_at: None,
            attributes: vec![attribute],
        };
        explain.gave(place, &[entity.clone(), entity]);
        explain.note(asked(Some(SourceError::CoolingDown), true));
        let report = explain.report(&|name| name.replace("https://a/", ""));
        assert_eq!(report[0]["entities"], 2);
        assert_eq!(report[0]["attributes"], json!(["x"]));
        assert_eq!(report[0]["tookMilliseconds"], json!(1.5));
        assert_eq!(report[1]["missing"]["reason"], "breaker");
    }
}
