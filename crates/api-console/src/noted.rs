//! What the watch says, read once for all who ask.

use std::sync::Arc;

use hashbrown::HashMap;
use serde_json::Value;
use tiles::data::Severity;

/// The city now, as JSON and by entity.
#[derive(Debug)]
pub struct Noted {
    version: u64,
    text: Arc<str>,
    severities: HashMap<Box<str>, Severity>,
    attention: Vec<Value>,
}

impl Default for Noted {
    /// Before anything is known.
    fn default() -> Self {
        Self::new(0, &Value::Object(serde_json::Map::new()))
    }
}

impl Noted {
    /// Reads what stands at `GET /console/now`; `version` changes with it.
    pub fn new(version: u64, now: &Value) -> Self {
        let text = Arc::from(now.to_string());
        let attention = now["attention"].as_array().cloned().unwrap_or_default();
        let mut severities: HashMap<Box<str>, Severity> = HashMap::new();
        for item in &attention {
            let severity = item["severity"].as_str().and_then(Severity::parse);
            let Some(severity) = severity else { continue };
            // Several things gathered into one stand in its parameters.
            let gathered = item["params"]["entities"].as_array();
            let entities = gathered.into_iter().flatten().chain([&item["entity"]]);
            for entity in entities.filter_map(Value::as_str) {
                let worst = severities.entry(entity.into()).or_insert(severity);
                *worst = (*worst).max(severity);
            }
        }
        Self {
            version,
            text,
            severities,
            attention,
        }
    }

    /// With the severities of more entities than the list of what needs attention names.
    #[must_use]
    pub fn and<'e>(mut self, severities: impl Iterator<Item = (&'e str, Severity)>) -> Self {
        for (entity, severity) in severities {
            let worst = self.severities.entry(entity.into()).or_insert(severity);
            *worst = (*worst).max(severity);
        }
        self
    }

    /// Which it is.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A number that is another when other entities need attention.
    pub(crate) fn severities_version(&self) -> u64 {
        use std::hash::BuildHasher as _;
        let hasher = foldhash::fast::FixedState::default();
        let all = self.severities.iter().map(|pair| hasher.hash_one(pair));
        all.fold(0, u64::wrapping_add)
    }

    /// As it is sent.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The worst that needs attention at an entity.
    pub(crate) fn severity(&self, entity: &str) -> Option<Severity> {
        self.severities.get(entity).copied()
    }

    /// What needs attention at an entity.
    pub(crate) fn attention(&self, entity: &str) -> Vec<&Value> {
        let at = |item: &&Value| item["entity"].as_str() == Some(entity);
        self.attention.iter().filter(at).collect()
    }
}
