//! One protobuf package: the Rust file with its messages, its services and its descriptors.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use buffa::Message;
use buffa_codegen::{ALLOW_LINTS, CodeGenConfig};
use buffa_descriptor::generated::descriptor::{FileDescriptorProto, FileDescriptorSet};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Item, parse_quote};

use crate::error::Error;
use crate::messages::{self, Messages, Types};
use crate::paths::{covers, unmatched};
use crate::service::{ServerAttributes, Service};

/// Attributes, each with the path of the services that it is for.
pub(crate) type Rules = Vec<(String, String)>;

/// What of services is generated.
#[derive(Debug, Clone)]
pub(crate) struct Sides {
    pub(crate) client: bool,
    pub(crate) server: bool,
    pub(crate) client_attributes: Rules,
    pub(crate) client_mod_attributes: Rules,
    pub(crate) server_attributes: Rules,
    pub(crate) server_mod_attributes: Rules,
    pub(crate) trait_attributes: Rules,
}

impl Sides {
    /// All rules, with the option that they come from.
    pub(crate) fn rules(&self) -> [(&'static str, &Rules); 5] {
        [
            ("client_attribute", &self.client_attributes),
            ("client_mod_attribute", &self.client_mod_attributes),
            ("server_attribute", &self.server_attributes),
            ("server_mod_attribute", &self.server_mod_attributes),
            ("trait_attribute", &self.trait_attributes),
        ]
    }
}

/// The generated code of a package.
#[derive(Debug)]
pub(crate) struct Package {
    /// `helloworld`; empty for files without a package.
    pub(crate) name: String,
    /// The Rust modules that its name asks for.
    pub(crate) modules: Vec<String>,
    /// The Rust source.
    pub(crate) source: String,
    /// The serialised `FileDescriptorSet` of the package's files and all that they import.
    pub(crate) descriptors: Vec<u8>,
}

/// The packages' Rust code, and what deserves a warning.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) packages: Vec<Package>,
    pub(crate) warnings: Vec<String>,
}

impl Package {
    /// The stem of the package's files.
    pub(crate) fn file_stem(&self) -> &str {
        file_stem(&self.name)
    }

    /// The name of the file with the Rust code, which `carom::include_proto!` looks for.
    pub(crate) fn source_file(&self) -> String {
        format!("{}.rs", self.file_stem())
    }

    /// The name of the file with the descriptors, which the Rust code includes.
    pub(crate) fn descriptors_file(&self) -> String {
        descriptors_file(&self.name)
    }
}

fn file_stem(package: &str) -> &str {
    if package.is_empty() { "_" } else { package }
}

fn descriptors_file(package: &str) -> String {
    format!("{}_descriptor.bin", file_stem(package))
}

/// Whose messages are generated, and how.
#[derive(Debug, Clone)]
pub(crate) struct MessageOptions {
    pub(crate) kind: Messages,
    /// The options of buffa; prost's are made of those that it has.
    pub(crate) config: CodeGenConfig,
    #[cfg(feature = "prost")]
    pub(crate) prost: crate::prost::Changes,
}

/// Generates the packages of all files that no external path stands for, and the services of those that one does, where
/// they were `asked` for by name (`None`: all were). `files` holds every import as well.
pub(crate) fn generate(
    files: &[FileDescriptorProto],
    asked: Option<&[String]>,
    options: &MessageOptions,
    sides: &Sides,
) -> Result<Generated, Error> {
    let config = &options.config;
    let mut by_package: BTreeMap<&str, Vec<&FileDescriptorProto>> = BTreeMap::new();
    let mut wanted = Vec::new();
    for file in files {
        let package = file.package.as_deref().unwrap_or_default();
        let name = file.name.clone().unwrap_or_default();
        let external = is_external(package, config);
        if external && !(declares_services(file) && asked.is_none_or(|asked| asked.contains(&name))) {
            continue;
        }
        by_package.entry(package).or_default().push(file);
        // prost says what the messages of services are called in the same run.
        if !external || options.kind != Messages::Buffa {
            wanted.push(name);
        }
    }
    let generated: Vec<&FileDescriptorProto> = by_package.values().flatten().copied().collect();
    let slips = unmatched(files, &generated, options, sides);
    let messages::Generated { packages: mut messages, mut warnings, types } = match options.kind {
        Messages::Buffa => messages::by_buffa(files, &wanted, config)?,
        #[cfg(feature = "prost")]
        Messages::Prost => crate::prost::by_prost(files, &wanted, config, &options.prost)?,
    };
    warnings.extend(slips);
    let codec = options.kind.codec();

    let mut packages = Vec::with_capacity(by_package.len());
    for (name, package_files) in by_package {
        let content = messages.remove(name).unwrap_or_default();
        let source = source(name, &content, &package_files, &types, &codec, sides)?;
        let descriptors = descriptors(files, &package_files);
        let modules = options.kind.modules(name);
        packages.push(Package { name: name.to_owned(), modules, source, descriptors });
    }
    Ok(Generated { packages, warnings })
}

/// Whether services of a file may be generated though its messages lie elsewhere. Google's own APIs are no services of the
/// program's.
fn declares_services(file: &FileDescriptorProto) -> bool {
    !file.service.is_empty() && !covers(".google.protobuf", file.package.as_deref().unwrap_or_default())
}

/// Whether the package's types are taken from elsewhere. `google.protobuf` is buffa-types' (and buffa-descriptor's).
fn is_external(package: &str, config: &CodeGenConfig) -> bool {
    covers(".google.protobuf", package)
        || config.extern_paths.iter().any(|(path, _)| path != "." && covers(path, package))
}

/// The attributes whose path covers a service.
fn service_attributes(rules: &Rules, service: &str) -> Result<TokenStream, Error> {
    let mut out = TokenStream::new();
    for (path, attribute) in rules.iter().filter(|(path, _)| covers(path, service)) {
        let attribute: TokenStream = attribute.parse().map_err(|error| {
            Error::Generate(format!("the attribute {attribute} for {path} does not parse as Rust: {error}"))
        })?;
        out.extend(attribute);
    }
    Ok(out)
}

/// The Rust source of a package.
fn source(
    name: &str,
    messages: &str,
    files: &[&FileDescriptorProto],
    types: &Types<'_>,
    codec: &TokenStream,
    sides: &Sides,
) -> Result<String, Error> {
    let mut file = syn::parse_file(messages).map_err(|error| {
        Error::Generate(format!("the messages of package {name} do not parse as Rust: {error}"))
    })?;
    let mut modules: HashSet<String> = file.items.iter().filter_map(module_name).collect();
    for proto in files {
        for service in Service::of_file(proto, types, codec)? {
            let mut add = |module: String, tokens: TokenStream| -> Result<(), Error> {
                if !modules.insert(module.clone()) {
                    return Err(Error::Generate(format!(
                        "the module `{module}` of service {} is already there in package {}: another service or a \
                         message has a name that gives the same; rename one",
                        service.full_name(),
                        file_stem(name),
                    )));
                }
                file.items.push(parse(tokens)?);
                Ok(())
            };
            let attributes = |rules: &Rules| service_attributes(rules, service.full_name());
            if sides.client {
                let module = attributes(&sides.client_mod_attributes)?;
                add(
                    service.client_module(),
                    service.client(&module, &attributes(&sides.client_attributes)?),
                )?;
            }
            if sides.server {
                let attributes = ServerAttributes {
                    module: attributes(&sides.server_mod_attributes)?,
                    the_trait: attributes(&sides.trait_attributes)?,
                    server: attributes(&sides.server_attributes)?,
                };
                add(service.server_module(), service.server(&attributes))?;
            }
        }
    }
    let descriptors = descriptors_file(name);
    file.items.push(parse(quote! {
        /// The serialised `google.protobuf.FileDescriptorSet` of this package's files and of all that they import, for
        /// reflection.
        pub const FILE_DESCRIPTOR_SET: &[u8] = ::core::include_bytes!(#descriptors);
    })?);
    let allow = allow_lints();
    for item in &mut file.items {
        if let Some(attributes) = attributes(item) {
            attributes.insert(0, allow.clone());
        }
    }
    let mut sources: Vec<&str> = files.iter().filter_map(|file| file.name.as_deref()).collect();
    sources.sort_unstable();
    let header = format!("// Generated by carom-codegen from {}. Do not edit.\n\n", sources.join(", "));
    Ok(header + &prettyplease::unparse(&file))
}

fn parse(tokens: TokenStream) -> Result<Item, Error> {
    syn::parse2(tokens)
        .map_err(|error| Error::Generate(format!("generated code does not parse as Rust: {error}")))
}

/// The attribute that keeps a user's lints out of generated code. It stands on each item, because a file that is
/// included has no place for an attribute of its own.
fn allow_lints() -> Attribute {
    const MORE: &[&str] =
        &["clippy::all", "clippy::pedantic", "deprecated", "missing_docs", "rustdoc::all", "unreachable_pub"];
    let names: BTreeSet<&str> = ALLOW_LINTS
        .iter()
        .copied()
        .filter(|lint| !lint.starts_with("clippy::"))
        .chain(MORE.iter().copied())
        .collect();
    let lints = names.into_iter().map(buffa_codegen::idents::rust_path_to_tokens);
    parse_quote! { #[allow(#(#lints),*)] }
}

fn module_name(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    }
}

/// The attributes of the kinds of items that are generated.
fn attributes(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    match item {
        Item::Const(item) => Some(&mut item.attrs),
        Item::Enum(item) => Some(&mut item.attrs),
        Item::Fn(item) => Some(&mut item.attrs),
        Item::Impl(item) => Some(&mut item.attrs),
        Item::Mod(item) => Some(&mut item.attrs),
        Item::Static(item) => Some(&mut item.attrs),
        Item::Struct(item) => Some(&mut item.attrs),
        Item::Trait(item) => Some(&mut item.attrs),
        Item::Type(item) => Some(&mut item.attrs),
        Item::Use(item) => Some(&mut item.attrs),
        _ => None,
    }
}

/// The serialised set of `wanted` and their imports, imports first, without source information.
fn descriptors(all: &[FileDescriptorProto], wanted: &[&FileDescriptorProto]) -> Vec<u8> {
    let mut needed: HashSet<&str> = wanted.iter().filter_map(|file| file.name.as_deref()).collect();
    let mut open: Vec<&str> = needed.iter().copied().collect();
    let by_name: BTreeMap<&str, &FileDescriptorProto> =
        all.iter().map(|file| (file.name.as_deref().unwrap_or_default(), file)).collect();
    while let Some(name) = open.pop() {
        let imports = by_name.get(name).map_or(&[][..], |file| &file.dependency);
        open.extend(imports.iter().map(String::as_str).filter(|import| needed.insert(import)));
    }
    let file = all
        .iter()
        .filter(|file| file.name.as_deref().is_some_and(|name| needed.contains(name)))
        .map(|file| FileDescriptorProto { source_code_info: Default::default(), ..file.clone() })
        .collect();
    FileDescriptorSet { file, ..Default::default() }.encode_to_vec()
}
