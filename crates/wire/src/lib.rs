//! The sans-IO HTTP/2 and gRPC engine of Carom: bytes and time in, events and bytes out.
