"""Futures: concurrent.futures' interface, with exceptions of its own and access to tracebacks."""

import abc


class TimeoutError(Exception):
    """The computation took longer than the caller would wait."""


class CancelledError(Exception):
    """The computation was cancelled."""


class Future(abc.ABC):
    """A computation that goes on elsewhere."""

    @abc.abstractmethod
    def cancel(self):
        """Cancels the computation if it has not begun. Returns whether it is certain that it never will."""
        raise NotImplementedError()

    @abc.abstractmethod
    def cancelled(self):
        """Whether the computation was cancelled before it had a result."""
        raise NotImplementedError()

    @abc.abstractmethod
    def running(self):
        """Whether the computation goes on or will begin."""
        raise NotImplementedError()

    @abc.abstractmethod
    def done(self):
        """Whether the computation is over, by whatever end."""
        raise NotImplementedError()

    @abc.abstractmethod
    def result(self, timeout=None):
        """Waits for the computation, at most `timeout` seconds, and returns its value.

        Raises:
            TimeoutError: it is not over in time.
            CancelledError: it was cancelled.
            Exception: what the computation raised.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def exception(self, timeout=None):
        """Waits as `result` does, and returns what the computation raised, or None.

        Raises:
            TimeoutError, CancelledError: as `result`.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def traceback(self, timeout=None):
        """Waits as `result` does, and returns the traceback of what the computation raised, or None.

        Raises:
            TimeoutError, CancelledError: as `result`.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def add_done_callback(self, fn):
        """Has `fn(self)` called when the computation is over; at once if it is."""
        raise NotImplementedError()
