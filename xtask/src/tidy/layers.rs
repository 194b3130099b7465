//! The crate table of ARCHITECTURE.md is the graph of cargo, and every edge goes down.
//!
//! The table has the columns layer, crate, one line, may use. A layer is named once and holds for
//! the rows below it. "May use" is a range of layers (`0–1`), crates in backticks, `everything`,
//! or `–`. Checked: every crate of the workspace has one row and every row a crate; every edge is
//! allowed by its row and leads to a row above; a crate named in "may use" is really used.
//! Crates of the layer `tests` may be used by the tests of any crate and by nothing else.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Tree;
use super::markdown::{code_words, row};

const PAGE: &str = "ARCHITECTURE.md";
const TESTS: &str = "tests";

/// One row of the table.
struct Row<'a> {
    name: &'a str,
    /// Position in the table: an edge leads to a smaller one.
    place: usize,
    /// `0` … `7`, `tests` or `tools`.
    layer: &'a str,
    may_use: &'a str,
}

/// One edge between two crates of ours.
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    dev: bool,
}

/// Names the rows and edges that do not fit together.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let Some(page) = tree.text(PAGE) else {
        return vec![format!("{PAGE} is missing")];
    };
    let rows = table(page);
    let (crates, edges) = graph(&tree.metadata);
    let mut problems = Vec::new();
    let by_name: BTreeMap<&str, &Row<'_>> = rows.iter().map(|row| (row.name, row)).collect();
    if by_name.len() < rows.len() {
        problems.push("a crate has two rows".to_owned());
    }
    for name in &crates {
        if !by_name.contains_key(name) {
            problems.push(format!("crate {name} has no row in {PAGE}"));
        }
    }
    for row in &rows {
        if !crates.contains(&row.name) {
            problems.push(format!(
                "{PAGE} has a row for {}, which is no crate",
                row.name
            ));
        }
        for named in code_words(row.may_use) {
            if !edges
                .iter()
                .any(|edge| edge.from == row.name && edge.to == named)
            {
                problems.push(format!(
                    "{} may use {named} and does not; take it out",
                    row.name
                ));
            }
        }
    }
    for edge in &edges {
        let (Some(from), Some(to)) = (by_name.get(edge.from), by_name.get(edge.to)) else {
            continue;
        };
        if let Some(problem) = fault(from, to, edge.dev) {
            problems.push(format!("{} uses {}: {problem}", edge.from, edge.to));
        }
    }
    problems
}

fn fault(from: &Row<'_>, to: &Row<'_>, dev: bool) -> Option<&'static str> {
    if to.layer == TESTS {
        let fine = dev || from.layer == TESTS;
        return (!fine).then_some("crates of the layer tests are for tests");
    }
    if to.place >= from.place {
        return Some("that leads up the table");
    }
    let allowed = from.may_use.contains("everything")
        || code_words(from.may_use).contains(&to.name)
        || layers_of(from.may_use).contains(&to.layer);
    // A test may stand on anything below: it is not part of what the crate is.
    (!allowed && !dev).then_some("its row does not allow that")
}

/// The single layers that the ranges of a cell name: `0–2` is `0`, `1`, `2`.
fn layers_of(cell: &str) -> Vec<&'static str> {
    const NUMBERS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let outside_code: Vec<&str> = cell.split('`').step_by(2).collect();
    let words = outside_code
        .iter()
        .flat_map(|piece| piece.split([',', ' ']));
    let mut found = Vec::new();
    for word in words {
        let (first, last) = word.split_once('–').unwrap_or((word, word));
        let place = |number: &str| NUMBERS.iter().position(|known| *known == number);
        if let (Some(first), Some(last)) = (place(first), place(last)) {
            found.extend(
                NUMBERS
                    .into_iter()
                    .skip(first)
                    .take(last + 1 - first.min(last + 1)),
            );
        }
    }
    found
}

fn table(page: &str) -> Vec<Row<'_>> {
    let mut layer = "";
    let mut rows = Vec::new();
    let lines = page
        .lines()
        .skip_while(|line| !line.starts_with("| layer | crate |"))
        .skip(1);
    for line in lines.take_while(|line| line.starts_with('|')) {
        let Some(cells) = row(line) else { continue };
        let &[first, name, _, may_use] = cells.as_slice() else {
            continue;
        };
        if let Some(word) = first.split_whitespace().next() {
            layer = word;
        }
        if let Some(name) = code_words(name).first() {
            rows.push(Row {
                name,
                place: rows.len(),
                layer,
                may_use,
            });
        }
    }
    rows
}

/// The crates of the workspace, and the edges between them.
fn graph(metadata: &Value) -> (Vec<&str>, Vec<Edge<'_>>) {
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let ours: Vec<&Value> = packages
        .iter()
        .filter(|package| package["source"].is_null())
        .collect();
    let names: Vec<&str> = ours
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let mut edges = Vec::new();
    for package in &ours {
        let from = package["name"].as_str().unwrap_or_default();
        for dependency in package["dependencies"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
        {
            let to = dependency["name"].as_str().unwrap_or_default();
            if dependency["source"].is_null() && names.contains(&to) && to != from {
                edges.push(Edge {
                    from,
                    to,
                    dev: dependency["kind"] == "dev",
                });
            }
        }
    }
    (names, edges)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PAGE_TEXT: &str = "\
| layer | crate | one line | may use |
|---|---|---|---|
| 0 words | `base` | a | – |
| | `ngsi` | b | `base` |
| 1 doors | `ports` | c | 0 |
| 3 heart | `broker` | d | 0–1 |
| 7 all | `server` | e | everything |
| tests | `testkit` | f | 0–1 |
";

    fn problems(edges: &[(&str, &str, Value)]) -> Vec<String> {
        let package = |name: &str| {
            let uses: Vec<Value> = edges
                .iter()
                .filter(|(from, _, _)| *from == name)
                .map(|(_, to, kind)| json!({"name": to, "source": null, "kind": kind}))
                .collect();
            json!({"name": name, "source": null, "dependencies": uses})
        };
        let names = ["base", "ngsi", "ports", "broker", "server", "testkit"];
        let mut tree = Tree::of(&[(PAGE, PAGE_TEXT)]);
        let packages: Vec<Value> = names.into_iter().map(package).collect();
        tree.metadata = json!({ "packages": packages });
        check(&tree)
    }

    fn sound() -> Vec<(&'static str, &'static str, Value)> {
        vec![
            ("ngsi", "base", Value::Null),
            ("broker", "ports", Value::Null),
            ("server", "broker", Value::Null),
            ("testkit", "ports", Value::Null),
            ("ngsi", "testkit", json!("dev")),
        ]
    }

    #[test]
    fn edges_that_go_down_and_are_allowed_pass() {
        assert_eq!(problems(&sound()), Vec::<String>::new());
    }

    #[test]
    fn an_edge_up_the_table_is_named() {
        let mut edges = sound();
        edges.push(("base", "ports", Value::Null));
        assert_eq!(
            problems(&edges),
            ["base uses ports: that leads up the table"]
        );
    }

    #[test]
    fn an_edge_that_the_row_does_not_allow_is_named() {
        let mut edges = sound();
        edges.push(("testkit", "broker", Value::Null));
        assert_eq!(
            problems(&edges),
            ["testkit uses broker: its row does not allow that"]
        );
    }

    #[test]
    fn a_crate_for_tests_is_used_by_tests_only() {
        let mut edges = sound();
        edges.push(("server", "testkit", Value::Null));
        assert_eq!(
            problems(&edges),
            ["server uses testkit: crates of the layer tests are for tests"]
        );
    }

    #[test]
    fn a_named_crate_that_is_not_used_is_named() {
        let without: Vec<_> = sound().into_iter().skip(1).collect();
        assert_eq!(
            problems(&without),
            ["ngsi may use base and does not; take it out"]
        );
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_named() {
        let mut tree = Tree::of(&[(PAGE, "| layer | crate | x | y |\n| 0 | `gone` | a | – |\n")]);
        tree.metadata = json!({"packages": [{"name": "new", "source": null}]});
        assert_eq!(
            check(&tree),
            [
                "crate new has no row in ARCHITECTURE.md",
                "ARCHITECTURE.md has a row for gone, which is no crate"
            ]
        );
    }
}
