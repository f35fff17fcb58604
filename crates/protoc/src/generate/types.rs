//! All message and enum types of a request, by full name.

use std::collections::HashMap;

use super::{Request, RequestFile};
use crate::raw;

/// Where a type is defined.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypeInfo<'a> {
    pub(super) file: &'a RequestFile,
    /// The name without the package: `Outer.Inner`, as a range of the full name.
    package_length: usize,
    /// Its encoded descriptor.
    pub(super) bytes: &'a [u8],
}

/// The types by full name with a leading dot, as fields refer to them.
#[derive(Debug, Default)]
pub(super) struct Types<'a> {
    by_name: HashMap<String, TypeInfo<'a>>,
}

impl<'a> Types<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        let mut types = Self::default();
        for file in &request.files {
            let package = std::str::from_utf8(raw::first(&file.embedded, 2)).unwrap_or("");
            let scope = if package.is_empty() { String::new() } else { format!(".{package}") };
            types.add_all(file, scope.len(), &scope, &file.embedded, [4, 5]);
        }
        types
    }

    /// Adds the messages and enums of a scope, which are in the fields `[messages, enums]`.
    fn add_all(
        &mut self,
        file: &'a RequestFile,
        package_length: usize,
        scope: &str,
        bytes: &'a [u8],
        [messages, enums]: [u32; 2],
    ) {
        for message in raw::all(bytes, messages) {
            let name = format!("{scope}.{}", raw::name(message));
            self.add_all(file, package_length, &name, message, [3, 4]);
            self.by_name.insert(name, TypeInfo { file, package_length, bytes: message });
        }
        for definition in raw::all(bytes, enums) {
            let name = format!("{scope}.{}", raw::name(definition));
            self.by_name.insert(name, TypeInfo { file, package_length, bytes: definition });
        }
    }

    /// The type that a field or method refers to, and its name without the package.
    pub(super) fn get<'n>(&self, name: &'n str) -> Option<(TypeInfo<'a>, &'n str)> {
        let info = *self.by_name.get(name)?;
        Some((info, name.get(info.package_length + 1..)?))
    }
}
