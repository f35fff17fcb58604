//! Names into the table, and the rules that need no types: numbers, ranges, reserved names. In protoc's order.

use std::sync::Arc;

use super::{
    Enum, EnumId, Field, FileId, Message, MessageId, Pool, Range, Symbol,
    build::MAX_FIELD_NUMBER,
    check_numbers::{NumberHints, fault, fault_token, is_for_implementation},
    join,
};
use crate::{ast::Label, diagnostics::Diagnostics, text};

/// Declares everything in a file.
pub(super) fn declare(pool: &mut Pool, id: FileId, hints: &mut NumberHints, diagnostics: &mut Diagnostics) {
    let mut symbols = std::mem::take(&mut pool.symbols);
    let mut declarer = Declarer { pool, id, symbols: &mut symbols, hints, diagnostics };
    let file = declarer.pool.file(id);
    file.messages.iter().for_each(|message| declarer.message(*message));
    file.enums.iter().for_each(|definition| declarer.enumeration(*definition));
    for service in &file.services {
        for method in &service.methods {
            let name = join(&service.full_name, &method.name);
            declarer.add(name, Symbol::Method, method.name_token);
        }
        declarer.add(service.full_name.as_str(), Symbol::Service, service.name_token);
    }
    declarer.extensions(None, &file.extensions);
    pool.symbols = symbols;
}

struct Declarer<'a> {
    pool: &'a Pool,
    id: FileId,
    symbols: &'a mut super::Symbols,
    hints: &'a mut NumberHints,
    diagnostics: &'a mut Diagnostics,
}

fn overlap(a: &Range, b: &Range) -> bool {
    a.start < b.end && b.start < a.end
}

impl Declarer<'_> {
    fn error(&mut self, token: u32, text: impl Into<String>) {
        self.pool.file(self.id).error(self.diagnostics, token, text);
    }

    /// Adds a name to the table and reports it where something else has it.
    fn add(&mut self, full_name: impl Into<Arc<str>>, symbol: Symbol, token: u32) -> bool {
        let full_name: Arc<str> = full_name.into();
        let Err(taken) = self.symbols.add(Arc::clone(&full_name), symbol, self.id) else { return true };
        let message = if taken.file != self.id {
            let other = self.pool.file(taken.file).source.name();
            format!("\"{full_name}\" is already defined in file \"{other}\".")
        } else {
            match full_name.rsplit_once('.') {
                Some((scope, name)) => format!("\"{name}\" is already defined in \"{scope}\"."),
                None => format!("\"{full_name}\" is already defined."),
            }
        };
        self.error(token, message);
        false
    }

    fn message(&mut self, id: MessageId) {
        let message = self.pool.message(id);
        for oneof in &message.oneofs {
            self.add(join(&message.full_name, &oneof.name), Symbol::Oneof, oneof.name_token);
        }
        for field in &message.fields {
            if let Some(text) = fault(field.number, false) {
                if !is_for_implementation(field.number) {
                    self.hints.want(id, field.at.number);
                }
                self.error(field.at.number, text);
            }
            self.field(field);
            self.add(Arc::clone(&field.full_name), Symbol::Field, field.at.name);
        }
        message.enums.iter().for_each(|definition| self.enumeration(*definition));
        message.nested.iter().for_each(|nested| self.message(*nested));
        self.bounds(id, message);
        self.extensions(Some(id), &message.extensions);
        self.add(Arc::clone(&message.full_name), Symbol::Message(id), message.name_token);
        self.reserved(id, message);
        self.extension_ranges(message);
    }

    fn field(&mut self, field: &Field) {
        if field.is_repeated() && field.default.is_some() {
            self.error(field.at.default, "Repeated fields can't have default values.");
        }
    }

    fn extensions(&mut self, scope: Option<MessageId>, extensions: &[Field]) {
        for (index, field) in (0..).zip(extensions) {
            if let Some(text) = fault(field.number, true) {
                if let Some(scope) = scope {
                    self.hints.want(scope, field.at.number);
                }
                self.error(field.at.number, text);
            }
            if field.label == Label::Required {
                let text = format!("The extension {} cannot be required.", field.full_name);
                self.error(field.at.ty, text);
            }
            self.field(field);
            // In descriptors every field has the name that it would have anyway.
            let given = self.pool.file(self.id).source.is_placeless()
                && field.json_name() == text::json_name(&field.name);
            if field.json_name.is_some() && !given {
                self.error(field.at.json_name, "option json_name is not allowed on extension fields.");
            }
            self.add(Arc::clone(&field.full_name), Symbol::Extension(scope, index), field.at.name);
        }
    }

    /// Each range for itself.
    fn bounds(&mut self, id: MessageId, message: &Message) {
        for range in &message.extension_ranges {
            if range.start <= 0 {
                self.hints.want(id, fault_token(range));
                self.error(range.token, "Extension numbers must be positive integers.");
            }
            if range.end > MAX_FIELD_NUMBER + 1 && range.end != i32::MAX {
                let text = format!("Extension numbers cannot be greater than {MAX_FIELD_NUMBER}.");
                self.error(range.token, text);
            }
            if range.start >= range.end {
                self.error(range.token, "Extension range end number must be greater than start number.");
            }
        }
        for range in &message.reserved_ranges {
            if range.start <= 0 {
                self.hints.want(id, fault_token(range));
                self.error(range.token, "Reserved numbers must be positive integers.");
            }
            if range.start >= range.end {
                self.error(range.token, "Reserved range end number must be greater than start number.");
            }
        }
    }

    fn reserved(&mut self, id: MessageId, message: &Message) {
        let ranges = &message.reserved_ranges;
        for (index, range) in ranges.iter().enumerate() {
            for later in ranges[index + 1..].iter().filter(|later| overlap(range, later)) {
                let text = format!(
                    "Reserved range {} to {} overlaps with already-defined range {} to {}.",
                    later.start,
                    later.end - 1,
                    range.start,
                    range.end - 1
                );
                self.error(range.token, text);
            }
        }
        let mut names = std::collections::HashSet::new();
        for (name, _) in &message.reserved_names {
            if !names.insert(name.as_str()) {
                let text = format!("Field name \"{name}\" is reserved multiple times.");
                self.error(message.name_token, text);
            }
        }
        for field in &message.fields {
            let holds = |range: &&Range| range.start <= field.number && field.number < range.end;
            for range in message.extension_ranges.iter().filter(holds) {
                let text = format!(
                    "Extension range {} to {} includes field \"{}\" ({}).",
                    range.start,
                    range.end - 1,
                    field.name,
                    field.number
                );
                self.hints.want(id, range.token);
                self.error(range.token, text);
            }
            for range in ranges.iter().filter(holds) {
                let text = format!("Field \"{}\" uses reserved number {}.", field.name, field.number);
                self.hints.want(id, range.token);
                self.error(range.token, text);
            }
            if names.contains(field.name.as_str()) {
                self.error(field.at.name, format!("Field name \"{}\" is reserved.", field.name));
            }
        }
    }

    fn extension_ranges(&mut self, message: &Message) {
        let ranges = &message.extension_ranges;
        for (index, range) in ranges.iter().enumerate() {
            for other in message.reserved_ranges.iter().filter(|other| overlap(range, other)) {
                let text = format!(
                    "Extension range {} to {} overlaps with reserved range {} to {}.",
                    range.start,
                    range.end - 1,
                    other.start,
                    other.end - 1
                );
                self.error(range.token, text);
            }
            for later in ranges[index + 1..].iter().filter(|later| overlap(range, later)) {
                let text = format!(
                    "Extension range {} to {} overlaps with already-defined range {} to {}.",
                    later.start,
                    later.end - 1,
                    range.start,
                    range.end - 1
                );
                self.error(range.token, text);
            }
        }
    }

    fn enumeration(&mut self, id: EnumId) {
        let definition = self.pool.enumeration(id);
        if definition.values.is_empty() {
            self.error(definition.name_token, "Enums must contain at least one value.");
        }
        let scope = definition.full_name.rsplit_once('.').map_or("", |(scope, _)| scope);
        for value in &definition.values {
            let name = &value.name;
            let full_name = join(scope, name);
            if self.add(full_name, Symbol::EnumValue, value.name_token) {
                continue;
            }
            // In the enum itself twice: that has been said.
            let own = definition.values.iter().filter(|other| other.name == *name).count();
            let first = definition.values.iter().find(|other| other.name == *name);
            if own > 1 && first.is_some_and(|first| first.name_token != value.name_token) {
                continue;
            }
            // Enum values are names of the scope around their enum.
            let place = if scope.is_empty() { "the global scope".to_owned() } else { format!("\"{scope}\"") };
            let text = format!(
                "Note that enum values use C++ scoping rules, meaning that enum values are siblings of their type, \
                 not children of it.  Therefore, \"{name}\" must be unique within {place}, not just within \"{}\".",
                definition.name
            );
            self.error(value.name_token, text);
        }
        self.add(Arc::clone(&definition.full_name), Symbol::Enum(id), definition.name_token);
        self.enum_reserved(definition);
    }

    fn enum_reserved(&mut self, definition: &Enum) {
        let ranges = &definition.reserved_ranges;
        for range in ranges.iter().filter(|range| range.start > range.end) {
            self.error(range.token, "Reserved range end number must be greater than start number.");
        }
        for (index, range) in ranges.iter().enumerate() {
            let clash = |later: &&Range| range.start <= later.end && later.start <= range.end;
            for later in ranges[index + 1..].iter().filter(clash) {
                let text = format!(
                    "Reserved range {} to {} overlaps with already-defined range {} to {}.",
                    later.start, later.end, range.start, range.end
                );
                self.error(range.token, text);
            }
        }
        let mut names = std::collections::HashSet::new();
        for (name, _) in &definition.reserved_names {
            if !names.insert(name.as_str()) {
                let text = format!("Enum value \"{name}\" is reserved multiple times.");
                self.error(definition.name_token, text);
            }
        }
        for value in &definition.values {
            let holds = |range: &&Range| range.start <= value.number && value.number <= range.end;
            for range in ranges.iter().filter(holds) {
                let text = format!("Enum value \"{}\" uses reserved number {}.", value.name, value.number);
                self.error(range.token, text);
            }
            if names.contains(value.name.as_str()) {
                self.error(value.name_token, format!("Enum value \"{}\" is reserved.", value.name));
            }
        }
    }
}
