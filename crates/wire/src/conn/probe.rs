use std::time::{Duration, Instant};

/// Finds out by PING how much a round trip carries, so that windows can follow the path's bandwidth-delay
/// product: when nearly a window's worth of data came within one round trip, and faster than ever before, the window was
/// the limit. Where a wider window did not make it faster, it would only make the queue longer in which small
/// messages stand behind large ones.
#[derive(Debug)]
pub(crate) struct BandwidthProbe {
    /// A ping is under way since its data count was reset.
    in_flight: bool,
    /// When the last ping went out; before the first, when our SETTINGS did.
    sent: Instant,
    /// The shortest round trip that was seen.
    round_trip: Duration,
    /// The most bytes a second that were seen.
    best_rate: f64,
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

    /// A round trip below this is one within a machine or a rack: there is nothing to be gained from opening a window far.
    const NEAR: Duration = Duration::from_millis(1);
    /// How much faster it must have become for the window to have been the limit.
    const FASTER: f64 = 1.15;

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            in_flight: false,
            sent: now,
            round_trip: Duration::MAX,
            best_rate: 0.0,
            bytes: 0,
            not_before: None,
            pause: Self::FIRST_PAUSE,
        }
    }

    /// The peer acknowledged our first SETTINGS.
    pub(crate) fn on_settings_acknowledged(&mut self, now: Instant) {
        self.round_trip = self.round_trip.min(now.saturating_duration_since(self.sent));
    }

    /// Whether the peer is known to be so near that what it is told reaches it at once.
    pub(crate) fn is_near(&self) -> bool {
        self.round_trip < Self::NEAR
    }

    /// Data came. `true`: send a ping now.
    pub(crate) fn on_data(&mut self, len: usize, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(len);
        if self.in_flight || self.bytes < Self::WORTH_A_PING || self.not_before.is_some_and(|at| now < at) {
            return false;
        }
        self.in_flight = true;
        self.sent = now;
        self.bytes = 0;
        true
    }

    /// The ping was answered. `Some(window)` if the window should be that wide.
    pub(crate) fn on_answer(&mut self, window: u32, max: u32, now: Instant) -> Option<u32> {
        let carried = std::mem::take(&mut self.bytes);
        self.in_flight = false;
        let took = now.saturating_duration_since(self.sent).max(Duration::from_micros(1));
        self.round_trip = self.round_trip.min(took);
        let rate = carried as f64 / took.as_secs_f64();
        let faster = rate > self.best_rate * Self::FASTER;
        self.best_rate = self.best_rate.max(rate);
        if carried >= window as usize / 3 * 2 && faster && window < max {
            self.not_before = None;
            self.pause = Self::FIRST_PAUSE;
            return Some(window.saturating_mul(2).min(max));
        }
        self.not_before = Some(now + self.pause);
        self.pause = (self.pause * 2).min(Self::LONGEST_PAUSE);
        None
    }
}
