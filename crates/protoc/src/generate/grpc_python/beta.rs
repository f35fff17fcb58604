//! `grpc_1_0`: what grpcio-tools adds to the `_pb2.py` module, the classes of `_pb2_grpc.py` once more and those of the
//! beta API that came before them.

use super::{Method, Module, Service, write_comments, write_services};
use crate::generate::code::Code;

/// The text for the insertion point `module_scope`.
pub(super) fn write(code: &mut Code, module: &Module<'_>) {
    code.line("try:");
    code.indented(4, |code| {
        code.write(
            "# THESE ELEMENTS WILL BE DEPRECATED.\n\
             # Please use the generated *_pb2_grpc.py files instead.\n\
             import grpc\n\
             import warnings\n\
             from grpc.beta import implementations as beta_implementations\n\
             from grpc.beta import interfaces as beta_interfaces\n\
             from grpc.framework.common import cardinality\n\
             from grpc.framework.interfaces.face import utilities as face_utilities\n",
        );
        let services = module.services();
        write_services(code, &services);
        for service in &services {
            write_servicer(code, service);
            write_stub(code, service);
            write_server_factory(code, service);
            write_stub_factory(code, service);
        }
    });
    code.write("except ImportError:\n    pass");
}

/// The doc string of a class or function of the beta API.
fn write_warning(code: &mut Code, what: &str, last_lines: &str) {
    code.write(&format!(
        "\"\"\"The Beta API is deprecated for 0.15.0 and later.\n\
         \n\
         It is recommended to use the GA API (classes and functions in this\n\
         file not marked beta) for all further purposes. This {what} was{last_lines}\"\"\"\n"
    ));
}

fn write_class(code: &mut Code, name: &str, service: &Service<'_>, method: impl Fn(&mut Code, &Method<'_>)) {
    code.write(&format!("\n\nclass {name}:\n"));
    code.indented(4, |code| {
        write_warning(
            code,
            "class",
            " generated\nonly to ease transition from grpcio<0.15.0 to grpcio>=0.15.0.",
        );
        write_comments(code, service.comments);
        for one in &service.methods {
            method(code, one);
        }
    });
}

fn write_servicer(code: &mut Code, service: &Service<'_>) {
    write_class(code, &format!("Beta{}Servicer", service.name), service, |code, method| {
        code.line(&format!("def {}(self, {}, context):", method.attribute, method.argument()));
        code.indented(4, |code| {
            write_comments(code, method.comments);
            code.line("context.code(beta_interfaces.StatusCode.UNIMPLEMENTED)");
        });
    });
}

fn write_stub(code: &mut Code, service: &Service<'_>) {
    write_class(code, &format!("Beta{}Stub", service.name), service, |code, method| {
        code.line(&format!(
            "def {}(self, {}, timeout, metadata=None, with_call=False, protocol_options=None):",
            method.attribute,
            method.argument()
        ));
        code.indented(4, |code| {
            write_comments(code, method.comments);
            code.line("raise NotImplementedError()");
        });
        if !method.server_stream {
            code.line(&format!("{}.future = None", method.attribute));
        }
    });
}

/// The methods in the order of their names.
fn sorted<'a, 'b>(service: &'a Service<'b>) -> Vec<&'a Method<'b>> {
    let mut methods: Vec<&Method<'_>> = service.methods.iter().collect();
    methods.sort_by_key(|method| method.name);
    methods
}

/// A dictionary with an entry a method.
fn write_table(
    code: &mut Code,
    name: &str,
    service: &Service<'_>,
    entry: impl Fn(&Method<'_>) -> (String, String),
) {
    code.line(&format!("{name} = {{"));
    for method in sorted(service) {
        let (key, value) = entry(method);
        code.line(&format!("    {key}: {value},"));
    }
    code.line("}");
}

/// The key of a method in tables for several services.
fn full_key(service: &Service<'_>, method: &Method<'_>) -> String {
    format!("('{}', '{}')", service.full_name, method.name)
}

fn write_server_factory(code: &mut Code, service: &Service<'_>) {
    code.write(&format!(
        "\n\ndef beta_create_{}_server(servicer, pool=None, pool_size=None, default_timeout=None, \
         maximum_timeout=None):\n",
        service.name
    ));
    let key = |method: &Method<'_>| full_key(service, method);
    code.indented(4, |code| {
        write_warning(
            code,
            "function",
            "\ngenerated only to ease transition from grpcio<0.15.0 to grpcio>=0.15.0",
        );
        write_table(code, "request_deserializers", service, |method| {
            (key(method), format!("{}.FromString", method.request))
        });
        write_table(code, "response_serializers", service, |method| {
            (key(method), format!("{}.SerializeToString", method.response))
        });
        write_table(code, "method_implementations", service, |method| {
            (key(method), format!("face_utilities.{}_inline(servicer.{})", method.arity(), method.attribute))
        });
        code.write(
            "server_options = beta_implementations.server_options(request_deserializers=request_deserializers, \
             response_serializers=response_serializers, thread_pool=pool, thread_pool_size=pool_size, \
             default_timeout=default_timeout, maximum_timeout=maximum_timeout)\n\
             return beta_implementations.server(method_implementations, options=server_options)\n",
        );
    });
}

fn write_stub_factory(code: &mut Code, service: &Service<'_>) {
    code.write(&format!(
        "\n\ndef beta_create_{}_stub(channel, host=None, metadata_transformer=None, pool=None, pool_size=None):\n",
        service.name
    ));
    let key = |method: &Method<'_>| full_key(service, method);
    code.indented(4, |code| {
        write_warning(
            code,
            "function",
            "\ngenerated only to ease transition from grpcio<0.15.0 to grpcio>=0.15.0",
        );
        write_table(code, "request_serializers", service, |method| {
            (key(method), format!("{}.SerializeToString", method.request))
        });
        write_table(code, "response_deserializers", service, |method| {
            (key(method), format!("{}.FromString", method.response))
        });
        write_table(code, "cardinalities", service, |method| {
            let arity = method.arity().to_ascii_uppercase();
            (format!("'{}'", method.name), format!("cardinality.Cardinality.{arity}"))
        });
        code.write(&format!(
            "stub_options = beta_implementations.stub_options(host=host, metadata_transformer=metadata_transformer, \
             request_serializers=request_serializers, response_deserializers=response_deserializers, \
             thread_pool=pool, thread_pool_size=pool_size)\n\
             return beta_implementations.dynamic_stub(channel, '{}', cardinalities, options=stub_options)\n",
            service.full_name
        ));
    });
}
