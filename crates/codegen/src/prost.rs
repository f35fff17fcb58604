//! Messages by prost-build, from our descriptors: no `protoc` runs.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use buffa::Message as _;
use buffa_codegen::{BytesRepr, CodeGenConfig, MapRepr, PointerRepr};
use buffa_descriptor::generated::descriptor::FileDescriptorProto;
use prost::Message as _;
use prost_build::{Config, Module, Service, ServiceGenerator};

use crate::error::Error;
use crate::messages::{Generated, Types};

type Change = dyn Fn(&mut Config) + Send + Sync;

/// What a user changes of prost-build's configuration, which itself cannot be cloned.
#[derive(Clone, Default)]
pub(crate) struct Changes(Vec<Arc<Change>>);

impl Changes {
    pub(crate) fn add(&mut self, change: impl Fn(&mut Config) + Send + Sync + 'static) {
        self.0.push(Arc::new(change));
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changes", self.0.len())
    }
}

/// The Rust modules of a package; prost writes them in snake case.
pub(crate) fn modules(package: &str) -> Vec<String> {
    Module::from_protobuf_package_name(package).parts().map(str::to_owned).collect()
}

/// Generates messages by prost-build.
pub(crate) fn by_prost(
    files: &[FileDescriptorProto],
    wanted: &[String],
    options: &CodeGenConfig,
    changes: &Changes,
) -> Result<Generated<'static>, Error> {
    let mut requests = Vec::with_capacity(files.len());
    // All files, because prost-build looks into the messages that a field has, wherever they are from.
    for file in files {
        let name = file.name.as_deref().unwrap_or_default();
        if file.syntax.as_deref() == Some("editions") {
            return Err(Error::Generate(format!(
                "{name}: prost knows proto2 and proto3, not the editions; have these messages by buffa"
            )));
        }
        let file = prost_types::FileDescriptorProto::decode(&file.encode_to_vec()[..]).map_err(|error| {
            Error::Generate(format!("{name}: prost does not read its descriptor: {error}"))
        })?;
        requests.push((Module::from_protobuf_package_name(file.package()), file));
    }
    let of_wanted = files.iter().filter(|file| file.name.as_ref().is_some_and(|name| wanted.contains(name)));
    let packages: BTreeSet<&str> =
        of_wanted.map(|file| file.package.as_deref().unwrap_or_default()).collect();

    let types = Rc::default();
    let mut config = configuration(options)?;
    for change in &changes.0 {
        change(&mut config);
    }
    config.service_generator(Box::new(TypesOfServices(Rc::clone(&types))));
    // prost-build panics at files that it has no code for, such as those whose names meet in Rust.
    let mut modules = catch_unwind(AssertUnwindSafe(|| config.generate(requests)))
        .map_err(|panic| Error::Generate(format!("prost-build gave up: {}", text(&*panic))))?
        .map_err(|error| Error::Generate(format!("prost-build: {error}")))?;
    drop(config);

    Ok(Generated {
        packages: packages
            .into_iter()
            .filter_map(|package| {
                let code = modules.remove(&Module::from_protobuf_package_name(package))?;
                Some((package.to_owned(), code))
            })
            .collect(),
        warnings: Vec::new(),
        types: Types::Prost(types.take()),
    })
}

/// The options of the builder as prost-build has them.
fn configuration(options: &CodeGenConfig) -> Result<Config, Error> {
    let none = |yes: bool, what: &str| match yes {
        true => Err(Error::Generate(format!("{what} is for messages by buffa; prost has none"))),
        false => Ok(()),
    };
    none(options.generate_views, "views")?;
    none(options.generate_json, "json")?;
    none(options.generate_text, "text")?;
    none(!options.string_fields.is_empty(), "a type for strings")?;
    none(!options.repeated_fields.is_empty(), "a type for repeated fields")?;
    none(!options.unboxed_oneof_fields.is_empty(), "an unboxed oneof")?;

    let mut config = Config::new();
    for (path, rust) in &options.extern_paths {
        config.extern_path(path, rust);
    }
    for (path, attribute) in options.type_attributes.iter().chain(&options.oneof_attributes) {
        config.type_attribute(path, attribute);
    }
    for (path, attribute) in &options.message_attributes {
        config.message_attribute(path, attribute);
    }
    for (path, attribute) in &options.enum_attributes {
        config.enum_attribute(path, attribute);
    }
    for (path, attribute) in &options.field_attributes {
        config.field_attribute(path, attribute);
    }
    for (path, to) in &options.pointer_fields {
        none(!matches!(to, PointerRepr::Box), "another pointer than Box")?;
        config.boxed(path);
    }
    let rules = options.bytes_fields.iter();
    none(rules.clone().any(|(_, to)| !matches!(to, BytesRepr::Bytes)), "another type for bytes than Bytes")?;
    config.bytes(rules.map(|(path, _)| path));
    let rules = options.map_fields.iter();
    none(
        rules.clone().any(|(_, to)| !matches!(to, MapRepr::BTreeMap)),
        "another type for maps than BTreeMap",
    )?;
    config.btree_map(rules.map(|(path, _)| path));
    Ok(config)
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why")
}

/// Stands where prost-build expects a generator of services, and notes what the messages that they use are called.
struct TypesOfServices(Rc<RefCell<HashMap<(String, String), String>>>);

impl ServiceGenerator for TypesOfServices {
    fn generate(&mut self, service: Service, code: &mut String) {
        // prost-build expects that there is something, even where a package has no messages.
        code.push('\n');
        let mut types = self.0.borrow_mut();
        for method in service.methods {
            types.insert((service.package.clone(), method.input_proto_type), method.input_type);
            types.insert((service.package.clone(), method.output_proto_type), method.output_type);
        }
    }
}
