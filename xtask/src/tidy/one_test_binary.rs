//! One integration test binary a crate, `tests/it.rs`: each more is one more link on every run.

use super::Tree;

/// Names the files that would become a second binary.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.files
        .iter()
        .filter(|file| is_test_binary(&file.path) && !file.path.ends_with("/tests/it.rs"))
        .map(|file| {
            format!(
                "{} belongs under tests/it/ as a module of tests/it.rs",
                file.path
            )
        })
        .collect()
}

/// Whether cargo makes a binary of it: a file directly in a crate's `tests`, or a `main.rs` below.
fn is_test_binary(path: &str) -> bool {
    let Some(stem) = path.strip_suffix(".rs") else {
        return false;
    };
    let parts: Vec<&str> = stem.split('/').collect();
    if parts.contains(&"src") {
        return false;
    }
    match parts.as_slice() {
        // The first `tests` of the path may be our folder of test crates, not a crate's own.
        [_, .., "tests", _] => true,
        [_, .., "tests", _, "main"] => parts.len() > 4,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_it_rs_may_stand_in_a_crates_tests() {
        let tree = Tree::of(&[
            ("crates/a/tests/it.rs", ""),
            ("crates/a/tests/it/crash.rs", ""),
            ("crates/a/tests/second.rs", ""),
            ("crates/a/tests/third/main.rs", ""),
            ("tests/bench/src/main.rs", ""),
            ("tests/e2e/tests/it.rs", ""),
            ("crates/a/src/tests.rs", ""),
            ("crates/a/src/b/tests/c.rs", ""),
        ]);
        let found = check(&tree).join("\n");
        assert_eq!(check(&tree).len(), 2, "{found}");
        assert!(
            found.contains("second.rs") && found.contains("third/main.rs"),
            "{found}"
        );
    }
}
