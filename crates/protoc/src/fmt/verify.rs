//! Whether a formatted text still says what the text it was made from says.

use std::hash::{DefaultHasher, Hash as _, Hasher};

use super::trivia::Gap;
use crate::{
    diagnostics::Diagnostics,
    source::Source,
    tokens::{Kind, Token, tokenize},
};

/// Whether both have the same words, numbers and strings, and the same comments: each as often in one as in the other.
pub(super) fn same_content(source: &Source, tokens: &[Token], formatted: &Source) -> bool {
    let mut diagnostics = Diagnostics::default();
    let formatted_tokens = tokenize(formatted, &mut diagnostics);
    !diagnostics.has_errors() && Digest::of(source, tokens) == Digest::of(formatted, &formatted_tokens)
}

/// Sums of hashes, in which order does not matter.
#[derive(PartialEq, Eq, Default)]
struct Digest {
    words: u64,
    comments: u64,
}

impl Digest {
    fn of(source: &Source, tokens: &[Token]) -> Self {
        let dropped = vec![false; tokens.len()];
        let mut digest = Self::default();
        for (index, token) in (0..).zip(tokens) {
            let text = &source.text()[token.start as usize..token.end as usize];
            if token.kind != Kind::Symbol {
                digest.words = digest.words.wrapping_add(hash(text.iter().copied()));
            } else if let Some(symbol) = significant(text) {
                digest.words = digest.words.wrapping_add(hash([symbol].into_iter()));
            }
            for comment in Gap::before(source, tokens, &dropped, index).comments {
                let end =
                    if comment.is_line { comment.text.len() } else { comment.text.len().saturating_sub(2) };
                let text = comment.text.get(2..end).unwrap_or_default();
                let text = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
                digest.comments = digest.comments.wrapping_add(hash(text));
            }
        }
        digest
    }
}

/// A symbol that formatting keeps; brackets of values become braces, and separators come and go.
fn significant(symbol: &[u8]) -> Option<u8> {
    match symbol {
        b";" | b"," | b":" => None,
        b"<" => Some(b'{'),
        b">" => Some(b'}'),
        _ => symbol.first().copied(),
    }
}

fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.for_each(|byte| byte.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests;
