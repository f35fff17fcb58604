/// The priority of a stream against others (RFC 9218 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// 0 (first) to 7 (last), 3 by default.
    pub urgency: u8,
    /// Whether the receiver can process the stream piece by piece. Carom serves streams of equal urgency in turn either
    /// way, as RFC 9218 §10 allows, so that no call waits for another to end.
    pub incremental: bool,
}

impl Priority {
    /// The number of urgency levels.
    pub(crate) const LEVELS: usize = 8;

    /// Parses a `priority` field such as `u=1, i`. Parameters that cannot be parsed keep their default (§4).
    pub fn parse(value: &[u8]) -> Self {
        let mut priority = Self::default();
        for item in value.split(|&b| b == b',') {
            match item.trim_ascii() {
                [b'u', b'=', digit @ b'0'..=b'7'] => priority.urgency = digit - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self { urgency: 3, incremental: false }
    }
}
