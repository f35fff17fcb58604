//! Field numbers: in range, and a word on which are free.

use std::collections::BTreeMap;

use super::{Field, FileId, Message, MessageId, Pool, build::MAX_FIELD_NUMBER};
use crate::diagnostics::Diagnostics;

/// Numbers that belong to the protobuf implementation.
const RESERVED_FIRST: i32 = 19000;
const RESERVED_LAST: i32 = 19999;
const MOST_SUGGESTIONS: u32 = 3;

/// For each message with bad numbers: how many, and the token of the first.
#[derive(Default)]
pub(crate) struct NumberHints {
    wanted: BTreeMap<MessageId, (u32, u32)>,
}

impl NumberHints {
    fn want(&mut self, message: MessageId, token: u32) {
        self.wanted.entry(message).or_insert((0, token)).0 += 1;
    }
}

/// Why a number cannot be a field's, if so.
fn fault(number: i32, may_exceed: bool) -> Option<String> {
    if number <= 0 {
        Some("Field numbers must be positive integers.".to_owned())
    } else if number > MAX_FIELD_NUMBER && !may_exceed {
        Some(format!("Field numbers cannot be greater than {MAX_FIELD_NUMBER}."))
    } else if (RESERVED_FIRST..=RESERVED_LAST).contains(&number) {
        Some(format!(
            "Field numbers {RESERVED_FIRST} through {RESERVED_LAST} are reserved for the protocol buffer library \
             implementation."
        ))
    } else {
        None
    }
}

/// Checks the numbers of a message's fields and declares the fields' names.
pub(super) fn check_message(
    pool: &mut Pool,
    id: MessageId,
    hints: &mut NumberHints,
    diagnostics: &mut Diagnostics,
) {
    let Pool { files, messages, symbols, .. } = pool;
    let message = &messages[id.0 as usize];
    let file = &files[message.file.0 as usize];
    for field in &message.fields {
        if let Err(taken) = symbols.add(&field.full_name, super::Symbol::Field, message.file) {
            let other = files[taken.file.0 as usize].source.name();
            let text = if taken.file == message.file {
                format!("\"{}\" is already defined in \"{}\".", field.name, message.full_name)
            } else {
                format!("\"{}\" is already defined in file \"{other}\".", field.full_name)
            };
            file.error(diagnostics, field.at.name, text);
        }
        if let Some(text) = fault(field.number, false) {
            hints.want(id, field.at.number);
            file.error(diagnostics, field.at.number, text);
        }
    }
    check_ranges(message, diagnostics, file);
}

fn check_ranges(message: &Message, diagnostics: &mut Diagnostics, file: &super::File) {
    for range in &message.extension_ranges {
        if range.start <= 0 {
            file.error(diagnostics, range.token, "Extension numbers must be positive integers.");
        }
        if range.end > MAX_FIELD_NUMBER + 1 && range.end != i32::MAX {
            let text = format!("Extension numbers cannot be greater than {MAX_FIELD_NUMBER}.");
            file.error(diagnostics, range.token, text);
        }
        if range.start >= range.end {
            let text = "Extension range end number must be greater than start number.";
            file.error(diagnostics, range.token, text);
        }
    }
    for range in &message.reserved_ranges {
        if range.start <= 0 {
            file.error(diagnostics, range.token, "Reserved numbers must be positive integers.");
        }
        if range.start >= range.end {
            let text = "Reserved range end number must be greater than start number.";
            file.error(diagnostics, range.token, text);
        }
    }
}

/// Checks an extension's number; whether its extendee has room for it is known after linking.
pub(super) fn check_extension(
    pool: &Pool,
    file: FileId,
    scope: Option<MessageId>,
    field: &Field,
    hints: &mut NumberHints,
    diagnostics: &mut Diagnostics,
) {
    if let Some(text) = fault(field.number, true) {
        if let Some(scope) = scope {
            hints.want(scope, field.at.number);
        }
        pool.file(file).error(diagnostics, field.at.number, text);
    }
}

/// Says which numbers are free in the top-level messages whose numbers were found bad; also finds numbers used
/// twice, which have the same remedy.
pub(super) fn suggest(pool: &Pool, id: FileId, hints: &NumberHints, diagnostics: &mut Diagnostics) {
    let file = pool.file(id);
    for message_id in &file.messages {
        let Some((count, token)) = hints.wanted.get(message_id) else { continue };
        let message = pool.message(*message_id);
        let free = free_numbers(message, (*count).min(MOST_SUGGESTIONS));
        let text = format!("Suggested field numbers for {}: {}", message.full_name, free.join(", "));
        file.error(diagnostics, *token, text);
    }
}

fn free_numbers(message: &Message, count: u32) -> Vec<String> {
    let single = |field: &Field| (field.number, field.number.saturating_add(1));
    let mut used: Vec<(i32, i32)> = message.fields.iter().map(single).collect();
    used.extend(message.extensions.iter().map(single));
    used.extend(message.reserved_ranges.iter().map(|range| (range.start, range.end)));
    used.extend(message.extension_ranges.iter().map(|range| (range.start, range.end)));
    used.push((RESERVED_FIRST, RESERVED_LAST + 1));
    used.push((MAX_FIELD_NUMBER + 1, i32::MAX));
    used.sort_unstable();
    let mut free = Vec::new();
    let mut next = 1;
    for (start, end) in used {
        while next < start && free.len() < count as usize {
            free.push(next.to_string());
            next += 1;
        }
        next = next.max(end);
    }
    free
}

/// Asks for suggestions after linking, for a number that something else has.
pub(super) fn want(hints: &mut NumberHints, message: MessageId, token: u32) {
    hints.want(message, token);
}
