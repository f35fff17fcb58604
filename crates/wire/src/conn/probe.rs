use std::time::{Duration, Instant};

/// Measures with PINGs how much a round trip carries, so that windows can follow the path's bandwidth-delay product:
/// when nearly a window's worth of data arrived within one round trip, and faster than ever before, the window was the
/// limit. Where a wider window brings no more speed, it would only lengthen the queue in which small messages wait
/// behind large ones.
#[derive(Debug)]
pub(crate) struct BandwidthProbe {
    /// Whether a ping is in flight, since the data count was reset.
    in_flight: bool,
    /// The time when the last ping was sent; before the first, when our SETTINGS were.
    sent: Instant,
    /// The shortest round trip seen.
    round_trip: Duration,
    /// The highest rate seen, in bytes per second.
    best_rate: f64,
    /// The data bytes since the ping was sent, or since the last answer.
    bytes: usize,
    /// The time when the next ping may be sent.
    not_before: Option<Instant>,
    /// The pause after the next answer that finds the window wide enough.
    pause: Duration,
}

impl BandwidthProbe {
    /// The amount of data worth a ping. A ping follows received DATA, which ping policies allow (gRFC A8: the receiver
    /// of pings forgives them when it sends data itself).
    const WORTH_A_PING: usize = 64 * 1024;
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(10);

    /// A round trip below this is one within a machine or a rack, where a wide window gains nothing.
    const NEAR: Duration = Duration::from_millis(1);
    /// The speed-up from which on the window is considered to have been the limit.
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

    /// Takes note that the peer acknowledged our first SETTINGS.
    pub(crate) fn on_settings_acknowledged(&mut self, now: Instant) {
        self.round_trip = self.round_trip.min(now.saturating_duration_since(self.sent));
    }

    /// Whether the peer is known to be so near that an update reaches it at once.
    pub(crate) fn is_near(&self) -> bool {
        self.round_trip < Self::NEAR
    }

    /// Counts received data; returns whether to send a ping now.
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

    /// Evaluates the answer to the ping; returns the new window if it should be widened.
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
