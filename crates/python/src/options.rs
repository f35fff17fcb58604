//! Channel and server options by grpcio's names. Those that are not known are ignored, as grpcio does.

use std::time::Duration;

use carom::client::{BackoffConfig, ChannelBuilder};
use carom::server::{Builder, Keepalive, PingPolicy};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString};

/// What the options say that this package knows.
#[derive(Debug, Default)]
pub(crate) struct Options {
    max_receive: Option<i64>,
    max_send: Option<i64>,
    max_concurrent_streams: Option<u32>,
    keepalive_time: Option<Duration>,
    /// `grpc.keepalive_time_ms` says: never.
    keepalive_off: bool,
    keepalive_timeout: Option<Duration>,
    keepalive_without_calls: bool,
    min_ping_interval: Option<Duration>,
    max_ping_strikes: Option<u32>,
    max_connection_idle: Option<Duration>,
    max_connection_age: Option<Duration>,
    max_connection_age_grace: Option<Duration>,
    max_connections: Option<u32>,
    handshake_timeout: Option<Duration>,
    initial_backoff: Option<Duration>,
    min_backoff: Option<Duration>,
    max_backoff: Option<Duration>,
    default_compression: Option<i32>,
    /// `grpc.service_config`, in JSON.
    service_config: Option<String>,
    /// `grpc.enable_retries`.
    retries: Option<bool>,
    /// `grpc.so_reuseport`.
    pub(crate) reuse_port: Option<bool>,
    /// `grpc.default_authority`.
    pub(crate) authority: Option<String>,
    /// `grpc.ssl_target_name_override`.
    pub(crate) tls_name: Option<String>,
    /// `grpc.primary_user_agent`.
    pub(crate) user_agent: Option<String>,
}

impl Options {
    /// Reads (name, value) pairs; the last of a name counts.
    ///
    /// # Errors
    /// TypeError for what is no pair, or a value of the wrong type.
    pub(crate) fn read(pairs: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut options = Self::default();
        for pair in pairs.try_iter()? {
            let pair = pair?;
            let (name, value) = (text(&pair.get_item(0)?)?, pair.get_item(1)?);
            check_kind(&value)?;
            options.take(&name, &value)?;
        }
        Ok(options)
    }

    fn take(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        match name {
            "grpc.max_receive_message_length" => self.max_receive = integer(name, value)?,
            "grpc.max_send_message_length" => self.max_send = integer(name, value)?,
            "grpc.max_concurrent_streams" => self.max_concurrent_streams = positive(name, value)?,
            "grpc.keepalive_time_ms" => {
                self.keepalive_time = millis(name, value)?;
                self.keepalive_off = self.keepalive_time.is_none();
            }
            "grpc.keepalive_timeout_ms" => self.keepalive_timeout = millis(name, value)?,
            "grpc.keepalive_permit_without_calls" => self.keepalive_without_calls = value.is_truthy()?,
            "grpc.http2.min_ping_interval_without_data_ms" => self.min_ping_interval = millis(name, value)?,
            "grpc.http2.max_ping_strikes" => {
                self.max_ping_strikes = integer(name, value)?.and_then(|strikes| u32::try_from(strikes).ok());
            }
            "grpc.max_connection_idle_ms" => self.max_connection_idle = millis(name, value)?,
            "grpc.max_connection_age_ms" => self.max_connection_age = millis(name, value)?,
            "grpc.max_connection_age_grace_ms" => self.max_connection_age_grace = millis(name, value)?,
            "grpc.max_allowed_incoming_connections" => self.max_connections = positive(name, value)?,
            "grpc.server_handshake_timeout_ms" => self.handshake_timeout = millis(name, value)?,
            "grpc.initial_reconnect_backoff_ms" => self.initial_backoff = millis(name, value)?,
            "grpc.min_reconnect_backoff_ms" => self.min_backoff = millis(name, value)?,
            "grpc.max_reconnect_backoff_ms" => self.max_backoff = millis(name, value)?,
            "grpc.default_compression_algorithm" => {
                self.default_compression =
                    integer(name, value)?.and_then(|number| i32::try_from(number).ok());
            }
            "grpc.so_reuseport" => self.reuse_port = Some(value.is_truthy()?),
            "grpc.service_config" => self.service_config = Some(text(value)?),
            "grpc.enable_retries" => self.retries = Some(value.is_truthy()?),
            "grpc.default_authority" => self.authority = Some(text(value)?),
            "grpc.ssl_target_name_override" => self.tls_name = Some(text(value)?),
            "grpc.primary_user_agent" => self.user_agent = Some(text(value)?),
            _ => {}
        }
        Ok(())
    }

    /// The compression of the API's argument, or else of the option.
    pub(crate) fn compression(&self, argument: Option<i32>) -> Option<i32> {
        argument.or(self.default_compression)
    }

    /// The keepalive that was asked for.
    fn keepalive(&self) -> Option<Keepalive> {
        /// grpcio's `grpc.keepalive_timeout_ms`.
        const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);
        self.keepalive_time.map(|interval| Keepalive {
            interval,
            timeout: self.keepalive_timeout.unwrap_or(DEFAULT_TIMEOUT),
            without_calls: self.keepalive_without_calls,
        })
    }

    /// Applies what concerns channels.
    pub(crate) fn channel(&self, mut builder: ChannelBuilder) -> ChannelBuilder {
        let mut backoff = BackoffConfig::default();
        if let Some(first) = self.initial_backoff {
            backoff.initial = first;
        }
        if let Some(most) = self.max_backoff {
            backoff.max = most;
        }
        if let Some(least) = self.min_backoff {
            backoff.initial = backoff.initial.max(least);
        }
        builder = builder.with_http2(|config| config.keepalive = self.keepalive()).backoff(backoff);
        if let Some(json) = &self.service_config {
            builder = builder.default_service_config(json.clone());
        }
        if let Some(retries) = self.retries {
            builder = builder.retries(retries);
        }
        if let Some(bytes) = self.max_receive {
            builder = builder.max_recv_message_size(limit(bytes));
        }
        if let Some(bytes) = self.max_send {
            builder = builder.max_send_message_size(limit(bytes));
        }
        if let Some(authority) = self.authority.as_ref().or(self.tls_name.as_ref()) {
            builder = builder.authority(authority.clone());
        }
        builder
    }

    /// Applies what concerns servers.
    pub(crate) fn server(&self, mut builder: Builder) -> Builder {
        let default = Keepalive::server_default();
        let by_default = (!self.keepalive_off)
            .then(|| Keepalive { timeout: self.keepalive_timeout.unwrap_or(default.timeout), ..default });
        let policy = PingPolicy::default();
        builder = builder
            .keepalive(self.keepalive().or(by_default))
            .ping_policy(PingPolicy {
                min_interval: self.min_ping_interval.unwrap_or(policy.min_interval),
                // As in grpcio, the one option says both what a server does and what it allows.
                without_calls: self.keepalive_without_calls,
                max_strikes: self.max_ping_strikes.unwrap_or(policy.max_strikes),
            })
            .max_connection_idle(self.max_connection_idle)
            .max_connection_age(self.max_connection_age)
            .max_connection_age_grace(self.max_connection_age_grace)
            // Programs written for grpcio may stop reading altogether for minutes, between two epochs of a training for one.
            // What they make a server hold is bounded by the send buffers and the memory quota.
            .stall_timeout(None);
        if let Some(streams) = self.max_concurrent_streams {
            builder = builder.max_concurrent_streams(streams);
        }
        if let Some(connections) = self.max_connections {
            builder = builder.max_connections(Some(connections as usize));
        }
        if let Some(timeout) = self.handshake_timeout {
            builder = builder.handshake_timeout(timeout);
        }
        if let Some(bytes) = self.max_receive {
            builder = builder.max_recv_message_size(limit(bytes));
        }
        if let Some(bytes) = self.max_send {
            builder = builder.max_send_message_size(limit(bytes));
        }
        builder
    }
}

/// A size limit; negative is none.
fn limit(bytes: i64) -> Option<usize> {
    usize::try_from(bytes).ok()
}

/// Refuses what grpcio refuses as the value of any option.
fn check_kind(value: &Bound<'_, PyAny>) -> PyResult<()> {
    let taken = value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>();
    if taken {
        return Ok(());
    }
    let kind = value.get_type();
    Err(PyTypeError::new_err(format!("Expected int, bytes, or behavior, got {kind}")))
}

/// The number of an option that takes one. A float is cut; of a text nothing is taken, as in grpcio, but a word in the log.
///
/// # Errors
/// OverflowError beyond 32 bits, which grpcio has no room for either.
fn integer(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
        tracing::warn!(option = name, %value, "the option takes a number and is ignored");
        return Ok(None);
    }
    let number: i32 = match value.cast::<PyFloat>() {
        Ok(_) => value.call_method0("__int__")?.extract()?,
        Err(_) => value.extract()?,
    };
    Ok(Some(i64::from(number)))
}

fn positive(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
    Ok(integer(name, value)?.and_then(|number| u32::try_from(number).ok()).filter(|&number| number > 0))
}

/// Milliseconds; grpcio's "never" (the largest 32-bit number) and nonsense are none.
fn millis(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    let number = integer(name, value)?.filter(|&number| 0 < number && number < i64::from(i32::MAX));
    Ok(number.map(|number| Duration::from_millis(number.unsigned_abs())))
}

/// Text, or UTF-8 bytes.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(String::from_utf8_lossy(bytes.as_bytes()).into_owned()),
        Err(_) => value.extract(),
    }
}
