//! What a handler can ask about its call: metadata, peer, credentials, time.

use std::sync::Arc;

use carom::server::{CallFacts, RequestHead};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::certificate::{self, Names};
use crate::convert;

/// The auth property that holds the names a client proved.
const SUBJECT_ALTERNATIVE_NAME: &str = "x509_subject_alternative_name";
const COMMON_NAME: &str = "x509_common_name";

/// The request's head and the connection's facts.
pub(crate) struct Facts {
    pub(crate) head: Arc<RequestHead>,
    pub(crate) call: CallFacts,
}

impl Facts {
    pub(crate) fn invocation_metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &self.head.user_agent {
            Some(user_agent) => {
                convert::metadata_tuple(py, &[("user-agent", user_agent)], self.head.metadata(), &[])
            }
            None => convert::metadata_tuple(py, &[], self.head.metadata(), &[]),
        }
    }

    pub(crate) fn peer(&self) -> String {
        self.call.connection.peer.to_uri()
    }

    pub(crate) fn time_remaining(&self) -> Option<f64> {
        convert::remaining(self.call.deadline)
    }

    fn names(&self) -> Option<Names> {
        let chain = self.call.connection.peer_certs.as_ref()?;
        Some(certificate::names(chain.first()?))
    }

    /// The property of [`auth_context`](Self::auth_context) that says who the client is.
    pub(crate) fn peer_identity_key(&self) -> Option<&'static str> {
        let names = self.names()?;
        Some(if names.alternative.is_empty() { COMMON_NAME } else { SUBJECT_ALTERNATIVE_NAME })
    }

    pub(crate) fn peer_identities<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(names) = self.names() else { return Ok(None) };
        let names = if names.alternative.is_empty() { names.common } else { names.alternative };
        bytes_list(py, &names).map(Some)
    }

    pub(crate) fn auth_context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let context = PyDict::new(py);
        let connection = &self.call.connection;
        let (kind, level) = if connection.tls {
            ("ssl", "TSI_PRIVACY_AND_INTEGRITY")
        } else {
            ("insecure", "TSI_SECURITY_NONE")
        };
        context.set_item("transport_security_type", bytes_list(py, &[kind.as_bytes().to_vec()])?)?;
        context.set_item("security_level", bytes_list(py, &[level.as_bytes().to_vec()])?)?;
        let Some(chain) = &connection.peer_certs else { return Ok(context) };
        if let Some(names) = self.names() {
            if !names.common.is_empty() {
                context.set_item(COMMON_NAME, bytes_list(py, &names.common)?)?;
            }
            if !names.alternative.is_empty() {
                context.set_item(SUBJECT_ALTERNATIVE_NAME, bytes_list(py, &names.alternative)?)?;
            }
        }
        let chain: Vec<Vec<u8>> = chain.iter().map(|one| certificate::pem(one)).collect();
        if let Some(leaf) = chain.first() {
            context.set_item("x509_pem_cert", bytes_list(py, std::slice::from_ref(leaf))?)?;
            context.set_item("x509_pem_cert_chain", bytes_list(py, &[chain.concat()])?)?;
        }
        Ok(context)
    }
}

fn bytes_list<'py>(py: Python<'py>, values: &[Vec<u8>]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, values.iter().map(|value| PyBytes::new(py, value)))
}
