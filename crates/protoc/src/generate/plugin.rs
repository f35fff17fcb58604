//! Plugins: programs that read a `CodeGeneratorRequest` and write a `CodeGeneratorResponse`.

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use buffa::Message as _;
use buffa_descriptor::generated::compiler::CodeGeneratorResponse;

use super::{GeneratedFile, Generator, Request, raw};
use crate::wire::Writer;

/// A generator in a program of its own.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// `protoc-gen-X`
    name: String,
    program: PathBuf,
}

/// `CodeGeneratorResponse.Feature.FEATURE_PROTO3_OPTIONAL`
const PROTO3_OPTIONAL: u64 = 1;

/// The version that plugins are told: protoc 35.1 calls its C++ runtime 7.35.1.
const COMPILER_VERSION: (u64, u64, u64) = (7, 35, 1);

impl Plugin {
    /// The plugin of `--X_out`: one of those given by name, or `protoc-gen-X` in `PATH`.
    pub fn new(output: &str, given: &[(String, PathBuf)]) -> Self {
        let name = format!("protoc-gen-{output}");
        let program = given.iter().find(|(known, _)| *known == name).map(|(_, path)| path.clone());
        Self { program: program.unwrap_or_else(|| PathBuf::from(&name)), name }
    }

    /// A plugin that does not know proto3 `optional` is not given files that use it.
    fn check_no_optional(&self, request: &Request) -> Result<(), String> {
        for file in request.to_generate.iter().map(|index| &request.files[*index]) {
            if raw::all(&file.descriptor, 4).any(uses_optional) {
                return Err(format!(
                    "{}: is a proto3 file that contains optional fields, but code generator {} hasn't been updated \
                     to support optional fields in proto3. Please ask the owner of this code generator to support \
                     proto3 optional.",
                    file.name, self.name
                ));
            }
        }
        Ok(())
    }

    fn run(&self, input: Vec<u8>) -> Result<Vec<u8>, String> {
        let name = &self.name;
        let mut child =
            Command::new(&self.program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(
                |error| format!("{name}: Plugin {} cannot be run: {error}.", self.program.display()),
            )?;
        let stdin = child.stdin.take();
        // Written from a thread of its own: a plugin may write before it has read everything.
        let writer = thread::spawn(move || stdin.map_or(Ok(()), |mut stdin| stdin.write_all(&input)));
        let mut output = Vec::new();
        let read = child.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut output));
        // A plugin that does not read its input to the end may have all it wants.
        let _unread = writer.join();
        let status = child.wait().map_err(|error| format!("{name}: {error}."))?;
        if !status.success() {
            let code =
                status.code().map_or_else(|| "a signal".to_owned(), |code| format!("status code {code}"));
            return Err(format!("{name}: Plugin failed with {code}."));
        }
        read.map_err(|error| format!("{name}: {error}."))?;
        Ok(output)
    }
}

impl Generator for Plugin {
    fn generate(&self, request: &Request, parameter: &str) -> Result<Vec<GeneratedFile>, String> {
        let output = self.run(encode(request, parameter))?;
        let response = CodeGeneratorResponse::decode_from_slice(&output)
            .map_err(|_| format!("{}: Plugin output is unparseable.", self.name))?;
        if let Some(error) = response.error.filter(|error| !error.is_empty()) {
            return Err(error);
        }
        if response.supported_features.unwrap_or(0) & PROTO3_OPTIONAL == 0 {
            self.check_no_optional(request)?;
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

/// Whether a message or one in it has a field with `FieldDescriptorProto.proto3_optional`.
fn uses_optional(message: &[u8]) -> bool {
    raw::all(message, 2).any(|field| raw::varints(field, 17).last() == Some(1))
        || raw::all(message, 3).any(uses_optional)
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
