//! Texts as values: numbers with decimal commas and units to convert, words with a meaning.

use serde_json::{Map, Value, json};

use super::mapping::{AttributeSpec, FileSpec, ValueKind};
use crate::out::shown;

/// The value of a text that is no null.
pub(super) fn value(text: &str, how: &AttributeSpec, file: &FileSpec) -> Result<Value, String> {
    if let Some(meaning) = how.words.get(text) {
        return Ok(meaning.clone());
    }
    match how.kind {
        ValueKind::Text if how.words.is_empty() => Ok(Value::from(text)),
        ValueKind::Text => Err(format!("{} is none of the words", shown(text))),
        ValueKind::Bool => match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "t" | "y" => Ok(Value::Bool(true)),
            "0" | "false" | "no" | "f" | "n" => Ok(Value::Bool(false)),
            _ => Err(format!("{} is neither true nor false", shown(text))),
        },
        ValueKind::Json => {
            serde_json::from_str(text).map_err(|_invalid| format!("{} is no JSON", shown(text)))
        }
        ValueKind::Number => {
            number(text, how, file).ok_or_else(|| format!("{} is no number", shown(text)))
        }
    }
}

fn number(text: &str, how: &AttributeSpec, file: &FileSpec) -> Option<Value> {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            _ if Some(char) == file.thousands => {}
            // Typography writes a no-break space between thousands and a minus sign proper.
            '\u{a0}' | '\u{202f}' if file.thousands == Some(' ') => {}
            '\u{2212}' => plain.push('-'),
            _ if char == file.decimal => plain.push('.'),
            '.' => return None,
            _ => plain.push(char),
        }
    }
    let is_plain = how.scale.is_none() && how.offset.is_none() && how.digits.is_none();
    if is_plain && let Ok(whole) = plain.parse::<i64>() {
        return Some(Value::from(whole));
    }
    converted(plain.parse().ok()?, how)
}

/// A number in the unit that is wanted; none if it is infinite.
pub(super) fn converted(number: f64, how: &AttributeSpec) -> Option<Value> {
    let mut number = number * how.scale.unwrap_or(1.0) + how.offset.unwrap_or(0.0);
    if let Some(digits) = how.digits {
        let power = 10_f64.powi(i32::from(digits.min(15)));
        number = (number * power).round() / power;
    }
    // Infinity and NaN are no JSON.
    number.is_finite().then(|| Value::from(number))
}

/// The attribute with this value, in normalized form.
pub(super) fn attribute(value: &Value, how: &AttributeSpec) -> Map<String, Value> {
    let attribute = match how.unit.as_deref() {
        Some(unit) => json!({"type": "Property", "value": value, "unitCode": unit}),
        None => json!({"type": "Property", "value": value}),
    };
    match attribute {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, how: &AttributeSpec, file: &FileSpec) -> Option<String> {
        value(text, how, file).ok().map(|value| value.to_string())
    }

    #[test]
    fn numbers_are_read_as_the_city_writes_them() {
        let (plain, point) = (AttributeSpec::default(), FileSpec::default());
        assert_eq!(read("12", &plain, &point).as_deref(), Some("12"));
        assert_eq!(read("-1.50", &plain, &point).as_deref(), Some("-1.5"));
        assert_eq!(read("1e3", &plain, &point).as_deref(), Some("1000.0"));
        let comma = FileSpec {
            decimal: ',',
            thousands: Some(' '),
            ..FileSpec::default()
        };
        assert_eq!(read("1 234,5", &plain, &comma).as_deref(), Some("1234.5"));
        assert_eq!(
            read("\u{2212}1\u{a0}234", &plain, &comma).as_deref(),
            Some("-1234")
        );
        assert_eq!(read("1.234", &plain, &comma), None);
        for text in ["", "x", "NaN", "inf", "1e999", "1,5", "--1"] {
            assert_eq!(read(text, &plain, &point), None, "{text}");
        }
    }

    #[test]
    fn units_are_converted_and_rounded() {
        let how = AttributeSpec {
            scale: Some(1.609_344),
            digits: Some(3),
            ..AttributeSpec::default()
        };
        assert_eq!(
            read("64.375", &how, &FileSpec::default()).as_deref(),
            Some("103.602")
        );
    }

    #[test]
    fn words_mean_what_the_mapping_says() {
        let words = [("N".to_owned(), json!(0)), ("NNW".to_owned(), json!(337.5))].into();
        let how = AttributeSpec {
            words,
            kind: ValueKind::Text,
            ..AttributeSpec::default()
        };
        assert_eq!(
            read("NNW", &how, &FileSpec::default()).as_deref(),
            Some("337.5")
        );
        assert_eq!(read("up", &how, &FileSpec::default()), None);
        let flag = AttributeSpec {
            kind: ValueKind::Bool,
            ..AttributeSpec::default()
        };
        assert_eq!(
            read("Yes", &flag, &FileSpec::default()).as_deref(),
            Some("true")
        );
        assert_eq!(read("maybe", &flag, &FileSpec::default()), None);
    }
}
