"""The synchronous server.

Calls are served in the extension module: a connection's task queues them, a dispatcher thread hands the executor work
items that drain the queue, so that the executor's cost and the change of thread are paid once for a batch of calls.
What is here starts that, finds handlers where interceptors or generic handlers must be asked, and writes the log.
"""

import collections
import functools
import logging
import threading

from carom import _carom
from grpc import _credentials
from grpc import _interfaces
from grpc._utilities import DictionaryGenericHandler, fully_qualified_method

_LOGGER = logging.getLogger(__name__)

#: How many work items may drain the queue of a server whose executor does not say how many workers it has.
_DRAINS_OF_UNKNOWN_EXECUTOR = 64

#: Seconds a server that is dropped without `stop` gives its calls.
_DEALLOCATED_SERVER_GRACE = 1.0

_interfaces.ServicerContext.register(_carom.ServicerContext)


class _State:
    """The state of a call, as tracers of grpcio's servers look at it: `context._state.code`."""

    __slots__ = ("_context",)

    def __init__(self, context):
        self._context = context

    @property
    def code(self):
        """The StatusCode that the handler has set, or None."""
        return self._context.code()

    @property
    def details(self):
        """The details that the handler has set."""
        return self._context.details()

    @property
    def trailing_metadata(self):
        """The trailing metadata that the handler has set."""
        return self._context.trailing_metadata()

    @property
    def client(self):
        """Whether the call goes on, in grpcio's words for it."""
        return "open" if self._context.is_active() else "cancelled"


class _HandlerCallDetails(
    collections.namedtuple("_HandlerCallDetails", ("method", "invocation_metadata")), _interfaces.HandlerCallDetails
):
    """The details of an incoming call as a named tuple."""


def _validate_generic_rpc_handlers(generic_rpc_handlers):
    for handler in generic_rpc_handlers:
        if not hasattr(handler, "service"):
            raise AttributeError(
                f'"{handler}" must conform to grpc.GenericRpcHandler type but does not have "service" method!'
            )


def _interceptor_pipeline(interceptors):
    """`pipeline(find, details)`: `find(details)` behind the interceptors, the first of them first."""
    for interceptor in interceptors:
        if not hasattr(interceptor, "intercept_service"):
            raise ValueError(
                f'"{interceptor}" must conform to grpc.ServerInterceptor interface but does not have '
                '"intercept_service" method!'
            )

    def pipeline(find, details):
        continuation = find
        for interceptor in reversed(interceptors):
            continuation = functools.partial(interceptor.intercept_service, continuation)
        return continuation(details)

    return pipeline


class _Handlers:
    """The handlers of a server: those known by their path, and those that must be asked for each call."""

    def __init__(self, interceptors):
        self.fixed = {}
        self.generic = []
        self._pipeline = _interceptor_pipeline(interceptors) if interceptors else None

    def add_generic(self, handlers):
        _validate_generic_rpc_handlers(handlers)
        for handler in handlers:
            self.generic.append(handler)
            if type(handler) is DictionaryGenericHandler and all(
                type(earlier) is DictionaryGenericHandler for earlier in self.generic
            ):
                for method, behavior in handler._method_handlers.items():
                    self.fixed.setdefault(method, behavior)

    def add_registered(self, service_name, method_handlers):
        for method, handler in method_handlers.items():
            self.fixed[fully_qualified_method(service_name, method)] = handler

    def static(self):
        """The handlers that need not be asked for at each call, by path."""
        return {} if self._pipeline is not None else dict(self.fixed)

    def is_static(self):
        """Whether a path that `static()` does not have is served by nobody."""
        return self._pipeline is None and all(type(handler) is DictionaryGenericHandler for handler in self.generic)

    def _find(self, details):
        handler = self.fixed.get(details.method)
        if handler is not None:
            return handler
        for generic in self.generic:
            handler = generic.service(details)
            if handler is not None:
                return handler
        return None

    def find(self, method, invocation_metadata):
        """The handler of a call, or None. Raises what interceptors and generic handlers raise."""
        details = _HandlerCallDetails(method, invocation_metadata)
        if self._pipeline is not None:
            return self._pipeline(self._find, details)
        return self._find(details)


def _log_exception(message, exception):
    """Writes an exception of the program to the log, as the extension module met it."""
    _LOGGER.error(message, exc_info=(type(exception), exception, exception.__traceback__))


def _bind(core, address, credentials):
    """Listens on an address; see `Server.add_insecure_port`."""
    if isinstance(address, bytes):
        address = address.decode()
    return core.add_port(address, _credentials.split_server(credentials))


def _dispatch(core, submit):
    """The dispatcher thread: waits, without the interpreter's lock, for calls and for the end of the server."""
    while True:
        wanted = core.next_dispatch()
        if wanted is None:
            return
        if type(wanted) is list:
            for callback in wanted:
                try:
                    callback()
                except Exception:
                    _LOGGER.exception("Exception calling a call's callback")
            continue
        for submitted in range(wanted):
            try:
                submit(core.drain)
            except RuntimeError as error:
                core.refuse(wanted - submitted, f"The server's executor takes no more work: {error}")
                break


class _Server(_interfaces.Server):
    """The server that `grpc.server` makes."""

    def __init__(self, thread_pool, generic_handlers, interceptors, options, maximum_concurrent_rpcs, compression, xds):
        self._handlers = _Handlers(tuple(interceptors))
        self._handlers.add_generic(generic_handlers)
        self._thread_pool = thread_pool
        self._core = _carom.SyncServer(
            list(options or ()),
            maximum_concurrent_rpcs,
            compression,
            getattr(thread_pool, "_max_workers", _DRAINS_OF_UNKNOWN_EXECUTOR),
            _log_exception,
        )
        self._lock = threading.Lock()
        self._started = False
        self._terminated = threading.Event()

    def add_generic_rpc_handlers(self, generic_rpc_handlers):
        self._handlers.add_generic(generic_rpc_handlers)
        if self._started:
            self._core.set_handlers(self._handlers.static(), self._handlers.find, self._handlers.is_static())

    def add_registered_method_handlers(self, service_name, method_handlers):
        self._handlers.add_registered(service_name, method_handlers)
        if self._started:
            self._core.set_handlers(self._handlers.static(), self._handlers.find, self._handlers.is_static())

    def add_insecure_port(self, address):
        return _bind(self._core, address, _credentials.insecure_server_credentials())

    def add_secure_port(self, address, server_credentials):
        return _bind(self._core, address, server_credentials)

    def start(self):
        with self._lock:
            if self._started:
                raise ValueError("Cannot start already-started server!")
            self._core.set_handlers(self._handlers.static(), self._handlers.find, self._handlers.is_static())
            self._started = True
        threading.Thread(
            target=self._run, args=(self._core, self._thread_pool.submit, self._terminated), daemon=True
        ).start()

    @staticmethod
    def _run(core, submit, terminated):
        try:
            _dispatch(core, submit)
        finally:
            terminated.set()

    def wait_for_termination(self, timeout=None):
        return not self._terminated.wait(timeout)

    def stop(self, grace):
        with self._lock:
            if not self._started:
                self._core.stop(0.0)
                self._terminated.set()
            else:
                self._core.stop(0.0 if grace is None else max(float(grace), 0.0))
        return self._terminated

    def __del__(self):
        core = getattr(self, "_core", None)
        if core is not None and not self._terminated.is_set():
            core.stop(_DEALLOCATED_SERVER_GRACE if self._started else 0.0)


def create_server(
    thread_pool, generic_rpc_handlers, interceptors, options, maximum_concurrent_rpcs, compression, xds
):
    """A server; see `grpc.server`."""
    return _Server(
        thread_pool, generic_rpc_handlers, interceptors, options, maximum_concurrent_rpcs, compression, xds
    )
