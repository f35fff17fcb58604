//! Encoded descriptors to syntax trees: files that come from a `FileDescriptorSet` instead of a source.
//!
//! A descriptor says the same as a source, but for places and comments, so that from here on it is built and checked
//! as one. What it cannot say in a tree, interpreted options, is kept encoded.

use crate::{
    ast::{
        DefaultValue, Edition, Enum, EnumItem, EnumValue, Extend, Extensions, Field, FieldType, File,
        FileItem, Ident, Import, ImportKind, JsonName, Label, Message, MessageItem, Method, NamePart, Number,
        Oneof, OneofItem, OptionAssign, OptionValue, Package, Range, RangeEnd, Reserved, Scalar, Service,
        ServiceItem, Span, Syntax, TypeName, TypePath, Visibility,
    },
    raw,
};

/// How deep messages may nest: what a source may have is less.
const MAX_NESTING: usize = 100;

/// The files of an encoded `FileDescriptorSet`, by name. `None` where the bytes are none.
pub(crate) fn files_of_set(set: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let fields = crate::message::decode_unknown(set).ok()?;
    let is_file = |field: &(u32, crate::message::Unknown)| {
        field.0 != 1 || matches!(field.1, crate::message::Unknown::Bytes(_))
    };
    if !fields.iter().all(is_file) {
        return None;
    }
    let files = raw::all(set, 1).map(|file| (raw::name(file).to_owned(), file.to_vec()));
    Some(files.collect())
}

/// The tree of an encoded `FileDescriptorProto`, and its `SourceCodeInfo` if there is one.
///
/// # Errors
/// What it says that no source could.
pub(crate) fn file(bytes: &[u8]) -> Result<(File, Option<Vec<u8>>), String> {
    let edition = edition(bytes)?;
    let tree = Tree { edition };
    let span = Span::default();
    let mut items = Vec::new();
    let package = text(bytes, 2);
    if !package.is_empty() {
        items.push(FileItem::Package(Package { name: package, span }));
    }
    let (public, weak): (Vec<u64>, Vec<u64>) = (numbers(bytes, 10), numbers(bytes, 11));
    for (index, path) in (0..).zip(raw::all(bytes, 3)) {
        let kind = match index {
            index if public.contains(&index) => ImportKind::Public,
            index if weak.contains(&index) => ImportKind::Weak,
            _ => ImportKind::Plain,
        };
        items.push(FileItem::Import(import(path, kind)));
    }
    items.extend(raw::all(bytes, 15).map(|path| FileItem::Import(import(path, ImportKind::Option))));
    items.extend(options(bytes, 8).into_iter().map(FileItem::Option));
    for message in raw::all(bytes, 4) {
        items.push(FileItem::Message(tree.message(message, 0)?));
    }
    for definition in raw::all(bytes, 5) {
        items.push(FileItem::Enum(tree.enumeration(definition)));
    }
    items.extend(raw::all(bytes, 6).map(|bytes| FileItem::Service(service(bytes))));
    for field in raw::all(bytes, 7) {
        items.push(FileItem::Extend(tree.extension(field)?));
    }
    let source_info = raw::all(bytes, 9).next().map(<[u8]>::to_vec);
    Ok((File { syntax: Some(Syntax { edition, span }), items, span }, source_info))
}

fn edition(bytes: &[u8]) -> Result<Edition, String> {
    match text(bytes, 12).as_str() {
        "" | "proto2" => Ok(Edition::Proto2),
        "proto3" => Ok(Edition::Proto3),
        "editions" => {
            let number = int(bytes, 14).unwrap_or(0);
            let known = Edition::NAMED.into_iter().find(|(_, edition)| *edition as u64 == number);
            known.map(|(_, edition)| edition).ok_or_else(|| format!("Unknown edition {number}."))
        }
        other => Err(format!("Unrecognized syntax: {other}")),
    }
}

fn text(bytes: &[u8], number: u32) -> String {
    String::from_utf8_lossy(raw::first(bytes, number)).into_owned()
}

fn int(bytes: &[u8], number: u32) -> Option<u64> {
    raw::varints(bytes, number).last()
}

/// The values of a repeated integer field, packed or not.
fn numbers(bytes: &[u8], number: u32) -> Vec<u64> {
    raw::all(bytes, number).flat_map(raw::packed).chain(raw::varints(bytes, number)).collect()
}

fn ident(bytes: &[u8]) -> Ident {
    Ident { text: text(bytes, 1), token: 0 }
}

fn import(path: &[u8], kind: ImportKind) -> Import {
    let path = String::from_utf8_lossy(path).into_owned();
    Import { kind, kind_token: None, path, span: Span::default() }
}

/// The options in a field of an element, as one statement that holds them encoded.
fn options(bytes: &[u8], number: u32) -> Vec<OptionAssign> {
    let span = Span::default();
    let statement = |value: &[u8]| OptionAssign {
        name: vec![NamePart { name: String::new(), is_extension: false }],
        name_span: span,
        value: OptionValue::Encoded(value.to_vec()),
        value_span: span,
        span,
    };
    raw::all(bytes, number).map(statement).collect()
}

fn visibility(bytes: &[u8], number: u32) -> Option<Visibility> {
    match int(bytes, number) {
        Some(1) => Some(Visibility::Local),
        Some(2) => Some(Visibility::Export),
        _ => None,
    }
}

/// A range whose end is the first number that is not in it, or with `inclusive` the last that is.
fn range(bytes: &[u8], inclusive: bool) -> Range {
    let start = int(bytes, 1).unwrap_or(0) as i32;
    let end = int(bytes, 2).unwrap_or(0) as i32;
    let last = if inclusive { end } else { end.saturating_sub(1) };
    let span = Span::default();
    Range { start, end: RangeEnd::Number(last), start_span: span, end_span: span, span }
}

fn reserved(bytes: &[u8], ranges: u32, names: u32, inclusive: bool) -> Reserved {
    let span = Span::default();
    let name = |name: &[u8]| (String::from_utf8_lossy(name).into_owned(), span);
    Reserved {
        ranges: raw::all(bytes, ranges).map(|bytes| range(bytes, inclusive)).collect(),
        names: raw::all(bytes, names).map(name).collect(),
        span,
    }
}

fn type_path(bytes: &[u8], number: u32) -> TypePath {
    TypePath { text: text(bytes, number), span: Span::default() }
}

fn service(bytes: &[u8]) -> Service {
    let mut items: Vec<ServiceItem> = options(bytes, 3).into_iter().map(ServiceItem::Option).collect();
    items.extend(raw::all(bytes, 2).map(|method| {
        let stream = |number| int(method, number).filter(|set| *set != 0).map(|_| 0);
        ServiceItem::Method(Method {
            name: ident(method),
            input: type_path(method, 2),
            output: type_path(method, 3),
            client_stream: stream(5),
            server_stream: stream(6),
            options: options(method, 4),
            open: raw::all(method, 4).next().map(|_| 0),
            span: Span::default(),
        })
    }));
    Service { name: ident(bytes), items, span: Span::default(), open: 0 }
}

struct Tree {
    edition: Edition,
}

impl Tree {
    fn message(&self, bytes: &[u8], depth: usize) -> Result<Message, String> {
        if depth >= MAX_NESTING {
            return Err("Reached maximum recursion limit for nested messages.".to_owned());
        }
        let mut items: Vec<MessageItem> = options(bytes, 7).into_iter().map(MessageItem::Option).collect();
        for nested in raw::all(bytes, 3) {
            items.push(MessageItem::Message(self.message(nested, depth + 1)?));
        }
        for definition in raw::all(bytes, 4) {
            items.push(MessageItem::Enum(self.enumeration(definition)));
        }
        self.fields(bytes, &mut items)?;
        for field in raw::all(bytes, 6) {
            items.push(MessageItem::Extend(self.extension(field)?));
        }
        items.extend(raw::all(bytes, 5).map(|bytes| {
            MessageItem::Extensions(Extensions {
                ranges: vec![range(bytes, false)],
                options: options(bytes, 3),
                options_span: None,
                span: Span::default(),
            })
        }));
        items.push(MessageItem::Reserved(reserved(bytes, 9, 10, false)));
        Ok(Message {
            visibility: visibility(bytes, 11),
            name: ident(bytes),
            items,
            span: Span::default(),
            open: 0,
        })
    }

    /// The fields in their order; those of a oneof stand in it, where its first field is.
    fn fields(&self, bytes: &[u8], items: &mut Vec<MessageItem>) -> Result<(), String> {
        let oneofs: Vec<&[u8]> = raw::all(bytes, 8).collect();
        let mut made: Vec<Option<usize>> = vec![None; oneofs.len()];
        for encoded in raw::all(bytes, 2) {
            let field = Box::new(self.field(encoded)?);
            let synthetic = int(encoded, 17) == Some(1);
            let Some(index) = int(encoded, 9).filter(|_| !synthetic) else {
                items.push(MessageItem::Field(field));
                continue;
            };
            let index = index as usize;
            let Some(oneof) = oneofs.get(index) else {
                return Err(format!(
                    "FieldDescriptorProto.oneof_index {index} is out of range for type \"{}\".",
                    text(bytes, 1)
                ));
            };
            let at = *made[index].get_or_insert_with(|| {
                let members = options(oneof, 2).into_iter().map(OneofItem::Option).collect();
                let oneof = Oneof { name: ident(oneof), items: members, span: Span::default(), open: 0 };
                items.push(MessageItem::Oneof(oneof));
                items.len() - 1
            });
            if let Some(MessageItem::Oneof(oneof)) = items.get_mut(at) {
                oneof.items.push(OneofItem::Field(field));
            }
        }
        Ok(())
    }

    fn extension(&self, bytes: &[u8]) -> Result<Extend, String> {
        Ok(Extend {
            extendee: type_path(bytes, 2),
            fields: vec![self.field(bytes)?],
            span: Span::default(),
            open: 0,
        })
    }

    fn field(&self, bytes: &[u8]) -> Result<Field, String> {
        let span = Span::default();
        let name = || text(bytes, 6);
        let ty = match int(bytes, 5) {
            Some(10) => FieldType::NamedGroup(name()),
            Some(11 | 14) | None => FieldType::Plain(TypeName::Named(name())),
            Some(number) => match Scalar::from_number(number) {
                Some(scalar) => FieldType::Plain(TypeName::Scalar(scalar)),
                None => return Err(format!("{} is no type of a field.", number)),
            },
        };
        let label = match int(bytes, 4) {
            Some(3) => Some(Label::Repeated),
            Some(2) => Some(Label::Required),
            _ if self.edition == Edition::Proto2 || int(bytes, 17) == Some(1) => Some(Label::Optional),
            _ => None,
        };
        let default =
            raw::all(bytes, 7).next().map(|value| DefaultValue { value: value.to_vec(), value_span: span });
        let json_name = raw::all(bytes, 10).next().map(|value| JsonName {
            value: String::from_utf8_lossy(value).into_owned(),
            span,
            value_span: span,
        });
        Ok(Field {
            label: label.map(|label| (label, 0)),
            ty,
            type_span: span,
            name: ident(bytes),
            number: Number { value: int(bytes, 3).unwrap_or(0) as i32, token: 0 },
            default,
            json_name,
            options: options(bytes, 8),
            options_span: None,
            group: None,
            span,
        })
    }

    fn enumeration(&self, bytes: &[u8]) -> Enum {
        let span = Span::default();
        let mut items: Vec<EnumItem> = options(bytes, 3).into_iter().map(EnumItem::Option).collect();
        items.extend(raw::all(bytes, 2).map(|value| {
            EnumItem::Value(EnumValue {
                name: ident(value),
                number: int(value, 2).unwrap_or(0) as i32,
                number_span: span,
                options: options(value, 3),
                options_span: None,
                span,
            })
        }));
        items.push(EnumItem::Reserved(reserved(bytes, 4, 5, true)));
        Enum { visibility: visibility(bytes, 6), name: ident(bytes), items, span, open: 0 }
    }
}
