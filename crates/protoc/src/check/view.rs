//! Compiled files as rules look at them: flat lists of elements, each with its path in the descriptor, by which its
//! place and its comments are found.

use std::{cell::OnceCell, collections::HashMap};

use crate::{
    ir::{Enum, EnumId, Field, File, FileId, Message, MessageId, Pool, Service},
    source_info::SourceInfo,
};

/// Where something stands, lines and columns counted from 1, the end column one behind the last character. A column
/// counts as [`crate::source::Position`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) end_line: u32,
    pub(crate) end_column: u32,
}

impl Place {
    /// The start of a file: the place of what concerns all of it.
    pub(crate) const START: Self = Self { line: 1, column: 1, end_line: 1, end_column: 1 };
}

/// The path of an element: field numbers of `descriptor.proto` and indices, from `FileDescriptorProto` on.
pub(crate) type Path = Vec<u32>;

/// Field numbers of `descriptor.proto`, as paths have them.
pub(crate) mod number {
    /// `FileDescriptorProto`
    pub(crate) const PACKAGE: u32 = 2;
    pub(crate) const DEPENDENCY: u32 = 3;
    pub(crate) const FILE_MESSAGE: u32 = 4;
    pub(crate) const FILE_ENUM: u32 = 5;
    pub(crate) const SERVICE: u32 = 6;
    pub(crate) const FILE_EXTENSION: u32 = 7;
    pub(crate) const FILE_OPTIONS: u32 = 8;
    pub(crate) const SYNTAX: u32 = 12;
    pub(crate) const OPTION_DEPENDENCY: u32 = 15;
    /// All of `DescriptorProto` and its siblings.
    pub(crate) const NAME: u32 = 1;
    /// `DescriptorProto`
    pub(crate) const FIELD: u32 = 2;
    pub(crate) const NESTED_MESSAGE: u32 = 3;
    pub(crate) const NESTED_ENUM: u32 = 4;
    pub(crate) const NESTED_EXTENSION: u32 = 6;
    pub(crate) const ONEOF: u32 = 8;
    /// `FieldDescriptorProto`
    pub(crate) const FIELD_TYPE: u32 = 5;
    pub(crate) const FIELD_TYPE_NAME: u32 = 6;
    pub(crate) const FIELD_OPTIONS: u32 = 8;
    /// `EnumDescriptorProto`, `EnumValueDescriptorProto`
    pub(crate) const VALUE: u32 = 2;
    pub(crate) const ENUM_OPTIONS: u32 = 3;
    pub(crate) const VALUE_NUMBER: u32 = 2;
    /// `ServiceDescriptorProto`, `MethodDescriptorProto`
    pub(crate) const METHOD: u32 = 2;
    pub(crate) const INPUT_TYPE: u32 = 2;
    pub(crate) const OUTPUT_TYPE: u32 = 3;
}

/// A path and what follows on it.
pub(crate) fn join(path: &[u32], rest: &[u32]) -> Path {
    [path, rest].concat()
}

/// The path of an item of a list.
fn item(path: &[u32], number: u32, index: usize) -> Path {
    join(path, &[number, index as u32])
}

/// A message, one of a map's entries too.
#[derive(Debug)]
pub(crate) struct MessageView<'a> {
    pub(crate) definition: &'a Message,
    pub(crate) path: Path,
}

/// A field or an extension.
#[derive(Debug)]
pub(crate) struct FieldView<'a> {
    pub(crate) field: &'a Field,
    /// The message that it stands in; none for an extension at the top of a file.
    pub(crate) message: Option<&'a Message>,
    pub(crate) path: Path,
}

/// An enum.
#[derive(Debug)]
pub(crate) struct EnumView<'a> {
    pub(crate) definition: &'a Enum,
    pub(crate) path: Path,
}

impl EnumView<'_> {
    /// The path of one of its values.
    pub(crate) fn value_path(&self, index: usize) -> Path {
        item(&self.path, number::VALUE, index)
    }
}

impl MessageView<'_> {
    /// The path of one of its fields.
    pub(crate) fn field_path(&self, index: usize) -> Path {
        item(&self.path, number::FIELD, index)
    }

    /// The path of one of its oneofs.
    pub(crate) fn oneof_path(&self, index: usize) -> Path {
        item(&self.path, number::ONEOF, index)
    }
}

/// A service.
#[derive(Debug)]
pub(crate) struct ServiceView<'a> {
    pub(crate) service: &'a Service,
    pub(crate) path: Path,
}

impl ServiceView<'_> {
    /// The path of one of its methods.
    pub(crate) fn method_path(&self, index: usize) -> Path {
        item(&self.path, number::METHOD, index)
    }
}

/// Where the elements of a file stand, by their paths, and the comments right above them.
type Places = HashMap<Path, (Place, String)>;

/// A file with all that is in it, whatever it is nested in, each list in the order of the descriptor.
#[derive(Debug)]
pub(crate) struct FileView<'a> {
    pub(crate) file: &'a File,
    pub(crate) id: FileId,
    /// The file as the user would open it.
    pub(crate) shown: String,
    pub(crate) messages: Vec<MessageView<'a>>,
    pub(crate) enums: Vec<EnumView<'a>>,
    /// Fields of messages, and extensions.
    pub(crate) fields: Vec<FieldView<'a>>,
    pub(crate) services: Vec<ServiceView<'a>>,
    /// Found out when the first is asked for: most files have nothing that is complained of.
    places: OnceCell<Places>,
    /// The messages that were made for maps, and the fields that they were made for.
    map_fields: HashMap<Path, Path>,
}

impl<'a> FileView<'a> {
    /// The view of a file of a pool, which the user knows by the name `shown`.
    pub(crate) fn new(pool: &'a Pool, id: FileId, shown: String) -> Self {
        let file = pool.file(id);
        let mut view = Self {
            file,
            id,
            shown,
            messages: Vec::new(),
            enums: Vec::new(),
            fields: Vec::new(),
            services: Vec::new(),
            places: OnceCell::new(),
            map_fields: HashMap::new(),
        };
        let list = |number, count| (0..count).map(move |index| item(&[], number, index));
        for (id, path) in file.messages.iter().zip(list(number::FILE_MESSAGE, file.messages.len())) {
            view.message(pool, *id, path);
        }
        for (id, path) in file.enums.iter().zip(list(number::FILE_ENUM, file.enums.len())) {
            view.enumeration(pool, *id, path);
        }
        for (field, path) in file.extensions.iter().zip(list(number::FILE_EXTENSION, file.extensions.len())) {
            view.fields.push(FieldView { field, message: None, path });
        }
        for (service, path) in file.services.iter().zip(list(number::SERVICE, file.services.len())) {
            view.services.push(ServiceView { service, path });
        }
        view
    }

    fn message(&mut self, pool: &'a Pool, id: MessageId, path: Path) {
        let definition = pool.message(id);
        for (number, fields) in
            [(number::FIELD, &definition.fields), (number::NESTED_EXTENSION, &definition.extensions)]
        {
            for (index, field) in fields.iter().enumerate() {
                let path = item(&path, number, index);
                self.fields.push(FieldView { field, message: Some(definition), path });
            }
        }
        for (index, id) in definition.enums.iter().enumerate() {
            self.enumeration(pool, *id, item(&path, number::NESTED_ENUM, index));
        }
        for (index, id) in definition.nested.iter().enumerate() {
            let nested = item(&path, number::NESTED_MESSAGE, index);
            let made_for = |field: &Field| field.ty.message() == Some(*id);
            if pool.message(*id).map_entry
                && let Some(index) = definition.fields.iter().position(made_for)
            {
                self.map_fields.insert(nested.clone(), item(&path, number::FIELD, index));
            }
            self.message(pool, *id, nested);
        }
        self.messages.push(MessageView { definition, path });
    }

    fn enumeration(&mut self, pool: &'a Pool, id: EnumId, path: Path) {
        self.enums.push(EnumView { definition: pool.enumeration(id), path });
    }

    fn places(&self) -> &Places {
        self.places.get_or_init(|| {
            let mut places = HashMap::new();
            for (path, [line, column, end_line, end_column], comment) in self.locations() {
                let place = Place {
                    line: line + 1,
                    column: column + 1,
                    end_line: end_line + 1,
                    end_column: end_column + 1,
                };
                // The first counts: what is repeated by a later `extend` of the same message does not.
                places.entry(path).or_insert_with(|| (place, comment.to_owned()));
            }
            places
        })
    }

    fn locations(&self) -> impl Iterator<Item = (Path, [u32; 4], &'a str)> + use<'a> {
        self.file.source_info.iter().flat_map(SourceInfo::locations)
    }

    /// Whether it says its syntax or edition.
    pub(crate) fn says_syntax(&self) -> bool {
        self.locations().any(|(path, ..)| path == [number::SYNTAX])
    }

    /// The name under which the file is imported.
    pub(crate) fn name(&self) -> &'a str {
        self.file.source.name()
    }

    /// The directory part of its name; `.` where it has none.
    pub(crate) fn directory(&self) -> &'a str {
        self.name().rsplit_once('/').map_or(".", |(directory, _)| directory)
    }

    /// Where the element of a path stands, if it has a place of its own. That of a map's entry, and of all in it, is
    /// the map.
    pub(crate) fn place(&self, path: &[u32]) -> Option<Place> {
        let own = self.places().get(path);
        let map = || (1..=path.len()).find_map(|length| self.map_fields.get(&path[..length]));
        own.or_else(|| self.places().get(map()?)).map(|(place, _)| *place)
    }

    /// The comment right above an element.
    pub(crate) fn comment(&self, path: &[u32]) -> &str {
        self.places().get(path).map_or("", |(_, comment)| comment)
    }

    /// The comments right above an element and above all that it is in.
    pub(crate) fn comments_around(&self, path: &[u32]) -> impl Iterator<Item = &str> {
        (1..=path.len())
            .filter_map(|length| self.places().get(&path[..length]))
            .map(|(_, comment)| comment.as_str())
    }

    /// The path of one of its imports, by the index among all of them.
    pub(crate) fn import_path(&self, index: usize) -> Path {
        let imports = &self.file.imports;
        let for_options = |index: usize| imports[index].kind == crate::ast::ImportKind::Option;
        let kind = for_options(index);
        let before = (0..index).filter(|other| for_options(*other) == kind).count();
        let number = if kind { number::OPTION_DEPENDENCY } else { number::DEPENDENCY };
        item(&[], number, before)
    }
}
