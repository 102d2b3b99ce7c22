//! How much memory a group of processes holds, from what the system tells everybody.

use std::time::{Duration, Instant};

/// Whether there is a way to ask on this system; elsewhere no limit is enforced.
pub(super) const IS_KNOWN: bool = cfg!(unix);

/// How long after a look at the whole group the next one is due at the earliest.
const PAUSE: Duration = if cfg!(target_os = "linux") {
    Duration::from_millis(50)
} else {
    // A process has to be started to look.
    Duration::from_millis(500)
};

/// A look costs at most one part in this many of the time that passes.
const SHARE: u32 = 20;

/// Looks at one group, as often as it can be afforded.
pub(super) struct Meter {
    /// The group, which has the number of the process that leads it.
    group: u32,
    next: Instant,
    peak: u64,
}

impl Meter {
    pub(super) fn of(group: u32) -> Self {
        Self {
            group,
            next: Instant::now(),
            peak: 0,
        }
    }

    /// The most that was seen, in bytes.
    pub(super) fn peak(&mut self) -> u64 {
        // The one that leads is cheap to ask, and nearly always the one that eats.
        self.see(leader(self.group));
        let now = Instant::now();
        if now >= self.next {
            self.see(all(self.group));
            self.next = now + PAUSE.max(now.elapsed() * SHARE);
        }
        self.peak
    }

    fn see(&mut self, bytes: Option<u64>) {
        self.peak = self.peak.max(bytes.unwrap_or(0));
    }
}

#[cfg(target_os = "linux")]
fn leader(process: u32) -> Option<u64> {
    resident(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn leader(_process: u32) -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn all(group: u32) -> Option<u64> {
    let member = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let process: u32 = name.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        (group_of(&stat)? == group).then(|| leader(process))?
    };
    let entries = std::fs::read_dir("/proc").ok()?;
    Some(entries.filter_map(member).sum())
}

#[cfg(all(unix, not(target_os = "linux")))]
fn all(group: u32) -> Option<u64> {
    let output = std::process::Command::new("ps")
        .args(["-axo", "pgid=,rss="])
        .output()
        .ok()?;
    listed(&String::from_utf8(output.stdout).ok()?, group)
}

#[cfg(not(unix))]
fn all(_group: u32) -> Option<u64> {
    None
}

/// Resident bytes from `/proc/…/status`; a process that has ended and is not yet waited for has none.
#[cfg(any(target_os = "linux", test))]
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The group from `/proc/…/stat`; the name, which may hold anything, ends with the last parenthesis.
#[cfg(any(target_os = "linux", test))]
fn group_of(stat: &str) -> Option<u32> {
    let (_name, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(2)?.parse().ok()
}

/// The sum over a group from what `ps` lists: a group and kibibytes on each line.
#[cfg(any(all(unix, not(target_os = "linux")), test))]
fn listed(lines: &str, group: u32) -> Option<u64> {
    let bytes = |line: &str| {
        let (number, kibibytes) = line.trim().split_once(char::is_whitespace)?;
        let kibibytes: u64 = kibibytes.trim().parse().ok()?;
        (number.parse() == Ok(group)).then_some(kibibytes * 1024)
    };
    Some(lines.lines().filter_map(bytes).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_system_says() {
        let status = "Name:\tx\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(resident(status), Some(2 << 20));
        assert_eq!(resident("Name:\tx\nState:\tZ (zombie)\n"), None);
        assert_eq!(resident("VmRSS:\tmany\n"), None);
        assert_eq!(group_of("71 (a) S 1 (b) S 7 23 5"), Some(23));
        assert_eq!(group_of("71 (a"), None);
        let list = "    1   900\n   23  1024\n   23     1\n  230  4096\nPGID RSS\n";
        assert_eq!(listed(list, 23), Some(1025 << 10));
        assert_eq!(listed(list, 5), Some(0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_holds_something() {
        let id = std::process::id();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("there");
        let group = group_of(&stat).expect("a group");
        let [one, together] = [leader(id), all(group)].map(|bytes| bytes.expect("known"));
        assert!(one > 1 << 16 && together >= one, "{one} of {together}");
    }
}
