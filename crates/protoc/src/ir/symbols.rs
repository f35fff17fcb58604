//! The table of all full names.

use std::{collections::hash_map, sync::Arc};

use foldhash::HashMap;

use super::{EnumId, FileId, MessageId};

/// What a full name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Package,
    Message(MessageId),
    Enum(EnumId),
    EnumValue,
    Field,
    /// An extension: of a message scope or of the file, at an index.
    Extension(Option<MessageId>, u32),
    Oneof,
    Service,
    Method,
}

impl Symbol {
    /// Whether other names can stand inside it.
    pub(crate) fn is_aggregate(self) -> bool {
        matches!(self, Self::Package | Self::Message(_) | Self::Enum(_) | Self::Service)
    }

    pub(crate) fn is_type(self) -> bool {
        matches!(self, Self::Message(_) | Self::Enum(_))
    }
}

/// A symbol and the file that defines it; for a package, the file that named it first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) symbol: Symbol,
    pub(crate) file: FileId,
}

#[derive(Debug, Default)]
pub(crate) struct Symbols {
    table: HashMap<Arc<str>, Entry>,
    /// Which files name a package or one inside it; needed to tell whether a package is visible.
    packages: HashMap<String, Vec<FileId>>,
    /// Extensions by what they extend and number: to find custom options and clashes.
    extensions: HashMap<(MessageId, i32), ExtensionAt>,
}

/// Where an extension is defined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtensionAt {
    pub(crate) file: FileId,
    pub(crate) scope: Option<MessageId>,
    pub(crate) index: u32,
}

impl Symbols {
    pub(crate) fn get(&self, name: &str) -> Option<Entry> {
        self.table.get(name).copied()
    }

    /// Adds a name, or returns what has it already.
    pub(crate) fn add(&mut self, name: Arc<str>, symbol: Symbol, file: FileId) -> Result<(), Entry> {
        match self.table.entry(name) {
            hash_map::Entry::Occupied(taken) => Err(*taken.get()),
            hash_map::Entry::Vacant(free) => {
                free.insert(Entry { symbol, file });
                Ok(())
            }
        }
    }

    /// Adds a package and those around it, or returns the name that something else has.
    pub(crate) fn add_package<'a>(&mut self, name: &'a str, file: FileId) -> Result<(), (&'a str, Entry)> {
        let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
        for end in ends.filter(|end| *end > 0) {
            let part = &name[..end];
            match self.add(part.into(), Symbol::Package, file) {
                Err(taken) if taken.symbol != Symbol::Package => return Err((part, taken)),
                _ => self.packages.entry(part.to_owned()).or_default().push(file),
            }
        }
        Ok(())
    }

    pub(crate) fn package_files(&self, name: &str) -> &[FileId] {
        self.packages.get(name).map_or(&[], Vec::as_slice)
    }

    /// Adds an extension, or returns the one that has the number already.
    pub(crate) fn add_extension(
        &mut self,
        extendee: MessageId,
        number: i32,
        at: ExtensionAt,
    ) -> Option<ExtensionAt> {
        match self.extensions.entry((extendee, number)) {
            hash_map::Entry::Occupied(taken) => Some(*taken.get()),
            hash_map::Entry::Vacant(free) => {
                free.insert(at);
                None
            }
        }
    }

    pub(crate) fn extension(&self, extendee: MessageId, number: i32) -> Option<ExtensionAt> {
        self.extensions.get(&(extendee, number)).copied()
    }
}
