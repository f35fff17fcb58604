"""The aio client's channels and the callables of methods."""

import asyncio

from carom import _carom
from grpc import _credentials
from grpc._channel import _INSECURE_FOR_CALL_CREDENTIALS
from grpc._enums import CONNECTIVITY_STATES, ChannelConnectivity, StatusCode
from grpc._grpcio_metadata import __version__
from grpc.aio import _base_channel, _call, _interceptor
from grpc.aio._errors import InternalError, UsageError
from grpc.aio._loop import completion_queue, running_loop
from grpc.aio._metadata import Metadata

_USER_AGENT = f"grpc-python-asyncio/{__version__}"

#: How often a channel that closes with a grace period looks whether its calls have ended.
_CLOSE_POLL_SECONDS = 0.01


class _MultiCallable:
    """What the callables of the four kinds of methods share."""

    _call_class = None
    _intercepted_class = None
    _one_response = True

    def __init__(self, channel, method, request_serializer, response_deserializer, interceptors):
        self._channel = channel
        self._method = method.decode() if isinstance(method, bytes) else method
        self._request_serializer = request_serializer
        self._response_deserializer = response_deserializer
        self._interceptors = interceptors

    def _begin(self, payload, timeout, metadata, credentials, wait_for_ready, compression):
        """Starts a call; `payload` None leaves its requests to come."""
        channel = self._channel
        channel._check_open()
        loop = running_loop()
        queue = completion_queue(loop)
        if credentials is not None or channel._plugins:
            core = channel._core.prepare_aio(
                queue, self._method, payload, self._one_response, timeout, wait_for_ready, compression
            )
            channel._authenticate(core, self._method, metadata, credentials, loop)
        else:
            try:
                core = channel._core.start_aio(
                    queue,
                    self._method,
                    payload,
                    self._one_response,
                    timeout,
                    metadata,
                    wait_for_ready,
                    compression,
                )
            except _carom.InvalidMetadata as error:
                raise InternalError(f"Invalid metadata: {error}") from None
        return self._call_class(channel, core, self._request_serializer, self._response_deserializer, loop)

    def _unary_request(self, request, timeout, metadata, credentials, wait_for_ready, compression):
        payload = request
        if self._request_serializer is not None:
            try:
                payload = self._request_serializer(request)
            except Exception as error:
                raise _call.AioRpcError(
                    StatusCode.INTERNAL, Metadata(), Metadata(), "Exception serializing request!"
                ) from error
        # None would leave the request to come, for ever; grpcio sends an empty message here.
        payload = b"" if payload is None else payload
        return self._begin(payload, timeout, metadata, credentials, wait_for_ready, compression)

    def _stream_request(self, request_iterator, timeout, metadata, credentials, wait_for_ready, compression):
        call = self._begin(None, timeout, metadata, credentials, wait_for_ready, compression)
        call._send_from(request_iterator)
        return call

    def _intercepted(self, request, timeout, metadata, credentials, wait_for_ready, compression):
        details = _interceptor.ClientCallDetails(
            self._method.encode(), timeout, Metadata._create(metadata), credentials, wait_for_ready
        )

        def invoke(details, request):
            method = details.method.decode() if isinstance(details.method, bytes) else details.method
            plain = type(self)(
                self._channel, method, self._request_serializer, self._response_deserializer, ()
            )
            return plain(
                request,
                timeout=details.timeout,
                metadata=details.metadata,
                credentials=details.credentials,
                wait_for_ready=details.wait_for_ready,
                compression=compression,
            )

        return self._intercepted_class(self._interceptors, invoke, details, request, running_loop())


class UnaryUnaryMultiCallable(_MultiCallable, _base_channel.UnaryUnaryMultiCallable):
    """See the base class."""

    _call_class = _call.UnaryUnaryCall
    _intercepted_class = _interceptor.InterceptedUnaryUnaryCall

    def __call__(
        self, request, *, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        make = self._intercepted if self._interceptors else self._unary_request
        return make(request, timeout, metadata, credentials, wait_for_ready, compression)


class UnaryStreamMultiCallable(_MultiCallable, _base_channel.UnaryStreamMultiCallable):
    """See the base class."""

    _call_class = _call.UnaryStreamCall
    _intercepted_class = _interceptor.InterceptedUnaryStreamCall
    _one_response = False

    def __call__(
        self, request, *, timeout=None, metadata=None, credentials=None, wait_for_ready=None, compression=None
    ):
        make = self._intercepted if self._interceptors else self._unary_request
        return make(request, timeout, metadata, credentials, wait_for_ready, compression)


class StreamUnaryMultiCallable(_MultiCallable, _base_channel.StreamUnaryMultiCallable):
    """See the base class."""

    _call_class = _call.StreamUnaryCall
    _intercepted_class = _interceptor.InterceptedStreamUnaryCall

    def __call__(
        self,
        request_iterator=None,
        timeout=None,
        metadata=None,
        credentials=None,
        wait_for_ready=None,
        compression=None,
    ):
        make = self._intercepted if self._interceptors else self._stream_request
        return make(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)


class StreamStreamMultiCallable(_MultiCallable, _base_channel.StreamStreamMultiCallable):
    """See the base class."""

    _call_class = _call.StreamStreamCall
    _intercepted_class = _interceptor.InterceptedStreamStreamCall
    _one_response = False

    def __call__(
        self,
        request_iterator=None,
        timeout=None,
        metadata=None,
        credentials=None,
        wait_for_ready=None,
        compression=None,
    ):
        make = self._intercepted if self._interceptors else self._stream_request
        return make(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)


class Channel(_base_channel.Channel):
    """The channel that `grpc.aio.insecure_channel` and `secure_channel` make. Usable from several event loops."""

    def __init__(self, target, options, credentials, compression, interceptors):
        transport, self._plugins, self._secure = _credentials.split_channel(credentials)
        # Programs append to these lists, mostly before they make stubs. What is appended runs, also for stubs that are there.
        (
            self._unary_unary_interceptors,
            self._unary_stream_interceptors,
            self._stream_unary_interceptors,
            self._stream_stream_interceptors,
        ) = _interceptor.sort(interceptors or ())
        self._core = _carom.Channel(
            target,
            list(options or ()),
            None
            if transport is None
            else (transport.root_certificates, transport.private_key, transport.certificate_chain),
            _USER_AGENT,
            compression,
        )
        self._closed = False

    def _authenticate(self, core, method, metadata, credentials, loop):
        """Starts a prepared call once the call credentials have said what they add."""
        if not self._secure:
            core.cancel(StatusCode.UNAUTHENTICATED.value[0], _INSECURE_FOR_CALL_CREDENTIALS)
            return
        plugins = self._plugins + (_credentials.call_plugins(credentials) if credentials is not None else ())
        context = _credentials.auth_metadata_context(self._core.authority(), method)

        async def authenticate():
            try:
                added = await _credentials.call_metadata_async(plugins, context, loop)
                core.begin(tuple(metadata or ()) + added)
            except _credentials.PluginError as error:
                core.cancel(StatusCode.UNAVAILABLE.value[0], str(error))
            except _carom.InvalidMetadata as error:
                core.cancel(StatusCode.INTERNAL.value[0], f"Invalid metadata: {error}")

        core.keep(loop.create_task(authenticate()))

    async def __aenter__(self):
        return self

    async def __aexit__(self, exc_type, exc_val, exc_tb):
        await self.close()

    async def close(self, grace=None):
        if self._closed:
            return
        self._closed = True
        self._core.refuse()
        if grace:
            loop = running_loop()
            end = loop.time() + grace
            while self._core.active_calls() and loop.time() < end:
                await asyncio.sleep(_CLOSE_POLL_SECONDS)
        self._core.close()

    def _check_open(self):
        if self._closed:
            raise UsageError("Channel is closed.")

    def get_state(self, try_to_connect=False):
        return CONNECTIVITY_STATES[self._core.state(try_to_connect)]

    async def wait_for_state_change(self, last_observed_state):
        self._check_open()
        number = CONNECTIVITY_STATES.index(last_observed_state)
        await self._core.state_change_aio(completion_queue(running_loop()), number)

    async def channel_ready(self):
        state = self.get_state(try_to_connect=True)
        while state is not ChannelConnectivity.READY:
            await self.wait_for_state_change(state)
            state = self.get_state(try_to_connect=True)

    def unary_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        interceptors = self._unary_unary_interceptors
        return UnaryUnaryMultiCallable(self, method, request_serializer, response_deserializer, interceptors)

    def unary_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        interceptors = self._unary_stream_interceptors
        return UnaryStreamMultiCallable(self, method, request_serializer, response_deserializer, interceptors)

    def stream_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        interceptors = self._stream_unary_interceptors
        return StreamUnaryMultiCallable(self, method, request_serializer, response_deserializer, interceptors)

    def stream_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        interceptors = self._stream_stream_interceptors
        return StreamStreamMultiCallable(self, method, request_serializer, response_deserializer, interceptors)


def insecure_channel(target, options=None, compression=None, interceptors=None):
    """A Channel without encryption.

    Args:
        target: the server's address; see `grpc.insecure_channel`.
        options: (name, value) pairs with grpcio's names.
        compression: the Compression of the channel's calls.
        interceptors: client interceptors, the first of them first.
    """
    return Channel(target, options, _credentials.insecure_channel_credentials(), compression, interceptors)


def secure_channel(target, credentials, options=None, compression=None, interceptors=None):
    """A Channel with ChannelCredentials; the other arguments are those of `insecure_channel`."""
    return Channel(target, options, credentials, compression, interceptors)


