//! The extension module `carom._carom` under Carom's Python packages.
//!
//! ```text
//! grpc          synchronous API: server::SyncServer (queue → executor), client::Call (threads wait without the lock)
//! grpc.aio      aio::queue::LoopQueue (one descriptor a loop) → aio::call, aio::server
//! grpc_tools    protoc
//! ```
//!
//! One tokio runtime of one thread runs all connections (`runtime`). It never takes the interpreter's lock: what it
//! has to tell goes into queues that threads of the interpreter wait for.

mod aio;
mod certificate;
mod client;
mod convert;
mod cooperative;
mod log;
mod options;
mod protoc;
mod runtime;
mod server;
mod signal;

use pyo3::prelude::*;

/// The call path of Carom's Python packages. The API is in the packages themselves.
#[pymodule]
fn _carom(module: &Bound<'_, PyModule>) -> PyResult<()> {
    log::start();
    signal::note_main_thread();
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("InvalidMetadata", module.py().get_type::<convert::InvalidMetadata>())?;
    module.add_class::<client::Channel>()?;
    module.add_class::<client::Call>()?;
    module.add_class::<server::SyncServer>()?;
    module.add_class::<server::ServicerContext>()?;
    module.add_class::<aio::queue::LoopQueue>()?;
    module.add_class::<aio::call::AioCall>()?;
    module.add_class::<aio::server::AioServer>()?;
    module.add_class::<aio::server_call::AioServerCall>()?;
    module.add_function(wrap_pyfunction!(client::callbacks::next_callbacks, module)?)?;
    module.add_function(wrap_pyfunction!(signal::before_exit, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(cooperative::wait_in_greenlets, module)?)?;
    module.add_function(wrap_pyfunction!(protoc::protoc, module)?)?;
    Ok(())
}

/// Called in the child of a fork, where only the forking thread exists.
#[pyfunction]
fn after_fork_in_child() {
    runtime::after_fork_in_child();
    client::callbacks::after_fork_in_child();
}
