//! The Huffman code of RFC 7541 appendix B.
//!
//! The code is canonical: the lengths alone determine every code word, so only the lengths are written down and the
//! tables are computed from them when the crate is compiled.

use bytes::{BufMut, BytesMut};

/// The end-of-string symbol. It never occurs in a valid string; its leading bits are the padding.
const EOS: usize = 256;
const SYMBOLS: usize = 257;
const LONGEST: usize = 30;

/// The length in bits of each symbol's code word.
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

/// The symbols in the order of their code words: by length, then by value.
const ORDERED: [u16; SYMBOLS] = {
    let mut ordered = [0; SYMBOLS];
    let mut next = 0;
    let mut length = 0;
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                ordered[next] = symbol as u16;
                next += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    ordered
};

/// The code word of each symbol, right-aligned.
const CODES: [u32; SYMBOLS] = {
    let mut codes = [0; SYMBOLS];
    let mut code: u32 = 0;
    let mut position = 0;
    while position < SYMBOLS {
        let symbol = ORDERED[position] as usize;
        codes[symbol] = code;
        if position + 1 < SYMBOLS {
            let growth = LENGTHS[ORDERED[position + 1] as usize] - LENGTHS[symbol];
            code = (code + 1) << growth;
        }
        position += 1;
    }
    codes
};

// The same tables in memory, for use at run time.
static CODE_LENGTHS: [u8; SYMBOLS] = LENGTHS;
static CODE_WORDS: [u32; SYMBOLS] = CODES;
static SYMBOL_ORDER: [u16; SYMBOLS] = ORDERED;

/// The symbol for the first eight bits of the input, as `symbol << 8 | length`, or 0 where the code word is longer.
static SHORT: [u16; 256] = {
    let mut table = [0; 256];
    let mut symbol = 0;
    while symbol < EOS {
        let length = LENGTHS[symbol] as u32;
        if length <= 8 {
            let first = CODES[symbol] << (8 - length);
            let mut fill = 0;
            while fill < 1 << (8 - length) {
                table[(first + fill) as usize] = ((symbol as u16) << 8) | length as u16;
                fill += 1;
            }
        }
        symbol += 1;
    }
    table
};

/// One length of code words: those below `limit` (left-aligned in 32 bits) are `length` bits long or shorter.
#[derive(Clone, Copy)]
struct Length {
    limit: u64,
    first_code: u32,
    first_position: u16,
}

static BY_LENGTH: [Length; LONGEST + 1] = {
    let mut lengths = [Length { limit: 0, first_code: 0, first_position: 0 }; LONGEST + 1];
    let mut position = 0;
    let mut length = 1;
    while length <= LONGEST {
        let first_position = position;
        while position < SYMBOLS && LENGTHS[ORDERED[position] as usize] as usize == length {
            position += 1;
        }
        let count = (position - first_position) as u64;
        let first_code = if count > 0 { CODES[ORDERED[first_position] as usize] } else { 0 };
        let limit =
            if count > 0 { (first_code as u64 + count) << (32 - length) } else { lengths[length - 1].limit };
        lengths[length] = Length { limit, first_code, first_position: first_position as u16 };
        length += 1;
    }
    lengths
};

/// The reason why a Huffman-coded string is invalid (RFC 7541 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// The end-of-string symbol occurs in the string.
    EndOfString,
    /// What follows the last symbol is longer than seven bits or not all ones.
    Padding,
}

/// Appends the decoded form of `source` to `out`. At most 8/5 of `source`'s length is appended.
pub(super) fn decode(source: &[u8], out: &mut Vec<u8>) -> Result<(), Invalid> {
    out.reserve(source.len() * 8 / 5);
    let mut rest = source;
    // The next bits of the input, left-aligned; the first `bits` of them count.
    let mut window: u64 = 0;
    let mut bits: u32 = 0;
    loop {
        if let Some(word) = rest.first_chunk::<8>() {
            // Bits beyond the whole bytes taken are the true ones of the bytes that follow: the next round
            // sets them again to the same value.
            window |= u64::from_be_bytes(*word) >> bits;
            let taken = (63 - bits) / 8;
            rest = &rest[taken as usize..];
            bits += taken * 8;
        } else {
            while bits <= 56 {
                let [byte, after @ ..] = rest else { break };
                window |= u64::from(*byte) << (56 - bits);
                bits += 8;
                rest = after;
            }
        }
        let enough = if rest.is_empty() { 0 } else { LONGEST as u32 };
        loop {
            let short = SHORT[(window >> 56) as usize];
            let (symbol, length) = if short == 0 {
                long_symbol((window >> 32) as u32)
            } else {
                (short >> 8, u32::from(short & 0xff))
            };
            if length > bits {
                return check_padding(window, bits);
            }
            if symbol as usize == EOS {
                return Err(Invalid::EndOfString);
            }
            out.push(symbol as u8);
            window <<= length;
            bits -= length;
            if bits < enough {
                break;
            }
        }
    }
}

/// Computes the decoded length of a Huffman-coded string that comes in pieces, without keeping it.
#[derive(Default)]
pub(super) struct Counter {
    /// The bits of a symbol that is not complete, left-aligned.
    window: u64,
    bits: u32,
    symbols: usize,
}

impl Counter {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Invalid> {
        for &byte in bytes {
            // Fewer bits than the longest code word are left over from the last round.
            self.window |= u64::from(byte) << (56 - self.bits);
            self.bits += 8;
            loop {
                let short = SHORT[(self.window >> 56) as usize];
                let (symbol, length) = if short == 0 {
                    long_symbol((self.window >> 32) as u32)
                } else {
                    (short >> 8, u32::from(short & 0xff))
                };
                // Zeros stand for bits that are still to come; no complete code word is found in them.
                if length > self.bits {
                    break;
                }
                if usize::from(symbol) == EOS {
                    return Err(Invalid::EndOfString);
                }
                self.symbols += 1;
                self.window <<= length;
                self.bits -= length;
            }
        }
        Ok(())
    }

    /// The length of the decoded string.
    pub(super) fn finish(&self) -> Result<usize, Invalid> {
        check_padding(self.window, self.bits).map(|()| self.symbols)
    }
}

/// Finds the symbol whose code word is longer than eight bits.
fn long_symbol(peek: u32) -> (u16, u32) {
    // The longest code word is all ones, so every number is below the last limit.
    let longer = &BY_LENGTH[9..];
    let steps = longer.iter().take_while(|of_length| u64::from(peek) >= of_length.limit).count();
    let length = (9 + steps).min(LONGEST);
    let of_length = &BY_LENGTH[length];
    let offset = (peek >> (32 - length)) - of_length.first_code;
    (SYMBOL_ORDER[usize::from(of_length.first_position) + offset as usize], length as u32)
}

fn check_padding(window: u64, bits: u32) -> Result<(), Invalid> {
    let padding = !0u64;
    if bits < 8 && (bits == 0 || window >> (64 - bits) == padding >> (64 - bits)) {
        Ok(())
    } else {
        Err(Invalid::Padding)
    }
}

/// Returns the length of `source` when encoded.
pub(super) fn encoded_len(source: &[u8]) -> usize {
    let bits: usize = source.iter().map(|&byte| usize::from(CODE_LENGTHS[byte as usize])).sum();
    bits.div_ceil(8)
}

/// Appends the encoded form of `source`.
pub(super) fn encode(source: &[u8], out: &mut BytesMut) {
    let mut window: u64 = 0;
    let mut bits: u32 = 0;
    for &byte in source {
        let length = u32::from(CODE_LENGTHS[byte as usize]);
        window = (window << length) | u64::from(CODE_WORDS[byte as usize]);
        bits += length;
        if bits >= 32 {
            bits -= 32;
            out.put_u32((window >> bits) as u32);
        }
    }
    while bits >= 8 {
        bits -= 8;
        out.put_u8((window >> bits) as u8);
    }
    if bits > 0 {
        // The padding is the beginning of the end-of-string symbol: ones.
        out.put_u8(((window << (8 - bits)) as u8) | (0xff >> bits));
    }
}

#[cfg(test)]
mod tests;
