//! What is sent to whom [CIM-009 §5.2.14, §5.2.15].

use std::time::Duration;

use base::Name;
use ngsi::query::Projection;
use ngsi::render::Format;

/// `NotificationParams` [CIM-009 §5.2.14].
#[derive(Debug, Clone)]
pub struct NotificationParams {
    /// Only these attributes, by expanded name; empty: all. It excludes a projection.
    pub attributes: Vec<Name>,
    /// What `pick` and `omit` leave.
    pub projection: Option<Projection>,
    /// How entities are written.
    pub format: Format,
    /// Whether `createdAt`, `modifiedAt` and their kin are shown.
    pub sys_attrs: bool,
    /// Whether the previous values are shown.
    pub show_changes: bool,
    /// How linked entities come with it.
    pub join: Join,
    /// Where it is sent.
    pub endpoint: Endpoint,
}

/// How linked entities come with a notification [CIM-009 §4.5.23].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Not at all.
    None,
    /// Beside the entity, over so many relationships in a row.
    Flat(usize),
    /// Within the relationship, over so many in a row.
    Inline(usize),
}

/// Where a notification is sent [CIM-009 §5.2.15].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub uri: Name,
    /// How it is brought there.
    pub transport: Transport,
    /// In which representation.
    pub accept: Accept,
    /// How long an answer is waited for, if said.
    pub timeout: Option<Duration>,
    /// How long nothing is sent after one failed, if said.
    pub cooldown: Option<Duration>,
    /// Headers for the receiver, by name, in order.
    pub receiver_info: Vec<(String, String)>,
    /// Settings for the notifier, such as `MQTT-QoS`, in order.
    pub notifier_info: Vec<(String, String)>,
}

impl Endpoint {
    /// The setting for the notifier of that name.
    pub fn notifier(&self, key: &str) -> Option<&str> {
        let mut info = self.notifier_info.iter();
        info.find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

/// How a notification is brought, by the scheme of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `http`, `https`.
    Http,
    /// `mqtt`, `mqtts` [CIM-009 §7].
    Mqtt,
    /// `events`: it waits for whoever listens to the subscription (SSE, WebSocket).
    Events,
}

/// The representation of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// `application/json`: the @context is named in a Link header.
    Json,
    /// `application/ld+json`: each entity names it.
    LdJson,
    /// `application/geo+json`.
    GeoJson,
}

impl Accept {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::LdJson => "application/ld+json",
            Self::GeoJson => "application/geo+json",
        }
    }
}
