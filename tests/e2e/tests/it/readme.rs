//! What the README promises.

use std::path::Path;
use std::process::Command;

use e2e::Node;

/// The commands of the README's shell blocks that are curl or give a name to an address, whole:
/// with what follows a backslash or an open quote.
fn curl_lines(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (place, block) in page.split("```").enumerate() {
        // Every second part is the inside of a block.
        if place % 2 == 0 {
            continue;
        }
        let joined = block.replace("\\\n", " ");
        let mut command = String::new();
        for line in joined.lines() {
            if command.is_empty() && !line.starts_with("curl ") && !line.starts_with("N=") {
                continue;
            }
            command.push_str(line);
            // A quoted body may go over several lines.
            if command.matches('\'').count().is_multiple_of(2) {
                lines.push(std::mem::take(&mut command));
            } else {
                command.push('\n');
            }
        }
    }
    lines
}

#[test]
fn the_curl_lines_of_the_readme_work_in_their_order() -> anyhow::Result<()> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let lines = curl_lines(&std::fs::read_to_string(readme)?);
    assert!(
        lines.len() >= 5,
        "the README shows an entity in, queried, changed, its history, gone"
    );
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    // One shell runs them all, as the reader's would, and stops at the first that fails.
    let script = lines
        .join("\n")
        .replace(":7700", &format!(":{}", node.port()));
    let script =
        format!("set -e\ncurl() {{ command curl -sS --fail-with-body \"$@\"; }}\n{script}");
    let output = Command::new("sh").args(["-c", &script]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{said}\n{failed}");
    node.finish()
}
