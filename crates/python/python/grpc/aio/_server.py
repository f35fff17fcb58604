"""The aio server.

Calls come to the event loop in batches, by one wake-up for all that arrived; each handler runs as a task of the loop.
Handlers that are no coroutines run in the migration thread pool.
"""

import asyncio
import concurrent.futures
import inspect
import logging
import weakref

from carom import _carom
from grpc import _credentials
from grpc import _interfaces
from grpc._enums import StatusCode
from grpc._server import _bind, _HandlerCallDetails, _Handlers
from grpc.aio import _base_server
from grpc.aio._errors import EOF, AbortError, BaseError, UsageError
from grpc.aio._interceptor import ServerInterceptor
from grpc.aio._loop import completion_queue, running_loop

_LOGGER = logging.getLogger(__name__)

_OK, _CANCELLED, _UNKNOWN, _INTERNAL = (
    code.value[0] for code in (StatusCode.OK, StatusCode.CANCELLED, StatusCode.UNKNOWN, StatusCode.INTERNAL)
)


class _ServicerContext(_base_server.ServicerContext):
    """See the base class. `_core` is the call of the extension module."""

    __slots__ = (
        "_core",
        "_deserialize",
        "_serialize",
        "_code",
        "_details",
        "_trailing_metadata",
        "_aborted",
        "_streaming",
    )

    def __init__(self, core, deserialize, serialize, streaming):
        self._core = core
        self._deserialize = deserialize
        self._serialize = serialize
        self._code = None
        self._details = ""
        self._trailing_metadata = ()
        self._aborted = False
        self._streaming = streaming

    async def read(self):
        message = self._core.read()
        if type(message) is not bytes and message is not None:
            message = await message
        if message is None:
            return EOF
        return message if self._deserialize is None else self._deserialize(message)

    async def write(self, message):
        if self._aborted:
            raise UsageError("Abort already called!")
        if self._core.finished():
            raise UsageError("RPC already finished.")
        payload = message if self._serialize is None else self._serialize(message)
        room = self._core.write(payload)
        if room is not None:
            await room

    async def send_initial_metadata(self, initial_metadata):
        if not self._core.send_initial_metadata(initial_metadata):
            raise UsageError("Send initial metadata failed: already sent")

    async def abort(self, code, details="", trailing_metadata=()):
        if self._core.finished():
            raise UsageError("Abort already called!" if self._aborted else "RPC already finished.")
        self._code = code
        self._details = details
        self._trailing_metadata = trailing_metadata or self._trailing_metadata
        if code is StatusCode.OK:
            # A call that is aborted has failed.
            self._code = StatusCode.UNKNOWN
        self._aborted = True
        self._core.finish(_number(self._code), _text(details), self._trailing_metadata)
        raise AbortError("Locally aborted.")

    async def abort_with_status(self, status):
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata):
        self._trailing_metadata = tuple(trailing_metadata)

    def trailing_metadata(self):
        return self._trailing_metadata

    def invocation_metadata(self):
        return self._core.invocation_metadata()

    def set_code(self, code):
        self._code = code

    def code(self):
        return self._code

    def set_details(self, details):
        self._details = details

    def details(self):
        return self._details

    def set_compression(self, compression):
        if not self._core.set_compression(int(compression)):
            raise BaseError("Compression is not allowed to be set after the initial metadata was sent")

    def disable_next_message_compression(self):
        self._core.disable_next_message_compression()

    def peer(self):
        return self._core.peer()

    def peer_identities(self):
        return self._core.peer_identities()

    def peer_identity_key(self):
        return self._core.peer_identity_key()

    def auth_context(self):
        return self._core.auth_context()

    def time_remaining(self):
        return self._core.time_remaining()

    def add_done_callback(self, callback):
        self._core.add_done_callback(lambda: callback(self))

    def cancelled(self):
        return self._core.cancelled()

    def done(self):
        return self._core.finished() or self._core.cancelled()


class _SyncServicerContext(_interfaces.ServicerContext):
    """The context of a handler that runs in the migration thread pool."""

    def __init__(self, context, loop):
        self._context = context
        self._loop = loop

    def _wait_for(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def send_initial_metadata(self, initial_metadata):
        self._wait_for(self._context.send_initial_metadata(initial_metadata))

    def abort(self, code, details):
        self._wait_for(self._context.abort(code, details))

    def abort_with_status(self, status):
        self._wait_for(self._context.abort_with_status(status))

    def add_callback(self, callback):
        if self._context.done():
            return False
        self._context.add_done_callback(lambda _: callback())
        return True

    def is_active(self):
        return not self._context.done()

    def cancel(self):
        self._context._core.finish(_CANCELLED, "Cancelled by the application", ())

    def set_trailing_metadata(self, trailing_metadata):
        self._context.set_trailing_metadata(trailing_metadata)

    def trailing_metadata(self):
        return self._context.trailing_metadata()

    def invocation_metadata(self):
        return self._context.invocation_metadata()

    def set_code(self, code):
        self._context.set_code(code)

    def code(self):
        return self._context.code()

    def set_details(self, details):
        self._context.set_details(details)

    def details(self):
        return self._context.details()

    def set_compression(self, compression):
        self._context.set_compression(compression)

    def disable_next_message_compression(self):
        self._context.disable_next_message_compression()

    def peer(self):
        return self._context.peer()

    def peer_identities(self):
        return self._context.peer_identities()

    def peer_identity_key(self):
        return self._context.peer_identity_key()

    def auth_context(self):
        return self._context.auth_context()

    def time_remaining(self):
        return self._context.time_remaining()


def _number(code):
    """A status code as the program gave it, as a wire number."""
    if code is None:
        return _OK
    if isinstance(code, StatusCode):
        return code.value[0]
    return code if isinstance(code, int) and 0 <= code <= 16 else _UNKNOWN


def _text(details):
    """Details as the program gave them, as text that UTF-8 has."""
    if isinstance(details, bytes):
        return details.decode("utf-8", "replace")
    return "" if details is None else str(details).encode("utf-8", "backslashreplace").decode()


def _unexpected(error):
    """The details of a call that an exception ended."""
    try:
        return _text(f"Unexpected {type(error)}: {error}")
    except Exception:
        # The exception cannot even be printed.
        return f"Unexpected {type(error)}"


class _Requests:
    """The requests of a stream as an async iterator."""

    __slots__ = ("_core", "_deserialize")

    def __init__(self, core, deserialize):
        self._core = core
        self._deserialize = deserialize

    def __aiter__(self):
        return self

    async def __anext__(self):
        message = self._core.read()
        if type(message) is not bytes and message is not None:
            message = await message
        if message is None:
            raise StopAsyncIteration()
        return message if self._deserialize is None else self._deserialize(message)


def _blocking_requests(core, deserialize, loop):
    """The requests of a stream for a handler in the thread pool."""
    requests = _Requests(core, deserialize)
    while True:
        try:
            yield asyncio.run_coroutine_threadsafe(requests.__anext__(), loop).result()
        except StopAsyncIteration:
            return


class _NoMoreResponses(Exception):
    """Stands for StopIteration, which a future cannot hold."""


def _next_response(responses):
    try:
        return next(responses)
    except StopIteration:
        raise _NoMoreResponses() from None


class _Runner:
    """Runs handlers of a server's calls."""

    def __init__(self, handlers, interceptors, pool, loop):
        self.handlers = handlers
        self.interceptors = interceptors
        self.pool = pool
        self.loop = loop
        self.static = None if interceptors else handlers.static()
        self.complete = not interceptors and handlers.is_static()
        self.tasks = set()

    def on_call(self, core):
        """Takes a call from the completion queue."""
        if self.static is not None:
            handler = self.static.get(core.method())
            if handler is not None:
                self._start(core, self._serve(core, handler))
                return
            if self.complete:
                core.finish(StatusCode.UNIMPLEMENTED.value[0], "Method not found!", ())
                return
        self._start(core, self._find_and_serve(core))

    def _start(self, core, coroutine):
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        core.set_task(task)

    async def _find(self, details):
        return self.handlers._find(details)

    async def _find_and_serve(self, core):
        details = _HandlerCallDetails(core.method(), core.invocation_metadata())
        continuation = self._find
        for interceptor in reversed(self.interceptors):
            continuation = _continuation(interceptor, continuation)
        try:
            handler = await continuation(details)
        except asyncio.CancelledError:
            core.finish(_CANCELLED, "The call was cancelled", ())
            raise
        except Exception as error:
            _LOGGER.exception("Unexpected [%s] raised while finding the handler of [%s]", type(error).__name__, details.method)
            core.finish(_UNKNOWN, _unexpected(error), ())
            return
        except BaseException:
            _answer_at_last(core)
            raise
        if handler is None:
            core.finish(StatusCode.UNIMPLEMENTED.value[0], "Method not found!", ())
            return
        await self._serve(core, handler)

    async def _serve(self, core, handler):
        context = _ServicerContext(
            core, handler.request_deserializer, handler.response_serializer, handler.response_streaming
        )
        try:
            if handler.request_streaming:
                behavior = handler.stream_stream if handler.response_streaming else handler.stream_unary
                if _is_async(behavior):
                    request = _Requests(core, handler.request_deserializer)
                else:
                    request = _blocking_requests(core, handler.request_deserializer, self.loop)
            else:
                behavior = handler.unary_stream if handler.response_streaming else handler.unary_unary
                request = core.request()
                if type(request) is not bytes:
                    request = await request
                    if request is None:
                        core.finish(StatusCode.UNIMPLEMENTED.value[0], "The call has no request message", ())
                        return
                if handler.request_deserializer is not None:
                    try:
                        request = handler.request_deserializer(request)
                    except Exception:
                        _LOGGER.exception("Exception deserializing message!")
                        core.finish(_INTERNAL, "Exception deserializing request!", ())
                        return
            if handler.response_streaming:
                await self._stream(behavior, request, context)
            else:
                await self._unary(behavior, request, context)
        except asyncio.CancelledError:
            if not core.cancelled():
                _finish(core, _CANCELLED, "The handler was cancelled", context._trailing_metadata)
            raise
        except AbortError as error:
            if not context._aborted:
                self._failed(core, context, error)
        except Exception as error:
            self._failed(core, context, error)
        finally:
            if not core.finished():
                _answer_at_last(core)

    async def _unary(self, behavior, request, context):
        if _is_async(behavior):
            response = await behavior(request, context)
        else:
            response = await self.loop.run_in_executor(
                self.pool(), behavior, request, _SyncServicerContext(context, self.loop)
            )
        if context._aborted:
            return
        core = context._core
        if context._code is None or context._code is StatusCode.OK:
            payload = response if context._serialize is None else context._serialize(response)
            core.finish_unary(payload, _text(context._details), context._trailing_metadata)
        else:
            core.finish(_number(context._code), _text(context._details), context._trailing_metadata)

    async def _stream(self, behavior, request, context):
        if inspect.isasyncgenfunction(behavior):
            await self._send_all(behavior(request, context), context)
        elif inspect.iscoroutinefunction(behavior):
            await behavior(request, context)
        elif _is_async(behavior):
            result = behavior(request, context)
            if hasattr(result, "__aiter__"):
                await self._send_all(result, context)
            else:
                await result
        else:
            await self._stream_in_pool(behavior, request, context)
        if not context._aborted:
            context._core.finish(_number(context._code), _text(context._details), context._trailing_metadata)

    async def _send_all(self, responses, context):
        write = context._core.write
        serialize = context._serialize
        async for response in responses:
            if context._aborted:
                raise UsageError("Abort already called!")
            room = write(response if serialize is None else serialize(response))
            if room is not None:
                await room

    async def _stream_in_pool(self, behavior, request, context):
        pool = self.pool()
        sync_context = _SyncServicerContext(context, self.loop)
        responses = iter(await self.loop.run_in_executor(pool, behavior, request, sync_context))
        while not context._aborted:
            try:
                response = await self.loop.run_in_executor(pool, _next_response, responses)
            except _NoMoreResponses:
                return
            await context.write(response)

    def _failed(self, core, context, error):
        """Answers a call whose handler raised; a code that the handler set stays."""
        if core.cancelled():
            _LOGGER.debug("A handler raised %r after its call had ended", error)
            return
        _LOGGER.error(
            "Unexpected [%s] raised by servicer method [%s]",
            type(error).__name__,
            core.method(),
            exc_info=(type(error), error, error.__traceback__),
        )
        code = _number(context._code)
        _finish(core, _UNKNOWN if code == _OK else code, _unexpected(error), context._trailing_metadata)


def _finish(core, code, details, trailing_metadata):
    """Ends a call whose handler failed, whatever metadata it has left."""
    try:
        core.finish(code, details, trailing_metadata)
    except Exception:
        _LOGGER.exception("The trailing metadata of servicer method [%s] cannot be sent", core.method())
        core.finish(_INTERNAL, "Invalid metadata", ())


def _answer_at_last(core):
    """Ends a call whose handler has gone without answering it, so that no client waits in vain."""
    if not core.cancelled():
        _LOGGER.error("Servicer method [%s] ended without an answer", core.method())
        core.finish(_INTERNAL, "The handler ended without an answer", ())


def _continuation(interceptor, inner):
    async def proceed(details):
        return await interceptor.intercept_service(inner, details)

    return proceed


def _is_async(behavior):
    """Whether a behaviour is for the event loop, rather than for the thread pool."""
    if inspect.iscoroutinefunction(behavior) or inspect.isasyncgenfunction(behavior):
        return True
    call = getattr(behavior, "__call__", None)
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


class Server(_base_server.Server):
    """The server that `grpc.aio.server` makes."""

    def __init__(self, thread_pool, generic_handlers, interceptors, options, maximum_concurrent_rpcs, compression):
        self._loop = None
        self._interceptors = tuple(interceptors or ())
        invalid = [one for one in self._interceptors if not isinstance(one, ServerInterceptor)]
        if invalid:
            raise ValueError(f"Interceptor must be ServerInterceptor, the following are invalid: {invalid}")
        self._handlers = _Handlers(())
        self._handlers.add_generic(generic_handlers or ())
        self._pool = thread_pool
        self._core = _carom.AioServer(list(options or ()), maximum_concurrent_rpcs, compression)
        self._runner = None
        self._stopped = None
        self._stopping = False

    def _migration_pool(self):
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        return self._pool

    def add_generic_rpc_handlers(self, generic_rpc_handlers):
        self._handlers.add_generic(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name, method_handlers):
        self._handlers.add_registered(service_name, method_handlers)

    def add_insecure_port(self, address):
        return _bind(self._core, address, _credentials.insecure_server_credentials())

    def add_secure_port(self, address, server_credentials):
        return _bind(self._core, address, server_credentials)

    async def start(self):
        if self._runner is not None:
            if self._stopping:
                raise UsageError("Server not in ready state")
            return
        loop = running_loop()
        self._loop = loop
        self._stopped = loop.create_future()
        # The core must not keep the server, which keeps the core.
        this = weakref.ref(self)
        self._runner = _Runner(self._handlers, self._interceptors, lambda: this()._migration_pool(), loop)
        self._core.start(
            completion_queue(loop),
            self._runner.on_call,
            self._runner.static or {},
            lambda: (server := this()) and server._termination(),
        )

    def _termination(self):
        """The last call has ended, and the library has let go of the listeners."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def stop(self, grace):
        self._stopping = True
        self._core.stop(0.0 if grace is None else max(float(grace), 0.0))
        if self._runner is None:
            return
        await asyncio.shield(self._stopped)
        tasks = [task for task in self._runner.tasks if task is not asyncio.current_task()]
        if tasks:
            await asyncio.wait(tasks)

    async def wait_for_termination(self, timeout=None):
        if self._stopped is None:
            return False
        done, _ = await asyncio.wait((self._stopped,), timeout=timeout)
        return not done

    def __del__(self):
        core = getattr(self, "_core", None)
        if core is not None:
            core.stop(0.0)


def server(
    migration_thread_pool=None,
    handlers=None,
    interceptors=None,
    options=None,
    maximum_concurrent_rpcs=None,
    compression=None,
):
    """A Server for the event loop that it is started in.

    Args:
        migration_thread_pool: where handlers run that are no coroutines; by default a pool of one thread.
        handlers: GenericRpcHandlers.
        interceptors: ServerInterceptors, the first of them first.
        options: (name, value) pairs with grpcio's names.
        maximum_concurrent_rpcs: more calls than this at a time are answered RESOURCE_EXHAUSTED; None for no limit.
        compression: the Compression of responses.
    """
    return Server(migration_thread_pool, handlers, interceptors, options, maximum_concurrent_rpcs, compression)
