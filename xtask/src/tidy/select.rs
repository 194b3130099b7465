//! Every `select!` is `biased`, so that two runs over the same events take the same branches.

use super::Tree;

/// Names each `select!` whose first word is not `biased`.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.texts(".rs")
        .flat_map(|(path, text)| unbiased(path, text))
        .collect()
}

fn unbiased(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices(concat!("select", "!")) {
        let (before, rest) = text.split_at(at);
        let line_start = before.rsplit('\n').next().unwrap_or_default();
        let in_comment = line_start.trim_start().starts_with("//");
        let body = rest.strip_prefix(mark).unwrap_or_default().trim_start();
        let Some(body) = body.strip_prefix(['{', '(']) else {
            continue;
        };
        if !in_comment && !body.trim_start().starts_with("biased;") {
            found.push(format!(
                "{path}:{} lacks `biased;`",
                before.matches('\n').count() + 1
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbiased_select_is_found_and_a_biased_one_passes() {
        let select = concat!("select", "!");
        let text = format!(
            "//! A `{select}` {{ in a comment }}.\ntokio::{select} {{\n    biased;\n}}\n{select} {{\n    a = b => c,\n}}\n"
        );
        assert_eq!(
            check(&Tree::of(&[("a.rs", &text)])),
            ["a.rs:5 lacks `biased;`"]
        );
    }
}
