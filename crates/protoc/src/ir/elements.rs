//! All elements of a file that can have options, each with what is the same about them.

use super::{
    Enum, EnumValue, Features, Field, File, FileId, Message, MessageId, Method, Oneof, Options, Pool, Range,
    Service, features,
};

/// What an element is.
#[derive(Clone, Copy)]
pub(super) enum Element<'a> {
    File(&'a File),
    Message(&'a Message),
    /// With the message that it is in or that has the extension's scope.
    Field(&'a Field, Option<&'a Message>),
    Oneof(&'a Oneof, &'a Message),
    Range(&'a Range),
    Enum(&'a Enum),
    Value(&'a EnumValue),
    Service(&'a Service),
    Method(&'a Method),
}

/// Where the options of an element are defined and how it is called.
pub(super) struct Kind {
    /// The options message of `descriptor.proto`.
    pub(super) options: &'static str,
    /// The field of it that holds features.
    pub(super) features: u32,
    /// `FieldOptions.OptionTargetType`
    pub(super) target: u64,
    pub(super) word: &'static str,
}

macro_rules! kind {
    ($options:literal, $features:ident, $target:literal, $word:literal) => {
        &Kind {
            options: concat!("google.protobuf.", $options),
            features: features::number::$features,
            target: $target,
            word: $word,
        }
    };
}

impl<'a> Element<'a> {
    pub(super) fn kind(self) -> &'static Kind {
        match self {
            Self::File(_) => kind!("FileOptions", FILE, 1, "file"),
            Self::Range(_) => kind!("ExtensionRangeOptions", RANGE, 2, "extension range"),
            Self::Message(_) => kind!("MessageOptions", MESSAGE, 3, "message"),
            Self::Field(..) => kind!("FieldOptions", FIELD, 4, "field"),
            Self::Oneof(..) => kind!("OneofOptions", ONEOF, 5, "oneof"),
            Self::Enum(_) => kind!("EnumOptions", ENUM, 6, "enum"),
            Self::Value(_) => kind!("EnumValueOptions", VALUE, 7, "enum entry"),
            Self::Service(_) => kind!("ServiceOptions", SERVICE, 8, "service"),
            Self::Method(_) => kind!("MethodOptions", METHOD, 9, "method"),
        }
    }

    pub(super) fn options(self) -> &'a Options {
        match self {
            Self::File(file) => &file.options,
            Self::Message(message) => &message.options,
            Self::Field(field, _) => &field.options,
            Self::Oneof(oneof, _) => &oneof.options,
            Self::Range(range) => &range.options,
            Self::Enum(definition) => &definition.options,
            Self::Value(value) => &value.options,
            Self::Service(service) => &service.options,
            Self::Method(method) => &method.options,
        }
    }

    /// The token of its name; the file has none.
    pub(super) fn token(self) -> Option<u32> {
        Some(match self {
            Self::File(_) => return None,
            Self::Message(message) => message.name_token,
            Self::Field(field, _) => field.at.name,
            Self::Oneof(oneof, _) => oneof.name_token,
            Self::Range(range) => range.token,
            Self::Enum(definition) => definition.name_token,
            Self::Value(value) => value.name_token,
            Self::Service(service) => service.name_token,
            Self::Method(method) => method.name_token,
        })
    }
}

/// Visits the elements of a file in protoc's order, each with its resolved features.
pub(super) fn visit<'a>(pool: &'a Pool, id: FileId, visit: &mut dyn FnMut(Element<'a>, Features)) {
    let file = pool.file(id);
    visit(Element::File(file), file.features);
    for id in &file.messages {
        message(pool, *id, visit);
    }
    for id in &file.enums {
        enumeration(pool.enumeration(*id), visit);
    }
    for field in &file.extensions {
        visit(Element::Field(field, None), field.features);
    }
    for service in &file.services {
        let element = Element::Service(service);
        let features = with_own(file.features, element);
        visit(element, features);
        for method in &service.methods {
            let element = Element::Method(method);
            visit(element, with_own(features, element));
        }
    }
}

fn with_own(parent: Features, element: Element<'_>) -> Features {
    parent.with(features::own(element.options(), element.kind().features))
}

fn message<'a>(pool: &'a Pool, id: MessageId, visit: &mut dyn FnMut(Element<'a>, Features)) {
    let definition = pool.message(id);
    visit(Element::Message(definition), definition.features);
    for id in &definition.enums {
        enumeration(pool.enumeration(*id), visit);
    }
    for oneof in &definition.oneofs {
        let element = Element::Oneof(oneof, definition);
        visit(element, with_own(definition.features, element));
    }
    for field in &definition.fields {
        visit(Element::Field(field, Some(definition)), field.features);
    }
    for id in &definition.nested {
        message(pool, *id, visit);
    }
    for field in &definition.extensions {
        visit(Element::Field(field, Some(definition)), field.features);
    }
    for range in &definition.extension_ranges {
        let element = Element::Range(range);
        visit(element, with_own(definition.features, element));
    }
}

fn enumeration<'a>(definition: &'a Enum, visit: &mut dyn FnMut(Element<'a>, Features)) {
    visit(Element::Enum(definition), definition.features);
    for value in &definition.values {
        let element = Element::Value(value);
        visit(element, with_own(definition.features, element));
    }
}
