//! Features: what editions let a file change about the language, and how it passes from an element to those inside.

use super::{Field, FieldTokens, FileId, MessageId, OptionMessage, Options, Pool, Type, value::OptionScalar};
use crate::{
    ast::{Edition, Label},
    diagnostics::Diagnostics,
};

/// Where the options of each kind of element hold their `features`.
pub(super) mod number {
    pub(in crate::ir) const FILE: u32 = 50;
    pub(in crate::ir) const MESSAGE: u32 = 12;
    pub(in crate::ir) const FIELD: u32 = 21;
    pub(in crate::ir) const ONEOF: u32 = 1;
    pub(in crate::ir) const RANGE: u32 = 50;
    pub(in crate::ir) const ENUM: u32 = 7;
    pub(in crate::ir) const VALUE: u32 = 2;
    pub(in crate::ir) const SERVICE: u32 = 34;
    pub(in crate::ir) const METHOD: u32 = 35;
}

/// Fields of `google.protobuf.FeatureSet`.
const FIELD_PRESENCE: usize = 1;
const ENUM_TYPE: usize = 2;
const REPEATED_FIELD_ENCODING: usize = 3;
const UTF8_VALIDATION: usize = 4;
const MESSAGE_ENCODING: usize = 5;
const JSON_FORMAT: usize = 6;
const ENFORCE_NAMING_STYLE: usize = 7;
const DEFAULT_SYMBOL_VISIBILITY: usize = 8;
const ENFORCE_PROTO_LIMITS: usize = 9;

/// The features by number, with the name of the value that none may have in the end.
const UNKNOWN: [(usize, &str, &str); 9] = [
    (FIELD_PRESENCE, "field_presence", "FIELD_PRESENCE_UNKNOWN"),
    (ENUM_TYPE, "enum_type", "ENUM_TYPE_UNKNOWN"),
    (REPEATED_FIELD_ENCODING, "repeated_field_encoding", "REPEATED_FIELD_ENCODING_UNKNOWN"),
    (UTF8_VALIDATION, "utf8_validation", "UTF8_VALIDATION_UNKNOWN"),
    (MESSAGE_ENCODING, "message_encoding", "MESSAGE_ENCODING_UNKNOWN"),
    (JSON_FORMAT, "json_format", "JSON_FORMAT_UNKNOWN"),
    (ENFORCE_NAMING_STYLE, "enforce_naming_style", "ENFORCE_NAMING_STYLE_UNKNOWN"),
    (
        DEFAULT_SYMBOL_VISIBILITY,
        "default_symbol_visibility",
        "VisibilityFeature::DEFAULT_SYMBOL_VISIBILITY_UNKNOWN",
    ),
    (ENFORCE_PROTO_LIMITS, "enforce_proto_limits", "ProtoLimitsFeature::PROTO_LIMITS_UNKNOWN"),
];

/// What names have to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NamingStyle {
    Legacy,
    Style2024,
    Style2026,
}

/// Which messages and enums other files may use unless they say so themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultVisibility {
    ExportAll,
    ExportTopLevel,
    LocalAll,
    Strict,
}

impl DefaultVisibility {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ExportAll => "EXPORT_ALL",
            Self::ExportTopLevel => "EXPORT_TOP_LEVEL",
            Self::LocalAll => "LOCAL_ALL",
            Self::Strict => "STRICT",
        }
    }
}

/// The resolved features of an element, as numbers of their enums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features([u8; 10]);

impl Features {
    /// What holds in a file of an edition that says nothing else: the `edition_defaults` of `descriptor.proto`.
    pub(crate) fn of(edition: Edition) -> Self {
        Self(match edition {
            Edition::Proto2 => [0, 1, 2, 2, 3, 1, 2, 2, 1, 1],
            Edition::Proto3 => [0, 2, 1, 1, 2, 1, 1, 2, 1, 1],
            Edition::Edition2023 => [0, 1, 1, 1, 2, 1, 1, 2, 1, 1],
            Edition::Edition2024 => [0, 1, 1, 1, 2, 1, 1, 1, 2, 1],
            Edition::Edition2026 | Edition::Unstable => [0, 1, 1, 1, 2, 1, 1, 3, 4, 2],
        })
    }

    /// These, but for what an element's own `features` say.
    pub(super) fn with(self, own: Option<&OptionMessage>) -> Self {
        let mut features = self;
        for (number, field) in own.into_iter().flat_map(|own| &own.fields) {
            if let (Some(slot), Some(OptionScalar::Varint(value))) =
                (features.0.get_mut(*number as usize), field.values.last())
            {
                *slot = *value as u8;
            }
        }
        features
    }

    pub(crate) fn is_required(self) -> bool {
        self.0[FIELD_PRESENCE] == 3
    }

    pub(crate) fn is_implicit(self) -> bool {
        self.0[FIELD_PRESENCE] == 2
    }

    pub(crate) fn is_closed(self) -> bool {
        self.0[ENUM_TYPE] == 2
    }

    pub(crate) fn is_packed(self) -> bool {
        self.0[REPEATED_FIELD_ENCODING] == 1
    }

    pub(crate) fn verifies_utf8(self) -> bool {
        self.0[UTF8_VALIDATION] == 2
    }

    pub(crate) fn is_delimited(self) -> bool {
        self.0[MESSAGE_ENCODING] == 2
    }

    pub(crate) fn allows_json(self) -> bool {
        self.0[JSON_FORMAT] == 1
    }

    pub(crate) fn naming_style(self) -> NamingStyle {
        match self.0[ENFORCE_NAMING_STYLE] {
            1 => NamingStyle::Style2024,
            3 => NamingStyle::Style2026,
            _ => NamingStyle::Legacy,
        }
    }

    pub(crate) fn limits(self) -> bool {
        self.0[ENFORCE_PROTO_LIMITS] == 2
    }

    pub(crate) fn default_visibility(self) -> DefaultVisibility {
        match self.0[DEFAULT_SYMBOL_VISIBILITY] {
            2 => DefaultVisibility::ExportTopLevel,
            3 => DefaultVisibility::LocalAll,
            4 => DefaultVisibility::Strict,
            _ => DefaultVisibility::ExportAll,
        }
    }
}

/// The `features` in an element's options.
pub(super) fn own(options: &Options, number: u32) -> Option<&OptionMessage> {
    match options.value.fields.get(&number)?.values.last()? {
        OptionScalar::Message(features) => Some(features),
        _ => None,
    }
}

/// What a field of a proto2 or proto3 file says by its words.
fn inferred(field: &Field, edition: Edition, mut features: Features) -> Features {
    if field.label == Label::Required {
        features.0[FIELD_PRESENCE] = 3;
    }
    if field.proto3_optional {
        features.0[FIELD_PRESENCE] = 1;
    }
    if matches!(field.ty, Type::Group(_)) {
        features.0[MESSAGE_ENCODING] = 2;
    }
    match field.options.value.varint(super::options::PACKED) {
        Some(1) if edition == Edition::Proto2 => features.0[REPEATED_FIELD_ENCODING] = 1,
        Some(0) if edition == Edition::Proto3 => features.0[REPEATED_FIELD_ENCODING] = 2,
        _ => {}
    }
    features
}

/// Resolves the features of a file whose options are interpreted, and gives fields the types that follow from them.
pub(super) fn resolve(pool: &mut Pool, id: FileId, diagnostics: &mut Diagnostics) {
    let file = pool.file(id);
    let mut resolver = Resolver { id, edition: file.edition, faults: Vec::new() };
    let features = resolver.element(Features::of(file.edition), &file.options, number::FILE, None);
    let (messages, enums) = (file.messages.clone(), file.enums.clone());
    pool.files[id.0 as usize].features = features;
    enums.iter().for_each(|id| resolver.enumeration(pool, *id, features));
    let mut extensions = std::mem::take(&mut pool.files[id.0 as usize].extensions);
    extensions.iter_mut().for_each(|field| resolver.field(pool, field, features, false));
    pool.files[id.0 as usize].extensions = extensions;
    messages.iter().for_each(|id| resolver.message(pool, *id, features));
    for service in &pool.files[id.0 as usize].services {
        let features =
            resolver.element(features, &service.options, number::SERVICE, Some(service.name_token));
        for method in &service.methods {
            resolver.element(features, &method.options, number::METHOD, Some(method.name_token));
        }
    }
    for (token, text) in resolver.faults {
        pool.file(resolver.id).error(diagnostics, token.unwrap_or(0), text);
    }
}

struct Resolver {
    id: FileId,
    edition: Edition,
    /// What was found wrong, with the token of the element's name; the file has none.
    faults: Vec<(Option<u32>, String)>,
}

impl Resolver {
    fn element(&mut self, parent: Features, options: &Options, number: u32, token: Option<u32>) -> Features {
        let own = own(options, number);
        if own.is_some() && !self.edition.is_named() {
            self.faults.push((token, "Features are only valid under editions.".to_owned()));
        }
        let features = parent.with(own);
        if own.is_some() {
            let unknown = UNKNOWN.iter().find(|(index, ..)| features.0[*index] == 0);
            if let Some((_, feature, value)) = unknown {
                let text = format!("Feature field `{feature}` must resolve to a known value, found {value}");
                self.faults.push((token, text));
            }
        }
        features
    }

    fn message(&mut self, pool: &mut Pool, id: MessageId, parent: Features) {
        let message = pool.message(id);
        let features = self.element(parent, &message.options, number::MESSAGE, Some(message.name_token));
        let map_entry = message.map_entry;
        let (enums, nested) = (message.enums.clone(), message.nested.clone());
        let message = &mut pool.messages[id.0 as usize];
        message.features = features;
        let mut oneofs = Vec::new();
        let mut fields = std::mem::take(&mut message.fields);
        let mut extensions = std::mem::take(&mut message.extensions);
        let message = pool.message(id);
        for oneof in &message.oneofs {
            oneofs.push(self.element(features, &oneof.options, number::ONEOF, Some(oneof.name_token)));
        }
        for range in &message.extension_ranges {
            self.element(features, &range.options, number::RANGE, Some(range.token));
        }
        enums.iter().for_each(|id| self.enumeration(pool, *id, features));
        for field in &mut fields {
            let parent = field.oneof.and_then(|index| oneofs.get(index as usize)).copied();
            self.field(pool, field, parent.unwrap_or(features), map_entry);
        }
        nested.iter().for_each(|id| self.message(pool, *id, features));
        extensions.iter_mut().for_each(|field| self.field(pool, field, features, false));
        let message = &mut pool.messages[id.0 as usize];
        message.fields = fields;
        message.extensions = extensions;
    }

    fn enumeration(&mut self, pool: &mut Pool, id: super::EnumId, parent: Features) {
        let definition = pool.enumeration(id);
        let features = self.element(parent, &definition.options, number::ENUM, Some(definition.name_token));
        for value in &definition.values {
            self.element(features, &value.options, number::VALUE, Some(value.name_token));
        }
        pool.enums[id.0 as usize].features = features;
    }

    fn field(&mut self, pool: &Pool, field: &mut Field, parent: Features, in_map_entry: bool) {
        let FieldTokens { name, .. } = field.at;
        let mut features = parent;
        if !self.edition.is_named() {
            features = inferred(field, self.edition, features);
        }
        features = self.element(features, &field.options, number::FIELD, Some(name));
        field.features = features;
        if let Type::Message(id) = field.ty
            && features.is_delimited()
            && !in_map_entry
            && !pool.message(id).map_entry
        {
            field.ty = Type::Group(id);
        }
    }
}
