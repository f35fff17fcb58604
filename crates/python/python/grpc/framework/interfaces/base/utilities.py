"""Values of the lower layer as named tuples."""

import collections

from grpc.framework.interfaces.base import base


class _Completion(collections.namedtuple("_Completion", ("terminal_metadata", "code", "message")), base.Completion):
    """A Completion as a named tuple."""


class _Subscription(
    collections.namedtuple(
        "_Subscription", ("kind", "termination_callback", "allowance", "operator", "protocol_receiver")
    ),
    base.Subscription,
):
    """A Subscription as a named tuple."""


def completion(terminal_metadata, code, message):
    """A base.Completion."""
    return _Completion(terminal_metadata, code, message)


def full_subscription(operator, protocol_receiver):
    """A base.Subscription to everything."""
    return _Subscription(base.Subscription.Kind.FULL, None, None, operator, protocol_receiver)
