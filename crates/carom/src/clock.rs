//! The one clock of servers and channels: the runtime's, which tests can pause.

use std::time::Instant;

/// The current time. Outside of tests with a paused clock it is [`Instant::now`].
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
