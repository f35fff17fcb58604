//! What only building needs is let go: of thousands of files, the linked form of each stays and little else.

use super::{BuiltFile, Enum, Field, File, Message, Options, Pool, Type};
use crate::{source_info::OptionPaths, tokens::Token};

/// Drops the text, the tokens and the options as written of a file that is built and checked. Nothing can be reported
/// at a place in it afterwards.
pub(super) fn settle(pool: &mut Pool, built: &BuiltFile) {
    for id in built.messages() {
        message(&mut pool.messages[id.0 as usize]);
    }
    for id in built.enums() {
        enumeration(&mut pool.enums[id.0 as usize]);
    }
    file(&mut pool.files[built.id.0 as usize]);
}

fn options(options: &mut Options) {
    let Some(options) = options.existing() else { return };
    options.statements = Box::default();
    options.value.shrink_to_fit();
    if !options.custom.is_empty() && options.retained_as_value() {
        options.custom = Box::default();
    }
}

fn fields(fields: &mut Vec<Field>) {
    fields.shrink_to_fit();
    for field in fields {
        options(&mut field.options);
        if matches!(field.ty, Type::Message(_) | Type::Group(_) | Type::Enum(_)) {
            field.type_name = String::new();
        }
    }
}

fn message(message: &mut Message) {
    fields(&mut message.fields);
    fields(&mut message.extensions);
    message.oneofs.shrink_to_fit();
    message.oneofs.iter_mut().for_each(|oneof| options(&mut oneof.options));
    message.extension_ranges.iter_mut().for_each(|range| options(&mut range.options));
    message.reserved_ranges.shrink_to_fit();
    message.nested.shrink_to_fit();
    message.enums.shrink_to_fit();
    options(&mut message.options);
}

fn enumeration(definition: &mut Enum) {
    definition.values.shrink_to_fit();
    definition.values.iter_mut().for_each(|value| options(&mut value.options));
    options(&mut definition.options);
}

fn file(file: &mut File) {
    file.source.drop_text();
    file.tokens = Vec::<Token>::new();
    file.option_paths = OptionPaths::default();
    fields(&mut file.extensions);
    for service in &mut file.services {
        service.methods.iter_mut().for_each(|method| options(&mut method.options));
        options(&mut service.options);
    }
    options(&mut file.options);
}
