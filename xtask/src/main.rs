//! The project's own tool: `cargo xtask fmt | tidy | gen | ci | fuzz | console`.
//!
//! It depends on nothing but `serde_json`, so that it is built in seconds on a bare machine. What
//! can be said in a script or a CI file is said here instead, once, and runs the same everywhere.

#![expect(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

mod ci;
mod console;
mod fmt;
mod fuzz;
mod generate;
mod shell;
mod tidy;

use std::process::ExitCode;

/// What every subcommand answers: nothing, or a sentence that says what is wrong.
pub(crate) type Outcome = Result<(), String>;

const USAGE: &str = "\
cargo xtask fmt [--check]      format every Rust file, or only say which are not
cargo xtask tidy               what no lint sees: layers, licences, links, sizes …
cargo xtask gen [--check]      write the generated files again, or only say which are stale
cargo xtask ci [quick|full]    what ./test runs; quick leaves out documentation and fuzzing
cargo xtask fuzz [SECONDS]     every fuzz target for so long each; briefly without SECONDS
cargo xtask console            build the console into console/dist, if it is not up to date
cargo xtask browser [WORDS]    the console of the built node in Chromium; WORDS choose the files";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Outcome {
    match words {
        ["fmt"] => fmt::run(false),
        ["fmt", "--check"] => fmt::run(true),
        ["tidy"] => tidy::run(),
        ["gen"] => generate::run(false),
        ["gen", "--check"] => generate::run(true),
        ["ci"] | ["ci", "full"] => ci::run(ci::Extent::Full),
        ["ci", "quick"] => ci::run(ci::Extent::Quick),
        ["fuzz"] => fuzz::run(fuzz::Effort::Brief),
        ["fuzz", seconds] => {
            let seconds = seconds.parse();
            let seconds = seconds.map_err(|e| format!("fuzz wants a number of seconds: {e}"))?;
            fuzz::run(fuzz::Effort::Seconds(seconds))
        }
        ["console"] => console::build(),
        ["browser", words @ ..] => console::browser(words),
        _ => Err(format!("no such command\n{USAGE}")),
    }
}
