//! `cargo xtask ci`: what `./test` runs, step by step, with the seconds each took.
//!
//! Dependencies are compiled once for clippy (check) and once for the tests (build); nothing
//! else needs them. Every later step runs what the test step has built.

use std::process::Command;

use crate::{Outcome, console, fmt, fuzz, generate, shell, tidy};

/// How much is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The console, format, tidy, lints, tests, generated files.
    Quick,
    /// Also a node without SQL, the console in a browser, the documentation and every fuzz target, briefly.
    Full,
}

type Step = fn() -> Outcome;

/// The compiler whose warnings are errors; raised together with what it newly warns of.
const STRICT_WITH: &str = "1.95";

/// Stops at the first step that fails, and says how long the ones before took.
pub(crate) fn run(extent: Extent) -> Outcome {
    let mut steps: Vec<(&str, Step)> = vec![
        ("console", console_built),
        ("format", || fmt::run(true)),
        ("tidy", tidy::run),
        ("lints", lints),
        ("tests", tests),
        ("generated files", || generate::run(true)),
    ];
    if extent == Extent::Full {
        steps.push(("without SQL", without_sql));
        steps.push(("browser", || console::browser(&[])));
        steps.push(("documentation", documentation));
        steps.push(("fuzzing", || fuzz::run(fuzz::Effort::Brief)));
    }
    let mut report = Vec::new();
    for (name, step) in steps {
        println!("\n=== {name}");
        let (outcome, seconds) = shell::timed(step);
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        report.push(format!("{name:<16} {seconds:>7.1} s  {verdict}"));
        if let Err(problem) = outcome {
            println!("\n{}", report.join("\n"));
            return Err(format!("{name}: {problem}"));
        }
    }
    println!("\n{}", report.join("\n"));
    Ok(())
}

/// The console is part of the binary: it comes first.
fn console_built() -> Outcome {
    console::build()?;
    console::unit_tests()
}

fn lints() -> Outcome {
    let mut command = shell::cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--locked"]);
    if strict()? {
        command.args(["--", "-D", "warnings"]);
    }
    shell::run(&mut command)
}

/// Whether warnings are errors: only with the compiler that the lints were last gone through with.
/// Every release brings new ones, and a stranger's tests must not fail for having a newer compiler.
fn strict() -> Result<bool, String> {
    let version = shell::output(Command::new("rustc").arg("--version"))?;
    let strict = version.starts_with(&format!("rustc {STRICT_WITH}."));
    if !strict {
        println!(
            "warnings are errors with Rust {STRICT_WITH} only; here is {}",
            version.trim()
        );
    }
    Ok(strict)
}

fn tests() -> Outcome {
    // Some tests drive the binary itself; of the whole workspace, so that dependencies are built
    // with the same features as for the tests.
    shell::run(shell::cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let (passed, outcome) =
        shell::counted(shell::cargo().args(["test", "--workspace", "--locked"]));
    println!(
        "\n{passed} passed, {} failed",
        usize::from(outcome.is_err())
    );
    outcome
}

/// A node without the query engine is a build of its own, and stays whole.
fn without_sql() -> Outcome {
    shell::run(shell::cargo().args([
        "test",
        "--package",
        "server",
        "--no-default-features",
        "--locked",
    ]))
}

fn documentation() -> Outcome {
    let mut command = shell::cargo();
    command.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ]);
    if strict()? {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    shell::run(&mut command)
}
