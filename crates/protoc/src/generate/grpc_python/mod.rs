//! `--grpc_python_out`: the `_pb2_grpc.py` modules of grpcio-tools.

mod beta;
mod stubs;

pub use stubs::GrpcPyi;

use std::collections::{BTreeSet, HashMap};

use super::{
    GeneratedFile, Generator, Request, RequestFile,
    code::Code,
    python_names::{self as names, Imports},
    types::Types,
};
use crate::raw;

/// The generator of `_pb2_grpc.py` files.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcPython;

/// The grpcio-tools whose output this is; generated code asks for a `grpc` no older.
const TOOLS_VERSION: &str = "1.85.1";
const NO_COMMENT: &str = "\"\"\"Missing associated documentation comment in .proto file.\"\"\"";

impl Generator for GrpcPython {
    fn generate(&self, request: &Request, parameter: &str) -> Result<Vec<GeneratedFile>, String> {
        let mut imports = Imports::default();
        let parameter: Vec<&str> = parameter.split(',').filter(|option| !imports.take(option)).collect();
        let parameter = parameter.join(",");
        let (version, prefix) = parameter.split_once(',').unwrap_or((&parameter, ""));
        if prefix.contains(',') {
            return Err("--grpc_python_out received too many comma-delimited parameters.".to_owned());
        }
        let with_beta = match version {
            "grpc_2_0" => false,
            "grpc_1_0" => true,
            "" if parameter.is_empty() => false,
            other => return Err(format!("Invalid grpc version '{other}'.")),
        };
        let types = Types::new(request);
        let mut out = Vec::new();
        for &index in &request.to_generate {
            let file = &request.files[index];
            let base = output_base(file)?;
            let comments = comments(file);
            let module = Module {
                file,
                types: &types,
                imports: &imports,
                prefix,
                comments: &comments,
                text: Text::Grpc,
            };
            let mut code = Code::default();
            module.write(&mut code);
            let name = format!("{base}_pb2_grpc.py");
            out.push(GeneratedFile { name, insertion_point: None, content: code.into_bytes() });
            if with_beta {
                let mut code = Code::default();
                beta::write(&mut code, &Module { text: Text::Pb2, ..module });
                let insertion_point = Some("module_scope".to_owned());
                out.push(GeneratedFile {
                    name: format!("{base}_pb2.py"),
                    insertion_point,
                    content: code.into_bytes(),
                });
            }
        }
        Ok(out)
    }
}

/// The path of the generated files, without `_pb2_grpc.py`.
fn output_base(file: &RequestFile) -> Result<String, String> {
    match file.name.strip_suffix(".proto").filter(|base| !base.is_empty()) {
        Some(base) => Ok(base.replace('-', "_").replace('.', "/")),
        None => Err("Invalid proto file name. Proto file must end with .proto".to_owned()),
    }
}

/// The comment lines of services and methods, by path.
type Comments = HashMap<Vec<u64>, Vec<String>>;

fn comments(file: &RequestFile) -> Comments {
    let mut comments = Comments::new();
    for location in raw::all(raw::first(&file.descriptor, 9), 1) {
        let path: Vec<u64> = raw::packed(raw::first(location, 1)).collect();
        if path.first() != Some(&6) || !matches!(path.len(), 2 | 4) {
            continue;
        }
        let mut lines = Vec::new();
        for detached in raw::all(location, 6) {
            split_lines(detached, &mut lines);
            lines.push(String::new());
        }
        raw::all(location, 3).for_each(|text| split_lines(text, &mut lines));
        raw::all(location, 4).for_each(|text| split_lines(text, &mut lines));
        comments.insert(path, lines);
    }
    comments
}

fn split_lines(text: &[u8], lines: &mut Vec<String>) {
    let text = String::from_utf8_lossy(text);
    let mut pieces: Vec<&str> = text.split('\n').collect();
    if pieces.last() == Some(&"") {
        pieces.pop();
    }
    lines.extend(pieces.into_iter().map(str::to_owned));
}

struct Module<'a> {
    file: &'a RequestFile,
    types: &'a Types<'a>,
    imports: &'a Imports,
    /// Dropped from the front of module names.
    prefix: &'a str,
    comments: &'a Comments,
    text: Text,
}

/// What text a module's becomes a part of.
#[derive(Clone, Copy, PartialEq)]
enum Text {
    /// The `_pb2_grpc.py` module.
    Grpc,
    /// The `_pb2.py` module, which has the file's own classes.
    Pb2,
    /// The `_pb2_grpc.pyi` file.
    Pyi,
}

/// One method with what the generated code says about it.
struct Method<'a> {
    name: &'a str,
    /// Its name as an attribute.
    attribute: String,
    request: String,
    response: String,
    client_stream: bool,
    server_stream: bool,
    comments: &'a [String],
}

impl Method<'_> {
    fn arity(&self) -> String {
        let word = |stream| if stream { "stream" } else { "unary" };
        format!("{}_{}", word(self.client_stream), word(self.server_stream))
    }

    fn argument(&self) -> &'static str {
        if self.client_stream { "request_iterator" } else { "request" }
    }
}

struct Service<'a> {
    name: &'a str,
    /// Its name as that of a class.
    class: String,
    full_name: String,
    comments: &'a [String],
    methods: Vec<Method<'a>>,
}

/// A name that Python takes, with an underscore where it is a keyword (PEP 8), and more while it is another's.
fn identifier(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut identifier = name.to_owned();
    while names::is_keyword(&identifier) || (identifier != name && is_taken(&identifier)) {
        identifier.push('_');
    }
    identifier
}

fn write_comments(code: &mut Code, lines: &[String]) {
    if lines.is_empty() {
        return code.line(NO_COMMENT);
    }
    code.write("\"\"\"");
    for line in lines {
        code.write(line.trim_start_matches(' '));
        code.write("\n");
    }
    code.line("\"\"\"");
}

impl<'a> Module<'a> {
    fn write(&self, code: &mut Code) {
        code.write(
            "# Generated by the gRPC Python protocol compiler plugin. DO NOT EDIT!\n\
             \"\"\"Client and server classes corresponding to protobuf-defined services.\"\"\"\n",
        );
        self.preamble(code);
        write_services(code, &self.services());
    }

    fn services(&'a self) -> Vec<Service<'a>> {
        (0..).zip(raw::all(&self.file.embedded, 6)).map(|(index, bytes)| self.service(index, bytes)).collect()
    }

    fn service(&'a self, index: u64, bytes: &'a [u8]) -> Service<'a> {
        let package = std::str::from_utf8(raw::first(&self.file.embedded, 2)).unwrap_or("");
        let lines = |path: Vec<u64>| self.comments.get(&path).map_or(&[] as &[String], Vec::as_slice);
        let has_method = |name: &str| raw::all(bytes, 2).any(|method| raw::name(method) == name);
        let method = |(method, bytes): (u64, &'a [u8])| Method {
            name: raw::name(bytes),
            attribute: identifier(raw::name(bytes), has_method),
            request: self.class(raw::first(bytes, 2)),
            response: self.class(raw::first(bytes, 3)),
            client_stream: raw::varints(bytes, 5).last() == Some(1),
            server_stream: raw::varints(bytes, 6).last() == Some(1),
            comments: lines(vec![6, index, 2, method]),
        };
        let name = raw::name(bytes);
        Service {
            name,
            class: identifier(name, |_| false),
            full_name: if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") },
            comments: lines(vec![6, index]),
            methods: (0..).zip(raw::all(bytes, 2)).map(method).collect(),
        }
    }

    fn module(&self, file: &str) -> String {
        let module = names::module(file);
        module.strip_prefix(self.prefix).map(str::to_owned).unwrap_or(module)
    }

    fn alias(&self, file: &str) -> String {
        self.module(file).replace('_', "__").replace('.', "_dot_")
    }

    /// A message's class as seen from the module.
    fn class(&self, type_name: &[u8]) -> String {
        let name = std::str::from_utf8(type_name).unwrap_or("");
        let Some((info, path)) = self.types.get(name) else { return name.to_owned() };
        let file = &info.file.name;
        match self.text {
            Text::Pb2 if *file == self.file.name => names::class(path),
            // What cannot be written as a dotted name cannot be annotated.
            Text::Pyi if names::has_keyword(path) || names::has_keyword(&self.module(file)) => {
                "_t.Any".to_owned()
            }
            Text::Grpc | Text::Pb2 | Text::Pyi => names::member(&self.alias(file), path),
        }
    }

    /// The files whose messages the methods take and give.
    fn referenced(&self) -> impl Iterator<Item = &'a str> {
        let methods = raw::all(&self.file.embedded, 6).flat_map(|service| raw::all(service, 2));
        let types = methods.flat_map(|method| [raw::first(method, 2), raw::first(method, 3)]);
        types.filter_map(|name| {
            let (info, _) = self.types.get(std::str::from_utf8(name).ok()?)?;
            Some(info.file.name.as_str())
        })
    }

    /// The statement that imports the messages of a file.
    fn import(&self, file: &str) -> String {
        let (module, alias) = (self.module(file), self.alias(file));
        let relative = self.imports.is_relative(file);
        match names::has_keyword(&module) {
            true if relative => format!("{alias} = {}", self.imports.dynamic(&self.file.name, file)),
            true => format!("{alias} = importlib.import_module('{module}')"),
            false if relative => self.imports.statement(&self.file.name, file, &alias),
            false => names::import(&module, &alias),
        }
    }

    fn preamble(&self, code: &mut Code) {
        let dynamic = self.referenced().any(|file| names::has_keyword(&self.module(file)));
        let importlib = if dynamic { "import importlib\n" } else { "" };
        code.write(&format!("import grpc\n{importlib}import warnings\n\n"));
        let imports: BTreeSet<(String, String)> =
            self.referenced().map(|file| (self.module(file), self.import(file))).collect();
        imports.iter().for_each(|(_, statement)| code.line(statement));
        let module = names::without_suffix(&self.file.name).replace('-', "_");
        code.write(&format!(
            "\n\
             GRPC_GENERATED_VERSION = '{TOOLS_VERSION}'\n\
             GRPC_VERSION = grpc.__version__\n\
             _version_not_supported = False\n\
             \n\
             try:\n    \
                 from grpc._utilities import first_version_is_lower\n    \
                 _version_not_supported = first_version_is_lower(GRPC_VERSION, GRPC_GENERATED_VERSION)\n\
             except ImportError:\n    \
                 _version_not_supported = True\n\
             \n\
             if _version_not_supported:\n    \
                 raise RuntimeError(\n        \
                     f'The grpc package installed is at version {{GRPC_VERSION}},'\n        \
                     + ' but the generated code in {module}_pb2_grpc.py depends on'\n        \
                     + f' grpcio>={{GRPC_GENERATED_VERSION}}.'\n        \
                     + f' Please upgrade your grpc module to grpcio>={{GRPC_GENERATED_VERSION}}'\n        \
                     + f' or downgrade your generated code using grpcio-tools<={{GRPC_VERSION}}.'\n    \
                 )\n"
        ));
    }
}

fn write_services(code: &mut Code, services: &[Service<'_>]) {
    for service in services {
        write_stub(code, service);
        write_servicer(code, service);
        write_registration(code, service);
        write_experimental(code, service);
    }
}

fn write_stub(code: &mut Code, service: &Service<'_>) {
    code.write(&format!("\n\nclass {}Stub:\n", service.name));
    code.indented(4, |code| {
        write_comments(code, service.comments);
        code.write("\ndef __init__(self, channel):\n");
        code.indented(4, |code| {
            code.write("\"\"\"Constructor.\n\nArgs:\n    channel: A grpc.Channel.\n\"\"\"\n");
            for method in &service.methods {
                code.line(&format!("self.{} = channel.{}(", method.attribute, method.arity()));
                code.indented(8, |code| {
                    code.write(&format!(
                        "'/{}/{}',\n\
                         request_serializer={}.SerializeToString,\n\
                         response_deserializer={}.FromString,\n\
                         _registered_method=True)\n",
                        service.full_name, method.name, method.request, method.response
                    ));
                });
            }
        });
    });
}

fn write_servicer(code: &mut Code, service: &Service<'_>) {
    code.write(&format!("\n\nclass {}Servicer:\n", service.name));
    code.indented(4, |code| {
        write_comments(code, service.comments);
        for method in &service.methods {
            code.write(&format!("\ndef {}(self, {}, context):\n", method.attribute, method.argument()));
            code.indented(4, |code| {
                write_comments(code, method.comments);
                code.write(
                    "context.set_code(grpc.StatusCode.UNIMPLEMENTED)\n\
                     context.set_details('Method not implemented!')\n\
                     raise NotImplementedError('Method not implemented!')\n",
                );
            });
        }
    });
}

fn write_registration(code: &mut Code, service: &Service<'_>) {
    code.write(&format!("\n\ndef add_{}Servicer_to_server(servicer, server):\n", service.name));
    code.indented(4, |code| {
        code.line("rpc_method_handlers = {");
        code.indented(8, |code| {
            for method in &service.methods {
                code.line(&format!("'{}': grpc.{}_rpc_method_handler(", method.name, method.arity()));
                code.indented(8, |code| {
                    code.write(&format!(
                        "servicer.{},\n\
                         request_deserializer={}.FromString,\n\
                         response_serializer={}.SerializeToString,\n",
                        method.attribute, method.request, method.response
                    ));
                });
                code.line("),");
            }
        });
        let name = &service.full_name;
        code.write(&format!(
            "}}\n\
             generic_handler = grpc.method_handlers_generic_handler(\n        '{name}', rpc_method_handlers)\n\
             server.add_generic_rpc_handlers((generic_handler,))\n\
             server.add_registered_method_handlers('{name}', rpc_method_handlers)\n"
        ));
    });
}

fn write_experimental(code: &mut Code, service: &Service<'_>) {
    code.write("\n\n # This class is part of an EXPERIMENTAL API.\n");
    code.line(&format!("class {}:", service.class));
    code.indented(4, |code| {
        write_comments(code, service.comments);
        for method in &service.methods {
            code.write(&format!("\n@staticmethod\ndef {}(", method.attribute));
            let argument = method.argument();
            code.indented(8, |code| {
                code.write(&format!(
                    "{argument},\n\
                     target,\n\
                     options=(),\n\
                     channel_credentials=None,\n\
                     call_credentials=None,\n\
                     insecure=False,\n\
                     compression=None,\n\
                     wait_for_ready=None,\n\
                     timeout=None,\n\
                     metadata=None):\n"
                ));
            });
            code.indented(4, |code| {
                code.line(&format!("return grpc.experimental.{}(", method.arity()));
                code.indented(4, |code| {
                    code.write(&format!(
                        "{argument},\n\
                         target,\n\
                         '/{}/{}',\n\
                         {}.SerializeToString,\n\
                         {}.FromString,\n\
                         options,\n\
                         channel_credentials,\n\
                         insecure,\n\
                         call_credentials,\n\
                         compression,\n\
                         wait_for_ready,\n\
                         timeout,\n\
                         metadata,\n\
                         _registered_method=True)\n",
                        service.full_name, method.name, method.request, method.response
                    ));
                });
            });
        }
    });
}
