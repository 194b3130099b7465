//! `cargo xtask fuzz`: coverage-guided fuzzing on the stable compiler.
//!
//! What nightly's `-Zsanitizer` would switch on is asked of LLVM by name: the pass that counts
//! edges, with the counters and tables that libFuzzer reads. The crate `fuzz/` stands outside the
//! workspace, because everything in it is compiled with these flags.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Outcome, shell};

/// Seconds for each target when none are named.
pub(crate) const SECONDS_DEFAULT: u32 = 10;

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
    -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";

/// Builds every target and runs each for so many seconds, from its seeds and what earlier runs
/// found. Stops at the first input that crashes, hangs or takes too much memory.
pub(crate) fn run(seconds: u32) -> Outcome {
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
    for target in targets()? {
        println!("--- {target}, {seconds} s");
        run_one(
            &build.join(&host).join("release").join(&target),
            &target,
            seconds,
        )?;
    }
    Ok(())
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

fn run_one(binary: &Path, target: &str, seconds: u32) -> Outcome {
    let fuzz = shell::root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    let findings = fuzz.join("artifacts").join(target);
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut command = Command::new(binary);
    command
        .arg(&corpus)
        .args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-rss_limit_mb={MEMORY_MB_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-artifact_prefix={}/", findings.display()),
        ])
        .arg("-verbosity=0")
        .arg("-print_final_stats=1");
    let seeds = fuzz.join("seeds").join(target);
    if seeds.exists() {
        command.arg(seeds);
    }
    shell::run(&mut command)
}
