//! What the kernel knows about a running server: processor time and memory, of all its processes.

use std::fs;
use std::time::Duration;

use crate::failure::{Failure, Result, While};

/// `/proc` counts processor time in units of `USER_HZ`, which Linux fixes at 100 per second.
const TICK: Duration = Duration::from_millis(10);

/// A server's first process and its children, as they are now.
#[derive(Clone)]
pub(super) struct Processes(Vec<u32>);

impl Processes {
    pub(super) fn of(parent: u32) -> Result<Self> {
        let path = format!("/proc/{parent}/task/{parent}/children");
        let children = fs::read_to_string(&path).during(&path)?;
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        Ok(Self(std::iter::once(parent).chain(children).collect()))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// User and system time since the start, of all threads.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let mut ticks = 0;
        for id in &self.0 {
            let path = format!("/proc/{id}/stat");
            let stat = fs::read_to_string(&path).during(&path)?;
            ticks += ticks_in(&stat).ok_or_else(|| Failure::new(format!("{path} has no times: {stat}")))?;
        }
        Ok(TICK * ticks)
    }

    /// The highest resident memory so far, in bytes.
    pub(super) fn memory_peak_bytes(&self) -> Result<u64> {
        self.0.iter().map(|id| status_bytes(*id, "VmHWM:")).sum()
    }

    /// The resident memory now, in bytes.
    pub(super) fn memory_bytes(&self) -> Result<u64> {
        self.0.iter().map(|id| status_bytes(*id, "VmRSS:")).sum()
    }
}

/// Fields 14 and 15 of `/proc/<pid>/stat`; the name in field 2 may hold spaces, so count from its closing bracket.
fn ticks_in(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut times = after_name.split(' ').skip(11).map(str::parse::<u32>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn status_bytes(id: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{id}/status");
    let status = fs::read_to_string(&path).during(&path)?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.map(|count| count * 1024).ok_or_else(|| Failure::new(format!("{path} has no {field}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_process_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 900 0 0 0 120 34 5 6 20 0 3 0 1000 1 1";
        assert_eq!(ticks_in(stat), Some(154));
    }

    #[test]
    fn this_process_has_used_memory() {
        let own = Processes::of(std::process::id()).unwrap();
        assert!(own.memory_bytes().unwrap() > 0);
        assert!(own.memory_peak_bytes().unwrap() > 0);
    }
}
