//! What stands in a request: the text, the values of its parameters, the form of the answer.

use std::collections::HashMap;

use datafusion::common::ParamValues;
use datafusion::scalar::ScalarValue;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use web::{Accept, Problem, Query};

use crate::formats::Format;
use crate::running::{PARAMETER_BYTES_MAX, QueryError, Wish};

/// What may stand in the query string.
pub(super) const PARAMETERS: [&str; 4] = ["format", "rowsMax", "bytesMax", "secondsMax"];
/// Parameters of one query.
const VALUES_MAX: usize = 1_000;

/// A question.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Ask {
    pub(super) query: String,
    #[serde(default)]
    parameters: Value,
    format: Option<String>,
    rows_max: Option<u64>,
    pub(super) bytes_max: Option<u64>,
    seconds_max: Option<u32>,
}

impl Ask {
    /// Reads it: a body in JSON is the object, any other text is the SQL itself.
    pub(super) fn read(query: &Query, headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let mut ask = if is_json(headers)? {
            serde_json::from_slice(body)
                .map_err(|reason| Problem::invalid_request(format_args!("the body: {reason}")))?
        } else {
            let text = str::from_utf8(body)
                .map_err(|_invalid| Problem::invalid_request("the SQL is not UTF-8"))?;
            Self {
                query: text.to_owned(),
                ..Self::default()
            }
        };
        ask.format = ask.format.or(query.get("format").map(str::to_owned));
        ask.rows_max = ask.rows_max.or(query.parsed("rowsMax", "a number")?);
        ask.bytes_max = ask.bytes_max.or(query.parsed("bytesMax", "a number")?);
        ask.seconds_max = ask.seconds_max.or(query.parsed("secondsMax", "a number")?);
        if ask.query.trim().is_empty() {
            let detail = "send SQL as the body, or {\"query\": \"SELECT …\"} in JSON";
            return Err(Problem::invalid_request(detail));
        }
        if ask.seconds_max == Some(0) {
            return Err(Problem::invalid_request("'secondsMax' must be at least 1"));
        }
        Ok(ask)
    }

    /// The form of the answer: what is named, else what is accepted, else JSON.
    pub(super) fn format(&self, accept: &Accept) -> Result<Format, Problem> {
        if let Some(word) = &self.format {
            return Format::from_word(word).ok_or_else(|| {
                let words = Format::ALL.map(Format::word).join(", ");
                Problem::invalid_request(format_args!("'format' must be one of {words}"))
            });
        }
        let chosen = accept.choose_of(&Format::ALL.map(Format::media))?;
        Ok(Format::from_media(chosen).unwrap_or(Format::Json))
    }

    /// How it is to be answered.
    pub(super) fn wish(&self) -> Result<Wish, QueryError> {
        Ok(Wish {
            parameters: values(&self.parameters)?,
            rows_max: self.rows_max,
            micros_max: self
                .seconds_max
                .map(|seconds| i64::from(seconds) * 1_000_000),
            ticket: None,
        })
    }
}

/// Whether a body is JSON; what is said to be something else than SQL is refused.
fn is_json(headers: &HeaderMap) -> Result<bool, Problem> {
    let sent = headers.get(CONTENT_TYPE);
    let sent = sent.map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = sent.split(';').next().unwrap_or("").trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => Ok(true),
        // The last one is what curl says when nobody says anything.
        "" | "application/sql" | "text/plain" | "application/x-www-form-urlencoded" => Ok(false),
        _ => Err(Problem::plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the SQL as 'application/sql', or an object as 'application/json'",
        )),
    }
}

/// The values to bind: an array for `$1`, `$2` …, an object for `$name`.
fn values(sent: &Value) -> Result<Option<ParamValues>, QueryError> {
    let bytes: usize = match sent {
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(named) => named
            .iter()
            .map(|(name, value)| name.len() + size(value))
            .sum(),
        _ => 0,
    };
    if bytes > PARAMETER_BYTES_MAX {
        let reason = format!("the parameters have more than {PARAMETER_BYTES_MAX} bytes together");
        return Err(QueryError::Invalid(reason));
    }
    match sent {
        Value::Null => Ok(None),
        Value::Array(values) if values.len() <= VALUES_MAX => {
            let values = values.iter().enumerate();
            let values = values.map(|(place, value)| scalar(value, || format!("${}", place + 1)));
            let values: Vec<ScalarValue> = values.collect::<Result<_, _>>()?;
            Ok(Some(values.into()))
        }
        Value::Object(named) if named.len() <= VALUES_MAX => {
            let values = named.iter().map(|(name, value)| {
                let name = name.trim_start_matches('$');
                Ok((name.to_owned(), scalar(value, || format!("${name}"))?))
            });
            let values: HashMap<String, ScalarValue> = values.collect::<Result<_, QueryError>>()?;
            Ok(Some(values.into()))
        }
        _ => Err(QueryError::Invalid(format!(
            "'parameters' is an array for $1, $2 … or an object for $name, of at most {VALUES_MAX}"
        ))),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        _ => size_of::<Value>(),
    }
}

fn scalar(value: &Value, name: impl Fn() -> String) -> Result<ScalarValue, QueryError> {
    match value {
        Value::Null => Ok(ScalarValue::Null),
        Value::Bool(flag) => Ok(ScalarValue::from(*flag)),
        Value::String(text) => Ok(ScalarValue::from(text.as_str())),
        Value::Number(number) => {
            let whole = number.as_i64().map(ScalarValue::from);
            let whole = whole.or_else(|| number.as_u64().map(ScalarValue::from));
            let scalar = whole.or_else(|| number.as_f64().map(ScalarValue::from));
            scalar.ok_or_else(|| {
                QueryError::Invalid(format!("the number of {} is too large", name()))
            })
        }
        Value::Array(_) | Value::Object(_) => Err(QueryError::Invalid(format!(
            "the parameter {} must be null, true, false, a number or a text",
            name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_bound_by_place_or_by_name() {
        let Ok(Some(ParamValues::List(list))) = values(&json!([1, 2.5, "a", null, true])) else {
            panic!("a list");
        };
        let list: Vec<ScalarValue> = list.into_iter().map(|value| value.value).collect();
        let wanted = [
            ScalarValue::from(1_i64),
            ScalarValue::from(2.5),
            ScalarValue::from("a"),
            ScalarValue::Null,
            ScalarValue::from(true),
        ];
        assert_eq!(list, wanted);
        let Ok(Some(ParamValues::Map(map))) = values(&json!({"$from": "x"})) else {
            panic!("a map");
        };
        assert_eq!(map["from"].value, ScalarValue::from("x"));
        values(&json!([[1]])).expect_err("a list is no scalar");
        values(&json!("x")).expect_err("neither array nor object");
        let long = "x".repeat(PARAMETER_BYTES_MAX + 1);
        values(&json!([long])).expect_err("too long");
    }

    #[test]
    fn the_form_is_what_is_named_or_accepted() {
        let named = |word: &str| Ask {
            format: Some(word.to_owned()),
            ..Ask::default()
        };
        let accept = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::ACCEPT, text.parse().expect("a header"));
            Accept::from_headers(&headers)
        };
        let any = Accept::default();
        assert_eq!(named("csv").format(&any).ok(), Some(Format::Csv));
        assert!(named("xml").format(&any).is_err_and(|p| p.status == 400));
        let ask = Ask::default();
        assert_eq!(ask.format(&any).ok(), Some(Format::Json));
        let parquet = accept("application/vnd.apache.parquet");
        assert_eq!(ask.format(&parquet).ok(), Some(Format::Parquet));
        assert!(
            ask.format(&accept("text/html"))
                .is_err_and(|p| p.status == 406)
        );
    }
}
