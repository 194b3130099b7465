//! The definition of a feed: where payloads come from, how they are written, what they become.
//!
//! It is TOML or JSON. `[source]` is described by [`Source`]; the other sections are those of a
//! mapping of `chorsu import csv`, whose columns are paths into a record here.

use std::collections::BTreeMap;

use base::Tenant;
use ingest::records::{Mapper, Mapping, Shape};
use mqtt::Filter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::decode::Decoder;
use crate::error::FeedError;
use crate::secret::Secret;

/// Bytes of a definition: written by hand.
pub const DEFINITION_BYTES_MAX: usize = 256 * 1024;
/// Headers that a feed sends.
const HEADERS_MAX: usize = 32;
/// Topics that a feed subscribes to.
const TOPICS_MAX: usize = 100;
/// A URL is polled at most so often.
const EVERY_SECONDS_MIN: u32 = 1;
/// And at least once a week.
const EVERY_SECONDS_MAX: u32 = 7 * 86_400;

/// Where payloads come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Devices publish to the MQTT listener of this node.
    Listener,
    /// This node is a client of an MQTT broker.
    Mqtt,
    /// Somebody sends them over HTTP.
    Push,
    /// A URL is asked again and again.
    Poll,
    /// A URL tells Server-Sent Events.
    Sse,
}

impl Kind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Mqtt => "mqtt",
            Self::Push => "push",
            Self::Poll => "poll",
            Self::Sse => "sse",
        }
    }
}

/// How payloads are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON: one record, an array, or one a line.
    #[default]
    Json,
    /// Delimited text with a header.
    Csv,
    /// GeoJSON features.
    Geojson,
    /// GTFS-Realtime.
    GtfsRt,
    /// NGSI-LD entities.
    Ngsi,
}

/// `[source]`: where payloads come from and how they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The transport.
    pub kind: Kind,
    /// The format.
    #[serde(default)]
    pub format: Format,
    /// JSON pointer to the records in a payload; empty: the payload itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub records: String,
    /// Something is expected so often; without it the feed is never late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_every_seconds: Option<u32>,
    /// What it makes is marked as simulated.
    #[serde(default)]
    pub simulated: bool,
    /// The tenant that it writes to; the default one without.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Readings further ahead of the node's clock are refused; for simulated ones there is no
    /// such bound unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_max_seconds: Option<u32>,
    /// listener: the filter of topics, with `+` and `#`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// mqtt: the filters to subscribe to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// mqtt, poll, sse: where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// mqtt: 3 or 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
    /// mqtt: by default one from the feed's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// mqtt, poll, sse: the name to sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// mqtt, poll, sse: the word to sign in with; never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// mqtt: 0, 1 or 2; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<u8>,
    /// poll: seconds from one answer to the next question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u32>,
    /// poll, sse: headers to send; their values are never shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// sse: names of the events to take; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// gtfs-rt: the feed name that ids of its schedule carry; by default the feed's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}

fn check_filter(topic: &str) -> Result<(), FeedError> {
    let filter = topic.parse::<Filter>();
    filter
        .map(|_| ())
        .map_err(|reason| wrong(format!("[source] {reason}")))
}

fn yes() -> bool {
    true
}

/// A feed, as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Where payloads come from.
    pub source: Source,
    /// The sections of the mapping, as they were written.
    mapping: Map<String, Value>,
}

fn wrong(reason: impl Into<String>) -> FeedError {
    FeedError::Definition(reason.into())
}

impl Definition {
    /// Reads a definition from TOML or JSON. It can be used unless this is an error.
    pub fn parse(text: &str) -> Result<Self, FeedError> {
        if text.len() > DEFINITION_BYTES_MAX {
            return Err(wrong(format!("longer than {DEFINITION_BYTES_MAX} bytes")));
        }
        let value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|reason| wrong(reason.to_string()))?
        } else {
            toml::from_str(text).map_err(|reason| wrong(reason.to_string()))?
        };
        Self::from_json(value)
    }

    /// Takes a definition from its JSON.
    pub fn from_json(value: Value) -> Result<Self, FeedError> {
        let Value::Object(mut sections) = value else {
            return Err(wrong("it is an object with [source] and the mapping"));
        };
        let source = sections.remove("source");
        let source = source.ok_or_else(|| wrong("there is no [source]: say at least its kind"))?;
        let source: Source = serde_json::from_value(source)
            .map_err(|reason| wrong(format!("[source]: {reason}")))?;
        let definition = Self {
            source,
            mapping: sections,
        };
        definition.source.check()?;
        definition.decoder("feed")?;
        Ok(definition)
    }

    /// The definition as JSON; secrets are left out of sight.
    pub fn to_json(&self) -> Value {
        let mut shown = self.clone();
        let secrets = shown.source.headers.values_mut();
        for secret in secrets.chain(&mut shown.source.password) {
            *secret = Secret::hidden();
        }
        shown.to_kept()
    }

    /// The definition as JSON with all that it says: for the store.
    pub(crate) fn to_kept(&self) -> Value {
        let mut sections = Map::new();
        let source = serde_json::to_value(&self.source).unwrap_or_default();
        sections.insert("source".to_owned(), source);
        sections.extend(self.mapping.clone());
        Value::Object(sections)
    }

    /// Puts the secrets of the definition before into the places where they were only shown as
    /// hidden.
    pub(crate) fn with_secrets_of(mut self, before: Option<&Self>) -> Result<Self, FeedError> {
        let before = before.map(|before| &before.source);
        if self.source.password.as_ref().is_some_and(Secret::is_hidden) {
            self.source.password = before.and_then(|before| before.password.clone());
            if self.source.password.is_none() {
                return Err(wrong("[source] password is ***: write the real one"));
            }
        }
        for (name, secret) in &mut self.source.headers {
            if secret.is_hidden() {
                let known = before.and_then(|before| before.headers.get(name));
                let known = known.ok_or_else(|| {
                    wrong(format!(
                        "[source] header {name} is ***: write the real value"
                    ))
                })?;
                *secret = known.clone();
            }
        }
        Ok(self)
    }

    /// What turns its payloads into entities; `name` is that of the feed.
    pub(crate) fn decoder(&self, name: &str) -> Result<Decoder, FeedError> {
        let source = &self.source;
        let shape = match source.format {
            Format::Json => Shape::Json,
            Format::Csv => Shape::Csv,
            Format::Geojson => Shape::GeoJson,
            Format::GtfsRt | Format::Ngsi => {
                if let Some(section) = self.mapping.keys().next() {
                    return Err(wrong(format!(
                        "[{section}]: payloads of this format say themselves what they are; \
                         take the section out"
                    )));
                }
                return Ok(match source.format {
                    Format::GtfsRt => {
                        let schedule = source.schedule.as_deref().unwrap_or(name);
                        Decoder::GtfsRealtime(schedule.to_owned())
                    }
                    _ => Decoder::Ngsi,
                });
            }
        };
        if !source.records.is_empty() && !source.records.starts_with('/') {
            return Err(wrong(
                "[source] records is a JSON pointer such as /data/items",
            ));
        }
        let mapping = Value::Object(self.mapping.clone());
        let mapping = Mapping::live(name, mapping).map_err(|reason| wrong(reason.to_string()))?;
        let mapper = Mapper::new(mapping, shape == Shape::GeoJson).map_err(wrong)?;
        Ok(Decoder::Mapped {
            mapper: Box::new(mapper),
            shape,
            pointer: source.records.clone(),
        })
    }
}

impl Source {
    /// The tenant that it writes to.
    pub(crate) fn tenant(&self) -> Tenant {
        Tenant::new(&self.tenant).unwrap_or_default()
    }

    /// The filter of a listener.
    pub(crate) fn filter(&self) -> Option<Filter> {
        let topic = self
            .topic
            .as_deref()
            .filter(|_| self.kind == Kind::Listener)?;
        topic.parse().ok()
    }

    /// Whether a broker would be asked for the same by the same client.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.enabled == other.enabled
            && self.url == other.url
            && self.client_id == other.client_id
            && self.topics == other.topics
    }

    fn check(&self) -> Result<(), FeedError> {
        Tenant::new(&self.tenant).map_err(|reason| wrong(format!("[source] {reason}")))?;
        if self.expected_every_seconds == Some(0) {
            return Err(wrong("[source] expected_every_seconds is at least 1"));
        }
        if self.schedule.is_some() && self.format != Format::GtfsRt {
            return Err(wrong("[source] schedule is for format = \"gtfs-rt\""));
        }
        self.check_known()?;
        match self.kind {
            Kind::Push => Ok(()),
            Kind::Listener => match self.topic.as_deref() {
                Some(topic) => check_filter(topic),
                None => Err(wrong(
                    "[source] a listener needs a topic, such as city/air/+",
                )),
            },
            Kind::Mqtt => self.check_mqtt(),
            Kind::Poll => {
                let every = self.every_seconds.ok_or_else(|| {
                    wrong("[source] poll needs every_seconds: how often the URL is asked")
                })?;
                if !(EVERY_SECONDS_MIN..=EVERY_SECONDS_MAX).contains(&every) {
                    return Err(wrong("[source] every_seconds is 1 to 604800"));
                }
                self.check_web()
            }
            Kind::Sse => self.check_web(),
        }
    }

    /// What another kind would need is a mistake.
    fn check_known(&self) -> Result<(), FeedError> {
        use Kind as K;
        let said: [(&str, bool, &[K]); 11] = [
            ("topic", self.topic.is_some(), &[K::Listener]),
            ("topics", !self.topics.is_empty(), &[K::Mqtt]),
            ("url", self.url.is_some(), &[K::Mqtt, K::Poll, K::Sse]),
            ("version", self.version.is_some(), &[K::Mqtt]),
            ("client_id", self.client_id.is_some(), &[K::Mqtt]),
            ("qos", self.qos.is_some(), &[K::Mqtt]),
            ("user", self.user.is_some(), &[K::Mqtt, K::Poll, K::Sse]),
            (
                "password",
                self.password.is_some(),
                &[K::Mqtt, K::Poll, K::Sse],
            ),
            ("every_seconds", self.every_seconds.is_some(), &[K::Poll]),
            ("headers", !self.headers.is_empty(), &[K::Poll, K::Sse]),
            ("events", !self.events.is_empty(), &[K::Sse]),
        ];
        match said
            .iter()
            .find(|(_, said, kinds)| *said && !kinds.contains(&self.kind))
        {
            None => Ok(()),
            Some((key, _, _)) => Err(wrong(format!(
                "[source] {key} means nothing for kind = \"{}\": take it out",
                self.kind.word()
            ))),
        }
    }

    fn check_url(&self, schemes: &[&str]) -> Result<(), FeedError> {
        let example = format!("{}://example.org/…", schemes.first().unwrap_or(&"https"));
        let text = self.url.as_deref().ok_or_else(|| {
            wrong(format!(
                "[source] {} needs a url, such as {example}",
                self.kind.word()
            ))
        })?;
        let url = Url::parse(text).map_err(|reason| wrong(format!("[source] url: {reason}")))?;
        if !schemes.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong(format!("[source] url is one such as {example}")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "[source] url: write user and password as keys of their own",
            ));
        }
        Ok(())
    }

    fn check_mqtt(&self) -> Result<(), FeedError> {
        self.check_url(&["mqtt", "mqtts"])?;
        if self.topics.is_empty() || self.topics.len() > TOPICS_MAX {
            return Err(wrong(
                "[source] mqtt needs 1 to 100 topics, such as [\"city/#\"]",
            ));
        }
        for topic in &self.topics {
            check_filter(topic)?;
        }
        if !matches!(self.version, None | Some(3 | 5)) {
            return Err(wrong("[source] version is 3 or 5"));
        }
        if !matches!(self.qos, None | Some(0..=2)) {
            return Err(wrong("[source] qos is 0, 1 or 2"));
        }
        Ok(())
    }

    fn check_web(&self) -> Result<(), FeedError> {
        self.check_url(&["https", "http"])?;
        if self.headers.len() > HEADERS_MAX {
            return Err(wrong(format!("[source] more than {HEADERS_MAX} headers")));
        }
        crate::sources::headers(self).map(|_| ()).map_err(wrong)
    }
}
