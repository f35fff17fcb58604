//! The configuration of a run, and the run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use buffa::Message;
use buffa_codegen::{BytesRepr, CodeGenConfig, MapRepr, PointerRepr, RepeatedRepr, StringRepr};
#[cfg(test)]
use buffa_descriptor::generated::descriptor::FileDescriptorProto;
use buffa_descriptor::generated::descriptor::FileDescriptorSet;

use crate::error::Error;
use crate::front;
use crate::messages::Messages;
use crate::package::{Generated, MessageOptions, Sides, generate};
use crate::tree::module_tree;

/// What is generated, and where to. [`configure`](crate::configure) gives one with the defaults.
#[derive(Debug, Clone)]
#[must_use = "nothing is generated before it compiles files"]
pub struct Builder {
    out_dir: Option<PathBuf>,
    sides: Sides,
    messages: MessageOptions,
    emit_rerun_if_changed: bool,
    file_descriptor_set_path: Option<PathBuf>,
    include_file: Option<PathBuf>,
}

impl Default for Builder {
    fn default() -> Self {
        // Views and the registration of `Any` types are what few services need, and cost compile time.
        let mut config = CodeGenConfig::default();
        config.file_per_package = true;
        config.generate_views = false;
        config.emit_register_fn = false;
        // A message that says that it is a MessageSet is one; there is no reason to refuse it.
        config.allow_message_set = true;
        Self {
            out_dir: None,
            sides: Sides {
                client: true,
                server: true,
                client_attributes: Vec::new(),
                client_mod_attributes: Vec::new(),
                server_attributes: Vec::new(),
                server_mod_attributes: Vec::new(),
                trait_attributes: Vec::new(),
            },
            messages: MessageOptions {
                kind: Messages::default(),
                config,
                #[cfg(feature = "prost")]
                prost: Default::default(),
            },
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

    /// Whose messages are generated. Default: [`Messages::Buffa`].
    ///
    /// With `Messages::Prost` they are those that tonic's users have, made by prost-build out of the descriptors of this
    /// compiler; the crate that includes the code depends on `carom` with its feature `prost`, on `prost`, and on
    /// `prost-types` where Google's well-known types are used. Services are the same.
    /// ```ignore
    /// carom_codegen::configure().messages(Messages::Prost).compile_protos(&["a.proto"], &["proto"])?;
    /// ```
    pub fn messages(mut self, kind: Messages) -> Self {
        self.messages.kind = kind;
        self
    }

    /// Changes anything else about how buffa generates messages. That each package is one file is not up to change.
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// carom_codegen::configure()
    ///     .buffa_config(|config| config.strict_utf8_mapping = true)
    ///     .compile_protos(&["a.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn buffa_config(mut self, change: impl FnOnce(&mut CodeGenConfig)) -> Self {
        change(&mut self.messages.config);
        self.messages.config.file_per_package = true;
        self
    }

    /// Changes anything else about how prost-build generates messages: `.prost_config(|config| { config.skip_debug(["."]); })`.
    /// Where files go to and how services are generated is not up to it.
    #[cfg(feature = "prost")]
    pub fn prost_config(mut self, change: impl Fn(&mut prost_build::Config) + Send + Sync + 'static) -> Self {
        self.messages.prost.add(change);
        self
    }

    /// Whether messages get the zero-copy view types of buffa as well. Default: no.
    pub fn views(mut self, yes: bool) -> Self {
        self.messages.config.generate_views = yes;
        self
    }

    /// Whether messages get the JSON form of protobuf by serde. The crate that includes the code then needs `serde`,
    /// `serde_json`, and buffa's feature `json`; with the feature `float_roundtrip` of `serde_json` numbers are read to the
    /// last bit. Default: no.
    pub fn json(mut self, yes: bool) -> Self {
        self.messages.config.generate_json = yes;
        self
    }

    /// Whether messages get protobuf's text format. The crate that includes the code then needs buffa's feature `text`.
    /// Default: no.
    pub fn text(mut self, yes: bool) -> Self {
        self.messages.config.generate_text = yes;
        self
    }

    /// Whether packages get a function `register_types`, by which JSON and text find what is in an `Any` or an extension.
    /// Default: no.
    pub fn register_types(mut self, yes: bool) -> Self {
        self.messages.config.emit_register_fn = yes;
        self
    }
}

/// Options for a part of the files, by path: of a package, a message, an enum, a oneof, a field or a service
/// (`my.package.Message.field`), for that and all that lies in it; `.` stands for everything. Where several fit, attributes
/// add up, and of types the last one counts. A path that fits nothing is told as a warning of the build.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// carom_codegen::configure()
///     .type_attribute("shop", "#[derive(Hash)]")
///     .field_attribute("shop.Order.card", "#[doc(hidden)]")
///     .bytes(["shop.Picture"])
///     .btree_map(["."])
///     .string_type("shop.Order.id", "crate::Id")
///     .extern_path("money.v1", "::money::v1")
///     .client_mod_attribute("shop.Shop", "#[cfg(feature = \"client\")]")
///     .compile_protos(&["proto/shop.proto"], &["proto"])?;
/// # Ok(())
/// # }
/// ```
impl Builder {
    /// Takes a package, or a single type, from elsewhere instead of generating it: `.my.common` from
    /// `::my_common::protos`, `.my.common.Money` from `::money::Money`. The path is absolute, or starts with `crate`.
    /// Services of a package that is taken from elsewhere are generated all the same, over its messages, if their file was
    /// named to be compiled. Types of `google.protobuf` are taken from the crate `buffa-types` (`prost-types`) unless this says otherwise.
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// carom_codegen::configure()
    ///     .extern_path("google.protobuf", "::buffa_types::google::protobuf")
    ///     .extern_path("my.common", "::my_common::protos")
    ///     .compile_protos(&["a.proto"], &["proto"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn extern_path(mut self, proto: impl Into<String>, rust: impl Into<String>) -> Self {
        self.messages.config.extern_paths.push((dotted(proto), rust.into()));
        self
    }

    /// Puts an attribute on messages, enums and oneofs: `.type_attribute("shop", "#[derive(Hash)]")`.
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.config.type_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on messages alone: `.message_attribute(".", "#[must_use]")`.
    pub fn message_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.config.message_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on enums alone, oneofs not among them: `.enum_attribute("shop.State", "#[derive(PartialOrd)]")`.
    pub fn enum_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.config.enum_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the enums of oneofs alone: `.oneof_attribute("shop.Order.payment", "#[derive(Hash)]")`.
    pub fn oneof_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.config.oneof_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on fields: `.field_attribute("shop.Order.card", "#[doc(hidden)]")`.
    pub fn field_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.config.field_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the clients' types: `.client_attribute("shop.Shop", "#[derive(PartialEq)]")`.
    pub fn client_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.sides.client_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the clients' modules: `.client_mod_attribute(".", "#[cfg(feature = \"client\")]")`.
    pub fn client_mod_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.sides.client_mod_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the servers' types: `.server_attribute("shop.Shop", "#[allow(dead_code)]")`.
    pub fn server_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.sides.server_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the servers' modules: `.server_mod_attribute(".", "#[cfg(feature = \"server\")]")`.
    pub fn server_mod_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.sides.server_mod_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Puts an attribute on the servers' traits: `.trait_attribute("shop.Shop", "#[mockall::automock]")`.
    pub fn trait_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.sides.trait_attributes.push((dotted(path), attribute.into()));
        self
    }

    /// Uses `bytes::Bytes`, which is cheap to clone, for `bytes` fields: `.bytes(["shop.Picture"])`. Default: `Vec<u8>`.
    pub fn bytes<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        let rules = paths.into_iter().map(|path| (dotted(path), BytesRepr::Bytes));
        self.messages.config.bytes_fields.extend(rules);
        self
    }

    /// Uses a type of yours, which implements `buffa::ProtoBytes`, for `bytes` fields:
    /// `.bytes_type("shop.Key", "::keys::KeyBytes")`. Not with prost.
    pub fn bytes_type(mut self, path: impl Into<String>, rust: impl Into<String>) -> Self {
        self.messages.config.bytes_fields.push((dotted(path), BytesRepr::Custom(rust.into())));
        self
    }

    /// Uses a type of yours, which implements `buffa::ProtoString`, for `string` fields, those of maps left out:
    /// `.string_type("shop.Order.id", "crate::Id")`. Default: `String`. Not with prost.
    pub fn string_type(mut self, path: impl Into<String>, rust: impl Into<String>) -> Self {
        self.messages.config.string_fields.push((dotted(path), StringRepr::Custom(rust.into())));
        self
    }

    /// Uses `BTreeMap`, which keeps its keys in order, for `map` fields: `.btree_map(["shop.Order.labels"])`. Default:
    /// `HashMap`.
    pub fn btree_map<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        let rules = paths.into_iter().map(|path| (dotted(path), MapRepr::BTreeMap));
        self.messages.config.map_fields.extend(rules);
        self
    }

    /// Uses a map of yours, which implements `buffa::MapStorage`, for `map` fields:
    /// `.map_type("shop", "::shop_types::Map")` for `::shop_types::Map<K, V>`. Not with prost.
    pub fn map_type(mut self, path: impl Into<String>, rust: impl Into<String>) -> Self {
        self.messages.config.map_fields.push((dotted(path), MapRepr::Custom(rust.into())));
        self
    }

    /// Uses a collection of yours, which implements `buffa::ProtoList`, for `repeated` fields; `*` in it stands for the
    /// type of the elements: `.repeated_type("shop.Order.items", "crate::List<*>")`. Default: `Vec`. Not with prost.
    pub fn repeated_type(mut self, path: impl Into<String>, rust: impl Into<String>) -> Self {
        self.messages.config.repeated_fields.push((dotted(path), RepeatedRepr::Custom(rust.into())));
        self
    }

    /// Keeps a message that a field holds in a `Box` instead of in its parent, which is smaller then:
    /// `.boxed("shop.Order.invoice")`. What contains itself is boxed anyway.
    pub fn boxed(mut self, path: impl Into<String>) -> Self {
        self.messages.config.pointer_fields.push((dotted(path), PointerRepr::Box));
        self
    }

    /// Keeps messages in a oneof in its enum instead of in a `Box`: `.unboxed("shop.Order.payment.card")` for the
    /// field `card` of the oneof `payment`. What contains itself
    /// stays boxed. Not with prost, which has no box there.
    pub fn unboxed(mut self, path: impl Into<String>) -> Self {
        self.messages.config.unboxed_oneof_fields.push(dotted(path));
        self
    }
}

/// What is written.
impl Builder {
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
        self.generate(&compiled.set, Some(&compiled.asked))
    }

    /// Generates the code of files that are compiled already: of all in the set, but only the services of those that
    /// [`extern_path`](Self::extern_path) covers. The set must hold their imports, as `--include_imports` of protoc
    /// gives them; comments are carried over if it holds source information.
    ///
    /// # Errors
    /// The set cannot be made code of, or a file cannot be written.
    pub fn compile_descriptor_set(&self, set: &FileDescriptorSet) -> Result<(), Error> {
        self.generate(set, None)
    }

    fn generate(&self, set: &FileDescriptorSet, asked: Option<&[String]>) -> Result<(), Error> {
        let out_dir = self.output_directory()?;
        let Generated { packages, warnings } = generate(&set.file, asked, &self.messages, &self.sides)?;
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

    /// What is to be told of the paths that options were set for.
    #[cfg(test)]
    pub(crate) fn unmatched(
        &self,
        files: &[FileDescriptorProto],
        generated: &[&FileDescriptorProto],
    ) -> Vec<String> {
        crate::paths::unmatched(files, generated, &self.messages, &self.sides)
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
