//! `cargo xtask console` and `browser`: the console is built by npm, from what stands in its lock
//! file, and looked at in a real browser with the built node behind it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::{Outcome, shell};

/// What the built console is made from, within its folder.
const SOURCES: &[&str] = &[
    "src",
    "messages",
    "project.inlang",
    "public",
    "scripts",
    "index.html",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
];
/// A file that every build writes.
const BUILT: &str = "dist/index.html";
/// A file that npm writes when everything is installed.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// Builds the console into `console/dist` unless that is newer than its sources.
pub(crate) fn build() -> Outcome {
    install()?;
    let folder = shell::root().join("console");
    let newest = SOURCES.iter().filter_map(|name| newest(&folder.join(name)));
    if changed_at(&folder.join(BUILT)) >= newest.max() {
        return Ok(());
    }
    println!("building the console");
    shell::run(npm().args(["run", "build", "--silent"]))
}

/// Runs the unit tests of the console.
pub(crate) fn unit_tests() -> Outcome {
    install()?;
    shell::run(npm().args(["test", "--silent"]))
}

/// Runs the checks in the browser against the built node; `words` choose files by name.
pub(crate) fn browser(words: &[&str]) -> Outcome {
    install()?;
    let node = shell::target_dir().join("debug/chorsu");
    let mut command = npm();
    command
        .args(["run", "browser", "--silent", "--"])
        .args(words);
    shell::run(command.env("CHORSU_BINARY", node))
}

/// Installs exactly what the lock file names.
fn install() -> Outcome {
    let folder = shell::root().join("console");
    if changed_at(&folder.join(INSTALLED)) >= changed_at(&folder.join("package-lock.json")) {
        return Ok(());
    }
    println!("installing the parts of the console from the npm registry");
    // Not `npm ci`: it wants optional packages for other platforms in the lock file, which npm itself
    // leaves out where the registry does not have them.
    let quietly = ["--no-audit", "--no-fund", "--loglevel=error"];
    shell::run(npm().args(["install", "--no-save"]).args(quietly))
}

fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(shell::root().join("console"));
    command
}

/// When the file changed; nothing if it is not there.
fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|about| about.modified()).ok()
}

/// When anything in the file or folder changed. What the build itself writes into the sources does
/// not count.
fn newest(path: &Path) -> Option<SystemTime> {
    if path.ends_with("paraglide") {
        return None;
    }
    let Ok(entries) = fs::read_dir(path) else {
        return changed_at(path);
    };
    let within = entries.flatten().filter_map(|entry| newest(&entry.path()));
    within.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_folder_is_that_of_its_files_at_any_depth() {
        let folder = shell::target_dir().join("newest-test");
        let deep = folder.join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(folder.join("old"), "1").unwrap();
        fs::write(deep.join("new"), "2").unwrap();
        assert!(newest(&folder) >= changed_at(&deep.join("new")));
        assert_eq!(newest(&folder.join("missing")), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
