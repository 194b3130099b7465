//! Why a source gave nothing.

use base::Kind;
use ports::OutboundError;

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The request had come by here, or by the source, already [CIM-009 §6.3.18].
    #[error("the request came by it already")]
    Loop,
    /// It failed of late and is left alone for a while [CIM-009 §5.2.34].
    #[error("it failed of late and is asked again in a while")]
    CoolingDown,
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Late,
    /// Nobody was there, or may be asked.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("it answered with status {0}")]
    Refused(u16),
    /// Its answer was none that can be used.
    #[error("its answer cannot be used: {0}")]
    BadReply(String),
}

impl SourceError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Loop => Kind::Conflict,
            Self::CoolingDown | Self::Late | Self::Unreachable(_) => Kind::Unavailable,
            Self::Refused(_) | Self::BadReply(_) => Kind::Unsupported,
        }
    }

    /// The code of the warning [CIM-009 §6.3.17, Table 6.3.17-1].
    pub fn code(&self) -> u16 {
        match self {
            Self::BadReply(_) => 111,
            Self::Late | Self::CoolingDown | Self::Unreachable(_) | Self::Loop => 199,
            Self::Refused(_) => 299,
        }
    }

    /// One word for a report.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::CoolingDown => "breaker",
            Self::Late => "deadline",
            Self::Unreachable(_) => "unreachable",
            Self::Refused(_) => "refused",
            Self::BadReply(_) => "bad reply",
        }
    }
}

impl From<OutboundError> for SourceError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::TimedOut { .. } => Self::Late,
            OutboundError::ReplyTooLarge { .. } => Self::BadReply(error.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}
