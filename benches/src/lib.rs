//! What the bench programs share: the generated services, arguments, and a meter that prints one line.

#![allow(missing_docs, reason = "generated code carries the comments of its .proto files only")]

mod meter;

pub mod helloworld {
    carom::include_proto!("helloworld");
}

pub mod bench {
    carom::include_proto!("bench");
}

pub use meter::{Meter, micros};

/// The `n`th argument, or what stands for it.
pub fn arg<T: std::str::FromStr>(n: usize, default: T) -> T {
    std::env::args().nth(n).and_then(|arg| arg.parse().ok()).unwrap_or(default)
}

/// A tokio runtime with this many workers; 0 is the current-thread runtime.
pub fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let mut builder = match workers {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(workers.max(1)).enable_all().build().expect("the runtime starts")
}
