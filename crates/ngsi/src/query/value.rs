//! Values in a query and how they compare with what an entity says [CIM-009 §4.9].

use std::cmp::Ordering;

use base::{Name, Time};
use serde_json::Value;

use super::path::Found;

/// A literal of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A number. Limit: whole numbers beyond 2^53 are compared as their nearest double.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A quoted text, a URI or a bare word.
    Text(Name),
    /// A DateTime, or a Date, which is its midnight in UTC.
    Moment(Time),
    /// A Time of day: microseconds since midnight in UTC.
    TimeOfDay(i64),
}

const DAY_MICROS: i64 = 86_400_000_000;

impl Literal {
    /// Reads an unquoted literal: number, boolean, date, time; anything else is a text.
    pub(super) fn of_bare(text: &str) -> Self {
        match text {
            "true" => return Self::Boolean(true),
            "false" => return Self::Boolean(false),
            _ => {}
        }
        if let Some(number) = number(text) {
            return Self::Number(number);
        }
        temporal(text).unwrap_or_else(|| Self::Text(Name::from(text)))
    }

    /// Whether order means something for it.
    pub(super) fn is_comparable(&self) -> bool {
        !matches!(self, Self::Boolean(_))
    }

    /// How a single found value stands to this one; `None` when they are of different types.
    fn compare_json(&self, value: &Value) -> Option<Ordering> {
        match (value, self) {
            (Value::Number(found), Self::Number(wanted)) => found.as_f64()?.partial_cmp(wanted),
            (Value::Bool(found), Self::Boolean(wanted)) => Some(found.cmp(wanted)),
            (Value::String(found), wanted) => wanted.compare_text(found),
            // A native JSON-LD value such as {"@type": "DateTime", "@value": "…"}.
            (Value::Object(members), wanted) => {
                let inner = members.get("@value")?;
                if inner.is_object() {
                    None
                } else {
                    wanted.compare_json(inner)
                }
            }
            _ => None,
        }
    }

    fn compare_text(&self, found: &str) -> Option<Ordering> {
        match (temporal_like(found, self), self) {
            (_, Self::Text(wanted)) => Some(found.cmp(wanted)),
            (Some(Self::Moment(found)), Self::Moment(wanted)) => Some(found.cmp(wanted)),
            (Some(Self::TimeOfDay(found)), Self::TimeOfDay(wanted)) => Some(found.cmp(wanted)),
            _ => None,
        }
    }

    fn compare_moment(&self, found: Time) -> Option<Ordering> {
        match self {
            Self::Moment(wanted) => Some(found.cmp(wanted)),
            Self::Text(text) => match temporal(text)? {
                Self::Moment(wanted) => Some(found.cmp(&wanted)),
                _ => None,
            },
            _ => None,
        }
    }

    /// How what was found stands to this literal, when it is a single value that has an order.
    pub(super) fn compare(&self, found: Found<'_>) -> Option<Ordering> {
        match found {
            Found::Json(value) => self.compare_json(value),
            Found::Moment(time) => self.compare_moment(time),
            Found::Texts([text]) => self.compare_text(text),
            _ => None,
        }
    }

    /// Whether something that was found, or an element of it, stands so to this literal.
    pub(super) fn holds_for(&self, found: Found<'_>, holds: impl Fn(Ordering) -> bool) -> bool {
        let json = |value: &Value| self.compare_json(value).is_some_and(&holds);
        match found {
            Found::Json(value) => json(value),
            Found::Array(values) => values.iter().any(json),
            Found::Languages(map) => map.values().any(|value| match value {
                Value::Array(values) => values.iter().any(json),
                single => json(single),
            }),
            // URIs are equal or not; a bound of a range says nothing of them.
            Found::Uris(uris) => match self {
                Self::Text(wanted) => {
                    uris.iter().any(|uri| uri == wanted) && holds(Ordering::Equal)
                }
                _ => false,
            },
            Found::Texts(texts) => texts
                .iter()
                .any(|text| self.compare_text(text).is_some_and(&holds)),
            Found::Moment(time) => self.compare_moment(time).is_some_and(holds),
            Found::Geo(_) => false,
        }
    }
}

/// A JSON number [RFC 8259 §6].
fn number(text: &str) -> Option<f64> {
    let first = text.strip_prefix('-').unwrap_or(text).bytes().next()?;
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !first.is_ascii_digit() || !plain {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The found text as a moment or time, if that is what is wanted: most texts are not even tried.
fn temporal_like(found: &str, wanted: &Literal) -> Option<Literal> {
    match wanted {
        Literal::Moment(_) | Literal::TimeOfDay(_) => temporal(found),
        _ => None,
    }
}

/// A DateTime, Date or Time [CIM-009 §4.6.3].
pub(super) fn temporal(text: &str) -> Option<Literal> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() || bytes.len() > 40 {
        return None;
    }
    if text.contains('T') {
        return Time::parse(text).ok().map(Literal::Moment);
    }
    if bytes.len() == 10 && bytes.get(4) == Some(&b'-') {
        return Time::parse(&format!("{text}T00:00:00Z"))
            .ok()
            .map(Literal::Moment);
    }
    if bytes.get(2) == Some(&b':') {
        // A time without an offset is meant in UTC, as the standard's own examples write it with Z.
        let zone = if text.ends_with('Z') || text.contains(['+', '-']) {
            ""
        } else {
            "Z"
        };
        let moment = Time::parse(&format!("1970-01-02T{text}{zone}")).ok()?;
        return Some(Literal::TimeOfDay(
            moment.as_micros().rem_euclid(DAY_MICROS),
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_are_read_as_what_they_look_like() {
        assert_eq!(Literal::of_bare("-1.5e3"), Literal::Number(-1500.0));
        assert_eq!(Literal::of_bare("true"), Literal::Boolean(true));
        assert_eq!(
            Literal::of_bare("1970-01-01T00:00:01Z"),
            Literal::Moment(Time::from_seconds(1))
        );
        assert_eq!(
            Literal::of_bare("1970-01-02"),
            Literal::Moment(Time::from_seconds(86_400))
        );
        assert_eq!(
            Literal::of_bare("00:00:01,5Z"),
            Literal::TimeOfDay(1_500_000)
        );
        assert_eq!(Literal::of_bare("urn:a"), Literal::Text("urn:a".into()));
        for text in [
            "1e999",
            "NaN",
            "inf",
            "1.2.3",
            "0x10",
            "2020-13-01",
            "25:00:00Z",
        ] {
            assert_eq!(Literal::of_bare(text), Literal::Text(text.into()), "{text}");
        }
    }
}
