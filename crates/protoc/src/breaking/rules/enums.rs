//! Rules about enums and their values.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::enclosing;
use crate::{
    breaking::pairs::{Context, Pair, nested_name},
    check::{
        rule::Report,
        view::{EnumView, join, number},
    },
    ir::Enum,
};

/// `EnumOptions.features`, and `FeatureSet.enum_type` and `json_format` in it.
const FEATURES: u32 = 7;
const ENUM_TYPE: u32 = 2;
const JSON_FORMAT: u32 = 6;

pub(super) fn no_delete(context: &Context<'_>, report: &mut Report) {
    let pairs = context.files();
    for (old, new) in pairs {
        let kept: BTreeSet<&str> =
            new.enums.iter().map(|view| nested_name(new, &view.definition.full_name)).collect();
        for view in &old.enums {
            let name = nested_name(old, &view.definition.full_name);
            if !kept.contains(name) {
                let message = format!("the enum \"{name}\" was deleted from the file");
                enclosing(report, new, name, message, "keep it, deprecated");
            }
        }
    }
}

/// Reports a feature of an enum, at the place where it is set or else at the enum.
fn feature(report: &mut Report, pair: &Pair<'_, EnumView<'_>>, feature: u32, was: &str, is: &str) {
    let (file, view) = (pair.new.file, pair.new.element);
    let option = join(&view.path, &[number::ENUM_OPTIONS, FEATURES, feature]);
    report.at_first(
        file,
        &[&option, &view.path],
        format!("the enum \"{}\" changed from {was} to {is}", view.definition.name),
        format!("keep it {was}"),
    );
}

pub(super) fn same_type(context: &Context<'_>, report: &mut Report) {
    for pair in context.enums() {
        let word = |view: &EnumView<'_>| if view.definition.features.is_closed() { "closed" } else { "open" };
        let (was, is) = (word(pair.old.element), word(pair.new.element));
        if was != is {
            feature(report, &pair, ENUM_TYPE, was, is);
        }
    }
}

pub(super) fn same_json_format(context: &Context<'_>, report: &mut Report) {
    for pair in context.enums() {
        let allows = |view: &EnumView<'_>| view.definition.features.allows_json();
        if allows(pair.old.element) && !allows(pair.new.element) {
            feature(report, &pair, JSON_FORMAT, "json_format = ALLOW", "json_format = LEGACY_BEST_EFFORT");
        }
    }
}

/// The names of each number of an enum, with the indices of the values.
fn names_by_number(definition: &Enum) -> BTreeMap<i32, BTreeMap<&str, usize>> {
    let mut all: BTreeMap<i32, BTreeMap<&str, usize>> = BTreeMap::new();
    for (index, value) in definition.values.iter().enumerate() {
        all.entry(value.number).or_default().insert(&value.name, index);
    }
    all
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    names.join(", ")
}

/// Reports numbers that no value has any more, unless `is_allowed` says that this may be so.
fn deleted_values(
    context: &Context<'_>,
    report: &mut Report,
    is_allowed: impl Fn(&Enum, i32, &BTreeMap<&str, usize>) -> bool,
    suggest: impl Fn(i32, &str) -> String,
) {
    for Pair { old, new } in context.enums() {
        let definition = new.element.definition;
        let kept = names_by_number(definition);
        for (value, names) in names_by_number(old.element.definition) {
            if kept.contains_key(&value) || is_allowed(definition, value, &names) {
                continue;
            }
            let names = quoted(names.keys());
            report.at(
                new.file,
                &new.element.path,
                format!("the value {value} ({names}) of the enum \"{}\" was deleted", definition.name),
                suggest(value, &names),
            );
        }
    }
}

pub(super) fn value_no_delete(context: &Context<'_>, report: &mut Report) {
    deleted_values(context, report, |_, _, _| false, |_, _| "keep it, deprecated".to_owned());
}

pub(super) fn value_no_delete_unless_name_reserved(context: &Context<'_>, report: &mut Report) {
    let is_reserved = |definition: &Enum, _: i32, names: &BTreeMap<&str, usize>| {
        names.keys().all(|name| definition.reserved_names.iter().any(|(reserved, _)| reserved == name))
    };
    deleted_values(context, report, is_reserved, |_, names| format!("write: reserved {names};"));
}

pub(super) fn value_no_delete_unless_number_reserved(context: &Context<'_>, report: &mut Report) {
    let is_reserved = |definition: &Enum, value: i32, _: &BTreeMap<&str, usize>| {
        definition.reserved_ranges.iter().any(|range| (range.start..=range.end).contains(&value))
    };
    deleted_values(context, report, is_reserved, |value, _| format!("write: reserved {value};"));
}

/// Of the names of a number some may be added, none taken away.
pub(super) fn value_same_name(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.enums() {
        let names = names_by_number(new.element.definition);
        for (value, old_names) in names_by_number(old.element.definition) {
            let Some(names) = names.get(&value) else { continue };
            if old_names.keys().all(|name| names.contains_key(name)) {
                continue;
            }
            let (was, is) = (quoted(old_names.keys()), quoted(names.keys()));
            for index in names.values() {
                report.at(
                    new.file,
                    &join(&new.element.value_path(*index), &[number::VALUE_NUMBER]),
                    format!(
                        "the value {value} of the enum \"{}\" changed its name from {was} to {is}",
                        new.element.definition.name
                    ),
                    format!("keep {was}"),
                );
            }
        }
    }
}
