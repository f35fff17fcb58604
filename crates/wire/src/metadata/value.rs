use std::convert::Infallible;
use std::fmt;
use std::str::{FromStr, Utf8Error};

use bytes::Bytes;

/// A metadata value, as the application sees it: the bytes themselves for a `-bin` key. Cloning one only increments a
/// reference count.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct MetadataValue(Bytes);

impl MetadataValue {
    /// Creates a value from a string in the program, without allocating.
    pub const fn from_static(value: &'static str) -> Self {
        Self(Bytes::from_static(value.as_bytes()))
    }

    /// The bytes of the value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes of the value, as a shared buffer.
    pub fn as_shared(&self) -> &Bytes {
        &self.0
    }

    /// The value as text.
    ///
    /// # Errors
    ///
    /// The value is not UTF-8: it is binary, or the peer put other bytes into text.
    pub fn to_str(&self) -> Result<&str, ToStrError> {
        std::str::from_utf8(&self.0).map_err(ToStrError)
    }
}

impl fmt::Debug for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl AsRef<[u8]> for MetadataValue {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<[u8]> for MetadataValue {
    fn eq(&self, other: &[u8]) -> bool {
        self.0 == other
    }
}

impl PartialEq<str> for MetadataValue {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for MetadataValue {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl From<&str> for MetadataValue {
    fn from(value: &str) -> Self {
        Self(Bytes::copy_from_slice(value.as_bytes()))
    }
}

impl From<&String> for MetadataValue {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<String> for MetadataValue {
    fn from(value: String) -> Self {
        Self(Bytes::from(value))
    }
}

impl From<&[u8]> for MetadataValue {
    fn from(value: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(value))
    }
}

impl<const N: usize> From<&[u8; N]> for MetadataValue {
    fn from(value: &[u8; N]) -> Self {
        Self(Bytes::copy_from_slice(value))
    }
}

impl From<Vec<u8>> for MetadataValue {
    fn from(value: Vec<u8>) -> Self {
        Self(Bytes::from(value))
    }
}

impl From<Bytes> for MetadataValue {
    fn from(value: Bytes) -> Self {
        Self(value)
    }
}

impl From<&Self> for MetadataValue {
    fn from(value: &Self) -> Self {
        value.clone()
    }
}

/// Takes any text: whether it may be sent is for the map to say, which knows the key.
impl FromStr for MetadataValue {
    type Err = Infallible;

    fn from_str(value: &str) -> Result<Self, Infallible> {
        Ok(Self::from(value))
    }
}

/// The error of a metadata value that is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToStrError(Utf8Error);

impl fmt::Display for ToStrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata value is not text: {}", self.0)
    }
}

impl std::error::Error for ToStrError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
