//! Rules about files and their options.

use crate::{
    ast::Edition,
    breaking::pairs::Context,
    check::{
        rule::Report,
        view::{FileView, number},
    },
    ir::File,
};

pub(super) fn no_delete(context: &Context<'_>, report: &mut Report) {
    for file in &context.old.files {
        if context.new.file(file.name()).is_none() {
            report.about_none(
                format!("the file \"{}\" was deleted", file.name()),
                "keep it, with what others import of it".to_owned(),
            );
        }
    }
}

/// Reports files in which something of the file as a whole has changed.
fn same(
    context: &Context<'_>,
    report: &mut Report,
    what: &str,
    path: &[u32],
    value: impl Fn(&File) -> String,
) {
    for (old, new) in context.files() {
        let (was, is) = (value(old.file), value(new.file));
        if was != is {
            changed(report, new, path, what, [&was, &is]);
        }
    }
}

fn changed(report: &mut Report, file: &FileView<'_>, path: &[u32], what: &str, [was, is]: [&str; 2]) {
    let message = format!("the {what} of the file changed from \"{was}\" to \"{is}\"");
    let suggestion = if was.is_empty() { "leave it out".to_owned() } else { format!("keep \"{was}\"") };
    report.at(file, path, message, suggestion);
}

pub(super) fn same_package(context: &Context<'_>, report: &mut Report) {
    same(context, report, "package", &[number::PACKAGE], |file| file.package.clone());
}

pub(super) fn same_syntax(context: &Context<'_>, report: &mut Report) {
    same(context, report, "syntax", &[number::SYNTAX], |file| {
        let name = match file.edition {
            Edition::Proto2 => "proto2",
            Edition::Proto3 => "proto3",
            _ => "editions",
        };
        name.to_owned()
    });
}

/// Rules about options of `FileOptions`: strings, and flags with what they are where they are not set.
macro_rules! same_option {
    ($($function:ident $name:literal $number:literal $kind:tt;)*) => {
        $(pub(super) fn $function(context: &Context<'_>, report: &mut Report) {
            same(context, report, $name, &[number::FILE_OPTIONS, $number], |file| {
                same_option!(@value $kind, file, $number)
            });
        })*
    };
    (@value string, $file:ident, $number:literal) => {
        String::from_utf8_lossy($file.options.value.bytes($number).unwrap_or_default()).into_owned()
    };
    (@value $default:literal, $file:ident, $number:literal) => {
        $file.options.value.varint($number).map_or($default, |value| value != 0).to_string()
    };
}

same_option! {
    same_java_package "java_package" 1 string;
    same_java_outer_classname "java_outer_classname" 8 string;
    same_java_multiple_files "java_multiple_files" 10 false;
    same_go_package "go_package" 11 string;
    same_cc_generic_services "cc_generic_services" 16 false;
    same_java_generic_services "java_generic_services" 17 false;
    same_py_generic_services "py_generic_services" 18 false;
    same_cc_enable_arenas "cc_enable_arenas" 31 true;
    same_objc_class_prefix "objc_class_prefix" 36 string;
    same_csharp_namespace "csharp_namespace" 37 string;
    same_swift_prefix "swift_prefix" 39 string;
    same_php_class_prefix "php_class_prefix" 40 string;
    same_php_namespace "php_namespace" 41 string;
    same_php_metadata_namespace "php_metadata_namespace" 44 string;
    same_ruby_package "ruby_package" 45 string;
}

pub(super) fn same_optimize_for(context: &Context<'_>, report: &mut Report) {
    /// `FileOptions.optimize_for`, whose default is SPEED.
    const OPTIMIZE_FOR: u32 = 9;
    same(context, report, "optimize_for", &[number::FILE_OPTIONS, OPTIMIZE_FOR], |file| {
        let name = match file.options.value.varint(OPTIMIZE_FOR) {
            Some(2) => "CODE_SIZE",
            Some(3) => "LITE_RUNTIME",
            _ => "SPEED",
        };
        name.to_owned()
    });
}
