"""Interceptors of grpc.aio, and the calls that pass through the client's."""

import abc
import asyncio
import collections
import functools

from grpc import _interfaces
from grpc._enums import StatusCode
from grpc.aio import _base_call, _call
from grpc.aio._call import StreamStreamCall, StreamUnaryCall, UnaryStreamCall, UnaryUnaryCall  # noqa: F401
from grpc.aio._errors import EOF, UsageError


class ServerInterceptor(metaclass=abc.ABCMeta):
    """Stands before the handlers of a server."""

    @abc.abstractmethod
    async def intercept_service(self, continuation, handler_call_details):
        """Finds the handler of a call, mostly by `await continuation(handler_call_details)`."""


class ClientCallDetails(
    collections.namedtuple("ClientCallDetails", ("method", "timeout", "metadata", "credentials", "wait_for_ready")),
    _interfaces.ClientCallDetails,
):
    """A call that is about to be made; `method` is bytes."""


class ClientInterceptor(metaclass=abc.ABCMeta):
    """Base of the client interceptors."""


class UnaryUnaryClientInterceptor(ClientInterceptor, metaclass=abc.ABCMeta):
    """Stands between the program and its unary-unary calls."""

    @abc.abstractmethod
    async def intercept_unary_unary(self, continuation, client_call_details, request):
        """Makes the call by `await continuation(client_call_details, request)`, or returns a response in its place."""


class UnaryStreamClientInterceptor(ClientInterceptor, metaclass=abc.ABCMeta):
    """Stands between the program and its unary-stream calls."""

    @abc.abstractmethod
    async def intercept_unary_stream(self, continuation, client_call_details, request):
        """As `intercept_unary_unary`; returns a call or an async iterator of responses."""


class StreamUnaryClientInterceptor(ClientInterceptor, metaclass=abc.ABCMeta):
    """Stands between the program and its stream-unary calls."""

    @abc.abstractmethod
    async def intercept_stream_unary(self, continuation, client_call_details, request_iterator):
        """As `intercept_unary_unary`, with an iterator of requests."""


class StreamStreamClientInterceptor(ClientInterceptor, metaclass=abc.ABCMeta):
    """Stands between the program and its stream-stream calls."""

    @abc.abstractmethod
    async def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
        """As `intercept_unary_stream`, with an iterator of requests."""


_KINDS = (
    UnaryUnaryClientInterceptor,
    UnaryStreamClientInterceptor,
    StreamUnaryClientInterceptor,
    StreamStreamClientInterceptor,
)


def sort(interceptors):
    """The interceptors of each of the four kinds of methods, in order, as lists."""
    for interceptor in interceptors:
        if not isinstance(interceptor, _KINDS):
            names = [kind.__name__ for kind in _KINDS]
            raise ValueError(f"Interceptor {interceptor} must be {' or '.join(names)}. ")
    return tuple([one for one in interceptors if isinstance(one, kind)] for kind in _KINDS)


class UnaryUnaryCallResponse(_base_call.UnaryUnaryCall):
    """A response that an interceptor gave in place of a call."""

    def __init__(self, response):
        self._response = response

    def cancel(self):
        return False

    def cancelled(self):
        return False

    def done(self):
        return True

    def add_done_callback(self, callback):
        callback(self)

    def time_remaining(self):
        return None

    async def initial_metadata(self):
        return None

    async def trailing_metadata(self):
        return None

    async def code(self):
        return StatusCode.OK

    async def details(self):
        return ""

    async def debug_error_string(self):
        return None

    def __await__(self):
        if False:
            yield None
        return self._response

    async def wait_for_connection(self):
        pass


class StreamCallResponseIterator:
    """The responses that an interceptor gave, before the call that they stand for."""

    def __init__(self, call, responses):
        self._call = call
        self._responses = responses
        self._iterator = None

    def __getattr__(self, name):
        return getattr(self._call, name)

    def __aiter__(self):
        if self._iterator is None:
            self._iterator = self._responses.__aiter__()
        return self._iterator

    async def read(self):
        iterator = self.__aiter__()
        try:
            return await iterator.__anext__()
        except StopAsyncIteration:
            return EOF


class InterceptedCall:
    """A call behind interceptors: a task runs them, then the call that they made is asked."""

    _method_name = None

    def __init__(self, interceptors, invoke, details, request, loop):
        self._loop = loop
        self._callbacks = []
        self._call = None
        self._last_call = None
        self._task = loop.create_task(self._run(interceptors, invoke, details, self._requests(request)))
        self._task.add_done_callback(self._made)

    def _requests(self, request):
        return request

    async def _run(self, interceptors, invoke, details, request):
        async def proceed(remaining, details, request):
            if not remaining:
                self._last_call = invoke(details, request)
                return self._last_call
            intercept = getattr(remaining[0], self._method_name)
            result = await intercept(functools.partial(proceed, remaining[1:]), details, request)
            return self._as_call(result)

        return await proceed(list(interceptors), details, request)

    def _as_call(self, result):
        return result if isinstance(result, _base_call.RpcContext) else UnaryUnaryCallResponse(result)

    def _made(self, task):
        """The interceptors have made their call, or failed to."""
        if not task.cancelled() and task.exception() is None:
            self._call = task.result()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self.add_done_callback(callback)

    def __del__(self):
        task = getattr(self, "_task", None)
        if task is not None and not task.done() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(task.cancel)

    async def _made_call(self):
        return await asyncio.shield(self._task)

    def cancel(self):
        if not self._task.done():
            return self._task.cancel()
        return self._call is not None and self._call.cancel()

    def cancelled(self):
        if not self._task.done():
            return False
        if self._task.cancelled():
            return True
        if self._call is not None:
            return self._call.cancelled()
        error = self._task.exception()
        return isinstance(error, _call.AioRpcError) and error.code() is StatusCode.CANCELLED

    def done(self):
        return self._task.done() and (self._call is None or self._call.done())

    def add_done_callback(self, callback):
        if not self._task.done():
            self._callbacks.append(callback)
        elif self._call is None:
            callback(self)
        else:
            self._call.add_done_callback(lambda _: callback(self))

    def time_remaining(self):
        return self._last_call.time_remaining() if self._last_call is not None else None

    async def _ask(self, name, cancelled, of_error):
        try:
            call = await self._made_call()
        except asyncio.CancelledError:
            if not self._task.cancelled():
                raise
            return cancelled
        except _call.AioRpcError as error:
            return of_error(error)
        return await getattr(call, name)()

    async def initial_metadata(self):
        return await self._ask("initial_metadata", None, _call.AioRpcError.initial_metadata)

    async def trailing_metadata(self):
        return await self._ask("trailing_metadata", None, _call.AioRpcError.trailing_metadata)

    async def code(self):
        return await self._ask("code", StatusCode.CANCELLED, _call.AioRpcError.code)

    async def details(self):
        return await self._ask("details", _call._CANCELLED_LOCALLY, _call.AioRpcError.details)

    async def debug_error_string(self):
        return await self._ask("debug_error_string", "", _call.AioRpcError.debug_error_string)

    async def wait_for_connection(self):
        call = await self._made_call()
        return await call.wait_for_connection()


class _InterceptedUnaryResponse(InterceptedCall):
    def __await__(self):
        try:
            call = yield from asyncio.shield(self._task).__await__()
            return (yield from call.__await__())
        except asyncio.CancelledError:
            self.cancel()
            raise


class _InterceptedStreamResponse(InterceptedCall):
    _responses = None

    def _as_call(self, result):
        if isinstance(result, _base_call.RpcContext):
            return result
        return StreamCallResponseIterator(self._last_call, result)

    async def _iterate(self):
        call = await self._made_call()
        async for response in call:
            yield response

    def __aiter__(self):
        if self._responses is None:
            self._responses = self._iterate()
        return self._responses

    async def read(self):
        try:
            return await self.__aiter__().__anext__()
        except StopAsyncIteration:
            return EOF


class _InterceptedStreamRequest(InterceptedCall):
    """Requests written by `write` reach the interceptors as an iterator."""

    _queue = None
    _half_closed = False

    def _requests(self, request_iterator):
        if request_iterator is not None:
            return request_iterator
        self._queue = asyncio.Queue(maxsize=1)
        return self._written()

    async def _written(self):
        while True:
            request = await self._queue.get()
            if request is EOF:
                return
            yield request

    async def _put(self, item):
        """Waits until the item is in the queue, or the call has ended."""
        putting = self._loop.create_task(self._queue.put(item))
        ended = self._loop.create_task(self.code())
        try:
            await asyncio.wait((putting, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
            ended.cancel()

    async def write(self, request):
        if self._queue is None:
            raise UsageError(_call._MIXED_STYLES)
        if self.done():
            raise asyncio.InvalidStateError(_call._FINISHED)
        if self._half_closed:
            raise asyncio.InvalidStateError(_call._HALF_CLOSED)
        if self._queue.full():
            await self._put(request)
        else:
            self._queue.put_nowait(request)
        if self.done():
            call = await self._made_call()
            if await call.code() is not StatusCode.OK:
                raise asyncio.InvalidStateError(_call._FINISHED)

    async def done_writing(self):
        if self._queue is None:
            raise UsageError(_call._MIXED_STYLES)
        if self.done() or self._half_closed:
            return
        self._half_closed = True
        await self._put(EOF)


class InterceptedUnaryUnaryCall(_InterceptedUnaryResponse, _base_call.UnaryUnaryCall):
    """A unary-unary call behind interceptors."""

    _method_name = "intercept_unary_unary"


class InterceptedUnaryStreamCall(_InterceptedStreamResponse, _base_call.UnaryStreamCall):
    """A unary-stream call behind interceptors."""

    _method_name = "intercept_unary_stream"


class InterceptedStreamUnaryCall(_InterceptedStreamRequest, _InterceptedUnaryResponse, _base_call.StreamUnaryCall):
    """A stream-unary call behind interceptors."""

    _method_name = "intercept_stream_unary"


class InterceptedStreamStreamCall(_InterceptedStreamRequest, _InterceptedStreamResponse, _base_call.StreamStreamCall):
    """A stream-stream call behind interceptors."""

    _method_name = "intercept_stream_stream"


