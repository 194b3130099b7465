//! Every link from one of our pages to another resolves, down to the heading.

use super::Tree;
use super::markdown::{anchors, link_targets, prose};

/// Names the links that lead nowhere. Links to the outside are not followed.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (page, text) in tree.texts(".md") {
        for (number, line) in prose(text) {
            for target in link_targets(&line)
                .into_iter()
                .filter(|target| is_ours(target))
            {
                if let Some(problem) = problem(tree, page, target) {
                    broken.push(format!("{page}:{number} links to {target}: {problem}"));
                }
            }
        }
    }
    broken
}

fn is_ours(target: &str) -> bool {
    !target.contains("://") && !target.starts_with("mailto:")
}

fn problem(tree: &Tree, page: &str, target: &str) -> Option<&'static str> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() {
        page.to_owned()
    } else {
        joined(page, file)
    };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let stands = tree
        .files
        .iter()
        .any(|f| f.path == path || f.path.starts_with(&folder));
    if !stands {
        return Some("no such file");
    }
    if heading.is_empty()
        || anchors(tree.text(&path)?)
            .iter()
            .any(|anchor| anchor == heading)
    {
        return None;
    }
    Some("no such heading")
}

/// `file` as seen from the folder of `page`.
fn joined(page: &str, file: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_missing_file_or_heading_is_named() {
        let tree = Tree::of(&[
            (
                "README.md",
                "[a](docs/a.md) [b](docs) [c](gone.md) [d](https://x.example/gone.md)",
            ),
            (
                "docs/a.md",
                "# The door\n[up](../README.md) [here](#the-door) [not](#the-window)\n",
            ),
        ]);
        assert_eq!(
            check(&tree),
            [
                "README.md:1 links to gone.md: no such file",
                "docs/a.md:2 links to #the-window: no such heading",
            ]
        );
    }
}
