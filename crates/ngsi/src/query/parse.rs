//! Reads the text of a `q` [CIM-009 §4.9].

use base::Name;
use base::limits::{QUERY_DEPTH_MAX, QUERY_TERMS_MAX};
use jsonld::Context;

use super::cursor::{Cursor, expand};
use super::path::is_name_char;
use super::q::{HOPS_MAX, Hop, Order, QExpr, QOptions, QTerm, Test};
use super::value::{Literal, temporal};
use super::{Path, Pattern, QueryError};

/// The state of one reading.
struct Reader<'a> {
    cursor: Cursor<'a>,
    context: &'a Context,
    /// Expanded names of the attributes whose values are terms.
    expanded: Vec<Name>,
    terms: usize,
}

pub(super) fn q(text: &str, options: QOptions<'_>, context: &Context) -> Result<QExpr, QueryError> {
    let expanded = options
        .expand_values
        .iter()
        .map(|name| expand("expandValues", name, context));
    let expanded = expanded.collect::<Result<_, _>>()?;
    for name in options.json_keys {
        expand("jsonKeys", name, context)?;
    }
    let mut reader = Reader {
        cursor: Cursor::new("q", text)?,
        context,
        expanded,
        terms: 0,
    };
    let expression = reader.alternatives(0)?;
    if reader.cursor.at_end() {
        Ok(expression)
    } else {
        Err(reader.cursor.wrong("expected ';' or '|'"))
    }
}

impl<'a> Reader<'a> {
    /// `|` binds less than `;`.
    fn alternatives(&mut self, depth: usize) -> Result<QExpr, QueryError> {
        let mut any = vec![self.conjunction(depth)?];
        while self.cursor.eat("|") {
            any.push(self.conjunction(depth)?);
        }
        Ok(single(any, QExpr::Or))
    }

    fn conjunction(&mut self, depth: usize) -> Result<QExpr, QueryError> {
        let mut all = vec![self.part(depth)?];
        while self.cursor.eat(";") {
            all.push(self.part(depth)?);
        }
        Ok(single(all, QExpr::And))
    }

    fn part(&mut self, depth: usize) -> Result<QExpr, QueryError> {
        if !self.cursor.eat("(") {
            return self.term().map(QExpr::Term);
        }
        if depth >= QUERY_DEPTH_MAX {
            return Err(self
                .cursor
                .limit(format!("has brackets deeper than {QUERY_DEPTH_MAX}")));
        }
        let inner = self.alternatives(depth + 1)?;
        if self.cursor.eat(")") {
            Ok(inner)
        } else {
            Err(self.cursor.wrong("expected ';', '|' or ')'"))
        }
    }

    fn term(&mut self) -> Result<QTerm, QueryError> {
        self.terms += 1;
        if self.terms > QUERY_TERMS_MAX {
            return Err(self
                .cursor
                .limit(format!("has more than {QUERY_TERMS_MAX} terms")));
        }
        let absent = self.cursor.eat("!");
        let mut hops = Vec::new();
        let path = self.linked_path(&mut hops)?;
        if absent {
            return Ok(QTerm {
                hops,
                path,
                test: Test::Absent,
            });
        }
        let is_term = path
            .attributes
            .last()
            .is_some_and(|name| self.expanded.contains(name));
        let test = self.test(is_term)?;
        Ok(QTerm { hops, path, test })
    }

    /// `managedBy{Building,House:owner{name}}`: the relationships go to `hops`.
    fn linked_path(&mut self, hops: &mut Vec<Hop>) -> Result<Path, QueryError> {
        let mut types = Vec::new();
        if !hops.is_empty() {
            types = self.type_hint()?;
        }
        if let Some(hop) = hops.last_mut() {
            hop.types = types;
        }
        let inside = !hops.is_empty();
        let name = self
            .cursor
            .take_while(|c| is_name_char(c) && !(inside && c == ':'));
        if name.is_empty() {
            return Err(self.cursor.wrong("expected the name of an attribute"));
        }
        if !self.cursor.eat("{") {
            return Path::read_after(name, &mut self.cursor, self.context);
        }
        if hops.len() >= HOPS_MAX {
            return Err(self
                .cursor
                .limit(format!("follows more than {HOPS_MAX} relationships")));
        }
        let relationship = self.cursor.expand(name, self.context)?;
        hops.push(Hop {
            relationship,
            types: Vec::new(),
        });
        let path = self.linked_path(hops)?;
        if self.cursor.eat("}") {
            Ok(path)
        } else {
            Err(self.cursor.wrong("expected '}'"))
        }
    }

    /// The types before the colon, if there is one.
    fn type_hint(&mut self) -> Result<Vec<Name>, QueryError> {
        let mut ahead = self.cursor.clone();
        let names = ahead.take_while(|c| c == ',' || (is_name_char(c) && c != ':'));
        if !ahead.eat(":") {
            return Ok(Vec::new());
        }
        let types = names
            .split(',')
            .map(|name| self.cursor.expand(name, self.context));
        let types = types.collect::<Result<_, _>>()?;
        self.cursor = ahead;
        Ok(types)
    }

    fn test(&mut self, is_term: bool) -> Result<Test, QueryError> {
        let cursor = &mut self.cursor;
        // The longer operators first: `!~=` before `!=`, `>=` before `>`.
        if cursor.eat("!~=") {
            return self.pattern().map(Test::NoMatch);
        }
        if cursor.eat("~=") {
            return self.pattern().map(Test::Match);
        }
        if cursor.eat("==") {
            return Ok(match self.equality_value(is_term)? {
                EqualityValue::OneOf(literals) => Test::Equal(literals),
                EqualityValue::Range(low, high) => Test::Within(low, high),
            });
        }
        if cursor.eat("!=") {
            return Ok(match self.equality_value(is_term)? {
                EqualityValue::OneOf(literals) => Test::Unequal(literals),
                EqualityValue::Range(low, high) => Test::Without(low, high),
            });
        }
        for (operator, order) in [
            (">=", Order::GreaterEqual),
            ("<=", Order::LessEqual),
            (">", Order::Greater),
            ("<", Order::Less),
        ] {
            if self.cursor.eat(operator) {
                return Ok(Test::Order(order, self.comparable()?));
            }
        }
        Ok(Test::Exists)
    }

    /// A value that an order can be asked of: a number, a quoted text, a date or a time.
    fn comparable(&mut self) -> Result<Literal, QueryError> {
        let place = self.cursor.clone();
        let quoted = self.cursor.peek() == Some('"');
        match self.literal(false)? {
            Literal::Text(_) if !quoted => {
                Err(place.wrong("expected a number, a quoted text, a date or a time"))
            }
            literal if literal.is_comparable() => Ok(literal),
            _ => Err(place.wrong("an order cannot be asked of true or false")),
        }
    }

    fn equality_value(&mut self, is_term: bool) -> Result<EqualityValue, QueryError> {
        let start = self.cursor.clone();
        let first = self.literal(is_term)?;
        if self.cursor.eat("..") {
            self.cursor = start;
            let low = self.comparable()?;
            self.cursor.eat("..");
            let high = self.comparable()?;
            if std::mem::discriminant(&low) != std::mem::discriminant(&high) {
                return Err(self.cursor.wrong("the ends of a range are of one type"));
            }
            return Ok(EqualityValue::Range(low, high));
        }
        let mut literals = vec![first];
        while self.cursor.eat(",") {
            self.terms += 1;
            if self.terms > QUERY_TERMS_MAX {
                return Err(self
                    .cursor
                    .limit(format!("has more than {QUERY_TERMS_MAX} values")));
            }
            literals.push(self.literal(is_term)?);
        }
        Ok(EqualityValue::OneOf(literals))
    }

    fn literal(&mut self, is_term: bool) -> Result<Literal, QueryError> {
        if self.cursor.peek() == Some('"') {
            let text = self.quoted(Quoted::Text)?;
            return Ok(Literal::Text(self.coerced(&text, is_term)?));
        }
        let text = self.bare()?;
        Ok(match Literal::of_bare(text) {
            Literal::Text(text) => Literal::Text(self.coerced(&text, is_term)?),
            other => other,
        })
    }

    /// With `expandValues` a text is a term of the @context.
    fn coerced(&self, text: &str, is_term: bool) -> Result<Name, QueryError> {
        if is_term {
            self.cursor.expand(text, self.context)
        } else {
            Ok(Name::from(text))
        }
    }

    /// An unquoted value: up to an operator, a comma, a closing bracket or two dots.
    fn bare(&mut self) -> Result<&'a str, QueryError> {
        let rest = self.cursor.rest();
        let mut end = rest.len();
        for (at, c) in rest.char_indices() {
            let here = rest.get(at..).unwrap_or_default();
            let ends = match c {
                ';' | '|' | ')' | '(' | '"' => true,
                '.' => here.starts_with(".."),
                ',' => !is_decimal_comma(rest.get(..at).unwrap_or_default(), here),
                '=' | '<' | '>' | '!' | '~' => {
                    // Within the query part of a URI these may stand; after a plain word they are a mistake.
                    !rest.get(..at).unwrap_or_default().contains(':')
                }
                other => other.is_whitespace(),
            };
            if ends {
                end = at;
                break;
            }
        }
        let text = self.cursor.take(end);
        if text.is_empty() {
            Err(self.cursor.wrong("expected a value"))
        } else {
            Ok(text)
        }
    }

    /// A regular expression: quoted, or up to an operator outside of its own brackets.
    fn pattern(&mut self) -> Result<Pattern, QueryError> {
        if self.cursor.peek() == Some('"') {
            let text = self.quoted(Quoted::Pattern)?;
            return Pattern::parse("q", &text);
        }
        let (mut depth, mut escaped) = (0_usize, false);
        let text = self.cursor.take_while(|c| {
            let inside = depth > 0 || escaped;
            match c {
                _ if escaped => {}
                '(' | '[' => depth += 1,
                ')' | ']' if depth > 0 => depth -= 1,
                ')' | ';' | '|' if !inside => return false,
                _ => {}
            }
            escaped = c == '\\' && !escaped;
            true
        });
        if text.is_empty() {
            return Err(self.cursor.wrong("expected a regular expression"));
        }
        Pattern::parse("q", text)
    }

    fn quoted(&mut self, kind: Quoted) -> Result<String, QueryError> {
        let mut text = String::new();
        let opening = self.cursor.clone();
        self.cursor.bump();
        loop {
            match self.cursor.bump() {
                None => return Err(opening.wrong("the quoted text has no end")),
                Some('"') => return Ok(text),
                Some('\\') => match (self.cursor.bump(), kind) {
                    (Some(c @ ('"' | '\\')), _) => text.push(c),
                    // Backslashes of a pattern mean something to the pattern.
                    (Some(c), Quoted::Pattern) => text.extend(['\\', c]),
                    (Some(c), Quoted::Text) => text.push(self.unescaped(c)?),
                    (None, _) => return Err(opening.wrong("the quoted text has no end")),
                },
                Some(c) => text.push(c),
            }
        }
    }

    /// The character that a JSON escape stands for [RFC 8259 §7].
    fn unescaped(&mut self, c: char) -> Result<char, QueryError> {
        Ok(match c {
            '/' => '/',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.hex4()?;
                let unit = match first {
                    0xD800..0xDC00 if self.cursor.eat("\\u") => {
                        let second = self.hex4()?;
                        0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF)
                    }
                    _ => first,
                };
                char::from_u32(unit)
                    .ok_or_else(|| self.cursor.wrong("the escape stands for no character"))?
            }
            _ => {
                return Err(self
                    .cursor
                    .wrong("there is no such escape in a JSON string"));
            }
        })
    }

    fn hex4(&mut self) -> Result<u32, QueryError> {
        let digits = self.cursor.rest().get(..4).unwrap_or_default();
        let wrong = || self.cursor.wrong("expected four hexadecimal digits");
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let unit = u32::from_str_radix(digits, 16).map_err(|_too_short| wrong())?;
        self.cursor.take(4);
        Ok(unit)
    }
}

enum EqualityValue {
    OneOf(Vec<Literal>),
    Range(Literal, Literal),
}

#[derive(Clone, Copy)]
enum Quoted {
    Text,
    Pattern,
}

fn single(mut parts: Vec<QExpr>, several: fn(Vec<QExpr>) -> QExpr) -> QExpr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

/// Whether the comma at the start of `here` is the decimal sign of a time and not the next value of a list.
fn is_decimal_comma(before: &str, here: &str) -> bool {
    if !before.contains(':')
        || temporal(before).is_none() && temporal(&format!("{before}Z")).is_none()
    {
        return false;
    }
    let fraction = here.strip_prefix(',').unwrap_or_default();
    let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    after.len() < fraction.len() && after.starts_with(['Z', '+', '-'])
}
