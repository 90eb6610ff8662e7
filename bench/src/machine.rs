//! The machine: what it is, and what a process takes of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::time::Instant;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::report::median;

/// Appends measured to find out what an fsync costs.
const SYNCS: usize = 200;

/// Lets this process, and those it starts, open as many files as the system allows.
pub(crate) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the hard limit of open files");
}

/// Memory of a process and its descendants in bytes. Pages that several of them share count once
/// (proportional set size).
pub(crate) fn memory_bytes(pid: u32) -> u64 {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // `pid (name) state parent …`, where the name may hold anything.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent =
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut total = 0;
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        todo.extend(children.get(&pid).into_iter().flatten());
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let kib = rollup.lines().find_map(|line| {
            line.strip_prefix("Pss:")?.split_whitespace().next()?.parse::<u64>().ok()
        });
        total += kib.unwrap_or(0) * 1024;
    }
    total
}

/// How many processes wanted to run on average over the last minute.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Processor, memory, kernel and disk in one line.
pub(crate) fn describe() -> String {
    let field = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kib: u64 = field("/proc/meminfo", "MemTotal")
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores ({}), {} GiB of memory, Linux {}; an append of 4 KiB with fdatasync takes {:.0} µs (median)",
        field("/proc/cpuinfo", "model name"),
        kib.div_ceil(1024 * 1024),
        kernel.trim(),
        sync_micros(),
    )
}

fn sync_micros() -> f64 {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let times = (0..SYNCS).map(|_| {
        let start = Instant::now();
        file.write_all(&[1; 4096]).and_then(|()| file.sync_data()).expect("a write to disk");
        start.elapsed().as_secs_f64() * 1e6
    });
    let times: Vec<f64> = times.collect();
    median(times)
}
