//! Endpoints: servers, as resolvers describe them.

use std::any::{Any, TypeId};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Address;

/// One server, with all addresses that lead to it (gRFC A61).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Endpoint {
    /// The addresses that it listens at, best first.
    pub addresses: SmallVec<[Address; 1]>,
    /// Attributes for policies, such as a weight or a locality.
    pub attributes: Attributes,
}

impl Endpoint {
    /// Creates an endpoint with one address.
    pub fn new(address: Address) -> Self {
        Self { addresses: SmallVec::from_buf([address]), attributes: Attributes::default() }
    }

    /// Creates an endpoint with several addresses, best first.
    pub fn with_addresses(addresses: impl IntoIterator<Item = Address>) -> Self {
        Self { addresses: addresses.into_iter().collect(), attributes: Attributes::default() }
    }
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Self::new(address)
    }
}

/// The weight of an endpoint, an attribute for policies that give some endpoints more calls than others. An endpoint
/// without it has weight 1.
///
/// ```
/// # use std::num::NonZeroU32;
/// # use carom::client::resolver::{Address, Endpoint, Weight};
/// let mut endpoint = Endpoint::new(Address::Tcp(([10, 0, 0, 1], 80).into()));
/// endpoint.attributes.insert(Weight(NonZeroU32::new(3).expect("not zero")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight(pub NonZeroU32);

impl Weight {
    /// The weight among the attributes of an endpoint.
    pub(in crate::client) fn of(attributes: &Attributes) -> u32 {
        attributes.get::<Self>().map_or(1, |weight| weight.0.get())
    }
}

/// The name by which `ring_hash_experimental` places an endpoint on its ring, an attribute (gRFC A76). Without it, that
/// is the first address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashKey(pub Box<str>);

/// The names of the policies in a tree that an endpoint belongs to, from the root down, an attribute. Policies that
/// distribute endpoints over several children, such as `weighted_target_experimental`, go by the first name and pass on
/// the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HierarchicalPath(pub Vec<Arc<str>>);

/// A map from types to one value each, passed from resolvers to the policies that know the types. Empty maps cost
/// nothing; clones share the values.
#[derive(Clone, Default)]
pub struct Attributes {
    /// A short list, searched linearly.
    values: Option<Arc<Vec<(TypeId, Value)>>>,
}

type Value = Arc<dyn Any + Send + Sync>;

impl Attributes {
    /// Inserts `value`, replacing one of the same type. Clones made before keep theirs.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        let values = Arc::make_mut(self.values.get_or_insert_with(Arc::default));
        let (id, value) = (TypeId::of::<T>(), Arc::new(value));
        match values.iter_mut().find(|(known, _)| *known == id) {
            Some(known) => known.1 = value,
            None => values.push((id, value)),
        }
    }

    /// Returns the value of type `T`.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let (_, value) = self.values.as_ref()?.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        value.downcast_ref()
    }

    /// Whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.values.is_none()
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.values.as_ref().map_or(0, |values| values.len());
        f.debug_struct("Attributes").field("len", &len).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_type_and_clones_are_apart() {
        let mut attributes = Attributes::default();
        assert!(attributes.is_empty() && attributes.get::<u32>().is_none());
        attributes.insert(5_u32);
        let before = attributes.clone();
        attributes.insert(6_u32);
        attributes.insert("blue");
        assert_eq!(attributes.get::<u32>(), Some(&6));
        assert_eq!(attributes.get::<&str>(), Some(&"blue"));
        assert_eq!((before.get::<u32>(), before.get::<&str>()), (Some(&5), None));
    }
}
