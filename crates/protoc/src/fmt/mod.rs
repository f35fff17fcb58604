//! `carom-protoc fmt`: `.proto` files in one style, the one that `buf format` has made common.
//!
//! ```text
//! source → tokens → parse (refuses what is wrong) → outline (statements, option lists, values) → printer
//!                  trivia (comments and line ends between the tokens) ————————————————————————↗
//! ```
//!
//! The printer goes over the tokens themselves, so that each is printed as it was written, and asks before each for
//! the comments that stand there. Only these things change but for white space: imports and file options are sorted
//! and stand above everything else, `;` and `,` that mean nothing go away, values in braces get a `:` and curly
//! braces, and `//` becomes `/* */` where a line has to go on behind it. That nothing else does is verified each time.

mod command;
mod diff;
mod files;
mod header;
mod outline;
mod printer;
mod report;
mod statement;
mod trivia;
mod value;
mod verify;

use crate::{
    diagnostics::{Diagnostics, Severity},
    parse::parse,
    source::{MAX_SOURCE_BYTES, Source},
    tokens::tokenize,
};

pub use command::run;
use outline::Outline;
use printer::Printer;

/// Formats the text of a `.proto` file. `name` is what errors call it.
///
/// The result parses to the same file, but for the order of imports and of file options, and formats to itself.
/// Imports are not read.
///
/// # Errors
/// What is wrong with the text, in protoc's words, with line and column.
///
/// ```
/// let text = carom_protoc::fmt::format("x.proto", b"message  A{optional int32 a=1;} // end".to_vec())?;
/// assert_eq!(text, b"message A {\n  optional int32 a = 1;\n} // end\n");
/// # Ok::<(), carom_protoc::Diagnostics>(())
/// ```
pub fn format(name: &str, text: Vec<u8>) -> Result<Vec<u8>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    if text.len() > MAX_SOURCE_BYTES {
        let message = format!("is larger than {MAX_SOURCE_BYTES} bytes, the most that is read.");
        diagnostics.about(Severity::Error, name, message);
        return Err(diagnostics);
    }
    let source = Source::new(name, text);
    let tokens = tokenize(&source, &mut diagnostics);
    parse(&source, &tokens, &mut diagnostics);
    if diagnostics.has_errors() {
        diagnostics.sort();
        return Err(diagnostics);
    }
    let outline = match Outline::new(&source, &tokens) {
        Ok(outline) => outline,
        Err(wrong) => {
            let offset = tokens[wrong.token as usize].start;
            diagnostics.at(Severity::Error, &source, offset, wrong.message);
            return Err(diagnostics);
        }
    };
    let formatted = Printer::new(&source, &tokens, &outline.dropped).file(&outline.statements);
    let formatted = Source::new(name, formatted);
    if !verify::same_content(&source, &tokens, &formatted) {
        debug_assert!(false, "formatting changes what the text says");
        let message = "Formatting would change what the file says, and is not done. Please report this.";
        diagnostics.about(Severity::Error, name, message.to_owned());
        return Err(diagnostics);
    }
    Ok(formatted.into_text())
}
