//! Why a connection ends, or cannot begin.

use base::Kind;

/// Why a connection ends, or cannot begin. [`Fault::code`] is what MQTT 5 says of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are no packet.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// The packet may not come here, or not like this.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The protocol or its version is not spoken here.
    #[error("the version of the protocol is neither 3.1.1 nor 5")]
    VersionUnsupported,
    /// The client id cannot be used.
    #[error("the client id is not valid: {0}")]
    ClientIdInvalid(&'static str),
    /// An authentication exchange that is not known here.
    #[error("authentication other than by user name and password is not supported")]
    AuthenticationUnsupported,
    /// The packet is longer than [`crate::PACKET_BYTES_MAX`].
    #[error("a packet of {bytes} bytes; at most {bytes_max} are taken")]
    PacketTooLarge {
        /// What was announced.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
    },
    /// The topic is none that can be published to.
    #[error("the topic name is not valid")]
    TopicInvalid,
    /// The topic alias was not set, or is larger than allowed.
    #[error("the topic alias is not valid")]
    TopicAliasInvalid,
    /// More messages without an answer than agreed.
    #[error("more unanswered messages than the Receive Maximum")]
    ReceiveMaximumExceeded,
    /// Nothing was heard within one and a half times the keep alive.
    #[error("nothing was heard within the keep alive")]
    KeepAliveTimeout,
    /// The greeting did not come in time.
    #[error("the connection was not made in time")]
    ConnectTimeout,
    /// Another connection came with the same client id.
    #[error("another connection took over the client id")]
    TakenOver,
    /// A message could not be stored: it has to come again.
    #[error("a message could not be stored")]
    NotStored,
    /// The node stops.
    #[error("the node stops")]
    Stopping,
    /// The other side closed the connection without a word.
    #[error("the connection was closed")]
    Closed,
    /// The other side ended the connection and said why.
    #[error("the broker ended the connection: {}", said(*code, reason))]
    Ended {
        /// The reason code of DISCONNECT.
        code: u8,
        /// The reason string, if one came.
        reason: String,
    },
    /// The broker did not let us in.
    #[error("the broker refused the connection: {}", said(*code, reason))]
    Refused {
        /// The code of CONNACK, of its version of the protocol.
        code: u8,
        /// The reason string, if one came.
        reason: String,
    },
    /// The broker did not grant the subscription.
    #[error("the broker refused the subscription to '{filter}' (code 0x{code:02x})")]
    SubscriptionRefused {
        /// The topic filter.
        filter: String,
        /// The code of SUBACK.
        code: u8,
    },
    /// The settings do not allow to connect there.
    #[error("{0}")]
    AddressForbidden(String),
    /// The network failed.
    #[error("{0}")]
    Network(String),
    /// The settings cannot be used.
    #[error("{0}")]
    SettingsInvalid(String),
}

fn said(code: u8, reason: &str) -> String {
    if reason.is_empty() {
        format!("code 0x{code:02x}")
    } else {
        format!("{reason} (code 0x{code:02x})")
    }
}

impl Fault {
    /// What can be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Malformed(_)
            | Self::Protocol(_)
            | Self::ClientIdInvalid(_)
            | Self::TopicInvalid
            | Self::TopicAliasInvalid
            | Self::SettingsInvalid(_) => Kind::Invalid,
            Self::VersionUnsupported | Self::AuthenticationUnsupported => Kind::Unsupported,
            Self::PacketTooLarge { .. } | Self::ReceiveMaximumExceeded => Kind::Limit,
            Self::Refused { .. } | Self::SubscriptionRefused { .. } | Self::AddressForbidden(_) => {
                Kind::Forbidden
            }
            Self::TakenOver => Kind::Conflict,
            Self::KeepAliveTimeout
            | Self::ConnectTimeout
            | Self::NotStored
            | Self::Stopping
            | Self::Closed
            | Self::Ended { .. }
            | Self::Network(_) => Kind::Unavailable,
        }
    }

    /// The reason code of MQTT 5 for DISCONNECT or CONNACK [MQTT5 §2.4]; `None` when there is nobody
    /// left to hear it.
    pub fn code(&self) -> Option<u8> {
        Some(match self {
            Self::Malformed(_) => 0x81,
            Self::Protocol(_) => 0x82,
            Self::NotStored => 0x83,
            Self::VersionUnsupported => 0x84,
            Self::ClientIdInvalid(_) => 0x85,
            Self::Stopping => 0x8B,
            Self::AuthenticationUnsupported => 0x8C,
            Self::KeepAliveTimeout => 0x8D,
            Self::TakenOver => 0x8E,
            Self::TopicInvalid => 0x90,
            Self::ReceiveMaximumExceeded => 0x93,
            Self::TopicAliasInvalid => 0x94,
            Self::PacketTooLarge { .. } => 0x95,
            Self::ConnectTimeout
            | Self::Closed
            | Self::Ended { .. }
            | Self::Refused { .. }
            | Self::SubscriptionRefused { .. }
            | Self::AddressForbidden(_)
            | Self::Network(_)
            | Self::SettingsInvalid(_) => return None,
        })
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Network(error.to_string())
    }
}
