//! Target strings: what a channel is told to connect to.
//!
//! The forms are those of gRPC's naming document (`doc/naming.md` of the gRPC project):
//!
//! | form | meaning |
//! |---|---|
//! | `host:port`, `host` | DNS; port 443 if none is given |
//! | `dns:///host:port`, `dns:host:port` | the same, spelt out |
//! | `dns://server/host:port` | DNS by a given name server |
//! | `ipv4:1.2.3.4:50051,1.2.3.5` | fixed addresses |
//! | `ipv6:[::1]:50051,[::2]:50051` | fixed addresses |
//! | `unix:relative/path`, `unix:///absolute/path` | a Unix socket |
//! | `unix-abstract:name` | a Linux socket in the abstract namespace |

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::resolver::Address;

/// The port of a target that names none (gRPC naming document).
pub const DEFAULT_PORT: u16 = 443;

/// A target string that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    text: String,
    scheme: String,
    name_server: String,
    location: Location,
}

/// Where a target points.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A host name (or an address written as one) to be looked up in DNS.
    Dns {
        /// The host, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// Addresses that need no look-up; at least one.
    Fixed(Vec<Address>),
    /// What a resolver of the user's own gets to see: the percent-decoded path of a target with a scheme that Carom does
    /// not know.
    Other(String),
}

/// A target string that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTarget {
    target: String,
    reason: String,
}

impl InvalidTarget {
    pub(crate) fn new(target: &str, reason: impl Into<String>) -> Self {
        Self { target: target.to_owned(), reason: reason.into() }
    }

    /// The string that was refused.
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

impl Target {
    /// Reads a target string.
    ///
    /// # Errors
    /// [`InvalidTarget`] says what about it is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidTarget> {
        Self::parse_with(text, false)
    }

    /// Reads a target string; `any_scheme` lets schemes pass that Carom does not know, for resolvers of the user's own.
    pub(crate) fn parse_with(text: &str, any_scheme: bool) -> Result<Self, InvalidTarget> {
        let fail = |reason: String| InvalidTarget::new(text, reason);
        if text.is_empty() {
            return Err(fail("it is empty; give host:port or one of dns:, ipv4:, ipv6:, unix:".into()));
        }
        if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(fail(format!("it contains the character {bad:?}")));
        }
        let (scheme, rest) = match split_scheme(text) {
            Some((scheme, rest)) => (scheme, rest),
            None if text.contains("://") && !any_scheme => {
                let scheme = text.split(':').next().unwrap_or_default();
                return Err(fail(format!(
                    "the scheme `{scheme}` is not known; known are dns, ipv4, ipv6, unix and unix-abstract"
                )));
            }
            None => match text.split_once("://") {
                Some((scheme, rest)) => {
                    let (name_server, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                    let path = path.strip_prefix('/').unwrap_or(path);
                    return Ok(Self {
                        text: text.to_owned(),
                        scheme: scheme.to_owned(),
                        name_server: name_server.to_owned(),
                        location: Location::Other(percent_decode(path).map_err(&fail)?),
                    });
                }
                None => ("dns", text),
            },
        };
        let (name_server, path) = split_authority(rest);
        // Only to a socket's path does the slash after the authority belong.
        let path = if scheme.starts_with("unix") { path } else { path.strip_prefix('/').unwrap_or(path) };
        let path = percent_decode(path).map_err(&fail)?;
        if !name_server.is_empty() && scheme != "dns" {
            return Err(fail(format!(
                "`{scheme}:` takes no authority, but `{name_server}` stands between `//` and the path; write `{scheme}:` \
                 with three slashes or none"
            )));
        }
        let location = match scheme {
            "dns" => {
                let (host, port) = split_host_port(&path).map_err(&fail)?;
                Location::Dns { host, port }
            }
            "ipv4" | "ipv6" => Location::Fixed(parse_addresses(scheme, &path).map_err(&fail)?),
            "unix" if path.is_empty() => return Err(fail("the path of the socket is missing".into())),
            "unix" => Location::Fixed(vec![Address::Unix(PathBuf::from(path))]),
            _ if path.is_empty() => return Err(fail("the name of the socket is missing".into())),
            _ => Location::Fixed(vec![Address::UnixAbstract(path.into_bytes())]),
        };
        Ok(Self {
            text: text.to_owned(),
            scheme: scheme.to_owned(),
            name_server: name_server.to_owned(),
            location,
        })
    }

    /// The string as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme; `dns` if none was given.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stood between `//` and the path: for `dns`, the name server to ask. Usually empty.
    pub fn name_server(&self) -> &str {
        &self.name_server
    }

    /// Where it points.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What goes into `:authority` and is the name that a certificate must prove, unless the channel was told
    /// otherwise: host and port as written; the first address of several; `localhost` for Unix sockets.
    pub fn default_authority(&self) -> String {
        match &self.location {
            Location::Dns { host, port } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                // RFC 9110, 4.2.2: a default port may go; grpc keeps what was written.
                if self.text.ends_with(&format!(":{port}")) { format!("{host}:{port}") } else { host }
            }
            Location::Fixed(addresses) => match addresses.first() {
                Some(Address::Tcp(address)) => address.to_string(),
                _ => "localhost".to_owned(),
            },
            Location::Other(path) => path.clone(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits off one of the schemes known here. `localhost:50051` has none, although it looks like a URI with one.
fn split_scheme(text: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let known = ["dns", "ipv4", "ipv6", "unix", "unix-abstract"];
    known.into_iter().find(|known| scheme.eq_ignore_ascii_case(known)).map(|known| (known, rest))
}

/// Splits `//authority/path` into the authority and the path with its slash; without `//`, all of it is path.
fn split_authority(rest: &str) -> (&str, &str) {
    match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
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

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port` and a bare IPv6 address.
fn split_host_port(text: &str) -> Result<(String, u16), String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("a `[` in it has no `]`")?;
        if !host.contains(':') {
            return Err(format!("`[{host}]` is not an IPv6 address; only those stand in brackets"));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(format!("`{after}` follows the `]`; only `:port` may")),
        }
    } else {
        match text.split_once(':') {
            // More than one colon and no brackets: an IPv6 address without a port.
            Some((_, port)) if port.contains(':') => {
                if text.parse::<Ipv6Addr>().is_err() {
                    return Err(format!("`{text}` has several colons but is no IPv6 address"));
                }
                (text, None)
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    // The escapes of a target are decoded by now: a space or a line break may have come of one.
    let misplaced =
        |c: &char| matches!(c, '/' | '?' | '#' | '@' | ',') || c.is_whitespace() || c.is_control();
    if let Some(bad) = host.chars().find(misplaced) {
        return Err(format!("the host {host:?} contains {bad:?}"));
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some("") => return Err("the port after `:` is missing".to_owned()),
        Some("http") => 80,
        Some("https") => 443,
        Some(port) => match port.parse::<u16>() {
            Ok(0) => return Err("port 0 cannot be connected to".to_owned()),
            Ok(number) if port.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => return Err(format!("the port `{port}` is not a number from 1 to 65535")),
        },
    };
    Ok((host.to_owned(), port))
}

fn parse_addresses(scheme: &str, list: &str) -> Result<Vec<Address>, String> {
    list.split(',')
        .map(|item| {
            let (host, port) = split_host_port(item)?;
            let ip = if scheme == "ipv4" {
                host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
            } else {
                host.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
            };
            let ip = ip.ok_or_else(|| {
                let family = if scheme == "ipv4" { "IPv4" } else { "IPv6" };
                format!("`{host}` is no {family} address; host names go with dns:")
            })?;
            Ok(Address::Tcp(SocketAddr::new(ip, port)))
        })
        .collect()
}

#[cfg(test)]
mod tests;
