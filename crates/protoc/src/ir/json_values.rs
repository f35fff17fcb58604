//! Names that enum values have in JSON by `(pb.enumvalue.json).string`.

use foldhash::{HashMap, HashMapExt};

use super::{Enum, EnumValue, OptionScalar, check::Checker};

/// The extension `pb.enumvalue.json` of `EnumValueOptions`, and its field `string`.
const JSON: u32 = 998;
const STRING: u32 = 1;

fn custom(value: &EnumValue) -> Option<String> {
    let json = match value.options.value.fields.get(&JSON)?.values.last()? {
        OptionScalar::Message(json) => json,
        _ => return None,
    };
    match json.fields.get(&STRING)?.values.last()? {
        OptionScalar::Bytes(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

/// Checks that every name means one number.
pub(super) fn check(checker: &mut Checker<'_>, definition: &Enum) {
    if definition.values.iter().all(|value| custom(value).is_none()) {
        return;
    }
    let mut primary: HashMap<i32, (&str, Option<String>)> = HashMap::new();
    let mut names: HashMap<String, (&str, &str)> = HashMap::new();
    for value in &definition.values {
        let own = custom(value);
        let faults = match primary.get(&value.number) {
            Some((other, wanted)) => alias_fault(value, own.as_ref(), other, wanted.as_ref()),
            None => own.as_ref().map(|own| name_faults(value, own, &names)).unwrap_or_default(),
        };
        for text in faults {
            checker.error(value.name_token, text);
        }
        names.entry(value.name.to_string()).or_insert(("default", &value.name));
        if let Some(own) = &own {
            names.entry(own.clone()).or_insert(("custom", &value.name));
        }
        primary.entry(value.number).or_insert((&value.name, own));
    }
}

/// Values with one number have one name.
fn alias_fault(value: &EnumValue, own: Option<&String>, other: &str, wanted: Option<&String>) -> Vec<String> {
    if own == wanted {
        return Vec::new();
    }
    let shown = |name: Option<&String>| name.map_or_else(|| "unset".to_owned(), |name| format!("\"{name}\""));
    vec![format!(
        "Alias values for number {} must have the same custom JSON string. \"{}\" has {} but primary alias \"{other}\" \
         has {}.",
        value.number,
        value.name,
        shown(own),
        shown(wanted)
    )]
}

fn name_faults(value: &EnumValue, own: &str, names: &HashMap<String, (&str, &str)>) -> Vec<String> {
    let mut faults = Vec::new();
    if own.contains('\0') {
        faults.push("Custom JSON strings cannot contain embedded null characters.".to_owned());
    }
    if let Some(number) = own.parse::<i32>().ok().filter(|number| *number != value.number) {
        faults.push(format!(
            "Custom JSON string \"{own}\" parses as integer {number}, which does not match the enum value's number {}.",
            value.number
        ));
    }
    if let Some((kind, other)) = names.get(own) {
        faults
            .push(format!("Custom JSON string \"{own}\" conflicts with {kind} JSON string of \"{other}\"."));
    }
    faults
}
