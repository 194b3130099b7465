//! Every dependency has a licence under which we may pass the binary on under Apache-2.0.

use super::Tree;

/// SPDX names, permissive all; a new one is added here after reading it.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Names the packages whose licence expression cannot be met from the list.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.packages()
        .iter()
        .filter_map(|package| {
            let name = package["name"].as_str().unwrap_or("?");
            match package["license"].as_str() {
                None => Some(format!("{name} names no licence")),
                Some(licence) if allowed(licence) => None,
                Some(licence) => Some(format!("{name} is under {licence}")),
            }
        })
        .collect()
}

/// Whether an SPDX expression can be met: one side of every OR, both sides of every AND.
fn allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) && rest.is_empty()
}

fn either(rest: &mut &[&str]) -> bool {
    let mut met = both(rest);
    while take(rest, "OR") {
        met |= both(rest);
    }
    met
}

fn both(rest: &mut &[&str]) -> bool {
    let mut met = one(rest);
    while take(rest, "AND") {
        met &= one(rest);
    }
    met
}

fn one(rest: &mut &[&str]) -> bool {
    if take(rest, "(") {
        let met = either(rest);
        return take(rest, ")") && met;
    }
    let Some((name, after)) = rest.split_first() else {
        return false;
    };
    *rest = after;
    if take(rest, "WITH") {
        let Some((exception, after)) = rest.split_first() else {
            return false;
        };
        *rest = after;
        return ALLOWED.contains(&format!("{name} WITH {exception}").as_str());
    }
    ALLOWED.contains(name)
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    match rest.split_first() {
        Some((first, after)) if *first == word => {
            *rest = after;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_as_spdx_means_them() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT",
            "MIT MIT",
            "",
            "MIT WITH surprise",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_named() {
        let tree = Tree::of_packages(&[("a", "1.0.0", None), ("b", "1.0.0", Some("MIT"))]);
        assert_eq!(check(&tree), ["a names no licence"]);
    }
}
