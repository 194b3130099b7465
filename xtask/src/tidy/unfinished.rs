//! Nothing is left for later in the code: a known limit is a `Limit:` sentence, work is an issue.

use super::Tree;

/// Written in halves, so that this file does not find itself.
const MARKS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

const ENDINGS: [&str; 7] = [".rs", ".md", ".toml", ".sh", ".ts", ".svelte", ".html"];

/// Names the lines that carry such a mark, and ignored tests.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    ENDINGS
        .iter()
        .flat_map(|ending| tree.texts(ending))
        .flat_map(|(path, text)| {
            text.lines()
                .enumerate()
                .map(move |(n, line)| (path, n + 1, line))
        })
        .filter_map(|(path, number, line)| {
            mark_in(line).map(|mark| format!("{path}:{number} says {mark}"))
        })
        .collect()
}

fn mark_in(line: &str) -> Option<&'static str> {
    if line.trim_start().starts_with(concat!("#[", "ignore")) {
        return Some("a test that is not run");
    }
    let mut words = line.split(|c: char| !c.is_alphanumeric());
    words.find_map(|word| MARKS.into_iter().find(|mark| *mark == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_as_a_word_of_its_own_only() {
        let mark = MARKS[0];
        let text = format!("//! Fine.\n// {mark}: later\nlet {mark}S = 1; // {mark}LIST\n");
        assert_eq!(
            check(&Tree::of(&[("a.rs", &text)])),
            [format!("a.rs:2 says {mark}")]
        );
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text = concat!("#[", "ignore = \"slow\"]\nfn t() {}\n");
        assert_eq!(check(&Tree::of(&[("a.rs", text)])).len(), 1);
    }
}
