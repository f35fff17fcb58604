//! The command lines of `lint` and `breaking`, in the manner of protoc's.

use std::ffi::OsString;

use super::finding::Format;
use crate::{driver::args, loader::Mapping};

/// What the arguments say.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) inputs: Vec<String>,
    pub(crate) format: Format,
    /// Rules and categories to apply; where none are named, those that the command applies by itself.
    pub(crate) rules: Vec<String>,
    /// Rules and categories to leave out.
    pub(crate) except: Vec<String>,
    pub(crate) help: bool,
    pub(crate) list_rules: bool,
    /// The command's own flags with their values; a switch has an empty one.
    own: Vec<(String, String)>,
}

/// The flags of one command besides those that both have, with `_` for `-`.
pub(crate) struct Flags {
    pub(crate) switches: &'static [&'static str],
    pub(crate) valued: &'static [&'static str],
}

impl Arguments {
    /// Reads the arguments that follow the command's name.
    pub(crate) fn parse(arguments: &[OsString], flags: &Flags) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let text = |argument: &OsString| {
                let bad = || format!("{}: argument is not UTF-8.", argument.to_string_lossy());
                argument.to_str().map(str::to_owned).ok_or_else(bad)
            };
            let argument = text(argument)?;
            if argument == "--" {
                for input in rest.by_ref() {
                    parsed.inputs.push(text(input)?);
                }
            } else if !argument.starts_with('-') || argument == "-" {
                parsed.inputs.push(argument);
            } else {
                let (name, value) = args::split(&argument);
                let name = flag_name(&name);
                let is_switch = matches!(name.as_str(), "-h" | "--help" | "--json" | "--list_rules")
                    || flags.switches.contains(&name.as_str());
                let value = match (is_switch, value) {
                    (true, Some(_)) => return Err(format!("{name} does not take a value.")),
                    (true, None) => String::new(),
                    (false, Some(value)) => value,
                    (false, None) => {
                        let next = rest.next().ok_or_else(|| format!("Missing value for flag: {name}"))?;
                        text(next)?
                    }
                };
                parsed.flag(name, value, flags)?;
            }
        }
        Ok(parsed)
    }

    fn flag(&mut self, name: String, value: String, flags: &Flags) -> Result<(), String> {
        let list = || value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        match name.as_str() {
            "-h" | "--help" => self.help = true,
            "--list_rules" => self.list_rules = true,
            "--json" => self.format = Format::Json,
            "-I" | "--proto_path" => self.mappings.extend(args::mappings(&value)),
            "--category" | "--rules" => self.rules.extend(list()),
            "--except" => self.except.extend(list()),
            "--error_format" => {
                self.format = Format::named(&value).ok_or_else(|| {
                    format!("Unknown error format: {value}. There are text, gcc, msvs and json.")
                })?;
            }
            own if flags.switches.contains(&own) || flags.valued.contains(&own) => {
                self.own.push((name, value));
            }
            _ => return Err(format!("Unknown flag: {name}")),
        }
        Ok(())
    }

    /// Whether a switch of the command was given.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.own.iter().any(|(own, _)| own == name)
    }

    /// The last value of a flag of the command.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.own.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// protoc writes flags with `_`, everybody else with `-`.
fn flag_name(name: &str) -> String {
    match name.strip_prefix("--") {
        Some(rest) => format!("--{}", rest.replace('-', "_")),
        None => name.to_owned(),
    }
}
