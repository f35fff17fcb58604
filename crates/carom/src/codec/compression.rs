//! Message encodings (`grpc-encoding`): each message is compressed separately, with a fresh context
//! (`doc/compression.md` of the gRPC specification).

use std::io;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(any(feature = "gzip", feature = "zstd"))]
use bytes::BufMut;
use bytes::{Bytes, BytesMut};
use carom_wire::Status;

/// An encoding that compresses messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionEncoding {
    /// `gzip` (RFC 1952).
    #[cfg(feature = "gzip")]
    Gzip,
    /// `deflate`, which is the zlib format (RFC 1950), not a bare DEFLATE stream.
    #[cfg(feature = "gzip")]
    Deflate,
    /// `zstd` (RFC 8878).
    #[cfg(feature = "zstd")]
    Zstd,
}

impl CompressionEncoding {
    /// All encodings that this build supports, the preferred one first.
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "gzip")]
        Self::Gzip,
        #[cfg(feature = "gzip")]
        Self::Deflate,
        #[cfg(feature = "zstd")]
        Self::Zstd,
    ];

    /// The name of the encoding on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "gzip")]
            Self::Deflate => "deflate",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// Returns the encoding with this name; `None` for `identity` and for what this build does not support.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|encoding| encoding.as_str().as_bytes() == name)
    }
}

/// The value of `grpc-accept-encoding`: the encodings that this build can decode.
pub(crate) const ACCEPT_ENCODING: &str = match (cfg!(feature = "gzip"), cfg!(feature = "zstd")) {
    (false, false) => "identity",
    (true, false) => "identity,gzip,deflate",
    (false, true) => "identity,zstd",
    (true, true) => "identity,gzip,deflate,zstd",
};

/// A switch that decides for each message of a stream whether it is compressed, during the call.
///
/// A call names its encoding once, in its head; whether a message uses it is a flag of that message. A switch is given
/// to the call ([`Request::set_compression_switch`](crate::Request::set_compression_switch),
/// [`Response::set_compression_switch`](crate::Response::set_compression_switch)) and kept by whoever produces the
/// messages: a message is compressed if the switch is on when the stream yields it. If the call has no encoding, the
/// switch does nothing.
///
/// ```
/// # use carom::{CompressionEncoding, CompressionSwitch, Request};
/// # use futures_util::{StreamExt, stream};
/// let switch = CompressionSwitch::new(true);
/// let setter = switch.clone();
/// // Short messages are not worth compressing.
/// let messages = stream::iter(["short".to_owned(), "long".repeat(1000)])
///     .inspect(move |message: &String| setter.set(message.len() > 1024));
/// let mut request = Request::new(messages);
/// # #[cfg(feature = "gzip")]
/// request.set_compression(CompressionEncoding::Gzip);
/// request.set_compression_switch(&switch);
/// ```
#[derive(Debug, Clone)]
pub struct CompressionSwitch {
    on: Arc<AtomicBool>,
}

impl CompressionSwitch {
    /// Creates a switch; its clones are the same switch.
    pub fn new(on: bool) -> Self {
        Self { on: Arc::new(AtomicBool::new(on)) }
    }

    /// Turns the switch on or off for the messages that follow.
    pub fn set(&self, on: bool) {
        // Messages are encoded by the task that polls the stream; no other memory depends on this.
        self.on.store(on, Ordering::Relaxed);
    }

    /// Whether messages are currently compressed.
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Returns the encoding for the next message of a call.
    pub(crate) fn apply(
        switch: Option<&Self>,
        encoding: Option<CompressionEncoding>,
    ) -> Option<CompressionEncoding> {
        encoding.filter(|_| switch.is_none_or(Self::is_on))
    }
}

/// A set of encodings, as a peer lists them in `grpc-accept-encoding`.
#[cfg(feature = "server")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Encodings(u8);

#[cfg(feature = "server")]
impl Encodings {
    /// Parses a list such as `identity, gzip`; unknown names are skipped.
    pub(crate) fn parse(list: &[u8]) -> Self {
        list.split(|byte| *byte == b',')
            .filter_map(|name| CompressionEncoding::from_name(name.trim_ascii()))
            .fold(Self::default(), |set, encoding| Self(set.0 | (1 << encoding as u8)))
    }

    pub(crate) fn contains(self, encoding: CompressionEncoding) -> bool {
        self.0 & (1 << encoding as u8) != 0
    }
}

/// Appends `payload`, compressed, to `out`.
pub(crate) fn compress(
    encoding: CompressionEncoding,
    payload: &[u8],
    out: &mut BytesMut,
) -> Result<(), Status> {
    deflate(encoding, payload, out).map_err(|error| {
        Status::internal(format!("cannot compress the message with {}: {error}", encoding.as_str()))
    })
}

#[cfg_attr(
    not(any(feature = "gzip", feature = "zstd")),
    expect(unused_variables, reason = "there is no encoding")
)]
fn deflate(encoding: CompressionEncoding, payload: &[u8], out: &mut BytesMut) -> io::Result<()> {
    match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(out.writer(), flate2::Compression::default());
            encoder.write_all(payload)?;
            encoder.finish().map(drop)
        }
        #[cfg(feature = "gzip")]
        CompressionEncoding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(out.writer(), flate2::Compression::default());
            encoder.write_all(payload)?;
            encoder.finish().map(drop)
        }
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => {
            let level = zstd::DEFAULT_COMPRESSION_LEVEL;
            let mut encoder = zstd::stream::write::Encoder::new(out.writer(), level)?;
            // The size goes into the frame's header, and the tables are made no larger than it requires.
            encoder.set_pledged_src_size(Some(payload.len() as u64))?;
            encoder.write_all(payload)?;
            encoder.finish().map(drop)
        }
    }
}

/// The largest window of a zstd frame that is accepted, as a power of two: 8 MiB, which RFC 8878 section 3.1.1.1.2
/// recommends that every decoder support. A frame that needs more memory is refused.
#[cfg(feature = "zstd")]
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Decompresses one message of at most `max` bytes. The limit applies during decompression: no more than `max` bytes
/// are ever held, whatever the compressed bytes promise; with zstd, one window in addition.
pub(crate) fn decompress(encoding: CompressionEncoding, payload: &[u8], max: usize) -> Result<Bytes, Status> {
    match inflate(encoding, payload, max) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Status::resource_exhausted(format!(
            "Received message larger than max: more than {max} bytes after decompression with {}",
            encoding.as_str()
        ))),
        Err(error) => Err(Status::internal(format!(
            "cannot decompress the message with {}: {error}",
            encoding.as_str()
        ))),
    }
}

#[cfg_attr(
    not(any(feature = "gzip", feature = "zstd")),
    expect(unused_variables, reason = "there is no encoding")
)]
fn inflate(encoding: CompressionEncoding, payload: &[u8], max: usize) -> io::Result<Option<Bytes>> {
    match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => {
            read_limited(flate2::bufread::MultiGzDecoder::new(payload), payload.len(), max)
        }
        #[cfg(feature = "gzip")]
        CompressionEncoding::Deflate => {
            read_limited(flate2::bufread::ZlibDecoder::new(payload), payload.len(), max)
        }
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => {
            if payload.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there is no zstd frame"));
            }
            let mut decoder = zstd::stream::read::Decoder::with_buffer(payload)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            read_limited(decoder, payload.len(), max)
        }
    }
}

/// Reads to the end, but no more than `max` bytes: `None` if there are more. The buffer grows with the bytes actually
/// produced.
#[cfg(any(feature = "gzip", feature = "zstd"))]
fn read_limited(mut reader: impl io::Read, compressed_len: usize, max: usize) -> io::Result<Option<Bytes>> {
    /// The first guess of the size is this many times the compressed size.
    const EXPECTED_RATIO: usize = 4;
    let mut out = vec![0; compressed_len.saturating_mul(EXPECTED_RATIO).clamp(64, max.max(64))];
    let mut filled = 0;
    loop {
        if filled == out.len() {
            if filled > max {
                return Ok(None);
            }
            // One more than the limit, to tell "too large" from "exactly as large".
            out.resize(out.len().saturating_mul(2).min(max.saturating_add(1)).max(filled + 1), 0);
        }
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled > max {
        return Ok(None);
    }
    out.truncate(filled);
    Ok(Some(Bytes::from(out)))
}

#[cfg(all(test, feature = "gzip"))]
mod tests;
