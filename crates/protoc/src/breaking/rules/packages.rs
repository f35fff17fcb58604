//! Rules about what packages have, in whatever files.

use std::{collections::BTreeSet, sync::Arc};

use super::messages::enclosing;
use crate::{
    breaking::pairs::{Context, nested_name},
    check::{rule::Report, view::FileView},
};

pub(super) fn no_delete(context: &Context<'_>, report: &mut Report) {
    let kept = packages(&context.new.files);
    for package in packages(&context.old.files).difference(&kept) {
        report.about_none(
            format!("the package \"{package}\" was deleted"),
            "keep it, with what others use of it".to_owned(),
        );
    }
}

fn packages<'a>(files: &'a [FileView<'a>]) -> BTreeSet<&'a str> {
    files.iter().map(|file| file.file.package.as_str()).collect()
}

/// Reports elements that no file of their package has any more, where the package is still there.
fn deleted(
    context: &Context<'_>,
    report: &mut Report,
    kind: &str,
    names: impl Fn(&FileView<'_>) -> Vec<Arc<str>>,
    place: impl Fn(&mut Report, &FileView<'_>, &str, String, &str),
) {
    let kept_packages = packages(&context.new.files);
    let kept: BTreeSet<Arc<str>> = context.new.files.iter().flat_map(&names).collect();
    for old in &context.old.files {
        let package = &old.file.package;
        if !kept_packages.contains(package.as_str()) {
            continue;
        }
        for name in names(old).iter().filter(|name| !kept.contains(*name)) {
            let name = nested_name(old, name);
            let message = format!("the {kind} \"{name}\" was deleted from the package \"{package}\"");
            const SUGGESTION: &str = "keep it, deprecated";
            match context.new.file(old.name()) {
                Some(file) => place(report, file, name, message, SUGGESTION),
                None => report.about_none(message, SUGGESTION.to_owned()),
            }
        }
    }
}

pub(super) fn enum_no_delete(context: &Context<'_>, report: &mut Report) {
    let names =
        |file: &FileView<'_>| file.enums.iter().map(|view| view.definition.full_name.clone()).collect();
    deleted(context, report, "enum", names, enclosing);
}

pub(super) fn extension_no_delete(context: &Context<'_>, report: &mut Report) {
    let names = |file: &FileView<'_>| {
        let extensions = file.fields.iter().filter(|view| view.field.extendee.is_some());
        extensions.map(|view| view.field.full_name.clone()).collect()
    };
    deleted(context, report, "extension", names, enclosing);
}

pub(super) fn message_no_delete(context: &Context<'_>, report: &mut Report) {
    let names =
        |file: &FileView<'_>| file.messages.iter().map(|view| view.definition.full_name.clone()).collect();
    deleted(context, report, "message", names, enclosing);
}

pub(super) fn service_no_delete(context: &Context<'_>, report: &mut Report) {
    let names = |file: &FileView<'_>| {
        file.services.iter().map(|view| view.service.full_name.as_str().into()).collect()
    };
    deleted(context, report, "service", names, |report, file, _, message, suggestion| {
        report.about(file, message, suggestion.to_owned());
    });
}
