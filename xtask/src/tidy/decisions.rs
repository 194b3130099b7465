//! Every decision has a number of its own, the four parts that make it useful, and a line in the
//! index.

use super::Tree;

const FOLDER: &str = "docs/decisions/";
const PARTS: [&str; 4] = [
    "## Context",
    "## Decision",
    "## What was given up",
    "## When to reconsider",
];

/// Names decisions that are incomplete, unlisted or numbered twice.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let index = tree.text("docs/decisions/README.md").unwrap_or_default();
    let mut problems = Vec::new();
    let mut numbers: Vec<&str> = Vec::new();
    for (path, text) in tree.texts(".md") {
        let Some(name) = path
            .strip_prefix(FOLDER)
            .filter(|name| *name != "README.md")
        else {
            continue;
        };
        let Some((number, _)) = name.split_once('-').filter(|(number, _)| is_number(number)) else {
            problems.push(format!("{path} is not named NNNN-what.md"));
            continue;
        };
        if numbers.contains(&number) {
            problems.push(format!("{path} has a number that another decision has"));
        }
        numbers.push(number);
        if !index.contains(&format!("]({name})")) {
            problems.push(format!(
                "{path} is not in the index, docs/decisions/README.md"
            ));
        }
        for part in PARTS
            .into_iter()
            .filter(|part| !text.lines().any(|line| line == *part))
        {
            problems.push(format!("{path} lacks the part \"{part}\""));
        }
    }
    problems
}

fn is_number(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_decision_passes_and_each_fault_is_named() {
        let whole = PARTS.join("\n\n");
        let tree = Tree::of(&[
            ("docs/decisions/0001-log.md", &whole),
            ("docs/decisions/0001-twice.md", &whole),
            (
                "docs/decisions/0002-part.md",
                "## Context\n## Decision\n## What was given up\n",
            ),
            (
                "docs/decisions/README.md",
                "[a](0001-log.md) [b](0002-part.md)",
            ),
            ("docs/decisions/notes.md", ""),
        ]);
        assert_eq!(
            check(&tree),
            [
                "docs/decisions/0001-twice.md has a number that another decision has",
                "docs/decisions/0001-twice.md is not in the index, docs/decisions/README.md",
                "docs/decisions/0002-part.md lacks the part \"## When to reconsider\"",
                "docs/decisions/notes.md is not named NNNN-what.md",
            ]
        );
    }
}
