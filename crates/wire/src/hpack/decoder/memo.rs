//! A cache of whole blocks, so that a repeated one is not decoded again.

use crate::fields::HeaderBlock;

/// A connection repeats few blocks: requests of the methods in use, a response head, trailers.
const BLOCKS: usize = 8;

/// The longest block remembered: longer ones contain what differs from call to call. This also bounds what a peer can
/// make us hold.
const MAX_BLOCK: usize = 512;

/// The most fields of a block remembered: a short block can refer to many table entries; no call needs so many.
const MAX_FIELDS: usize = 64;

/// How often a block that has been hit survives the attempt to replace it with a new one.
const PATIENCE: u8 = 8;

#[derive(Default)]
pub(super) struct Memo {
    blocks: Vec<Remembered>,
    /// The slot considered for eviction next, as in the clock algorithm.
    hand: usize,
}

struct Remembered {
    wire: Vec<u8>,
    generation: u64,
    patience: u8,
    block: HeaderBlock,
}

impl Memo {
    pub(super) fn find(&mut self, wire: &[u8], generation: u64) -> Option<&HeaderBlock> {
        let found =
            self.blocks.iter_mut().find(|known| known.generation == generation && known.wire == wire)?;
        found.patience = PATIENCE;
        Some(&found.block)
    }

    /// Remembers a block. Those that never repeat (a trace id in each) must not evict those that do: a block that has
    /// been hit is passed over a few times before it goes.
    pub(super) fn remember(&mut self, wire: &[u8], generation: u64, block: &HeaderBlock) {
        if wire.len() > MAX_BLOCK || block.fields().len() > MAX_FIELDS || block.over_limit() {
            return;
        }
        if self.blocks.len() < BLOCKS {
            let block = block.clone();
            if self.blocks.is_empty() {
                self.blocks.reserve_exact(1);
            }
            self.blocks.push(Remembered { wire: wire.to_vec(), generation, patience: 0, block });
            return;
        }
        self.hand = (self.hand + 1) % BLOCKS;
        let place = &mut self.blocks[self.hand];
        if place.generation == generation && place.patience > 0 {
            place.patience -= 1;
            return;
        }
        place.wire.clear();
        place.wire.extend_from_slice(wire);
        place.generation = generation;
        place.patience = 0;
        place.block = block.clone();
    }
}
