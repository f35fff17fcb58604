//! Rules about fields and extensions.

use super::check_name;
use crate::{
    check::{
        names,
        rule::Report,
        view::{FieldView, FileView, join, number},
    },
    lint::Context,
};

/// All fields that somebody wrote: not those of a map's entries.
pub(super) fn written<'a>(
    context: &'a Context<'a>,
) -> impl Iterator<Item = (&'a FileView<'a>, &'a FieldView<'a>)> {
    context
        .files
        .iter()
        .flat_map(|file| file.fields.iter().map(move |view| (file, view)))
        .filter(|(_, view)| !view.message.is_some_and(|message| message.map_entry))
}

pub(super) fn lower_snake_case(context: &Context<'_>, report: &mut Report) {
    for (file, view) in written(context) {
        let name = &view.field.name;
        let expected = names::lower_snake_case(name);
        check_name(report, file, &view.path, "field", name, "lower_snake_case", &expected);
    }
}

pub(super) fn not_required(context: &Context<'_>, report: &mut Report) {
    for (file, view) in written(context).filter(|(_, view)| view.field.is_required()) {
        report.at(
            file,
            &join(&view.path, &[number::NAME]),
            format!("the field \"{}\" is required", view.field.name),
            "make it optional and let the program check it".to_owned(),
        );
    }
}
