//! The comments of services and methods, as rustdoc can take them.

use std::collections::HashMap;

use buffa_descriptor::generated::descriptor::FileDescriptorProto;
use proc_macro2::TokenStream;
use quote::quote;

/// Field numbers of `descriptor.proto`, of which the paths of `SourceCodeInfo` are made.
const FILE_SERVICE: i32 = 6;
const SERVICE_METHOD: i32 = 2;

/// The leading comments of a file's services and methods; what has none there takes the comment behind it.
pub(super) struct Comments<'a> {
    by_path: HashMap<&'a [i32], &'a str>,
}

impl<'a> Comments<'a> {
    pub(super) fn of(file: &'a FileDescriptorProto) -> Self {
        let locations = file.source_code_info.as_option().map_or(&[][..], |info| &info.location);
        let by_path = locations
            .iter()
            .filter(|location| location.path.first() == Some(&FILE_SERVICE))
            .filter_map(|location| {
                let leading = location.leading_comments.as_deref();
                let comment = leading.or(location.trailing_comments.as_deref())?;
                Some((&location.path[..], comment))
            })
            .collect();
        Self { by_path }
    }

    pub(super) fn service(&self, service: usize) -> Option<&'a str> {
        self.by_path.get(&[FILE_SERVICE, index(service)][..]).copied()
    }

    pub(super) fn method(&self, service: usize, method: usize) -> Option<&'a str> {
        self.by_path.get(&[FILE_SERVICE, index(service), SERVICE_METHOD, index(method)][..]).copied()
    }
}

/// No descriptor has as many elements; a path that no location has stands for one that did.
fn index(i: usize) -> i32 {
    i32::try_from(i).unwrap_or(-1)
}

/// `#[doc]` attributes of a comment. Comments are prose, not Markdown of rustdoc: what rustdoc would take for a link, a
/// tag or a test to run is disarmed.
pub(super) fn doc(comment: Option<&str>) -> TokenStream {
    let Some(comment) = comment else { return TokenStream::new() };
    let mut in_fence = false;
    let lines = comment.trim_end().lines().map(|line| {
        // One space after the comment sign belongs to the style of the .proto file, not to the text.
        let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
        let fence = line.trim_start().starts_with("```");
        let text = match (fence, in_fence) {
            (true, false) => "```text".to_owned(),
            (_, true) => line.to_owned(),
            (false, false) => escape(line),
        };
        in_fence ^= fence;
        if text.is_empty() { text } else { format!(" {text}") }
    });
    let mut lines: Vec<String> = lines.collect();
    if in_fence {
        lines.push(" ```".to_owned());
    }
    quote! { #(#[doc = #lines])* }
}

/// Brackets and tags escaped, and no indentation deep enough for a code block.
fn escape(line: &str) -> String {
    /// Four spaces start a code block, which rustdoc compiles and runs.
    const MAX_INDENT: usize = 3;
    let text = line.trim_start();
    let indent = (line.len() - text.len()).min(MAX_INDENT);
    let mut out = " ".repeat(indent);
    let mut in_code = false;
    for ch in text.chars() {
        in_code ^= ch == '`';
        if !in_code && matches!(ch, '[' | ']' | '<' | '>') {
            out.push('\\');
        }
        out.push(ch);
    }
    out
}

#[cfg(test)]
mod tests;
