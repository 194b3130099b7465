//! Every Rust file opens with a `//!` sentence that says its one idea.

use super::Tree;

/// Names the files that do not.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.texts(".rs")
        .filter(|(_, text)| !opens_with_a_sentence(text))
        .map(|(path, _)| format!("{path} does not open with `//! ` and a sentence"))
        .collect()
}

fn opens_with_a_sentence(text: &str) -> bool {
    let mut lines = text.lines().take_while(|line| line.starts_with("//!"));
    let first = lines
        .next()
        .and_then(|line| line.strip_prefix("//! "))
        .unwrap_or_default();
    first.split_whitespace().count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_first_sentence_is_named() {
        let tree = Tree::of(&[
            ("a.rs", "//! Keeps the log.\n\nfn a() {}\n"),
            ("b.rs", "fn b() {}\n"),
            ("c.rs", "//!\nfn c() {}\n"),
            ("d.rs", "use x;\n//! Too late.\n"),
        ]);
        let found = check(&tree).join("\n");
        assert!(!found.contains("a.rs"), "{found}");
        for path in ["b.rs", "c.rs", "d.rs"] {
            assert!(found.contains(path), "{found}");
        }
    }
}
