//! Alternatives of conjunctions, `(A;B),C`: the shape that type selection and scope queries share.

use base::limits::QUERY_TERMS_MAX;

use super::QueryError;
use super::cursor::Cursor;

/// Reads `(A;B),C|D`. The parentheses that the standard wants around a conjunction may be left out, as its
/// own test suite does.
pub(super) fn parse<T>(
    cursor: &mut Cursor<'_>,
    leaf: &mut dyn FnMut(&mut Cursor<'_>) -> Result<T, QueryError>,
) -> Result<Vec<Vec<T>>, QueryError> {
    let mut any_of = Vec::new();
    let mut leaves = 0;
    loop {
        let grouped = cursor.eat("(");
        let mut all_of = Vec::new();
        loop {
            leaves += 1;
            if leaves > QUERY_TERMS_MAX {
                return Err(cursor.limit(format!("has more than {QUERY_TERMS_MAX} terms")));
            }
            all_of.push(leaf(cursor)?);
            if !cursor.eat(";") {
                break;
            }
        }
        if grouped && !cursor.eat(")") {
            return Err(cursor.wrong("expected ';' or ')'"));
        }
        any_of.push(all_of);
        if cursor.at_end() {
            return Ok(any_of);
        }
        if !cursor.eat(",") && !cursor.eat("|") {
            return Err(cursor.wrong("expected ';', ',' or '|'"));
        }
    }
}

/// Whether the character separates the parts of a choice.
pub(super) fn is_separator(c: char) -> bool {
    matches!(c, ';' | ',' | '|' | '(' | ')')
}
