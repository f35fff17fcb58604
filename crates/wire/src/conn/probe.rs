use std::time::{Duration, Instant};

/// Finds out by PING how much a round trip carries, so that windows can follow the path's bandwidth-delay
/// product: when nearly a window's worth of data came within one round trip, the window was the limit.
#[derive(Debug)]
pub(crate) struct BandwidthProbe {
    /// A ping is under way since its data count was reset.
    in_flight: bool,
    /// Data bytes since the ping went out, or since the last answer.
    bytes: usize,
    /// When the next ping may go.
    not_before: Option<Instant>,
    /// Pause after the next answer that finds the window wide enough.
    pause: Duration,
}

impl BandwidthProbe {
    /// Data worth a ping. It follows received DATA, which is what ping policing allows (gRFC A8: the
    /// receiver of pings forgives them when it sends data itself).
    const WORTH_A_PING: usize = 64 * 1024;
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(10);

    pub(crate) fn new() -> Self {
        Self { in_flight: false, bytes: 0, not_before: None, pause: Self::FIRST_PAUSE }
    }

    /// Data came. `true`: send a ping now.
    pub(crate) fn on_data(&mut self, len: usize, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(len);
        if self.in_flight || self.bytes < Self::WORTH_A_PING || self.not_before.is_some_and(|at| now < at) {
            return false;
        }
        self.in_flight = true;
        self.bytes = 0;
        true
    }

    /// The ping was answered. `Some(window)` if the window should be that wide.
    pub(crate) fn on_answer(&mut self, window: u32, max: u32, now: Instant) -> Option<u32> {
        let carried = std::mem::take(&mut self.bytes);
        self.in_flight = false;
        if carried >= window as usize / 3 * 2 && window < max {
            self.not_before = None;
            self.pause = Self::FIRST_PAUSE;
            return Some(window.saturating_mul(2).min(max));
        }
        self.not_before = Some(now + self.pause);
        self.pause = (self.pause * 2).min(Self::LONGEST_PAUSE);
        None
    }
}
