//! Plugins: programs that read a `CodeGeneratorRequest` and write a `CodeGeneratorResponse`.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use buffa::Message as _;
use buffa_descriptor::generated::compiler::CodeGeneratorResponse;

use super::{GeneratedFile, Generator, Request, support::Support};
use crate::{text::c_escape, wire::Writer};

/// A generator in a program of its own.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// `protoc-gen-X`
    name: String,
    program: PathBuf,
    /// A program and its arguments that run the plugin.
    prefix: Vec<String>,
    /// It is not asked which editions it knows.
    any_edition: bool,
}

/// `CodeGeneratorResponse.Feature`
const PROTO3_OPTIONAL: u64 = 1;
const SUPPORTS_EDITIONS: u64 = 2;

/// The version that plugins are told: protoc 35.1 calls its C++ runtime 7.35.1.
const COMPILER_VERSION: (u64, u64, u64) = (7, 35, 1);

/// How many bytes of an answer that is none are shown.
const MOST_SHOWN: usize = 200;

/// An I/O error in the words of the operating system, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

impl Plugin {
    /// The plugin of `--X_out`: one of those given by name, or `protoc-gen-X` in `PATH`.
    pub fn new(output: &str, given: &[(String, PathBuf)]) -> Self {
        let name = format!("protoc-gen-{output}");
        let program = given.iter().find(|(known, _)| *known == name).map(|(_, path)| path.clone());
        Self {
            program: program.unwrap_or_else(|| PathBuf::from(&name)),
            name,
            prefix: Vec::new(),
            any_edition: false,
        }
    }

    /// The same plugin, run by a command: `COMMAND PLUGIN`. The words of the command are separated by blanks.
    pub fn run_by(mut self, command: &str) -> Self {
        self.prefix = command.split_whitespace().map(str::to_owned).collect();
        self
    }

    /// The same plugin, also for files of editions that it does not say it knows.
    pub fn with_any_edition(mut self) -> Self {
        self.any_edition = true;
        self
    }

    fn command(&self) -> Command {
        match self.prefix.split_first() {
            None => Command::new(&self.program),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.program);
                command
            }
        }
    }

    /// Why there is no such program, and where one may come from.
    fn not_run(&self, error: &io::Error) -> String {
        let (name, program) = (&self.name, self.program.display());
        if self.program != Path::new(name) {
            return format!("{name}: The plugin {program} cannot be run: {}.", reason(error));
        }
        let language = name.strip_prefix("protoc-gen-").unwrap_or(name);
        let hint = match language {
            "cpp" | "csharp" | "java" | "kotlin" | "objc" | "php" | "rbs" | "ruby" | "rust" | "upb" => {
                return format!(
                    "protoc generates {language} itself, carom-protoc does not: use protoc for it, or put a plugin \
                     named {name} into PATH or name one with --plugin={name}=PROGRAM."
                );
            }
            "go" => " Install it with: go install google.golang.org/protobuf/cmd/protoc-gen-go@latest",
            "go-grpc" => " Install it with: go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@latest",
            "es" => " Install it with: npm install @bufbuild/protoc-gen-es",
            "ts_proto" => " Install it with: npm install ts-proto",
            "mypy" | "mypy_grpc" => " Install it with: pip install mypy-protobuf",
            "grpc-java" => " It is io.grpc:protoc-gen-grpc-java on Maven Central.",
            _ => "",
        };
        format!(
            "{name}: program not found or is not executable. Put it into PATH or name one with \
             --plugin={name}=PROGRAM.{hint}"
        )
    }

    fn run(&self, input: Vec<u8>) -> Result<Vec<u8>, String> {
        let name = &self.name;
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| self.not_run(&error))?;
        let stdin = child.stdin.take();
        // Written from a thread of its own: a plugin may write before it has read everything.
        let writer = thread::spawn(move || stdin.map_or(Ok(()), |mut stdin| stdin.write_all(&input)));
        let mut output = Vec::new();
        let read = child.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut output));
        // A plugin that does not read its input to the end may have all it wants.
        let _unread = writer.join();
        let status = child.wait().map_err(|error| format!("{name}: {error}."))?;
        if !status.success() {
            return Err(match status.code() {
                Some(code) => format!("{name}: Plugin failed with status code {code}."),
                None => format!("{name}: Plugin was killed by a signal."),
            });
        }
        read.map_err(|error| format!("{name}: {error}."))?;
        Ok(output)
    }
}

impl Generator for Plugin {
    fn generate(&self, request: &Request, parameter: &str) -> Result<Vec<GeneratedFile>, String> {
        let output = self.run(encode(request, parameter))?;
        let response = CodeGeneratorResponse::decode_from_slice(&output).map_err(|_| {
            let shown = c_escape(&output[..output.len().min(MOST_SHOWN)]);
            format!("{}: Plugin output is unparseable: {shown}", self.name)
        })?;
        let features = response.supported_features.unwrap_or(0);
        let editions = (features & SUPPORTS_EDITIONS != 0)
            .then(|| (response.minimum_edition.unwrap_or(0), response.maximum_edition.unwrap_or(0)));
        let support = Support { proto3_optional: features & PROTO3_OPTIONAL != 0, editions };
        if !self.any_edition {
            support.check(request, &self.name)?;
        }
        if let Some(error) = response.error.filter(|error| !error.is_empty()) {
            return Err(error);
        }
        let mut files: Vec<GeneratedFile> = Vec::new();
        for file in response.file {
            let content = file.content.unwrap_or_default().into_bytes();
            match file.name.filter(|name| !name.is_empty()) {
                Some(name) => {
                    files.push(GeneratedFile { name, insertion_point: file.insertion_point, content });
                }
                // Without a name it goes on with the file before.
                None => match files.last_mut() {
                    Some(last) => last.content.extend(content),
                    None => {
                        return Err(format!(
                            "{}: First file chunk returned by plugin did not specify a file name.",
                            self.name
                        ));
                    }
                },
            }
        }
        Ok(files)
    }
}

/// The encoded `CodeGeneratorRequest`.
fn encode(request: &Request, parameter: &str) -> Vec<u8> {
    let mut out = Writer::default();
    let to_generate = || request.to_generate.iter().map(|index| &request.files[*index]);
    to_generate().for_each(|file| out.string(1, &file.name));
    if !parameter.is_empty() {
        out.string(2, parameter);
    }
    out.message(3, |out| {
        let (major, minor, patch) = COMPILER_VERSION;
        out.varint_field(1, major);
        out.varint_field(2, minor);
        out.varint_field(3, patch);
        out.string(4, "");
    });
    // These come in the order of the files, not of the request.
    let mut indices = request.to_generate.clone();
    indices.sort_unstable();
    for (index, file) in request.files.iter().enumerate() {
        let asked_for = indices.binary_search(&index).is_ok();
        out.bytes(15, if asked_for { &file.descriptor } else { file.source_descriptor() });
    }
    indices.iter().for_each(|index| out.bytes(17, request.files[*index].source_descriptor()));
    out.into_bytes()
}
