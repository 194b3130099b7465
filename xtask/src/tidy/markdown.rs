//! The little of Markdown that the rules read: prose without code, links, headings, tables.

/// The lines outside fenced code, with their numbers; code in backticks is blanked.
pub(super) fn prose(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, without_code(line)));
        }
    }
    lines
}

fn without_code(line: &str) -> String {
    let pieces = line.split('`').enumerate();
    pieces
        .map(|(n, piece)| if n % 2 == 0 { piece } else { "" })
        .collect()
}

/// The targets of `[text](target)` in one line.
pub(super) fn link_targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter_map(|target| target.split_whitespace().next())
        .collect()
}

/// The anchors of a page, as GitHub writes them.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let title = line.trim_start_matches('#');
        if !fenced && title.len() < line.len() && title.starts_with(' ') {
            found.push(anchor(title.trim()));
        }
    }
    found
}

fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The cells of one row of a table; `None` where the line is no row or the rule below the head.
pub(super) fn row(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    let is_rule = cells
        .iter()
        .all(|cell| !cell.is_empty() && cell.trim_matches([':', '-']).is_empty());
    if is_rule { None } else { Some(cells) }
}

/// The words in backticks.
pub(super) fn code_words(cell: &str) -> Vec<&str> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .flat_map(str::split_whitespace)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_no_prose() {
        let text = "a `[x](y)` b\n```\n[c](d)\n```\n[e](f)\n";
        let lines = prose(text);
        assert_eq!(lines, [(1, "a  b".to_owned()), (5, "[e](f)".to_owned())]);
    }

    #[test]
    fn links_anchors_rows_and_code_words_are_read() {
        assert_eq!(
            link_targets("[a](b.md) and [c](d.md#e \"title\")"),
            ["b.md", "d.md#e"]
        );
        assert_eq!(
            anchors("# One door, one log\n```\n# no\n```\n"),
            ["one-door-one-log"]
        );
        assert_eq!(row("| a | `b c` |"), Some(vec!["a", "`b c`"]));
        assert_eq!(row("|---|:-:|"), None);
        assert_eq!(code_words("0–1, `trust broker`"), ["trust", "broker"]);
    }
}
