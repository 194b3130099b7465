//! Whether an answer is what is printed, as far as that can be known beforehand.

use serde_json::{Map, Value};

/// Members that no two runs have alike, and those that every broker writes in its own way.
const CHANCE: [&str; 6] = [
    "@context",
    "createdAt",
    "modifiedAt",
    "instanceId",
    "notifiedAt",
    "uptime",
];

/// How the answer differs from what is printed; `None`: not at all.
pub(super) fn differ(printed: &Value, answer: &Value) -> Option<String> {
    let (printed, answer) = (settled(printed), settled(answer));
    find(&printed, &answer, "")
}

/// Without what is left to chance, and with entities in the order of their ids.
fn settled(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let kept = members.filter(|(name, _)| !CHANCE.contains(&name.as_str()));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), settled(value)))
                    .collect(),
            )
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(settled).collect();
            let id = |item: &Value| item.get("id").and_then(Value::as_str).map(str::to_owned);
            if items.iter().all(|item| id(item).is_some()) {
                items.sort_by_key(id);
            }
            // JSON-LD knows no array of one item.
            match <[Value; 1]>::try_from(items) {
                Ok([only]) if !only.is_object() => only,
                Ok([only]) => Value::Array(vec![only]),
                Err(items) => Value::Array(items),
            }
        }
        other => other.clone(),
    }
}

fn find(printed: &Value, answer: &Value, place: &str) -> Option<String> {
    match (printed, answer) {
        (Value::Object(printed), Value::Object(answer)) => find_in(printed, answer, place),
        (Value::Array(printed), Value::Array(answer)) if printed.len() == answer.len() => {
            let pairs = (0..).zip(printed.iter().zip(answer));
            pairs
                .into_iter()
                .find_map(|(n, (a, b)): (usize, _)| find(a, b, &format!("{place}[{n}]")))
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (Value::String(a), Value::String(b)) if same_moment(a, b) => None,
        _ if printed == answer => None,
        _ => Some(format!(
            "{place}: printed {}, is {}",
            short(printed),
            short(answer)
        )),
    }
}

fn find_in(
    printed: &Map<String, Value>,
    answer: &Map<String, Value>,
    place: &str,
) -> Option<String> {
    let missing = printed.keys().find(|name| !answer.contains_key(*name));
    if let Some(name) = missing {
        return Some(format!("{place}.{name} is missing"));
    }
    let further = answer.keys().find(|name| !printed.contains_key(*name));
    if let Some(name) = further {
        return Some(format!("{place}.{name} is not printed"));
    }
    let mut members = printed.iter();
    members.find_map(|(name, value)| find(value, answer.get(name)?, &format!("{place}.{name}")))
}

/// `…:00Z` and `…:00.000Z` are the same moment.
fn same_moment(a: &str, b: &str) -> bool {
    let bare = |text: &str| {
        let rest = text.strip_suffix('Z')?;
        rest.contains('T').then(|| match rest.split_once('.') {
            Some((whole, fraction)) if fraction.chars().all(|c| c == '0') => whole.to_owned(),
            _ => rest.to_owned(),
        })
    };
    a == b || bare(a).is_some_and(|a| bare(b) == Some(a))
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn chance_and_order_make_no_difference_and_all_else_does() {
        let printed = json!([
            {"id": "b", "n": 25, "at": "2022-03-14T13:00:00.000Z", "modifiedAt": "x"},
            {"id": "a", "c": ["one"]},
        ]);
        let answer = json!([
            {"id": "a", "c": "one", "@context": "y"},
            {"id": "b", "n": 25.0, "at": "2022-03-14T13:00:00Z"},
        ]);
        assert_eq!(differ(&printed, &answer), None);
        for (wrong, said) in [
            (json!([{"id": "a", "c": "one"}]), ": printed"),
            (
                json!([{"id": "a", "c": "two"}, answer[1]]),
                "[0].c: printed",
            ),
            (
                json!([{"id": "a", "c": "one", "d": 1}, answer[1]]),
                "[0].d is not printed",
            ),
            (json!([{"id": "a"}, answer[1]]), "[0].c is missing"),
        ] {
            let found = differ(&printed, &wrong).unwrap();
            assert!(found.starts_with(said), "{found}");
        }
    }
}
