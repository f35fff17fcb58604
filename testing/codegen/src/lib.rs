//! Generated code that tests build and call, as the crate that a user includes it in.
#![deny(warnings)]

use std::ops::Deref;

use buffa::{DecodeError, ProtoList, ProtoString, WirePayload};

/// What is generated with an option of each kind.
pub mod options {
    include!(concat!(env!("OUT_DIR"), "/options/protos.rs"));
}

/// The package that `options` takes from elsewhere.
pub mod parts {
    include!(concat!(env!("OUT_DIR"), "/parts/parts.v1.rs"));
}

/// Messages by prost.
pub mod prost_messages {
    include!(concat!(env!("OUT_DIR"), "/prost/protos.rs"));
}

/// A type of our own for a string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Id(Box<str>);

impl Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Id {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl ProtoString for Id {
    fn from_wire(payload: WirePayload<'_>) -> Result<Self, DecodeError> {
        payload.to_str().map(Self::from)
    }
}

/// A collection of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<T: Clone + PartialEq + std::fmt::Debug + Send + Sync> ProtoList<T> for List<T> {
    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
