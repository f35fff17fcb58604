//! Rules about services.

use super::check_name;
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
        for view in &file.services {
            let name = &view.service.name;
            let expected = names::pascal_case(name);
            check_name(report, file, &view.path, "service", name, "PascalCase", &expected);
        }
    }
}

pub(super) fn suffix(context: &Context<'_>, report: &mut Report) {
    let suffix = &context.settings.service_suffix;
    for file in context.files {
        for view in file.services.iter().filter(|view| !view.service.name.ends_with(suffix)) {
            let name = &view.service.name;
            report.at(
                file,
                &join(&view.path, &[number::NAME]),
                format!("the service name \"{name}\" does not end in \"{suffix}\""),
                format!("write \"{name}{suffix}\""),
            );
        }
    }
}
