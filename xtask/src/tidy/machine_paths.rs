//! No path of one machine in the project: what stands here must be true everywhere.

use super::Tree;

/// Folders that exist on somebody's machine only. Written in pieces, not to find themselves.
const FOLDERS: [&str; 5] = [
    concat!("/", "root", "/"),
    concat!("/", "home", "/"),
    concat!("/", "Users", "/"),
    concat!("/", "work", "/"),
    concat!("C:", "\\Users"),
];

/// Names the lines that hold such a path.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.texts("")
        .filter(|(path, _)| *path != "Cargo.lock")
        .flat_map(|(path, text)| {
            text.lines()
                .enumerate()
                .map(move |(n, line)| (path, n + 1, line))
        })
        .filter_map(|(path, number, line)| {
            let folder = FOLDERS.into_iter().find(|folder| is_path(line, folder))?;
            Some(format!("{path}:{number} names a folder below {folder}"))
        })
        .collect()
}

/// Whether the folder stands there as the start of a path, not inside a URL or a longer path.
fn is_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.split_at(at).0.chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_and_a_url_is_not() {
        let folder = FOLDERS[1];
        let text = format!("see {folder}me/x\nhttps://city.example{folder}page\n$CITY{folder}x\n");
        let found = check(&Tree::of(&[("a.md", &text)]));
        assert_eq!(found, [format!("a.md:1 names a folder below {folder}")]);
    }
}
