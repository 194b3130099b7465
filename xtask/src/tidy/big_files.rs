//! No large file in git: a clone is small and a review can be read.

use super::Tree;

const BYTES_MAX: usize = 200_000;

/// Paths that may be larger, and why.
const EXEMPT: &[(&str, &str)] = &[
    ("Cargo.lock", "cargo writes it, one entry a dependency"),
    ("fixtures/", "the sample city, and payloads that tests read"),
    (
        "docs/api/openapi.json",
        "generated; it grows with the interface",
    ),
];

/// Names the files that are larger.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.files
        .iter()
        .filter(|file| file.bytes > BYTES_MAX)
        .filter(|file| !EXEMPT.iter().any(|(path, _)| file.path.starts_with(path)))
        .map(|file| {
            format!(
                "{} has {} bytes, {BYTES_MAX} are allowed",
                file.path, file.bytes
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_named_unless_it_is_exempt() {
        let large = "x".repeat(BYTES_MAX + 1);
        let tree = Tree::of(&[
            ("crates/a/data.json", &large),
            ("fixtures/city.json", &large),
            ("Cargo.lock", &large),
            ("README.md", "small"),
        ]);
        assert_eq!(
            check(&tree),
            ["crates/a/data.json has 200001 bytes, 200000 are allowed"]
        );
    }
}
