//! The client of a service.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{Method, Service, docs_or};
use crate::names::ident;

/// What a client has besides its service's methods: a method of one of these names gets an underscore behind it.
const OWN_METHODS: &[&str] = &["new", "connect", "channel"];

pub(super) fn module(service: &Service) -> TokenStream {
    let module = ident(&service.client_module());
    let name = format_ident!("{}Client", service.type_name);
    let docs = docs_or(&service.docs, format!(" Calls `{}`.", service.full_name));
    let module_docs = format!(" The client of `{}`.", service.full_name);
    let methods = service.methods.iter().map(method);
    quote! {
        #[doc = #module_docs]
        pub mod #module {
            #docs
            ///
            /// Cheap to clone; clones share the channel. Methods take a message, or a `carom::Request` around it with
            /// metadata and what else one call asks for.
            #[derive(Debug, Clone)]
            pub struct #name {
                channel: ::carom::client::Channel,
            }

            impl #name {
                /// A client that calls over this channel.
                pub fn new(channel: ::carom::client::Channel) -> Self {
                    Self { channel }
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

                /// The channel that the calls go over.
                pub fn channel(&self) -> &::carom::client::Channel {
                    &self.channel
                }

                #(#methods)*
            }
        }
    }
}

fn method(method: &Method) -> TokenStream {
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
            let codec = ::carom::codec::BuffaCodec::<#request, #response>::new();
            self.channel.#kind(#path, codec, #into_trait::#into(request)).await
        }
    }
}

fn client_name(method: &Method) -> Ident {
    if OWN_METHODS.contains(&method.name.as_str()) {
        return format_ident!("{}_", method.name);
    }
    method.ident()
}
