//! The walk over a syntax tree that records locations. Numbers in paths are field numbers of `descriptor.proto`.

use super::Recorder;
use crate::ast::{
    Enum, EnumItem, Extend, Extensions, Field, FieldType, File, FileItem, ImportKind, Message, MessageItem,
    Method, Oneof, OneofItem, OptionAssign, Range, Reserved, Service, ServiceItem, Span, TypeName,
};

/// How many elements of each kind a scope has so far.
#[derive(Default)]
struct Counts {
    messages: u32,
    enums: u32,
    extensions: u32,
    fields: u32,
    oneofs: u32,
    ranges: u32,
    reserved_ranges: u32,
    reserved_names: u32,
}

fn next(count: &mut u32) -> u32 {
    *count += 1;
    *count - 1
}

pub(super) fn file(r: &mut Recorder<'_>, file: &File) {
    r.add(&[], file.span);
    if let Some(syntax) = &file.syntax {
        let location = r.add(&[12], syntax.span);
        r.end(syntax.span.last, Some(location));
    }
    let mut counts = Counts::default();
    let (mut services, mut imports, mut public, mut weak, mut for_options) = (0, 0, 0, 0, 0);
    for item in &file.items {
        match item {
            FileItem::Import(import) => {
                r.reach(import.span.first);
                let path = match import.kind {
                    ImportKind::Option => [15, next(&mut for_options)],
                    _ => [3, next(&mut imports)],
                };
                let location = r.add(&path, import.span);
                match (import.kind, import.kind_token) {
                    (ImportKind::Public, Some(token)) => {
                        r.token(&[10, next(&mut public)], token);
                    }
                    (ImportKind::Weak, Some(token)) => {
                        r.token(&[11, next(&mut weak)], token);
                    }
                    _ => {}
                }
                r.end(import.span.last, Some(location));
            }
            FileItem::Package(package) => {
                r.reach(package.span.first);
                let location = r.add(&[2], package.span);
                r.end(package.span.last, Some(location));
            }
            FileItem::Option(option) => option_statement(r, 8, option),
            FileItem::Message(item) => message(r, &[4, next(&mut counts.messages)], item),
            FileItem::Enum(item) => enumeration(r, &[5, next(&mut counts.enums)], item),
            FileItem::Service(item) => service(r, &[6, next(&mut services)], item),
            FileItem::Extend(item) => extend(r, 7, 4, item, &mut counts),
        }
    }
}

/// An option statement in an element whose options are field `number`.
fn option_statement(r: &mut Recorder<'_>, number: u32, option: &OptionAssign) {
    r.reach(option.span.first);
    r.add(&[number], option.span);
    let location = option_location(r, number, option);
    r.end(option.span.last, Some(location));
}

fn option_location(r: &mut Recorder<'_>, number: u32, option: &OptionAssign) -> super::LocationId {
    let location = r.add(&[number], option.span);
    r.info.locations[location.0].option = Some(option.span.first);
    location
}

fn bracketed(r: &mut Recorder<'_>, number: u32, span: Option<Span>, options: &[OptionAssign]) {
    if let Some(span) = span {
        let location = r.add(&[number], span);
        r.info.locations[location.0].brackets = Some(span);
        for option in options {
            option_location(r, number, option);
        }
    }
}

fn message(r: &mut Recorder<'_>, path: &[u32], message: &Message) {
    r.reach(message.span.first);
    let location = r.add(path, message.span);
    r.inside(path, |r| {
        r.token(&[1], message.name.token);
        r.end(message.open, Some(location));
        message_items(r, &message.items);
    });
    r.reach(message.span.last);
    r.end(message.span.last, None);
}

fn message_items(r: &mut Recorder<'_>, items: &[MessageItem]) {
    let mut counts = Counts::default();
    for item in items {
        match item {
            MessageItem::Field(item) => {
                let path = [2, next(&mut counts.fields)];
                field(r, &path, 3, item, None, &mut counts);
            }
            MessageItem::Oneof(item) => oneof(r, item, &mut counts),
            MessageItem::Message(item) => message(r, &[3, next(&mut counts.messages)], item),
            MessageItem::Enum(item) => enumeration(r, &[4, next(&mut counts.enums)], item),
            MessageItem::Extend(item) => extend(r, 6, 3, item, &mut counts),
            MessageItem::Extensions(item) => extensions(r, item, &mut counts),
            MessageItem::Reserved(item) => reserved(r, [9, 10], item, &mut counts),
            MessageItem::Option(option) => option_statement(r, 7, option),
        }
    }
}

/// A field. Messages that it makes, for a group or a map, are counted in `counts` and lie in the field
/// `nested_number` of the scope.
fn field(
    r: &mut Recorder<'_>,
    path: &[u32],
    nested_number: u32,
    field: &Field,
    extendee: Option<Span>,
    counts: &mut Counts,
) {
    r.reach(field.span.first);
    let location = r.add(path, field.span);
    r.inside(path, |r| {
        if let Some(span) = extendee {
            r.add(&[2], span);
        }
        if let Some((_, token)) = field.label {
            r.token(&[4], token);
        }
        let scalar = matches!(field.ty, FieldType::Plain(TypeName::Scalar(_)) | FieldType::Group);
        r.add(&[if scalar { 5 } else { 6 }], field.type_span);
        r.token(&[1], field.name.token);
        r.token(&[3], field.number.token);
        field_options(r, field);
    });
    match &field.group {
        None => r.end(field.span.last, Some(location)),
        Some(group) => {
            // The extend block is not part of a group's path.
            let depth = usize::from(extendee.is_some());
            let removed = r.path.split_off(r.path.len() - depth);
            let group_path = [nested_number, next(&mut counts.messages)];
            let group_location = r.add(&group_path, field.span);
            r.inside(&group_path, |r| {
                r.token(&[1], group.name.token);
            });
            r.path.extend(&removed);
            r.inside(path, |r| {
                r.token(&[6], field.name.token);
            });
            let removed = r.path.split_off(r.path.len() - depth);
            r.end(group.open, Some(group_location));
            r.inside(&group_path, |r| message_items(r, &group.items));
            r.path.extend(removed);
            r.reach(field.span.last);
            r.end(field.span.last, None);
        }
    }
    if matches!(field.ty, FieldType::Map { .. }) {
        counts.messages += 1;
    }
}

fn field_options(r: &mut Recorder<'_>, field: &Field) {
    let Some(span) = field.options_span else { return };
    let location = r.add(&[8], span);
    if field.default.is_none() && field.json_name.is_none() {
        r.info.locations[location.0].brackets = Some(span);
    }
    let mut parts: Vec<(u32, Part<'_>)> =
        field.options.iter().map(|option| (option.span.first, Part::Option(option))).collect();
    parts.extend(
        field.default.iter().map(|default| (default.value_span.first, Part::Default(default.value_span))),
    );
    parts.extend(
        field.json_name.iter().map(|json| (json.span.first, Part::JsonName(json.span, json.value_span))),
    );
    parts.sort_by_key(|(token, _)| *token);
    for (_, part) in parts {
        match part {
            Part::Option(option) => {
                option_location(r, 8, option);
            }
            Part::Default(span) => {
                r.add(&[7], span);
            }
            Part::JsonName(span, value_span) => {
                r.add(&[10], span);
                r.add(&[10], value_span);
            }
        }
    }
}

/// What brackets behind a field can hold.
enum Part<'a> {
    Option(&'a OptionAssign),
    Default(Span),
    JsonName(Span, Span),
}

fn oneof(r: &mut Recorder<'_>, oneof: &Oneof, counts: &mut Counts) {
    r.reach(oneof.span.first);
    let path = [8, next(&mut counts.oneofs)];
    let location = r.add(&path, oneof.span);
    r.inside(&path, |r| {
        r.token(&[1], oneof.name.token);
    });
    r.end(oneof.open, Some(location));
    for item in &oneof.items {
        match item {
            OneofItem::Field(item) => {
                let path = [2, next(&mut counts.fields)];
                field(r, &path, 3, item, None, counts);
            }
            OneofItem::Option(option) => r.inside(&path, |r| option_statement(r, 2, option)),
        }
    }
    r.reach(oneof.span.last);
    r.end(oneof.span.last, None);
}

fn extend(r: &mut Recorder<'_>, number: u32, nested_number: u32, extend: &Extend, counts: &mut Counts) {
    r.reach(extend.span.first);
    let location = r.add(&[number], extend.span);
    r.end(extend.open, Some(location));
    for item in &extend.fields {
        let index = next(&mut counts.extensions);
        r.inside(&[number], |r| field(r, &[index], nested_number, item, Some(extend.extendee.span), counts));
    }
    r.reach(extend.span.last);
    r.end(extend.span.last, None);
}

fn range(r: &mut Recorder<'_>, path: &[u32], range: &Range) {
    r.add(path, range.span);
    r.inside(path, |r| {
        r.add(&[1], range.start_span);
        r.add(&[2], range.end_span);
    });
}

fn extensions(r: &mut Recorder<'_>, extensions: &Extensions, counts: &mut Counts) {
    r.reach(extensions.span.first);
    let location = r.add(&[5], extensions.span);
    let first = counts.ranges;
    for item in &extensions.ranges {
        range(r, &[5, next(&mut counts.ranges)], item);
    }
    for index in first..counts.ranges {
        r.inside(&[5, index], |r| bracketed(r, 3, extensions.options_span, &extensions.options));
    }
    r.end(extensions.span.last, Some(location));
}

/// Reserved ranges and names, which are the fields `numbers`.
fn reserved(r: &mut Recorder<'_>, numbers: [u32; 2], reserved: &Reserved, counts: &mut Counts) {
    r.reach(reserved.span.first);
    let [ranges, names] = numbers;
    let location = if reserved.names.is_empty() {
        let location = r.add(&[ranges], reserved.span);
        for item in &reserved.ranges {
            range(r, &[ranges, next(&mut counts.reserved_ranges)], item);
        }
        location
    } else {
        let location = r.add(&[names], reserved.span);
        for (_, span) in &reserved.names {
            r.add(&[names, next(&mut counts.reserved_names)], *span);
        }
        location
    };
    r.end(reserved.span.last, Some(location));
}

fn enumeration(r: &mut Recorder<'_>, path: &[u32], definition: &Enum) {
    r.reach(definition.span.first);
    let location = r.add(path, definition.span);
    r.inside(path, |r| {
        r.token(&[1], definition.name.token);
        r.end(definition.open, Some(location));
        let mut counts = Counts::default();
        for item in &definition.items {
            match item {
                EnumItem::Option(option) => option_statement(r, 3, option),
                EnumItem::Reserved(item) => reserved(r, [4, 5], item, &mut counts),
                EnumItem::Value(value) => {
                    r.reach(value.span.first);
                    let path = [2, next(&mut counts.fields)];
                    let location = r.add(&path, value.span);
                    r.inside(&path, |r| {
                        r.token(&[1], value.name.token);
                        r.add(&[2], value.number_span);
                        bracketed(r, 3, value.options_span, &value.options);
                    });
                    r.end(value.span.last, Some(location));
                }
            }
        }
    });
    r.reach(definition.span.last);
    r.end(definition.span.last, None);
}

fn service(r: &mut Recorder<'_>, path: &[u32], service: &Service) {
    r.reach(service.span.first);
    let location = r.add(path, service.span);
    r.inside(path, |r| {
        r.token(&[1], service.name.token);
        r.end(service.open, Some(location));
        let mut methods = 0;
        for item in &service.items {
            match item {
                ServiceItem::Option(option) => option_statement(r, 3, option),
                ServiceItem::Method(item) => method(r, &[2, next(&mut methods)], item),
            }
        }
    });
    r.reach(service.span.last);
    r.end(service.span.last, None);
}

fn method(r: &mut Recorder<'_>, path: &[u32], method: &Method) {
    r.reach(method.span.first);
    let location = r.add(path, method.span);
    r.inside(path, |r| {
        r.token(&[1], method.name.token);
        if let Some(token) = method.client_stream {
            r.token(&[5], token);
        }
        r.add(&[2], method.input.span);
        if let Some(token) = method.server_stream {
            r.token(&[6], token);
        }
        r.add(&[3], method.output.span);
        let Some(open) = method.open else {
            return r.end(method.span.last, Some(location));
        };
        r.end(open, Some(location));
        method.options.iter().for_each(|option| option_statement(r, 4, option));
        r.reach(method.span.last);
        r.end(method.span.last, None);
    });
}
