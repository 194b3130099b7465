//! A crate in two versions is compiled twice and carried twice; a few are borne, no more.

use std::collections::BTreeMap;

use super::Tree;

/// How many versions beyond the first are borne over the whole graph, build tools included. Twelve
/// of the node itself; the query engine brings the others.
const BUDGET: usize = 16;

/// Names every crate in more than one version, when together they are over the budget.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in tree.foreign_packages() {
        let name = package["name"].as_str().unwrap_or("?");
        versions
            .entry(name)
            .or_default()
            .push(package["version"].as_str().unwrap_or("?"));
    }
    versions.retain(|_, of_one| of_one.len() > 1);
    let extra: usize = versions.values().map(|of_one| of_one.len() - 1).sum();
    if extra <= BUDGET {
        return Vec::new();
    }
    let list: Vec<String> = versions
        .iter()
        .map(|(name, of_one)| format!("{name} {}", of_one.join(" ")))
        .collect();
    vec![format!(
        "{extra} versions too many, {BUDGET} are borne: {}",
        list.join("; ")
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree_with_versions(count: usize) -> Tree {
        let versions: Vec<String> = (0..count).map(|n| format!("{n}.0.0")).collect();
        let packages: Vec<(&str, &str, Option<&str>)> = versions
            .iter()
            .map(|version| ("syn", version.as_str(), None))
            .collect();
        Tree::of_packages(&packages)
    }

    #[test]
    fn the_budget_is_borne_and_one_more_is_named() {
        assert!(check(&tree_with_versions(BUDGET + 1)).is_empty());
        let found = check(&tree_with_versions(BUDGET + 2)).concat();
        assert!(found.contains("syn 0.0.0 1.0.0"), "{found}");
    }
}
