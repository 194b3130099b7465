//! Members that name types and attributes, from the words of one @context to those of another.

use std::fmt::Write as _;

use jsonld::Context;
use ngsi::query::{Hop, Literal, Member, Order, Path, QExpr, QTerm, Test};
use serde_json::Value;

use super::Subscription;

/// From which words to which.
type Words<'a> = (&'a Context, &'a Context);

/// The value of a member in other words.
pub(super) fn member(name: &str, value: &Value, whole: &Subscription, words: Words<'_>) -> Value {
    let said = value.clone();
    match name {
        "entities" => each(said, &|item| within(item, "type", &|v| text(v, words))),
        "watchedAttributes" | "expandValues" | "jsonKeys" => each(said, &|v| text(v, words)),
        "geoQ" => within(said, "geoproperty", &|v| text(v, words)),
        "notification" => ["attributes", "pick", "omit"]
            .iter()
            .fold(said, |said, list| {
                within(said, list, &|v| each(v, &|item| text(item, words)))
            }),
        "q" => filter(said, whole.query.q.as_ref(), words.1),
        "csf" => filter(said, whole.source_filter.as_ref(), words.1),
        _ => said,
    }
}

fn each(value: Value, change: &dyn Fn(Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(change).collect(),
        other => change(other),
    }
}

fn within(value: Value, name: &str, change: &dyn Fn(Value) -> Value) -> Value {
    let Value::Object(mut members) = value else {
        return value;
    };
    if let Some(member) = members.get_mut(name) {
        *member = change(member.take());
    }
    Value::Object(members)
}

/// A text of names between separators: a name, a selection of types, a projection.
fn text(value: Value, (from, to): Words<'_>) -> Value {
    let Value::String(said) = value else {
        return value;
    };
    let mut changed = String::with_capacity(said.len());
    let mut name = String::new();
    for c in said.chars() {
        if matches!(c, '(' | ')' | '{' | '}' | '|' | ';' | ',') {
            changed.push_str(&word(&name, from, to));
            changed.push(c);
            name.clear();
        } else {
            name.push(c);
        }
    }
    changed.push_str(&word(&name, from, to));
    Value::String(changed)
}

/// A name in other words; members that are no attributes, and `*`, are the same in all.
fn word(name: &str, from: &Context, to: &Context) -> String {
    let expanded = from.expand_name(name).ok();
    let other = expanded.filter(|_| !matches!(name, "*" | "scope"));
    let other = other.filter(|expanded| from.keyword(name).is_none() && !expanded.is_empty());
    other.map_or_else(
        || name.to_owned(),
        |expanded| to.compact_term(&expanded).into_owned(),
    )
}

fn filter(said: Value, read: Option<&QExpr>, to: &Context) -> Value {
    match read {
        Some(expression) => {
            let mut out = String::new();
            write(expression, to, &mut out);
            // As it is read, so it is written: `%` begins an escape.
            Value::String(out.replace('%', "%25"))
        }
        None => said,
    }
}

/// The text of a query. Limit: a name that `to` has no word for stands there as a whole IRI, which
/// the grammar of queries has no place for: that answer can be understood, but not sent back.
fn write(expression: &QExpr, to: &Context, out: &mut String) {
    match expression {
        QExpr::And(all) => list(all, ';', to, out),
        QExpr::Or(any) => list(any, '|', to, out),
        QExpr::Term(term) => write_term(term, to, out),
    }
}

fn list(parts: &[QExpr], between: char, to: &Context, out: &mut String) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(between);
        }
        match part {
            QExpr::Term(term) => write_term(term, to, out),
            inner => {
                out.push('(');
                write(inner, to, out);
                out.push(')');
            }
        }
    }
}

fn write_term(term: &QTerm, to: &Context, out: &mut String) {
    if term.test == Test::Absent {
        out.push('!');
    }
    for (at, hop) in term.hops.iter().enumerate() {
        types_of(term.hops.get(at.wrapping_sub(1)), to, out);
        out.push_str(&to.compact_term(&hop.relationship));
        out.push('{');
    }
    types_of(term.hops.last(), to, out);
    write_path(&term.path, to, out);
    out.extend(term.hops.iter().map(|_| '}'));
    write_test(&term.test, out);
}

/// The types of the entities that a hop leads to.
fn types_of(hop: Option<&Hop>, to: &Context, out: &mut String) {
    let Some(hop) = hop.filter(|hop| !hop.types.is_empty()) else {
        return;
    };
    let types = hop.types.iter().map(|name| to.compact_term(name));
    out.push_str(&types.collect::<Vec<_>>().join(","));
    out.push(':');
}

fn write_path(path: &Path, to: &Context, out: &mut String) {
    let mut names: Vec<_> = path.attributes.iter().map(|n| to.compact_term(n)).collect();
    names.extend(path.member.map(|member| member_word(member).into()));
    out.push_str(&names.join("."));
    if !path.trail.is_empty() {
        out.push('[');
        out.push_str(&path.trail.join("."));
        out.push(']');
    }
}

fn member_word(member: Member) -> &'static str {
    match member {
        Member::Id => "id",
        Member::Type => "type",
        Member::Scope => "scope",
        Member::CreatedAt => "createdAt",
        Member::ModifiedAt => "modifiedAt",
        Member::ExpiresAt => "expiresAt",
        Member::ObservedAt => "observedAt",
        Member::UnitCode => "unitCode",
        Member::DatasetId => "datasetId",
        Member::ValueType => "valueType",
        Member::ObjectType => "objectType",
    }
}

fn write_test(test: &Test, out: &mut String) {
    let (operator, literals): (&str, Vec<&Literal>) = match test {
        Test::Exists | Test::Absent => return,
        Test::Equal(any) => ("==", any.iter().collect()),
        Test::Unequal(any) => ("!=", any.iter().collect()),
        Test::Within(low, high) => ("==", vec![low, high]),
        Test::Without(low, high) => ("!=", vec![low, high]),
        Test::Order(Order::Greater, than) => (">", vec![than]),
        Test::Order(Order::GreaterEqual, than) => (">=", vec![than]),
        Test::Order(Order::Less, than) => ("<", vec![than]),
        Test::Order(Order::LessEqual, than) => ("<=", vec![than]),
        Test::Match(pattern) => return quoted_pattern("~=", pattern.as_str(), out),
        Test::NoMatch(pattern) => return quoted_pattern("!~=", pattern.as_str(), out),
    };
    let is_range = matches!(test, Test::Within(..) | Test::Without(..));
    let between = if is_range { ".." } else { "," };
    out.push_str(operator);
    for (at, literal) in literals.into_iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        write_literal(literal, out);
    }
}

fn quoted_pattern(operator: &str, pattern: &str, out: &mut String) {
    let escaped = pattern.replace('\\', "\\\\").replace('"', "\\\"");
    // Writing to a String cannot fail.
    let _infallible = write!(out, "{operator}\"{escaped}\"");
}

fn write_literal(literal: &Literal, out: &mut String) {
    let _infallible = match literal {
        Literal::Number(number) => write!(out, "{number}"),
        Literal::Boolean(boolean) => write!(out, "{boolean}"),
        Literal::Text(text) => write!(out, "{}", Value::from(&**text)),
        Literal::Moment(time) => write!(out, "{time}"),
        Literal::TimeOfDay(micros) => {
            let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
            let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            write!(out, "{h:02}:{m:02}:{s:02}.{fraction:06}Z")
        }
    };
}
