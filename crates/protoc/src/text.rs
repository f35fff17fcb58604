//! Text forms that descriptors and generated code share with protoc.

use std::fmt::Write as _;

/// Escapes bytes as C string content: `\n \r \t \" \' \\`, printable ASCII as it is, all else in three octal digits.
pub(crate) fn c_escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out
}

/// A JSON string with its quotation marks.
pub(crate) fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for ch in text.chars() {
        match ch {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            ch if ch.is_control() => {
                // Writing to a String cannot fail.
                let _infallible = write!(out, "\\u{:04x}", u32::from(ch));
            }
            ch => out.push(ch),
        }
    }
    out.push('"');
    out
}

/// A double as C's `%g` with 15 digits, or with 17 where those do not read back as the same value.
pub(crate) fn double_text(value: f64) -> String {
    not_finite(value).unwrap_or_else(|| {
        let short = general(value, 15);
        if short.parse() == Ok(value) { short } else { general(value, 17) }
    })
}

/// A float as C's `%g` with 6 digits, or with 9 where those do not read back as the same value. protoc's reader
/// does not take subnormal numbers.
pub(crate) fn float_text(value: f32) -> String {
    not_finite(f64::from(value)).unwrap_or_else(|| {
        let short = general(f64::from(value), 6);
        let same = short.parse() == Ok(value) && !value.is_subnormal();
        if same { short } else { general(f64::from(value), 9) }
    })
}

fn not_finite(value: f64) -> Option<String> {
    if value.is_nan() {
        return Some("nan".to_owned());
    }
    value.is_infinite().then(|| if value > 0.0 { "inf" } else { "-inf" }.to_owned())
}

/// `%.{digits}g`
fn general(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{value:.decimals$}"))
}

/// A field's name in JSON: the letter after an underscore is upper case, underscores are gone.
pub(crate) fn json_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for ch in name.chars() {
        if ch == '_' {
            upper = true;
        } else {
            out.push(if upper { ch.to_ascii_uppercase() } else { ch });
            upper = false;
        }
    }
    out
}

/// The name of the message that a map field's entries have.
pub(crate) fn map_entry_name(field: &str) -> String {
    let mut out = String::with_capacity(field.len() + 5);
    let mut upper = true;
    for ch in field.chars() {
        if ch == '_' {
            upper = true;
        } else {
            out.push(if upper { ch.to_ascii_uppercase() } else { ch });
            upper = false;
        }
    }
    out + "Entry"
}

/// Escapes bytes as C string content in hexadecimal; a hexadecimal digit after an escape is escaped too.
pub(crate) fn hex_escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    let mut after_hex = false;
    for &byte in bytes {
        let simple = match byte {
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            b'"' => "\\\"",
            b'\'' => "\\'",
            b'\\' => "\\\\",
            _ => "",
        };
        let printable = (0x20..=0x7e).contains(&byte) && !(after_hex && byte.is_ascii_hexdigit());
        after_hex = false;
        if !simple.is_empty() {
            out.push_str(simple);
        } else if printable {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "\\x{byte:02x}");
            after_hex = true;
        }
    }
    out
}

/// An edition by its number, without the prefix that its enum value has.
pub(crate) fn edition_name(number: u64) -> String {
    match number {
        0 => "UNKNOWN".to_owned(),
        900 => "LEGACY".to_owned(),
        998 => "PROTO2".to_owned(),
        999 => "PROTO3".to_owned(),
        1000 => "2023".to_owned(),
        1001 => "2024".to_owned(),
        1002 => "2026".to_owned(),
        9999 => "UNSTABLE".to_owned(),
        0x7fff_ffff => "MAX".to_owned(),
        other => format!("{other}_TEST_ONLY"),
    }
}
