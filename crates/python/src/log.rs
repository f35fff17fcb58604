//! What the connections have to say, on standard error.

use tracing_subscriber::filter::LevelFilter;

/// Sends the library's events to standard error, from the level that `GRPC_VERBOSITY` names: `NONE`, `ERROR`, `INFO`
/// or `DEBUG`, as grpcio has them. Without it warnings and errors are shown, such as a client that does not speak
/// gRPC. A name that nobody knows counts as none given.
pub(crate) fn start() {
    let level = match std::env::var("GRPC_VERBOSITY").unwrap_or_default().to_ascii_uppercase().as_str() {
        "NONE" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        _ => LevelFilter::WARN,
    };
    // Another extension module of the process has its own copy of the library; this can fail only on a second call.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}
