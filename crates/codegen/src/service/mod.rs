//! Services: what their generated code needs to know, taken from the descriptors.

mod client;
mod comments;
mod server;

use std::collections::HashMap;

use buffa_descriptor::generated::descriptor::{
    FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto,
};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use self::comments::{Comments, doc};
use crate::error::Error;
use crate::messages::Types;
use crate::names::{camel, ident, snake};

/// A service of a `.proto` file.
pub(crate) struct Service {
    /// `Greeter`, in Rust's case.
    type_name: String,
    /// `greeter`; its modules are `greeter_client` and `greeter_server`.
    module_stem: String,
    /// `helloworld.Greeter`
    full_name: String,
    docs: TokenStream,
    methods: Vec<Method>,
    /// `::carom::codec::BuffaCodec`
    codec: TokenStream,
}

/// Attributes that a user puts on the server's items.
pub(crate) struct ServerAttributes {
    pub(crate) module: TokenStream,
    pub(crate) the_trait: TokenStream,
    pub(crate) server: TokenStream,
}

struct Method {
    /// As in the `.proto` file.
    proto_name: String,
    /// `say_hello`, without escaping.
    name: String,
    /// `/helloworld.Greeter/SayHello`
    path: String,
    docs: TokenStream,
    deprecated: bool,
    request: TokenStream,
    response: TokenStream,
    client_streaming: bool,
    server_streaming: bool,
}

impl Service {
    /// The services of a file, in order.
    pub(crate) fn of_file(
        file: &FileDescriptorProto,
        types: &Types<'_>,
        codec: &TokenStream,
    ) -> Result<Vec<Self>, Error> {
        let comments = Comments::of(file);
        let package = file.package.as_deref().unwrap_or_default();
        let services = file.service.iter().enumerate();
        services.map(|(i, service)| Self::new(service, i, package, &comments, types, codec)).collect()
    }

    fn new(
        service: &ServiceDescriptorProto,
        position: usize,
        package: &str,
        comments: &Comments<'_>,
        types: &Types<'_>,
        codec: &TokenStream,
    ) -> Result<Self, Error> {
        let name = service.name.as_deref().unwrap_or_default();
        let full_name = match package {
            "" => name.to_owned(),
            package => format!("{package}.{name}"),
        };
        let mut methods = Vec::with_capacity(service.method.len());
        let mut taken: HashMap<String, &str> = HashMap::new();
        for (i, method) in service.method.iter().enumerate() {
            let docs = doc(comments.method(position, i));
            let method_name = method.name.as_deref().unwrap_or_default();
            let method = Method::new(method, &full_name, package, docs, types)?;
            if let Some(other) = taken.insert(method.name.clone(), method_name) {
                return Err(Error::Generate(format!(
                    "the methods {other} and {method_name} of service {full_name} are both `{}` in Rust; rename one",
                    method.name
                )));
            }
            methods.push(method);
        }
        Ok(Self {
            type_name: camel(name),
            module_stem: snake(name),
            full_name,
            docs: doc(comments.service(position)),
            methods,
            codec: codec.clone(),
        })
    }

    pub(crate) fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The name of the client's module.
    pub(crate) fn client_module(&self) -> String {
        format!("{}_client", self.module_stem)
    }

    /// The name of the server's module.
    pub(crate) fn server_module(&self) -> String {
        format!("{}_server", self.module_stem)
    }

    /// The client's module, with attributes for it and for the client's type.
    pub(crate) fn client(&self, module: &TokenStream, client: &TokenStream) -> TokenStream {
        client::module(self, module, client)
    }

    /// The server's module.
    pub(crate) fn server(&self, attributes: &ServerAttributes) -> TokenStream {
        server::module(self, attributes)
    }

    /// A constant with the path of each method.
    fn paths(&self) -> TokenStream {
        let constants = self.methods.iter().map(|method| {
            let name = ident(&method.name.to_uppercase());
            let path = &method.path;
            let docs = format!(" The path of `{}`.", method.proto_name);
            quote! {
                #[doc = #docs]
                pub const #name: &str = #path;
            }
        });
        quote! {
            /// The paths of the methods, as interceptors and service configurations name them.
            pub mod paths {
                #(#constants)*
            }
        }
    }
}

impl Method {
    fn new(
        method: &MethodDescriptorProto,
        service: &str,
        package: &str,
        docs: TokenStream,
        types: &Types<'_>,
    ) -> Result<Self, Error> {
        let proto_name = method.name.clone().unwrap_or_default();
        let message = |fqn: &Option<String>| {
            let fqn = fqn.as_deref().unwrap_or_default();
            // The code stands in a module inside the package's.

            types.path(fqn, package).ok_or_else(|| {
                Error::Generate(format!(
                    "method {proto_name} of service {service} names the unknown message {fqn}"
                ))
            })
        };
        Ok(Self {
            name: snake(&proto_name),
            path: format!("/{service}/{proto_name}"),
            docs,
            deprecated: method.options.as_option().and_then(|options| options.deprecated).unwrap_or(false),
            request: message(&method.input_type)?,
            response: message(&method.output_type)?,
            client_streaming: method.client_streaming.unwrap_or(false),
            server_streaming: method.server_streaming.unwrap_or(false),
            proto_name,
        })
    }

    fn ident(&self) -> Ident {
        ident(&self.name)
    }

    /// The associated type of a response stream: `ListFeaturesStream`.
    fn stream_type(&self) -> Ident {
        ident(&format!("{}Stream", camel(&self.proto_name)))
    }
}

/// The docs of an element, or a line that stands for them.
fn docs_or(docs: &TokenStream, otherwise: String) -> TokenStream {
    if docs.is_empty() {
        quote! { #[doc = #otherwise] }
    } else {
        docs.clone()
    }
}
