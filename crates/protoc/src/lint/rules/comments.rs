//! Rules that ask for comments. They are in no category that is applied by itself.

use crate::{
    check::{rule::Report, view::FileView},
    ir::{Field, Type},
    lint::{Context, IGNORE},
};

/// Reports an element that no comment with any words in it stands above. What lets rules pass says nothing.
fn ask(report: &mut Report, file: &FileView<'_>, path: &[u32], kind: &str, name: &str) {
    let says_something = |line: &str| !line.is_empty() && !line.starts_with(IGNORE);
    if !file.comment(path).lines().map(str::trim).any(says_something) {
        report.at(
            file,
            path,
            format!("there is no comment above the {kind} \"{name}\""),
            "say what it is for".to_owned(),
        );
    }
}

pub(super) fn of_enum(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in &file.enums {
            ask(report, file, &view.path, "enum", &view.definition.name);
        }
    }
}

pub(super) fn of_enum_value(context: &Context<'_>, report: &mut Report) {
    for value in super::enums::values(context) {
        ask(report, value.file, &value.path, "enum value", &value.value.name);
    }
}

pub(super) fn of_field(context: &Context<'_>, report: &mut Report) {
    // What stands above a group is a comment on its message. With editions there are none but by encoding.
    let is_group = |file: &FileView<'_>, field: &Field| {
        matches!(field.ty, Type::Group(_)) && !file.file.edition.is_named()
    };
    for (file, view) in super::fields::written(context) {
        if !is_group(file, view.field) {
            ask(report, file, &view.path, "field", &view.field.name);
        }
    }
}

pub(super) fn of_message(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in file.messages.iter().filter(|view| !view.definition.map_entry) {
            ask(report, file, &view.path, "message", &view.definition.name);
        }
    }
}

pub(super) fn of_oneof(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in &file.messages {
            for (index, oneof) in view.definition.oneofs.iter().enumerate() {
                if !view.definition.is_synthetic_oneof(index) {
                    ask(report, file, &view.oneof_path(index), "oneof", &oneof.name);
                }
            }
        }
    }
}

pub(super) fn of_rpc(context: &Context<'_>, report: &mut Report) {
    for rpc in super::rpcs::all(context) {
        ask(report, rpc.file, &rpc.path, "method", &rpc.method.name);
    }
}

pub(super) fn of_service(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in &file.services {
            ask(report, file, &view.path, "service", &view.service.name);
        }
    }
}
