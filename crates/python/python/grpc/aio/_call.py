"""Calls of the aio client.

A call is handed to its connection when it is made and needs no task: what has come is returned at once, what has not is
a future of the loop that one wake-up for a batch of calls resolves.
"""

import asyncio
import inspect
import logging

from grpc import _interfaces
from grpc._enums import ChannelConnectivity, StatusCode, status_code
from grpc.aio import _base_call
from grpc.aio._errors import EOF, UsageError
from grpc.aio._metadata import Metadata

_LOGGER = logging.getLogger(__name__)

_CANCELLED = StatusCode.CANCELLED.value[0]
_CANCELLED_LOCALLY = "Locally cancelled by application!"
_MIXED_STYLES = "The iterator and read/write APIs may not be mixed on a single RPC."
_FINISHED = "RPC already finished."
_HALF_CLOSED = 'RPC is half closed after calling "done_writing".'
_REPR = "<{} of RPC that terminated with:\n\tstatus = {}\n\tdetails = \"{}\"\n\tdebug_error_string = \"{}\"\n>"

# How a stream is used: not yet known, by iterators, or by read and write.
_UNKNOWN, _ITERATOR, _READER_WRITER = range(3)


class AioRpcError(_interfaces.RpcError):
    """A call did not end with OK."""

    def __init__(self, code, initial_metadata=None, trailing_metadata=None, details=None, debug_error_string=None):
        super().__init__()
        self._code = code
        self._details = details
        self._initial_metadata = initial_metadata
        self._trailing_metadata = trailing_metadata
        self._debug_error_string = debug_error_string

    def code(self):
        """The StatusCode."""
        return self._code

    def details(self):
        """The status message."""
        return self._details

    def initial_metadata(self):
        """The metadata the server sent first."""
        return self._initial_metadata

    def trailing_metadata(self):
        """The metadata the server sent last."""
        return self._trailing_metadata

    def debug_error_string(self):
        """What is known about the error, for people."""
        return self._debug_error_string

    def _repr(self):
        return _REPR.format(self.__class__.__name__, self._code, self._details, self._debug_error_string)

    def __repr__(self):
        return self._repr()

    def __str__(self):
        return self._repr()

    def __reduce__(self):
        return (
            type(self),
            (self._code, self._initial_metadata, self._trailing_metadata, self._details, self._debug_error_string),
        )


class Call:
    """What calls of the four kinds share. `_core` is the call of the extension module."""

    def __init__(self, channel, core, request_serializer, response_deserializer, loop):
        self._channel = channel
        self._core = core
        self._request_serializer = request_serializer
        self._response_deserializer = response_deserializer
        self._loop = loop
        self._cancelled_locally = False

    def __del__(self):
        core = getattr(self, "_core", None)
        if core is not None and not core.done():
            core.cancel(_CANCELLED, "Cancelled upon garbage collection!")

    def cancelled(self):
        return self._core.done() and self._core.status()[0] == _CANCELLED

    def done(self):
        return self._core.done()

    def time_remaining(self):
        return self._core.time_remaining()

    def _cancel(self, details):
        if not self._core.cancel(_CANCELLED, details):
            return False
        self._cancelled_locally = True
        return True

    def cancel(self):
        return self._cancel(_CANCELLED_LOCALLY)

    def add_done_callback(self, callback):
        if self._core.done():
            callback(self)
        else:
            self._core.add_done_callback(lambda: callback(self))

    async def _ended(self):
        waiter = self._core.wait()
        if waiter is not None:
            await waiter
        return self._core.status()

    async def initial_metadata(self):
        metadata = self._core.initial_metadata()
        if type(metadata) is not tuple:
            metadata = await metadata
        return Metadata.from_tuple(metadata)

    async def trailing_metadata(self):
        await self._ended()
        return Metadata.from_tuple(self._core.trailing_metadata())

    async def code(self):
        return status_code((await self._ended())[0])

    async def details(self):
        return (await self._ended())[1]

    async def debug_error_string(self):
        return (await self._ended())[2]

    async def wait_for_connection(self):
        core = self._core
        state = self._channel.get_state()
        while not core.done() and state is not ChannelConnectivity.READY:
            changed = asyncio.ensure_future(self._channel.wait_for_state_change(state))
            ended = core.wait()
            await asyncio.wait(
                (changed,) if ended is None else (changed, ended), return_when=asyncio.FIRST_COMPLETED
            )
            changed.cancel()
            state = self._channel.get_state()
        if core.done():
            self._raise_for_status()

    def _error(self):
        number, details, debug_error_string = self._core.status()
        initial = self._core.initial_metadata()
        return AioRpcError(
            status_code(number),
            Metadata.from_tuple(initial),
            Metadata.from_tuple(self._core.trailing_metadata()),
            details,
            debug_error_string,
        )

    def _raise_for_status(self):
        """Raises what an ended call has to raise."""
        number = self._core.status()[0]
        if number == _CANCELLED and (self._cancelled_locally or self._core.channel_closed()):
            raise asyncio.CancelledError()
        if number != 0:
            raise self._error()

    def _serialize(self, request):
        """The request's bytes; what comes to nothing is an empty message, as in grpcio."""
        try:
            if self._request_serializer is not None:
                request = self._request_serializer(request)
            return b"" if request is None else request
        except Exception:
            _LOGGER.exception("Exception serializing message!")
            self._core.cancel(StatusCode.INTERNAL.value[0], "Exception serializing request!")
            raise

    def _deserialize(self, message):
        if self._response_deserializer is None:
            return message
        try:
            return self._response_deserializer(message)
        except Exception:
            _LOGGER.exception("Exception deserializing message!")
            self._core.overrule(StatusCode.INTERNAL.value[0], "Exception deserializing response!")
            raise self._error() from None

    def _repr(self):
        if not self._core.done():
            return "<_AioCall object>"
        number, details, debug_error_string = self._core.status()
        return _REPR.format("_AioCall", details, status_code(number), debug_error_string)

    def __repr__(self):
        return self._repr()

    def __str__(self):
        return self._repr()


class _UnaryResponse(Call):
    """A call with one response."""

    _response = EOF

    def __await__(self):
        waiter = self._core.wait()
        if waiter is not None:
            try:
                yield from waiter
            except asyncio.CancelledError:
                self.cancel()
                raise
        if self._response is EOF:
            if self._core.status()[0] != 0:
                self._raise_for_status()
            self._response = self._deserialize(self._core.unary_message())
        return self._response


class _StreamResponse(Call):
    """A call with a stream of responses."""

    _responses = None
    _response_style = _UNKNOWN

    def _use_responses(self, style):
        if self._response_style == _UNKNOWN:
            self._response_style = style
        elif self._response_style != style:
            raise UsageError(_MIXED_STYLES)

    async def _read(self):
        try:
            message = self._core.read()
            if type(message) is not bytes and message is not None:
                message = await message
            if message is None:
                await self._ended()
        except asyncio.CancelledError:
            if not self.done():
                self.cancel()
            raise
        if message is None:
            self._raise_for_status()
            return EOF
        return self._deserialize(message)

    async def _iterate(self):
        core = self._core
        deserialize = self._response_deserializer
        while True:
            message = core.read()
            if type(message) is bytes and deserialize is not None:
                yield self._deserialize(message)
                continue
            if type(message) is not bytes and message is not None:
                try:
                    message = await message
                except asyncio.CancelledError:
                    if not self.done():
                        self.cancel()
                    raise
            if message is None:
                await self._ended()
                self._raise_for_status()
                return
            yield self._deserialize(message)

    def __aiter__(self):
        self._use_responses(_ITERATOR)
        if self._responses is None:
            self._responses = self._iterate()
        return self._responses

    async def read(self):
        self._use_responses(_READER_WRITER)
        return await self._read()


class _StreamRequest(Call):
    """A call with a stream of requests, from an iterator of the program's or by `write`."""

    _consumer = None
    _half_closed = False

    def _send_from(self, request_iterator):
        """Feeds the call from an iterator, if there is one."""
        if request_iterator is not None:
            self._consumer = self._loop.create_task(self._consume(request_iterator))

    async def _consume(self, request_iterator):
        try:
            if inspect.isasyncgen(request_iterator) or hasattr(request_iterator, "__aiter__"):
                async for request in request_iterator:
                    if self._core.done():
                        return
                    await self._send(request)
            else:
                for request in request_iterator:
                    if self._core.done():
                        return
                    await self._send(request)
            self._core.half_close()
        except asyncio.CancelledError:
            if not self.done():
                self.cancel()
        except Exception:
            if not self._core.done():
                _LOGGER.exception("Client request_iterator raised exception")
                self.cancel()

    async def _send(self, request):
        credentials = self._core.kept()
        if credentials is not None and not credentials.done():
            await asyncio.wait((credentials,))
            if self._core.done():
                return
        room = self._core.write(self._serialize(request))
        if room is not None:
            await room

    def _check_writable(self):
        if self._core.done():
            raise asyncio.InvalidStateError(_FINISHED)
        if self._half_closed:
            raise asyncio.InvalidStateError(_HALF_CLOSED)

    async def write(self, request):
        if self._consumer is not None:
            raise UsageError(_MIXED_STYLES)
        self._check_writable()
        try:
            await self._send(request)
        except asyncio.CancelledError:
            if not self.done():
                self.cancel()
            raise
        if self._core.done():
            self._raise_for_status()

    async def done_writing(self):
        if self._consumer is not None:
            raise UsageError(_MIXED_STYLES)
        if self._core.done() or self._half_closed:
            return
        self._half_closed = True
        self._core.half_close()

    def cancel(self):
        if not super().cancel():
            return False
        consumer = self._consumer
        if consumer is not None and not consumer.done() and consumer is not _current_task(self._loop):
            consumer.cancel()
        return True


def _current_task(loop):
    try:
        return asyncio.current_task(loop)
    except RuntimeError:
        return None


class UnaryUnaryCall(_UnaryResponse, _base_call.UnaryUnaryCall):
    """See the base classes."""


class UnaryStreamCall(_StreamResponse, _base_call.UnaryStreamCall):
    """See the base classes."""


class StreamUnaryCall(_StreamRequest, _UnaryResponse, _base_call.StreamUnaryCall):
    """See the base classes."""


class StreamStreamCall(_StreamRequest, _StreamResponse, _base_call.StreamStreamCall):
    """See the base classes."""
