//! Field numbers: in range, and a word on which are free.

use std::collections::BTreeMap;

use super::{Field, FileId, Message, MessageId, Pool, Range, build::MAX_FIELD_NUMBER};
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
    pub(super) fn want(&mut self, message: MessageId, token: u32) {
        self.wanted.entry(message).or_insert((0, token)).0 += 1;
    }
}

/// Why a number cannot be a field's, if so.
pub(super) fn fault(number: i32, may_exceed: bool) -> Option<String> {
    if number <= 0 {
        Some("Field numbers must be positive integers.".to_owned())
    } else if number > MAX_FIELD_NUMBER && !may_exceed {
        Some(format!("Field numbers cannot be greater than {MAX_FIELD_NUMBER}."))
    } else if is_for_implementation(number) {
        Some(format!(
            "Field numbers {RESERVED_FIRST} through {RESERVED_LAST} are reserved for the protocol buffer library \
             implementation."
        ))
    } else {
        None
    }
}

/// Whether a number belongs to the protobuf implementation.
pub(super) fn is_for_implementation(number: i32) -> bool {
    (RESERVED_FIRST..=RESERVED_LAST).contains(&number)
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

/// The place that a suggestion names for a bad range.
pub(super) fn fault_token(range: &Range) -> u32 {
    range.token
}

/// The first free number of a message.
pub(super) fn next_free(message: &Message) -> String {
    free_numbers(message, 1).pop().unwrap_or_default()
}

/// The free numbers of every message of the files, one a line: `name  free: 1-4 7 9-INF`.
pub(crate) fn free_field_numbers(pool: &Pool, files: &[FileId]) -> String {
    let mut out = String::new();
    for file in files {
        for message in &pool.file(*file).messages {
            free_of_message(pool, *message, &mut out);
        }
    }
    out
}

fn free_of_message(pool: &Pool, id: MessageId, out: &mut String) {
    let message = pool.message(id);
    message.nested.iter().for_each(|nested| {
        // A group is a part of the message that it is a field of, but has numbers of its own.
        free_of_message(pool, *nested, out);
    });
    let mut used: Vec<(i32, i32)> =
        message.fields.iter().map(|field| (field.number, field.number.saturating_add(1))).collect();
    let ranges = message.reserved_ranges.iter().chain(&message.extension_ranges);
    used.extend(ranges.map(|range| (range.start, range.end)));
    used.sort_unstable();
    let mut line = format!("{:<35} free:", message.full_name);
    let mut next = 1;
    for (start, end) in used {
        if next < start {
            line += &shown_range(next, start - 1);
        }
        next = next.max(end);
    }
    if next <= MAX_FIELD_NUMBER {
        line += &format!(" {next}-INF");
    }
    out.push_str(&line);
    out.push('\n');
}

fn shown_range(first: i32, last: i32) -> String {
    if first == last { format!(" {first}") } else { format!(" {first}-{last}") }
}
