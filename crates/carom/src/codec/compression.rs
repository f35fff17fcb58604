//! Message encodings (`grpc-encoding`): each message is compressed for itself, with a fresh context
//! (`doc/compression.md` of the gRPC specification).

use bytes::{Bytes, BytesMut};
use carom_wire::Status;

/// A way to compress messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionEncoding {
    /// `gzip` (RFC 1952).
    #[cfg(feature = "gzip")]
    Gzip,
    /// `deflate`, which is the zlib format (RFC 1950), not a bare DEFLATE stream.
    #[cfg(feature = "gzip")]
    Deflate,
}

impl CompressionEncoding {
    /// All encodings that this build knows, the preferred one first.
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "gzip")]
        Self::Gzip,
        #[cfg(feature = "gzip")]
        Self::Deflate,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "gzip")]
            Self::Deflate => "deflate",
        }
    }

    /// The encoding of that name; `None` for `identity` and for what this build does not know.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|encoding| encoding.as_str().as_bytes() == name)
    }
}

/// The value of `grpc-accept-encoding`: what this build can decode.
pub(crate) const ACCEPT_ENCODING: &str =
    if cfg!(feature = "gzip") { "identity,gzip,deflate" } else { "identity" };

/// A set of encodings, as a peer lists them in `grpc-accept-encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Encodings(u8);

impl Encodings {
    /// Reads a list such as `identity, gzip`; unknown names are skipped.
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
    #[cfg(feature = "gzip")]
    {
        use std::io::Write;

        use bytes::BufMut;
        use flate2::Compression;
        use flate2::write::{GzEncoder, ZlibEncoder};

        let result = match encoding {
            CompressionEncoding::Gzip => {
                let mut encoder = GzEncoder::new(out.writer(), Compression::default());
                encoder.write_all(payload).and_then(|()| encoder.finish().map(drop))
            }
            CompressionEncoding::Deflate => {
                let mut encoder = ZlibEncoder::new(out.writer(), Compression::default());
                encoder.write_all(payload).and_then(|()| encoder.finish().map(drop))
            }
        };
        result.map_err(|error| {
            Status::internal(format!("cannot compress the message by {}: {error}", encoding.as_str()))
        })
    }
    #[cfg(not(feature = "gzip"))]
    {
        let _ = (payload, out);
        match encoding {}
    }
}

/// Decompresses one message of at most `max` bytes. The limit holds while inflating: no more than `max` bytes are ever
/// held, whatever the compressed bytes promise.
pub(crate) fn decompress(encoding: CompressionEncoding, payload: &[u8], max: usize) -> Result<Bytes, Status> {
    #[cfg(feature = "gzip")]
    {
        use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

        let inflated = match encoding {
            CompressionEncoding::Gzip => read_limited(MultiGzDecoder::new(payload), payload.len(), max),
            CompressionEncoding::Deflate => read_limited(ZlibDecoder::new(payload), payload.len(), max),
        };
        match inflated {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Status::resource_exhausted(format!(
                "Received message larger than max: more than {max} bytes after decompression by {}",
                encoding.as_str()
            ))),
            Err(error) => Err(Status::internal(format!(
                "cannot decompress the message by {}: {error}",
                encoding.as_str()
            ))),
        }
    }
    #[cfg(not(feature = "gzip"))]
    {
        let _ = (payload, max);
        match encoding {}
    }
}

/// Reads to the end, but no more than `max` bytes: `None` if there are more. Grows with what has really come out.
#[cfg(feature = "gzip")]
fn read_limited(
    mut reader: impl std::io::Read,
    compressed_len: usize,
    max: usize,
) -> std::io::Result<Option<Bytes>> {
    /// The first guess is this many times the compressed size.
    const EXPECTED_RATIO: usize = 4;
    let mut out = vec![0; compressed_len.saturating_mul(EXPECTED_RATIO).clamp(64, max.max(64))];
    let mut filled = 0;
    loop {
        if filled == out.len() {
            if filled > max {
                return Ok(None);
            }
            // One more than the limit, so that "too large" is told from "exactly as large".
            out.resize(out.len().saturating_mul(2).min(max.saturating_add(1)).max(filled + 1), 0);
        }
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
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
