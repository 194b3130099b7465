//! Running other programs, and saying how long that took.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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

/// Runs tests, passing on what they say, and counts those that passed. Cargo itself ends with the
/// last of its many reports, which may well be an empty one.
pub(crate) fn counted(command: &mut Command) -> (usize, Outcome) {
    let mut passed = 0;
    let mut tests = match command.stdout(Stdio::piped()).spawn() {
        Ok(tests) => tests,
        Err(error) => return (passed, Err(format!("{}: {error}", shown(command)))),
    };
    let said = tests.stdout.take().map(BufReader::new);
    for line in said
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok)
    {
        println!("{line}");
        passed += passed_in(&line);
    }
    let outcome = match tests.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{}: {status}", shown(command))),
        Err(error) => Err(format!("{}: {error}", shown(command))),
    };
    (passed, outcome)
}

/// The number in `test result: ok. 12 passed; …`; 0 for any other line.
fn passed_in(line: &str) -> usize {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["test", "result:", _, number, "passed;", ..] => number.parse().unwrap_or(0),
        _ => 0,
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
    fn the_tests_that_passed_are_read_from_a_report() {
        assert_eq!(
            passed_in("test result: ok. 12 passed; 0 failed; 1 ignored"),
            12
        );
        assert_eq!(passed_in("test it::closed ... ok"), 0);
    }

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
