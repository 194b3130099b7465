//! `cargo xtask fuzz`: coverage-guided fuzzing on the stable compiler.
//!
//! What nightly's `-Zsanitizer` would switch on is asked of LLVM by name: the pass that counts
//! edges, with the counters and tables that libFuzzer reads. The crate `fuzz/` stands outside the
//! workspace, because everything in it is compiled with these flags.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Outcome, shell};

/// How much is tried of each target.
#[derive(Clone, Copy)]
pub(crate) enum Effort {
    /// The same inputs every time: from the seeds alone, with one seed of chance.
    Brief,
    /// Other inputs every time, for so many seconds, on top of what earlier runs found.
    Seconds(u32),
}

/// Inputs of a brief run: some seconds each.
const BRIEF_INPUTS: u32 = 20_000;

/// Seconds after which a brief run ends all the same.
const BRIEF_SECONDS_MAX: u32 = 20;

/// Inputs are no longer than this: the parsers' own limits are lowered to match in the targets.
const INPUT_BYTES_MAX: u32 = 65_536;

/// An input that needs more is a finding, in MiB.
const MEMORY_MB_MAX: u32 = 1_024;

/// An input that takes longer is a finding, in seconds.
const INPUT_SECONDS_MAX: u32 = 10;

const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Cdebug-assertions -Coverflow-checks";

/// Builds every target and runs each. A target stops at the first input that crashes, hangs or takes
/// too much memory.
pub(crate) fn run(effort: Effort) -> Outcome {
    let host = shell::host()?;
    let build = shell::target_dir().join("fuzz");
    // The versions that the workspace has locked, and no others, are fuzzed.
    fs::copy(
        shell::root().join("Cargo.lock"),
        shell::root().join("fuzz/Cargo.lock"),
    )
    .map_err(|e| format!("fuzz/Cargo.lock: {e}"))?;
    let words = ["build", "--release", "--manifest-path", "fuzz/Cargo.toml"];
    // With a named target, the flags do not reach build scripts and macros.
    shell::run(
        shell::cargo()
            .args(words)
            .args(["--target", &host, "--target-dir"])
            .arg(&build)
            .env("RUSTFLAGS", FLAGS),
    )?;
    let mut findings = Vec::new();
    for target in targets()? {
        let binary = build.join(&host).join("release").join(&target);
        findings.extend(run_one(&binary, &target, effort).err());
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings.join("; "))
    }
}

/// The names of the targets: the files of `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>, String> {
    let folder = shell::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn run_one(binary: &Path, target: &str, effort: Effort) -> Outcome {
    let fuzz = shell::root().join("fuzz");
    let findings = fuzz.join("artifacts").join(target);
    let corpus = match effort {
        Effort::Brief => shell::target_dir().join("fuzz/brief").join(target),
        Effort::Seconds(_) => fuzz.join("corpus").join(target),
    };
    if matches!(effort, Effort::Brief) && corpus.exists() {
        fs::remove_dir_all(&corpus).map_err(|e| format!("{}: {e}", corpus.display()))?;
    }
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut command = Command::new(binary);
    command.arg(&corpus);
    let seeds = fuzz.join("seeds").join(target);
    if seeds.exists() {
        command.arg(seeds);
    }
    command.args(match effort {
        Effort::Brief => vec![
            "-seed=1".to_owned(),
            format!("-runs={BRIEF_INPUTS}"),
            format!("-max_total_time={BRIEF_SECONDS_MAX}"),
        ],
        Effort::Seconds(seconds) => vec![format!("-max_total_time={seconds}")],
    });
    command.arg("-print_final_stats=1").args([
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-rss_limit_mb={MEMORY_MB_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-artifact_prefix={}/", findings.display()),
    ]);
    let done = command
        .output()
        .map_err(|e| format!("{}: {e}", binary.display()))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() {
        let runs = statistic(&said, "number_of_executed_units").unwrap_or("?");
        let new = statistic(&said, "new_units_added").unwrap_or("?");
        println!("{target:<20} {runs:>9} inputs, {new:>6} of them new, no finding");
        return Ok(());
    }
    println!("{target}:\n{}", story(&said));
    Err(format!(
        "{target} has a finding, kept in {}",
        findings.display()
    ))
}

/// What went wrong: the panic with its sentence, else what libFuzzer says of its own.
fn story(said: &str) -> String {
    const LINES: usize = 8;
    let lines: Vec<&str> = said.lines().collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let own = || {
        lines
            .iter()
            .position(|line| line.contains("ERROR: libFuzzer"))
    };
    let from = panic
        .or_else(own)
        .unwrap_or_else(|| lines.len().saturating_sub(LINES));
    lines
        .iter()
        .skip(from)
        .take(LINES)
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}

/// The value of one `stat::name: value` line.
fn statistic<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("stat::"));
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statistic_is_read_by_its_name() {
        let said = "INFO: x\nstat::new_units_added:          7275\nstat::peak_rss_mb: 32\n";
        assert_eq!(statistic(said, "new_units_added"), Some("7275"));
        assert_eq!(statistic(said, "slowest"), None);
    }

    #[test]
    fn a_panic_is_told_before_what_libfuzzer_says() {
        let said =
            "INFO\nthread 'x' panicked at a.rs:1:1:\nwhy\n==1== ERROR: libFuzzer: deadly signal\n";
        assert!(story(said).starts_with("thread 'x' panicked at a.rs:1:1:\nwhy\n"));
        assert_eq!(
            story("a\n==1== ERROR: libFuzzer: timeout\nb"),
            "==1== ERROR: libFuzzer: timeout\nb"
        );
    }

    #[test]
    fn every_target_is_a_binary_of_the_fuzz_crate() {
        let manifest = fs::read_to_string(shell::root().join("fuzz/Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(
                manifest.contains(&format!("name = \"{target}\"")),
                "{target}"
            );
        }
    }
}
