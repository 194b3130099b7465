//! Crates that must not come in, not even by way of another, and why.

use super::Tree;

const BANNED: &[(&str, &str)] = &[
    (
        "openssl",
        "TLS is rustls; no C library of the machine is linked",
    ),
    (
        "openssl-sys",
        "TLS is rustls; no C library of the machine is linked",
    ),
    (
        "native-tls",
        "TLS is rustls; no C library of the machine is linked",
    ),
    (
        "aws-lc-sys",
        "the TLS provider is ring; a second one needs cmake and minutes",
    ),
    ("libz-sys", "zlib is miniz_oxide, in Rust"),
    ("zstd-sys", "no C compressor"),
    ("libgit2-sys", "nothing of ours reads git"),
    (
        "reqwest",
        "HTTP to the outside goes through ports::Outbound",
    ),
    ("chrono", "time is jiff"),
    ("async-std", "the runtime is tokio"),
    ("sled", "the log is the store"),
];

/// Names the banned crates that are compiled for this platform.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.foreign_packages()
        .filter_map(|package| package["name"].as_str())
        .filter_map(|name| BANNED.iter().find(|(banned, _)| *banned == name))
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_crate_is_named_with_the_reason() {
        let tree = Tree::of_packages(&[
            ("native-tls", "0.2.0", Some("MIT")),
            ("rustls", "0.23.0", Some("MIT")),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert!(
            found.concat().contains("native-tls: TLS is rustls"),
            "{found:?}"
        );
    }
}
