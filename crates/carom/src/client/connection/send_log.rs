//! What a call sends, kept for as long as another attempt may have to send it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use smallvec::SmallVec;

/// Bytes that one call keeps of what was sent (gRFC A6 proposes a limit of this size). With more the call is committed.
const MAX_KEPT: usize = 256 * 1024;
/// What a call keeps without asking the channel: it is as much as the call itself takes.
const FREE: usize = 16 * 1024;
/// What it asks the channel for at a time.
const PORTION: usize = 16 * 1024;

/// What all calls of a channel together may keep of what they sent (gRFC A6). A call that gets nothing of it is committed.
#[derive(Debug)]
pub(crate) struct ReplayBudget(AtomicUsize);

impl ReplayBudget {
    /// Default of a channel: 16 MiB.
    pub(crate) const DEFAULT: usize = 16 * 1024 * 1024;

    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(bytes)))
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// A call's part of the budget; comes back when it is dropped.
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

/// How far an attempt has come with a [`SendLog`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Chunks and bytes that went to the engine.
    chunks: usize,
    bytes: usize,
    half_close_sent: bool,
    /// The engine was given something, or asked for it.
    begun: bool,
}

impl Cursor {
    /// Whether the engine was given anything.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }
}

/// Chunks of framed messages in their order, and the half-close behind them.
///
/// ```text
///   forgotten │ kept: sent by an attempt │ waiting        push ─▶ half-close
///             └ until a commit           └ cursor
/// ```
#[derive(Default)]
pub(super) struct SendLog {
    chunks: SmallVec<[Bytes; 1]>,
    /// Chunks and bytes that are not kept any more.
    forgotten: usize,
    forgotten_bytes: usize,
    /// All bytes that were pushed.
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

    /// Whether nothing more can be pushed.
    pub(super) fn is_half_closed(&self) -> bool {
        self.half_closed
    }

    /// Bytes that an attempt has still to send.
    pub(super) fn waiting(&self, cursor: &Cursor) -> usize {
        self.pushed - cursor.bytes
    }

    /// The next chunk of an attempt, and whether the stream ends with it. A half-close with nothing to send is an empty
    /// chunk. Past what may be kept the log is committed to the attempt.
    pub(super) fn next(&mut self, cursor: &mut Cursor, budget: &Arc<ReplayBudget>) -> Option<(Bytes, bool)> {
        cursor.begun = true;
        // What was forgotten before it was sent will not be sent any more.
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

    /// The attempt with this cursor carries the call: nothing is sent again.
    pub(super) fn commit(&mut self, cursor: &Cursor) {
        self.replay = Replay::Committed;
        self.forget_before(cursor);
    }

    pub(super) fn is_committed(&self) -> bool {
        matches!(self.replay, Replay::Committed)
    }

    /// Nothing more will be sent, now or again.
    pub(super) fn clear(&mut self) {
        self.forgotten += self.chunks.len();
        self.forgotten_bytes = self.pushed;
        self.chunks = SmallVec::new();
        self.replay = Replay::Committed;
    }

    /// Drops what was sent. Moves the rest only when that is the smaller half, so that a long queue is not moved once a
    /// chunk.
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
