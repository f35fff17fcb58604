//! How names are written: PascalCase, lower_snake_case and UPPER_SNAKE_CASE as buf's rules understand them.

/// Whether a character separates words.
fn separates(ch: char) -> bool {
    matches!(ch, '.' | '-' | '_' | ' ' | '\t' | '\n' | '\r')
}

/// `FooBar` of `foo_bar`. Letters that are capitals stay so, others become small within a word.
pub(crate) fn pascal_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut word_starts = true;
    for ch in name.trim().chars() {
        if separates(ch) {
            word_starts = true;
            continue;
        }
        let ch = if word_starts { ch.to_ascii_uppercase() } else { ch };
        out.push(ch);
        word_starts = false;
    }
    out
}

/// `foo_bar` of `FooBar`.
pub(crate) fn lower_snake_case(name: &str) -> String {
    snake_case(name).to_lowercase()
}

/// `FOO_BAR` of `FooBar`.
pub(crate) fn upper_snake_case(name: &str) -> String {
    snake_case(name).to_uppercase()
}

/// Words with one underscore between them. A capital starts a word after a small letter, and before one: `HTTPServer`
/// is of two words. Digits belong to the word before them.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.trim_matches(separates).chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (index, &ch) in chars.iter().enumerate() {
        let after_underscore = out.ends_with('_');
        if separates(ch) {
            if !after_underscore {
                out.push('_');
            }
            continue;
        }
        let before_small = chars
            .get(index + 1)
            .is_some_and(|next| !next.is_uppercase() && !next.is_ascii_digit() && !separates(*next));
        let after_small = index.checked_sub(1).is_some_and(|before| chars[before].is_lowercase());
        if index > 0 && ch.is_uppercase() && !after_underscore && (before_small || after_small) {
            out.push('_');
        }
        out.push(ch);
    }
    out
}

#[cfg(test)]
mod tests;
