//! The names and values that nearly every connection puts into its table.

use bytes::Bytes;

/// Sorted, for searching.
pub(super) static KNOWN: [&[u8]; 22] = [
    b"",
    b"0",
    b"200",
    b"application/grpc",
    b"application/grpc+proto",
    b"deflate",
    b"deflate, gzip",
    b"grpc-accept-encoding",
    b"grpc-encoding",
    b"grpc-message",
    b"grpc-status",
    b"grpc-timeout",
    b"gzip",
    b"gzip, identity",
    b"gzip,identity",
    b"identity",
    b"identity, deflate, gzip",
    b"identity,deflate,gzip",
    b"identity,gzip",
    b"te",
    b"traceparent",
    b"trailers",
];

/// Returns the text for an entry of the table. Known text is static: it takes no memory of the connection, and handing
/// it out needs no reference counting.
pub(super) fn share(text: &[u8]) -> Bytes {
    match KNOWN.binary_search(&text) {
        Ok(at) => Bytes::from_static(KNOWN[at]),
        Err(_) => Bytes::copy_from_slice(text),
    }
}
