//! The query string of a URL, read strictly: what is not understood is refused, not ignored.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use base::limits::QUERY_BYTES_MAX;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// Bytes of a whole query string as sent: every byte of a query may be escaped to three.
const RAW_BYTES_MAX: usize = 3 * QUERY_BYTES_MAX;
/// Parameters of a request: the standard's longest list has some thirty.
const PARAMETERS_MAX: usize = 64;

/// The parameters of a request, decoded, in the order in which they came; none comes twice.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads a query string. A plus sign is a space, as in forms.
    pub fn parse(raw: &str) -> Result<Self, Problem> {
        if raw.len() > RAW_BYTES_MAX {
            return Err(Problem::invalid_request(format_args!(
                "the query string is longer than {RAW_BYTES_MAX} bytes: ask for less at once"
            )));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::invalid_request(format_args!(
                    "the parameter '{}' comes twice: send it once",
                    shown(&name)
                )));
            }
            if pairs.len() == PARAMETERS_MAX {
                return Err(Problem::invalid_request(format_args!(
                    "there are more than {PARAMETERS_MAX} parameters"
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Refuses every parameter that is not among `names`.
    pub fn allow(&self, names: &[&str]) -> Result<(), Problem> {
        match self
            .pairs
            .iter()
            .find(|(name, _)| !names.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) => Err(Problem::invalid_request(format_args!(
                "the parameter '{}' is not known here; known are: {}",
                shown(name),
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            ))),
        }
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameters, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// A parameter that is `true` or `false`; absent: false.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::invalid_request(format_args!(
                "the parameter '{name}' is '{}': it must be true or false",
                shown(other)
            ))),
        }
    }

    /// A parameter that has a text form of its own, such as a number.
    pub fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Problem> {
        self.get(name)
            .map(|text| {
                text.parse::<T>().map_err(|_reason| {
                    Problem::invalid_request(format_args!(
                        "the parameter '{name}' is '{}': it must be {what}",
                        shown(text)
                    ))
                })
            })
            .transpose()
    }

    /// A parameter that is a list with commas; absent: empty. An empty element is refused.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(Vec::new());
        };
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        if items.iter().any(|item| item.is_empty()) {
            return Err(Problem::invalid_request(format_args!(
                "the parameter '{name}' has an empty element: write a,b,c"
            )));
        }
        Ok(items)
    }
}

fn decode(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_reason| {
            Problem::invalid_request("the query string is not UTF-8: percent-encode it as UTF-8")
        })
}

/// A caller's text, shortened for a message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(raw: &str) -> String {
        Query::parse(raw).expect_err("a problem").detail
    }

    #[test]
    fn parameters_are_decoded_in_their_order() {
        let query = Query::parse("type=A%2CB&q=name%3D%3D%22a+b%22&count").expect("a query");
        let pairs: Vec<_> = query.pairs().collect();
        assert_eq!(
            pairs,
            [("type", "A,B"), ("q", "name==\"a b\""), ("count", "")]
        );
        assert_eq!(query.list("type").expect("a list"), ["A", "B"]);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let query = Query::parse("limit=1&offest=2").expect("a query");
        let problem = query.allow(&["limit", "offset"]).expect_err("a problem");
        assert!(problem.detail.contains("'offest'") && problem.detail.contains("limit, offset"));
        assert!(refusal("a=1&a=2").contains("twice"));
        assert!(refusal("a=%FF").contains("UTF-8"));
        assert!(refusal(&"a".repeat(RAW_BYTES_MAX + 1)).contains("longer"));
    }

    #[test]
    fn flags_numbers_and_lists_say_what_they_want() {
        let query = Query::parse("count=yes&limit=-1&attrs=a,,b").expect("a query");
        assert!(
            query
                .flag("count")
                .is_err_and(|p| p.detail.contains("true or false"))
        );
        let limit = query.parsed::<usize>("limit", "a number");
        assert!(limit.is_err_and(|p| p.detail.contains("must be a number")));
        assert!(
            query
                .list("attrs")
                .is_err_and(|p| p.detail.contains("empty"))
        );
        assert_eq!(query.list("absent").expect("empty"), Vec::<&str>::new());
    }
}
