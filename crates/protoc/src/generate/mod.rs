//! Code generators: descriptors in, text out. The built-in ones and plugins see the same request.

mod code;
pub(crate) mod edition_defaults;
mod grpc_python;
mod plugin;
mod pyi;
mod python;
mod python_names;
mod support;
mod types;

pub use grpc_python::{GrpcPyi, GrpcPython};
pub use plugin::Plugin;
pub use pyi::Pyi;
pub use python::Python;
pub(crate) use support::BUILT_IN;

/// The generators of this crate, by the name that stands in `--X_out`.
pub(crate) fn built_in(name: &str) -> Option<&'static dyn Generator> {
    Some(match name {
        "python" => &Python,
        "pyi" => &Pyi,
        "grpc_python" => &GrpcPython,
        "grpc_pyi" => &GrpcPyi,
        _ => return None,
    })
}

use std::collections::HashMap;

use crate::session::{Compilation, DescriptorDetail};

/// What a generator works on: files in dependency order, and which of them to generate for.
#[derive(Debug, Default)]
pub struct Request {
    /// All files that are asked for or imported, each after its imports.
    pub files: Vec<RequestFile>,
    /// Indices into `files` of those to generate for, in the order in which they were asked for.
    pub to_generate: Vec<usize>,
    /// Indices into `files` by name.
    by_name: HashMap<String, usize>,
}

/// One file of a request.
#[derive(Debug)]
pub struct RequestFile {
    /// The name under which it is imported.
    pub name: String,
    /// The encoded `FileDescriptorProto` with JSON names and source info, without options that are meant for the source
    /// only: what plugins get of a file to generate for.
    pub descriptor: Vec<u8>,
    /// The same with those options, where that is another one.
    retained: Option<Vec<u8>>,
    /// The encoded `FileDescriptorProto` as generated code embeds it.
    pub embedded: Vec<u8>,
}

impl RequestFile {
    /// The encoded `FileDescriptorProto` with options that are meant for the source only: what plugins get of an
    /// imported file, and in `source_file_descriptors`.
    pub fn source_descriptor(&self) -> &[u8] {
        self.retained.as_ref().unwrap_or(&self.descriptor)
    }
}

impl Request {
    /// A request for the files that were compiled.
    pub fn new(compilation: &Compilation) -> Self {
        let files: Vec<RequestFile> = compilation
            .files()
            .map(|file| RequestFile {
                name: file.name().to_owned(),
                descriptor: file.descriptor(DescriptorDetail { source_info: true, retain_options: false }),
                retained: file
                    .differs_retained()
                    .then(|| file.descriptor(DescriptorDetail { source_info: true, retain_options: true })),
                embedded: file.embedded_descriptor(),
            })
            .collect();
        let by_name: HashMap<String, usize> =
            files.iter().enumerate().map(|(index, file)| (file.name.clone(), index)).collect();
        let to_generate =
            compilation.requested().filter_map(|file| by_name.get(file.name()).copied()).collect();
        Self { files, to_generate, by_name }
    }

    /// The file of that import name.
    pub fn file(&self, name: &str) -> Option<&RequestFile> {
        self.by_name.get(name).map(|index| &self.files[*index])
    }
}

/// A file that a generator made, or text for an insertion point of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Path below the output directory, with `/`.
    pub name: String,
    /// Where set, the content goes to the insertion point of that name in the file `name`.
    pub insertion_point: Option<String>,
    /// The text.
    pub content: Vec<u8>,
}

/// Makes files from a request.
pub trait Generator {
    /// Generates for every file of `request.to_generate`. `parameter` is what stands before the colon of `--X_out`.
    ///
    /// # Errors
    /// A message for the user: which file or parameter is wrong.
    fn generate(&self, request: &Request, parameter: &str) -> Result<Vec<GeneratedFile>, String>;
}
