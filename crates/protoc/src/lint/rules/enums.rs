//! Rules about enums and their values.

use super::check_name;
use crate::{
    check::{
        names,
        rule::Report,
        view::{FileView, Path, join, number},
    },
    ir::{Enum, EnumValue},
    lint::Context,
};

/// `EnumOptions.allow_alias`
const ALLOW_ALIAS: u32 = 2;

/// A value of an enum.
pub(super) struct Value<'a> {
    pub(super) file: &'a FileView<'a>,
    definition: &'a Enum,
    pub(super) value: &'a EnumValue,
    pub(super) path: Path,
}

/// All values of all enums.
pub(super) fn values<'a>(context: &'a Context<'a>) -> Vec<Value<'a>> {
    let mut out = Vec::new();
    for file in context.files {
        for view in &file.enums {
            let definition = view.definition;
            let of_enum = definition.values.iter().enumerate();
            out.extend(of_enum.map(|(index, value)| Value {
                file,
                definition,
                value,
                path: view.value_path(index),
            }));
        }
    }
    out
}

pub(super) fn first_value_zero(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in &file.enums {
            let Some(first) = view.definition.values.first().filter(|value| value.number != 0) else {
                continue;
            };
            report.at(
                file,
                &join(&view.value_path(0), &[number::VALUE_NUMBER]),
                format!("the first enum value \"{}\" is {}", first.name, first.number),
                format!("start the enum \"{}\" with a value 0", view.definition.name),
            );
        }
    }
}

pub(super) fn no_allow_alias(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in file.enums.iter().filter(|view| view.definition.options.value.is_true(ALLOW_ALIAS)) {
            report.at(
                file,
                &join(&view.path, &[number::ENUM_OPTIONS, ALLOW_ALIAS]),
                format!("the enum \"{}\" sets allow_alias", view.definition.name),
                "give each value a number of its own and drop the option".to_owned(),
            );
        }
    }
}

pub(super) fn pascal_case(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        for view in &file.enums {
            let name = &view.definition.name;
            let expected = names::pascal_case(name);
            check_name(report, file, &view.path, "enum", name, "PascalCase", &expected);
        }
    }
}

pub(super) fn value_upper_snake_case(context: &Context<'_>, report: &mut Report) {
    for Value { file, value, path, .. } in values(context) {
        let expected = names::upper_snake_case(&value.name);
        check_name(report, file, &path, "enum value", &value.name, "UPPER_SNAKE_CASE", &expected);
    }
}

pub(super) fn value_prefix(context: &Context<'_>, report: &mut Report) {
    for Value { file, definition, value, path } in values(context) {
        let prefix = names::upper_snake_case(&definition.name) + "_";
        if !value.name.starts_with(&prefix) {
            report.at(
                file,
                &join(&path, &[number::NAME]),
                format!("the enum value name \"{}\" does not start with \"{prefix}\"", value.name),
                format!("write \"{prefix}{}\"", value.name),
            );
        }
    }
}

pub(super) fn zero_value_suffix(context: &Context<'_>, report: &mut Report) {
    let suffix = &context.settings.enum_zero_value_suffix;
    for Value { file, definition, value, path } in values(context) {
        if value.number == 0 && !value.name.ends_with(suffix) {
            let expected = names::upper_snake_case(&definition.name) + suffix;
            report.at(
                file,
                &join(&path, &[number::NAME]),
                format!("the zero value \"{}\" does not end in \"{suffix}\"", value.name),
                format!("write \"{expected}\""),
            );
        }
    }
}
