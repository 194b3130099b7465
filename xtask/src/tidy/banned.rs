//! Crates that must not come in, not even by way of another, and why; and crates that come in by way
//! of others but must not be used by ours.

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
    ("libgit2-sys", "nothing of ours reads git"),
    ("async-std", "the runtime is tokio"),
    ("sled", "the log is the store"),
];

/// What Arrow, Parquet and `object_store` bring: docs/decisions/0011-sql-engine.md.
const NOT_OURS: &[(&str, &str)] = &[
    (
        "reqwest",
        "HTTP to the outside goes through ports::Outbound",
    ),
    ("chrono", "time is jiff"),
    (
        "zstd-sys",
        "the lake's files alone are packed by a C compressor",
    ),
    (
        "zstd",
        "the lake's files alone are packed by a C compressor",
    ),
];

/// Names the banned crates that are compiled for this platform, and ours that use what they must not.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let brought = tree
        .foreign_packages()
        .filter_map(|package| package["name"].as_str())
        .filter_map(|name| BANNED.iter().find(|(banned, _)| *banned == name))
        .map(|(name, reason)| format!("{name}: {reason}"));
    let ours = tree
        .packages()
        .iter()
        .filter(|package| package["source"].is_null());
    let used = ours.flat_map(|package| {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let names = dependencies.filter_map(|dependency| dependency["name"].as_str());
        names
            .filter_map(|name| NOT_OURS.iter().find(|(not_ours, _)| *not_ours == name))
            .map(|(name, reason)| format!("{} uses {name}: {reason}", package["name"]))
    });
    brought.chain(used).collect()
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
