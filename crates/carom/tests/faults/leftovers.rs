//! What a process holds: tasks, descriptors, memory.

use std::time::Duration;

use tokio::runtime::Handle;

use crate::MEMORY;

/// Allocators, runtimes and thread-locals keep a little for later.
const MEMORY_KEPT: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Leftovers {
    tasks: usize,
    descriptors: usize,
    memory: usize,
}

impl Leftovers {
    /// What is there now.
    pub(crate) fn count() -> Self {
        Self {
            tasks: Handle::current().metrics().num_alive_tasks(),
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            memory: MEMORY.current_usage(),
        }
    }

    fn is_no_more_than(&self, before: &Self) -> bool {
        self.tasks <= before.tasks
            && self.descriptors <= before.descriptors
            && self.memory <= before.memory + MEMORY_KEPT
    }

    /// Waits until there is no more than there was.
    pub(crate) async fn expect_no_more(&self) {
        let begun = std::time::Instant::now();
        loop {
            let now = Self::count();
            if now.is_no_more_than(self) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "left over: {now:?}; before: {self:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
