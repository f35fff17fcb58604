"""Calling what may raise."""

import abc
import collections
import enum
import functools
import logging

_LOGGER = logging.getLogger(__name__)


class Outcome(abc.ABC):
    """How a call of a callable ended.

    Attributes:
        kind: a Kind.
        return_value: what was returned, if anything was.
        exception: what was raised, if anything was.
    """

    @enum.unique
    class Kind(enum.Enum):
        """Whether the callable returned or raised."""

        RETURNED = enum.auto()
        RAISED = enum.auto()


class _EasyOutcome(collections.namedtuple("_EasyOutcome", ["kind", "return_value", "exception"]), Outcome):
    """An outcome as a named tuple."""


def call_logging_exceptions(behavior, message, *args, **kwargs):
    """Calls `behavior(*args, **kwargs)` and returns the Outcome; an exception is logged with `message`."""
    try:
        return _EasyOutcome(Outcome.Kind.RETURNED, behavior(*args, **kwargs), None)
    except Exception as error:
        _LOGGER.exception(message)
        return _EasyOutcome(Outcome.Kind.RAISED, None, error)


def with_exceptions_logged(behavior, message):
    """A callable that does for `behavior` what `call_logging_exceptions` does."""

    @functools.wraps(behavior)
    def wrapped_behavior(*args, **kwargs):
        return call_logging_exceptions(behavior, message, *args, **kwargs)

    return wrapped_behavior
