//! `cargo xtask tidy`: the rules that no lint sees, one file a rule.
//!
//! A rule is a function from the tree to sentences, each of which names the place and says what
//! is wrong there. It never writes anything and reads nothing but the [`Tree`], so every rule is
//! tested on a tree of three lines.

mod banned;
mod big_files;
mod decisions;
mod duplicates;
mod headers;
mod layers;
mod length;
mod licences;
mod links;
mod machine_paths;
mod markdown;
mod one_test_binary;
mod select;
mod tree;
mod unfinished;

use crate::Outcome;
use tree::Tree;

/// One rule: what is wrong in the tree, in sentences.
type Rule = fn(&Tree) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    (
        "the crate table of ARCHITECTURE.md is the graph of cargo",
        layers::check,
    ),
    ("every Rust file opens with a sentence", headers::check),
    ("no Rust file is longer than 500 lines", length::check),
    ("nothing is left unfinished in the code", unfinished::check),
    ("every select! is biased", select::check),
    (
        "one integration test binary a crate",
        one_test_binary::check,
    ),
    (
        "every dependency has a licence we can pass on",
        licences::check,
    ),
    ("no banned crate", banned::check),
    ("few crates in more than one version", duplicates::check),
    ("every link between our pages resolves", links::check),
    ("no large file in git", big_files::check),
    (
        "every decision is in the index and complete",
        decisions::check,
    ),
    (
        "no path of one machine in the project",
        machine_paths::check,
    ),
];

/// Runs every rule, and names each place that breaks one.
pub(crate) fn run() -> Outcome {
    let tree = Tree::load()?;
    let mut broken = 0_usize;
    for (name, rule) in RULES {
        for sentence in rule(&tree) {
            println!("{name}: {sentence}");
            broken += 1;
        }
    }
    if broken > 0 {
        return Err(format!("{broken} place(s) are not tidy"));
    }
    println!("{} rules hold over {} files", RULES.len(), tree.files.len());
    Ok(())
}
