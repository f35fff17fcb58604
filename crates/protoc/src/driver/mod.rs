//! The `protoc`-compatible command line.
//!
//! ```text
//! arguments → files to import names → compile → generators → outputs in memory → disk
//! ```
//! Nothing is written before everything has succeeded.

pub(crate) mod args;
mod files;
mod inspect;
mod output;
mod zip;

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::Path,
};

use args::{Action, Args, Mode, OutputDirective};
use files::Files;
use output::Outputs;
pub(crate) use output::reason;

use crate::{
    diagnostics::{Diagnostic, Diagnostics, Severity},
    generate::{BUILT_IN, Generator, Request, built_in, edition_defaults},
    loader::{IncludePaths, Mapping, VirtualName},
    session::{Compilation, DescriptorDetail, compile_with, write_descriptor_set},
};

/// The protoc whose behaviour and generated code these are.
const PROTOC_VERSION: &str = "35.1";

/// How a run differs from protoc's.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The well-known files are found after all directories of the include path, as with `grpc_tools.protoc`.
    /// Default: true.
    pub bundled_includes: bool,
    /// Each message is followed by the source line it is about, with a caret. Default: false, which is protoc's
    /// output.
    pub source_lines: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { bundled_includes: true, source_lines: false }
    }
}

/// Runs protoc's command line with [`Options::default`]. `args` do not contain the program's name. Returns the exit
/// code.
pub fn run(args: impl IntoIterator<Item = OsString>, stdout: &mut dyn Write, stderr: &mut dyn Write) -> i32 {
    run_with(Options::default(), args, stdout, stderr)
}

/// Runs protoc's command line with the program's own standard input. Returns the exit code: 0, or 1 where anything
/// failed.
pub fn run_with(
    options: Options,
    args: impl IntoIterator<Item = OsString>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> i32 {
    run_on(options, args, &mut io::stdin().lock(), stdout, stderr)
}

/// Runs protoc's command line. `stdin` is what `--encode`, `--decode` and `--decode_raw` read. Returns the exit code: 0,
/// or 1 where anything failed.
pub fn run_on(
    options: Options,
    args: impl IntoIterator<Item = OsString>,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> i32 {
    let mode = match args::parse(args) {
        Ok(mode) => mode,
        Err(message) => return failed(stderr, &message),
    };
    match mode {
        Mode::Help => print(stdout, HELP),
        Mode::Notices => print(stdout, NOTICES),
        Mode::Version => print(stdout, &format!("libprotoc {PROTOC_VERSION}\n")),
        Mode::Compile(args) => Run { options, args: *args, stdin, stderr, stdout }.compile(),
    }
}

/// Where even the message cannot be written, the exit code has to say it.
fn failed(stderr: &mut dyn Write, message: &str) -> i32 {
    let _unwritable = writeln!(stderr, "{message}");
    1
}

fn print(stdout: &mut dyn Write, text: &str) -> i32 {
    i32::from(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err())
}

const NOTICES: &str = "\
carom-protoc is offered under the MIT or the Apache-2.0 licence, as you prefer.
The .proto files of google.protobuf that come with it are Copyright Google Inc. and have their BSD licence at the top of
each file.
";

const HELP: &str = "\
Usage: carom-protoc [OPTION] PROTO_FILES
Parse PROTO_FILES and generate output based on the options given:
  -IPATH, --proto_path=PATH   Directory in which to search for imports. May be given more than once; directories
                              are searched in order. VIRTUAL=PATH maps an import prefix. Default: the current one.
  --descriptor_set_in=FILES   Files, with colons between, that hold FileDescriptorSets; what is in none of the
                              directories is taken from them.
  --version                   Show version info and exit.
  -h, --help                  Show this text and exit.
  --notices                   Show whose work this is and exit.

  --python_out=OUT_DIR        Generate Python source file.
  --pyi_out=OUT_DIR           Generate Python pyi stub.
  --grpc_python_out=OUT_DIR   Generate Python source file for gRPC services.
  --grpc_pyi_out=OUT_DIR      Generate Python pyi stub for gRPC services. protoc has no such flag.
  --X_out=OUT_DIR             Run the plugin protoc-gen-X. An OUT_DIR that ends in .zip or .jar is made an archive.
  --X_opt=PARAMETER           Pass a parameter to the generator of --X_out.
  --X_prefix=COMMAND          Run the plugin of --X_out by a command.
  --plugin=EXECUTABLE, --plugin=NAME=EXECUTABLE
                              A plugin; NAME is protoc-gen-X. Others are found in PATH.
  --unsafe_allow_out_dir_escape
                              Let generated files lie outside OUT_DIR.
  --edition_defaults_out=FILE Write the FeatureSetDefaults of the features that the input files declare.
  --edition_defaults_minimum=EDITION, --edition_defaults_maximum=EDITION
                              With it: the range of editions. Default: PROTO2 to 2026.
  --experimental_editions     Take edition UNSTABLE, and editions that a generator does not say it knows.
  --dependency_out=FILE       Write a dependency file for make.
  -oFILE, --descriptor_set_out=FILE
                              Write a FileDescriptorSet of the input files.
  --include_imports           With it: also all that the input files import.
  --include_source_info       With it: keep places and comments.
  --retain_options            With it: keep options that are meant for the source only.

  --encode=MESSAGE_TYPE       Read a message in text format, write it in binary.
  --deterministic_output      With it: accepted; the output always is.
  --decode=MESSAGE_TYPE       Read a message in binary, write it in text format.
  --decode_raw                The same without a type, and without PROTO_FILES.
  --print_free_field_numbers  Print the free field numbers of each message.

  --error_format=FORMAT       Form of messages: gcc (default) or msvs.
  --fatal_warnings            Fail on warnings.
  --disallow_services         Refuse files with services.
  --direct_dependencies=FILES, --option_dependencies=FILES
                              What the input files may import, and import for options, with colons between.
  --direct_dependencies_violation_msg=TEXT, --option_dependencies_violation_msg=TEXT
                              What to say of other imports; %s stands for the import.
  @FILENAME                   Read arguments from a file, one a line.
";

struct Run<'a> {
    options: Options,
    args: Args,
    stdin: &'a mut dyn Read,
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
}

impl Run<'_> {
    fn compile(mut self) -> i32 {
        match self.try_compile() {
            Ok(()) => 0,
            Err(message) => {
                if !message.is_empty() {
                    failed(self.stderr, &message);
                }
                1
            }
        }
    }

    /// An empty error has been reported already.
    fn try_compile(&mut self) -> Result<(), String> {
        for warning in self.args.warnings() {
            failed(self.stderr, &warning);
        }
        if self.args.action == Action::DecodeRaw {
            return inspect::decode_raw(self.stdin, self.stdout);
        }
        let disk = self.args.descriptor_set_in.is_empty() || !self.args.mappings.is_empty();
        let files = Files::new(self.include_paths(), disk, &self.args.descriptor_set_in)?;
        let paths = files.paths.clone();
        let mut names = Vec::new();
        for input in &self.args.inputs {
            names.push(match disk {
                true if !Path::new(input).exists() && files.has_descriptor(input) => input.clone(),
                true => import_name(&files.paths, input)?,
                false => set_name(&files, input)?,
            });
        }
        let compilation = match compile_with(&names, &files, self.args.experimental_editions) {
            Ok(compilation) => compilation,
            Err(diagnostics) => {
                self.report(&diagnostics, &paths);
                return Err(String::new());
            }
        };
        self.report(compilation.warnings(), &paths);
        self.check_inputs(&compilation)?;
        self.warn_of_generic_services(&compilation, &paths);
        if self.args.fatal_warnings && !compilation.warnings().is_empty() {
            return Err(String::new());
        }
        if self.args.action != Action::Generate {
            return inspect::act(&self.args.action, &compilation, self.stdin, self.stdout, self.stderr);
        }
        let mut outputs = Outputs::default();
        if !self.args.outputs.is_empty() {
            let request = Request::new(&compilation);
            for directive in &self.args.outputs {
                self.generate(directive, &request, &mut outputs)?;
            }
        }
        outputs.write()?;
        if let Some(path) = &self.args.dependency_out {
            output::write_dependencies(path, &self.args, &outputs, &compilation, &paths)?;
        }
        if let Some(path) = &self.args.edition_defaults_out {
            write_edition_defaults(&self.args, path, &compilation)?;
        }
        if let Some(path) = &self.args.descriptor_set_out {
            write_set(&self.args, path, &compilation, self.stdout)?;
        }
        Ok(())
    }

    /// This warning is never fatal, and so it is none of the compilation's.
    fn warn_of_generic_services(&mut self, compilation: &Compilation, paths: &IncludePaths) {
        let mut warnings = Diagnostics::default();
        for file in compilation.requested().filter(|file| file.has_generic_services()) {
            let text = "Generic services (cc_generic_services, java_generic_services, and py_generic_services) are \
                        deprecated in favor of using plugins that generate code specific to your particular RPC system. \
                        Additional code generator options may be required to enable generic services and total removal of \
                        these options is planned in future breaking releases.";
            warnings.about_file(false, file.name(), text.to_owned());
        }
        self.report(&warnings, paths);
    }

    /// What a build system may forbid the files that were asked for.
    fn check_inputs(&self, compilation: &Compilation) -> Result<(), String> {
        for file in compilation.requested() {
            if self.args.disallow_services && file.has_services() {
                return Err(format!(
                    "{}: This file contains services, but --disallow_services was used.",
                    file.name()
                ));
            }
            let plain: Vec<&str> = file.imports().collect();
            let for_options: Vec<&str> = file.option_imports().collect();
            let lists =
                [(&self.args.direct_dependencies, plain), (&self.args.option_dependencies, for_options)];
            for (list, imports) in lists {
                let Some(allowed) = &list.allowed else { continue };
                let forbidden: Vec<String> = imports
                    .into_iter()
                    .filter(|import| !allowed.iter().any(|allowed| allowed == import))
                    .map(|import| format!("{}: {}", file.name(), list.violation.replace("%s", import)))
                    .collect();
                if !forbidden.is_empty() {
                    return Err(forbidden.join("\n"));
                }
            }
        }
        Ok(())
    }

    fn include_paths(&mut self) -> IncludePaths {
        let mut mappings = std::mem::take(&mut self.args.mappings);
        for mapping in &mappings {
            if !mapping.disk_path.exists() {
                let path = mapping.disk_path.display();
                failed(self.stderr, &format!("{path}: warning: directory does not exist."));
            }
        }
        if mappings.is_empty() {
            mappings.push(Mapping { virtual_path: String::new(), disk_path: ".".into() });
        }
        IncludePaths::new(mappings, self.options.bundled_includes)
    }

    /// Prints what was found, with the paths on disk in place of import names.
    fn report(&mut self, diagnostics: &Diagnostics, paths: &IncludePaths) {
        for diagnostic in diagnostics.with_files(|file| shown_import(paths, file)) {
            let text = if self.args.msvs {
                msvs(&diagnostic)
            } else if self.options.source_lines {
                diagnostic.render_with_source()
            } else {
                diagnostic.to_string()
            };
            failed(self.stderr, &text);
        }
    }

    fn generate(
        &self,
        directive: &OutputDirective,
        request: &Request,
        outputs: &mut Outputs,
    ) -> Result<(), String> {
        let name = directive.name.as_str();
        let options =
            self.args.parameters.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str());
        let all: Vec<&str> = [directive.parameter.as_str()]
            .into_iter()
            .chain(options)
            .filter(|part| !part.is_empty())
            .collect();
        let parameter = all.join(",");
        let built_in = built_in(name);
        let mut plugin;
        let generator: &dyn Generator = match built_in {
            Some(generator) => generator,
            None => {
                let prefix = self.args.prefixes.iter().rev().find(|(of, _)| of == name);
                let prefix = prefix.map_or("", |(_, command)| command.as_str());
                plugin = crate::generate::Plugin::new(name, &self.args.plugins).run_by(prefix);
                if self.args.experimental_editions {
                    plugin = plugin.with_any_edition();
                }
                &plugin
            }
        };
        let built_in = built_in.is_some();
        if built_in && !self.args.experimental_editions {
            BUILT_IN.check(request, &format!("--{name}_out"))?;
        }
        let first = request.to_generate.first().filter(|_| built_in).map(|index| &request.files[*index].name);
        let files = generator.generate(request, &parameter).map_err(|error| match first {
            Some(file) => format!("--{name}_out: {file}: {error}"),
            None => format!("--{name}_out: {error}"),
        })?;
        outputs.add(&directive.location, files, self.args.out_dir_escape)
    }
}

/// A file as the user would open it, by its import name.
pub(crate) fn shown_import(paths: &IncludePaths, name: &str) -> String {
    paths.disk_path(name).map_or_else(|| name.to_owned(), |path| shown(&path))
}

/// A path without `.` parts.
pub(crate) fn shown(path: &Path) -> String {
    let plain: std::path::PathBuf =
        path.components().filter(|part| *part != std::path::Component::CurDir).collect();
    plain.display().to_string()
}

/// The form that Visual Studio reads.
fn msvs(diagnostic: &Diagnostic) -> String {
    let kind = if diagnostic.severity == Severity::Warning { "warning" } else { "error" };
    match diagnostic.position {
        Some(at) => {
            let Diagnostic { file, message, .. } = diagnostic;
            let word = if kind == "warning" { "warning: " } else { "" };
            format!("{file}({}) : {kind} in column={}: {word}{message}", at.line, at.column)
        }
        None => diagnostic.to_string(),
    }
}

/// An input file of a run that has nothing but descriptor sets.
fn set_name(files: &Files, input: &str) -> Result<String, String> {
    if files.has_descriptor(input) {
        return Ok(input.to_owned());
    }
    Err(format!("Could not find file in descriptor database: {input}: No such file or directory"))
}

/// The name under which an input file is imported: it lies below the include path, or is such a name itself.
pub(crate) fn import_name(paths: &IncludePaths, input: &str) -> Result<String, String> {
    if !Path::new(input).exists() {
        if paths.disk_path(input).is_some() || crate::bundled::bundled(input).is_some() {
            return Ok(input.to_owned());
        }
        return Err(format!("Could not make proto path relative: {input}: No such file or directory"));
    }
    if Path::new(input).is_dir() {
        return Err(format!("Could not map to virtual file: {input}: Input file is a directory."));
    }
    match paths.virtual_name(input) {
        VirtualName::Found(name) => Ok(name),
        VirtualName::Shadowed(other) => Err(format!(
            "{input}: Input is shadowed in the --proto_path by \"{}\".  Either use the latter file as your input or \
             reorder the --proto_path so that the former file's location comes first.",
            other.display()
        )),
        VirtualName::NoMapping => {
            if paths.disk_path(input).is_some() {
                return Ok(input.to_owned());
            }
            Err(format!(
                "{input}: File does not reside within any path specified using --proto_path (or -I).  You must \
                 specify a --proto_path which encompasses this file.  Note that the proto_path must be an exact \
                 prefix of the .proto file names -- protoc is too dumb to figure out when two paths (e.g. absolute \
                 and relative) are equivalent (it's harder than you think)."
            ))
        }
    }
}

fn write_edition_defaults(args: &Args, path: &Path, compilation: &Compilation) -> Result<(), String> {
    let minimum = args.edition_defaults_minimum.unwrap_or(edition_defaults::PROTO2);
    let maximum = args.edition_defaults_maximum.unwrap_or(edition_defaults::EDITION_2026);
    let named = |error: String| format!("{}: {error}", path.display());
    let bytes =
        edition_defaults::edition_defaults(&Request::new(compilation), minimum, maximum).map_err(named)?;
    std::fs::write(path, bytes).map_err(|error| named(reason(&error)))
}

fn write_set(
    args: &Args,
    path: &Path,
    compilation: &Compilation,
    stdout: &mut dyn Write,
) -> Result<(), String> {
    let detail =
        DescriptorDetail { source_info: args.include_source_info, retain_options: args.retain_options };
    let write = |out: &mut dyn Write| {
        if args.include_imports {
            write_descriptor_set(compilation.files(), detail, out)
        } else {
            write_descriptor_set(compilation.requested_in_order(), detail, out)
        }
    };
    let written = match path == Path::new("-") {
        true => write(stdout),
        false => std::fs::File::create(path).and_then(|file| write(&mut io::BufWriter::new(file))),
    };
    written.map_err(|error| format!("{}: {}", path.display(), reason(&error)))
}
