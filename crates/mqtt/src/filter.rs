//! Topic filters [MQTT5 §4.7].

use std::fmt;
use std::str::FromStr;

/// Levels of a topic filter: bounds the work per message.
const LEVELS_MAX: usize = 128;

/// A topic filter: `+` stands for one level, `#` at the end for any number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter(Box<str>);

/// Not a topic filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no topic filter: {reason}")]
pub struct FilterInvalid {
    /// What was given, shortened.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Filter {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a message to this topic is meant. A wildcard in the first level does not mean topics
    /// that begin with `$` [MQTT5 §4.7.2].
    pub fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in self.0.split('/') {
            match (wanted, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

impl FromStr for Filter {
    type Err = FilterInvalid;

    fn from_str(text: &str) -> Result<Self, FilterInvalid> {
        let fault = |reason| FilterInvalid {
            text: text.chars().take(80).collect(),
            reason,
        };
        if text.is_empty() || text.len() > usize::from(u16::MAX) {
            return Err(fault("it is empty or too long"));
        }
        if text.contains('\0') {
            return Err(fault("it has a null character"));
        }
        if text.split('/').count() > LEVELS_MAX {
            return Err(fault("it has more than 128 levels"));
        }
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains(['+', '#']) && level.len() > 1 {
                return Err(fault("a wildcard stands alone in its level"));
            }
            if level == "#" && levels.peek().is_some() {
                return Err(fault("'#' stands at the end"));
            }
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a topic name: not empty, no wildcard, no null character [MQTT5 §4.7.3].
pub(crate) fn is_topic(text: &str) -> bool {
    !text.is_empty() && !text.contains(['+', '#', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, topic: &str) -> bool {
        filter.parse::<Filter>().unwrap().matches(topic)
    }

    #[test]
    fn wildcards_mean_what_the_standard_says() {
        for (filter, topic) in [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            (
                "sport/tennis/player1/#",
                "sport/tennis/player1/score/wimbledon",
            ),
            ("sport/#", "sport"),
            ("#", "a/b"),
            ("sport/tennis/+", "sport/tennis/player1"),
            ("sport/+", "sport/"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("$SYS/#", "$SYS/monitor"),
        ] {
            assert!(matches(filter, topic), "{filter} means {topic}");
        }
        for (filter, topic) in [
            ("sport/tennis/+", "sport/tennis/player1/ranking"),
            ("sport/+", "sport"),
            ("+", "/finance"),
            ("#", "$SYS/monitor"),
            ("+/monitor", "$SYS/monitor"),
            ("a/b", "a/b/c"),
            ("a/b/c", "a/b"),
        ] {
            assert!(!matches(filter, topic), "{filter} does not mean {topic}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_the_reason() {
        for text in ["", "a#", "a/#/b", "a+/b", "a\0b"] {
            assert!(text.parse::<Filter>().is_err(), "{text:?}");
        }
        let error = "sport/#/x".parse::<Filter>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "'sport/#/x' is no topic filter: '#' stands at the end"
        );
    }
}
