//! What the machine has, against what the options may ask for. The judgement is pure; [`Machine::look`] reads the figures.

use std::fs;

use super::Finding;
use crate::config::{Config, Method};
use crate::messages::Code;
use crate::os::probe;

/// What the machine, or the container, has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Machine {
    pub cores: usize,
    /// The most files that a worker may open.
    pub open_files: Option<u64>,
    /// The most processes and threads of this user.
    pub processes: Option<u64>,
    /// Bytes of memory that programs can still get.
    pub free_memory: Option<u64>,
}

impl Machine {
    /// This one.
    pub fn look() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            open_files: probe::open_files(),
            processes: probe::process_limit(),
            free_memory: free_memory(),
        }
    }
}

/// Processes at the start and at most, and application threads in each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Crew {
    pub first: usize,
    pub most: usize,
    pub threads: usize,
}

impl Crew {
    /// As the options say.
    pub fn of(config: &Config) -> Self {
        match config.method {
            Some(Method::Threaded) => {
                Self { first: 1, most: 1, threads: config.threads.unwrap_or(config.max_children) }
            }
            _ => Self {
                first: config.max_spare,
                most: config.max_children.max(config.max_spare),
                threads: config.threads.unwrap_or(1),
            },
        }
    }
}

/// Holds the options against the machine. `size`: the bytes of memory that a worker was seen to take.
pub fn check(config: &Config, crew: Crew, machine: Machine, size: Option<u64>) -> Vec<Finding> {
    let wanted = config.limits.max_connections.map(|count| count as u64 + OTHER_FILES);
    [
        Some(workers(crew, machine)),
        processes(crew, machine),
        files(wanted, machine),
        memory(crew, machine, size),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn workers(crew: Crew, machine: Machine) -> Finding {
    const TOPIC: &str = "workers";
    let cores = machine.cores;
    let numbers = match crew {
        Crew { most: 1, threads, .. } => format!("one process with up to {threads} threads on {cores} cores"),
        Crew { first, most, .. } => format!("{first} to {most} processes on {cores} cores"),
    };
    if crew.first > MANY * cores {
        return Finding::warning(TOPIC, Code::MANY_WORKERS, numbers);
    }
    Finding::fine(TOPIC, numbers)
}

fn processes(crew: Crew, machine: Machine) -> Option<Finding> {
    let limit = machine.processes?;
    let wanted = crew.most.saturating_mul(crew.threads + 1) as u64;
    (wanted > limit).then(|| {
        let text = format!("up to {wanted} processes and threads, this user may have {limit}");
        Finding::warning("workers", Code::PROCESS_LIMIT, text)
    })
}

fn files(wanted: Option<u64>, machine: Machine) -> Option<Finding> {
    const TOPIC: &str = "open files";
    let limit = machine.open_files?;
    let enough = wanted.unwrap_or(FEW_FILES);
    if limit >= enough {
        return Some(Finding::fine(TOPIC, format!("a worker may have {limit}")));
    }
    let text = format!("a worker may have {limit}, {enough} are wanted");
    Some(Finding::warning(TOPIC, Code::OPEN_FILES, text))
}

fn memory(crew: Crew, machine: Machine, size: Option<u64>) -> Option<Finding> {
    const TOPIC: &str = "memory";
    let (size, free) = (size?, machine.free_memory?);
    let all = size.saturating_mul(crew.most as u64);
    let text = match crew.most {
        1 => format!("a worker takes about {} at its start; {} are free", bytes(size), bytes(free)),
        most => format!(
            "a worker takes about {} at its start, {most} of them {}; {} are free",
            bytes(size),
            bytes(all),
            bytes(free)
        ),
    };
    Some(if all > free { Finding::warning(TOPIC, Code::MEMORY, text) } else { Finding::fine(TOPIC, text) })
}

/// What programs can still get: of the machine, and of the control group if that has less.
fn free_memory() -> Option<u64> {
    let machine = kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some(group_memory().map_or(machine, |group| group.min(machine)))
}

fn group_memory() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |file: &str| -> Option<u64> {
        fs::read_to_string(format!("/sys/fs/cgroup{path}/{file}")).ok()?.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

/// A line of `/proc`, in bytes.
pub(super) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse::<u64>().ok().map(|number| number * 1024)
}

/// `1.5 GB`, as people read it.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn bytes(count: u64) -> String {
    match count as f64 / 1e6 {
        small if small < 1000.0 => format!("{small:.0} MB"),
        large => format!("{:.1} GB", large / 1000.0),
    }
}

/// More processes per core than this, ready from the start, bring nothing.
const MANY: usize = 16;

/// Descriptors of a worker beside its connections: logs, lines, and those of the application.
const OTHER_FILES: u64 = 64;

/// Where nothing was said, fewer than this are few.
const FEW_FILES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine =
        Machine { cores: 2, open_files: Some(4096), processes: Some(100), free_memory: Some(1_000_000_000) };
    const CREW: Crew = Crew { first: 5, most: 50, threads: 1 };

    fn codes(findings: &[Option<Finding>]) -> Vec<Option<Code>> {
        findings.iter().flatten().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_fits_is_fine() {
        let found =
            [Some(workers(CREW, MACHINE)), files(None, MACHINE), memory(CREW, MACHINE, Some(20_000_000))];
        assert_eq!(codes(&found), [None, None, None]);
        assert_eq!(found[0].as_ref().unwrap().text, "5 to 50 processes on 2 cores");
        let text = &found[2].as_ref().unwrap().text;
        assert_eq!(text, "a worker takes about 20 MB at its start, 50 of them 1.0 GB; 1.0 GB are free");
        assert_eq!(processes(CREW, MACHINE), None);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let many = Crew { first: 40, most: 60, threads: 2 };
        let found = [
            Some(workers(many, MACHINE)),
            processes(many, MACHINE),
            files(Some(5000), MACHINE),
            memory(many, MACHINE, Some(20_000_000)),
        ];
        let codes = codes(&found);
        let wanted = [Code::MANY_WORKERS, Code::PROCESS_LIMIT, Code::OPEN_FILES, Code::MEMORY];
        assert_eq!(codes, wanted.map(Some));
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        let blind = Machine { cores: 1, open_files: None, processes: None, free_memory: None };
        assert_eq!(memory(CREW, blind, Some(1)), None);
        assert_eq!(memory(CREW, MACHINE, None), None);
        assert_eq!((files(None, blind), processes(CREW, blind)), (None, None));
        assert_eq!(kibibytes("Pss: 12 kB\nPss_Anon: 3 kB\n", "Pss:"), Some(12 * 1024));
    }
}
