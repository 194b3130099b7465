//! What the figures were taken on, and what a process takes of it.

use std::fs;
use std::time::Duration;

/// How many processes wanted to run in the last minute: of others, before a run begins.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Processor, cores, memory and kernel in a line.
pub(crate) fn name() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| kilobytes(&text))
        .unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cpu}, {cores} cores, {} GiB, Linux {}",
        memory >> 20,
        kernel.trim()
    )
}

/// Bytes that a process holds in memory.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let text = field(&format!("/proc/{pid}/status"), "VmRSS");
    text.and_then(|text| kilobytes(&text)).unwrap_or(0) << 10
}

/// How long a process has had a core, all of its threads together: what it costs does not depend on
/// who else wants the cores.
pub(crate) fn core_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let times = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}

fn kilobytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse().ok()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .find(|line| line.split(':').next().is_some_and(|n| n.trim() == name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_memory_and_time_on_a_machine_with_a_kernel() {
        assert!(resident_bytes(std::process::id()) > 100_000);
        assert!(core_time(std::process::id()) > Duration::ZERO);
        assert!(name().contains("cores"), "{}", name());
    }
}
