"""Streams, by the interface of what takes their values."""

import abc


class Consumer(abc.ABC):
    """Takes the values of a finite stream, one at a time."""

    @abc.abstractmethod
    def consume(self, value):
        """Takes a value."""
        raise NotImplementedError()

    @abc.abstractmethod
    def terminate(self):
        """Is told that no more values come."""
        raise NotImplementedError()

    @abc.abstractmethod
    def consume_and_terminate(self, value):
        """Takes the last value."""
        raise NotImplementedError()
