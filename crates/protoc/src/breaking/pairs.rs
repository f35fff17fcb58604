//! What of the old version belongs to what of the new one. Elements belong together by their full names, in whatever
//! files they are; fields by their numbers, extensions by what they extend and their numbers.

use std::collections::{BTreeMap, HashMap};

use crate::{
    check::view::{EnumView, FieldView, FileView, MessageView, Path, ServiceView},
    ir::{Field, Message, Method, Pool},
};

/// One of the two versions.
pub(super) struct Version<'a> {
    pub(super) pool: &'a Pool,
    pub(super) files: Vec<FileView<'a>>,
    by_name: HashMap<&'a str, usize>,
}

/// An element and the file it is in.
pub(super) struct In<'a, T> {
    pub(super) file: &'a FileView<'a>,
    pub(super) element: &'a T,
}

impl<T> Clone for In<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

// Derived, it would ask the element to be so too.
impl<T> Copy for In<'_, T> {}

/// An element of the old version and the one of the new version that has taken its place.
pub(super) struct Pair<'a, T> {
    pub(super) old: In<'a, T>,
    pub(super) new: In<'a, T>,
}

/// A field of one version.
pub(super) struct FieldIn<'a> {
    pub(super) version: &'a Version<'a>,
    pub(super) file: &'a FileView<'a>,
    pub(super) field: &'a Field,
    /// The message that it stands in; an extension may stand in none.
    pub(super) message: Option<&'a Message>,
    pub(super) path: Path,
}

/// A method of one version.
pub(super) struct MethodIn<'a> {
    pub(super) file: &'a FileView<'a>,
    pub(super) method: &'a Method,
    pub(super) path: Path,
}

/// Both versions.
pub(super) struct Context<'a> {
    /// The files to compare.
    pub(super) old: Version<'a>,
    /// The files to compare and all that they import.
    pub(super) new: Version<'a>,
}

impl<'a> Version<'a> {
    pub(super) fn new(pool: &'a Pool, files: Vec<FileView<'a>>) -> Self {
        let by_name = files.iter().enumerate().map(|(index, file)| (file.name(), index)).collect();
        Self { pool, files, by_name }
    }

    fn by_name<T>(
        &'a self,
        list: impl Fn(&'a FileView<'a>) -> &'a [T],
        name: impl Fn(&'a T) -> &'a str,
    ) -> BTreeMap<&'a str, In<'a, T>> {
        let mut all = BTreeMap::new();
        for file in &self.files {
            all.extend(list(file).iter().map(|element| (name(element), In { file, element })));
        }
        all
    }

    pub(super) fn messages(&'a self) -> BTreeMap<&'a str, In<'a, MessageView<'a>>> {
        self.by_name(|file| &file.messages, |view| &view.definition.full_name)
    }

    pub(super) fn enums(&'a self) -> BTreeMap<&'a str, In<'a, EnumView<'a>>> {
        self.by_name(|file| &file.enums, |view| &view.definition.full_name)
    }

    pub(super) fn services(&'a self) -> BTreeMap<&'a str, In<'a, ServiceView<'a>>> {
        self.by_name(|file| &file.services, |view| &view.service.full_name)
    }

    fn extensions(&'a self) -> BTreeMap<(&'a str, i32), In<'a, FieldView<'a>>> {
        let mut all = BTreeMap::new();
        for file in &self.files {
            for element in &file.fields {
                if let Some(extendee) = &element.field.extendee {
                    all.insert((extendee.name.as_str(), element.field.number), In { file, element });
                }
            }
        }
        all
    }

    /// The file of an import name.
    pub(super) fn file(&'a self, name: &str) -> Option<&'a FileView<'a>> {
        self.by_name.get(name).map(|index| &self.files[*index])
    }
}

/// What is in both, with the elements of the same key together.
fn both<'a, K: Ord, T>(old: BTreeMap<K, In<'a, T>>, new: &BTreeMap<K, In<'a, T>>) -> Vec<Pair<'a, T>> {
    let pair = |(key, old): (K, In<'a, T>)| new.get(&key).map(|new| Pair { old, new: *new });
    old.into_iter().filter_map(pair).collect()
}

impl<'a> Context<'a> {
    /// The files that both versions have.
    pub(super) fn files(&'a self) -> Vec<(&'a FileView<'a>, &'a FileView<'a>)> {
        self.old.files.iter().filter_map(|old| Some((old, self.new.file(old.name())?))).collect()
    }

    pub(super) fn messages(&'a self) -> Vec<Pair<'a, MessageView<'a>>> {
        both(self.old.messages(), &self.new.messages())
    }

    pub(super) fn enums(&'a self) -> Vec<Pair<'a, EnumView<'a>>> {
        both(self.old.enums(), &self.new.enums())
    }

    pub(super) fn services(&'a self) -> Vec<Pair<'a, ServiceView<'a>>> {
        both(self.old.services(), &self.new.services())
    }

    /// The methods that both versions of a service have, with the service.
    pub(super) fn methods(&'a self) -> Vec<(&'a str, MethodIn<'a>, MethodIn<'a>)> {
        let mut pairs = Vec::new();
        for Pair { old, new } in self.services() {
            for (index, method) in old.element.service.methods.iter().enumerate() {
                let mut others = new.element.service.methods.iter().enumerate();
                let Some((at, other)) = others.find(|(_, other)| other.name == method.name) else { continue };
                let one = MethodIn { file: old.file, method, path: old.element.method_path(index) };
                let other = MethodIn { file: new.file, method: other, path: new.element.method_path(at) };
                pairs.push((new.element.service.name.as_str(), one, other));
            }
        }
        pairs
    }

    /// The fields that both versions have, old and new, and the extensions.
    pub(super) fn fields(&'a self) -> Vec<(FieldIn<'a>, FieldIn<'a>)> {
        let mut pairs = Vec::new();
        for Pair { old, new } in self.messages() {
            let by_number: BTreeMap<i32, usize> = new
                .element
                .definition
                .fields
                .iter()
                .enumerate()
                .map(|(index, field)| (field.number, index))
                .collect();
            for (index, field) in old.element.definition.fields.iter().enumerate() {
                if let Some(other) = by_number.get(&field.number) {
                    let one = FieldIn::of_message(&self.old, old, index);
                    pairs.push((one, FieldIn::of_message(&self.new, new, *other)));
                }
            }
        }
        for Pair { old, new } in both(self.old.extensions(), &self.new.extensions()) {
            pairs.push((FieldIn::of_extension(&self.old, old), FieldIn::of_extension(&self.new, new)));
        }
        pairs
    }
}

impl<'a> FieldIn<'a> {
    fn of_message(version: &'a Version<'a>, message: In<'a, MessageView<'a>>, index: usize) -> Self {
        let definition = message.element.definition;
        Self {
            version,
            file: message.file,
            field: &definition.fields[index],
            message: Some(definition),
            path: message.element.field_path(index),
        }
    }

    fn of_extension(version: &'a Version<'a>, extension: In<'a, FieldView<'a>>) -> Self {
        let FieldView { field, message, path } = extension.element;
        Self { version, file: extension.file, field, message: *message, path: path.clone() }
    }

    /// Whether it is the key or the value of a map.
    pub(super) fn in_map_entry(&self) -> bool {
        self.message.is_some_and(|message| message.map_entry)
    }

    /// The field in words: `field 1 "name" of the message "M"`.
    pub(super) fn described(&self) -> String {
        let Field { name, full_name, number, extendee, .. } = self.field;
        match (extendee, self.message) {
            (Some(extendee), _) => {
                format!("extension {number} \"{full_name}\" of \"{}\"", without_dot(&extendee.name))
            }
            (None, Some(message)) => format!("field {number} \"{name}\" of the message \"{}\"", message.name),
            (None, None) => format!("field {number} \"{name}\""),
        }
    }
}

/// A full name without the dot in front of it.
pub(super) fn without_dot(name: &str) -> &str {
    name.strip_prefix('.').unwrap_or(name)
}

/// The name of an element within its package.
pub(super) fn nested_name<'a>(file: &FileView<'_>, full_name: &'a str) -> &'a str {
    let package = file.file.package.as_str();
    let rest = full_name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.'));
    rest.filter(|_| !package.is_empty()).unwrap_or(full_name)
}
