//! protoc's command line: flags in its own quirky form.

use std::{ffi::OsString, fs, path::PathBuf};

use crate::{
    generate::{built_in, edition_defaults::edition},
    loader::Mapping,
};

/// What to do, read from the arguments.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) mappings: Vec<Mapping>,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<OutputDirective>,
    /// Parameters from `--X_opt`, by generator name.
    pub(super) parameters: Vec<(String, String)>,
    /// Plugin programs by the name they are known under.
    pub(super) plugins: Vec<(String, PathBuf)>,
    /// Programs that run plugins, from `--X_prefix`, by generator name.
    pub(super) prefixes: Vec<(String, String)>,
    pub(super) descriptor_set_out: Option<PathBuf>,
    pub(super) dependency_out: Option<PathBuf>,
    pub(super) edition_defaults_out: Option<PathBuf>,
    /// The range of editions for it, where it is given.
    pub(super) edition_defaults_minimum: Option<u64>,
    pub(super) edition_defaults_maximum: Option<u64>,
    pub(super) include_imports: bool,
    pub(super) include_source_info: bool,
    pub(super) retain_options: bool,
    pub(super) fatal_warnings: bool,
    pub(super) msvs: bool,
    pub(super) disallow_services: bool,
    pub(super) deterministic_output: bool,
    /// Edition UNSTABLE is taken, and generators are not asked which editions they know.
    pub(super) experimental_editions: bool,
    /// May output files lie outside their directory?
    pub(super) out_dir_escape: bool,
    /// What to do instead of generating code.
    pub(super) action: Action,
    pub(super) direct_dependencies: Dependencies,
    pub(super) option_dependencies: Dependencies,
    /// Descriptor sets that files may come from.
    pub(super) descriptor_set_in: Vec<PathBuf>,
}

/// What a run is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Action {
    /// Code and descriptors are written.
    #[default]
    Generate,
    /// Text to binary, of the named type.
    Encode(String),
    /// Binary to text, of the named type.
    Decode(String),
    /// Binary to text, of no type.
    DecodeRaw,
    PrintFreeFieldNumbers,
}

/// Which files may be imported, where it matters.
#[derive(Debug)]
pub(super) struct Dependencies {
    pub(super) allowed: Option<Vec<String>>,
    /// `%s` stands for the import.
    pub(super) violation: String,
}

impl Dependencies {
    fn new(violation: &str) -> Self {
        Self { allowed: None, violation: violation.to_owned() }
    }
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
    Notices,
    Compile(Box<Args>),
}

/// Flags without a value.
const SWITCHES: [&str; 15] = [
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
    "--unsafe_allow_out_dir_escape",
    "--notices",
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
    let mut args = Args::new();
    let mut rest = all.into_iter();
    while let Some(argument) = rest.next() {
        if argument.is_empty() {
            return Err("One of the arguments is empty.".to_owned());
        }
        if !argument.starts_with('-') || argument == "-" {
            args.inputs.push(argument);
            continue;
        }
        let (name, mut value) = split(&argument);
        if SWITCHES.contains(&name.as_str()) {
            if value.is_some() && name == "--decode_raw" {
                return Err(format!("{name} does not take a parameter."));
            }
            match name.as_str() {
                "-h" | "--help" => return Ok(Mode::Help),
                "--version" => return Ok(Mode::Version),
                "--notices" => return Ok(Mode::Notices),
                _ => {}
            }
        } else if value.is_none() {
            value =
                Some(rest.next().filter(|next| !next.starts_with('-')).ok_or_else(|| missing_value(&name))?);
        }
        args.flag(&name, value.unwrap_or_default())?;
    }
    args.check()?;
    Ok(Mode::Compile(Box::new(args)))
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

/// The directories that the value of a `--proto_path` names.
pub(crate) fn mappings(value: &str) -> impl Iterator<Item = Mapping> {
    value.split(':').filter(|part| !part.is_empty()).map(|part| {
        let (virtual_path, disk) = part.split_once('=').unwrap_or(("", part));
        Mapping { virtual_path: virtual_path.to_owned(), disk_path: PathBuf::from(disk) }
    })
}

/// `--name=value` or `-Nvalue`.
pub(crate) fn split(argument: &str) -> (String, Option<String>) {
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

fn missing_value(name: &str) -> String {
    let hint = if name == "--decode" { "\nTo decode an unknown message, use --decode_raw." } else { "" };
    format!("Missing value for flag: {name}{hint}")
}

/// `--direct_dependencies` and `--option_dependencies`.
fn dependency_list(list: &mut Dependencies, name: &str, what: &str, value: &str) -> Result<(), String> {
    if list.allowed.is_some() {
        return Err(format!(
            "{name} may only be passed once. To specify multiple {what} dependencies, pass them all as a single \
             parameter separated by ':'."
        ));
    }
    let parts = value.split(':').filter(|part| !part.is_empty());
    list.allowed = Some(parts.map(str::to_owned).collect());
    Ok(())
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

    fn new() -> Self {
        Self {
            mappings: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            parameters: Vec::new(),
            plugins: Vec::new(),
            prefixes: Vec::new(),
            descriptor_set_out: None,
            dependency_out: None,
            edition_defaults_out: None,
            edition_defaults_minimum: None,
            edition_defaults_maximum: None,
            include_imports: false,
            include_source_info: false,
            retain_options: false,
            fatal_warnings: false,
            msvs: false,
            disallow_services: false,
            deterministic_output: false,
            experimental_editions: false,
            out_dir_escape: false,
            action: Action::Generate,
            direct_dependencies: Dependencies::new(
                "File is imported but not declared in --direct_dependencies: %s",
            ),
            option_dependencies: Dependencies::new(
                "File is option imported but not declared in --option_dependencies: %s",
            ),
            descriptor_set_in: Vec::new(),
        }
    }

    fn flag(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "-I" | "--proto_path" => self.proto_path(&value),
            "-o" | "--descriptor_set_out" => {
                once(name, self.descriptor_set_out.is_some(), &value)?;
                if !matches!(self.action, Action::Generate) {
                    return Err("Cannot use --encode or --decode and generate descriptors at the same time."
                        .to_owned());
                }
                self.descriptor_set_out = Some(PathBuf::from(value));
            }
            "--dependency_out" => {
                once(name, self.dependency_out.is_some(), &value)?;
                if !self.descriptor_set_in.is_empty() {
                    return Err(format!("{name} cannot be used with --descriptor_set_in."));
                }
                self.dependency_out = Some(PathBuf::from(value));
            }
            "--edition_defaults_out" => {
                once(name, self.edition_defaults_out.is_some(), &value)?;
                self.edition_defaults_out = Some(PathBuf::from(value));
            }
            "--edition_defaults_minimum" => edition_once(name, &mut self.edition_defaults_minimum, &value)?,
            "--edition_defaults_maximum" => edition_once(name, &mut self.edition_defaults_maximum, &value)?,
            "--descriptor_set_in" => self.descriptor_sets(name, &value)?,
            "--include_imports" => self.include_imports = true,
            "--include_source_info" => self.include_source_info = true,
            "--retain_options" => self.retain_options = true,
            "--fatal_warnings" => self.fatal_warnings = true,
            "--disallow_services" => self.disallow_services = true,
            "--deterministic_output" => self.deterministic_output = true,
            "--unsafe_allow_out_dir_escape" => self.out_dir_escape = true,
            "--experimental_editions" => self.experimental_editions = true,
            "--experimental_allow_proto3_optional" => {}
            "--direct_dependencies" => {
                dependency_list(&mut self.direct_dependencies, name, "direct", &value)?;
            }
            "--option_dependencies" => {
                dependency_list(&mut self.option_dependencies, name, "option", &value)?;
            }
            "--direct_dependencies_violation_msg" => self.direct_dependencies.violation = value,
            "--option_dependencies_violation_msg" => self.option_dependencies.violation = value,
            "--encode" | "--decode" | "--decode_raw" | "--print_free_field_numbers" => {
                self.act(name, value)?;
            }
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
            _ => return self.output(name, &value),
        }
        Ok(())
    }

    /// A flag that asks for something else than code and descriptors.
    fn act(&mut self, name: &str, value: String) -> Result<(), String> {
        if !matches!(self.action, Action::Generate) {
            return Err("Only one of --encode and --decode can be specified.".to_owned());
        }
        if !self.outputs.is_empty() || self.descriptor_set_out.is_some() {
            return Err(format!("Cannot use {name} and generate code or descriptors at the same time."));
        }
        if value.is_empty() && matches!(name, "--encode" | "--decode") {
            let hint =
                if name == "--decode" { "\nTo decode an unknown message, use --decode_raw." } else { "" };
            return Err(format!("Type name for {name} cannot be blank.{hint}"));
        }
        self.action = match name {
            "--encode" => Action::Encode(value),
            "--decode" => Action::Decode(value),
            "--decode_raw" => Action::DecodeRaw,
            _ => Action::PrintFreeFieldNumbers,
        };
        Ok(())
    }

    fn descriptor_sets(&mut self, name: &str, value: &str) -> Result<(), String> {
        if !self.descriptor_set_in.is_empty() {
            return Err(format!(
                "{name} may only be passed once. To specify multiple descriptor sets, pass them all as a single \
                 parameter separated by ':'."
            ));
        }
        if value.is_empty() {
            return Err(format!("{name} requires a non-empty value."));
        }
        if self.dependency_out.is_some() {
            return Err(format!("{name} cannot be used with --dependency_out."));
        }
        self.descriptor_set_in =
            value.split(':').filter(|part| !part.is_empty()).map(PathBuf::from).collect();
        Ok(())
    }

    fn output(&mut self, flag: &str, value: &str) -> Result<(), String> {
        if let Some(name) = flag.strip_prefix("--").and_then(|name| name.strip_suffix("_opt")) {
            self.parameters.push((name.to_owned(), value.to_owned()));
            return Ok(());
        }
        if let Some(name) = flag.strip_prefix("--").and_then(|name| name.strip_suffix("_prefix")) {
            self.prefixes.push((name.to_owned(), value.to_owned()));
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
        self.mappings.extend(mappings(value));
    }

    fn check(&mut self) -> Result<(), String> {
        if self.action == Action::DecodeRaw {
            if !self.inputs.is_empty() {
                return Err("When using --decode_raw, no input files should be given.".to_owned());
            }
            return Ok(());
        }
        let unused =
            |name: &&String| built_in(name).is_none() && self.outputs.iter().all(|out| out.name != **name);
        if let Some(name) = self.parameters.iter().map(|(name, _)| name).find(unused) {
            return Err(unknown(&format!("--{name}_opt")));
        }
        if self.inputs.is_empty() {
            return Err("Missing input file.".to_owned());
        }
        let generates = self.action == Action::Generate;
        if !generates && !self.outputs.is_empty() {
            return Err(
                "Cannot use --encode, --decode or print .proto info and generate code at the same time."
                    .to_owned(),
            );
        }
        let descriptors = self.descriptor_set_out.is_some() || self.edition_defaults_out.is_some();
        if generates && self.outputs.is_empty() && !descriptors {
            return Err("Missing output directives.".to_owned());
        }
        if self.dependency_out.is_some() {
            if !generates {
                return Err("Can only use --dependency_out=FILE when generating code.".to_owned());
            }
            if self.inputs.len() > 1 {
                return Err("Can only process one input file when using --dependency_out=FILE.".to_owned());
            }
        }
        if self.deterministic_output && !matches!(self.action, Action::Encode(_)) {
            return Err("Can only use --deterministic_output with --encode.".to_owned());
        }
        Ok(())
    }
}

/// A flag with one edition.
fn edition_once(name: &str, given: &mut Option<u64>, value: &str) -> Result<(), String> {
    if given.is_some() {
        return Err(format!("{name} may only be passed once."));
    }
    let edition = edition(value).ok_or_else(|| format!("{name} unknown edition \"{value}\"."))?;
    // As if it had not been given.
    *given = Some(edition).filter(|edition| *edition != 0);
    Ok(())
}

/// A flag with one value.
fn once(name: &str, given: bool, value: &str) -> Result<(), String> {
    if given {
        return Err(format!("{name} may only be passed once."));
    }
    if value.is_empty() {
        return Err(format!("{name} requires a non-empty value."));
    }
    Ok(())
}
