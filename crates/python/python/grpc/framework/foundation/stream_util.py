"""Consumers made of others."""

import collections
import logging
import threading

from grpc.framework.foundation import stream

_LOGGER = logging.getLogger(__name__)


class TransformingConsumer(stream.Consumer):
    """Hands `transformation(value)` on to another consumer."""

    def __init__(self, transformation, downstream):
        self._transformation = transformation
        self._downstream = downstream

    def consume(self, value):
        self._downstream.consume(self._transformation(value))

    def terminate(self):
        self._downstream.terminate()

    def consume_and_terminate(self, value):
        self._downstream.consume_and_terminate(self._transformation(value))


class IterableConsumer(stream.Consumer):
    """Yields the values that it has taken to who iterates over it, waiting for them."""

    def __init__(self):
        self._condition = threading.Condition()
        self._values = collections.deque()
        self._active = True

    def _take(self, values, terminate):
        with self._condition:
            if self._active:
                self._values.extend(values)
                self._active = not terminate
                self._condition.notify_all()

    def consume(self, value):
        self._take((value,), False)

    def terminate(self):
        self._take((), True)

    def consume_and_terminate(self, value):
        self._take((value,), True)

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def next(self):
        """The next value; raises StopIteration after the last."""
        with self._condition:
            self._condition.wait_for(lambda: self._values or not self._active)
            if self._values:
                return self._values.popleft()
            raise StopIteration()


class ThreadSwitchingConsumer(stream.Consumer):
    """Hands values on to another consumer, in their order, in threads of an executor."""

    def __init__(self, sink, pool):
        self._lock = threading.Lock()
        self._sink = sink
        self._pool = pool
        self._calls = collections.deque()
        self._active = True
        self._running = False

    def _hand_on(self, call, last):
        with self._lock:
            if not self._active:
                return
            self._active = not last
            self._calls.append(call)
            if not self._running:
                self._pool.submit(self._run)
                self._running = True

    def _run(self):
        while True:
            with self._lock:
                if not self._calls:
                    self._running = False
                    return
                call = self._calls.popleft()
            try:
                call()
            except Exception as error:
                _LOGGER.exception(error)

    def consume(self, value):
        self._hand_on(lambda: self._sink.consume(value), False)

    def terminate(self):
        self._hand_on(self._sink.terminate, True)

    def consume_and_terminate(self, value):
        self._hand_on(lambda: self._sink.consume_and_terminate(value), True)
