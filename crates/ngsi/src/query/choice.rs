//! Alternatives of conjunctions, `(A;B),C`: the shape that type selection and scope queries share.

use base::limits::{QUERY_DEPTH_MAX, QUERY_TERMS_MAX};

use super::QueryError;
use super::cursor::Cursor;

/// What reads one leaf.
type Leaf<'l, T> = &'l mut dyn FnMut(&mut Cursor<'_>) -> Result<T, QueryError>;

/// Reads `(A;B),C|D` and `(A|B);C`, into alternatives of conjunctions. The parentheses that the
/// standard wants around a conjunction may be left out, as its own test suite does.
pub(super) fn parse<T: Clone>(
    cursor: &mut Cursor<'_>,
    leaf: Leaf<'_, T>,
) -> Result<Vec<Vec<T>>, QueryError> {
    let any_of = alternatives(cursor, leaf, 0)?;
    if cursor.at_end() {
        Ok(any_of)
    } else {
        Err(cursor.wrong("expected ';', ',' or '|'"))
    }
}

fn alternatives<T: Clone>(
    cursor: &mut Cursor<'_>,
    leaf: Leaf<'_, T>,
    depth: usize,
) -> Result<Vec<Vec<T>>, QueryError> {
    let mut any_of = conjunction(cursor, leaf, depth)?;
    while cursor.eat(",") || cursor.eat("|") {
        any_of.extend(conjunction(cursor, leaf, depth)?);
        check(cursor, &any_of)?;
    }
    Ok(any_of)
}

fn conjunction<T: Clone>(
    cursor: &mut Cursor<'_>,
    leaf: Leaf<'_, T>,
    depth: usize,
) -> Result<Vec<Vec<T>>, QueryError> {
    let mut any_of = part(cursor, leaf, depth)?;
    while cursor.eat(";") {
        let more = part(cursor, leaf, depth)?;
        // Each of these with each of those, no more than may be.
        if any_of.len().saturating_mul(more.len()) > QUERY_TERMS_MAX {
            return Err(too_many(cursor));
        }
        let both = |all_of: &Vec<T>| {
            let with = |other: &Vec<T>| all_of.iter().chain(other).cloned().collect();
            more.iter().map(with).collect::<Vec<Vec<T>>>()
        };
        any_of = any_of.iter().flat_map(both).collect();
        check(cursor, &any_of)?;
    }
    Ok(any_of)
}

fn part<T: Clone>(
    cursor: &mut Cursor<'_>,
    leaf: Leaf<'_, T>,
    depth: usize,
) -> Result<Vec<Vec<T>>, QueryError> {
    if !cursor.eat("(") {
        return Ok(vec![vec![leaf(cursor)?]]);
    }
    if depth >= QUERY_DEPTH_MAX {
        return Err(cursor.limit(format!("has braces deeper than {QUERY_DEPTH_MAX}")));
    }
    let any_of = alternatives(cursor, leaf, depth + 1)?;
    if cursor.eat(")") {
        Ok(any_of)
    } else {
        Err(cursor.wrong("expected ';', ',', '|' or ')'"))
    }
}

fn check<T>(cursor: &Cursor<'_>, any_of: &[Vec<T>]) -> Result<(), QueryError> {
    if any_of.iter().map(Vec::len).sum::<usize>() > QUERY_TERMS_MAX {
        return Err(too_many(cursor));
    }
    Ok(())
}

fn too_many(cursor: &Cursor<'_>) -> QueryError {
    cursor.limit(format!("has more than {QUERY_TERMS_MAX} terms"))
}

/// Whether the character separates the parts of a choice.
pub(super) fn is_separator(c: char) -> bool {
    matches!(c, ';' | ',' | '|' | '(' | ')')
}
