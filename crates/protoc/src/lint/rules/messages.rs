//! Rules about messages and their oneofs.

use crate::{
    check::{
        names,
        rule::Report,
        view::{join, number},
    },
    lint::Context,
};

pub(super) fn pascal_case(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in file.messages.iter().filter(|view| !view.definition.map_entry) {
            let name = &view.definition.name;
            let expected = names::pascal_case(name);
            if *name != expected {
                report.at(
                    file,
                    &join(&view.path, &[number::NAME]),
                    format!("the message name \"{name}\" is not PascalCase"),
                    format!("write \"{expected}\""),
                );
            }
        }
    }
}

pub(super) fn oneof_lower_snake_case(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in &file.messages {
            for (index, oneof) in view.definition.oneofs.iter().enumerate() {
                let expected = names::lower_snake_case(&oneof.name);
                if oneof.name != expected && !view.definition.is_synthetic_oneof(index) {
                    report.at(
                        file,
                        &join(&view.oneof_path(index), &[number::NAME]),
                        format!("the oneof name \"{}\" is not lower_snake_case", oneof.name),
                        format!("write \"{expected}\""),
                    );
                }
            }
        }
    }
}
