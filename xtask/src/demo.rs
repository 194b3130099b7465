//! `cargo xtask demo`: a node of its own with the sample city from `fixtures/`.

use std::fs;

use crate::{Outcome, shell};

/// Where the sample city stands: one NGSI-LD array of entities.
const CITY: &str = "fixtures/city.ngsild.json";

/// Imports the sample city into `chorsu-data/demo` and serves it; `arguments` go to `serve`.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    shell::run(shell::cargo().args(["build", "--release", "--package", "server"]))?;
    let binary = shell::target_dir().join("release/chorsu");
    let data = shell::root().join("chorsu-data/demo");
    fs::create_dir_all(&data).map_err(|e| format!("{}: {e}", data.display()))?;
    let chorsu = || {
        let mut command = std::process::Command::new(&binary);
        command.current_dir(shell::root());
        command
    };
    shell::run(chorsu().args(["import", "ngsi", CITY, "--data"]).arg(&data))?;
    shell::run(
        chorsu()
            .args(["serve", "--open", "--data"])
            .arg(&data)
            .args(arguments),
    )
}
