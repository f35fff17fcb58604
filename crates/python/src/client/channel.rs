//! Channels.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use carom::client::{
    CallOptions, Channel as Inner, ChannelBuilder, ConnectError, ConnectivityState, RawCall,
};
use carom::credentials::{Certificate, ClientTlsConfig, Identity};
use carom::{MetadataMap, Status};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::call::Call;
use super::core::{CallCore, ChannelState, End};
use crate::aio::call::AioCall;
use crate::aio::queue::LoopQueue;
use crate::convert;
use crate::options::{self, Options};
use crate::runtime::{self, OfProcess};
use crate::signal::block_on;

/// A channel to a target. What is wrong with the target or the credentials is the status of every call, as programs
/// for grpcio expect.
#[pyclass(frozen, module = "carom._carom")]
pub(crate) struct Channel {
    builder: Result<ChannelBuilder, Status>,
    /// Made of the builder by each process that uses it: the child of a fork connects for itself.
    connected: ArcSwap<OfProcess<Connected>>,
    authority: String,
    state: Arc<ChannelState>,
    /// Ends the waits for a change of state.
    poke: Arc<Notify>,
}

/// What a channel is in one process.
struct Connected {
    inner: Result<Inner, Status>,
    runtime: Handle,
}

impl Connected {
    fn new(builder: &Result<ChannelBuilder, Status>) -> PyResult<Self> {
        let runtime = runtime::handle()?;
        let connect = |builder: &ChannelBuilder| builder.clone().runtime(runtime.clone()).connect_lazy();
        let unavailable = |error: ConnectError| Status::unavailable(error.to_string());
        let inner = match builder {
            Ok(builder) => connect(builder).map_err(unavailable),
            Err(status) => Err(status.clone()),
        };
        Ok(Self { inner, runtime })
    }
}

/// PEM of roots, private key and certificate chain.
type TlsFiles = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

impl Channel {
    fn build(
        mut builder: ChannelBuilder,
        options: &Options,
        tls: Option<TlsFiles>,
    ) -> Result<ChannelBuilder, String> {
        builder = options.channel(builder);
        if let Some((roots, key, chain)) = tls {
            let mut config = ClientTlsConfig::new();
            if let Some(roots) = roots {
                config = config.ca_certificate(Certificate::from_pem(roots));
            }
            match (chain, key) {
                (Some(chain), Some(key)) => config = config.identity(Identity::from_pem(chain, key)),
                (None, None) => {}
                _ => {
                    return Err(
                        "a private key and a certificate chain belong together; one is missing".to_owned()
                    );
                }
            }
            if let Some(name) = &options.tls_name {
                config = config.domain_name(name.clone());
            }
            builder = builder.tls(config);
        }
        Ok(builder)
    }

    /// The channel of this process; the first use in the child of a fork makes one.
    ///
    /// # Errors
    /// Why there is no channel.
    fn inner(&self) -> Result<Inner, Status> {
        self.with_connected(|connected| connected.inner.clone())?
    }

    fn with_connected<R>(&self, f: impl FnOnce(&Connected) -> R) -> Result<R, Status> {
        if let Some(connected) = self.connected.load().get() {
            return Ok(f(connected));
        }
        let connected =
            Connected::new(&self.builder).map_err(|error| Status::unavailable(error.to_string()))?;
        let result = f(&connected);
        self.connected.store(Arc::new(OfProcess::new(connected)));
        Ok(result)
    }

    fn check_open(&self) -> PyResult<()> {
        if self.state.refusing.load(Ordering::Acquire) {
            return Err(PyValueError::new_err("Cannot invoke RPC on closed channel!"));
        }
        Ok(())
    }

    fn call_options(
        timeout: Option<f64>,
        wait_for_ready: Option<bool>,
        compression: Option<i32>,
    ) -> PyResult<(CallOptions, Option<Instant>)> {
        // Zero is no timeout to grpcio.
        let deadline = convert::timeout(timeout.filter(|seconds| *seconds != 0.0))?
            .map(|timeout| Instant::now() + timeout);
        let mut options = CallOptions::default();
        options.deadline = deadline;
        options.wait_for_ready = wait_for_ready;
        options.compression = convert::compression(compression)?.map(Into::into);
        Ok((options, deadline))
    }

    /// Starts a call.
    ///
    /// # Errors
    /// Why there is no channel.
    pub(crate) fn start_raw(
        &self,
        method: &str,
        payload: Option<Bytes>,
        options: CallOptions,
        metadata: MetadataMap,
    ) -> Result<RawCall, Status> {
        let method = Bytes::copy_from_slice(method.as_bytes());
        self.with_connected(|connected| {
            let channel = connected.inner.as_ref().map_err(Status::clone)?;
            Ok(match payload {
                Some(payload) => channel.start_unary(method, options, metadata, payload),
                None => channel.start_call(method, options, metadata),
            })
        })?
    }

    /// A call under way; on a channel that cannot be, one that has ended.
    fn start_core(
        &self,
        method: &str,
        payload: Option<Bytes>,
        one_response: bool,
        options: CallOptions,
        metadata: MetadataMap,
    ) -> CallCore {
        let deadline = options.deadline;
        let state = Arc::clone(&self.state);
        match self.start_raw(method, payload, options, metadata) {
            Ok(raw) => CallCore::begun(raw, one_response, deadline, state),
            Err(status) => CallCore::ended(failed(status), deadline, state),
        }
    }

    fn inner_state(&self, try_to_connect: bool) -> ConnectivityState {
        if self.state.closed.load(Ordering::Acquire) {
            return ConnectivityState::Shutdown;
        }
        let state = |connected: &Connected| {
            connected.inner.as_ref().ok().map(|channel| channel.state(try_to_connect))
        };
        // A channel that cannot be stays as it is.
        self.with_connected(state).ok().flatten().unwrap_or(ConnectivityState::TransientFailure)
    }
}

fn failed(status: Status) -> End {
    End { status, initial: MetadataMap::new(), trailing: MetadataMap::new(), message: None, local: false }
}

fn number(state: ConnectivityState) -> u8 {
    match state {
        ConnectivityState::Idle => 0,
        ConnectivityState::Connecting => 1,
        ConnectivityState::Ready => 2,
        ConnectivityState::TransientFailure => 3,
        ConnectivityState::Shutdown => 4,
    }
}

#[pymethods]
impl Channel {
    #[new]
    fn new(
        #[pyo3(from_py_with = options::text)] target: String,
        options: &Bound<'_, PyAny>,
        tls: Option<TlsFiles>,
        user_agent: &str,
        compression: Option<i32>,
    ) -> PyResult<Self> {
        let options = Options::read(options)?;
        let user_agent = match &options.user_agent {
            Some(primary) => format!("{primary} {user_agent}"),
            None => user_agent.to_owned(),
        };
        let compression = convert::compression(options.compression(compression))?.flatten();
        let builder = Inner::builder(target.clone()).user_agent(user_agent).compression(compression);
        let builder = Self::build(builder, &options, tls).map_err(Status::unavailable);
        let connected = ArcSwap::from_pointee(OfProcess::new(Connected::new(&builder)?));
        let authority = options.authority.or(options.tls_name).unwrap_or_else(|| host_of(&target));
        Ok(Self { builder, connected, authority, state: Arc::default(), poke: Arc::default() })
    }

    /// Makes a call with one request and one response, and waits for it. Returns the response's bytes, or the ended
    /// call where it did not end well.
    #[allow(clippy::too_many_arguments)] // The interpreter's call, argument for argument.
    fn unary<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        payload: &Bound<'py, PyAny>,
        timeout: Option<f64>,
        metadata: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = convert::truth)] wait_for_ready: Option<bool>,
        compression: Option<i32>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.check_open()?;
        let payload = convert::payload(payload)?;
        let (metadata, _) = convert::metadata(metadata)?;
        let (options, _) = Self::call_options(timeout, wait_for_ready, compression)?;
        let core = self.start_core(method, Some(payload), true, options, metadata);
        let end = block_on(py, None, |cx| core.poll_end(cx))?;
        match end {
            Some(end) if end.is_ok() => match end.message(py) {
                Some(message) => Ok(message.into_any()),
                None => Ok(PyBytes::new(py, b"").into_any()),
            },
            _ => Ok(Bound::new(py, Call::new(core))?.into_any()),
        }
    }

    /// Starts a call; `payload` None leaves its requests to come.
    #[allow(clippy::too_many_arguments)] // The interpreter's call, argument for argument.
    fn start(
        &self,
        method: &str,
        payload: Option<&Bound<'_, PyAny>>,
        one_response: bool,
        timeout: Option<f64>,
        metadata: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = convert::truth)] wait_for_ready: Option<bool>,
        compression: Option<i32>,
    ) -> PyResult<Call> {
        self.check_open()?;
        let payload = payload.map(convert::payload).transpose()?;
        let (metadata, _) = convert::metadata(metadata)?;
        let (options, _) = Self::call_options(timeout, wait_for_ready, compression)?;
        Ok(Call::new(self.start_core(method, payload, one_response, options, metadata)))
    }

    /// As `start`, for the event loop of `queue`.
    #[allow(clippy::too_many_arguments)] // The interpreter's call, argument for argument.
    fn start_aio(
        &self,
        queue: &Bound<'_, LoopQueue>,
        method: &str,
        payload: Option<&Bound<'_, PyAny>>,
        one_response: bool,
        timeout: Option<f64>,
        metadata: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = convert::truth)] wait_for_ready: Option<bool>,
        compression: Option<i32>,
    ) -> PyResult<AioCall> {
        let payload = payload.map(convert::payload).transpose()?;
        let (metadata, _) = convert::metadata(metadata)?;
        let (options, _) = Self::call_options(timeout, wait_for_ready, compression)?;
        Ok(AioCall::new(queue, self.start_core(method, payload, one_response, options, metadata)))
    }

    /// A call that `AioCall.begin` starts, once its call credentials are known.
    #[allow(clippy::too_many_arguments)] // The interpreter's call, argument for argument.
    fn prepare_aio(
        slf: &Bound<'_, Self>,
        queue: &Bound<'_, LoopQueue>,
        method: &str,
        payload: Option<&Bound<'_, PyAny>>,
        one_response: bool,
        timeout: Option<f64>,
        #[pyo3(from_py_with = convert::truth)] wait_for_ready: Option<bool>,
        compression: Option<i32>,
    ) -> PyResult<AioCall> {
        let payload = payload.map(convert::payload).transpose()?;
        let (options, deadline) = Self::call_options(timeout, wait_for_ready, compression)?;
        let core = CallCore::new(one_response, deadline, Arc::clone(&slf.get().state));
        Ok(AioCall::prepared(queue, core, slf.clone().unbind(), method.to_owned(), payload, options))
    }

    /// The `:authority` of calls.
    fn authority(&self) -> &str {
        &self.authority
    }

    /// The number of the state now.
    fn state(&self, try_to_connect: bool) -> u8 {
        number(self.inner_state(try_to_connect))
    }

    /// Waits until the state is not `from`, or `poke_watchers` is called.
    fn wait_for_state_change(&self, py: Python<'_>, from: u8) -> PyResult<()> {
        let poke = Arc::clone(&self.poke);
        let mut poked = Box::pin(async move { poke.notified().await });
        let watch = self.inner().ok();
        let from = state_of(from);
        let mut changed = Box::pin(async move {
            match watch {
                Some(channel) => drop(channel.wait_for_state_change(from).await),
                // A channel that cannot be stays as it is.
                None => std::future::pending().await,
            }
        });
        block_on(py, None, |cx| {
            if poked.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { changed.as_mut().poll(cx) }
        })?;
        Ok(())
    }

    /// Ends the waits of `wait_for_state_change`.
    fn poke_watchers(&self) {
        // Kept for a wait that is about to begin.
        self.poke.notify_one();
    }

    /// A future of the loop that is done when the state is not `from`.
    fn state_change_aio<'py>(&self, queue: &Bound<'py, LoopQueue>, from: u8) -> PyResult<Bound<'py, PyAny>> {
        let (future, completion) = queue.get().future(queue.py())?;
        let connected = self.with_connected(|connected| (connected.inner.clone(), connected.runtime.clone()));
        match connected.and_then(|(inner, runtime)| Ok((inner?, runtime))) {
            Ok((channel, runtime)) if self.inner_state(false) == state_of(from) => {
                let from = state_of(from);
                runtime.spawn(async move {
                    channel.wait_for_state_change(from).await;
                    completion.complete();
                });
            }
            Ok(_) => completion.complete(),
            // A channel that cannot be stays as it is.
            Err(_) => completion.forget(),
        }
        Ok(future)
    }

    /// Takes no new calls.
    fn refuse(&self) {
        self.state.refusing.store(true, Ordering::Release);
    }

    /// How many calls have not ended.
    fn active_calls(&self) -> usize {
        self.state.active.load(Ordering::Relaxed)
    }

    /// Closes the channel and cancels its calls.
    fn close(&self) {
        self.refuse();
        self.state.closed.store(true, Ordering::Release);
        if let Some(Ok(channel)) = self.connected.load().get().map(|connected| &connected.inner) {
            channel.close();
        }
        self.poke_watchers();
    }
}

fn state_of(number: u8) -> ConnectivityState {
    match number {
        0 => ConnectivityState::Idle,
        1 => ConnectivityState::Connecting,
        2 => ConnectivityState::Ready,
        3 => ConnectivityState::TransientFailure,
        _ => ConnectivityState::Shutdown,
    }
}

/// The host (and port) of a target, for the URL that call credentials are told.
fn host_of(target: &str) -> String {
    match target.split_once("://") {
        Some((_, rest)) => rest.trim_start_matches('/').to_owned(),
        None => target.strip_prefix("dns:").unwrap_or(target).to_owned(),
    }
}
