//! Rules about files as such.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    check::{
        names,
        rule::Report,
        view::{FileView, number},
    },
    lint::Context,
};

pub(super) fn directory_same_package(context: &Context<'_>, report: &mut Report) {
    let mut directories: BTreeMap<&str, Vec<&FileView<'_>>> = BTreeMap::new();
    for file in context.files {
        directories.entry(file.directory()).or_default().push(file);
    }
    for (directory, files) in directories {
        let packages: BTreeSet<&str> = files.iter().map(|file| file.file.package.as_str()).collect();
        if packages.len() < 2 {
            continue;
        }
        let named: Vec<String> = packages
            .iter()
            .map(|package| if package.is_empty() { "none".to_owned() } else { format!("\"{package}\"") })
            .collect();
        for file in files {
            report.at(
                file,
                &[number::PACKAGE],
                format!(
                    "the files of the directory \"{directory}\" have several packages: {}",
                    named.join(", ")
                ),
                "give all of them one package".to_owned(),
            );
        }
    }
}

pub(super) fn lower_snake_case(context: &Context<'_>, report: &mut Report) {
    for file in context.files {
        let base = file.name().rsplit('/').next().unwrap_or_default();
        let (stem, extension) = base.rfind('.').map_or((base, ""), |dot| base.split_at(dot));
        let expected = names::lower_snake_case(stem);
        if stem != expected {
            report.about(
                file,
                format!("the file name \"{base}\" is not lower_snake_case{extension}"),
                format!("call it \"{expected}{extension}\""),
            );
        }
    }
}

pub(super) fn syntax_specified(context: &Context<'_>, report: &mut Report) {
    for file in context.files.iter().filter(|file| !file.says_syntax()) {
        report.about(
            file,
            "the file does not say its syntax, so that it is proto2".to_owned(),
            "start it with a line such as: syntax = \"proto3\";".to_owned(),
        );
    }
}
