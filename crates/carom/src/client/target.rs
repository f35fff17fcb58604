//! Target strings, which name what a channel connects to.

use std::fmt;

/// A target string, parsed as a URI (gRPC naming document, `doc/naming.md` of the gRPC project). The resolver of its
/// scheme decides what its parts mean:
///
/// | form | meaning |
/// |---|---|
/// | `host:port`, `host` | DNS; port 443 if none is given |
/// | `dns:///host:port`, `dns:host:port` | the same, spelt out |
/// | `dns://server/host:port` | DNS by a given name server |
/// | `ipv4:1.2.3.4:50051,1.2.3.5` | fixed addresses |
/// | `ipv6:[::1]:50051,[::2]:50051` | fixed addresses |
/// | `unix:relative/path`, `unix:///absolute/path` | a Unix socket |
/// | `unix-abstract:name` | a Linux socket in the abstract namespace |
/// | `scheme:…` | as defined by the resolver registered for that scheme |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    text: String,
    scheme: String,
    authority: String,
    path: String,
}

/// The error of a target string that cannot be used, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTarget {
    target: String,
    reason: String,
}

impl InvalidTarget {
    /// Creates an error for `target`, for resolvers that cannot use it.
    pub fn new(target: &Target, reason: impl Into<String>) -> Self {
        Self::of_text(target.as_str(), reason)
    }

    pub(super) fn of_text(target: &str, reason: impl Into<String>) -> Self {
        Self { target: target.to_owned(), reason: reason.into() }
    }

    /// The invalid target string.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid target {:?}: {}", self.target, self.reason)
    }
}

impl std::error::Error for InvalidTarget {}

/// The scheme of targets without one.
const DEFAULT_SCHEME: &str = "dns";

impl Target {
    /// Parses a target string. `is_scheme` recognizes the schemes, in lower case: `localhost:50051` looks like a URI
    /// with a scheme, but is not one. Anything without a known scheme is a name for DNS.
    ///
    /// # Errors
    /// [`InvalidTarget`] if it is empty, contains spaces or control characters, or is wrongly escaped.
    pub fn parse(text: &str, is_scheme: impl Fn(&str) -> bool) -> Result<Self, InvalidTarget> {
        let fail = |reason: String| InvalidTarget::of_text(text, reason);
        if text.is_empty() {
            return Err(fail("it is empty; give host:port or one of dns:, ipv4:, ipv6:, unix:".into()));
        }
        if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(fail(format!("it contains the character {bad:?}")));
        }
        let split = text.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
        let (scheme, rest) = match split {
            Some((scheme, rest)) if is_scheme(&scheme) => (scheme, rest),
            _ => (DEFAULT_SCHEME.to_owned(), text),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        let path = percent_decode(path).map_err(fail)?;
        Ok(Self { text: text.to_owned(), scheme, authority: authority.to_owned(), path })
    }

    /// The target string as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme in lower case; `dns` if none was given.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The part between `//` and the path: for `dns`, the name server to ask. Usually empty.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path, percent-decoded. It begins with a slash if there is one, as in `dns:///host`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path without its leading slash: the name, for most schemes.
    pub fn endpoint(&self) -> &str {
        self.path.strip_prefix('/').unwrap_or(&self.path)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Decodes `%XX`; a `%` that is not followed by two hexadecimal digits is an error.
fn percent_decode(text: &str) -> Result<String, String> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or("a `%` in it is not followed by two hexadecimal digits; write `%25` for a percent sign")?;
        bytes.push(byte);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 after percent-decoding".to_owned())
}

#[cfg(test)]
mod tests;
