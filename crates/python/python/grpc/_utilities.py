"""Handlers made of plain callables, the readiness future, and the version test that generated code asks for."""

import collections
import logging
import threading

from grpc import _interfaces
from grpc._enums import ChannelConnectivity

_LOGGER = logging.getLogger(__name__)


class RpcMethodHandler(
    collections.namedtuple(
        "_RpcMethodHandler",
        (
            "request_streaming",
            "response_streaming",
            "request_deserializer",
            "response_serializer",
            "unary_unary",
            "unary_stream",
            "stream_unary",
            "stream_stream",
        ),
    ),
    _interfaces.RpcMethodHandler,
):
    """A method handler as a named tuple."""


class DictionaryGenericHandler(_interfaces.ServiceRpcHandler):
    """The handlers of one service, found by full method name."""

    def __init__(self, service, method_handlers):
        self._name = service
        self._method_handlers = {
            fully_qualified_method(service, method): handler for method, handler in method_handlers.items()
        }

    def service_name(self):
        return self._name

    def service(self, handler_call_details):
        return self._method_handlers.get(handler_call_details.method)


def fully_qualified_method(group, method):
    """The path of a method: "/group/method"."""
    return f"/{group}/{method}"


class _ChannelReadyFuture(_interfaces.Future):
    """Done once a channel has been READY."""

    def __init__(self, channel):
        self._channel = channel
        self._condition = threading.Condition()
        self._matured = False
        self._cancelled = False
        self._callbacks = []

    def _update(self, connectivity):
        with self._condition:
            if self._cancelled or self._matured or connectivity is not ChannelConnectivity.READY:
                return
            self._matured = True
            self._channel.unsubscribe(self._update)
            self._condition.notify_all()
            callbacks, self._callbacks = self._callbacks, []
        self._run(callbacks)

    def _run(self, callbacks):
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                _LOGGER.exception("Exception calling connectivity future done callback")

    def _wait(self, timeout):
        with self._condition:
            if not self._condition.wait_for(lambda: self._matured or self._cancelled, timeout):
                raise _interfaces.FutureTimeoutError()
            if self._cancelled:
                raise _interfaces.FutureCancelledError()

    def start(self):
        self._channel.subscribe(self._update, try_to_connect=True)

    def cancel(self):
        with self._condition:
            if self._matured:
                return False
            if not self._cancelled:
                self._cancelled = True
                self._channel.unsubscribe(self._update)
                self._condition.notify_all()
            callbacks, self._callbacks = self._callbacks, []
        self._run(callbacks)
        return True

    def cancelled(self):
        with self._condition:
            return self._cancelled

    def running(self):
        with self._condition:
            return not self._cancelled and not self._matured

    def done(self):
        with self._condition:
            return self._cancelled or self._matured

    def result(self, timeout=None):
        self._wait(timeout)

    def exception(self, timeout=None):
        self._wait(timeout)

    def traceback(self, timeout=None):
        self._wait(timeout)

    def add_done_callback(self, fn):
        with self._condition:
            if not self._cancelled and not self._matured:
                self._callbacks.append(fn)
                return
        fn(self)


def channel_ready_future(channel):
    """A Future that is done when the channel is READY."""
    future = _ChannelReadyFuture(channel)
    future.start()
    return future


def first_version_is_lower(version1, version2):
    """Whether the first of two versions, "1.60.1" or "1.60.1.dev0", is the lower one.

    False where the first three parts are not numbers; of two that agree in them the shorter is lower.
    """
    first = version1.split(".")
    second = version2.split(".")
    try:
        left = [int(part) for part in first[:3]]
        right = [int(part) for part in second[:3]]
    except ValueError:
        return False
    if left != right:
        return left < right
    return len(first) < len(second)
