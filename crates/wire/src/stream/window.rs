//! Flow control (RFC 9113 §5.2, §6.9): how much the peer may still send, and how much we may.

use crate::frame::MAX_WINDOW;

/// The error of a window that the peer pushed past its bounds (RFC 9113 §6.9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowError;

/// The window for what the peer may send: it shrinks with the bytes received and grows with the credit we give.
#[derive(Debug)]
pub(crate) struct RecvWindow {
    /// Bytes that the peer may send at this moment. Negative after SETTINGS have shrunk the window (§6.9.2).
    available: i64,
    /// The credit that is due but not yet worth a WINDOW_UPDATE.
    pending: u32,
    /// The size that `available` is restored to.
    target: u32,
}

impl RecvWindow {
    /// The least that a near peer may have in flight, so that it need not stop for each frame.
    const NEAR_REACH: i64 = 512 * 1024;

    pub(crate) fn new(initial: u32, target: u32) -> Self {
        Self { available: i64::from(initial), pending: 0, target }
    }

    pub(crate) fn target(&self) -> u32 {
        self.target
    }

    /// Bytes that the peer may send at this moment.
    #[cfg(test)]
    pub(crate) fn available(&self) -> i64 {
        self.available
    }

    /// Takes `n` received bytes, padding included, off the window.
    pub(crate) fn consume(&mut self, n: u32) -> Result<(), WindowError> {
        if i64::from(n) > self.available {
            return Err(WindowError);
        }
        self.available -= i64::from(n);
        Ok(())
    }

    /// Releases `n` bytes that need not be held any more. Returns the increment to send once half the window is due, so
    /// that updates are few. What [`Self::expect`] granted beyond the target is not granted a second time.
    pub(crate) fn release(&mut self, n: usize) -> Option<u32> {
        let room = i64::from(self.target) - self.available - i64::from(self.pending);
        let credit = i64::try_from(n).unwrap_or(i64::MAX).min(room.max(0));
        self.pending += credit as u32;
        (self.pending > 0 && self.pending >= self.target / 2).then(|| self.grant(0))
    }

    /// Grants credit for a message of which `wanted` bytes are still to come: the window must cover them, or a message
    /// larger than the window would never arrive. `near`: an update reaches the peer at once, so that the window is
    /// opened bit by bit, and no more than that competes with what the peer sends on other streams meanwhile. Returns
    /// the increment to send, if one is needed.
    pub(crate) fn expect(&mut self, wanted: usize, near: bool) -> Option<u32> {
        if wanted == 0 {
            return None;
        }
        let mut wanted = i64::try_from(wanted).unwrap_or(i64::MAX).min(i64::from(MAX_WINDOW));
        if near {
            let reach = i64::from(self.target).max(Self::NEAR_REACH);
            if self.available >= reach / 2 {
                return None;
            }
            wanted = wanted.min(reach);
        }
        // Credit that is due counts only once it is given: the peer is waiting, and nothing else would make an update
        // worthwhile.
        let missing = (wanted - self.available - i64::from(self.pending)).max(0);
        (wanted > self.available).then(|| self.grant(missing as u32))
    }

    /// Enlarges the window permanently. Returns the increment to send.
    pub(crate) fn grow(&mut self, target: u32) -> Option<u32> {
        let more = target.checked_sub(self.target).filter(|&more| more > 0)?;
        self.target = target;
        Some(self.grant(more))
    }

    /// Enlarges the window without an update: the peer does the same when it reads our SETTINGS (§6.9.2).
    pub(crate) fn widen(&mut self, target: u32) {
        let more = target.saturating_sub(self.target);
        self.target += more;
        self.available += i64::from(more);
    }

    /// Shrinks the window as the peer does when it reads our SETTINGS (§6.9.3): it may be overdrawn now.
    pub(crate) fn narrow(&mut self, by: u32) {
        self.target = self.target.saturating_sub(by);
        self.available -= i64::from(by);
    }

    fn grant(&mut self, extra: u32) -> u32 {
        let room = (i64::from(MAX_WINDOW) - self.available).max(0);
        let increment = (i64::from(self.pending) + i64::from(extra)).min(room);
        self.pending = 0;
        self.available += increment;
        increment as u32
    }
}

/// The window for what we may send: it shrinks with each DATA frame and grows with the peer's WINDOW_UPDATEs.
#[derive(Debug)]
pub(crate) struct SendWindow(i64);

impl SendWindow {
    pub(crate) fn new(initial: u32) -> Self {
        Self(i64::from(initial))
    }

    pub(crate) fn available(&self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// The bytes that may be sent; negative if the window is overdrawn.
    #[cfg(test)]
    pub(crate) fn balance(&self) -> i64 {
        self.0
    }

    pub(crate) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.available(), "sent past the peer's window");
        self.0 -= n as i64;
    }

    /// Applies a WINDOW_UPDATE (§6.9.1: past 2³¹−1 is an error of the peer).
    pub(crate) fn add(&mut self, increment: u32) -> Result<(), WindowError> {
        let grown = self.0 + i64::from(increment);
        if grown > i64::from(MAX_WINDOW) {
            return Err(WindowError);
        }
        self.0 = grown;
        Ok(())
    }

    /// Applies a change of SETTINGS_INITIAL_WINDOW_SIZE (§6.9.2): the window may become negative.
    pub(crate) fn adjust(&mut self, delta: i64) -> Result<(), WindowError> {
        if self.0 + delta > i64::from(MAX_WINDOW) {
            return Err(WindowError);
        }
        self.0 += delta;
        Ok(())
    }
}
