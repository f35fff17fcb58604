//! protoc's command line: flags in its own quirky form.

use std::{ffi::OsString, fs, path::PathBuf};

use crate::loader::Mapping;

/// What to do, read from the arguments.
#[derive(Debug, Default)]
pub(super) struct Args {
    pub(super) mappings: Vec<Mapping>,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<OutputDirective>,
    /// Parameters from `--X_opt`, by generator name.
    pub(super) parameters: Vec<(String, String)>,
    /// Plugin programs by the name they are known under.
    pub(super) plugins: Vec<(String, PathBuf)>,
    pub(super) descriptor_set_out: Option<PathBuf>,
    pub(super) dependency_out: Option<PathBuf>,
    pub(super) include_imports: bool,
    pub(super) include_source_info: bool,
    pub(super) retain_options: bool,
    pub(super) fatal_warnings: bool,
    pub(super) msvs: bool,
    pub(super) free_field_numbers: bool,
}

/// `--NAME_out=PARAMETER:LOCATION`
#[derive(Debug)]
pub(super) struct OutputDirective {
    /// `python` of `--python_out`.
    pub(super) name: String,
    pub(super) parameter: String,
    pub(super) location: PathBuf,
}

/// What the arguments ask for.
pub(super) enum Mode {
    Help,
    Version,
    Compile(Args),
}

/// Flags without a value.
const SWITCHES: [&str; 13] = [
    "-h",
    "--help",
    "--version",
    "--include_imports",
    "--include_source_info",
    "--retain_options",
    "--disallow_services",
    "--fatal_warnings",
    "--deterministic_output",
    "--decode_raw",
    "--print_free_field_numbers",
    "--experimental_allow_proto3_optional",
    "--experimental_editions",
];

/// Flags of protoc that are not served yet.
const UNSERVED: [&str; 11] = [
    "--disallow_services",
    "--deterministic_output",
    "--decode_raw",
    "--encode",
    "--decode",
    "--descriptor_set_in",
    "--direct_dependencies",
    "--option_dependencies",
    "--option_dependencies_violation_msg",
    "--direct_dependencies_violation_msg",
    "--notices_out",
];

/// How deep `@file` arguments may nest.
const MAX_ARGUMENT_FILES: usize = 16;

/// Reads the arguments, without the program's name.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Mode, String> {
    let mut all = Vec::new();
    for argument in arguments {
        let argument = argument
            .into_string()
            .map_err(|bad| format!("{}: argument is not UTF-8.", bad.to_string_lossy()))?;
        expand(argument, 0, &mut all)?;
    }
    if all.is_empty() {
        return Ok(Mode::Help);
    }
    let mut args = Args::default();
    let mut rest = all.into_iter();
    while let Some(argument) = rest.next() {
        if !argument.starts_with('-') || argument == "-" {
            args.inputs.push(argument);
            continue;
        }
        let (name, mut value) = split(&argument);
        if SWITCHES.contains(&name.as_str()) {
            if value.is_some() && name != "--version" {
                return Err(format!("{name} does not take a parameter."));
            }
            match name.as_str() {
                "-h" | "--help" => return Ok(Mode::Help),
                "--version" => return Ok(Mode::Version),
                _ => {}
            }
        } else if value.is_none() {
            value = Some(rest.next().filter(|next| !next.starts_with('-')).ok_or_else(|| {
                if is_known(&name) { format!("Missing value for flag: {name}") } else { unknown(&name) }
            })?);
        }
        args.flag(&name, value.unwrap_or_default())?;
    }
    args.check()?;
    Ok(Mode::Compile(args))
}

/// `@file` stands for the arguments in it, one a line.
fn expand(argument: String, depth: usize, out: &mut Vec<String>) -> Result<(), String> {
    let Some(file) = argument.strip_prefix('@') else {
        out.push(argument);
        return Ok(());
    };
    if depth >= MAX_ARGUMENT_FILES {
        return Err(format!("{argument}: argument files are nested too deep."));
    }
    let text = fs::read_to_string(file).map_err(|_| format!("Failed to open argument file: {file}"))?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        expand(line.to_owned(), depth + 1, out)?;
    }
    Ok(())
}

/// `--name=value` or `-Nvalue`.
fn split(argument: &str) -> (String, Option<String>) {
    if argument.starts_with("--") {
        return match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument.to_owned(), None),
        };
    }
    let end = argument.char_indices().nth(2).map_or(argument.len(), |(at, _)| at);
    let (name, value) = argument.split_at(end);
    (name.to_owned(), (!value.is_empty()).then(|| value.to_owned()))
}

fn unknown(name: &str) -> String {
    format!("Unknown flag: {name}")
}

fn is_known(name: &str) -> bool {
    name.ends_with("_out")
        || name.ends_with("_opt")
        || matches!(name, "-I" | "-o" | "--proto_path" | "--plugin" | "--error_format")
}

impl Args {
    /// What is strange about the arguments but does not keep from doing as they say.
    pub(super) fn warnings(&self) -> Vec<String> {
        let idle = |given: bool, flag: &str| {
            (given && self.descriptor_set_out.is_none())
                .then(|| format!("{flag} only makes sense when combined with --descriptor_set_out."))
        };
        [
            idle(self.include_imports, "--include_imports"),
            idle(self.include_source_info, "--include_source_info"),
            idle(self.retain_options, "--retain_options"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn flag(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "-I" | "--proto_path" => self.proto_path(&value),
            "-o" | "--descriptor_set_out" => {
                if self.descriptor_set_out.is_some() {
                    return Err(format!("{name} may only be passed once."));
                }
                if value.is_empty() {
                    return Err(format!("{name} requires a non-empty value."));
                }
                self.descriptor_set_out = Some(PathBuf::from(value));
            }
            "--dependency_out" => {
                if self.dependency_out.is_some() {
                    return Err(format!("{name} may only be passed once."));
                }
                self.dependency_out = Some(PathBuf::from(value));
            }
            "--include_imports" => self.include_imports = true,
            "--include_source_info" => self.include_source_info = true,
            "--retain_options" => self.retain_options = true,
            "--fatal_warnings" => self.fatal_warnings = true,
            "--print_free_field_numbers" => self.free_field_numbers = true,
            "--experimental_allow_proto3_optional" | "--experimental_editions" => {}
            "--error_format" => match value.as_str() {
                "gcc" => self.msvs = false,
                "msvs" => self.msvs = true,
                other => return Err(format!("Unknown error format: {other}")),
            },
            "--plugin" => {
                let (plugin, path) = match value.split_once('=') {
                    Some((plugin, path)) => (plugin.to_owned(), PathBuf::from(path)),
                    None => {
                        let base = value.rsplit('/').next().unwrap_or(&value);
                        (base.to_owned(), PathBuf::from(&value))
                    }
                };
                self.plugins.push((plugin, path));
            }
            _ if UNSERVED.contains(&name) => {
                return Err(format!("{name} is not supported by this version of carom-protoc."));
            }
            _ => return self.output(name, &value),
        }
        Ok(())
    }

    fn output(&mut self, flag: &str, value: &str) -> Result<(), String> {
        if let Some(name) = flag.strip_prefix("--").and_then(|name| name.strip_suffix("_opt")) {
            self.parameters.push((name.to_owned(), value.to_owned()));
            return Ok(());
        }
        let Some(name) = flag.strip_prefix("--").and_then(|name| name.strip_suffix("_out")) else {
            return Err(unknown(flag));
        };
        let (parameter, location) = value.split_once(':').unwrap_or(("", value));
        self.outputs.push(OutputDirective {
            name: name.to_owned(),
            parameter: parameter.to_owned(),
            location: PathBuf::from(location),
        });
        Ok(())
    }

    /// `--proto_path=DIR` or `--proto_path=VIRTUAL=DIR`, several with colons between.
    fn proto_path(&mut self, value: &str) {
        for part in value.split(':').filter(|part| !part.is_empty()) {
            let (virtual_path, disk) = part.split_once('=').unwrap_or(("", part));
            self.mappings
                .push(Mapping { virtual_path: virtual_path.to_owned(), disk_path: PathBuf::from(disk) });
        }
    }

    fn check(&mut self) -> Result<(), String> {
        if self.inputs.is_empty() {
            return Err("Missing input file.".to_owned());
        }
        if self.outputs.is_empty() && self.descriptor_set_out.is_none() && !self.free_field_numbers {
            return Err("Missing output directives.".to_owned());
        }
        Ok(())
    }
}
