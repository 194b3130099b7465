//! Where a column of a mapping stands in a record of a live feed: a key, a dotted path, a JSON
//! pointer, or a level of the topic.

use serde_json::Value;

/// A parsed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    /// The whole topic.
    Topic,
    /// A level of the topic, from 1.
    Level(usize),
    /// The record itself.
    Whole,
    /// One key, or several from the outside in.
    Keys {
        /// A key may itself have dots: it is tried first.
        plain: Option<String>,
        /// The way in.
        keys: Vec<String>,
    },
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found<'r> {
    /// A part of the record.
    Json(&'r Value),
    /// A part of the topic.
    Text(&'r str),
}

impl Path {
    pub(super) fn parse(column: &str) -> Result<Self, String> {
        if column == "." {
            return Ok(Self::Whole);
        }
        if column == "topic" {
            return Ok(Self::Topic);
        }
        if let Some(level) = column.strip_prefix("topic.") {
            return match level.parse() {
                Ok(level @ 1..) => Ok(Self::Level(level)),
                _ => Err(format!(
                    "{column:?}: levels of a topic are topic.1, topic.2 …"
                )),
            };
        }
        if let Some(pointer) = column.strip_prefix('/') {
            let keys = pointer.split('/');
            let keys = keys.map(|key| key.replace("~1", "/").replace("~0", "~"));
            return Ok(Self::Keys {
                plain: None,
                keys: keys.collect(),
            });
        }
        if column.is_empty() {
            return Err("a column has a name; the record itself is \".\"".to_owned());
        }
        let keys: Vec<String> = column.split('.').map(str::to_owned).collect();
        let plain = (keys.len() > 1).then(|| column.to_owned());
        Ok(Self::Keys { plain, keys })
    }

    /// What stands there, unless it is nothing or null. `inner` is looked into first.
    pub(super) fn find<'r>(
        &self,
        record: &'r Value,
        inner: Option<&'r Value>,
        topic: &'r str,
    ) -> Option<Found<'r>> {
        match self {
            Self::Topic => (!topic.is_empty()).then_some(Found::Text(topic)),
            Self::Level(level) => {
                let text = topic.split('/').nth(level.checked_sub(1)?)?;
                (!text.is_empty()).then_some(Found::Text(text))
            }
            Self::Whole => Some(Found::Json(record)),
            Self::Keys { plain, keys } => {
                let within = |value: &'r Value| {
                    let plain = plain.as_ref().and_then(|key| value.get(key));
                    plain.or_else(|| keys.iter().try_fold(value, |value, key| step(value, key)))
                };
                let found = inner.and_then(within).or_else(|| within(record))?;
                (!found.is_null()).then_some(Found::Json(found))
            }
        }
    }
}

fn step<'r>(value: &'r Value, key: &str) -> Option<&'r Value> {
    match value {
        Value::Object(members) => members.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_is_a_key_a_dotted_path_a_pointer_or_a_level_of_the_topic() {
        let record = json!({"a": {"b": [1, 2]}, "x.y": 3, "p/q": 4, "none": null});
        let find = |column: &str| match Path::parse(column).unwrap().find(&record, None, "c/air/s1")
        {
            Some(Found::Json(value)) => value.to_string(),
            Some(Found::Text(text)) => format!("text {text}"),
            None => "nothing".to_owned(),
        };
        let found = [
            "a.b.1", "/a/b/0", "x.y", "/p~1q", "topic.2", "topic", "none", "a.c", "topic.9",
        ];
        assert_eq!(
            found.map(find),
            [
                "2",
                "1",
                "3",
                "4",
                "text air",
                "text c/air/s1",
                "nothing",
                "nothing",
                "nothing"
            ]
        );
        assert!(Path::parse("topic.0").is_err() && Path::parse("").is_err());
    }
}
