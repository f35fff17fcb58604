//! A writer of the protobuf wire format.
//!
//! Descriptors are written field by field in the order of the numbers, which is what protoc does; a second
//! representation of them is not needed on the way out.

/// Grows a buffer by encoded fields.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn tag(&mut self, number: u32, wire_type: u32) {
        self.varint(u64::from(number) << 3 | u64::from(wire_type));
    }

    pub(crate) fn varint_field(&mut self, number: u32, value: u64) {
        self.tag(number, 0);
        self.varint(value);
    }

    /// A signed integer that is not zigzag: negative ones take ten bytes.
    pub(crate) fn int32(&mut self, number: u32, value: i32) {
        self.varint_field(number, i64::from(value) as u64);
    }

    pub(crate) fn fixed32_field(&mut self, number: u32, value: u32) {
        self.tag(number, 5);
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn fixed64_field(&mut self, number: u32, value: u64) {
        self.tag(number, 1);
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, number: u32, value: &[u8]) {
        self.bytes_header(number, value.len());
        self.raw(value);
    }

    /// What stands before a value of that many bytes.
    pub(crate) fn bytes_header(&mut self, number: u32, length: usize) {
        self.tag(number, 2);
        self.varint(length as u64);
    }

    pub(crate) fn string(&mut self, number: u32, value: &str) {
        self.bytes(number, value.as_bytes());
    }

    /// A message: its content is written in place and its length put in front of it. There is room for the one byte
    /// that most lengths take; content with a longer one is moved.
    pub(crate) fn message(&mut self, number: u32, content: impl FnOnce(&mut Self)) {
        self.tag(number, 2);
        let start = self.out.len();
        self.out.push(0);
        content(self);
        let end = self.out.len();
        let mut length = end - start - 1;
        let more = length.checked_ilog2().unwrap_or(0) as usize / 7;
        if more > 0 {
            self.out.resize(end + more, 0);
            self.out.copy_within(start + 1..end, start + 1 + more);
        }
        for byte in &mut self.out[start..start + more] {
            *byte = length as u8 | 0x80;
            length >>= 7;
        }
        self.out[start + more] = length as u8;
    }

    pub(crate) fn group(&mut self, number: u32, content: impl FnOnce(&mut Self)) {
        self.tag(number, 3);
        content(self);
        self.tag(number, 4);
    }
}
