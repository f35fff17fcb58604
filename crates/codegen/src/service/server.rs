//! The server of a service: the trait that users implement, and what makes a `carom::server::Service` of it.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{Method, ServerAttributes, Service, docs_or};
use crate::names::ident;

pub(super) fn module(service: &Service, attributes: &ServerAttributes) -> TokenStream {
    let module = ident(&service.server_module());
    let module_docs = format!(" The server side of `{}`.", service.full_name);
    let the_trait = service_trait(service, &attributes.the_trait);
    let server = server_type(service, &attributes.server);
    let mod_attributes = &attributes.module;
    let paths = service.paths();
    quote! {
        #[doc = #module_docs]
        #mod_attributes
        pub mod #module {
            #the_trait
            #server
            #paths
        }
    }
}

fn service_trait(service: &Service, attributes: &TokenStream) -> TokenStream {
    let name = ident(&service.type_name);
    let docs = docs_or(&service.docs, format!(" The methods of `{}`.", service.full_name));
    let methods = service.methods.iter().map(trait_method);
    quote! {
        #docs
        ///
        /// Implement the methods as plain `async fn`.
        #attributes
        pub trait #name: ::core::marker::Send + ::core::marker::Sync + 'static {
            #(#methods)*
        }
    }
}

fn trait_method(method: &Method) -> TokenStream {
    let name = method.ident();
    let docs = docs_or(&method.docs, format!(" Answers `{}`.", method.path));
    let Method { request, response, .. } = method;
    let argument = if method.client_streaming {
        quote! { ::carom::Streaming<#request> }
    } else {
        request.clone()
    };
    let (stream, answer) = if method.server_streaming {
        let stream = method.stream_type();
        let stream_docs = format!(" What [`{name}`](Self::{name}) answers with.");
        let declaration = quote! {
            #[doc = #stream_docs]
            type #stream: ::carom::Stream<Item = ::core::result::Result<#response, ::carom::Status>>
                + ::core::marker::Send
                + 'static;
        };
        (declaration, quote! { Self::#stream })
    } else {
        (TokenStream::new(), response.clone())
    };
    quote! {
        #stream
        #docs
        fn #name(
            &self,
            request: ::carom::Request<#argument>,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<::carom::Response<#answer>, ::carom::Status>,
        > + ::core::marker::Send;
    }
}

fn server_type(service: &Service, attributes: &TokenStream) -> TokenStream {
    let the_trait = ident(&service.type_name);
    let name = format_ident!("{}Server", service.type_name);
    let name_text = name.to_string();
    let docs = format!(" Adapts a [`{the_trait}`] to a service that a `carom::server::Server` can run.");
    let full_name = &service.full_name;
    let count = service.methods.len();
    let methods = service.methods.iter().map(|method| registration(method, &the_trait, &service.codec));
    quote! {
        #[doc = #docs]
        #attributes
        pub struct #name<T> {
            inner: ::std::sync::Arc<T>,
            options: ::carom::server::ServiceOptions,
            placement: fn(::carom::server::Method) -> ::carom::server::Method,
        }

        impl<T> #name<T> {
            /// The full name of the service.
            pub const NAME: &'static str = #full_name;

            /// Creates the service that `inner` implements.
            pub fn new(inner: T) -> Self {
                Self::from_arc(::std::sync::Arc::new(inner))
            }

            /// Creates the service from a shared implementation.
            pub fn from_arc(inner: ::std::sync::Arc<T>) -> Self {
                Self {
                    inner,
                    options: ::core::default::Default::default(),
                    placement: ::core::convert::identity,
                }
            }

            /// Sets the largest request message, decompressed, in bytes. Default: the server's.
            #[must_use]
            pub fn max_recv_message_size(mut self, bytes: usize) -> Self {
                self.options.max_recv_message_size = ::core::option::Option::Some(bytes);
                self
            }

            /// Sets the largest response message, before compression, in bytes. Default: the server's.
            #[must_use]
            pub fn max_send_message_size(mut self, bytes: usize) -> Self {
                self.options.max_send_message_size = ::core::option::Option::Some(bytes);
                self
            }

            /// Sets the encoding of response messages, for clients that accept it. Default: the server's.
            #[must_use]
            pub fn send_compressed(mut self, encoding: ::carom::CompressionEncoding) -> Self {
                self.options.compression = ::core::option::Option::Some(encoding);
                self
            }

            /// Runs each handler in a task of its own on the runtime instead of in the task of its connection: for
            /// handlers that compute for more than some tens of microseconds at a time.
            #[must_use]
            pub fn spawned(mut self) -> Self {
                self.placement = ::carom::server::Method::spawned;
                self
            }

            /// Runs each handler on a thread of the runtime's blocking pool: for handlers that block.
            #[must_use]
            pub fn blocking(mut self) -> Self {
                self.placement = ::carom::server::Method::blocking;
                self
            }
        }

        impl<T> ::core::clone::Clone for #name<T> {
            fn clone(&self) -> Self {
                Self { inner: ::std::sync::Arc::clone(&self.inner), ..*self }
            }
        }

        impl<T> ::core::fmt::Debug for #name<T> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(#name_text)
            }
        }

        impl<T: #the_trait> ::carom::server::Service for #name<T> {
            fn name(&self) -> &str {
                Self::NAME
            }

            fn methods(&self) -> ::std::vec::Vec<::carom::server::Method> {
                let methods: [::carom::server::Method; #count] = [#(#methods),*];
                let options = self.options;
                methods.into_iter().map(|method| (self.placement)(method.with_options(options))).collect()
            }

            fn file_descriptor_set(&self) -> ::core::option::Option<&'static [u8]> {
                ::core::option::Option::Some(super::FILE_DESCRIPTOR_SET)
            }
        }
    }
}

fn registration(method: &Method, the_trait: &proc_macro2::Ident, codec: &TokenStream) -> TokenStream {
    let name = method.ident();
    let Method { proto_name, request, response, .. } = method;
    let kind = match (method.client_streaming, method.server_streaming) {
        (false, false) => quote! { unary },
        (false, true) => quote! { server_streaming },
        (true, false) => quote! { client_streaming },
        (true, true) => quote! { bidi_streaming },
    };
    quote! {
        {
            let inner = ::std::sync::Arc::clone(&self.inner);
            let codec = #codec::<#response, #request>::new();
            ::carom::server::Method::#kind(#proto_name, codec, move |request| {
                let inner = ::std::sync::Arc::clone(&inner);
                async move { <T as #the_trait>::#name(&*inner, request).await }
            })
        }
    }
}
