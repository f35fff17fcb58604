//! Rules about numbers and names that are reserved, and about extension ranges.

use crate::{
    breaking::pairs::{Context, Pair},
    check::{rule::Report, view::FileView},
    ir::Range,
};

/// A message or an enum whose ranges are compared. Ranges are inclusive here.
struct Ranged<'a> {
    file: &'a FileView<'a>,
    path: &'a [u32],
    /// The element in words.
    described: String,
}

/// First and last number.
type Inclusive = (i64, i64);

/// Ranges of a message, which end before their `end`.
fn of_message(ranges: &[Range]) -> Vec<Inclusive> {
    ranges.iter().map(|range| (i64::from(range.start), i64::from(range.end) - 1)).collect()
}

fn of_enum(ranges: &[Range]) -> Vec<Inclusive> {
    ranges.iter().map(|range| (i64::from(range.start), i64::from(range.end))).collect()
}

/// The parts of a range that none of the others covers. `others` are sorted.
fn uncovered((start, end): Inclusive, others: &[Inclusive]) -> Vec<Inclusive> {
    let mut missing = Vec::new();
    let mut from = start;
    for (first, last) in others.iter().filter(|(first, last)| *last >= start && *first <= end) {
        if *first > from {
            missing.push((from, first - 1));
        }
        from = from.max(last + 1);
    }
    if from <= end {
        missing.push((from, end));
    }
    missing
}

/// A range as it would be written.
fn shown((start, end): Inclusive) -> String {
    /// The last numbers of messages, of message sets and of enums.
    const LAST: [i64; 3] = [(1 << 29) - 1, (1 << 31) - 2, (1 << 31) - 1];
    match end {
        end if start == end => start.to_string(),
        end if LAST.contains(&end) => format!("{start} to max"),
        end => format!("{start} to {end}"),
    }
}

fn no_delete(
    report: &mut Report,
    kind: &str,
    element: &Ranged<'_>,
    old: &[Inclusive],
    mut new: Vec<Inclusive>,
) {
    new.sort_unstable();
    for range in old {
        let missing = uncovered(*range, &new);
        if missing.is_empty() {
            continue;
        }
        let (part, range) =
            (missing.iter().copied().map(shown).collect::<Vec<_>>().join(", "), shown(*range));
        let part_of = if part == range { String::new() } else { format!("{part} of ") };
        report.at(
            element.file,
            element.path,
            format!("{part_of}the {kind} range {range} of {} was deleted", element.described),
            format!("keep it: {} {part};", if kind == "reserved" { kind } else { "extensions" }),
        );
    }
}

fn names_no_delete(report: &mut Report, element: &Ranged<'_>, old: &[(String, u32)], new: &[(String, u32)]) {
    for (name, _) in old.iter().filter(|(name, _)| !new.iter().any(|(other, _)| other == name)) {
        report.at(
            element.file,
            element.path,
            format!("the reserved name \"{name}\" of {} was deleted", element.described),
            format!("keep it: reserved \"{name}\";"),
        );
    }
}

pub(super) fn reserved_enum_no_delete(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.enums() {
        let (was, is) = (old.element.definition, new.element.definition);
        let described = format!("the enum \"{}\"", is.name);
        let element = Ranged { file: new.file, path: &new.element.path, described };
        no_delete(report, "reserved", &element, &of_enum(&was.reserved_ranges), of_enum(&is.reserved_ranges));
        names_no_delete(report, &element, &was.reserved_names, &is.reserved_names);
    }
}

pub(super) fn reserved_message_no_delete(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.messages() {
        let (was, is) = (old.element.definition, new.element.definition);
        let described = format!("the message \"{}\"", is.name);
        let element = Ranged { file: new.file, path: &new.element.path, described };
        let ranges = of_message(&was.reserved_ranges);
        no_delete(report, "reserved", &element, &ranges, of_message(&is.reserved_ranges));
        names_no_delete(report, &element, &was.reserved_names, &is.reserved_names);
    }
}

pub(super) fn extension_message_no_delete(context: &Context<'_>, report: &mut Report) {
    for Pair { old, new } in context.messages() {
        let (was, is) = (old.element.definition, new.element.definition);
        let described = format!("the message \"{}\"", is.name);
        let element = Ranged { file: new.file, path: &new.element.path, described };
        let ranges = of_message(&was.extension_ranges);
        no_delete(report, "extension", &element, &ranges, of_message(&is.extension_ranges));
    }
}

#[cfg(test)]
mod tests;
