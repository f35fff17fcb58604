"""gRPC in programs that run on gevent: waiting for a call lets other greenlets run."""

import os
import threading
import weakref

from carom import _carom


def init_gevent():
    """Makes all waiting of this package give way to other greenlets.

    To be called after `gevent.monkey.patch_all()` and before the first channel or server is made. From then on clients,
    the handlers of servers and callbacks run in greenlets as the rest of the program does. Threads that have no gevent
    hub, such as those of gevent's threadpool, wait as ever. There is no way back, and a second call does nothing.

    Raises:
        ImportError: gevent is not installed.
    """
    import gevent.event  # noqa: F401

    _carom.wait_in_greenlets(_hub_of_thread)


class _Hub:
    """What the greenlets of one gevent hub are woken by: a descriptor that the hub watches."""

    def __init__(self, hub):
        from gevent.event import AsyncResult

        self.queue = _carom.LoopQueue(AsyncResult)
        # Without a reference, so that it alone does not keep a program running.
        self._watcher = hub.loop.io(self.queue.fileno(), 1, ref=False)
        self._watcher.start(self.queue.drain)
        self._waiting = 0

    def wait(self, result, timeout):
        """Lets other greenlets run until an AsyncResult of the queue is there, at most `timeout` seconds."""
        self._waiting += 1
        self._watcher.ref = True
        try:
            result.wait(timeout)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._watcher.ref = False

    def close(self):
        """Stops watching."""
        self._watcher.stop()
        self.queue.close()


_HUBS = weakref.WeakKeyDictionary()


def _hub_of_thread():
    """The _Hub of this thread; None where there are no greenlets."""
    import gevent

    hub = gevent._hub_local.get_hub_if_exists()
    if hub is None:
        # The thread that ends the program may wait before any greenlet was started; others without a hub are real threads.
        if threading.current_thread() is not threading.main_thread():
            return None
        hub = gevent.get_hub()
    known = _HUBS.get(hub)
    if known is None:
        known = _HUBS[hub] = _Hub(hub)
    return known


def _forget_hubs_of_parent():
    # The child of a fork would take wake-ups from its parent: they share the descriptors.
    for hub in list(_HUBS.values()):
        hub.close()
    _HUBS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_hubs_of_parent)
