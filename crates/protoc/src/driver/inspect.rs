//! What is done instead of generating code: binary to text and back, and free field numbers.

use std::io::{Read, Write};

use super::args::Action;
use crate::{message::DecodeError, session::Compilation};

/// Does what an action other than generating asks for.
pub(super) fn act(
    action: &Action,
    compilation: &Compilation,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<(), String> {
    match action {
        Action::Encode(name) => {
            let codec = compilation.codec(name).ok_or_else(|| not_defined(name))?;
            let text = read(stdin)?;
            let bytes = codec.encode(text).map_err(|error| format!("{error}\nFailed to parse input."))?;
            match codec.decode(&bytes) {
                Ok(decoded) => warn_of_missing(&decoded.missing, stderr),
                Err(DecodeError::NotUtf8(field)) => {
                    let _unwritable = writeln!(stderr, "{}", not_utf8(&field, "serializing"));
                }
                Err(DecodeError::Malformed) => {}
            }
            write(stdout, &bytes)
        }
        Action::Decode(name) => {
            let codec = compilation.codec(name).ok_or_else(|| not_defined(name))?;
            let decoded = codec.decode(&read(stdin)?).map_err(|error| match error {
                DecodeError::Malformed => "Failed to parse input.".to_owned(),
                DecodeError::NotUtf8(field) => {
                    format!("{}\nFailed to parse input.", not_utf8(&field, "parsing"))
                }
            })?;
            warn_of_missing(&decoded.missing, stderr);
            write(stdout, decoded.text.as_bytes())
        }
        Action::PrintFreeFieldNumbers => write(stdout, compilation.free_field_numbers().as_bytes()),
        Action::DecodeRaw => decode_raw(stdin, stdout),
        Action::Generate => Ok(()),
    }
}

/// Binary of no type to text.
pub(super) fn decode_raw(stdin: &mut dyn Read, stdout: &mut dyn Write) -> Result<(), String> {
    let fields =
        crate::message::decode_unknown(&read(stdin)?).map_err(|_| "Failed to parse input.".to_owned())?;
    write(stdout, crate::message::print_unknown(&fields).as_bytes())
}

fn not_defined(name: &str) -> String {
    format!("Type not defined: {name}")
}

fn not_utf8(field: &str, doing: &str) -> String {
    format!(
        "String field '{field}' contains invalid UTF-8 data when {doing} a protocol buffer. Use the 'bytes' type if you \
         intend to send raw bytes."
    )
}

fn warn_of_missing(missing: &[String], stderr: &mut dyn Write) {
    if !missing.is_empty() {
        let list = missing.join(", ");
        let _unwritable = writeln!(stderr, "warning:  Input message is missing required fields:  {list}");
    }
}

fn read(stdin: &mut dyn Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    stdin.read_to_end(&mut bytes).map_err(|error| format!("input: {error}"))?;
    Ok(bytes)
}

fn write(stdout: &mut dyn Write, bytes: &[u8]) -> Result<(), String> {
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|_| "output: I/O error.".to_owned())
}
