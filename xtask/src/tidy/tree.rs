//! What the rules look at: the files that git has or would take, and cargo's metadata.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::shell;

/// The project as the rules see it.
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) files: Vec<File>,
    /// `cargo metadata` for this machine's platform, dependencies resolved.
    pub(crate) metadata: Value,
}

/// One file of the project.
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: usize,
    /// `None` where the file is not UTF-8.
    pub(crate) text: Option<String>,
}

impl Tree {
    /// Reads the working tree: what is in git, and what is new and not ignored.
    pub(crate) fn load() -> Result<Self, String> {
        let root = shell::root();
        let list = shell::output(Command::new("git").current_dir(&root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut paths: Vec<&str> = list.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        // A file that git knows and the working tree lacks is a deletion not yet committed.
        let files = paths
            .into_iter()
            .filter_map(|path| Some((path, fs::read(root.join(path)).ok()?)))
            .map(|(path, content)| File {
                path: path.to_owned(),
                bytes: content.len(),
                text: String::from_utf8(content).ok(),
            })
            .collect();
        Ok(Self {
            files,
            metadata: metadata()?,
        })
    }

    /// A tree for tests, with these texts and no crates.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| File {
                path: (*path).to_owned(),
                bytes: text.len(),
                text: Some((*text).to_owned()),
            })
            .collect();
        Self {
            files,
            metadata: Value::Null,
        }
    }

    /// A tree for tests, with nothing but these crates: name, version, licence.
    #[cfg(test)]
    pub(crate) fn of_packages(packages: &[(&str, &str, Option<&str>)]) -> Self {
        let packages: Vec<Value> = packages
            .iter()
            .map(|(name, version, licence)| {
                serde_json::json!({"name": name, "version": version, "license": licence,
                    "source": "registry"})
            })
            .collect();
        Self {
            files: Vec::new(),
            metadata: serde_json::json!({ "packages": packages }),
        }
    }

    /// The text files whose path ends so.
    pub(crate) fn texts<'a>(
        &'a self,
        ending: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(ending))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)?
            .text
            .as_deref()
    }

    /// Every package that is compiled for this platform, ours included.
    pub(crate) fn packages(&self) -> &[Value] {
        self.metadata["packages"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    /// The packages that come from outside.
    pub(crate) fn foreign_packages(&self) -> impl Iterator<Item = &Value> {
        self.packages()
            .iter()
            .filter(|package| !package["source"].is_null())
    }
}

fn metadata() -> Result<Value, String> {
    let host = shell::host()?;
    let words = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        &host,
    ];
    let text = shell::output(shell::cargo().args(words))?;
    serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))
}
