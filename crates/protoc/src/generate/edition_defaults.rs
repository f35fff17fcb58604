//! `--edition_defaults_out`: what each feature is where a file says nothing about it, edition by edition, as a
//! `FeatureSetDefaults` that runtimes and plugins embed.

use super::{Request, types::Types};
use crate::{raw, text::edition_name, wire::Writer};

const FEATURE_SET: &str = ".google.protobuf.FeatureSet";

/// Numbers of `google.protobuf.Edition`.
pub(crate) const PROTO2: u64 = 998;
pub(crate) const EDITION_2026: u64 = 1002;
const LEGACY: u64 = 900;
const UNSTABLE: u64 = 9999;
/// The extensions `pb.cpp`, `pb.java` and `pb.csharp` of `FeatureSet`.
const KNOWN_TO_PROTOC: [u32; 3] = [1000, 1001, 1004];
/// All that have a number.
const EDITIONS: [u64; 14] =
    [0, 1, 2, LEGACY, PROTO2, 999, 1000, 1001, EDITION_2026, UNSTABLE, 99997, 99998, 99999, MAX];
const MAX: u64 = 0x7fff_ffff;

/// The edition of that name, without the prefix of the enum value.
pub(crate) fn edition(name: &str) -> Option<u64> {
    EDITIONS.into_iter().find(|number| edition_name(*number) == name)
}

/// One feature: a field of `FeatureSet`, or of the message of one of its extensions.
struct Feature {
    number: u32,
    /// From when on it may be set, and from when on no more.
    introduced: Option<u64>,
    removed: Option<u64>,
    /// Editions with the value that holds from then on, in order.
    defaults: Vec<(u64, u64)>,
}

impl Feature {
    fn is_fixed(&self, edition: u64) -> bool {
        self.introduced.is_some_and(|first| edition < first) || self.removed.is_some_and(|end| edition >= end)
    }

    fn value(&self, edition: u64) -> u64 {
        self.defaults.iter().rev().find(|(since, _)| *since <= edition).map_or(0, |(_, value)| *value)
    }
}

/// The features of a message, in the order of their numbers.
struct Features(Vec<Feature>);

impl Features {
    fn write(&self, out: &mut Writer, edition: u64, fixed: bool) {
        for feature in self.0.iter().filter(|feature| feature.is_fixed(edition) == fixed) {
            out.varint_field(feature.number, feature.value(edition));
        }
    }

    /// Those from which on something is different.
    fn editions(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|feature| {
            let defaults = feature.defaults.iter().map(|(edition, _)| *edition);
            defaults.chain(feature.introduced).chain(feature.removed)
        })
    }
}

/// The encoded `FeatureSetDefaults` for the files of a request.
///
/// # Errors
/// There is no `FeatureSet`, a feature is not declared as features have to be, or the editions make no range.
pub(crate) fn edition_defaults(request: &Request, minimum: u64, maximum: u64) -> Result<Vec<u8>, String> {
    let types = Types::new(request);
    let Some((feature_set, _)) = types.get(FEATURE_SET) else {
        return Err(
            "Could not find FeatureSet in descriptor pool.  Please make sure descriptor.proto is in your \
                    import path"
                .to_owned(),
        );
    };
    if minimum > maximum {
        return Err(format!(
            "Invalid edition range, edition {} is newer than edition {}",
            edition_name(minimum),
            edition_name(maximum)
        ));
    }
    let own = features(&types, FEATURE_SET, feature_set.bytes)?;
    let mut extensions = Vec::new();
    for (name, field) in extensions_of(request) {
        extensions.push((number(field, 3) as u32, extension(&types, &name, field)?));
    }
    // Those that protoc itself has code for are written before those that are unknown fields to it.
    extensions.sort_by_key(|(number, _)| (!KNOWN_TO_PROTOC.contains(number), *number));
    let editions = extensions.iter().flat_map(|(_, features)| features.editions()).chain(own.editions());
    // What is unstable is in all ranges.
    let mut editions: Vec<u64> =
        editions.filter(|edition| *edition <= maximum || *edition == UNSTABLE).collect();
    editions.sort_unstable();
    editions.dedup();
    let oldest = editions.first().copied().unwrap_or(LEGACY);
    if minimum < oldest {
        return Err(format!(
            "Minimum edition {} is earlier than the oldest valid edition {}",
            edition_name(minimum),
            edition_name(oldest)
        ));
    }
    let mut out = Writer::default();
    for edition in editions {
        out.message(1, |out| {
            out.varint_field(3, edition);
            for (field, fixed) in [(4, false), (5, true)] {
                out.message(field, |out| {
                    own.write(out, edition, fixed);
                    for (number, features) in &extensions {
                        out.message(*number, |out| features.write(out, edition, fixed));
                    }
                });
            }
        });
    }
    out.varint_field(4, minimum);
    out.varint_field(5, maximum);
    Ok(out.into_bytes())
}

fn number(bytes: &[u8], field: u32) -> u64 {
    raw::varints(bytes, field).last().unwrap_or(0)
}

fn text(bytes: &[u8], field: u32) -> &str {
    std::str::from_utf8(raw::first(bytes, field)).unwrap_or("")
}

/// All extensions of `FeatureSet`, by full name.
fn extensions_of(request: &Request) -> Vec<(String, &[u8])> {
    fn collect<'a>(
        scope: &str,
        bytes: &'a [u8],
        [messages, fields]: [u32; 2],
        out: &mut Vec<(String, &'a [u8])>,
    ) {
        let is_feature = |field: &&[u8]| text(field, 2) == FEATURE_SET;
        for field in raw::all(bytes, fields).filter(is_feature) {
            out.push((format!("{scope}{}", raw::name(field)), field));
        }
        for message in raw::all(bytes, messages) {
            collect(&format!("{scope}{}.", raw::name(message)), message, [3, 6], out);
        }
    }
    let mut out = Vec::new();
    for file in &request.files {
        let package = text(&file.embedded, 2);
        let scope = if package.is_empty() { String::new() } else { format!("{package}.") };
        collect(&scope, &file.embedded, [4, 7], &mut out);
    }
    out
}

fn extension(types: &Types<'_>, name: &str, field: &[u8]) -> Result<Features, String> {
    let type_name = text(field, 6);
    let message = types.get(type_name).filter(|_| matches!(number(field, 5), 10 | 11));
    let Some((message, _)) = message else {
        return Err(format!(
            "FeatureSet extension {name} is not of message type.  Feature extensions should always use messages to allow \
             for evolution."
        ));
    };
    if number(field, 4) == 3 {
        return Err(format!(
            "Only singular features extensions are supported.  Found repeated extension {name}"
        ));
    }
    let has = |field| raw::all(message.bytes, field).next().is_some();
    if has(5) || has(6) {
        return Err(format!("Nested extensions in feature extension {name} are not supported."));
    }
    features(types, type_name, message.bytes)
}

/// The features that a message declares.
fn features(types: &Types<'_>, type_name: &str, message: &[u8]) -> Result<Features, String> {
    let type_name = type_name.trim_start_matches('.');
    if raw::all(message, 8).next().is_some() {
        return Err(format!("Type {type_name} contains unsupported oneof feature fields."));
    }
    let fields = raw::all(message, 2);
    let features = fields.map(|field| {
        let name = format!("{type_name}.{}", raw::name(field));
        feature(types, field).map_err(|fault| match fault {
            Fault::Declaration(text) => format!("Feature field {name} {text}"),
            Fault::Default(text) => {
                format!("Parsing error in edition_defaults for feature field {name}. Could not parse: {text}")
            }
        })
    });
    let mut features = features.collect::<Result<Vec<Feature>, String>>()?;
    features.sort_by_key(|feature| feature.number);
    Ok(Features(features))
}

/// Why a field is no feature.
enum Fault {
    /// What is wrong with it.
    Declaration(&'static str),
    /// A default that is no value of its type.
    Default(String),
}

fn feature(types: &Types<'_>, field: &[u8]) -> Result<Feature, Fault> {
    /// Fields of `FieldOptions`.
    mod option {
        pub(super) const TARGETS: u32 = 19;
        pub(super) const EDITION_DEFAULTS: u32 = 20;
        pub(super) const FEATURES: u32 = 21;
        pub(super) const FEATURE_SUPPORT: u32 = 22;
    }
    let options = raw::first(field, 8);
    let (kind, label) = (number(field, 5), number(field, 4));
    if label == 2 || number(raw::first(options, option::FEATURES), 1) == 3 {
        return Err(Fault::Declaration("is an unsupported required field."));
    }
    if label == 3 {
        return Err(Fault::Declaration("is an unsupported repeated field."));
    }
    if !matches!(kind, 8 | 14) {
        return Err(Fault::Declaration("is not an enum or boolean."));
    }
    if raw::varints(options, option::TARGETS).next().is_none() {
        return Err(Fault::Declaration("has no target specified."));
    }
    let Some(support) = raw::all(options, option::FEATURE_SUPPORT).last() else {
        return Err(Fault::Declaration("has no feature support specified."));
    };
    let values = if kind == 14 { types.get(text(field, 6)).map(|(info, _)| info.bytes) } else { None };
    let mut defaults = Vec::new();
    for default in raw::all(options, option::EDITION_DEFAULTS) {
        let value = text(default, 2);
        let meant = match values {
            Some(values) => {
                let known = raw::all(values, 2).find(|known| raw::name(known) == value);
                known.map(|known| number(known, 2))
            }
            None => match value {
                "true" | "True" | "t" | "1" => Some(1),
                "false" | "False" | "f" | "0" => Some(0),
                _ => None,
            },
        };
        let meant = meant.ok_or_else(|| Fault::Default(value.to_owned()))?;
        defaults.push((number(default, 3), meant));
    }
    defaults.sort_by_key(|(edition, _)| *edition);
    if defaults.first().is_none_or(|(edition, _)| *edition != LEGACY) {
        return Err(Fault::Declaration(
            "has no default specified for EDITION_LEGACY, before it was introduced.",
        ));
    }
    let edition = |number| raw::varints(support, number).last();
    Ok(Feature { number: number(field, 3) as u32, introduced: edition(1), removed: edition(4), defaults })
}
