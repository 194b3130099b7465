//! Regular expressions with bounded size; matching takes time linear in the text.

use base::limits::QUERY_BYTES_MAX;
use regex::{Regex, RegexBuilder};

use super::QueryError;

/// Bytes of a compiled expression: bounds the memory that one query can ask for.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A regular expression, looked for anywhere in a text: anchor it with `^` and `$`.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Whether a `*` or `+` stands right behind another, as in `a**`: the library reads it as one, the
/// regular expressions of the standard [POSIX ERE] do not define it.
fn repeats_twice(text: &str) -> bool {
    let (mut escaped, mut in_class, mut repeated) = (false, false, false);
    for c in text.chars() {
        let repeats = !escaped && !in_class && matches!(c, '*' | '+');
        if repeats && repeated {
            return true;
        }
        match c {
            '[' if !escaped => in_class = true,
            ']' if !escaped => in_class = false,
            _ => {}
        }
        repeated = repeats;
        escaped = c == '\\' && !escaped;
    }
    false
}

impl Pattern {
    /// Compiles an expression of `parameter`.
    pub fn parse(parameter: &'static str, text: &str) -> Result<Self, QueryError> {
        let syntax = |reason: String| QueryError::Syntax {
            parameter,
            position: 1,
            before: String::new(),
            reason,
        };
        if text.len() > QUERY_BYTES_MAX {
            let reason = format!("is longer than {QUERY_BYTES_MAX} bytes");
            return Err(QueryError::Limit { parameter, reason });
        }
        if repeats_twice(text) {
            return Err(syntax("a repetition stands behind a repetition".to_owned()));
        }
        RegexBuilder::new(text)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .nest_limit(64)
            .build()
            .map(Self)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => QueryError::Limit {
                    parameter,
                    reason: "has a regular expression that is too large".to_owned(),
                },
                // The last line says what is wrong; those before it draw it.
                other => syntax(format!(
                    "'{}' is no regular expression: {}",
                    text.chars().take(64).collect::<String>(),
                    other.to_string().lines().last().unwrap_or_default().trim()
                )),
            })
    }

    /// Whether it is found in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;

    #[test]
    fn a_broken_or_huge_expression_is_refused() {
        let error = Pattern::parse("idPattern", "(a").expect_err("refused");
        assert!(error.to_string().contains("unclosed group"), "{error}");
        let error = Pattern::parse("idPattern", r"\w{1000}{1000}").expect_err("refused");
        assert_eq!(error.kind(), Kind::Limit);
        Pattern::parse("idPattern", &"(".repeat(5_000)).unwrap_err();
    }
}
