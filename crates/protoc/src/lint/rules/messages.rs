//! Rules about messages and their oneofs.

use super::check_name;
use crate::{
    check::{names, rule::Report},
    lint::Context,
};

pub(super) fn pascal_case(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in file.messages.iter().filter(|view| !view.definition.map_entry) {
            let name = &view.definition.name;
            let expected = names::pascal_case(name);
            check_name(report, file, &view.path, "message", name, "PascalCase", &expected);
        }
    }
}

pub(super) fn oneof_lower_snake_case(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in &file.messages {
            for (index, oneof) in view.definition.oneofs.iter().enumerate() {
                if !view.definition.is_synthetic_oneof(index) {
                    let (path, expected) = (view.oneof_path(index), names::lower_snake_case(&oneof.name));
                    check_name(report, file, &path, "oneof", &oneof.name, "lower_snake_case", &expected);
                }
            }
        }
    }
}
