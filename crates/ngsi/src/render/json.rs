//! JSON text, written member by member; the writer puts the commas.

use std::fmt::Write as _;

use base::Time;
use serde_json::Value;

/// JSON text under way.
#[derive(Debug)]
pub struct Out {
    text: String,
    /// Whether something stands already in the innermost object or array.
    started: bool,
    /// Bytes after which nothing is nested any more.
    bytes_max: usize,
    is_full: bool,
}

impl Default for Out {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Out {
    /// Nothing yet.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            started: false,
            bytes_max: usize::MAX,
            is_full: false,
        }
    }

    /// The same with a limit, roughly kept: beyond it objects and arrays stay empty.
    #[must_use]
    pub fn limited(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Whether something was left out because of the limit.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.text
    }

    /// An object with the members that `write` puts in.
    pub fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.nest('{', '}', write);
    }

    /// An array; `write` calls [`Out::item`] before each.
    pub fn array(&mut self, write: impl FnOnce(&mut Self)) {
        self.nest('[', ']', write);
    }

    fn nest(&mut self, open: char, close: char, write: impl FnOnce(&mut Self)) {
        self.text.push(open);
        self.started = false;
        if self.text.len() > self.bytes_max {
            self.is_full = true;
        } else {
            write(self);
        }
        self.text.push(close);
        self.started = true;
    }

    /// The next item of an array follows.
    pub fn item(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            self.text.push(',');
        }
    }

    /// The value of this member follows.
    pub fn key(&mut self, name: &str) {
        self.item();
        self.text(name);
        self.text.push(':');
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
        if plain {
            self.text.push('"');
            self.text.push_str(text);
            self.text.push('"');
        } else {
            self.value(&Value::String(text.to_owned()));
        }
    }

    /// JSON text that is already made.
    pub fn raw(&mut self, json: &str) {
        self.text.push_str(json);
    }

    /// Any JSON.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') => {
                self.text(text);
            }
            Value::Number(number) => {
                // Writing to a String cannot fail.
                let _infallible = write!(self.text, "{number}");
            }
            Value::Bool(true) => self.text.push_str("true"),
            Value::Bool(false) => self.text.push_str("false"),
            other => {
                let _infallible = write!(self.text, "{other}");
            }
        }
    }

    /// A member that is a string.
    pub fn member_text(&mut self, name: &str, text: &str) {
        self.key(name);
        self.text(text);
    }

    /// A member that is a date-time.
    pub fn member_time(&mut self, name: &str, time: Time) {
        self.key(name);
        self.text.push('"');
        time.write(&mut self.text);
        self.text.push('"');
    }

    /// One string as such, several as an array.
    pub fn texts<'t>(&mut self, mut texts: impl ExactSizeIterator<Item = &'t str>) {
        if texts.len() == 1 {
            if let Some(text) = texts.next() {
                self.text(text);
            }
            return;
        }
        self.array(|out| {
            for text in texts {
                out.item();
                out.text(text);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_members_and_nowhere_else() {
        let mut out = Out::default();
        out.object(|out| {
            out.member_text("a", "x\"y");
            out.key("b");
            out.array(|out| {
                out.item();
                out.object(|_| {});
                out.item();
                out.raw("1");
            });
            out.member_text("c", "");
        });
        assert_eq!(out.into_string(), r#"{"a":"x\"y","b":[{},1],"c":""}"#);
    }

    #[test]
    fn beyond_the_limit_nothing_is_nested() {
        fn nest(out: &mut Out, left: usize) {
            for _ in 0..if left == 0 { 0 } else { 10 } {
                out.item();
                out.array(|out| nest(out, left.saturating_sub(1)));
            }
        }
        let mut out = Out::default().limited(1_000);
        out.array(|out| nest(out, 8));
        assert!(out.is_full());
        assert!(out.into_string().len() < 2_000);
    }
}
