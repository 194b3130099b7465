//! `cargo xtask demo`: a node of its own with the sample city from `fixtures/`.

use std::fs;
use std::process::Command;

use crate::{Outcome, shell};

/// The sample city, and what was measured in it before.
const CITY: &str = "fixtures/city.ngsild.jsonl";
const HISTORY: &str = "fixtures/city-history.ngsild.jsonl";

/// Imports the sample city into `chorsu-data/demo` and serves it; `arguments` go to `serve`.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    shell::run(shell::cargo().args(["build", "--release", "--package", "server"]))?;
    let data = shell::root().join("chorsu-data/demo");
    fs::create_dir_all(&data).map_err(|e| format!("{}: {e}", data.display()))?;
    shell::run(chorsu(&["import", "ngsi", "--temporal", HISTORY, "--data"]).arg(&data))?;
    shell::run(chorsu(&["import", "ngsi", CITY, "--data"]).arg(&data))?;
    shell::run(
        chorsu(&["serve", "--open", "--data"])
            .arg(&data)
            .args(arguments),
    )
}

fn chorsu(words: &[&str]) -> Command {
    let mut command = Command::new(shell::target_dir().join("release/chorsu"));
    command.current_dir(shell::root()).args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_city_is_one_sound_entity_a_line() {
        for file in [CITY, HISTORY] {
            let text = fs::read_to_string(shell::root().join(file)).unwrap();
            assert!(!text.is_empty());
            for line in text.lines() {
                let entity: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(
                    entity["id"].is_string() && entity["type"].is_string(),
                    "{line}"
                );
            }
        }
    }
}
