//! The protobuf compiler's command line, for `grpc_tools.protoc`.

use std::ffi::OsString;
use std::io;

use pyo3::prelude::*;

use crate::signal::detached;

/// Runs protoc's command line. `arguments` do not contain the program's name. Messages go to standard error. Returns
/// the exit code.
#[pyfunction]
pub(crate) fn protoc(py: Python<'_>, arguments: Vec<OsString>) -> i32 {
    detached(py, || carom_protoc::driver::run(arguments, &mut io::stdout(), &mut io::stderr()))
}
