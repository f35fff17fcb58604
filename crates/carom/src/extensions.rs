//! Values of any type that travel with a request or a response inside this process.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;

/// A map from types to one value each, for data that interceptors pass to handlers. Empty maps do not allocate.
#[derive(Default)]
pub struct Extensions {
    #[expect(
        clippy::box_collection,
        reason = "requests are moved often and mostly have none: one word, not six"
    )]
    values: Option<Box<HashMap<TypeId, Box<dyn Any + Send + Sync>>>>,
}

impl Extensions {
    /// Creates an empty map.
    pub const fn new() -> Self {
        Self { values: None }
    }

    /// Inserts `value` and returns the value of the same type that it replaces.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> Option<T> {
        self.values
            .get_or_insert_with(Box::default)
            .insert(TypeId::of::<T>(), Box::new(value))
            .and_then(|old| old.downcast().ok().map(|old| *old))
    }

    /// Returns the value of type `T`.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.values.as_ref()?.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// Returns the value of type `T`, mutably.
    pub fn get_mut<T: Send + Sync + 'static>(&mut self) -> Option<&mut T> {
        self.values.as_mut()?.get_mut(&TypeId::of::<T>())?.downcast_mut()
    }

    /// Removes and returns the value of type `T`.
    pub fn remove<T: Send + Sync + 'static>(&mut self) -> Option<T> {
        self.values.as_mut()?.remove(&TypeId::of::<T>())?.downcast().ok().map(|value| *value)
    }

    /// Whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.values.as_ref().is_none_or(|values| values.is_empty())
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions")
            .field("len", &self.values.as_ref().map_or(0, |values| values.len()))
            .finish()
    }
}
