//! Parsing the hosts and ports of targets.

use std::net::Ipv6Addr;

/// The port of a target without one (gRPC naming document).
pub const DEFAULT_PORT: u16 = 443;

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port` and a bare IPv6 address.
pub(super) fn split_host_port(text: &str) -> Result<(String, u16), String> {
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
    // The escapes of a target are already decoded: one may have been a space or a line break.
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
            Ok(0) => return Err("cannot connect to port 0".to_owned()),
            Ok(number) if port.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => return Err(format!("the port `{port}` is not a number from 1 to 65535")),
        },
    };
    Ok((host.to_owned(), port))
}
