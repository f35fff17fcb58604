//! The client of a service.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{Method, Service, docs_or};
use crate::names::ident;

/// What a client has besides its service's methods: a method of one of these names gets an underscore behind it.
const OWN_METHODS: &[&str] =
    &["new", "connect", "channel", "max_recv_message_size", "max_send_message_size", "send_compressed"];

pub(super) fn module(
    service: &Service,
    mod_attributes: &TokenStream,
    attributes: &TokenStream,
) -> TokenStream {
    let module = ident(&service.client_module());
    let name = format_ident!("{}Client", service.type_name);
    let docs = docs_or(&service.docs, format!(" Calls `{}`.", service.full_name));
    let module_docs = format!(" The client of `{}`.", service.full_name);
    let full_name = &service.full_name;
    let paths = service.paths();
    let methods = service.methods.iter().map(|one| method(one, &service.codec));
    quote! {
        #[doc = #module_docs]
        #mod_attributes
        pub mod #module {
            #docs
            ///
            /// Cheap to clone; clones share the channel. Methods take a message, or a `carom::Request` that wraps one with
            /// metadata and the options of the call.
            #attributes
            #[derive(Debug, Clone)]
            pub struct #name {
                channel: ::carom::client::Channel,
                options: ::carom::client::CallOptions,
            }

            impl #name {
                /// The full name of the service.
                pub const NAME: &'static str = #full_name;

                /// Creates a client that calls over this channel.
                pub fn new(channel: ::carom::client::Channel) -> Self {
                    Self { channel, options: ::core::default::Default::default() }
                }

                /// Opens a channel to the target (`host:port`, `dns:///…`, `unix:…`) and waits until it is connected.
                ///
                /// # Errors
                /// The target is malformed, or cannot be reached.
                pub async fn connect(
                    target: impl ::core::convert::Into<::std::string::String>,
                ) -> ::core::result::Result<Self, ::carom::client::ConnectError> {
                    ::carom::client::Channel::connect(target).await.map(Self::new)
                }

                /// Returns the channel that carries the calls.
                pub fn channel(&self) -> &::carom::client::Channel {
                    &self.channel
                }

                /// Sets the largest response message, decompressed, in bytes. Default: the channel's.
                #[must_use]
                pub fn max_recv_message_size(mut self, bytes: usize) -> Self {
                    self.options.max_recv_message_size = ::core::option::Option::Some(bytes);
                    self
                }

                /// Sets the largest request message, before compression, in bytes. Default: the channel's.
                #[must_use]
                pub fn max_send_message_size(mut self, bytes: usize) -> Self {
                    self.options.max_send_message_size = ::core::option::Option::Some(bytes);
                    self
                }

                /// Sets the encoding of request messages. Default: the channel's.
                #[must_use]
                pub fn send_compressed(mut self, encoding: ::carom::CompressionEncoding) -> Self {
                    self.options.compression = ::core::option::Option::Some(encoding.into());
                    self
                }

                #(#methods)*
            }

            #paths
        }
    }
}

fn method(method: &Method, codec: &TokenStream) -> TokenStream {
    let name = client_name(method);
    let docs = docs_or(&method.docs, format!(" Calls `{}`.", method.path));
    let deprecated = method.deprecated.then(|| quote! { #[deprecated] });
    let Method { path, request, response, .. } = method;
    let (argument, into) = if method.client_streaming {
        (quote! { impl ::carom::IntoStreamingRequest<Message = #request> }, quote! { into_streaming_request })
    } else {
        (quote! { impl ::carom::IntoRequest<#request> }, quote! { into_request })
    };
    let into_trait = if method.client_streaming {
        quote! { ::carom::IntoStreamingRequest }
    } else {
        quote! { ::carom::IntoRequest }
    };
    let answer = if method.server_streaming {
        quote! { ::carom::Streaming<#response> }
    } else {
        response.clone()
    };
    let kind = match (method.client_streaming, method.server_streaming) {
        (false, false) => quote! { unary },
        (false, true) => quote! { server_streaming },
        (true, false) => quote! { client_streaming },
        (true, true) => quote! { bidi_streaming },
    };
    quote! {
        #docs
        #deprecated
        pub async fn #name(
            &self,
            request: #argument,
        ) -> ::core::result::Result<::carom::Response<#answer>, ::carom::Status> {
            let codec = #codec::<#request, #response>::new();
            let request = self.options.apply(#into_trait::#into(request));
            self.channel.#kind(#path, codec, request).await
        }
    }
}

fn client_name(method: &Method) -> Ident {
    if OWN_METHODS.contains(&method.name.as_str()) {
        return format_ident!("{}_", method.name);
    }
    method.ident()
}
