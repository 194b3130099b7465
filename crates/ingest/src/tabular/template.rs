//! Texts with places in braces for the values of columns: `urn:ngsi-ld:Device:city:{station}`.

use crate::vocabulary::escape;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(pub(super) Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Column(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("{text:?}: a brace is not closed"));
            };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Column(name.to_owned()));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The columns that it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Column(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with the values as they are.
    pub(super) fn plain<'v>(&self, value: impl Fn(&str) -> &'v str) -> String {
        self.fill(value, |value, out| out.push_str(value))
    }

    /// The text with the values escaped for a URI; the name of the first that is empty otherwise.
    pub(super) fn uri<'v>(&self, value: impl Fn(&str) -> &'v str) -> Result<String, &str> {
        if let Some(empty) = self.names().find(|name| value(name).is_empty()) {
            return Err(empty);
        }
        Ok(self.fill(value, escape))
    }

    fn fill<'v>(&self, value: impl Fn(&str) -> &'v str, add: impl Fn(&str, &mut String)) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Column(name) => add(value(name), &mut out),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_filled_and_escaped_in_uris() {
        let template = Template::parse("urn:x:{a}-{b}").unwrap();
        let value = |name: &str| if name == "a" { "м 1" } else { "2" };
        assert_eq!(template.plain(value), "urn:x:м 1-2");
        assert_eq!(template.uri(value).unwrap(), "urn:x:%D0%BC%201-2");
        assert_eq!(
            template.uri(|name| if name == "a" { "1" } else { "" }),
            Err("b")
        );
        let error = Template::parse("{a").unwrap_err();
        assert_eq!(error, "\"{a\": a brace is not closed");
    }
}
