//! A file has one idea: no Rust file is longer than 500 lines.

use super::Tree;

const LINES_MAX: usize = 500;

/// Names the files that are longer.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.texts(".rs")
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path} has {lines} lines; split it by idea"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_hundred_lines_pass_and_one_more_does_not() {
        let (full, over) = ("//\n".repeat(500), "//\n".repeat(501));
        assert!(check(&Tree::of(&[("full.rs", &full)])).is_empty());
        assert_eq!(
            check(&Tree::of(&[("over.rs", &over)])),
            ["over.rs has 501 lines; split it by idea"]
        );
    }
}
