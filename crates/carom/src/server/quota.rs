//! The memory quota of a server's connections.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The memory that all connections of one server hold, and its limit.
///
/// Connections report what they hold once per turn, and only significant changes, so that many of them do not contend
/// for one counter.
#[derive(Debug)]
pub(crate) struct MemoryQuota {
    limit: usize,
    used: AtomicUsize,
    connections: AtomicUsize,
    /// The time when connections were last asked to free memory, in milliseconds after `start`.
    reclaimed: AtomicU64,
    start: Instant,
}

impl MemoryQuota {
    /// The least share of a connection, however many there are.
    const LEAST_SHARE: usize = 64 * 1024;
    /// The minimum interval between requests to free memory.
    const RECLAIM_INTERVAL: Duration = Duration::from_millis(100);

    /// Creates a quota; `None` for no limit.
    pub(crate) fn new(limit: Option<usize>, now: Instant) -> Self {
        Self {
            limit: limit.unwrap_or(usize::MAX),
            used: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            reclaimed: AtomicU64::new(0),
            start: now,
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.used() > self.limit
    }

    /// The memory that a connection may keep while the quota is exceeded.
    pub(crate) fn fair_share(&self) -> usize {
        (self.limit / self.connections.load(Ordering::Relaxed).max(1)).max(Self::LEAST_SHARE)
    }

    /// Whether all connections should now be asked to free what exceeds their share.
    pub(crate) fn reclaim_is_due(&self, now: Instant) -> bool {
        if !self.is_exceeded() {
            return false;
        }
        let elapsed = now.saturating_duration_since(self.start) + Self::RECLAIM_INTERVAL;
        let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let last = self.reclaimed.load(Ordering::Relaxed);
        let due = now - last.min(now) >= Self::RECLAIM_INTERVAL.as_millis() as u64;
        // If several find it due, one of them does it.
        due && self.reclaimed.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// The memory that one connection has reported to its server's quota.
#[derive(Debug)]
pub(crate) struct Share {
    quota: Arc<MemoryQuota>,
    told: usize,
}

impl Share {
    /// Smaller changes are not reported yet.
    const GRAIN: usize = 16 * 1024;

    pub(crate) fn new(quota: &Arc<MemoryQuota>) -> Self {
        quota.connections.fetch_add(1, Ordering::Relaxed);
        Self { quota: Arc::clone(quota), told: 0 }
    }

    pub(crate) fn quota(&self) -> &MemoryQuota {
        &self.quota
    }

    /// Reports that the connection now holds `held` bytes.
    pub(crate) fn update(&mut self, held: usize) {
        if held.abs_diff(self.told) >= Self::GRAIN || (held == 0 && self.told != 0) {
            if held > self.told {
                self.quota.used.fetch_add(held - self.told, Ordering::Relaxed);
            } else {
                self.quota.used.fetch_sub(self.told - held, Ordering::Relaxed);
            }
            self.told = held;
        }
    }

    /// Whether the connection has to free memory.
    pub(crate) fn is_too_large(&self) -> bool {
        self.quota.is_exceeded() && self.told > self.quota.fair_share()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.update(0);
        self.quota.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The default of a server's quota: half of the memory available to this process, by its control group or the machine.
/// `None` if that is unknown.
pub(crate) fn half_of_memory() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text));
    let group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| group_limit(&text));
    [machine, group].into_iter().flatten().min().map(|bytes| bytes / 2)
}

/// Reads `MemTotal` of `/proc/meminfo`.
fn total_memory(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

/// Returns the smallest limit of the control groups (version 2) that the process is in, from its own up to the root. In
/// a container with its own namespace the root is the container's.
fn group_limit(cgroup: &str) -> Option<usize> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let limit = |folder: &Path| fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse().ok();
    root.join(own).ancestors().take_while(|folder| folder.starts_with(root)).filter_map(limit).min()
}

#[cfg(test)]
mod tests;
