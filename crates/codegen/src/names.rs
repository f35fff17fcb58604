//! From protobuf's names to Rust's.

use buffa_codegen::idents::make_field_ident;
use proc_macro2::Ident;

/// `snake_case` of a name in any case. A word ends before an upper-case letter that follows a lower-case letter or a
/// digit, and before the last letter of an acronym: `GetHTTPUrl2Go` becomes `get_http_url2_go`.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (i, &ch) in chars.iter().enumerate() {
        let previous = i.checked_sub(1).map(|i| chars[i]);
        let starts_word = ch.is_uppercase()
            && match previous {
                None | Some('_') => false,
                Some(previous) if previous.is_uppercase() => {
                    chars.get(i + 1).is_some_and(|next| next.is_lowercase())
                }
                Some(_) => true,
            };
        if starts_word {
            out.push('_');
        }
        out.extend(ch.to_lowercase());
    }
    out
}

/// `UpperCamelCase` of a name in any case; capitals within a word stay as they are.
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut starts_word = true;
    for ch in name.chars() {
        match ch {
            '_' => starts_word = true,
            ch if starts_word => {
                out.extend(ch.to_uppercase());
                starts_word = false;
            }
            ch => out.push(ch),
        }
    }
    out
}

/// An identifier; a keyword is escaped (`r#type`, and `self_` where there is no raw form).
pub(crate) fn ident(name: &str) -> Ident {
    make_field_ident(name)
}

#[cfg(test)]
mod tests;
