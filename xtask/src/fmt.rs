//! `cargo xtask fmt`: rustfmt over the workspace and the fuzz crate, which stands outside it.

use crate::{Outcome, shell};

/// Formats every Rust file; with `check`, changes nothing and fails if something would change.
pub(crate) fn run(check: bool) -> Outcome {
    format_one(&["fmt", "--all"], check)?;
    if shell::root().join("fuzz/Cargo.toml").exists() {
        format_one(&["fmt", "--manifest-path", "fuzz/Cargo.toml"], check)?;
    }
    Ok(())
}

fn format_one(words: &[&str], check: bool) -> Outcome {
    let mut command = shell::cargo();
    command.args(words);
    if check {
        command.args(["--", "--check"]);
    }
    shell::run(&mut command)
}
