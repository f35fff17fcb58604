"""Helpers of the beta API."""

import grpc
from grpc.beta import implementations  # noqa: F401
from grpc.beta import interfaces  # noqa: F401
from grpc.framework.foundation import callable_util  # noqa: F401
from grpc.framework.foundation import future


class _ChannelReadyFuture(future.Future):
    """The future of `grpc.channel_ready_future` with the exceptions of this API."""

    def __init__(self, ready):
        self._ready = ready

    def _wait(self, timeout):
        try:
            self._ready.result(timeout)
        except grpc.FutureTimeoutError:
            raise future.TimeoutError() from None
        except grpc.FutureCancelledError:
            raise future.CancelledError() from None

    def cancel(self):
        return self._ready.cancel()

    def cancelled(self):
        return self._ready.cancelled()

    def running(self):
        return self._ready.running()

    def done(self):
        return self._ready.done()

    def result(self, timeout=None):
        self._wait(timeout)

    def exception(self, timeout=None):
        self._wait(timeout)

    def traceback(self, timeout=None):
        self._wait(timeout)

    def add_done_callback(self, fn):
        self._ready.add_done_callback(lambda _: fn(self))


def channel_ready_future(channel):
    """A future.Future that is done when an implementations.Channel is READY."""
    return _ChannelReadyFuture(grpc.channel_ready_future(channel))
