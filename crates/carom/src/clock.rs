//! The one clock of servers and channels: the runtime's, which stands still in a test that says so.

use std::time::Instant;

/// What time it is. Outside of tests with a paused runtime it is [`Instant::now`].
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
