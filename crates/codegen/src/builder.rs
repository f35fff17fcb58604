//! The configuration of a run, and the run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use buffa::Message;
use buffa_codegen::{BytesRepr, CodeGenConfig};
use buffa_descriptor::generated::descriptor::FileDescriptorSet;

use crate::error::Error;
use crate::front;
use crate::package::{Generated, Sides, generate};
use crate::tree::module_tree;

/// What is generated, and where to. [`configure`](crate::configure) gives one with the defaults.
#[derive(Debug, Clone)]
#[must_use = "nothing is generated before it compiles files"]
pub struct Builder {
    out_dir: Option<PathBuf>,
    sides: Sides,
    messages: CodeGenConfig,
    emit_rerun_if_changed: bool,
    file_descriptor_set_path: Option<PathBuf>,
    include_file: Option<PathBuf>,
}

impl Default for Builder {
    fn default() -> Self {
        // Views and the registration of `Any` types are what few services need, and cost compile time.
        let mut messages = CodeGenConfig::default();
        messages.file_per_package = true;
        messages.generate_views = false;
        messages.emit_register_fn = false;
        Self {
            out_dir: None,
            sides: Sides {
                client: true,
                server: true,
                client_attributes: Vec::new(),
                server_attributes: Vec::new(),
            },
            messages,
            emit_rerun_if_changed: true,
            file_descriptor_set_path: None,
            include_file: None,
        }
    }
}

/// What is generated.
impl Builder {
    /// The directory that the files are written to, created if it is not there. Default: `OUT_DIR`.
    pub fn out_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(directory.into());
        self
    }

    /// Whether clients are generated. Default: yes.
    pub fn build_client(mut self, yes: bool) -> Self {
        self.sides.client = yes;
        self
    }

    /// Whether servers are generated. Default: yes.
    pub fn build_server(mut self, yes: bool) -> Self {
        self.sides.server = yes;
        self
    }

    /// Takes a package, or a single type, from elsewhere instead of generating it: `.my.common` from
    /// `::my_common::protos`, `.my.common.Money` from `::money::Money`. The path is absolute, or starts with `crate`.
    /// Types of `google.protobuf` are taken from the crate `buffa-types` unless this says otherwise.
    pub fn extern_path(mut self, proto: impl Into<String>, rust: impl Into<String>) -> Self {
        self.messages.extern_paths.push((dotted(proto), rust.into()));
        self
    }

    /// Puts an attribute on messages, enums and oneofs: on one (`my.package.Message`), on those of a package, or on all
    /// (`.`).
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.type_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on fields: on one (`my.package.Message.field`), on those of a message or package, or on all
    /// (`.`).
    pub fn field_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.field_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the clients' types: of one service (`my.package.Service`), of a package, or of all (`.`).
    pub fn client_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.sides.client_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the servers' types, as [`client_attribute`](Self::client_attribute).
    pub fn server_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.sides.server_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Uses `bytes::Bytes`, which is cheap to clone, for the `bytes` fields under these paths (`.` for all). Default:
    /// `Vec<u8>`.
    pub fn bytes<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.messages.bytes_fields.extend(paths.into_iter().map(|path| (dotted(path), BytesRepr::Bytes)));
        self
    }

    /// Whether messages get the zero-copy view types of buffa as well. Default: no.
    pub fn views(mut self, yes: bool) -> Self {
        self.messages.generate_views = yes;
        self
    }

    /// Whether messages get the JSON form of protobuf by serde. The crate that includes the code then needs `serde`,
    /// and buffa's feature `json`. Default: no.
    pub fn json(mut self, yes: bool) -> Self {
        self.messages.generate_json = yes;
        self
    }

    /// Changes anything else about how messages are generated. That each package is one file is not up to change.
    pub fn messages(mut self, change: impl FnOnce(&mut CodeGenConfig)) -> Self {
        change(&mut self.messages);
        self.messages.file_per_package = true;
        self
    }

    /// Whether the build script is told to run again when one of the `.proto` files, or a file that they import,
    /// changes. Default: yes.
    pub fn emit_rerun_if_changed(mut self, yes: bool) -> Self {
        self.emit_rerun_if_changed = yes;
        self
    }

    /// Writes the `FileDescriptorSet` of the whole run to this file, too. (Each package has a constant
    /// `FILE_DESCRIPTOR_SET` of its own.)
    pub fn file_descriptor_set_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.file_descriptor_set_path = Some(path.into());
        self
    }

    /// Writes a file of this name into the output directory that includes all packages, each in the modules that its
    /// name asks for, so that packages find each other: `include!(concat!(env!("OUT_DIR"), "/protos.rs"))`.
    pub fn include_file(mut self, name: impl Into<PathBuf>) -> Self {
        self.include_file = Some(name.into());
        self
    }
}

/// The run.
impl Builder {
    /// Compiles `.proto` files and generates the code of them and of all that they import, but for what
    /// [`extern_path`](Self::extern_path) covers. `includes` are the directories that imports are relative to; a file
    /// is given by its path, which lies in one of them, or relative to one of them. Google's well-known files need not
    /// be there.
    ///
    /// # Errors
    /// The files do not compile, cannot be made code of, or a file cannot be read or written.
    pub fn compile_protos(
        &self,
        files: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        let files: Vec<PathBuf> = files.iter().map(|path| path.as_ref().to_owned()).collect();
        let includes: Vec<PathBuf> = includes.iter().map(|path| path.as_ref().to_owned()).collect();
        let compiled = front::compile(&files, &includes)?;
        if self.emit_rerun_if_changed {
            for path in &compiled.sources {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
        show_warnings(&compiled.warnings);
        self.compile_descriptor_set(&compiled.set)
    }

    /// Generates the code of files that are compiled already: of all in the set but those that
    /// [`extern_path`](Self::extern_path) covers. The set must hold their imports, as `--include_imports` of protoc
    /// gives them; comments are carried over if it holds source information.
    ///
    /// # Errors
    /// The set cannot be made code of, or a file cannot be written.
    pub fn compile_descriptor_set(&self, set: &FileDescriptorSet) -> Result<(), Error> {
        let out_dir = self.output_directory()?;
        let Generated { packages, warnings } = generate(&set.file, &self.messages, &self.sides)?;
        show_warnings(&warnings);
        fs::create_dir_all(&out_dir).map_err(|source| Error::Io { path: out_dir.clone(), source })?;
        for package in &packages {
            write(&out_dir.join(package.source_file()), package.source.as_bytes())?;
            write(&out_dir.join(package.descriptors_file()), &package.descriptors)?;
        }
        if let Some(name) = &self.include_file {
            let tree = module_tree(&packages);
            write(&out_dir.join(name), tree.as_bytes())?;
        }
        if let Some(path) = &self.file_descriptor_set_path {
            write(path, &set.encode_to_vec())?;
        }
        Ok(())
    }

    fn output_directory(&self) -> Result<PathBuf, Error> {
        match &self.out_dir {
            Some(directory) => Ok(directory.clone()),
            None => env::var_os("OUT_DIR").map(PathBuf::from).ok_or(Error::NoOutDir),
        }
    }
}

/// Has cargo show warnings.
fn show_warnings(warnings: &[String]) {
    for warning in warnings {
        println!("cargo::warning={}", warning.replace('\n', " "));
    }
}

/// The form that buffa's configuration has for paths.
fn dotted(path: impl Into<String>) -> String {
    let path = path.into();
    if path.starts_with('.') { path } else { format!(".{path}") }
}

/// Writes a file unless it has that content already, so that a build sees no change where there is none.
fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|source| Error::Io { path: path.to_owned(), source })
}
