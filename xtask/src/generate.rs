//! `cargo xtask gen`: the files that the binary writes about itself.
//!
//! The settings reference and the OpenAPI document come from the binary, so they cannot say
//! anything that it does not do. `gen --check` fails when a file in git is not what the binary
//! says today.

use std::fs;
use std::path::Path;

use crate::{Outcome, shell};

/// A generated file, and the arguments with which the binary prints it.
struct Generated {
    path: &'static str,
    arguments: &'static [&'static str],
}

const GENERATED: &[Generated] = &[
    Generated {
        path: "docs/guide/settings.md",
        arguments: &["settings", "--markdown"],
    },
    Generated {
        path: "docs/api/openapi.json",
        arguments: &["openapi"],
    },
];

/// Writes every generated file again; with `check`, writes nothing and names the stale ones.
pub(crate) fn run(check: bool) -> Outcome {
    // The whole workspace, as for the tests: of `server` alone, dependencies have other features.
    shell::run(shell::cargo().args(["build", "--quiet", "--workspace", "--bins"]))?;
    let binary = shell::target_dir().join("debug/chorsu");
    let mut stale = Vec::new();
    for file in GENERATED {
        let fresh = shell::output(std::process::Command::new(&binary).args(file.arguments))?;
        let path = shell::root().join(file.path);
        if fs::read_to_string(&path).is_ok_and(|standing| standing == fresh) {
            continue;
        }
        if check {
            stale.push(file.path);
        } else {
            write(&path, &fresh)?;
            println!("wrote {}", file.path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "stale, run `cargo xtask gen` and commit: {}",
        stale.join(", ")
    ))
}

fn write(path: &Path, text: &str) -> Outcome {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
