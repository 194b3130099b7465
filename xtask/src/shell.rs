//! Running other programs, and saying how long that took.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::Outcome;

/// The folder of the workspace, absolute.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that started us, so that a toolchain named with `+` is kept.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The platform we run on, as the compiler names it.
pub(crate) fn host() -> Result<String, String> {
    let version = output(Command::new("rustc").current_dir(root()).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no host".to_owned())
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Runs to the end with our own standard streams; any other status than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(|e| format!("{}: {e}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{}: {status}", shown(command)))
    }
}

/// What the program wrote on standard output, as text.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let done = command
        .output()
        .map_err(|e| format!("{}: {e}", shown(command)))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(format!("{}: {}\n{said}", shown(command), done.status));
    }
    String::from_utf8(done.stdout).map_err(|e| format!("{}: {e}", shown(command)))
}

/// The value of `work`, and how many seconds it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a build tool has no ports::Clock"
    )]
    let start = Instant::now();
    let value = work();
    (value, start.elapsed().as_secs_f64())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or_else(|| command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_with_its_arguments() {
        let problem = run(Command::new("false").arg("really")).unwrap_err();
        assert!(problem.starts_with("false really: "), "{problem}");
    }

    #[test]
    fn output_is_what_the_program_wrote() {
        assert_eq!(
            output(Command::new("echo").arg("four ways")).unwrap(),
            "four ways\n"
        );
    }
}
