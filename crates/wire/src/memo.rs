//! A small cache of what was recently derived from header blocks. Calls on one connection repeat their blocks to the
//! byte, and the decoder returns the same allocation for the same bytes: nothing needs to be derived from a block
//! twice.

/// How often an entry that has been hit survives the attempt to replace it with a new one.
const PATIENCE: u8 = 8;

/// The last few results, keyed by what they were derived from.
///
/// Keys that never recur (a trace id in each head) do not evict those that do: an entry that has been hit is passed
/// over a few times before it goes.
#[derive(Debug)]
pub struct Memo<K, V, const PLACES: usize> {
    entries: Vec<Entry<K, V>>,
    /// The slot considered for eviction next, as in the clock algorithm.
    hand: usize,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    patience: u8,
}

impl<K, V, const PLACES: usize> Memo<K, V, PLACES> {
    /// Returns the result kept for this key.
    #[inline]
    pub fn find(&mut self, is_it: impl Fn(&K) -> bool) -> Option<&V> {
        let entry = self.entries.iter_mut().find(|entry| is_it(&entry.key))?;
        entry.patience = PATIENCE;
        Some(&entry.value)
    }

    /// Keeps a result, unless those already kept are worth more.
    pub fn keep(&mut self, key: K, value: V) {
        let entry = Entry { key, value, patience: 0 };
        if self.entries.len() < PLACES {
            if self.entries.is_empty() {
                // Many connections have one kind of call.
                self.entries.reserve_exact(1);
            }
            return self.entries.push(entry);
        }
        self.hand = (self.hand + 1) % PLACES;
        let place = &mut self.entries[self.hand];
        if place.patience > 0 {
            place.patience -= 1;
        } else {
            *place = entry;
        }
    }
}

impl<K, V, const PLACES: usize> Default for Memo<K, V, PLACES> {
    fn default() -> Self {
        Self { entries: Vec::new(), hand: 0 }
    }
}

#[cfg(test)]
mod tests;
