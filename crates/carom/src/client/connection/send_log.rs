//! The log of what a call sends, kept for as long as another attempt may have to send it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use smallvec::SmallVec;

/// The bytes that one call keeps of what it sent (gRFC A6 proposes a limit of this size). Beyond that the call is
/// committed.
const MAX_KEPT: usize = 256 * 1024;
/// The bytes that a call keeps without drawing on the channel's budget: about as much as the call itself takes.
const FREE: usize = 16 * 1024;
/// The portions in which it draws on the channel's budget.
const PORTION: usize = 16 * 1024;

/// The budget of what all calls of a channel together may keep of what they sent (gRFC A6). A call that it does not
/// cover is committed.
#[derive(Debug)]
pub(crate) struct ReplayBudget(AtomicUsize);

impl ReplayBudget {
    /// The default of a channel: 16 MiB.
    pub(crate) const DEFAULT: usize = 16 * 1024 * 1024;

    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(bytes)))
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// A call's part of the budget; returned when it is dropped.
#[derive(Default)]
struct Share {
    budget: Option<Arc<ReplayBudget>>,
    bytes: usize,
}

impl Share {
    /// Whether `kept` bytes may be kept.
    fn covers(&mut self, kept: usize, budget: &Arc<ReplayBudget>) -> bool {
        while kept > FREE + self.bytes {
            if !self.budget.get_or_insert_with(|| Arc::clone(budget)).take(PORTION) {
                return false;
            }
            self.bytes += PORTION;
        }
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.0.fetch_add(self.bytes, Ordering::Relaxed);
        }
    }
}

/// The position of an attempt in a [`SendLog`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The chunks and bytes that went to the engine.
    chunks: usize,
    bytes: usize,
    half_close_sent: bool,
    /// Whether the engine was given something, or asked for it.
    begun: bool,
}

impl Cursor {
    /// Whether the engine was given anything.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }
}

/// The chunks of framed messages in order, and the half-close after them.
///
/// ```text
///   forgotten │ kept: sent by an attempt │ waiting        push ─▶ half-close
///             └ until a commit           └ cursor
/// ```
#[derive(Default)]
pub(super) struct SendLog {
    chunks: SmallVec<[Bytes; 1]>,
    /// The chunks and bytes that are no longer kept.
    forgotten: usize,
    forgotten_bytes: usize,
    /// The total of bytes pushed.
    pushed: usize,
    half_closed: bool,
    replay: Replay,
}

/// Whether the call may be sent again.
enum Replay {
    Possible(Share),
    /// One attempt carries the call: what it has sent is forgotten.
    Committed,
}

impl Default for Replay {
    fn default() -> Self {
        Self::Possible(Share::default())
    }
}

impl SendLog {
    pub(super) fn new(chunks: SmallVec<[Bytes; 1]>, half_closed: bool) -> Self {
        let pushed = chunks.iter().map(Bytes::len).sum();
        Self { chunks, pushed, half_closed, ..Self::default() }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        self.pushed += chunk.len();
        self.chunks.push(chunk);
    }

    pub(super) fn half_close(&mut self) {
        self.half_closed = true;
    }

    /// Whether the call is half-closed, so that nothing more can be pushed.
    pub(super) fn is_half_closed(&self) -> bool {
        self.half_closed
    }

    /// The bytes that an attempt still has to send.
    pub(super) fn waiting(&self, cursor: &Cursor) -> usize {
        self.pushed - cursor.bytes
    }

    /// Returns the next chunk of an attempt, and whether the stream ends with it. A half-close with nothing to send is
    /// an empty chunk. Once more is sent than may be kept, the log is committed to the attempt.
    pub(super) fn next(&mut self, cursor: &mut Cursor, budget: &Arc<ReplayBudget>) -> Option<(Bytes, bool)> {
        cursor.begun = true;
        // Chunks forgotten before they were sent are never sent.
        let at = cursor.chunks.checked_sub(self.forgotten)?;
        let Some(next) = self.chunks.get_mut(at) else {
            if self.half_closed && !cursor.half_close_sent {
                cursor.half_close_sent = true;
                return Some((Bytes::new(), true));
            }
            return None;
        };
        let len = next.len();
        let kept = cursor.bytes + len - self.forgotten_bytes;
        let may_keep = match &mut self.replay {
            Replay::Possible(share) => kept <= MAX_KEPT && share.covers(kept, budget),
            Replay::Committed => false,
        };
        let chunk = if may_keep {
            next.clone()
        } else {
            self.replay = Replay::Committed;
            std::mem::take(next)
        };
        cursor.chunks += 1;
        cursor.bytes += len;
        let last = self.half_closed && cursor.chunks - self.forgotten == self.chunks.len();
        cursor.half_close_sent |= last;
        if self.is_committed() {
            self.forget_before(cursor);
        }
        Some((chunk, last))
    }

    /// Commits to the attempt with this cursor: nothing is sent again.
    pub(super) fn commit(&mut self, cursor: &Cursor) {
        self.replay = Replay::Committed;
        self.forget_before(cursor);
    }

    pub(super) fn is_committed(&self) -> bool {
        matches!(self.replay, Replay::Committed)
    }

    /// Drops everything: nothing more will be sent or sent again.
    pub(super) fn clear(&mut self) {
        self.forgotten += self.chunks.len();
        self.forgotten_bytes = self.pushed;
        self.chunks = SmallVec::new();
        self.replay = Replay::Committed;
    }

    /// Drops what was sent. The rest is moved only when it is the smaller half, so that a long queue is not moved for
    /// every chunk.
    fn forget_before(&mut self, cursor: &Cursor) {
        self.forgotten_bytes = self.forgotten_bytes.max(cursor.bytes);
        let Some(sent) = cursor.chunks.checked_sub(self.forgotten) else { return };
        if sent >= self.chunks.len() {
            self.chunks.clear();
        } else if sent * 2 >= self.chunks.len() {
            self.chunks.drain(..sent);
        } else {
            self.chunks[..sent].fill(Bytes::new());
            return;
        }
        self.forgotten = cursor.chunks;
    }
}

#[cfg(test)]
mod tests;
