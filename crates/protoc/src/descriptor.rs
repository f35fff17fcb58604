//! Linked files to encoded `FileDescriptorProto`s, byte for byte as protoc writes them.

use crate::{
    ast::{Edition, ImportKind},
    ir::{Enum, EnumId, Field, FileId, Import, Message, MessageId, Options, Pool, Service, Type},
    wire::Writer,
};

/// What goes into a descriptor besides the declarations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Detail {
    /// `json_name` also where it is the default one: in descriptor sets and for plugins, not in generated code.
    pub(crate) json_names: bool,
    pub(crate) source_info: bool,
    /// Options that are meant for the source only, too.
    pub(crate) retain_options: bool,
}

/// The encoded descriptor of a file, in pieces: its places and comments, mostly the longest part, are not copied.
pub(crate) struct Encoded<'a> {
    before: Vec<u8>,
    source_info: &'a [u8],
    after: Vec<u8>,
}

impl<'a> Encoded<'a> {
    pub(crate) fn new(pool: &'a Pool, id: FileId, detail: Detail) -> Self {
        let encoder = Encoder { pool, detail, editions: pool.file(id).edition.is_named() };
        let (mut before, mut after) = (Writer::default(), Writer::default());
        encoder.declarations(id, &mut before);
        let source_info = pool.file(id).source_info.as_ref().filter(|_| detail.source_info);
        let source_info = source_info.map(|info| info.encoded(detail.retain_options));
        if let Some(source_info) = source_info {
            before.bytes_header(9, source_info.len());
        }
        encoder.dependencies_and_edition(id, &mut after);
        Self {
            before: before.into_bytes(),
            source_info: source_info.unwrap_or_default(),
            after: after.into_bytes(),
        }
    }

    /// One behind the other they are the descriptor.
    pub(crate) fn pieces(&self) -> [&[u8]; 3] {
        [&self.before, self.source_info, &self.after]
    }
}

struct Encoder<'a> {
    pool: &'a Pool,
    detail: Detail,
    editions: bool,
}

impl Encoder<'_> {
    fn options(&self, number: u32, options: &Options, out: &mut Writer) {
        let retain = self.detail.retain_options;
        if options.encoded_empty {
            out.bytes(number, &[]);
        } else if !options.value.is_empty(retain) {
            out.message(number, |out| match retain {
                true => options.encode_retained(out),
                false => options.value.encode(false, out),
            });
        }
    }

    /// What stands before the places.
    fn declarations(&self, id: FileId, out: &mut Writer) {
        let file = self.pool.file(id);
        out.string(1, file.source.name());
        if !file.package.is_empty() {
            out.string(2, &file.package);
        }
        for import in file.imports.iter().filter(|import| import.kind != ImportKind::Option) {
            out.string(3, &import.path);
        }
        file.messages.iter().for_each(|id| out.message(4, |out| self.message(*id, out)));
        file.enums.iter().for_each(|id| out.message(5, |out| self.enumeration(*id, out)));
        file.services.iter().for_each(|service| out.message(6, |out| self.service(service, out)));
        file.extensions.iter().for_each(|field| out.message(7, |out| self.field(field, out)));
        self.options(8, &file.options, out);
    }

    /// What stands behind the places.
    fn dependencies_and_edition(&self, id: FileId, out: &mut Writer) {
        let file = self.pool.file(id);
        let (for_options, plain): (Vec<&Import>, Vec<&Import>) =
            file.imports.iter().partition(|import| import.kind == ImportKind::Option);
        for (kind, number) in [(ImportKind::Public, 10), (ImportKind::Weak, 11)] {
            for (index, _) in plain.iter().enumerate().filter(|(_, import)| import.kind == kind) {
                out.varint_field(number, index as u64);
            }
        }
        match file.edition {
            Edition::Proto2 => {}
            Edition::Proto3 => out.string(12, "proto3"),
            edition => {
                out.string(12, "editions");
                out.varint_field(14, edition as u64);
            }
        }
        for_options.iter().for_each(|import| out.string(15, &import.path));
    }

    fn message(&self, id: MessageId, out: &mut Writer) {
        let message: &Message = self.pool.message(id);
        out.string(1, &message.name);
        message.fields.iter().for_each(|field| out.message(2, |out| self.field(field, out)));
        message.nested.iter().for_each(|id| out.message(3, |out| self.message(*id, out)));
        message.enums.iter().for_each(|id| out.message(4, |out| self.enumeration(*id, out)));
        for range in &message.extension_ranges {
            out.message(5, |out| {
                out.int32(1, range.start);
                out.int32(2, range.end);
                self.options(3, &range.options, out);
            });
        }
        message.extensions.iter().for_each(|field| out.message(6, |out| self.field(field, out)));
        self.options(7, &message.options, out);
        for oneof in &message.oneofs {
            out.message(8, |out| {
                out.string(1, &oneof.name);
                self.options(2, &oneof.options, out);
            });
        }
        for range in &message.reserved_ranges {
            out.message(9, |out| {
                out.int32(1, range.start);
                out.int32(2, range.end);
            });
        }
        message.reserved_names.iter().for_each(|(name, _)| out.string(10, name));
        if let Some(visibility) = message.visibility {
            out.varint_field(11, visibility as u64);
        }
    }

    fn field(&self, field: &Field, out: &mut Writer) {
        out.string(1, &field.name);
        if let Some(extendee) = &field.extendee {
            out.string(2, &extendee.name);
        }
        out.int32(3, field.number);
        out.int32(4, field.label as i32);
        // Editions have no groups, only messages with another encoding.
        let ty = match field.ty {
            Type::Group(id) if self.editions => Type::Message(id),
            ty => ty,
        };
        if let Some(number) = ty.number() {
            out.varint_field(5, u64::from(number));
        }
        let type_name = match ty {
            Type::Message(id) | Type::Group(id) => Some(&self.pool.message(id).full_name),
            Type::Enum(id) => Some(&self.pool.enumeration(id).full_name),
            _ => None,
        };
        match type_name {
            Some(name) => out.string(6, &format!(".{name}")),
            None if !field.type_name.is_empty() => out.string(6, &field.type_name),
            None => {}
        }
        if let Some(default) = &field.default {
            out.bytes(7, default);
        }
        self.options(8, &field.options, out);
        if let Some(oneof) = field.oneof {
            out.varint_field(9, u64::from(oneof));
        }
        if self.detail.json_names || field.json_name.is_some() {
            out.string(10, &field.json_name());
        }
        if field.proto3_optional {
            out.varint_field(17, 1);
        }
    }

    fn enumeration(&self, id: EnumId, out: &mut Writer) {
        let definition: &Enum = self.pool.enumeration(id);
        out.string(1, &definition.name);
        for value in &definition.values {
            out.message(2, |out| {
                out.string(1, &value.name);
                out.int32(2, value.number);
                self.options(3, &value.options, out);
            });
        }
        self.options(3, &definition.options, out);
        for range in &definition.reserved_ranges {
            out.message(4, |out| {
                out.int32(1, range.start);
                out.int32(2, range.end);
            });
        }
        definition.reserved_names.iter().for_each(|(name, _)| out.string(5, name));
        if let Some(visibility) = definition.visibility {
            out.varint_field(6, visibility as u64);
        }
    }

    fn service(&self, service: &Service, out: &mut Writer) {
        out.string(1, &service.name);
        for method in &service.methods {
            out.message(2, |out| {
                out.string(1, &method.name);
                out.string(2, &method.input.name);
                out.string(3, &method.output.name);
                if method.empty_block {
                    out.bytes(4, &[]);
                }
                self.options(4, &method.options, out);
                if method.input.stream {
                    out.varint_field(5, 1);
                }
                if method.output.stream {
                    out.varint_field(6, 1);
                }
            });
        }
        self.options(3, &service.options, out);
    }
}
