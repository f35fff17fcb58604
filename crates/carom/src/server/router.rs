//! Routing of a call's path to the method that answers it.

use std::collections::HashMap;
use std::sync::Arc;

use carom_wire::Status;

use super::call::{DetachedHandler, RequestMode};
use super::service::{Method, Service};

/// All methods of a server. Consulted once for each distinct request head of a connection.
#[derive(Default)]
pub(crate) struct Router {
    by_path: HashMap<Box<str>, u32>,
    methods: Vec<Method>,
    services: Vec<Box<str>>,
    fallback: Option<Arc<dyn DetachedHandler>>,
}

/// The destination of a call. Small, because it is cached with the request head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// The method at this index.
    Method {
        index: u32,
        whole_request: bool,
    },
    /// The handler of calls that no service has.
    Fallback(RequestMode),
    Unknown,
}

impl Router {
    /// Adds a service. If a method exists already, the first one stays: `Err` with its path.
    pub(crate) fn add(&mut self, service: &dyn Service) -> Result<(), String> {
        self.services.push(service.name().into());
        for method in service.methods() {
            let path = format!("/{}/{}", service.name(), method.name()).into_boxed_str();
            if self.by_path.contains_key(&path) {
                return Err(path.into());
            }
            self.by_path.insert(path, self.methods.len() as u32);
            self.methods.push(method);
        }
        Ok(())
    }

    pub(crate) fn set_fallback(&mut self, fallback: Arc<dyn DetachedHandler>) {
        self.fallback = Some(fallback);
    }

    pub(crate) fn route(&self, path: &str) -> Route {
        match (self.by_path.get(path), &self.fallback) {
            (Some(&index), _) => {
                Route::Method { index, whole_request: !self.methods[index as usize].streams_requests() }
            }
            (None, Some(fallback)) => Route::Fallback(fallback.request_mode(path)),
            (None, None) => Route::Unknown,
        }
    }

    pub(crate) fn method(&self, index: u32) -> &Method {
        &self.methods[index as usize]
    }

    pub(crate) fn fallback(&self) -> Option<&dyn DetachedHandler> {
        self.fallback.as_deref()
    }

    /// Returns a status that says which part of `path` is unknown.
    pub(crate) fn unknown(&self, path: &str) -> Status {
        let parts = path.strip_prefix('/').and_then(|path| path.rsplit_once('/'));
        Status::unimplemented(match parts {
            None => format!("malformed method name: {path}"),
            Some((service, method)) if self.services.iter().any(|known| **known == *service) => {
                format!("unknown method {method} of service {service}")
            }
            Some((service, _)) => format!("unknown service {service} ({path})"),
        })
    }
}
